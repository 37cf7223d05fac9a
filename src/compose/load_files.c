/* The files of a load: on the disk, or fetched to it. */
#include "compose/load_files.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/load_context.h"

static bool on_disk_exists(void *context _unused_, const char *path)
{
    return cunik_file_exists(path);
}

static bool on_disk_is_folder(void *context _unused_, const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int on_disk_read(void *context _unused_, const char *path, size_t limit, char **ret,
                        size_t *ret_size, struct error **err)
{
    return cunik_file_read(path, limit, ret, ret_size, err);
}

static const struct load_files disk = {
    .exists = on_disk_exists,
    .is_folder = on_disk_is_folder,
    .read = on_disk_read,
};

static const struct load_files *files_of(const struct load_context *c)
{
    return c->o->from ? c->o->from : &disk;
}

bool cunik_load_exists(const struct load_context *c, const char *path)
{
    const struct load_files *f = files_of(c);

    return f->exists(f->context, path);
}

bool cunik_load_is_folder(const struct load_context *c, const char *path)
{
    const struct load_files *f = files_of(c);

    return f->is_folder(f->context, path);
}

int cunik_load_file(const struct load_context *c, const char *path, char **ret, size_t *ret_size,
                    struct error **err)
{
    const struct load_files *f = files_of(c);

    return f->read(f->context, path, LOAD_FILE_LIMIT, ret, ret_size, err);
}

bool cunik_load_has_room(struct load_context *c, const struct node *n)
{
    bool too_large = cunik_tree_is_full(c->l->tree);

    if (c->full || (!too_large && c->n_files <= LOAD_FILES_MAX))
        return !c->full;
    c->full = true;
    if (too_large)
        cunik_diagnostics_error(c->d, &n->place, NULL,
                                "the stack grows too large by what its files repeat");
    else
        cunik_diagnostics_error(c->d, &n->place, NULL, "the stack has more than %d files",
                                LOAD_FILES_MAX);
    return false;
}

/* What Docker Compose would fetch: a Git repository or an OCI artifact. */
int cunik_load_refuse_remote(const char *name, struct error **err)
{
    static const char *const starts[] = {"oci://",  "git://",   "git@",       "ssh://",
                                         "http://", "https://", "github.com/"};

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        if (cunik_text_starts(name, starts[i]))
            return cunik_error_set(err, ERROR_INVALID,
                                   "'%s' is a remote resource, and those are not loaded: get it "
                                   "and name the file",
                                   name);
    return 0;
}

int cunik_load_fetch(const struct load_context *c, const char *name, char **ret, struct error **err)
{
    const struct load_remote *remote = c->o->remote;

    *ret = NULL;
    return remote && remote->accepts(remote->context, name)
               ? remote->fetch(remote->context, name, ret, err)
               : 0;
}

/* What cannot be fetched is said, and keeps no name that would be read. */
static void fetch_named(struct load_context *c, struct node *n, const char *path)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *local = NULL;

    if (!n || n->kind != NODE_STRING)
        return;
    if (cunik_load_fetch(c, n->text, &local, &err) < 0)
        cunik_diagnostics_error(c->d, &n->place, path, "%s", err->message);
    else if (local)
        n->text = cunik_tree_text(c->l->tree, local, strlen(local));
}

void cunik_load_fetch_all(struct load_context *c, struct node *root)
{
    const struct node *services = cunik_node_get(root, "services");
    const struct node *include = cunik_node_get(root, "include");

    for (size_t i = 0; c->o->remote && services && i < services->n; i++) {
        const struct node *extends = cunik_node_get(services->items[i], "extends");
        _cleanup_free_ char *path = cunik_asprintf("services.%s.extends", services->items[i]->key);
        fetch_named(c, cunik_node_get(extends, "file"), path);
    }
    for (size_t i = 0; c->o->remote && include && i < include->n; i++) {
        const struct node *paths = cunik_node_get(include->items[i], "path");
        for (size_t k = 0; paths && k < paths->n; k++)
            fetch_named(c, paths->items[k], "include");
    }
}
