/* Relative paths of long forms become absolute. */
#include <ctype.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/fields.h"
#include "compose/long_form.h"
#include "compose/volume_type.h"

static char *absolute(const char *path, const char *base, const char *home)
{
    if (home && path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
        return cunik_path_join(home, path[1] ? path + 2 : ".");
    return cunik_path_join(base, path);
}

struct paths {
    struct tree *tree;
    const char *project_dir, *file_dir, *home;
};

static void resolve(const struct paths *p, struct node *n, const char *base)
{
    if (!n || n->kind != NODE_STRING || !*n->text || !*base || strstr(n->text, "://") ||
        (isalpha((unsigned char)n->text[0]) && n->text[1] == ':') || /* a drive of Windows */
        cunik_text_starts(n->text, "git@") || cunik_text_starts(n->text, "github.com/") ||
        cunik_text_starts(n->text, "service:")) /* the image of another service */
        return;
    _cleanup_free_ char *path = absolute(n->text, base, p->home);
    n->text = cunik_tree_text(p->tree, path, strlen(path));
}

static bool resolve_value(void *context, const struct field *field, struct node *n,
                          const struct field_path *path _unused_)
{
    const struct paths *p = context;
    const char *base = field->base == BASE_FILE ? p->file_dir : p->project_dir;

    if (field->base != BASE_NONE && (n->kind == NODE_LIST || n->kind == NODE_MAP))
        for (size_t i = 0; i < n->n; i++)
            resolve(p, n->items[i], base);
    else if (field->base != BASE_NONE)
        resolve(p, n, base);
    /* Only the source of a bind is a path. */
    if (field->type == FIELD_VOLUMES && n->kind == NODE_LIST)
        for (size_t i = 0; i < n->n; i++)
            if (cunik_volume_type_of(n->items[i]) == VOLUME_TYPE_BIND)
                resolve(p, cunik_node_get(n->items[i], "source"), base);

    return true;
}

static bool is_text(const struct node *map, const char *key, const char *text)
{
    const struct node *n = cunik_node_get(map, key);

    return n && n->kind == NODE_STRING && strcmp(n->text, text) == 0;
}

/* The folder that a local volume is bound to. */
static void resolve_object(void *context, const struct fields *table, struct node *map,
                           const struct field_path *path _unused_)
{
    const struct paths *p = context;
    const struct node *options = cunik_node_get(map, "driver_opts");

    if (table == &cunik_fields_volume && is_text(map, "driver", "local") &&
        is_text(options, "o", "bind"))
        resolve(p, cunik_node_get(options, "device"), p->project_dir);
}

static void resolve_all(const struct paths *p, struct node *list)
{
    for (size_t i = 0; list && i < list->n; i++)
        resolve(p, list->items[i], p->project_dir);
}

void cunik_long_form_files(struct tree *t, struct node *root, const char *project_dir,
                           const char *home)
{
    struct paths p = {t, project_dir, project_dir, home};
    const struct node *services = cunik_node_get(root, "services");
    const struct node *include = cunik_node_get(root, "include");

    for (size_t i = 0; services && i < services->n; i++) {
        const struct node *extends = cunik_node_get(services->items[i], "extends");
        resolve(&p, cunik_node_get(extends, "file"), project_dir);
    }
    for (size_t i = 0; include && i < include->n; i++) {
        resolve_all(&p, cunik_node_get(include->items[i], "path"));
        resolve_all(&p, cunik_node_get(include->items[i], "env_file"));
        resolve(&p, cunik_node_get(include->items[i], "project_directory"), project_dir);
    }
}

void cunik_long_form_paths(struct tree *t, struct node *root, const char *project_dir,
                           const char *file_dir, const char *home)
{
    struct paths p = {t, project_dir, file_dir, home};

    cunik_fields_walk(
        &cunik_fields, root, NULL,
        &(struct field_visitor){.object = resolve_object, .value = resolve_value, .context = &p});
}
