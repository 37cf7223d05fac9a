#include "compose/load.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/check_values.h"
#include "compose/interpolate.h"
#include "compose/load_context.h"
#include "compose/merge.h"
#include "compose/normalise.h"
#include "compose/validate.h"

/* The documents of one file. */
struct parsed {
    const char *name;
    char *path; /* absolute; NULL = standard input */
    struct node **documents;
    size_t n;
};

struct parsed_files {
    struct parsed *items;
    size_t n;
};

static void parsed_done(struct parsed_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].path);
    free(f->items);
}

/* A file that is no YAML does not keep mistakes of the others from being named. */
static int parse_files(struct load_context *c, struct parsed_files *ret, struct error **err)
{
    bool any = false;

    for (size_t i = 0; i < c->l->files.n; i++) {
        struct parsed *p = ARRAY_APPEND(ret->items, ret->n);
        _cleanup_error_ struct error *mistake = NULL;
        p->name = c->l->files.items[i];
        if (strcmp(p->name, "-") != 0)
            p->path = cunik_path_join(c->o->working_dir, p->name);
        if (cunik_load_parse(c, p->name, c->o->working_dir, NULL, NULL, &p->documents, &p->n,
                             &mistake) < 0)
            cunik_diagnostics_take(c->d, &mistake);
        for (size_t k = 0; k < p->n; k++)
            any |= p->documents[k]->kind != NODE_NULL;
    }
    if (!any && !c->d->n_errors) {
        _cleanup_free_ char *names = cunik_strv_join(&c->l->files, ", ");
        return cunik_error_set(err, ERROR_INVALID, "%s: empty stack file", names);
    }
    return any ? 0 : cunik_diagnostics_fail(c->d, err);
}

/* `name` of the last document that has one; mistakes in it are found when the document is read. */
static char *name_of_files(const struct load_context *c, const struct parsed_files *files)
{
    char *name = NULL;

    for (size_t i = 0; i < files->n; i++)
        for (size_t k = 0; k < files->items[i].n; k++) {
            const struct node *n = cunik_node_get(files->items[i].documents[k], "name");
            _cleanup_free_ char *text = NULL;
            if (!n || n->kind != NODE_STRING || !*n->text ||
                cunik_substitute(n->text, &c->lookup, false, NULL, &text, NULL) < 0)
                continue;
            free(name);
            name = cunik_load_normalise_name(text);
        }
    return name;
}

static int choose_name(struct load_context *c, char *given, const struct parsed_files *files,
                       struct error **err)
{
    c->l->name = given ? given : name_of_files(c, files);
    if (!c->l->name)
        c->l->name = cunik_load_normalise_name(cunik_path_name(c->l->working_dir));
    if (!*c->l->name)
        return cunik_error_set(err, ERROR_INVALID,
                               "project name must not be empty: name the stack by -p or by 'name'");
    cunik_variables_set(&c->l->environment, "COMPOSE_PROJECT_NAME", c->l->name);
    return 0;
}

static void merge_files(struct load_context *c, const struct parsed_files *files)
{
    struct node *merged = NULL;

    for (size_t i = 0; i < files->n; i++)
        for (size_t k = 0; k < files->items[i].n; k++) {
            struct node *root = files->items[i].documents[k];
            if (root->kind == NODE_NULL)
                continue;
            root =
                cunik_load_document(c, root, files->items[i].path, c->l->working_dir, &c->lookup);
            merged = cunik_merge(c->l->tree, merged, root, c->d);
        }
    c->l->root = merged;
    cunik_merge_unique(merged);
}

static bool has_profile(const struct node *service, const struct strv *active)
{
    const struct node *profiles = cunik_node_get(service, "profiles");

    if (!profiles || !profiles->n || cunik_strv_has(active, "*"))
        return true;
    for (size_t i = 0; i < profiles->n; i++)
        if (cunik_strv_has(active, profiles->items[i]->text))
            return true;
    return false;
}

static void active_profiles(const struct load_context *c, struct strv *ret)
{
    const char *list = cunik_variables_get(&c->l->environment, "COMPOSE_PROFILES");

    if (c->o->profiles && c->o->profiles->n)
        cunik_strv_copy(ret, c->o->profiles);
    else if (list)
        cunik_strv_split(ret, list, ", ");
}

static void unknown_service(const struct load_context *c, const struct node *services,
                            const char *name)
{
    _cleanup_free_ const char **names = NULL;
    size_t n = 0;

    for (size_t i = 0; services && i < services->n; i++)
        *ARRAY_APPEND(names, n) = services->items[i]->key;
    _cleanup_free_ char *near = cunik_text_suggestion(name, names, n);
    cunik_diagnostics_error(c->d, NULL, NULL, "no such service: %s%s", name, near);
}

/* Services named on the command line bring their own profiles with them. */
static void add_selected(const struct load_context *c, const struct node *services,
                         struct strv *active)
{
    for (size_t i = 0; c->o->services && i < c->o->services->n; i++) {
        const char *name = c->o->services->items[i];
        const struct node *service = cunik_node_get(services, name);
        const struct node *profiles = cunik_node_get(service, "profiles");
        if (!service)
            unknown_service(c, services, name);
        else if (!has_profile(service, active))
            for (size_t k = 0; k < profiles->n; k++)
                cunik_strv_add(active, profiles->items[k]->text);
    }
}

/* The service and what it depends on, as far as it is enabled. */
static void keep(const struct node *services, const struct map *enabled, const char *name,
                 struct map *kept)
{
    const struct node *depends = cunik_node_get(cunik_node_get(services, name), "depends_on");

    if (!cunik_map_has(enabled, name) || !cunik_map_add(kept, name, NULL))
        return;
    for (size_t i = 0; depends && depends->kind == NODE_MAP && i < depends->n; i++)
        keep(services, enabled, depends->items[i]->key, kept);
}

static void restrict_enabled(struct load_context *c, const struct node *services)
{
    _cleanup_map_ struct map enabled = {0}, kept = {0};
    _cleanup_strv_ struct strv all = c->l->enabled;

    c->l->enabled = (struct strv){0};
    for (size_t i = 0; i < all.n; i++)
        cunik_map_add(&enabled, all.items[i], NULL);
    for (size_t i = 0; i < c->o->services->n; i++)
        keep(services, &enabled, c->o->services->items[i], &kept);
    for (size_t i = 0; i < all.n; i++)
        if (cunik_map_has(&kept, all.items[i]))
            cunik_strv_add(&c->l->enabled, all.items[i]);
}

static void choose_enabled(struct load_context *c)
{
    const struct node *services = cunik_node_get(c->l->root, "services");
    _cleanup_strv_ struct strv active = {0};

    active_profiles(c, &active);
    add_selected(c, services, &active);
    for (size_t i = 0; services && i < services->n; i++)
        if (has_profile(services->items[i], &active))
            cunik_strv_add(&c->l->enabled, services->items[i]->key);
    if (c->o->only_services && c->o->services && c->o->services->n)
        restrict_enabled(c, services);
}

static int load(struct load_context *c, struct parsed_files *files, struct error **err)
{
    _cleanup_free_ char *name = NULL;
    int r;

    r = cunik_load_find(c, &name, err);
    if (r == 0)
        r = parse_files(c, files, err);
    if (r == 0)
        r = choose_name(c, TAKE_PTR(name), files, err);
    if (r < 0)
        return r;
    merge_files(c, files);
    cunik_validate_merged(c->l->root, c->d);
    const char *base = c->o->no_paths ? "." : c->l->working_dir;
    if (c->o->no_normalise)
        cunik_normalise_little(c->l->tree, c->l->root, c->l->name, base, &c->lookup, c->d);
    else
        cunik_normalise(c->l->tree, c->l->root, c->l->name, base, &c->lookup, c->d);
    cunik_check_values(c->l->root, c->d);
    choose_enabled(c);
    cunik_load_environment(c);
    return 0;
}

int cunik_load(const struct load_options *o, struct loaded *ret, struct diagnostics *d,
               struct error **err)
{
    _cleanup_loaded_ struct loaded l = {.tree = cunik_tree_create()};
    struct load_context c = {.o = o, .l = &l, .d = d};
    struct parsed_files files = {0};

    cunik_tree_set_limit(l.tree, o->size_max);
    l.templates = d->templates = o->no_interpolate;
    c.lookup = cunik_variables_lookup(&l.environment);
    int r = load(&c, &files, err);
    parsed_done(&files);
    cunik_map_done(&c.warned);
    cunik_map_done(&c.extended);
    cunik_strv_done(&c.including);
    if (r < 0)
        return r;
    *ret = l;
    l = (struct loaded){0};
    return 0;
}

static void keep_unsupported(struct loaded *l, const struct diagnostics *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diagnostic *item = &d->items[i];
        if (!item->unsupported)
            continue;
        struct unsupported *u = ARRAY_APPEND(l->unsupported, l->n_unsupported);
        *u = (struct unsupported){
            cunik_strdup(item->path ? item->path : ""), cunik_strdup(item->message),
            cunik_asprintf("%s:%u", item->file ? item->file : "-", item->line)};
    }
}

int cunik_load_stack(const struct load_options *o, struct loaded *ret_loaded, struct stack *ret,
                     struct diagnostics *d, struct error **err)
{
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    int r;

    r = cunik_load(o, &l, d, err);
    if (r < 0)
        return r;
    if (!o->no_consistency && !o->no_interpolate && !o->no_normalise)
        cunik_stack_from_tree(l.root, l.name, l.working_dir, &l.enabled, &s, d);
    r = cunik_diagnostics_fail(d, err);
    if (r < 0)
        return r;
    keep_unsupported(&l, d);
    *ret = s;
    s = (struct stack){0};
    if (ret_loaded) {
        *ret_loaded = l;
        l = (struct loaded){0};
    }
    return 0;
}

int cunik_load_project_name(const struct load_options *o, char **ret, struct error **err)
{
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct load_context c = {.o = o, .l = &l, .d = &d};

    c.lookup = cunik_variables_lookup(&l.environment);
    return cunik_load_find_name(&c, ret, err);
}

void cunik_loaded_done(struct loaded *l)
{
    cunik_tree_destroy(l->tree);
    free(l->name);
    free(l->working_dir);
    cunik_strv_done(&l->files);
    cunik_strv_done(&l->enabled);
    cunik_variables_done(&l->environment);
    for (size_t i = 0; i < l->n_unsupported; i++) {
        free(l->unsupported[i].path);
        free(l->unsupported[i].why);
        free(l->unsupported[i].place);
    }
    free(l->unsupported);
    *l = (struct loaded){0};
}
