/* What reading a record's JSON would refuse of one that was filled by hand. */
#include "engine/record.h"

#include <string.h>

#include "base/memory.h"
#include "engine/world.h"

/* Where the mistake is, in the words of the tables; put together from its end. */
struct mistake {
    char *spot;
    const char *expected;
    size_t most;
};

static const void *at(const void *data, size_t offset)
{
    return (const char *)data + offset;
}

static bool wrong(struct mistake *m, const char *expected)
{
    m->expected = expected;
    return false;
}

static void prepend_key(struct mistake *m, const char *key)
{
    char *rest = m->spot;

    m->spot = cunik_asprintf("%s%s%s", key, rest && *rest != '[' ? "." : "", rest ? rest : "");
    free(rest);
}

static void prepend_index(struct mistake *m, size_t i)
{
    char *rest = m->spot;

    m->spot = cunik_asprintf("[%zu]%s%s", i, rest ? "." : "", rest ? rest : "");
    free(rest);
}

static bool text_ok(enum text_kind kind, const char *text, struct mistake *m)
{
    return cunik_record_text_ok(kind, text, strlen(text), &m->expected);
}

static bool count_ok(const struct field *f, size_t n, struct mistake *m)
{
    m->most = f->most ? f->most : RECORD_LIST_MOST;
    return n <= m->most ? true : wrong(m, NULL);
}

static bool strv_ok(const struct field *f, const struct strv *v, struct mistake *m)
{
    for (size_t i = 0; i < v->n; i++)
        if (!text_ok(f->text, v->items[i], m)) {
            prepend_index(m, i);
            return false;
        }
    return count_ok(f, v->n, m);
}

static bool pairs_ok(const struct field *f, const struct world_pairs *pairs, struct mistake *m)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (!text_ok(TEXT_KEY, pairs->items[i].key, m) ||
            !text_ok(f->text, pairs->items[i].value, m)) {
            prepend_key(m, pairs->items[i].key);
            return false;
        }
    return count_ok(f, pairs->n, m);
}

static bool record_ok(const struct record *r, const void *data, struct mistake *m);

static bool list_ok(const struct field *f, const void *data, struct mistake *m)
{
    const char *items = *(char *const *)at(data, f->offset);
    size_t n = *(const size_t *)at(data, f->count);

    for (size_t i = 0; i < n; i++)
        if (!record_ok(f->of, items + i * f->of->size, m)) {
            prepend_index(m, i);
            return false;
        }
    return count_ok(f, n, m);
}

/* Numbers have their types' ranges, and who fills them has checked them with more to say. */
static bool field_ok(const struct field *f, const void *data, struct mistake *m)
{
    const void *p = at(data, f->offset);
    const char *s;

    switch (f->kind) {
    case FIELD_STRING:
        s = *(char *const *)p;
        if (!s || !*s)
            return f->flags & FIELD_REQUIRED ? wrong(m, "given") : true;
        return text_ok(f->text, s, m);
    case FIELD_STRV:
        return strv_ok(f, p, m);
    case FIELD_PAIRS:
        return pairs_ok(f, p, m);
    case FIELD_RECORD:
        return record_ok(f->of, p, m);
    case FIELD_LIST:
        return list_ok(f, data, m);
    default:
        return true;
    }
}

static bool record_ok(const struct record *r, const void *data, struct mistake *m)
{
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++)
        if (!field_ok(f, data, m)) {
            prepend_key(m, f->key);
            return false;
        }
    return true;
}

int cunik_record_check(const struct record *r, const void *data, struct error **err)
{
    struct mistake m = {0};

    if (record_ok(r, data, &m))
        return 0;
    _cleanup_free_ char *spot = m.spot;
    if (!m.expected)
        return cunik_error_set(err, ERROR_INVALID, "'%s' must be at most %zu elements", spot,
                               m.most);
    return cunik_error_set(err, ERROR_INVALID, "'%s' must be %s", spot, m.expected);
}
