/* Files of others that guests were let open (access.h), written down before it is done.
 *
 * Each cunik has a record of its own, ROOT/opened/CUNIK, of the files themselves: a link may lead
 * elsewhere by the time the cunik goes. A file is closed again when the last one that has it goes,
 * or has another in its place.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"

enum { RECORD_LIMIT = 1 << 20 };

static const char key[] = "files";

static char *record_of(const struct host_real *h, const char *cunik)
{
    return cunik_asprintf("%s/opened/%s", h->root, cunik);
}

/* *ret_there: whether it has one at all. */
static int read_record(const struct host_real *h, const char *cunik, struct strv *ret,
                       bool *ret_there, struct error **err)
{
    _cleanup_free_ char *path = record_of(h, cunik), *text = NULL;
    _cleanup_json_ json_t *json = NULL;
    _cleanup_error_ struct error *why = NULL;
    size_t size;
    int r = cunik_file_read(path, RECORD_LIMIT, &text, &size, &why);

    *ret_there = r == 0;
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = cunik_json_parse(text, size, path, &json, &why);
    if (r == 0)
        r = cunik_json_get_strv(json, key, ret, &why);
    return cunik_error_pass(err, r, &why);
}

static int write_record(const struct host_real *h, const char *cunik, const struct strv *files,
                        struct error **err)
{
    _cleanup_free_ char *path = record_of(h, cunik);
    _cleanup_json_ json_t *json = json_object();

    cunik_json_set_strv(json, key, files);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);
    return cunik_file_write(path, text, strlen(text), 0600, true, err);
}

static int remove_record(const struct host_real *h, const char *cunik, struct error **err)
{
    _cleanup_free_ char *path = record_of(h, cunik);

    if (unlink(path) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", path);
    return 0;
}

/* What all others have. */
static int read_others(const struct host_real *h, const char *cunik, struct strv *ret,
                       struct error **err)
{
    _cleanup_free_ char *folder = record_of(h, "");
    _cleanup_strv_ struct strv names = {0};
    bool there;
    int r = cunik_folder_list(folder, 0, &names, err);

    for (size_t i = 0; r == 0 && i < names.n; i++)
        if (strcmp(names.items[i], cunik) != 0)
            r = read_record(h, names.items[i], ret, &there, err);
    return r;
}

/* Those of `files` that are neither in `keep` nor anybody else's. */
static int close_files(const struct host_real *h, const char *cunik, const struct strv *files,
                       const struct strv *keep, struct error **err)
{
    const struct guest_user *u = cunik_hypervisor_user(h->hypervisor);
    _cleanup_strv_ struct strv others = {0};
    int r = files->n ? read_others(h, cunik, &others, err) : 0;

    for (size_t i = 0; r == 0 && i < files->n; i++)
        if (!cunik_strv_has(keep, files->items[i]) && !cunik_strv_has(&others, files->items[i]))
            r = cunik_access_revoke(u, files->items[i], err);
    return r;
}

static void add_file(struct strv *files, const char *file)
{
    if (!cunik_strv_has(files, file))
        cunik_strv_add(files, file);
}

/* What is not there any more leads nowhere. */
static void resolve(const struct strv *paths, struct strv *ret)
{
    for (size_t i = 0; i < paths->n; i++) {
        _cleanup_free_ char *file = realpath(paths->items[i], NULL);
        if (file)
            add_file(ret, file);
    }
}

static int replace(const struct host_real *h, const char *cunik, const struct strv *files,
                   struct error **err)
{
    _cleanup_strv_ struct strv before = {0}, all = {0};
    bool there;
    int r = read_record(h, cunik, &before, &there, err);

    if (r < 0 || cunik_strv_equal(&before, files))
        return r;
    /* Until the old ones are closed they are ours as well. */
    cunik_strv_copy(&all, files);
    for (size_t i = 0; i < before.n; i++)
        add_file(&all, before.items[i]);
    r = write_record(h, cunik, &all, err);
    if (r == 0)
        r = close_files(h, cunik, &before, files, err);
    if (r == 0 && all.n > files->n)
        r = write_record(h, cunik, files, err);
    return r;
}

int cunik_host_opened_begin(struct host_real *h, const char *cunik, const struct strv *paths,
                            struct error **err)
{
    _cleanup_strv_ struct strv files = {0};

    resolve(paths, &files);
    pthread_mutex_lock(&h->opened_lock);
    int r = replace(h, cunik, &files, err);
    pthread_mutex_unlock(&h->opened_lock);
    return r;
}

int cunik_host_opened_end(struct host_real *h, const char *cunik, const struct strv *paths,
                          struct error **err)
{
    _cleanup_strv_ struct strv files = {0}, none = {0};
    bool there;

    pthread_mutex_lock(&h->opened_lock);
    int r = read_record(h, cunik, &files, &there, err);
    if (r == 0 && !there)
        resolve(paths, &files);
    if (r == 0)
        r = close_files(h, cunik, &files, &none, err);
    if (r == 0)
        r = remove_record(h, cunik, err);
    pthread_mutex_unlock(&h->opened_lock);
    return r;
}
