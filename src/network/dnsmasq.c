#include "network/dnsmasq.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "network/daemon.h"
#include "network/dnsmasq_files.h"

static const char program_name[] = "dnsmasq";

/* One folder's dnsmasq is started, ended or told of a lease by one thread at a time. */
static pthread_mutex_t locks[] = {[0 ... 15] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *lock_of(const char *folder)
{
    unsigned hash = 5381;

    for (; *folder; folder++)
        hash = hash * 33 + (unsigned char)*folder;
    return &locks[hash % ARRAY_SIZE(locks)];
}

int cunik_dnsmasq_find(char **ret, struct error **err)
{
    const char *path = getenv("PATH");
    _cleanup_strv_ struct strv folders = {0};

    if (path)
        cunik_strv_split(&folders, path, ":");
    /* A user's PATH has no sbin. */
    cunik_strv_split(&folders, "/usr/local/sbin:/usr/sbin:/sbin", ":");
    for (size_t i = 0; i < folders.n; i++) {
        _cleanup_free_ char *file = cunik_asprintf("%s/%s", folders.items[i], program_name);
        if (*file == '/' && access(file, X_OK) == 0) {
            *ret = TAKE_PTR(file);
            return 0;
        }
    }
    return cunik_error_set(err, ERROR_NOT_FOUND,
                           "there is no dnsmasq, which serves names to guests (Debian's package "
                           "dnsmasq-base)");
}

static char *pid_file_of(const char *folder)
{
    return cunik_asprintf("%s/pid", folder);
}

static char *pid_argument_of(const char *folder)
{
    return cunik_asprintf("--pid-file=%s/pid", folder);
}

/* Whether any user can get at a folder; dnsmasq's own has no rights of its own there. */
static bool is_reachable(const char *folder)
{
    _cleanup_free_ char *path = cunik_strdup(folder);
    struct stat st;

    for (;;) {
        if (stat(*path ? path : "/", &st) < 0 || !(st.st_mode & S_IXOTH))
            return false;
        if (!*path)
            return true;
        *strrchr(path, '/') = '\0';
    }
}

/* In a namespace of one user there is no other to become, and trying to is fatal. */
static enum dnsmasq_user whose_rights(const char *folder)
{
    if (cunik_process_keeps_groups())
        return DNSMASQ_AS_IT_IS;
    return is_reachable(folder) ? DNSMASQ_AS_ITS_OWN : DNSMASQ_AS_ROOT;
}

static int make_folder(const char *folder, struct error **err)
{
    static const char *const parts[] = {"", "/hosts", "/dhcp"};

    /* Whatever the umask: dnsmasq's user reads them. */
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s%s", folder, parts[i]);
        int r = cunik_file_make_folders(path, 0755, err);
        if (r < 0)
            return r;
        if (chmod(path, 0755) < 0)
            return cunik_error_errno(err, errno, "opening '%s' to dnsmasq", path);
    }
    return 0;
}

static int start(const struct dnsmasq_settings *s, struct error **err)
{
    _cleanup_strv_ struct strv wanted = {0}, found = {0};
    _cleanup_free_ char *program = NULL, *pid_file = pid_file_of(s->folder);
    _cleanup_free_ char *pid_argument = pid_argument_of(s->folder);
    int r;

    if ((r = cunik_dnsmasq_find(&program, err)) < 0 || (r = make_folder(s->folder, err)) < 0)
        return r;
    cunik_dnsmasq_arguments(s, program, whose_rights(s->folder), &wanted);
    if (cunik_daemon_find(pid_file, pid_argument, &found) && cunik_strv_equal(&wanted, &found))
        return 0;
    if ((r = cunik_daemon_stop(pid_file, pid_argument, program_name, err)) < 0)
        return r;
    return cunik_daemon_start(&wanted, pid_file, err);
}

int cunik_dnsmasq_start(const struct dnsmasq_settings *s, struct error **err)
{
    pthread_mutex_lock(lock_of(s->folder));
    int r = start(s, err);
    pthread_mutex_unlock(lock_of(s->folder));

    return r < 0 ? cunik_error_prefix(err, r, "serving names for network '%s'", s->domain) : 0;
}

int cunik_dnsmasq_stop(const char *folder, struct error **err)
{
    _cleanup_free_ char *pid_file = pid_file_of(folder), *pid_argument = pid_argument_of(folder);

    pthread_mutex_lock(lock_of(folder));
    int r = cunik_daemon_stop(pid_file, pid_argument, program_name, err);
    if (r == 0)
        r = cunik_file_remove_tree(folder, err);
    pthread_mutex_unlock(lock_of(folder));
    return r;
}

pid_t cunik_dnsmasq_runs(const char *folder)
{
    _cleanup_free_ char *pid_file = pid_file_of(folder), *pid_argument = pid_argument_of(folder);

    return cunik_daemon_find(pid_file, pid_argument, NULL);
}

/* Ends it, has `mac` forgotten unless that is NULL, and starts it with the arguments it had. */
static int restart(const char *folder, const char *mac, struct error **err)
{
    _cleanup_free_ char *pid_file = pid_file_of(folder), *pid_argument = pid_argument_of(folder);
    _cleanup_strv_ struct strv arguments = {0};
    bool runs = cunik_daemon_find(pid_file, pid_argument, &arguments) != 0;
    int r = 0;

    if (runs)
        r = cunik_daemon_stop(pid_file, pid_argument, program_name, err);
    if (r == 0 && mac)
        r = cunik_dnsmasq_forget(folder, mac, err);
    return r == 0 && runs ? cunik_daemon_start(&arguments, pid_file, err) : r;
}

static int end_lease(const char *folder, const char *mac, struct error **err)
{
    return cunik_dnsmasq_leased(folder, mac) ? restart(folder, mac, err) : 0;
}

int cunik_dnsmasq_restart(const char *folder, struct error **err)
{
    pthread_mutex_lock(lock_of(folder));
    int r = restart(folder, NULL, err);
    pthread_mutex_unlock(lock_of(folder));
    return r;
}

int cunik_dnsmasq_prepare(const char *folder, struct error **err)
{
    return make_folder(folder, err);
}

/* dnsmasq passes over files whose names look like an editor's; a slash would leave the folder. */
static int check_file(const char *cunik, struct error **err)
{
    if (!*cunik || strchr(cunik, '/') || *cunik == '.' || *cunik == '#' ||
        cunik_text_ends(cunik, "~"))
        return cunik_error_set(err, ERROR_INVALID, "'%s' cannot be the name of a cunik", cunik);
    return 0;
}

/* Written outside the folder that dnsmasq watches: it would serve the temporary file as well. */
static int put(const char *folder, const char *part, const char *cunik, const char *text,
               struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/%s/%s", folder, part, cunik);
    _cleanup_free_ char *staged = cunik_asprintf("%s/new-%s-%s", folder, part, cunik);
    int r = cunik_file_write(staged, text, strlen(text), 0644, false, err);

    if (r == 0 && rename(staged, file) < 0)
        return cunik_error_errno(err, errno, "renaming '%s' to '%s'", staged, file);
    return r;
}

static int add(const char *folder, const char *cunik, const struct dnsmasq_host *host,
               struct error **err)
{
    _cleanup_free_ char *text = cunik_dnsmasq_hosts_text(host);
    _cleanup_free_ char *lease = host->mac ? cunik_dnsmasq_lease_text(host) : NULL;
    _cleanup_free_ char *old = cunik_dnsmasq_lease_of(folder, cunik);
    int r = make_folder(folder, err);

    if (r == 0)
        r = put(folder, "hosts", cunik, text, err);
    if (r < 0 || !lease || (old && strcmp(old, lease) == 0))
        return r;
    r = put(folder, "dhcp", cunik, lease, err);
    if (r == 0 && old) {
        _cleanup_free_ char *mac = cunik_strndup(old, strcspn(old, ","));
        r = end_lease(folder, mac, err);
    }
    return r;
}

int cunik_dnsmasq_add(const char *folder, const char *cunik, const struct dnsmasq_host *host,
                      struct error **err)
{
    int r = check_file(cunik, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(lock_of(folder));
    r = add(folder, cunik, host, err);
    pthread_mutex_unlock(lock_of(folder));
    return r;
}

static int take_away(const char *folder, const char *part, const char *cunik, struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/%s/%s", folder, part, cunik);

    if (unlink(file) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", file);
    return 0;
}

int cunik_dnsmasq_hide(const char *folder, const char *cunik, struct error **err)
{
    int r = check_file(cunik, err);

    return r < 0 ? r : take_away(folder, "hosts", cunik, err);
}

static int remove_all(const char *folder, const char *cunik, struct error **err)
{
    _cleanup_free_ char *lease = cunik_dnsmasq_lease_of(folder, cunik);
    int r = take_away(folder, "hosts", cunik, err);

    if (r < 0 || !lease || (r = take_away(folder, "dhcp", cunik, err)) < 0)
        return r;
    _cleanup_free_ char *mac = cunik_strndup(lease, strcspn(lease, ","));
    return end_lease(folder, mac, err);
}

int cunik_dnsmasq_remove(const char *folder, const char *cunik, struct error **err)
{
    int r = check_file(cunik, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(lock_of(folder));
    r = remove_all(folder, cunik, err);
    pthread_mutex_unlock(lock_of(folder));
    return r;
}
