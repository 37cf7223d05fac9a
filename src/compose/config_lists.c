#include "compose/config_lists.h"

#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "compose/canonical.h"
#include "compose/emit.h"
#include "compose/fields.h"
#include "compose/interpolate.h"

/* A line for each name. */
static char *lines(void (*list)(const struct loaded *, struct strv *), const struct loaded *l)
{
    _cleanup_strv_ struct strv names = {0};
    struct buffer b = {0};

    list(l, &names);
    for (size_t i = 0; i < names.n; i++)
        cunik_buffer_printf(&b, "%s\n", names.items[i]);
    cunik_buffer_text_append(&b, "");
    return cunik_buffer_take(&b);
}

static char *list_services(const struct loaded *l)
{
    return lines(cunik_canonical_services, l);
}

static char *list_images(const struct loaded *l)
{
    return lines(cunik_canonical_images, l);
}

static char *list_networks(const struct loaded *l)
{
    return lines(cunik_canonical_networks, l);
}

static char *list_profiles(const struct loaded *l)
{
    return lines(cunik_canonical_profiles, l);
}

static char *list_volumes(const struct loaded *l)
{
    return lines(cunik_canonical_volumes, l);
}

static char *list_environment(const struct loaded *l)
{
    _cleanup_strv_ struct strv all = {0};

    for (size_t i = 0; i < cunik_variables_count(&l->environment); i++)
        cunik_strv_take(&all, cunik_asprintf("%s=%s\n", cunik_variables_name(&l->environment, i),
                                             cunik_variables_value(&l->environment, i)));
    cunik_strv_sort(&all);
    return cunik_strv_join(&all, "");
}

static int compare_variables(const void *a, const void *b)
{
    return strcmp(((const struct template_variable *)a)->name,
                  ((const struct template_variable *)b)->name);
}

static char *list_variables(const struct loaded *l)
{
    static const char *const headings[] = {"NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"};
    _cleanup_template_variables_ struct template_variables v = {0};
    _cleanup_table_ struct table t = {0};

    cunik_template_variables(l->root, &v);
    if (v.n)
        qsort(v.items, v.n, sizeof(*v.items), compare_variables);
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < v.n; i++) {
        cunik_table_cell(&t, v.items[i].name);
        cunik_table_cell(&t, v.items[i].required ? "true" : "false");
        cunik_table_cell(&t, v.items[i].default_value);
        cunik_table_cell(&t, v.items[i].presence_value);
    }
    return cunik_table_text(&t);
}

/* What can change while the service stays as it is. */
static char *hash_of(json_t *service)
{
    static const char *const aside[] = {"build", "pull_policy", "scale", "depends_on", "profiles"};
    json_t *deploy = json_object_get(service, "deploy");

    for (size_t i = 0; i < ARRAY_SIZE(aside); i++)
        json_object_del(service, aside[i]);
    if (deploy)
        json_object_del(deploy, "replicas");
    if (deploy && !json_object_size(deploy))
        json_object_del(service, "deploy");
    _cleanup_free_ char *text = cunik_json_text(service, JSON_SORT_KEYS | JSON_COMPACT);
    return cunik_digest_hex(text, strlen(text), 2 * (size_t)DIGEST_SIZE);
}

int cunik_config_hashes(const struct loaded *l, const char *names, char **ret, struct error **err)
{
    _cleanup_json_ json_t *all = cunik_node_to_json(cunik_canonical(l));
    json_t *services = json_object_get(all, "services");
    _cleanup_strv_ struct strv wanted = {0};
    _cleanup_buffer_ struct buffer b = {0};

    if (strcmp(names, "*") == 0)
        cunik_canonical_services(l, &wanted);
    else
        cunik_strv_split(&wanted, names, ",");
    cunik_strv_sort(&wanted);
    for (size_t i = 0; i < wanted.n; i++) {
        json_t *service = json_object_get(services, wanted.items[i]);
        if (!service)
            return cunik_error_set(err, ERROR_INVALID, "no such service: %s", wanted.items[i]);
        _cleanup_free_ char *hash = hash_of(service);
        cunik_buffer_printf(&b, "%s %s\n", wanted.items[i], hash);
    }
    cunik_buffer_text_append(&b, "");
    *ret = cunik_buffer_take(&b);
    return 0;
}

static bool add_unsupported(void *context, const struct field *field, struct node *n,
                            const struct field_path *path)
{
    struct table *t = context;

    if (field->support == SUPPORT_FULL || field->support == SUPPORT_TRANSLATED)
        return true;
    _cleanup_free_ char *where = cunik_field_path_text(path);
    cunik_table_cell(t, where);
    if (field->reason)
        cunik_table_cell(t, field->reason);
    else
        cunik_table_cell(t, field->support == SUPPORT_IDLE ? "has no effect" : "not carried out");
    cunik_table_cellf(t, "%s:%u", n->key_place.file ? n->key_place.file : "-", n->key_place.line);
    return false;
}

static char *list_unsupported(const struct loaded *l)
{
    static const char *const headings[] = {"KEY", "WHY", "PLACE"};
    _cleanup_table_ struct table t = {0};

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    cunik_fields_walk(&cunik_fields, l->root, NULL,
                      &(struct field_visitor){.value = add_unsupported, .context = &t});
    for (size_t i = 0; i < l->n_unsupported; i++) {
        cunik_table_cell(&t, l->unsupported[i].path);
        cunik_table_cell(&t, l->unsupported[i].why);
        cunik_table_cell(&t, l->unsupported[i].place);
    }
    return t.cells.n > t.n_columns ? cunik_table_text(&t) : cunik_strdup("");
}

const struct config_list cunik_config_lists[CONFIG_LISTS] = {
    {"services", list_services},   {"images", list_images},
    {"volumes", list_volumes},     {"networks", list_networks},
    {"profiles", list_profiles},   {"environment", list_environment},
    {"variables", list_variables}, {"unsupported", list_unsupported},
};
