/* Casts of interpolated strings; see interpolate.h. */
#include <errno.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/interpolate.h"

static const struct {
    const char *word;
    bool value;
    bool old; /* of YAML 1.1 */
} booleans[] = {
    {"true", true, false}, {"false", false, false}, {"y", true, true},   {"yes", true, true},
    {"on", true, true},    {"n", false, true},      {"no", false, true}, {"off", false, true},
};

static int refuse(const struct node *n, const char *kind, struct error **err)
{
    _cleanup_free_ char *text = cunik_text_brief(n->text);

    return cunik_error_set(err, ERROR_INVALID, "invalid %s: %s", kind, text);
}

static int cast_bool(struct node *n, char **ret_warning, struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(booleans); i++) {
        if (strcasecmp(n->text, booleans[i].word) != 0)
            continue;
        if (booleans[i].old && ret_warning)
            *ret_warning =
                cunik_asprintf("\"%s\" for boolean is not supported by YAML 1.2, please use `%s`",
                               n->text, booleans[i].value ? "true" : "false");
        n->kind = NODE_BOOL;
        n->boolean = booleans[i].value;
        return 0;
    }
    return refuse(n, "boolean", err);
}

static int cast_int(struct node *n, struct error **err)
{
    bool plus = n->text[0] == '+' && n->text[1] >= '0' && n->text[1] <= '9';

    if (cunik_text_to_int(n->text + plus, INT64_MIN, INT64_MAX, &n->integer) < 0)
        return refuse(n, "integer", err);
    n->kind = NODE_INT;
    n->number = (double)n->integer;
    return 0;
}

static int cast_float(struct node *n, struct error **err)
{
    if (cunik_text_to_double(n->text, &n->number) < 0)
        return refuse(n, "number", err);
    n->kind = NODE_FLOAT;
    return 0;
}

int cunik_cast(struct node *n, enum cast to, char **ret_warning, struct error **err)
{
    if (n->kind != NODE_STRING)
        return 0;
    int r = to == CAST_BOOL  ? cast_bool(n, ret_warning, err)
            : to == CAST_INT ? cast_int(n, err)
                             : cast_float(n, err);
    if (r == 0)
        n->quoted = false;
    return r;
}
