/* `include`: other stack files become part of this one.
 *
 * Each is loaded by itself, with its own folder and its own .env beneath the variables of this one,
 * and its services, networks and so on are what this document is merged over.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "compose/load_context.h"
#include "compose/merge.h"
#include "compose/normalise.h"

enum { INCLUDE_DEPTH = 32 };

/* One within the included file keeps its own place. */
static void mistake(struct load_context *c, const struct node *n, struct error **err)
{
    if ((*err)->file) {
        cunik_diagnostics_take(c->d, err);
        return;
    }
    cunik_diagnostics_error(c->d, &n->place, "include", "%s", (*err)->message);
    cunik_error_forget(err);
}

/* Only these sections are taken; the name and extensions of an included file are its own. */
static struct node *sections(struct load_context *c, const struct node *root)
{
    static const char *const names[] = {"services", "networks", "volumes",
                                        "configs",  "secrets",  "models"};
    struct node *result = cunik_node_map(c->l->tree, &root->place);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct node *n = cunik_node_get(root, names[i]);
        if (n && n->kind == NODE_MAP)
            cunik_node_set(c->l->tree, result, n->key, n);
    }
    return result;
}

static int add_variables(struct load_context *c, const struct node *entry, const char *folder,
                         const struct lookup *lookup, struct variables *v, struct error **err)
{
    const struct node *list = cunik_node_get(entry, "env_file");
    _cleanup_free_ char *standard = cunik_path_join(folder, ".env");
    _cleanup_strv_ struct strv paths = {0};

    for (size_t i = 0; list && i < list->n; i++)
        if (strcmp(list->items[i]->text, "/dev/null") != 0)
            cunik_strv_add(&paths, list->items[i]->text);
    if (!list && cunik_load_exists(c, standard))
        cunik_strv_add(&paths, standard);
    return cunik_load_env_files(c, &paths, folder, lookup, v, err);
}

/* Looks in the including file's variables first. */
struct two_sets {
    const struct lookup *first;
    const struct variables *second;
};

static const char *look_in_both(const void *context, const char *name)
{
    const struct two_sets *sets = context;
    const char *value = cunik_lookup(sets->first, name);

    return value ? value : cunik_variables_get(sets->second, name);
}

static int check_cycle(const struct load_context *c, const char *path, struct error **err)
{
    _cleanup_buffer_ struct buffer b = {0};

    if (c->including.n >= INCLUDE_DEPTH)
        return cunik_error_set(err, ERROR_INVALID, "includes nest deeper than %d files",
                               INCLUDE_DEPTH);
    if (!cunik_strv_has(&c->including, path))
        return 0;
    for (size_t i = 0; i < c->including.n; i++)
        cunik_buffer_printf(&b, "%s%s", i ? "\n include " : "", c->including.items[i]);
    return cunik_error_set(err, ERROR_INVALID, "include cycle detected:\n%s\n include %s",
                           cunik_buffer_text(&b), path);
}

static int load_entry(struct load_context *c, const struct node *entry, const struct lookup *lookup,
                      struct node **ret, struct error **err)
{
    const struct node *paths = cunik_node_get(entry, "path");
    const struct node *directory = cunik_node_get(entry, "project_directory");
    _cleanup_variables_ struct variables v = {0};
    struct node *merged = NULL;
    int r;

    if (!paths || !paths->n)
        return cunik_error_set(err, ERROR_INVALID, "names no file");
    const char *main_path = paths->items[0]->text;
    _cleanup_free_ char *folder =
        directory ? cunik_strdup(directory->text) : cunik_path_folder(main_path);
    r = check_cycle(c, main_path, err);
    if (r == 0)
        r = add_variables(c, entry, folder, lookup, &v, err);
    if (r < 0)
        return r;
    struct two_sets sets = {lookup, &v};
    struct lookup both = {look_in_both, &sets};
    for (size_t i = 0; i < paths->n; i++) {
        struct node **documents;
        size_t n;
        r = cunik_load_parse(c, paths->items[i]->text, folder, "included from", &entry->place,
                             &documents, &n, err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < n; k++) {
            if (documents[k]->kind == NODE_NULL)
                continue;
            cunik_strv_add(&c->including, main_path);
            struct node *root =
                cunik_load_document(c, documents[k], paths->items[i]->text, folder, &both);
            free(c->including.items[--c->including.n]);
            merged = cunik_merge(c->l->tree, merged, root, c->d);
        }
    }
    if (merged) {
        _cleanup_free_ char *base = cunik_load_base(c, folder);
        cunik_normalise_included(c->l->tree, merged, *base ? base : ".", &both, c->d);
    }
    *ret = merged;
    return 0;
}

struct node *cunik_load_include(struct load_context *c, struct node *root, const char *path,
                                const char *project_dir _unused_, const struct lookup *lookup)
{
    struct node *list = cunik_node_get(root, "include");
    bool outermost = !c->including.n;

    if (!list || list->kind != NODE_LIST)
        return root;
    cunik_node_remove(root, "include");
    if (outermost)
        cunik_strv_add(&c->including, path ? path : "-");
    for (size_t i = 0; i < list->n && cunik_load_has_room(c, list->items[i]); i++) {
        _cleanup_error_ struct error *err = NULL;
        struct node *included = NULL;
        if (load_entry(c, list->items[i], lookup, &included, &err) < 0)
            mistake(c, list->items[i], &err);
        else if (included)
            root = cunik_merge(c->l->tree, sections(c, included), root, c->d);
    }
    if (outermost)
        free(c->including.items[--c->including.n]);
    return root;
}
