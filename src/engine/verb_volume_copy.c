/* volume export and import: what a volume holds, as a file. Disks travel as raw images, folders as
 * tar archives; only what no running cunik has can be copied. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/process.h"
#include "engine/verb.h"
#include "engine/volume.h"

struct target {
    char *path, *format;
    int64_t size;
    int lock; /* while it is held no guest begins to use the volume */
};

static void target_done(struct target *t)
{
    free(t->path);
    free(t->format);
    cunik_closep(&t->lock);
}

/* A guest that writes meanwhile would make a copy of no moment at all. */
static int check_idle(const struct world *w, const char *name, struct error **err)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        for (size_t k = 0; k < w->cuniks[i].n_mounts; k++) {
            const struct world_mount *m = &w->cuniks[i].mounts[k];
            if (cunik_state_is_active(w->cuniks[i].status.state) && m->kind == MOUNT_VOLUME &&
                strcmp(m->source, name) == 0)
                return cunik_error_set(err, ERROR_CONFLICT,
                                       "the volume '%s' is used by '%s', which runs; stop it first",
                                       name, w->cuniks[i].name);
        }
    return 0;
}

static int read_target(const json_t *volume, struct target *ret, struct error **err)
{
    const char *damage = json_string_value(json_object_get(volume, "damage"));
    int r;

    if (damage)
        return cunik_error_set(err, ERROR_FAILED, "the volume is damaged: %s", damage);
    if ((r = cunik_json_get_string(volume, "path", &ret->path, err)) < 0 ||
        (r = cunik_json_get_string(volume, "format", &ret->format, err)) < 0 ||
        (r = cunik_json_get_int(volume, "size", &ret->size, err)) < 0)
        return r;
    _cleanup_free_ char *folder = cunik_path_folder(ret->path);
    return cunik_volume_seize(folder, &ret->lock, err);
}

/* First the lock, then the look: who starts a guest holds the lock until it is seen to run. */
static int find(const struct arguments *a, const char *name, struct target *ret, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_world_ struct world w = {0};
    _cleanup_json_ json_t *list = NULL;
    json_t *volume;
    size_t i;
    int r;

    if ((r = cunik_verb_reach(a, &client, err)) < 0 ||
        (r = cunik_client_volumes(client, &list, err)) < 0)
        return r;
    json_array_foreach (list, i, volume) {
        const char *found = json_string_value(json_object_get(volume, "name"));
        if (!found || strcmp(found, name) != 0)
            continue;
        r = read_target(volume, ret, err);
        if (r == 0)
            r = cunik_client_world(client, "", &w, err);
        return r < 0 ? r : check_idle(&w, name, err);
    }
    return cunik_error_set(err, ERROR_NOT_FOUND, "no such volume: %s", name);
}

static bool is_folder(const struct target *t)
{
    return strcmp(t->format, "directory") == 0;
}

static int run(struct strv *argv, struct error **err)
{
    int r = cunik_process_run(argv, NULL, err);

    cunik_strv_done(argv);
    return r;
}

/* As tools take it for a file, whatever is in it: "nbd:x" and "host:x" would be elsewhere. */
static char *plain_path(const char *file)
{
    return *file == '/' ? cunik_strdup(file) : cunik_asprintf("./%s", file);
}

static void add_words(struct strv *argv, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cunik_strv_add(argv, words[i]);
}

int cunik_verb_volume_export(void *context _unused_, const struct arguments *a,
                             int *ret_status _unused_, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_free_ char *file = plain_path(names->n > 1 ? names->items[1] : "/dev/stdout");
    _cleanup_(target_done) struct target t = {.lock = -1};
    struct strv argv = {0};
    int r = find(a, names->items[0], &t, err);

    if (r < 0)
        return r;
    if (names->n < 2 && isatty(STDOUT_FILENO))
        return cunik_error_set(err, ERROR_INVALID,
                               "a terminal is no place for a disk image: give a FILE");
    if (names->n < 2 && strcmp(t.format, "qcow2") == 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "a qcow2 disk cannot be written to a pipe: give a FILE");
    if (is_folder(&t))
        add_words(&argv,
                  (const char *const[]){"tar", "-C", t.path, "--numeric-owner", "--xattrs", "-cf",
                                        file, "."},
                  8);
    else if (names->n > 1)
        add_words(&argv,
                  (const char *const[]){"qemu-img", "convert", "-q", "-f", t.format, "-O", "raw",
                                        t.path, file},
                  9);
    else
        add_words(&argv, (const char *const[]){"cat", t.path}, 2);
    return names->n < 2 ? cunik_process_show(&argv, err) : run(&argv, err);
}

/* Beside what it replaces, and renamed when it is whole. */
static int import_disk(const struct target *t, const char *file, struct error **err)
{
    _cleanup_free_ char *temporary = cunik_asprintf("%s.new", t->path);
    _cleanup_free_ char *size = cunik_asprintf("%lld", (long long)t->size);
    struct stat old, st;

    /* What an export that failed left, and would leave nothing of the volume. */
    if (stat(file, &st) < 0)
        return cunik_error_errno(err, errno, "'%s'", file);
    if (!S_ISBLK(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_size == 0))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no disk image: it is %s", file,
                               S_ISREG(st.st_mode) ? "empty" : "no file");
    /* What the file is, is not asked of its first bytes: a guest may have written those. */
    int r = PROCESS_RUN(err, "qemu-img", "convert", "-q", "-f", "raw", "-O", t->format, file,
                        temporary);

    if (r == 0 && strcmp(t->format, "raw") == 0 && stat(temporary, &st) == 0 &&
        st.st_size < t->size)
        r = PROCESS_RUN(err, "qemu-img", "resize", "-q", "-f", t->format, temporary, size);
    if (r == 0 && (stat(t->path, &old) < 0 || chmod(temporary, old.st_mode & 0777) < 0 ||
                   rename(temporary, t->path) < 0))
        r = cunik_error_errno(err, errno, "replacing '%s'", t->path);
    if (r < 0)
        unlink(temporary);
    return r;
}

static int import_folder(const struct target *t, const char *file, struct error **err)
{
    _cleanup_free_ char *temporary = cunik_asprintf("%s.new", t->path);
    int r;

    if ((r = cunik_file_remove_tree(temporary, err)) < 0 ||
        (r = cunik_file_make_folders(temporary, 0777, err)) < 0)
        return r;
    r = PROCESS_RUN(err, "tar", "-C", temporary, "--numeric-owner", "--xattrs", "-xpf", file);
    /* In one step: whatever happens, one of the two is there. */
    if (r == 0 && renameat2(AT_FDCWD, temporary, AT_FDCWD, t->path, RENAME_EXCHANGE) < 0)
        r = cunik_error_errno(err, errno, "replacing '%s'", t->path);
    if (r < 0) {
        cunik_file_remove_tree(temporary, NULL);
        return r;
    }
    return cunik_file_remove_tree(temporary, err);
}

int cunik_verb_volume_import(void *context _unused_, const struct arguments *a,
                             int *ret_status _unused_, struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_free_ char *file = plain_path(words->items[1]);
    _cleanup_(target_done) struct target t = {.lock = -1};
    int r = find(a, words->items[0], &t, err);

    if (r < 0)
        return r;
    if (access(file, R_OK) < 0)
        return cunik_error_errno(err, errno, "'%s'", words->items[1]);
    return is_folder(&t) ? import_folder(&t, file, err) : import_disk(&t, file, err);
}
