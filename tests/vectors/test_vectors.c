/* Runs the test vectors of ../shared/vectors/compose whose kind stands in a table below, one line
 * of the Test Anything Protocol for each. Vectors that do not pass are listed with their reason in
 * tests/vectors-known.txt; one that is listed there and passes, or does not exist, is a failure
 * too.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/strv.h"
#include "tests/vectors/vector.h"

#define VECTORS "../shared/vectors/compose"
#define KNOWN "tests/vectors-known.txt"

enum { FILE_LIMIT = 16 << 20 };

static const struct {
    const struct vector_kind *kinds;
    const size_t *n;
} tables[] = {
    {vectors_template, &n_vectors_template}, {vectors_dotenv, &n_vectors_dotenv},
    {vectors_cycles, &n_vectors_cycles},     {vectors_loader, &n_vectors_loader},
    {vectors_forms, &n_vectors_forms},
};

/* Names of vectors that are known not to pass; a value says whether the name was met. */
struct known {
    struct map met;
};

static int n_lines, n_failed;

static void say(bool ok, const char *name, const char *detail)
{
    for (const char *line = detail; *line; line += strcspn(line, "\n")) {
        line += *line == '\n';
        printf("# %.*s\n", (int)strcspn(line, "\n"), line);
    }
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++n_lines, name);
    n_failed += !ok;
}

const char *vector_text(const json_t *vector, const char *key)
{
    const char *text = json_string_value(json_object_get(vector, key));

    return text ? text : "";
}

void vector_variables(const json_t *object, struct variables *ret)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)object, name, value)
        cunik_variables_set(ret, name, json_string_value(value));
}

bool vector_message_fits(const json_t *vector, const char *error)
{
    const char *expected = vector_text(vector, "error");
    const char *match = vector_text(vector, "error_match");

    if (strcmp(match, "any") == 0)
        return true;
    if (strcmp(match, "prefix") == 0)
        return strncmp(error, expected, strlen(expected)) == 0;
    if (strcmp(match, "contains") == 0)
        return strstr(error, expected) != NULL;
    return strcmp(error, expected) == 0;
}

bool vector_outcome(const json_t *vector, const char *error, struct buffer *complaint)
{
    bool wants_error = json_object_get(vector, "error") != NULL;

    if (!wants_error && error)
        cunik_buffer_printf(complaint, "fails: %s", error);
    else if (wants_error && !error)
        cunik_buffer_printf(complaint, "succeeds");
    else if (wants_error && !vector_message_fits(vector, error))
        cunik_buffer_printf(complaint, "fails otherwise: %s", error);
    return !wants_error && !error;
}

static vector_run *find_kind(const char *file, const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (size_t j = 0; j < *tables[i].n; j++)
            if (strcmp(tables[i].kinds[j].file, file) == 0 &&
                strcmp(tables[i].kinds[j].kind, kind) == 0)
                return tables[i].kinds[j].run;
    return NULL;
}

/* Lines that start with a blank are the reason for the name before them, "#" starts a comment. */
static int read_known(struct known *known, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ struct strv lines = {0};
    bool reasoned = true;

    int r = cunik_file_read(KNOWN, FILE_LIMIT, &text, NULL, err);
    if (r < 0)
        return r;
    cunik_strv_split(&lines, text, "\n");
    for (size_t i = 0; i < lines.n; i++) {
        const char *line = lines.items[i];
        if (*line == '#')
            continue;
        if (*line == ' ') {
            reasoned = true;
            continue;
        }
        if (!reasoned)
            break;
        reasoned = false;
        if (!cunik_map_add(&known->met, line, NULL))
            return cunik_error_set(err, ERROR_INVALID, "%s lists \"%s\" twice", KNOWN, line);
    }
    return reasoned ? 0 : cunik_error_set(err, ERROR_INVALID, "%s: a name has no reason", KNOWN);
}

static void run(const char *file, const json_t *vector, struct known *known)
{
    _cleanup_buffer_ struct buffer complaint = {0};
    const char *name = vector_text(vector, "name");
    const char *kind = vector_text(vector, "kind");
    vector_run *function = find_kind(file, kind);
    bool listed = cunik_map_has(&known->met, name);

    if (!function) {
        cunik_buffer_printf(&complaint, "%s: kind \"%s\" is in no table", file, kind);
        say(false, name, cunik_buffer_text(&complaint));
        return;
    }
    function(vector, &complaint);
    if (listed)
        cunik_map_set(&known->met, name, known);
    if (listed && !complaint.size)
        cunik_buffer_printf(&complaint, "passes: take it out of %s", KNOWN);
    else if (listed)
        complaint.size = 0;
    say(!complaint.size, name, cunik_buffer_text(&complaint));
}

static int run_file(const char *file, struct known *known, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(VECTORS, file), *text = NULL;
    _cleanup_json_ json_t *vectors = NULL;
    json_t *vector;
    size_t size, i;

    int r = cunik_file_read(path, FILE_LIMIT, &text, &size, err);
    if (r < 0)
        return r;
    r = cunik_json_parse(text, size, path, &vectors, err);
    if (r < 0)
        return r;
    json_array_foreach (vectors, i, vector)
        run(file, vector, known);
    return 0;
}

static int run_all(struct known *known, struct error **err)
{
    const char *last = "";

    int r = read_known(known, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tables); i++) {
        for (size_t j = 0; r == 0 && j < *tables[i].n; j++) {
            if (strcmp(tables[i].kinds[j].file, last) == 0)
                continue;
            last = tables[i].kinds[j].file;
            r = run_file(last, known, err);
        }
    }
    for (size_t i = 0; r == 0 && i < known->met.n; i++)
        if (!known->met.entries[i].value)
            say(false, known->met.entries[i].key, "is listed as known but was not met");
    return r;
}

int main(void)
{
    struct known known = {0};
    _cleanup_error_ struct error *err = NULL;

    if (!cunik_file_exists(VECTORS)) {
        printf("1..1\nok 1 - test vectors # SKIP optional: %s is not there\n", VECTORS);
        return 0;
    }
    if (run_all(&known, &err) < 0)
        say(false, "test vectors", err->message);
    printf("1..%d\n", n_lines);
    cunik_map_done(&known.met);
    return n_failed ? 1 : 0;
}
