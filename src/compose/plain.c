#include "compose/plain.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* What YAML 1.1 took for booleans, and the merge key. */
static const char *const reserved[] = {"y", "n", "yes", "no", "on", "off", "<<"};

static const char *digits(const char *s, size_t min, size_t max)
{
    size_t n = 0;

    while (s && n < max && isdigit((unsigned char)s[n]))
        n++;
    return s && n >= min ? s + n : NULL;
}

/* "2001-12-14", alone or with a time, is a date for many readers. */
static bool reads_as_date(const char *s)
{
    s = digits(s, 4, 4);
    s = s && *s == '-' ? digits(s + 1, 1, 2) : NULL;
    s = s && *s == '-' ? digits(s + 1, 1, 2) : NULL;
    return s && (!*s || *s == 'T' || *s == 't' || *s == ' ' || *s == '\t');
}

/* "1:30" and "190:20:30.15" were numbers to base 60 in YAML 1.1. */
static bool reads_as_base60(const char *s)
{
    s += *s == '-' || *s == '+';
    if (!isdigit((unsigned char)*s))
        return false;
    s += strspn(s, "0123456789_");
    if (*s != ':')
        return false;
    while (*s == ':') {
        const char *end = digits(s + 1, 1, 2);
        if (!end || (end - s == 3 && s[1] > '5'))
            return false;
        s = end;
    }
    if (*s == '.')
        s += 1 + strspn(s + 1, "0123456789_");
    return !*s;
}

bool cunik_plain_reads_as_other(const char *s)
{
    struct node n = {0};

    cunik_node_resolve(&n, s);
    if (n.kind != NODE_STRING)
        return true;
    for (size_t i = 0; strchr("yYnNoO<", *s) && i < ARRAY_SIZE(reserved); i++)
        if (strcasecmp(s, reserved[i]) == 0)
            return true;
    return reads_as_date(s) || reads_as_base60(s);
}

static char *number_text(double number)
{
    if (isnan(number))
        return cunik_strdup(".nan");
    if (isinf(number))
        return cunik_strdup(number < 0 ? "-.inf" : ".inf");
    return cunik_float_text(number);
}

char *cunik_plain_text(const struct node *n)
{
    switch (n->kind) {
    case NODE_BOOL:
        return cunik_strdup(n->boolean ? "true" : "false");
    case NODE_INT:
        return cunik_asprintf("%lld", (long long)n->integer);
    case NODE_FLOAT:
        return number_text(n->number);
    default:
        return cunik_strdup("null");
    }
}
