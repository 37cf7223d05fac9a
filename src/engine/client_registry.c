/* Images to and from registries. skopeo runs here and not in the engine: so it has the logins of
 * who asks, and tells them how it goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"
#include "base/untar.h"
#include "engine/client_internal.h"

enum { BLOBS_MOST = 512 }; /* each is kept open while it is sent */

/* An image between registry and engine: its whole name, and where it lies meanwhile. */
struct passage {
    struct scratch folder;
    char *name, *layout;
};

static int make_folder(struct scratch *ret, struct error **err)
{
    const char *tmpdir = getenv("TMPDIR"), *where = cunik_text_blank(tmpdir) ? "/var/tmp" : tmpdir;

    /* skopeo takes what is behind a colon for a name. */
    if (strchr(where, ':'))
        return cunik_error_set(err, ERROR_INVALID, "TMPDIR must not have a colon: '%s'", where);
    return cunik_scratch_create(ret, where, "image", err);
}

static int passage_begin(struct passage *p, const char *name, struct error **err)
{
    int r = cunik_image_name(name, &p->name, err);

    if (r == 0)
        r = make_folder(&p->folder, err);
    if (r == 0)
        p->layout = cunik_asprintf("%s/layout", p->folder.path);
    return r;
}

static void passage_done(struct passage *p)
{
    cunik_scratch_remove(&p->folder);
    free(p->name);
    free(p->layout);
}

static int add_blobs(const char *layout, struct tar *to, struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/blobs/sha256", layout);
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(folder, 0, &names, err);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        _cleanup_free_ char *name = cunik_asprintf("blobs/sha256/%s", names.items[i]);
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names.items[i]);
        r = to->n < BLOBS_MOST ? cunik_tar_add_file(to, name, path, err)
                               : cunik_error_set(err, ERROR_INVALID,
                                                 "the image has more than %d blobs", BLOBS_MOST);
    }
    return r;
}

static int send_layout(struct client *c, const char *layout, const char *name, char **ret_digest,
                       struct error **err)
{
    static const char *const files[] = {"oci-layout", "index.json"};
    _cleanup_tar_ struct tar t = {0};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", layout, files[i]);
        r = cunik_tar_add_file(&t, files[i], path, err);
    }
    if (r == 0)
        r = add_blobs(layout, &t, err);
    return r < 0 ? r : cunik_client_tar(c, "/v1/images", name, &t, ret_digest, err);
}

int cunik_client_image_pull(struct client *c, const char *name, const struct image_transfer *t,
                            char **ret_digest, struct error **err)
{
    _cleanup_(passage_done) struct passage p = {0};
    int r = passage_begin(&p, name, err);

    if (r < 0)
        return r;
    r = cunik_image_fetch(p.name, t, p.layout, err);
    if (r == 0)
        r = send_layout(c, p.layout, p.name, ret_digest, err);
    return cunik_error_prefix(err, r, "pulling '%s'", p.name);
}

static int take_apart(void *ctx, const char *data, size_t size, struct error **err)
{
    return cunik_untar_feed(ctx, data, size, err);
}

/* skopeo could take an archive, but gives each file to the owner that it names, which only root
 * may. */
static int receive_layout(struct client *c, const char *name, const char *layout,
                          struct error **err)
{
    struct untar u;

    cunik_untar_init(&u, layout);
    int r = cunik_client_image_get(c, name, take_apart, &u, err);
    if (r == 0)
        r = cunik_untar_end(&u, err);
    cunik_untar_done(&u);
    return r;
}

int cunik_client_image_push(struct client *c, const char *name, const struct image_transfer *t,
                            struct error **err)
{
    _cleanup_(passage_done) struct passage p = {0};
    int r = passage_begin(&p, name, err);

    if (r < 0)
        return r;
    r = receive_layout(c, p.name, p.layout, err);
    if (r == 0)
        r = cunik_image_send(p.layout, p.name, t, err);
    return cunik_error_prefix(err, r, "pushing '%s'", p.name);
}

int cunik_client_image_there(struct client *c, const char *name, bool *ret, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    int r = cunik_client_image(c, name, NULL, &why);

    *ret = r == 0;
    if (r == 0 || why->code == ERROR_NOT_FOUND)
        return 0;
    return cunik_error_pass(err, r, &why);
}

int cunik_client_image_need(struct client *c, const char *name, const char *policy,
                            const struct image_transfer *t, struct error **err)
{
    _cleanup_free_ char *digest = NULL;
    bool there = strcmp(policy, "never") == 0;
    int r = 0;

    if (strcmp(policy, "missing") == 0)
        r = cunik_client_image_there(c, name, &there, err);
    if (r < 0 || there)
        return r;
    fprintf(stderr, "pulling image '%s'\n", name);
    return cunik_client_image_pull(c, name, t, &digest, err);
}
