/* The volumes that services use. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"

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
    free(s->volumes);
}
