#include "compose/cunikfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/backend.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/yaml.h"

enum { FILE_LIMIT = 1 << 20 };

struct reader {
    struct cunikfile *f;
    const char *folder; /* resolved */
    struct error **err;
};

void cunik_cunikfile_done(struct cunikfile *f)
{
    cunik_image_build_done(&f->build);
    cunik_strv_done(&f->pack);
    free(f->initrd);
    *f = (struct cunikfile){0};
}

static int mistake(struct reader *r, const struct node *n, const char *words)
{
    return cunik_error_at(r->err, ERROR_INVALID, &n->place, "%s: %s", n->key ? n->key : "an item",
                          words);
}

/* A scalar as it was written; NULL for anything else. */
static char *scalar(const struct node *n)
{
    switch (n->kind) {
    case NODE_STRING:
        return cunik_strdup(n->text);
    case NODE_INT:
        return cunik_asprintf("%lld", (long long)n->integer);
    case NODE_BOOL:
        return cunik_strdup(n->boolean ? "true" : "false");
    default:
        return NULL;
    }
}

static int read_text(struct reader *r, const struct node *n, char **ret)
{
    char *text = scalar(n);

    if (!text)
        return mistake(r, n, "must be a text");
    free(*ret);
    *ret = text;
    return 0;
}

static int read_list(struct reader *r, const struct node *n, struct strv *ret)
{
    if (n->kind != NODE_LIST)
        return mistake(r, n, "must be a list");
    for (size_t i = 0; i < n->n; i++) {
        char *text = scalar(n->items[i]);
        if (!text)
            return mistake(r, n, "must be a list of texts");
        cunik_strv_take(ret, text);
    }
    return 0;
}

/* {A: b} or [A=b]. */
static int read_pairs(struct reader *r, const struct node *n, struct strv *ret)
{
    if (n->kind == NODE_LIST)
        return read_list(r, n, ret);
    if (n->kind != NODE_MAP)
        return mistake(r, n, "must be a mapping or a list");
    for (size_t i = 0; i < n->n; i++) {
        _cleanup_free_ char *value = scalar(n->items[i]);
        if (!value)
            return mistake(r, n->items[i], "must be a text");
        cunik_strv_addf(ret, "%s=%s", n->items[i]->key, value);
    }
    cunik_strv_sort(ret);
    return 0;
}

/* What goes into an image lies in its folder: another place would be another image. */
static int locate(struct reader *r, const struct node *n, const char *text, char **ret)
{
    _cleanup_free_ char *path = cunik_path_join(r->folder, text), *real = realpath(path, NULL);
    size_t size = strcmp(r->folder, "/") == 0 ? 0 : strlen(r->folder);

    if (!real)
        return cunik_error_at(r->err, ERROR_INVALID, &n->place, "'%s': %s", text, strerror(errno));
    if (strncmp(real, r->folder, size) != 0 || (real[size] != '/' && real[size]))
        return cunik_error_at(r->err, ERROR_INVALID, &n->place,
                              "'%s' is outside of the folder that is built, '%s'", text, r->folder);
    *ret = TAKE_PTR(real);
    return 0;
}

static int read_file(struct reader *r, const struct node *n, const char *name)
{
    _cleanup_free_ char *text = NULL, *path = NULL;
    int e;

    if ((e = read_text(r, n, &text)) < 0 || (e = locate(r, n, text, &path)) < 0)
        return e;
    cunik_image_build_add(&r->f->build, name, path);
    return 0;
}

static int read_kernel(struct reader *r, const struct node *n)
{
    r->f->has_kernel = true;
    return read_file(r, n, "cunik/kernel");
}

/* A folder is packed when the image is built. */
static int read_initrd(struct reader *r, const struct node *n)
{
    _cleanup_free_ char *text = NULL, *path = NULL;
    struct stat st;
    int e;

    if ((e = read_text(r, n, &text)) < 0 || (e = locate(r, n, text, &path)) < 0)
        return e;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        r->f->initrd = TAKE_PTR(path);
    else
        cunik_image_build_add(&r->f->build, "cunik/initrd", path);
    return 0;
}

static int read_disks(struct reader *r, const struct node *n)
{
    if (n->kind != NODE_LIST)
        return mistake(r, n, "must be a list");
    for (size_t i = 0; i < n->n; i++) {
        _cleanup_free_ char *text = scalar(n->items[i]);
        bool qcow2 = text && cunik_text_ends(text, ".qcow2");
        _cleanup_free_ char *name =
            cunik_asprintf("cunik/disks/%zu.%s", i, qcow2 ? "qcow2" : "raw");
        int e = read_file(r, n->items[i], name);
        if (e < 0)
            return e;
    }
    return 0;
}

/* Words for pack, each behind an option. */
static int add_packed(struct reader *r, const struct node *n, const char *option)
{
    _cleanup_strv_ struct strv list = {0};
    int e = read_list(r, n, &list);

    r->f->packs = true;
    for (size_t i = 0; i < list.n && e == 0; i++) {
        cunik_strv_add(&r->f->pack, option);
        cunik_strv_add(&r->f->pack, list.items[i]);
    }
    return e;
}

static int read_packages(struct reader *r, const struct node *n)
{
    return add_packed(r, n, "--package");
}

static int read_take(struct reader *r, const struct node *n)
{
    return add_packed(r, n, "--take");
}

static int read_directories(struct reader *r, const struct node *n)
{
    return add_packed(r, n, "--dir");
}

static int read_modules(struct reader *r, const struct node *n)
{
    return add_packed(r, n, "--module");
}

static int read_files(struct reader *r, const struct node *n)
{
    _cleanup_strv_ struct strv list = {0};
    int e = read_list(r, n, &list);

    r->f->packs = true;
    for (size_t i = 0; i < list.n && e == 0; i++) {
        const char *colon = strrchr(list.items[i], ':');
        if (!colon || colon[1] != '/')
            return mistake(r, n, "each must be SOURCE:/PLACE");
        _cleanup_free_ char *source = cunik_strndup(list.items[i], (size_t)(colon - list.items[i]));
        _cleanup_free_ char *path = NULL;
        if ((e = locate(r, n->items[i], source, &path)) < 0)
            return e;
        cunik_strv_add(&r->f->pack, "--file");
        cunik_strv_addf(&r->f->pack, "%s%s", path, colon);
    }
    return e;
}

static int read_backend(struct reader *r, const struct node *n)
{
    char **name = &r->f->build.config.backend;
    const struct backend *found;
    struct error *why = NULL;
    int e = read_text(r, n, name);

    if (e == 0 && cunik_backend_find(**name ? *name : " ", NULL, &found, &why) < 0)
        e = cunik_error_at(r->err, ERROR_INVALID, &n->place, "%s", why->message);
    cunik_error_destroy(why);
    return e;
}

static int read_cmdline(struct reader *r, const struct node *n)
{
    return read_text(r, n, &r->f->build.config.cmdline);
}

static int read_command(struct reader *r, const struct node *n)
{
    return read_list(r, n, &r->f->build.config.command);
}

static int read_environment(struct reader *r, const struct node *n)
{
    return read_pairs(r, n, &r->f->build.config.environment);
}

static int read_labels(struct reader *r, const struct node *n)
{
    return read_pairs(r, n, &r->f->build.config.labels);
}

static int read_memory(struct reader *r, const struct node *n)
{
    _cleanup_free_ char *text = NULL;
    int e = read_text(r, n, &text);

    if (e == 0 && cunik_text_to_bytes(text, &r->f->build.config.memory) < 0)
        e = mistake(r, n, "must be a size such as 64M");
    return e;
}

static int read_ports(struct reader *r, const struct node *n)
{
    _cleanup_strv_ struct strv list = {0};
    int e = read_list(r, n, &list);

    for (size_t i = 0; i < list.n && e == 0; i++) {
        const char *slash = strchr(list.items[i], '/');
        _cleanup_free_ char *number = cunik_strndup(list.items[i], strcspn(list.items[i], "/"));
        uint64_t port;
        if (cunik_text_to_uint(number, 1, UINT16_MAX, &port) < 0 ||
            (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0))
            return mistake(r, n, "each must be a port, with /tcp or /udp");
        cunik_strv_addf(&r->f->build.config.ports, "%s%s", number, slash ? slash : "/tcp");
    }
    cunik_strv_sort(&r->f->build.config.ports);
    return e;
}

static int read_volumes(struct reader *r, const struct node *n)
{
    int e = read_list(r, n, &r->f->build.config.volumes);

    for (size_t i = 0; e == 0 && i < r->f->build.config.volumes.n; i++)
        if (r->f->build.config.volumes.items[i][0] != '/')
            return mistake(r, n, "each must be an absolute path");
    cunik_strv_sort(&r->f->build.config.volumes);
    return e;
}

static int read_health(struct reader *r, const struct node *n)
{
    return read_list(r, n, &r->f->build.config.health);
}

static const struct {
    const char *key;
    int (*read)(struct reader *r, const struct node *n);
} keys[] = {
    {"backend", read_backend}, {"cmdline", read_cmdline},
    {"command", read_command}, {"directories", read_directories},
    {"disks", read_disks},     {"environment", read_environment},
    {"files", read_files},     {"healthcheck", read_health},
    {"initrd", read_initrd},   {"kernel", read_kernel},
    {"labels", read_labels},   {"memory", read_memory},
    {"modules", read_modules}, {"packages", read_packages},
    {"ports", read_ports},     {"take", read_take},
    {"volumes", read_volumes},
};

static int read_key(struct reader *r, const struct node *n)
{
    const char *names[ARRAY_SIZE(keys)];

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(keys[i].key, n->key) == 0)
            return keys[i].read(r, n);
        names[i] = keys[i].key;
    }
    _cleanup_free_ char *near = cunik_text_suggestion(n->key, names, ARRAY_SIZE(names));
    return cunik_error_at(r->err, ERROR_INVALID, &n->key_place, "unknown key '%s'%s", n->key, near);
}

static int read_root(struct reader *r, const char *path, struct node *const *documents, size_t n)
{
    int e = 0;

    if (n != 1 || documents[0]->kind != NODE_MAP)
        return cunik_error_set(r->err, ERROR_INVALID, "'%s' must be one mapping", path);
    for (size_t i = 0; i < documents[0]->n && e == 0; i++)
        e = read_key(r, documents[0]->items[i]);
    const struct image_build *b = &r->f->build;
    if (e == 0 && !b->n_entries && !r->f->packs)
        e = cunik_error_set(r->err, ERROR_INVALID,
                            "'%s' has nothing to boot: kernel, disks or packages", path);
    if (e == 0 && r->f->packs && b->config.backend && strcmp(b->config.backend, "linux") != 0)
        e = cunik_error_set(r->err, ERROR_INVALID,
                            "'%s': only images of the backend linux are packed of packages and "
                            "files",
                            path);
    if (e == 0 && r->f->packs && r->f->initrd)
        e = cunik_error_set(r->err, ERROR_INVALID,
                            "'%s': an initrd is packed of the folder, or of packages and files",
                            path);
    if (e == 0 && r->f->packs && !b->config.command.n)
        e = cunik_error_set(r->err, ERROR_INVALID, "'%s': what the guest runs is missing: command",
                            path);
    return e;
}

/* Adds what is wrong where there is only what containers are built by. */
static int no_cunikfile(const char *folder, struct error **err)
{
    _cleanup_free_ char *docker = cunik_path_join(folder, "Dockerfile");

    if (access(docker, F_OK) < 0)
        return -ENOENT;
    _cleanup_error_ struct error *why = TAKE_PTR(*err);
    cunik_error_set(err, why->code,
                    "%s; the Dockerfile there makes a container, not a guest: see IMAGES in "
                    "cunik-stack(5)",
                    why->message);
    return -ENOENT;
}

int cunik_cunikfile_read(const char *path, const char *folder, struct cunikfile *ret,
                         struct error **err)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_cunikfile_ struct cunikfile f = {0};
    _cleanup_free_ char *text = NULL, *real = realpath(folder, NULL);
    struct reader reader = {&f, real, err};
    struct node **documents = NULL;
    size_t size = 0, n = 0;
    int r;

    if (!real)
        return cunik_error_errno(err, errno, "'%s'", folder);
    if ((r = cunik_file_read(path, FILE_LIMIT, &text, &size, err)) < 0)
        return r == -ENOENT ? no_cunikfile(folder, err) : r;
    if ((r = cunik_yaml_parse(t, path, text, size, NULL, &documents, &n, err)) < 0 ||
        (r = read_root(&reader, path, documents, n)) < 0)
        return r;
    *ret = f;
    f = (struct cunikfile){0};
    return 0;
}
