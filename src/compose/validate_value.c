/* Single values: casts, choices and ranges. */
#include <string.h>

#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"
#include "compose/interpolate.h"
#include "compose/secrecy.h"
#include "compose/validate_parts.h"

void cunik_validate_mistake(const struct validation *v, const struct place *place,
                            const struct field_path *path, const char *format, ...)
{
    _cleanup_free_ char *where = cunik_field_path_text(path), *message = NULL;
    va_list args;

    va_start(args, format);
    message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_diagnostics_error(v->d, place, where, "%s", message);
}

char *cunik_validate_shown(const struct node *n, const struct field_path *path)
{
    _cleanup_free_ char *where = cunik_field_path_text(path), *origin = cunik_node_origin(n);
    _cleanup_free_ char *brief = cunik_text_brief(n->text);

    return cunik_is_secret_value(where, n->template) ? cunik_asprintf("its value%s", origin)
                                                     : cunik_asprintf("'%s'%s", brief, origin);
}

/* Nobody can tell what it becomes. */
bool cunik_validate_is_template(const struct validation *v, const struct node *n)
{
    return v->d->templates && n->kind == NODE_STRING && strchr(n->text, '$');
}

static bool cast_size(const struct validation *v, struct node *n, const struct field_path *path)
{
    int64_t size = n->kind == NODE_INT ? n->integer : (int64_t)n->number;

    if (n->kind == NODE_STRING && strcmp(n->text, "-1") == 0)
        size = -1; /* "unlimited" of some keys */
    else if (n->kind == NODE_STRING && cunik_text_to_bytes(n->text, &size) < 0) {
        _cleanup_free_ char *value = cunik_validate_shown(n, path);
        cunik_validate_mistake(v, &n->place, path,
                               "failed to cast to expected type: invalid size: %s", value);
        return false;
    }
    struct node *number = cunik_node_int(v->tree, &n->place, size);
    n->kind = NODE_INT;
    n->text = number->text;
    n->integer = size;
    n->number = number->number;
    return true;
}

static bool cast_duration(const struct validation *v, const struct node *n,
                          const struct field_path *path)
{
    int64_t ns;

    if (cunik_text_to_duration(n->text, &ns) == 0)
        return true;
    _cleanup_free_ char *value = cunik_validate_shown(n, path);
    cunik_validate_mistake(v, &n->place, path, "invalid duration %s: write it as 30s or 1m30s",
                           value);
    return false;
}

static bool cast_plain(const struct validation *v, struct node *n, enum cast to,
                       const struct field_path *path)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *warning = NULL;

    if (cunik_cast(n, to, &warning, &err) < 0) {
        _cleanup_free_ char *origin = cunik_node_origin(n), *where = cunik_field_path_text(path);
        /* Its last word is the value. */
        int length = (int)(cunik_is_secret_value(where, n->template) ? strcspn(err->message, ":")
                                                                     : strlen(err->message));
        cunik_validate_mistake(v, &n->place, path, "failed to cast to expected type: %.*s%s",
                               length, err->message, origin);
        return false;
    }
    if (warning) {
        _cleanup_free_ char *where = cunik_field_path_text(path);
        cunik_diagnostics_warn(v->d, &n->place, where, "%s", warning);
    }
    return true;
}

bool cunik_validate_cast(const struct validation *v, enum field_cast to, struct node *n,
                         const struct field_path *path)
{
    if (cunik_validate_is_template(v, n))
        return true;
    switch (to) {
    case AS_BOOL:
        return cast_plain(v, n, CAST_BOOL, path);
    case AS_INT:
        return cast_plain(v, n, CAST_INT, path);
    case AS_FLOAT:
        return cast_plain(v, n, CAST_FLOAT, path);
    case AS_BYTES:
        return cast_size(v, n, path);
    case AS_DURATION:
        return cast_duration(v, n, path);
    default:
        return true;
    }
}

static bool is_choice(const struct strv *choices, const char *text)
{
    for (size_t i = 0; i < choices->n; i++) {
        const char *choice = choices->items[i], *star = strchr(choice, '*');
        if (star ? strncmp(text, choice, (size_t)(star - choice)) == 0 : strcmp(text, choice) == 0)
            return true;
    }
    return false;
}

bool cunik_validate_choice(const struct validation *v, const char *choices, const struct node *n,
                           const struct field_path *path)
{
    _cleanup_strv_ struct strv names = {0};

    cunik_strv_split(&names, choices, "|");
    if (is_choice(&names, n->text))
        return true;
    _cleanup_free_ char *near =
        cunik_text_suggestion(n->text, (const char *const *)names.items, names.n);
    _cleanup_free_ char *list = cunik_strv_join(&names, ", ");
    _cleanup_free_ char *value = cunik_validate_shown(n, path);
    cunik_validate_mistake(v, &n->place, path, "%s is none of %s%s", value, list, near);
    return false;
}

bool cunik_validate_range(const struct validation *v, const struct field_range *range,
                          const struct node *n, const struct field_path *path)
{
    bool low = n->number < (double)range->min;

    if (!low && n->number <= (double)range->max)
        return true;
    cunik_validate_mistake(v, &n->place, path, "must be %s than or equal to %lld",
                           low ? "greater" : "less", (long long)(low ? range->min : range->max));
    return false;
}
