#include "engine/access.h"

#include <acl/libacl.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { GROUPS_MOST = 256 };

/* Whether guests are somebody else than we are. */
static bool is_chosen(const struct guest_user *u)
{
    return u && *u->name && u->uid != geteuid();
}

static int do_open(const char *path, int flags)
{
    int fd = open(path, flags);

    return fd < 0 ? -errno : fd;
}

/* By the identity that files are opened with, which is not the one that access() asks for. */
static int do_access(const char *path, int mode)
{
    return syscall(SYS_faccessat2, AT_FDCWD, path, mode, AT_EACCESS) < 0 ? -errno : 0;
}

/* The kernel keeps these for each thread; glibc's own setgroups() would set those of all. */
static int try_as(const struct guest_user *u, int attempt(const char *path, int how),
                  const char *path, int how)
{
    gid_t ours[GROUPS_MOST], theirs[GROUPS_MOST];
    int n_theirs = GROUPS_MOST, n_ours = getgroups(GROUPS_MOST, ours);

    if (n_ours < 0 || getgrouplist(u->name, u->gid, theirs, &n_theirs) < 0)
        return -EOVERFLOW;
    if (syscall(SYS_setgroups, (size_t)n_theirs, theirs) < 0)
        return -errno;
    gid_t gid = (gid_t)setfsgid(u->gid);
    uid_t uid = (uid_t)setfsuid(u->uid);
    int r = attempt(path, how);
    setfsuid(uid);
    setfsgid(gid);
    if (syscall(SYS_setgroups, (size_t)n_ours, ours) < 0 && r >= 0) {
        if (attempt == do_open)
            close(r);
        r = -errno;
    }
    return r;
}

int cunik_access_try(const struct guest_user *u, const char *path, bool write)
{
    if (!is_chosen(u))
        return 0;
    int fd =
        try_as(u, do_open, path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int cunik_access_try_folder(const struct guest_user *u, const char *path, bool write)
{
    return is_chosen(u) ? try_as(u, do_access, path, R_OK | X_OK | (write ? W_OK : 0)) : 0;
}

int cunik_access_own_folder(const struct guest_user *u, const char *path, struct error **err)
{
    int r = cunik_access_try_folder(u, path, true);

    if (r == -EACCES && chown(path, u->uid, u->gid) < 0)
        return cunik_error_errno(err, errno, "giving '%s' to the user '%s'", path, u->name);
    if (r == -EACCES)
        r = cunik_access_try_folder(u, path, true);
    return r < 0 ? cunik_error_errno(err, r, "opening '%s' as the user '%s'", path, u->name) : 0;
}

int cunik_access_own(const struct guest_user *u, const char *path, bool write, struct error **err)
{
    int r = cunik_access_try(u, path, write);

    if (r != -EACCES)
        return r < 0 ? cunik_error_errno(err, r, "opening '%s'", path) : 0;
    if (chown(path, u->uid, u->gid) < 0)
        return cunik_error_errno(err, errno, "giving '%s' to the user '%s'", path, u->name);
    r = cunik_access_try(u, path, write);
    return r < 0 ? cunik_error_errno(err, r, "opening '%s' as the user '%s'", path, u->name) : 0;
}

static void free_acl(acl_t *acl)
{
    if (*acl)
        acl_free(*acl);
}
#define _cleanup_acl_ _cleanup_(free_acl)

/* What the list gave the user before we did, which its author put there: "r", "w" and "x", or "-"
 * for no entry. An attribute that only root sees; the first grant writes it, before the entry. */
static const char mark[] = "trusted.cunik.access";

enum { MARK_SIZE = 8 };

/* What a list holds, as far as it matters here. */
struct entries {
    acl_entry_t ours, mask;
    bool others; /* there are entries for users and groups by name that are not ours */
    bool limits; /* the mask takes something from somebody */
};

static unsigned permissions(acl_entry_t e)
{
    acl_permset_t set;

    if (acl_get_permset(e, &set) < 0)
        return 0;
    return (acl_get_perm(set, ACL_READ) == 1 ? ACL_READ : 0u) |
           (acl_get_perm(set, ACL_WRITE) == 1 ? ACL_WRITE : 0u) |
           (acl_get_perm(set, ACL_EXECUTE) == 1 ? ACL_EXECUTE : 0u);
}

static bool is_of(acl_entry_t user, uid_t uid)
{
    uid_t *named = acl_get_qualifier(user);
    bool same = named && *named == uid;

    acl_free(named);
    return same;
}

static struct entries look(acl_t acl, uid_t uid)
{
    struct entries found = {0};
    unsigned masked = 0; /* all that the mask is there for */
    acl_entry_t e;

    for (int which = ACL_FIRST_ENTRY; acl_get_entry(acl, which, &e) == 1; which = ACL_NEXT_ENTRY) {
        acl_tag_t tag = 0;
        acl_get_tag_type(e, &tag);
        if (tag == ACL_MASK)
            found.mask = e;
        else if (tag == ACL_USER && is_of(e, uid))
            found.ours = e;
        else if (tag == ACL_USER || tag == ACL_GROUP)
            found.others = true;
        if (tag == ACL_USER || tag == ACL_GROUP || tag == ACL_GROUP_OBJ)
            masked |= permissions(e);
    }
    found.limits = found.mask && (masked & ~permissions(found.mask));
    return found;
}

static const struct {
    char letter;
    acl_perm_t permission;
} letters[] = {{'r', ACL_READ}, {'w', ACL_WRITE}, {'x', ACL_EXECUTE}};

static int set_mark(const char *path, acl_entry_t before)
{
    char text[MARK_SIZE] = "-";
    size_t n = 0;

    for (size_t i = 0; before && i < ARRAY_SIZE(letters); i++)
        if (permissions(before) & letters[i].permission)
            text[n++] = letters[i].letter;
    if (setxattr(path, mark, text, before ? n : 1, XATTR_CREATE) == 0 || errno == EEXIST)
        return 0;
    return errno == EPERM || errno == ENOTSUP ? 0 : -errno;
}

/* 1, and what it says; 0 when there is none, though there could be one: the entry is not ours.
 * Where there can be none (in containers, on some file systems) an entry is taken for ours. */
static int get_mark(const char *path, char ret[static MARK_SIZE])
{
    ssize_t n = getxattr(path, mark, ret, MARK_SIZE - 1);

    if (n >= 0) {
        ret[n] = '\0';
        return 1;
    }
    if (errno != ENODATA && errno != ENOTSUP)
        return -errno;
    ret[0] = '-';
    ret[1] = '\0';
    return setxattr(path, mark, "-", 1, XATTR_REPLACE) < 0 && (errno == EPERM || errno == ENOTSUP);
}

static int add_permissions(acl_entry_t e, bool write)
{
    acl_permset_t set;

    if (acl_get_permset(e, &set) < 0 || acl_add_perm(set, ACL_READ) < 0 ||
        (write && acl_add_perm(set, ACL_WRITE) < 0))
        return -errno;
    return 0;
}

/* A mask that keeps something from somebody stays as it is: wider, it would let in others as well.
 */
static int add_entry(acl_t *acl, uid_t uid, bool write)
{
    struct entries found = look(*acl, uid);
    int r = 0;

    if (!found.ours &&
        (acl_create_entry(acl, &found.ours) < 0 || acl_set_tag_type(found.ours, ACL_USER) < 0 ||
         acl_set_qualifier(found.ours, &uid) < 0))
        r = -errno;
    if (r == 0)
        r = add_permissions(found.ours, write);
    if (r == 0 && !found.limits && acl_calc_mask(acl) < 0)
        r = -errno;
    return r;
}

int cunik_access_grant(const struct guest_user *u, const char *path, bool write, struct error **err)
{
    int r = cunik_access_try(u, path, write);

    if (r != -EACCES)
        return r < 0 ? cunik_error_errno(err, r, "'%s'", path) : 0;
    _cleanup_acl_ acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);
    if (!acl)
        return cunik_error_errno(err, errno, "the access control list of '%s'", path);
    r = set_mark(path, look(acl, u->uid).ours);
    if (r == 0)
        r = add_entry(&acl, u->uid, write);
    if (r == 0 && acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0)
        r = -errno;
    if (r == 0)
        r = cunik_access_try(u, path, write);
    if (r == 0)
        return 0;
    cunik_access_revoke(u, path, NULL);
    return cunik_error_set(err, ERROR_PERMISSION,
                           "the user '%s', as whom guests run, may not %s '%s', and an entry in "
                           "its access control list does not help: %s",
                           u->name, write ? "write to" : "read", path,
                           r == -EACCES ? "a folder on the way, or the list's mask, is closed to it"
                                        : strerror(-r));
}

/* The entry as it was before. */
static int put_back(acl_t *acl, acl_entry_t ours, const char *before)
{
    bool limits = look(*acl, ACL_UNDEFINED_ID).limits;
    acl_permset_t set;

    if (acl_get_permset(ours, &set) < 0 || acl_clear_perms(set) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
        if (strchr(before, letters[i].letter) && acl_add_perm(set, letters[i].permission) < 0)
            return -errno;
    return !limits && acl_calc_mask(acl) < 0 ? -errno : 0;
}

static int take_entry(acl_t acl, acl_entry_t ours)
{
    if (acl_delete_entry(acl, ours) < 0)
        return -errno;
    struct entries left = look(acl, ACL_UNDEFINED_ID);
    return !left.others && left.mask && acl_delete_entry(acl, left.mask) < 0 ? -errno : 0;
}

int cunik_access_revoke(const struct guest_user *u, const char *path, struct error **err)
{
    char before[MARK_SIZE];
    int r;

    if (!is_chosen(u) || (r = get_mark(path, before)) == 0 || r == -ENOENT || r == -ENOTDIR)
        return 0;
    _cleanup_acl_ acl_t acl = r < 0 ? NULL : acl_get_file(path, ACL_TYPE_ACCESS);
    if (!acl)
        return errno == ENOENT || errno == ENOTSUP
                   ? 0
                   : cunik_error_errno(err, errno, "the access control list of '%s'", path);
    acl_entry_t ours = look(acl, u->uid).ours;
    r = 0;
    if (ours)
        r = *before == '-' ? take_entry(acl, ours) : put_back(&acl, ours, before);
    if (ours && r == 0 && acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0)
        r = -errno;
    if (r == 0 && removexattr(path, mark) < 0 && errno != ENODATA && errno != ENOTSUP &&
        errno != EPERM && errno != ENOENT)
        r = -errno;
    return r < 0 ? cunik_error_errno(err, r, "the access control list of '%s'", path) : 0;
}
