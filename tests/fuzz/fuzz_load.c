/* The whole loader, on files that are in memory only.
 *
 * The input is compose.yaml; a line "#FILE NAME" begins another file, which the first ones may
 * include, extend or read variables from. The letters of the file "options" are options of the load
 * (see below). Whatever the files hold, the load ends with a stack or with mistakes in words; what
 * `config` prints of a stack is loaded again, as YAML and as JSON, and gives the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/canonical.h"
#include "compose/config_lists.h"
#include "compose/lower.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLDER "/stack"
#define MARK "#FILE "

enum { FILES_MAX = 16 };

struct files {
    struct file {
        char *path;
        const char *text;
        size_t size;
    } items[FILES_MAX];
    size_t n;
};

static const struct file *find(const struct files *f, const char *path)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->items[i].path, path) == 0)
            return &f->items[i];
    return NULL;
}

static bool exists(void *context, const char *path)
{
    return find(context, path) || strcmp(path, FOLDER) == 0;
}

static bool is_folder(void *context, const char *path)
{
    return !find(context, path);
}

static int read_file(void *context, const char *path, size_t limit, char **ret, size_t *ret_size,
                     struct error **err)
{
    const struct file *file = find(context, path);

    if (!file || file->size > limit)
        return cunik_error_set(err, ERROR_NOT_FOUND, "reading '%s': not there", path);
    char *text = cunik_malloc(file->size + 1);
    for (size_t i = 0; i < file->size; i++)
        text[i] = file->text[i];
    text[file->size] = '\0';
    *ret = text;
    *ret_size = file->size;
    return 0;
}

static void add_file(struct files *f, const char *name, const char *text, size_t size)
{
    if (f->n < FILES_MAX)
        f->items[f->n++] =
            (struct file){.path = cunik_path_join(FOLDER, name), .text = text, .size = size};
}

static void split(struct files *f, const char *data, size_t size)
{
    const char *end = data + size, *begin = data;
    _cleanup_free_ char *name = cunik_strdup("compose.yaml");

    while (begin < end || !f->n) {
        const char *mark = begin, *next = end;
        while ((mark = memmem(mark, (size_t)(end - mark), MARK, strlen(MARK)))) {
            if (mark == data || mark[-1] == '\n')
                break;
            mark++;
        }
        next = mark ? mark : end;
        add_file(f, name, begin, (size_t)(next - begin));
        if (!mark)
            return;
        const char *line = mark + strlen(MARK);
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        free(name);
        name = cunik_strndup(line, (size_t)((feed ? feed : end) - line));
        begin = feed ? feed + 1 : end;
    }
}

static void take_options(const struct files *f, struct load_options *o, bool *ret_strict)
{
    const struct file *file = find(f, FOLDER "/options");

    for (size_t i = 0; file && i < file->size; i++) {
        char c = file->text[i];
        o->no_interpolate |= c == 'i';
        o->no_normalise |= c == 'n';
        o->no_paths |= c == 'p';
        o->no_consistency |= c == 'c';
        *ret_strict |= c == 's';
    }
}

/* What was printed, loaded again, is printed the same. */
static void load_again(const struct load_options *first, const char *text, const char *expected)
{
    struct files f = {0};
    const struct load_files from = {exists, is_folder, read_file, &f};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_strv_ struct strv profiles = {0}, names = {0};
    struct load_options o = *first;

    cunik_strv_add(&profiles, "*");
    cunik_strv_add(&names, "compose.yaml");
    o.files = &names;
    o.from = &from;
    o.environment = NULL;
    o.profiles = &profiles;
    o.env_files = NULL;
    add_file(&f, "compose.yaml", text, strlen(text));
    if (cunik_load_stack(&o, &l, &s, &d, &err) < 0) {
        fprintf(stderr, "%s\ndoes not load again: %s\n", text, err->message);
        abort();
    }
    _cleanup_free_ char *again = cunik_canonical_yaml(&l);
    if (strcmp(again, expected) != 0) {
        fprintf(stderr, "%s\nbecomes\n%s\n", expected, again);
        abort();
    }
    free(f.items[0].path);
}

/* What JSON cannot say: a number that is none or has no end, and what YAML's readers, who give up
 * on a key of more than 1024 characters that nothing announces, would not find in it. */
static bool is_beyond_json(const struct node *n)
{
    enum { CHARACTERS = 1024, ESCAPED = 6 };

    if ((n->key && strlen(n->key) > CHARACTERS / ESCAPED) ||
        (n->kind == NODE_FLOAT && !isfinite(n->number)))
        return true;
    for (size_t i = 0; i < n->n; i++)
        if (is_beyond_json(n->items[i]))
            return true;
    return false;
}

static void use(const struct load_options *o, const struct loaded *l, const struct stack *s)
{
    _cleanup_free_ char *yaml = cunik_canonical_yaml(l), *json = cunik_canonical_json(l);
    _cleanup_free_ char *hashes = NULL;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_world_ struct world world = {0};

    for (size_t i = 0; i < CONFIG_LISTS; i++) {
        _cleanup_free_ char *text = cunik_config_lists[i].list(l);
        if (!text)
            abort();
    }
    load_again(o, yaml, yaml);
    if (!is_beyond_json(l->root))
        load_again(o, json, yaml);
    if (cunik_config_hashes(l, "*", &hashes, &err) < 0)
        abort();
    if (s->name && cunik_lower(s, &world, &err) < 0 && err->code != ERROR_INVALID)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const environment[] = {
        "HOME=/home/user", "A=a", "N=12", "EMPTY=", "DOLLAR=$A${B", "T=true", "L=x: y\n- z", NULL};
    struct files f = {0};
    const struct load_files from = {exists, is_folder, read_file, &f};
    _cleanup_strv_ struct strv names = {0};
    struct load_options o = {.working_dir = FOLDER, .from = &from, .files = &names};
    struct diagnostics d = {0};
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    _cleanup_error_ struct error *err = NULL;

    split(&f, (const char *)data, size);
    take_options(&f, &o, &d.strict);
    o.environment = environment;
    cunik_strv_add(&names, "compose.yaml");
    if (find(&f, FOLDER "/over.yaml"))
        cunik_strv_add(&names, "over.yaml");
    if (cunik_load_stack(&o, &l, &s, &d, &err) == 0)
        use(&o, &l, &s);
    else if (err->code != ERROR_INVALID || !*err->message)
        abort();
    cunik_diagnostics_done(&d);
    for (size_t i = 0; i < f.n; i++)
        free(f.items[i].path);
    return 0;
}
