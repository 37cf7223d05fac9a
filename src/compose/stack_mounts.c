/* What a service keeps and finds: volumes, folders and files of the host, configs and secrets. */
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "compose/secrecy.h"
#include "compose/stack_maker.h"
#include "compose/volume_type.h"

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
    struct stack_content *c = cunik_stack_add_content(
        m->stack, cunik_asprintf("file '%s'", mount->source), &mount->place);
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
        if (type == VOLUME_TYPE_TMPFS) {
            cunik_stack_read_tmpfs_volume(m, n, item, s);
            continue;
        }
        if (type != VOLUME_TYPE_VOLUME && type != VOLUME_TYPE_BIND) {
            _cleanup_free_ char *path = path_of(s, "volumes");
            cunik_diagnostics_unsupported(
                m->d, &item->place, path,
                "type '%s' is not supported and has no effect, only volume, bind and tmpfs have",
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
        mount->content = cunik_stack_find_content(m, defined, what);
        cunik_replace(&mount->source, m->stack->contents[mount->content].name);
        check_target(m, s, item, mount, key);
    }
}

void cunik_stack_read_mounts(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    read_volumes(m, n, s);
    cunik_stack_read_tmpfs(m, n, s);
    read_files(m, n, s, "configs", "config", "/");
    read_files(m, n, s, "secrets", "secret", "/run/secrets/");
}

void cunik_stack_mounts_done(struct stack_service *s)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        free(s->mounts[i].source);
        free(s->mounts[i].target);
    }
    free(s->mounts);
}
