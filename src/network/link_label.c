#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "network/link.h"

bool cunik_link_is_name(const char *name)
{
    static const char *const others[] = {"lo", "all", "default"};
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t size = strlen(name);

    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return size && size <= LINK_NAME_MAX && strspn(name, letters) == size && !strchr("_.-", *name);
}

static bool is_word(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (*s <= ' ' || *s == 0x7f)
            return false;
    return true;
}

int cunik_link_label_text(const struct link_label *l, char **ret, struct error **err)
{
    _cleanup_free_ char *text =
        cunik_asprintf("cunik %s %s %s %s", l->engine, l->stack, l->kind, l->name);

    if (!is_word(l->engine) || !is_word(l->stack) || !is_word(l->kind) || !is_word(l->name))
        return cunik_error_set(err, ERROR_INVALID,
                               "the label of a link has an empty part or a space in one: '%s'",
                               text);
    if (strlen(text) > LINK_ALIAS_MAX)
        return cunik_error_set(err, ERROR_INVALID,
                               "the names of stack '%s' and %s '%s' are too long together",
                               l->stack, l->kind, l->name);
    *ret = TAKE_PTR(text);
    return 0;
}

bool cunik_link_label_parse(const char *alias, struct link_label *ret)
{
    _cleanup_strv_ struct strv parts = {0};

    if (!alias || !cunik_text_starts(alias, "cunik "))
        return false;
    cunik_strv_split(&parts, alias, " ");
    if (parts.n != 5)
        return false;
    ret->engine = TAKE_PTR(parts.items[1]);
    ret->stack = TAKE_PTR(parts.items[2]);
    ret->kind = TAKE_PTR(parts.items[3]);
    ret->name = TAKE_PTR(parts.items[4]);
    return true;
}

void cunik_link_label_done(struct link_label *l)
{
    free(l->engine);
    free(l->stack);
    free(l->kind);
    free(l->name);
    *l = (struct link_label){0};
}
