/* Between the store and the world outside, through skopeo: it knows registries, their logins,
 * mirrors and certificates (containers-registries.conf(5), containers-auth.json(5)). What it brings
 * is put into a layout of its own and checked like anything that comes from outside. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "images/store.h"

static int copy(const char *from, const char *to, const char *option, struct error **err)
{
    _cleanup_strv_ struct strv argv = {0};
    static const char *const words[] = {"skopeo", "copy", "--quiet"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        cunik_strv_add(&argv, words[i]);
    if (option)
        cunik_strv_add(&argv, option);
    cunik_strv_add(&argv, from);
    cunik_strv_add(&argv, to);
    return cunik_process_run(&argv, NULL, err);
}

/* Brings something in, under a name. */
static int bring(const char *root, const char *from, const char *option, const char *name,
                 char **ret_digest, struct error **err)
{
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    int r = cunik_image_work_begin(root, &w, err);

    if (r < 0)
        return r;
    _cleanup_free_ char *layout = cunik_asprintf("%s/layout", w.folder);
    _cleanup_free_ char *to = cunik_asprintf("oci:%s:image", layout);
    r = copy(from, to, option, err);
    return r < 0 ? r : cunik_image_adopt(root, layout, name, ret_digest, err);
}

/* The image as skopeo names it in the store; there, it has its name. */
static int stored(const char *root, const char *name, char **ret, struct error **err)
{
    _cleanup_image_ struct image image = {0};
    _cleanup_free_ char *full = NULL;
    int r;

    if ((r = cunik_image_name(name, &full, err)) < 0 ||
        (r = cunik_image_find(root, full, &image, err)) < 0)
        return r;
    *ret = cunik_asprintf("oci:%s/store:%s", root, full);
    return 0;
}

int cunik_image_pull(const char *root, const char *name, const struct image_transfer *t,
                     char **ret_digest, struct error **err)
{
    _cleanup_free_ char *full = NULL, *from = NULL;
    int r = cunik_image_name(name, &full, err);

    if (r < 0)
        return r;
    from = cunik_asprintf("docker://%s", full);
    r = bring(root, from, t->insecure ? "--src-tls-verify=false" : NULL, full, ret_digest, err);
    return cunik_error_prefix(err, r, "pulling '%s'", full);
}

int cunik_image_push(const char *root, const char *name, const struct image_transfer *t,
                     struct error **err)
{
    _cleanup_free_ char *full = NULL, *from = NULL, *to = NULL;
    int r;

    if ((r = cunik_image_name(name, &full, err)) < 0 || (r = stored(root, name, &from, err)) < 0)
        return r;
    to = cunik_asprintf("docker://%s", full);
    r = copy(from, to, t->insecure ? "--dest-tls-verify=false" : NULL, err);
    return cunik_error_prefix(err, r, "pushing '%s'", full);
}

int cunik_image_save(const char *root, const char *name, const char *file, struct error **err)
{
    _cleanup_free_ char *full = NULL, *from = NULL, *to = NULL;
    int r;

    if ((r = cunik_image_name(name, &full, err)) < 0 || (r = stored(root, name, &from, err)) < 0)
        return r;
    if (strchr(file, ':'))
        return cunik_error_set(err, ERROR_INVALID, "the name '%s' must not have a colon", file);
    to = cunik_asprintf("oci-archive:%s:%s", file, full);
    return cunik_error_prefix(err, copy(from, to, NULL, err), "saving '%s'", full);
}

int cunik_image_load(const char *root, const char *file, const char *name, char **ret_digest,
                     struct error **err)
{
    _cleanup_free_ char *from = cunik_asprintf("oci-archive:%s", file), *full = NULL;
    int r = cunik_image_name(name, &full, err);

    if (r == 0 && strchr(file, ':'))
        r = cunik_error_set(err, ERROR_INVALID, "the name '%s' must not have a colon", file);
    if (r == 0)
        r = bring(root, from, NULL, full, ret_digest, err);
    return cunik_error_prefix(err, r, "loading '%s'", file);
}
