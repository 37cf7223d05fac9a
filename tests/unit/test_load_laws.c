/* Laws of loading, over random stack files made from the table of fields: what is printed loads
 * again to the same, as YAML and as JSON; an empty file beside it changes nothing; the order of
 * keys does not matter. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "compose/canonical.h"
#include "compose/emit.h"
#include "compose/fields.h"

enum { CASES = 300, DEPTH = 5 };

struct maker {
    struct tree *tree;
    uint64_t *seed;
};

static uint64_t below(const struct maker *m, uint64_t limit)
{
    return test_random_below(m->seed, limit);
}

static struct node *text(const struct maker *m, const char *s)
{
    return cunik_node_string(m->tree, NULL, s);
}

static const char *word(const struct maker *m)
{
    static const char *const words[] = {"a", "bb", "c-c", "d_4", "e.e", "web", "yes", "5", "no"};

    return words[below(m, ARRAY_SIZE(words))];
}

/* Whatever may stand in a string, dollars doubled. */
static struct node *any_text(const struct maker *m)
{
    static const char *const texts[] = {
        "",      "plain", "true",  "0x10", "1e3",   "a: b", "#x",   "a\nb\n", "$$x",     "~",
        " lead", "it's",  "\"q\"", "-",    "a # b", "null", "1:30", "[1, 2",  "\xc3\xa4"};

    return text(m, texts[below(m, ARRAY_SIZE(texts))]);
}

static struct node *object(const struct maker *m, const struct fields *table, unsigned depth);

static struct node *choice(const struct maker *m, const char *choices)
{
    _cleanup_strv_ struct strv names = {0};

    cunik_strv_split(&names, choices, "|");
    return text(m, names.items[below(m, names.n)]);
}

static bool stands_in(const struct node *list, const struct node *item)
{
    for (size_t i = 0; i < list->n; i++)
        if (cunik_node_equal(list->items[i], item))
            return true;
    return false;
}

static struct node *list_of(const struct maker *m, const struct field *f,
                            struct node *(*make)(const struct maker *))
{
    struct node *list = cunik_node_list(m->tree, NULL);

    for (uint64_t n = below(m, 4); n > 0; n--) {
        struct node *item = make(m);
        if (!f->distinct || !stands_in(list, item))
            cunik_node_append(m->tree, list, item);
    }
    return list;
}

static struct node *a_word(const struct maker *m)
{
    return text(m, word(m));
}

static struct node *scalar(const struct maker *m)
{
    switch (below(m, 4)) {
    case 0:
        return cunik_node_int(m->tree, NULL, (int64_t)below(m, 5000));
    case 1:
        return cunik_node_bool(m->tree, NULL, below(m, 2));
    case 2:
        return cunik_node_float(m->tree, NULL, 0.5 * (double)below(m, 9));
    default:
        return any_text(m);
    }
}

static struct node *map_of(const struct maker *m, struct node *(*make)(const struct maker *))
{
    struct node *map = cunik_node_map(m->tree, NULL);

    for (uint64_t n = below(m, 4); n > 0; n--)
        cunik_node_set(m->tree, map, word(m), make(m));
    return map;
}

static struct node *pair(const struct maker *m)
{
    _cleanup_free_ char *s = cunik_asprintf("%s=%s", word(m), word(m));

    return text(m, s);
}

static struct node *number(const struct maker *m)
{
    return cunik_node_int(m->tree, NULL, (int64_t)below(m, 100));
}

static struct node *port(const struct maker *m)
{
    static const char *const ports[] = {"80",   "8080:80",    "127.0.0.1:81:80", "53:53/udp",
                                        "9-11", "90-92:9-11", "[::1]:5:5"};

    return text(m, ports[below(m, ARRAY_SIZE(ports))]);
}

static struct node *volume(const struct maker *m)
{
    static const char *const volumes[] = {"/a:/b", "./c:/d:ro", "named:/e", "/f", "~/g:/h:rw"};

    return text(m, volumes[below(m, ARRAY_SIZE(volumes))]);
}

static struct node *device(const struct maker *m)
{
    return text(m, below(m, 2) ? "/dev/a" : "/dev/a:/dev/b:r");
}

static struct node *host(const struct maker *m)
{
    _cleanup_free_ char *s = cunik_asprintf("%s=10.0.0.%d", word(m), (int)below(m, 9));

    return text(m, s);
}

/* A few mappings of a table, in a list or by name. */
static struct node *objects(const struct maker *m, const struct fields *table, bool named,
                            unsigned depth)
{
    struct node *all = named ? cunik_node_map(m->tree, NULL) : cunik_node_list(m->tree, NULL);

    for (uint64_t n = below(m, 3); n > 0; n--) {
        struct node *one = object(m, table, depth);
        if (named)
            cunik_node_set(m->tree, all, word(m), one);
        else
            cunik_node_append(m->tree, all, one);
    }
    return all;
}

static struct node *value(const struct maker *m, const struct field *f, unsigned depth)
{
    bool brief = below(m, 2);

    if (f->choices)
        return choice(m, f->choices);
    switch (f->type) {
    case FIELD_STRING:
        return f->base ? text(m, "some/path") : below(m, 2) ? a_word(m) : any_text(m);
    case FIELD_BOOL:
    case FIELD_EXTERNAL:
        return cunik_node_bool(m->tree, NULL, below(m, 2));
    case FIELD_INT:
    case FIELD_FLOAT:
    case FIELD_STRING_INT:
    case FIELD_DEVICE_COUNT:
        return number(m);
    case FIELD_BYTES:
        return brief ? number(m) : text(m, "64M");
    case FIELD_DURATION:
        return text(m, brief ? "1m30s" : "500ms");
    case FIELD_STRING_NUMBER:
    case FIELD_MODE:
        return brief ? number(m) : any_text(m);
    case FIELD_STRING_BOOL:
        return brief ? cunik_node_bool(m->tree, NULL, below(m, 2)) : any_text(m);
    case FIELD_STRINGS:
    case FIELD_SCALARS:
        return list_of(m, f, a_word);
    case FIELD_STRING_LIST:
        return brief ? a_word(m) : list_of(m, f, a_word);
    case FIELD_PAIRS:
        return brief ? list_of(m, f, pair) : map_of(m, scalar);
    case FIELD_MAPPING:
        return map_of(m, number);
    case FIELD_TEXTS:
        return map_of(m, any_text);
    case FIELD_OPTIONS:
        return map_of(m, scalar);
    case FIELD_HOSTS:
        return list_of(m, f, host);
    case FIELD_COMMAND:
    case FIELD_TEST:
        return brief ? text(m, "run 'a b' --now") : list_of(m, f, a_word);
    case FIELD_OBJECT:
        return object(m, f->sub, depth);
    case FIELD_SHORT:
        return brief ? text(m, "short") : object(m, f->sub, depth);
    case FIELD_MAP:
        return objects(m, f->sub, true, depth);
    case FIELD_LIST:
        return objects(m, f->sub, false, depth);
    case FIELD_SHORT_LIST:
    case FIELD_SHORT_LISTS:
        return brief ? list_of(m, f, a_word) : objects(m, f->sub, false, depth);
    case FIELD_NAMES:
    case FIELD_DEPENDS:
        return brief ? list_of(m, f, a_word) : objects(m, f->sub, true, depth);
    case FIELD_PORTS:
        return brief ? list_of(m, f, port) : objects(m, f->sub, false, depth);
    case FIELD_VOLUMES:
        return brief ? list_of(m, f, volume) : objects(m, f->sub, false, depth);
    case FIELD_DEVICES:
        return brief ? list_of(m, f, device) : objects(m, f->sub, false, depth);
    case FIELD_GPUS:
        return brief ? text(m, "all") : objects(m, f->sub, false, depth);
    case FIELD_ULIMITS:
        return brief ? map_of(m, number) : objects(m, f->sub, true, depth);
    default:
        return any_text(m);
    }
}

/* Files that would have to be there, and what goes beyond one stack, have tests of their own. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"env_file", "label_file", "extends",
                                        "include",  "name",       "version"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static struct node *object(const struct maker *m, const struct fields *table, unsigned depth)
{
    struct node *map = cunik_node_map(m->tree, NULL);

    for (size_t i = 0; i < table->n; i++) {
        const struct field *f = &table->rows[i];
        bool wanted = f->required || (depth && below(m, table->n) < 4);
        if (wanted && (table != &cunik_fields || !is_left_out(f->name)) &&
            (table != &cunik_fields_service || !is_left_out(f->name)))
            cunik_node_set(m->tree, map, f->name, value(m, f, depth ? depth - 1 : 0));
    }
    if (table->extensions && !below(m, 4))
        cunik_node_set(m->tree, map, "x-own", map_of(m, scalar));
    return map;
}

static struct node *stack(const struct maker *m)
{
    struct node *root = object(m, &cunik_fields, DEPTH),
                *services = cunik_node_get(root, "services");

    if (!services)
        services = objects(m, &cunik_fields_service, true, DEPTH);
    cunik_node_set(m->tree, services, "web", object(m, &cunik_fields_service, DEPTH));
    cunik_node_set(m->tree, root, "services", services);
    return root;
}

/* The same with the members of every mapping in another order. */
static struct node *shuffled(const struct maker *m, const struct node *n)
{
    struct node *copy = cunik_node_copy(m->tree, n);

    if (n->kind != NODE_MAP && n->kind != NODE_LIST)
        return copy;
    for (size_t i = 0; i < copy->n; i++) {
        const char *key = copy->items[i]->key;
        copy->items[i] = shuffled(m, copy->items[i]);
        copy->items[i]->key = key;
    }
    for (size_t i = copy->n; n->kind == NODE_MAP && i > 1; i--) {
        size_t other = below(m, i);
        struct node *kept = copy->items[i - 1];
        copy->items[i - 1] = copy->items[other];
        copy->items[other] = kept;
    }
    copy->index = NULL;
    return copy;
}

/* Writes files and loads them as one stack: what `config` prints, or NULL with the mistakes. */
static char *load(const char *folder, const char *const *texts, size_t n, bool json,
                  char **ret_mistakes)
{
    _cleanup_strv_ struct strv files = {0}, all = {0};
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    struct load_options o = {
        .working_dir = folder, .files = &files, .profiles = &all, .project_name = "laws"};

    cunik_strv_add(&all, "*");
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%zu.yaml", folder, i);
        test_ok(cunik_file_write(path, texts[i], strlen(texts[i]), 0644, false, &err), err);
        cunik_strv_add(&files, path);
    }
    if (cunik_load(&o, &l, &d, &err) < 0 || cunik_diagnostics_fail(&d, &err) < 0) {
        *ret_mistakes = cunik_strdup(err->message);
        return NULL;
    }
    *ret_mistakes = NULL;
    return json ? cunik_canonical_json(&l) : cunik_canonical_yaml(&l);
}

static void expect_same(const char *folder, const char *law, const char *source,
                        const char *const *texts, size_t n, bool json, const char *expected)
{
    _cleanup_free_ char *mistakes = NULL;
    _cleanup_free_ char *got = load(folder, texts, n, json, &mistakes);

    if (got && strcmp(got, expected) == 0)
        return;
    fprintf(stderr, "--- the stack file\n%s--- gives\n%s--- and then\n%s\n", source, expected,
            got ? got : mistakes);
    fail_msg("%s", law);
}

static void check(const char *folder, const struct maker *m, const struct node *root,
                  const char *source, const char *yaml)
{
    static const char nothing[] = "services: {}\n";
    _cleanup_free_ char *mistakes = NULL;
    _cleanup_free_ char *json = load(folder, &source, 1, true, &mistakes);
    _cleanup_free_ char *other = cunik_emit_yaml(shuffled(m, root));

    expect_same(folder, "printed YAML", source, &yaml, 1, false, yaml);
    expect_same(folder, "printed JSON", source, (const char *[]){json}, 1, true, json);
    expect_same(folder, "empty file after", source, (const char *[]){source, nothing}, 2, false,
                yaml);
    expect_same(folder, "empty file before", source, (const char *[]){nothing, source}, 2, false,
                yaml);
    expect_same(folder, "order of keys", source, (const char *[]){other}, 1, false, yaml);
}

static void laws(void **state _unused_)
{
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_error_ struct error *err = NULL;
    uint64_t seed = test_seed();
    size_t n = 0;

    for (size_t i = 0; i < CASES; i++) {
        struct tree *t = cunik_tree_create();
        struct maker m = {t, &seed};
        struct node *root = stack(&m);
        _cleanup_free_ char *source = cunik_emit_yaml(root), *mistakes = NULL;
        const char *texts[] = {source};
        _cleanup_free_ char *yaml = load(folder, texts, 1, false, &mistakes);
        if (yaml) {
            check(folder, &m, root, source, yaml);
            n++;
        } else if (getenv("SHOW")) {
            printf("# %s\n", mistakes);
        }
        cunik_tree_destroy(t);
    }
    printf("# %zu of %d random stack files load\n", n, CASES);
    assert_true(n > CASES / 3);
    test_ok(cunik_file_remove_tree(folder, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(laws)};

    return cmocka_run_group_tests_name("load_laws", tests, NULL, NULL);
}
