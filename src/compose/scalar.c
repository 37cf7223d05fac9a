/* What a scalar's text means, and how it reads as a string; see tree.h.
 *
 * The rules are those of the YAML library of Docker Compose (go-yaml): the core schema of YAML 1.2,
 * and of YAML 1.1 the octal "0644" and "_" within numbers. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "compose/tree.h"

static const struct {
    const char *text;
    enum node_kind kind;
    double number; /* of a float; a boolean's value */
} words[] = {
    {"", NODE_NULL, 0},
    {"~", NODE_NULL, 0},
    {"null", NODE_NULL, 0},
    {"Null", NODE_NULL, 0},
    {"NULL", NODE_NULL, 0},
    {"true", NODE_BOOL, 1},
    {"True", NODE_BOOL, 1},
    {"TRUE", NODE_BOOL, 1},
    {"false", NODE_BOOL, 0},
    {"False", NODE_BOOL, 0},
    {"FALSE", NODE_BOOL, 0},
    {".nan", NODE_FLOAT, NAN},
    {".NaN", NODE_FLOAT, NAN},
    {".NAN", NODE_FLOAT, NAN},
    {".inf", NODE_FLOAT, INFINITY},
    {".Inf", NODE_FLOAT, INFINITY},
    {".INF", NODE_FLOAT, INFINITY},
    {"+.inf", NODE_FLOAT, INFINITY},
    {"+.Inf", NODE_FLOAT, INFINITY},
    {"+.INF", NODE_FLOAT, INFINITY},
    {"-.inf", NODE_FLOAT, -INFINITY},
    {"-.Inf", NODE_FLOAT, -INFINITY},
    {"-.INF", NODE_FLOAT, -INFINITY},
};

static bool resolve_word(struct node *n)
{
    /* Keeps it cheap for ordinary strings; the empty one is a word. */
    if (!strchr("~nNtTfF.+-", n->text[0]))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(n->text, words[i].text) != 0)
            continue;
        n->kind = words[i].kind;
        n->boolean = n->kind == NODE_BOOL && words[i].number != 0;
        n->number = n->kind == NODE_FLOAT ? words[i].number : 0;
        return true;
    }
    return false;
}

static unsigned base_of(const char **digits)
{
    const char *s = *digits;

    if (s[0] != '0' || !s[1])
        return 10;
    *digits += 2;
    switch (s[1]) {
    case 'x':
    case 'X':
        return 16;
    case 'o':
    case 'O':
        return 8;
    case 'b':
    case 'B':
        return 2;
    default:
        *digits = s + 1;
        return 8;
    }
}

/* A number without underscores. Above INT64_MAX, as far as 64 bits go, it is kept as a float. */
static bool resolve_int(struct node *n, const char *text)
{
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    unsigned base = base_of(&digits);
    char *end;

    if (!isxdigit((unsigned char)*digits) || tolower((unsigned char)digits[1]) == 'x')
        return false;
    errno = 0;
    unsigned long long value = strtoull(digits, &end, (int)base);
    if (*end || errno || (negative && value > (uint64_t)INT64_MAX + 1))
        return false;
    n->kind = value > INT64_MAX && !negative ? NODE_FLOAT : NODE_INT;
    n->integer = n->kind == NODE_INT ? (int64_t)(negative ? -value : value) : 0;
    n->number = negative ? -(double)value : (double)value;
    return true;
}

static const char *skip_digits(const char *s)
{
    while (isdigit((unsigned char)*s))
        s++;
    return s;
}

/* [-+]? ( .digits | digits [. [digits]] ) [ [eE] [-+]? digits ] */
static bool reads_as_float(const char *s)
{
    s += *s == '-' || *s == '+';
    const char *integral = s;
    s = skip_digits(s);
    bool any = s > integral;
    if (*s == '.') {
        const char *fraction = ++s;
        s = skip_digits(s);
        any = any || s > fraction;
    }
    if (!any)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (!isdigit((unsigned char)*s))
            return false;
        s = skip_digits(s);
    }
    return !*s;
}

static bool resolve_float(struct node *n, const char *text)
{
    if (!reads_as_float(text))
        return false;
    double value = strtod(text, NULL);
    if (!isfinite(value))
        return false;
    n->kind = NODE_FLOAT;
    n->number = value;
    return true;
}

/* Whether anything but a word can come of it; keeps the rest cheap for ordinary strings. */
static bool starts_number(const char *s)
{
    return isdigit((unsigned char)*s) || *s == '+' || *s == '-' || *s == '.';
}

void cunik_node_resolve(struct node *n, const char *text)
{
    n->text = text;
    n->quoted = false;
    n->kind = NODE_STRING;
    n->boolean = false;
    n->integer = 0;
    n->number = 0;
    if (resolve_word(n) || !starts_number(text))
        return;
    if (!strchr(text, '_')) {
        if (!resolve_int(n, text))
            resolve_float(n, text);
        return;
    }
    _cleanup_buffer_ struct buffer plain = {0};
    for (const char *c = text; *c; c++)
        if (*c != '_')
            cunik_buffer_char(&plain, *c);
    if (!resolve_int(n, cunik_buffer_text(&plain)))
        resolve_float(n, cunik_buffer_text(&plain));
}

/* With an exponent below -4 and from 6 on, as Go prints floats in %v. */
char *cunik_float_text(double value)
{
    _cleanup_free_ char *scientific = NULL;
    int digits = 0;

    if (isnan(value))
        return cunik_strdup("NaN");
    if (isinf(value))
        return cunik_strdup(value < 0 ? "-Inf" : "+Inf");
    do {
        free(scientific);
        scientific = cunik_asprintf("%.*e", digits++, value);
    } while (strtod(scientific, NULL) != value);
    int exponent = atoi(strchr(scientific, 'e') + 1);
    if (exponent < -4 || exponent >= 6)
        return TAKE_PTR(scientific);
    return cunik_asprintf("%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0, value);
}

const char *cunik_node_as_text(struct tree *t, const struct node *n)
{
    _cleanup_free_ char *text = NULL;

    switch (n->kind) {
    case NODE_NULL:
        return "";
    case NODE_BOOL:
        return n->boolean ? "true" : "false";
    case NODE_STRING:
        return n->text;
    case NODE_INT:
        text = cunik_asprintf("%lld", (long long)n->integer);
        break;
    case NODE_FLOAT:
        /* An integer too large for 64 bits with sign keeps its digits. */
        if (n->text[0] >= '1' && !*skip_digits(n->text) && n->number <= 0x1p64)
            return n->text;
        text = cunik_float_text(n->number);
        break;
    default:
        return NULL;
    }
    return cunik_tree_text(t, text, strlen(text));
}
