/* What differs between two records, in words. Nothing here runs for records that are equal. */
#include "engine/record.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/world.h"

/* A value longer than this is cut: a reason is a line to read. */
enum { VALUE_MOST = 64 };

struct diff {
    const void *actual, *desired; /* the outermost records, for labels */
    struct strv *recreate, *update;
};

static const void *at(const void *data, size_t offset)
{
    return (const char *)data + offset;
}

static const char *text_of(const char *s)
{
    return s ? s : "";
}

/* Takes the line. */
static void say(struct diff *d, enum field_effect effect, char *line)
{
    if (effect == EFFECT_RECREATE)
        cunik_strv_take(d->recreate, line);
    else
        cunik_strv_take(d->update, line);
}

static char *quoted(const char *s)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_char(&b, '"');
    for (; *s; s++) {
        /* Never in the middle of a UTF-8 sequence. */
        if (b.size > VALUE_MOST && ((unsigned char)*s & 0xc0) != 0x80) {
            cunik_buffer_text_append(&b, "…");
            break;
        }
        if (*s == '"' || *s == '\\')
            cunik_buffer_printf(&b, "\\%c", *s);
        else if (*s == '\n')
            cunik_buffer_text_append(&b, "\\n");
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            cunik_buffer_printf(&b, "\\x%02x", (unsigned char)*s);
        else
            cunik_buffer_char(&b, *s);
    }
    cunik_buffer_char(&b, '"');
    return cunik_buffer_take(&b);
}

/* Whether a variable of this name is likely to hold something that nobody else should read. */
static bool secret(const char *key)
{
    static const char *const words[] = {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET",
                                        "TOKEN",    "KEY",    "CREDENTIAL"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcasestr(key, words[i]))
            return true;
    return false;
}

static char *bytes_text(int64_t n)
{
    static const char units[] = "GMK";

    for (size_t i = 0; n && units[i]; i++) {
        int64_t unit = (int64_t)1 << (30 - 10 * i);
        if (n % unit == 0)
            return cunik_asprintf("%lld%c", (long long)(n / unit), units[i]);
    }
    return cunik_asprintf("%lld", (long long)n);
}

static char *value_text(const struct field *f, const void *data)
{
    const void *p = at(data, f->offset);

    switch (f->kind) {
    case FIELD_STRING:
        return quoted(text_of(*(char *const *)p));
    case FIELD_INT:
        return cunik_asprintf("%lld", (long long)*(const int64_t *)p);
    case FIELD_PORT:
        return cunik_asprintf("%u", *(const uint16_t *)p);
    case FIELD_BYTES:
        return bytes_text(*(const int64_t *)p);
    case FIELD_DURATION:
        return cunik_text_from_duration(*(const int64_t *)p);
    case FIELD_DOUBLE:
        return cunik_asprintf("%g", *(const double *)p);
    case FIELD_BOOL:
        return cunik_strdup(*(const bool *)p ? "true" : "false");
    case FIELD_ENUM:
        return cunik_strdup(f->enumeration->names[*(const unsigned *)p]);
    default:
        abort();
    }
}

static void diff_value(struct diff *d, const struct field *f, const char *path, const void *actual,
                       const void *desired)
{
    _cleanup_free_ char *a = value_text(f, actual);
    _cleanup_free_ char *b = value_text(f, desired);

    say(d, f->effect, cunik_asprintf("%s %s → %s", path, a, b));
}

static void say_one(struct diff *d, const struct field *f, const char *path, const char *what,
                    const char *value)
{
    _cleanup_free_ char *text = quoted(value);

    say(d, f->effect, cunik_asprintf("%s %s %s", path, what, text));
}

static void diff_set(struct diff *d, const struct field *f, const char *path,
                     const struct strv *actual, const struct strv *desired)
{
    for (size_t i = 0; i < actual->n; i++)
        if (!cunik_strv_has(desired, actual->items[i]))
            say_one(d, f, path, "removed", actual->items[i]);
    for (size_t i = 0; i < desired->n; i++)
        if (!cunik_strv_has(actual, desired->items[i]))
            say_one(d, f, path, "added", desired->items[i]);
}

static void diff_strv(struct diff *d, const struct field *f, const char *path,
                      const struct strv *actual, const struct strv *desired)
{
    size_t both = actual->n < desired->n ? actual->n : desired->n;

    for (size_t i = 0; i < both; i++) {
        if (strcmp(actual->items[i], desired->items[i]) == 0)
            continue;
        _cleanup_free_ char *a = quoted(actual->items[i]);
        _cleanup_free_ char *b = quoted(desired->items[i]);
        say(d, f->effect, cunik_asprintf("%s[%zu] %s → %s", path, i, a, b));
    }
    for (size_t i = both; i < actual->n; i++)
        say_one(d, f, path, "removed", actual->items[i]);
    for (size_t i = both; i < desired->n; i++)
        say_one(d, f, path, "added", desired->items[i]);
}

static void say_pair(struct diff *d, const struct field *f, const char *path,
                     const struct world_pair *a, const struct world_pair *b)
{
    const char *key = a ? a->key : b->key;
    const char *what = !a ? "added" : !b ? "removed" : "changed";

    if (secret(key)) {
        say(d, f->effect, cunik_asprintf("%s.%s %s", path, key, what));
        return;
    }
    _cleanup_free_ char *old = quoted(a ? text_of(a->value) : "");
    _cleanup_free_ char *new = quoted(b ? text_of(b->value) : "");
    if (a && b)
        say(d, f->effect, cunik_asprintf("%s.%s %s → %s", path, key, old, new));
    else
        say(d, f->effect, cunik_asprintf("%s.%s %s %s", path, key, what, a ? old : new));
}

static void diff_pairs(struct diff *d, const struct field *f, const char *path,
                       const struct world_pairs *actual, const struct world_pairs *desired)
{
    size_t i = 0, k = 0;

    while (i < actual->n || k < desired->n) {
        const struct world_pair *a = i < actual->n ? &actual->items[i] : NULL;
        const struct world_pair *b = k < desired->n ? &desired->items[k] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
        if (order < 0)
            say_pair(d, f, path, a, NULL);
        else if (order > 0)
            say_pair(d, f, path, NULL, b);
        else if (strcmp(text_of(a->value), text_of(b->value)) != 0)
            say_pair(d, f, path, a, b);
        i += order <= 0;
        k += order >= 0;
    }
}

static void diff_record(struct diff *d, const struct record *r, const char *path,
                        const void *actual, const void *desired);

static const void *element(const struct field *f, const void *data, size_t i)
{
    return *(char *const *)at(data, f->offset) + i * f->of->size;
}

static void labels_of(const struct field *f, const void *data, const void *context,
                      struct strv *ret)
{
    size_t n = *(const size_t *)at(data, f->count);

    for (size_t i = 0; i < n; i++) {
        const void *e = element(f, data, i);
        cunik_strv_take(ret, f->of->label ? f->of->label(e, context) : cunik_asprintf("%zu", i));
    }
}

static char *element_path(const struct field *f, const char *path, const char *label)
{
    return cunik_asprintf(f->of->label ? "%s.%s" : "%s[%s]", path, label);
}

/* Pairs elements of the same label, in order of their occurrence; pair[i] is the place in `to` of
 * from's i-th, or SIZE_MAX. */
static size_t *pair_up(const struct strv *from, const struct strv *to)
{
    size_t *pair = cunik_malloc(from->n * sizeof(*pair));
    bool *taken = cunik_calloc(to->n, sizeof(*taken));

    for (size_t i = 0; i < from->n; i++) {
        pair[i] = SIZE_MAX;
        for (size_t k = 0; k < to->n && pair[i] == SIZE_MAX; k++)
            if (!taken[k] && strcmp(from->items[i], to->items[k]) == 0) {
                taken[k] = true;
                pair[i] = k;
            }
    }
    free(taken);
    return pair;
}

static void diff_list(struct diff *d, const struct field *f, const char *path, const void *actual,
                      const void *desired)
{
    _cleanup_strv_ struct strv a = {0}, b = {0};
    bool reordered = false;
    size_t last = 0;

    labels_of(f, actual, d->actual, &a);
    labels_of(f, desired, d->desired, &b);
    _cleanup_free_ size_t *pair = pair_up(&a, &b);
    _cleanup_free_ bool *matched = cunik_calloc(b.n, sizeof(*matched));
    for (size_t i = 0; i < a.n; i++) {
        _cleanup_free_ char *here = element_path(f, path, a.items[i]);
        if (pair[i] == SIZE_MAX) {
            say(d, f->effect, cunik_asprintf("%s removed", here));
            continue;
        }
        matched[pair[i]] = true;
        reordered |= pair[i] < last;
        last = pair[i];
        diff_record(d, f->of, here, element(f, actual, i), element(f, desired, pair[i]));
    }
    for (size_t i = 0; i < b.n; i++)
        if (!matched[i]) {
            _cleanup_free_ char *here = element_path(f, path, b.items[i]);
            say(d, f->effect, cunik_asprintf("%s added", here));
        }
    if (reordered && (f->flags & FIELD_ORDERED))
        say(d, f->effect, cunik_asprintf("%s reordered", path));
}

static void diff_field(struct diff *d, const struct field *f, const char *path, const void *actual,
                       const void *desired)
{
    const void *a = at(actual, f->offset), *b = at(desired, f->offset);

    switch (f->kind) {
    case FIELD_STRV:
        if (f->flags & FIELD_SET)
            diff_set(d, f, path, a, b);
        else
            diff_strv(d, f, path, a, b);
        break;
    case FIELD_PAIRS:
        diff_pairs(d, f, path, a, b);
        break;
    case FIELD_RECORD:
        diff_record(d, f->of, path, a, b);
        break;
    case FIELD_LIST:
        diff_list(d, f, path, actual, desired);
        break;
    default:
        diff_value(d, f, path, actual, desired);
    }
}

static void diff_record(struct diff *d, const struct record *r, const char *path,
                        const void *actual, const void *desired)
{
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
        struct record one = {.size = r->size, .fields = f, .n_fields = 1};
        if (cunik_record_equal(&one, actual, desired))
            continue;
        _cleanup_free_ char *here = cunik_asprintf("%s%s%s", path, *path ? "." : "", f->key);
        diff_field(d, f, here, actual, desired);
    }
}

void cunik_record_diff(const struct record *r, const void *actual, const void *desired,
                       struct strv *ret_recreate, struct strv *ret_update)
{
    struct diff d = {
        .actual = actual, .desired = desired, .recreate = ret_recreate, .update = ret_update};

    if (!cunik_record_equal(r, actual, desired))
        diff_record(&d, r, "", actual, desired);
}
