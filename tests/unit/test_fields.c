/* The table of fields keeps its own rules, and finds what it is asked for. */
#include "tests/support/test.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/fields.h"
#include "compose/fields_parts.h"
#include "compose/tree.h"
#include "compose/volume_type.h"
#include "compose/yaml.h"

enum { DEPTH = 16 };

static size_t rows_seen;

/* Sorted names, a sub-table where the type needs one, a short key that exists, help for all. */
static void check_table(const struct fields *table, const char *path, unsigned depth, bool done)
{
    assert_true(depth < DEPTH);
    for (size_t i = 0; i < table->n; i++) {
        const struct field *f = &table->rows[i];
        const struct field_shape *shape = cunik_field_shape(f->type);
        bool maps = (shape->members | shape->items) & SHAPE_MAP || shape->keys == KEYS_FIELDS;
        _cleanup_free_ char *inner = cunik_asprintf("%s.%s", path, f->name);
        rows_seen++;
        if (i && strcmp(table->rows[i - 1].name, f->name) >= 0)
            fail_msg("%s stands behind %s", inner, table->rows[i - 1].name);
        /* What is within a key that is not carried out is not named by itself. */
        bool here = f->support == SUPPORT_FULL || f->support == SUPPORT_TRANSLATED;
        if (done && here != !f->reason)
            fail_msg("%s: a reason stands where, and only where, a key is not carried out", inner);
        if (f->distinct && !(shape->value & SHAPE_LIST))
            fail_msg("%s is no list", inner);
        if (f->range && !(shape->value & SHAPE_INT))
            fail_msg("%s is no number", inner);
        if (cunik_text_blank(f->help))
            fail_msg("%s has no help", inner);
        if (f->type != FIELD_ANY && maps != (f->sub != NULL))
            fail_msg("%s: sub-table and type do not go together", inner);
        bool needs_short =
            f->type == FIELD_SHORT || f->type == FIELD_SHORT_LIST || f->type == FIELD_SHORT_LISTS;
        if (needs_short && (!f->short_key || !cunik_field_find(f->sub, f->short_key)))
            fail_msg("%s: its short form is for no key of it", inner);
        if (f->merge == MERGE_PAIRS)
            assert_int_equal(f->type, FIELD_PAIRS);
        if (f->sub)
            check_table(f->sub, inner, depth + 1, done && here);
    }
    _cleanup_strv_ struct strv order = {0};
    if (table->order)
        cunik_strv_split(&order, table->order, "|");
    for (size_t i = 0; i < order.n; i++)
        if (!cunik_field_find(table, order.items[i]))
            fail_msg("%s has no key %s", path, order.items[i]);
}

static void table_is_whole(void **state _unused_)
{
    rows_seen = 0;
    check_table(&cunik_fields, "", 0, true);
    assert_true(rows_seen > 300);
}

static void lookups(void **state _unused_)
{
    for (size_t i = 0; i < cunik_fields_service.n; i++)
        assert_ptr_equal(cunik_field_find(&cunik_fields_service, cunik_fields_service.rows[i].name),
                         &cunik_fields_service.rows[i]);
    assert_null(cunik_field_find(&cunik_fields_service, ""));
    assert_null(cunik_field_find(&cunik_fields_service, "zzz"));
    assert_string_equal(cunik_field_nearest(&cunik_fields_service, "imgae"), "image");
    assert_string_equal(cunik_field_nearest(&cunik_fields, "serivces"), "services");
    assert_null(cunik_field_nearest(&cunik_fields, "completely-else"));
    assert_true(cunik_field_is_extension(&cunik_fields, "x-mine"));
    assert_false(cunik_field_is_extension(&cunik_fields, "mine"));
}

static void paths(void **state _unused_)
{
    struct field_path services = {.key = "services"}, web = {.parent = &services, .key = "web"},
                      ports = {.parent = &web, .key = "ports"},
                      item = {.parent = &ports, .index = 2}, key = {.parent = &item, .key = "x"};
    _cleanup_free_ char *text = cunik_field_path_text(&key), *none = cunik_field_path_text(NULL);

    assert_string_equal(text, "services.web.ports[2].x");
    assert_string_equal(none, "");
}

struct seen {
    struct buffer values;
    size_t objects;
};

static void count_object(void *context, const struct fields *table _unused_,
                         struct node *map _unused_, const struct field_path *path _unused_)
{
    ((struct seen *)context)->objects++;
}

static bool note_value(void *context, const struct field *field, struct node *value _unused_,
                       const struct field_path *path)
{
    _cleanup_free_ char *text = cunik_field_path_text(path);

    cunik_buffer_printf(&((struct seen *)context)->values, "%s\n", text);
    return strcmp(field->name, "ipam") != 0;
}

static void walking(void **state _unused_)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    struct node *root = cunik_node_map(t, NULL), *networks = cunik_node_map(t, NULL),
                *a = cunik_node_map(t, NULL);
    struct seen seen = {0};

    cunik_node_set(t, root, "networks", networks);
    cunik_node_set(t, root, "x-own", cunik_node_map(t, NULL));
    cunik_node_set(t, networks, "a", a);
    cunik_node_set(t, networks, "b", cunik_node_null(t, NULL));
    cunik_node_set(t, a, "ipam", cunik_node_map(t, NULL));
    cunik_node_set(t, a, "internal", cunik_node_bool(t, NULL, true));
    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){count_object, note_value, &seen});
    assert_string_equal(cunik_buffer_text(&seen.values),
                        "networks\nnetworks.a.ipam\nnetworks.a.internal\n");
    assert_int_equal(seen.objects, 2);
    cunik_buffer_done(&seen.values);
}

/* The golden cases every-key-long, -short and -merged have every key of the table: what stands in
 * them is printed, merged, listed and accepted as their files say (test_load, test_schema). */

/* How a value reads that is not in its long form; a whole number stands for a variable's text. */
static unsigned short_shape(enum field_type type)
{
    switch (type) {
    case FIELD_BOOL:
    case FIELD_INT:
    case FIELD_FLOAT:
    case FIELD_STRING_LIST:
    case FIELD_COMMAND:
    case FIELD_TEST:
    case FIELD_SHORT:
    case FIELD_SHORT_LISTS:
    case FIELD_GPUS:
        return SHAPE_STRING;
    case FIELD_BYTES:
    case FIELD_STRING_INT:
    case FIELD_DEVICE_COUNT:
        return SHAPE_INT;
    case FIELD_PAIRS:
    case FIELD_NAMES:
    case FIELD_DEPENDS:
    case FIELD_SHORT_LIST:
    case FIELD_PORTS:
    case FIELD_VOLUMES:
    case FIELD_DEVICES:
        return SHAPE_LIST;
    case FIELD_HOSTS:
        return SHAPE_MAP;
    case FIELD_EXTERNAL:
        return SHAPE_BOOL;
    default:
        return 0;
    }
}

static bool is_short(const struct field *f, const struct node *n)
{
    static const unsigned shapes[] = {
        [NODE_BOOL] = SHAPE_BOOL,     [NODE_INT] = SHAPE_INT,   [NODE_FLOAT] = SHAPE_FLOAT,
        [NODE_STRING] = SHAPE_STRING, [NODE_LIST] = SHAPE_LIST, [NODE_MAP] = SHAPE_MAP,
    };
    bool items = cunik_field_shape(f->type)->items & SHAPE_MAP;

    if (shapes[n->kind] != short_shape(f->type))
        return false;
    return n->kind != NODE_LIST || !items || (n->n && n->items[0]->kind == NODE_STRING) ||
           (n->n && n->items[0]->kind == NODE_INT);
}

struct met {
    const struct field *rows[1000];
    size_t n;
    bool only_short;
};

static bool has_met(const struct met *m, const struct field *f)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->rows[i] == f)
            return true;
    return false;
}

static bool meet(void *context, const struct field *f, struct node *n,
                 const struct field_path *path _unused_)
{
    struct met *m = context;

    if (!has_met(m, f) && (!m->only_short || is_short(f, n))) {
        assert_true(m->n < ARRAY_SIZE(m->rows));
        m->rows[m->n++] = f;
    }
    return true;
}

static size_t expect_met(const struct met *m, const struct fields *table, const char *path)
{
    size_t missing = 0;

    for (size_t i = 0; i < table->n; i++) {
        const struct field *f = &table->rows[i];
        _cleanup_free_ char *inner = cunik_asprintf("%s.%s", path, f->name);
        if ((!m->only_short || short_shape(f->type)) && !has_met(m, f)) {
            print_error("%s is not there\n", inner);
            missing++;
        }
        if (f->sub)
            missing += expect_met(m, f->sub, inner);
    }
    return missing;
}

static void every_key(void **state _unused_)
{
    static const struct {
        const char *path;
        bool only_short;
    } files[] = {
        {"tests/golden/compose/every-key-long/compose.yaml", false},
        {"tests/golden/compose/every-key-short/compose.yaml", true},
        {"tests/golden/compose/every-key-merged/over.yaml", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
        _cleanup_free_ char *text = test_read(files[i].path);
        _cleanup_error_ struct error *err = NULL;
        struct met m = {.only_short = files[i].only_short};
        struct node **documents;
        size_t n;
        test_ok(cunik_yaml_parse(t, files[i].path, text, strlen(text), NULL, &documents, &n, &err),
                err);
        cunik_fields_walk(&cunik_fields, documents[0], NULL,
                          &(struct field_visitor){.value = meet, .context = &m});
        if (expect_met(&m, &cunik_fields, ""))
            fail_msg("keys of the table are not in %s", files[i].path);
    }
}

static void manual(void **state _unused_)
{
    _cleanup_free_ char *text = cunik_fields_manual();

    assert_non_null(strstr(text, "*services.\\*.unikernel.kernel*"));
    assert_non_null(strstr(text, "*networks.\\*.ipam.config[].subnet*"));
    assert_non_null(strstr(text, "- services.\\*.cap_add: "));
    assert_null(strstr(text, "*services.\\*.cap_add*"));
    assert_non_null(strstr(text, "*services.\\*.build.context*"));
    assert_non_null(strstr(text, "*include[].project_directory*"));
    assert_null(strstr(text, "- include[]."));
}

/* What the table lets be said is what the types are called, in one order. */
static void volume_types(void **state _unused_)
{
    const struct field *f = cunik_field_find(&cunik_fields_mount, "type");
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    struct node *entry = cunik_node_map(t, &(struct place){0});
    _cleanup_strv_ struct strv names = {0};

    cunik_strv_split(&names, f->choices, "|");
    assert_int_equal(names.n, VOLUME_TYPE_MAX_);
    assert_int_equal(cunik_volume_type_of(entry), VOLUME_TYPE_MAX_);
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.items[i];
        cunik_node_set(t, entry, "type", cunik_node_string(t, &(struct place){0}, name));
        assert_string_equal(cunik_volume_type_name(i), name);
        assert_int_equal(cunik_volume_type_of(entry), i);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole), cmocka_unit_test(lookups), cmocka_unit_test(paths),
        cmocka_unit_test(walking),        cmocka_unit_test(manual),  cmocka_unit_test(every_key),
        cmocka_unit_test(volume_types),
    };
    return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
