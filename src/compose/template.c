#include "compose/template.h"

#include <string.h>

#include "base/macros.h"

/* Longer ones first. */
static const char *const operators[] = {":-", ":?", ":+", "-", "?", "+"};

const char *cunik_template_operator(const char *s, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        size_t length = strlen(operators[i]);
        if (size >= length && memcmp(s, operators[i], length) == 0)
            return operators[i];
    }
    return NULL;
}

size_t cunik_template_name(const char *s, size_t size)
{
    size_t i = 0;

    while (i < size && (s[i] == '_' || (s[i] >= 'a' && s[i] <= 'z') ||
                        (s[i] >= 'A' && s[i] <= 'Z') || (i && s[i] >= '0' && s[i] <= '9')))
        i++;
    return i;
}

/* Where the brace stands that closes the one at s[0]; when none balances it, the last one of the
 * text. 0 when there is none at all. */
static size_t closing_brace(const char *s, size_t size)
{
    size_t open = 0, last = 0;

    for (size_t i = 0; i < size; i++) {
        if (s[i] == '{')
            open++;
        if (s[i] != '}')
            continue;
        last = i;
        if (--open == 0)
            return i;
    }
    return last;
}

/* s[0] is the dollar, s[1] the brace. */
static struct template_part braced(const char *s, size_t size)
{
    struct template_part part = {.form = FORM_INVALID, .size = 2, .name = s + 2};

    part.name_size = cunik_template_name(part.name, size - 2);
    size_t at = 2 + part.name_size;
    if (!part.name_size || at == size)
        return part;
    if (s[at] == '}') {
        part.form = FORM_NAMED;
        part.size = at + 1;
        return part;
    }
    part.operator= cunik_template_operator(s + at, size - at);
    size_t close = part.operator? 1 + closing_brace(s + 1, size - 1) : 1;
    if (close == 1)
        return part;
    part.form = FORM_WORD;
    part.size = close + 1;
    part.word = s + at + strlen(part.operator);
    part.word_size = (size_t)(s + close - part.word);
    return part;
}

struct template_part cunik_template_part(const char *s, size_t size)
{
    if (size >= 2 && s[1] == '$')
        return (struct template_part){.form = FORM_ESCAPED, .size = 2};
    if (size >= 2 && s[1] == '{')
        return braced(s, size);
    size_t name_size = cunik_template_name(s + 1, size - 1);
    if (!name_size)
        return (struct template_part){.form = FORM_NONE, .size = 1};
    return (struct template_part){
        .form = FORM_NAMED, .size = 1 + name_size, .name = s + 1, .name_size = name_size};
}
