#include "compose/stack_maker.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

struct place cunik_stack_place(struct stack_maker *m, const struct place *place)
{
    struct place result = *place;

    if (!place->file)
        return result;
    for (size_t i = 0; i < m->n_tree_files; i++)
        if (m->tree_files[i] == place->file) {
            result.file = m->stack->files.items[i];
            return result;
        }
    *ARRAY_APPEND(m->tree_files, m->n_tree_files) = place->file;
    cunik_strv_add(&m->stack->files, place->file);
    result.file = m->stack->files.items[m->stack->files.n - 1];
    return result;
}

void cunik_stack_mistake(struct stack_maker *m, const struct place *place, const char *service,
                         const char *key, const char *format, ...)
{
    _cleanup_free_ char *path = cunik_asprintf("services.%s%s%s", service, key ? "." : "",
                                               key ? key : ""),
                        *message = NULL;
    va_list args;

    va_start(args, format);
    message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_diagnostics_error(m->d, place, path, "%s", message);
}

const char *cunik_stack_text(const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    return n && n->kind == NODE_STRING ? n->text : "";
}

struct place cunik_stack_key_place(struct stack_maker *m, const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    return cunik_stack_place(m, n ? &n->place : &map->place);
}

void cunik_stack_read_pairs(struct stack_maker *m, const struct node *map, struct stack_pairs *ret)
{
    for (size_t i = 0; map && i < map->n; i++) {
        const struct node *n = map->items[i];
        if (n->kind == NODE_NULL)
            continue;
        struct stack_pair *pair = ARRAY_APPEND(ret->items, ret->n);
        pair->key = cunik_strdup(n->key);
        pair->value = cunik_strdup(n->text ? n->text : "");
        pair->place = cunik_stack_place(m, &n->place);
    }
}

void cunik_stack_read_strings(const struct node *list, struct strv *ret)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (list->items[i]->kind == NODE_STRING)
            cunik_strv_add(ret, list->items[i]->text);
}

static void read_disabled(struct stack_maker *m, const struct node *n)
{
    struct stack_disabled *disabled = ARRAY_APPEND(m->stack->disabled, m->stack->n_disabled);

    disabled->name = cunik_strdup(n->key);
    disabled->place = cunik_stack_place(m, &n->key_place);
    cunik_stack_read_strings(cunik_node_get(n, "profiles"), &disabled->profiles);
}

void cunik_stack_from_tree(const struct node *root, const char *name, const char *working_dir,
                           const struct strv *enabled, struct stack *ret, struct diagnostics *d)
{
    struct stack_maker m = {.root = root, .stack = ret, .d = d};
    const struct node *services = cunik_node_get(root, "services");
    _cleanup_map_ struct map names = {0};

    *ret = (struct stack){.name = cunik_strdup(name), .working_dir = cunik_strdup(working_dir)};
    for (size_t i = 0; enabled && i < enabled->n; i++)
        cunik_map_add(&names, enabled->items[i], NULL);
    for (size_t i = 0; services && i < services->n; i++) {
        if (!enabled || cunik_map_has(&names, services->items[i]->key))
            cunik_stack_read_service(&m, services->items[i]);
        else
            read_disabled(&m, services->items[i]);
    }
    cunik_stack_read_networks(&m);
    cunik_stack_read_volumes(&m);
    cunik_stack_check(&m);
    free(m.tree_files);
}
