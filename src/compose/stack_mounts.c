/* What services keep and find: volumes, folders and files of the host, configs and secrets. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/secrecy.h"
#include "compose/stack_maker.h"
#include "compose/variables.h"
#include "compose/volume_type.h"
#include "engine/file_store.h"

static char *path_of(const struct stack_service *s, const char *key)
{
    return cunik_asprintf("services.%s.%s", s->name, key);
}

static struct stack_mount *add_mount(struct stack_maker *m, struct stack_service *s,
                                     const struct node *n, enum mount_kind kind)
{
    struct stack_mount *to = ARRAY_APPEND(s->mounts, s->n_mounts);

    to->kind = kind;
    to->source = cunik_strdup("");
    to->target = cunik_strdup(cunik_stack_text(n, "target"));
    to->place = cunik_stack_place(m, &n->place);
    return to;
}

static struct stack_content *add_content(struct stack *s, char *name, const struct place *place)
{
    struct stack_content *c = ARRAY_APPEND(s->contents, s->n_contents);

    c->name = name;
    c->path = cunik_strdup("");
    c->variable = cunik_strdup("");
    c->template = cunik_strdup("");
    c->digest = cunik_strdup("");
    c->place = *place;
    return c;
}

static void check_target(struct stack_maker *m, struct stack_service *s, const struct node *n,
                         const struct stack_mount *mount, const char *key)
{
    if (mount->target[0] != '/')
        cunik_stack_mistake(m, &n->place, s->name, key, "the target '%s' must be an absolute path",
                            mount->target);
    for (const struct stack_mount *other = s->mounts; other != mount; other++)
        if (strcmp(other->target, mount->target) == 0)
            cunik_stack_mistake(m, &n->place, s->name, key, "two things are to be at '%s'",
                                mount->target);
}

/* A folder is shared, a file copied; what is not there is for the engine to complain of. */
static void read_bind(struct stack_maker *m, struct stack_service *s, const struct node *n,
                      const char *source, struct stack_mount *mount)
{
    struct stat st;

    cunik_replace(&mount->source, source);
    if (stat(mount->source, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    if (!mount->readonly) {
        _cleanup_free_ char *path = path_of(s, "volumes");
        cunik_diagnostics_unsupported(
            m->d, &n->place, path,
            "the guest gets a copy of the file '%s', which it cannot write to", mount->source);
    }
    mount->kind = MOUNT_FILE;
    mount->readonly = true;
    mount->mode = st.st_mode & 0777;
    mount->content = m->stack->n_contents;
    struct stack_content *c =
        add_content(m->stack, cunik_asprintf("file '%s'", mount->source), &mount->place);
    cunik_replace(&c->path, mount->source);
    cunik_replace(&mount->source, c->name);
}

/* A volume whose options are those of Docker for a folder of the host: that folder. */
static const char *bound_folder(struct stack_maker *m, const char *source)
{
    const struct node *v = cunik_node_get(cunik_node_get(m->root, "volumes"), source);
    const struct node *options = cunik_node_get(v, "driver_opts");
    const char *device = cunik_stack_text(options, "device");
    _cleanup_strv_ struct strv words = {0};

    cunik_strv_split(&words, cunik_stack_text(options, "o"), ",");
    bool bind = cunik_strv_has(&words, "bind") || cunik_strv_has(&words, "rbind");
    return bind && device[0] == '/' ? device : NULL;
}

static void read_volumes(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *list = cunik_node_get(n, "volumes");

    for (size_t i = 0; list && i < list->n; i++) {
        const struct node *item = list->items[i];
        const char *source = cunik_stack_text(item, "source");
        enum volume_type type = cunik_volume_type_of(item);
        if (type != VOLUME_TYPE_VOLUME && type != VOLUME_TYPE_BIND) {
            _cleanup_free_ char *path = path_of(s, "volumes");
            cunik_diagnostics_unsupported(
                m->d, &item->place, path,
                "type '%s' is not supported and has no effect, only volume and bind have",
                cunik_stack_text(item, "type"));
            continue;
        }
        const char *folder = type == VOLUME_TYPE_BIND ? source : bound_folder(m, source);
        struct stack_mount *mount = add_mount(m, s, item, folder ? MOUNT_BIND : MOUNT_VOLUME);
        mount->readonly = cunik_node_is_true(item, "read_only");
        if (folder)
            read_bind(m, s, item, folder, mount);
        else
            cunik_replace(&mount->source, source);
        check_target(m, s, item, mount, "volumes");
    }
}

/* A number that may be written as a string, such as uid: "103". */
static int64_t number_of(struct stack_maker *m, const struct stack_service *s, const char *what,
                         const struct node *map, const char *key, int base, int64_t otherwise)
{
    const struct node *n = cunik_node_get(map, key);
    char *end = NULL;

    if (n && n->kind == NODE_INT)
        return n->integer;
    if (!n || n->kind != NODE_STRING || !*n->text)
        return otherwise;
    long long value = strtoll(n->text, &end, base);
    if (*end || value < 0 || value > UINT32_MAX)
        cunik_stack_mistake(m, &n->place, s->name, NULL, "%s: '%s' is no number", key,
                            n->template && cunik_is_secret_name(what) ? n->template : n->text);
    return value;
}

/* Not even where a secret comes from is told when a variable says it. */
static void hide_origin(struct stack_content *c, const struct node *defined)
{
    const struct node *origin = cunik_node_get(defined, *c->path ? "file" : "environment");

    if (origin && origin->template)
        cunik_replace(&c->template, origin->template);
}

/* The content of a config or secret, once however many services use it. */
static size_t find_content(struct stack_maker *m, const struct node *defined, const char *what)
{
    _cleanup_free_ char *name = cunik_asprintf("%s '%s'", what, defined->key);
    struct place place = cunik_stack_place(m, &defined->key_place);
    const struct node *content = cunik_node_get(defined, "content");
    struct stack *s = m->stack;

    for (size_t i = 0; i < s->n_contents; i++)
        if (strcmp(s->contents[i].name, name) == 0)
            return i;
    struct stack_content *c = add_content(s, TAKE_PTR(name), &place);
    cunik_replace(&c->path, cunik_stack_text(defined, "file"));
    cunik_replace(&c->variable, cunik_stack_text(defined, "environment"));
    if (cunik_is_secret_name(what))
        hide_origin(c, defined);
    if (content && content->kind == NODE_STRING) {
        c->data = cunik_strdup(content->text);
        c->size = strlen(content->text);
    }
    return s->n_contents - 1;
}

static void read_files(struct stack_maker *m, const struct node *n, struct stack_service *s,
                       const char *key, const char *what, const char *folder)
{
    const struct node *list = cunik_node_get(n, key), *all = cunik_node_get(m->root, key);

    for (size_t i = 0; list && i < list->n; i++) {
        const struct node *item = list->items[i];
        const struct node *defined = cunik_node_get(all, cunik_stack_text(item, "source"));
        if (!defined) /* said by the check of references */
            continue;
        if (cunik_node_is_true(defined, "external")) {
            _cleanup_free_ char *path = path_of(s, key);
            cunik_diagnostics_unsupported(
                m->d, &item->place, path,
                "%s '%s' is external and has no effect: there is nowhere to take it from", what,
                defined->key);
            continue;
        }
        struct stack_mount *mount = add_mount(m, s, item, MOUNT_FILE);
        if (mount->target[0] != '/') {
            const char *name = *mount->target ? mount->target : cunik_stack_text(item, "source");
            char *target = cunik_asprintf("%s%s", folder, name);
            free(mount->target);
            mount->target = target;
        }
        mount->readonly = true;
        mount->mode = number_of(m, s, what, item, "mode", 8, 0444);
        mount->uid = number_of(m, s, what, item, "uid", 10, 0);
        mount->gid = number_of(m, s, what, item, "gid", 10, 0);
        mount->content = find_content(m, defined, what);
        cunik_replace(&mount->source, m->stack->contents[mount->content].name);
        check_target(m, s, item, mount, key);
    }
}

void cunik_stack_read_mounts(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    read_volumes(m, n, s);
    read_files(m, n, s, "configs", "config", "/");
    read_files(m, n, s, "secrets", "secret", "/run/secrets/");
}

/* Contents */

static int fill(struct stack_content *c, const struct lookup *variables, struct error **err)
{
    int r = 0;

    if (*c->path) {
        r = cunik_file_read(c->path, FILE_STORE_MAX, &c->data, &c->size, err);
    } else if (*c->variable) {
        const char *value = cunik_lookup(variables, c->variable);
        if (!value)
            return cunik_error_set(err, ERROR_INVALID, "the variable %s is not set", c->variable);
        c->data = cunik_strdup(value);
        c->size = strlen(value);
    } else if (!c->data) {
        c->data = cunik_strdup("");
    }
    if (r == 0) {
        free(c->digest);
        c->digest = cunik_digest_hex(c->data, c->size, 2 * DIGEST_SIZE);
    }
    return r;
}

void cunik_stack_read_contents(struct stack *s, const struct lookup *variables,
                               struct diagnostics *d)
{
    for (size_t i = 0; i < s->n_contents; i++) {
        _cleanup_error_ struct error *err = NULL;
        const struct stack_content *c = &s->contents[i];
        int r = fill(&s->contents[i], variables, &err);
        if (r < 0 && *c->template)
            cunik_diagnostics_error(d, &c->place, c->name, "'%s': %s", c->template,
                                    *c->path ? strerror(-r) : "the variable is not set");
        else if (r < 0)
            cunik_diagnostics_error(d, &c->place, c->name, "%s", err->message);
    }
}

/* Volumes */

static void read_options(struct stack_maker *m, const struct node *n, struct stack_volume *v)
{
    const struct node *options = cunik_node_get(n, "driver_opts");
    _cleanup_free_ char *path = cunik_asprintf("volumes.%s.driver_opts", v->key);

    for (size_t i = 0; options && i < options->n; i++) {
        const struct node *item = options->items[i];
        const char *text = cunik_stack_text(options, item->key);
        bool number = item->kind == NODE_INT;
        if (strcmp(item->key, "format") == 0 && !number)
            cunik_replace(&v->format, text);
        else if (strcmp(item->key, "filesystem") == 0 && !number)
            cunik_replace(&v->filesystem, text);
        else if (strcmp(item->key, "size") != 0)
            cunik_diagnostics_unsupported(
                m->d, &item->key_place, path,
                "'%s' is not supported and has no effect, only format, filesystem and "
                "size have",
                item->key);
        else if (number)
            v->size = item->integer;
        else if (cunik_text_to_bytes(text, &v->size) < 0)
            cunik_diagnostics_error(m->d, &item->place, path, "'%s' is no size", text);
    }
}

static void read_volume(struct stack_maker *m, const struct node *n, const char *key)
{
    struct stack_volume *v = ARRAY_APPEND(m->stack->volumes, m->stack->n_volumes);
    const char *name = cunik_stack_text(n, "name"), *driver = cunik_stack_text(n, "driver");

    v->key = cunik_strdup(key);
    v->name = *name ? cunik_strdup(name) : cunik_asprintf("%s_%s", m->stack->name, key);
    v->external = cunik_node_is_true(n, "external");
    v->format = cunik_strdup(v->external ? "" : "raw");
    v->filesystem = cunik_strdup("");
    v->place = n ? cunik_stack_place(m, &n->key_place) : (struct place){0};
    cunik_stack_read_pairs(m, cunik_node_get(n, "labels"), &v->labels);
    if (*driver && strcmp(driver, "local") != 0) {
        _cleanup_free_ char *path = cunik_asprintf("volumes.%s.driver", key);
        cunik_diagnostics_unsupported(m->d, &cunik_node_get(n, "driver")->place, path,
                                      "'%s' is not supported: the volume is kept on this host",
                                      driver);
    }
    read_options(m, n, v);
}

void cunik_stack_read_volumes(struct stack_maker *m)
{
    const struct node *volumes = cunik_node_get(m->root, "volumes");

    for (size_t i = 0; i < m->stack->n_services; i++) {
        const struct stack_service *s = &m->stack->services[i];
        for (size_t k = 0; k < s->n_mounts; k++) {
            const struct stack_mount *mount = &s->mounts[k];
            if (mount->kind == MOUNT_VOLUME && *mount->source &&
                !cunik_stack_volume(m->stack, mount->source))
                read_volume(m, cunik_node_get(volumes, mount->source), mount->source);
        }
    }
}

struct stack_volume *cunik_stack_volume(const struct stack *s, const char *key)
{
    for (size_t i = 0; i < s->n_volumes; i++)
        if (strcmp(s->volumes[i].key, key) == 0)
            return &s->volumes[i];
    return NULL;
}

void cunik_stack_mounts_done(struct stack_service *s)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        free(s->mounts[i].source);
        free(s->mounts[i].target);
    }
    free(s->mounts);
}

void cunik_stack_volumes_done(struct stack *s)
{
    for (size_t i = 0; i < s->n_volumes; i++) {
        struct stack_volume *v = &s->volumes[i];
        free(v->key);
        free(v->name);
        free(v->format);
        free(v->filesystem);
        cunik_stack_pairs_done(&v->labels);
    }
    for (size_t i = 0; i < s->n_contents; i++) {
        struct stack_content *c = &s->contents[i];
        free(c->name);
        free(c->path);
        free(c->variable);
        free(c->template);
        free(c->digest);
        if (c->data)
            explicit_bzero(c->data, c->size);
        free(c->data);
    }
    free(s->volumes);
    free(s->contents);
}
