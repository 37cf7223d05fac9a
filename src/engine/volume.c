#include "engine/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/record.h"

enum { MANIFEST_LIMIT = 1 << 20 };

void cunik_volume_done(struct volume *v)
{
    cunik_world_volume_done(&v->what);
    free(v->path);
    free(v->damage);
    *v = (struct volume){0};
}

static char *folder_of(const char *root, const char *name)
{
    return cunik_asprintf("%s/volumes/%s", root, name);
}

/* The lock of the store; folders with dots in front are nobody's once it is held. */
static int lock_store(const char *root, int *ret_fd, struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/volumes", root);
    _cleanup_free_ char *path = cunik_asprintf("%s/.lock", folder);
    int r = cunik_file_make_folders(folder, 0711, err);

    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return cunik_error_errno(err, errno, "locking '%s'", path);
    _cleanup_strv_ struct strv names = {0};
    r = cunik_folder_list(folder, FOLDER_DOTTED, &names, err);
    for (size_t i = 0; i < names.n && r == 0; i++) {
        _cleanup_free_ char *left = cunik_asprintf("%s/%s", folder, names.items[i]);
        if (cunik_text_starts(names.items[i], ".new-") ||
            cunik_text_starts(names.items[i], ".old-"))
            r = cunik_file_remove_tree(left, err);
    }
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

static char *data_path(const char *folder, const struct world_volume *v)
{
    if (strcmp(v->format, "directory") == 0)
        return cunik_asprintf("%s/data", folder);
    return cunik_asprintf("%s/disk.%s", folder, v->format);
}

int cunik_volume_read(const char *root, const char *name, struct volume *ret, struct error **err)
{
    _cleanup_free_ char *folder = folder_of(root, name), *text = NULL;
    _cleanup_free_ char *manifest = cunik_asprintf("%s/volume.json", folder);
    _cleanup_json_ json_t *json = NULL;
    _cleanup_volume_ struct volume v = {0};
    size_t size;
    int r;

    if (!cunik_record_text_ok(TEXT_NAME, name, strlen(name), NULL) || access(manifest, F_OK) < 0)
        return cunik_error_set(err, ERROR_NOT_FOUND, "no such volume: %s", name);
    if ((r = cunik_file_read(manifest, MANIFEST_LIMIT, &text, &size, err)) < 0 ||
        (r = cunik_json_parse(text, size, manifest, &json, err)) < 0 ||
        (r = cunik_json_get_int(json, "created_ms", &v.created_ms, err)) < 0)
        return r;
    json_object_del(json, "created_ms");
    if ((r = cunik_world_volume_from_json(json, &v.what, err)) < 0 ||
        (r = cunik_volume_check(&v.what, err)) < 0)
        return cunik_error_prefix(err, r, "'%s'", manifest);
    v.path = data_path(folder, &v.what);
    *ret = v;
    v = (struct volume){0};
    return 0;
}

/* What has been written under a folder is on the disk when this returns 0. */
static int sync_folder(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || syncfs(fd) < 0 ? -errno : 0;
}

static int write_manifest(const char *folder, const struct volume *v, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/volume.json", folder);
    _cleanup_json_ json_t *json = cunik_world_volume_to_json(&v->what);

    cunik_json_set_int(json, "created_ms", v->created_ms);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(2));
    return cunik_file_write(path, text, strlen(text), 0600, true, err);
}

static int make_content(const char *folder, const struct volume *v, struct error **err)
{
    _cleanup_free_ char *path = data_path(folder, &v->what);

    if (strcmp(v->what.format, "directory") == 0)
        return cunik_file_make_folders(path, 0777, err);
    return cunik_volume_make_disk(path, v->what.format, v->what.filesystem, v->what.size, err);
}

/* Under the lock. */
static int make(const char *root, struct volume *v, struct error **err)
{
    _cleanup_free_ char *volumes = cunik_asprintf("%s/volumes", root);
    _cleanup_free_ char *temporary = cunik_asprintf("%s/.new-%s", volumes, v->what.name);
    _cleanup_free_ char *folder = folder_of(root, v->what.name);
    int r;

    if ((r = cunik_file_make_folders(temporary, 0711, err)) < 0)
        return r;
    if ((r = make_content(temporary, v, err)) == 0 &&
        (r = write_manifest(temporary, v, err)) == 0 &&
        ((r = sync_folder(temporary)) < 0 || (r = rename(temporary, folder) < 0 ? -errno : 0) < 0 ||
         (r = sync_folder(volumes)) < 0))
        cunik_error_errno(err, r, "making '%s'", folder);
    if (r < 0)
        cunik_file_remove_tree(temporary, NULL);
    else
        v->path = data_path(folder, &v->what);
    return r;
}

static void fill(struct world_volume *v, const char *filesystem)
{
    bool folder = strcmp(v->format, "directory") == 0;

    if (!*v->format)
        cunik_replace(&v->format, "raw");
    if (!*v->filesystem && !folder)
        cunik_replace(&v->filesystem, filesystem);
    if (!v->size && !folder)
        v->size = VOLUME_SIZE;
}

static int ensure(const char *root, const struct world_volume *wanted, const char *filesystem,
                  bool must_be_new, struct volume *ret, struct error **err)
{
    _cleanup_volume_ struct volume v = {.created_ms = cunik_clock_real.wall_ms(NULL)};
    _cleanup_close_ int lock = -1;
    struct error *missing = NULL;
    int r;

    if ((r = cunik_volume_check(wanted, err)) < 0 || (r = lock_store(root, &lock, err)) < 0)
        return r;
    r = cunik_volume_read(root, wanted->name, ret, &missing);
    if (r < 0 && missing->code == ERROR_NOT_FOUND && !wanted->external) {
        cunik_error_destroy(missing);
        cunik_world_volume_copy(&v.what, wanted);
        fill(&v.what, filesystem);
        r = make(root, &v, err);
        if (r == 0) {
            *ret = v;
            v = (struct volume){0};
        }
        return cunik_error_prefix(err, r, "volume '%s'", wanted->name);
    }
    if (r == 0 && must_be_new) {
        cunik_volume_done(ret);
        return cunik_error_set(err, ERROR_CONFLICT, "there is a volume '%s' already", wanted->name);
    }
    return cunik_error_pass(err, r, &missing);
}

int cunik_volume_ensure(const char *root, const struct world_volume *v, const char *filesystem,
                        struct volume *ret, struct error **err)
{
    return ensure(root, v, filesystem, false, ret, err);
}

int cunik_volume_create(const char *root, const struct world_volume *v, const char *filesystem,
                        struct volume *ret, struct error **err)
{
    return ensure(root, v, filesystem, true, ret, err);
}

static struct volume damaged(const char *root, const char *name, const char *why)
{
    struct volume v = {.path = folder_of(root, name), .damage = cunik_strdup(why)};

    v.what.name = cunik_strdup(name);
    return v;
}

int cunik_volume_list(const char *root, struct volume **ret, size_t *ret_n, struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/volumes", root);
    _cleanup_strv_ struct strv names = {0};
    struct volume *list = NULL;
    size_t n = 0;
    int r = cunik_folder_list(folder, FOLDER_MAYBE, &names, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_error_ struct error *why = NULL;
        struct volume v;
        if (cunik_volume_read(root, names.items[i], &v, &why) == 0)
            *ARRAY_APPEND(list, n) = v;
        else if (why->code != ERROR_NOT_FOUND) /* else it was just removed */
            *ARRAY_APPEND(list, n) = damaged(root, names.items[i], why->message);
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

int cunik_volume_remove(const char *root, const char *name, struct error **err)
{
    _cleanup_free_ char *folder = folder_of(root, name);
    _cleanup_free_ char *doomed = cunik_asprintf("%s/volumes/.old-%s", root, name);
    _cleanup_volume_ struct volume v = {0};
    _cleanup_close_ int lock = -1, shared = -1;
    _cleanup_error_ struct error *why = NULL;
    int r = lock_store(root, &lock, err);

    if (r < 0)
        return r;
    r = cunik_volume_read(root, name, &v, &why);
    if (r < 0 && why->code == ERROR_NOT_FOUND)
        return cunik_error_pass(err, r, &why);
    if ((r = cunik_volume_share(root, name, &shared, err)) < 0)
        return r;
    if (rename(folder, doomed) < 0)
        return cunik_error_errno(err, errno, "removing '%s'", folder);
    return cunik_file_remove_tree(doomed, err);
}

json_t *cunik_volume_to_json(const struct volume *v)
{
    struct stat st;

    if (v->damage)
        return json_pack("{s:s, s:s, s:s}", "name", v->what.name, "path", v->path, "damage",
                         v->damage);
    json_t *json = cunik_world_volume_to_json(&v->what);

    cunik_json_set_int(json, "created_ms", v->created_ms);
    cunik_json_set_string(json, "path", v->path);
    if (stat(v->path, &st) == 0 && S_ISREG(st.st_mode))
        cunik_json_set_int(json, "used", st.st_blocks * INT64_C(512));
    return json;
}
