/* How a scalar is written in YAML; see emit.h. */
#include "compose/emit_scalar.h"

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

/* Whether a plain text would, or for some readers could, be something else than a string. */
static bool reads_as_other(const char *s)
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

size_t cunik_emit_decode(const char *s, uint32_t *ret)
{
    const unsigned char *u = (const unsigned char *)s;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    uint32_t code = length == 1 ? u[0] : u[0] & (0xffu >> (length + 1));

    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80)
            length = 0;
        else
            code = code << 6 | (u[i] & 0x3f);
    }
    if (!length || (length > 1 && code < least[length]) || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000) || (u[0] >= 0x80 && u[0] < 0xc0)) {
        *ret = 0xfffd;
        return 1;
    }
    *ret = code;
    return length;
}

bool cunik_emit_printable(uint32_t code)
{
    return (code >= 0x20 && code < 0x7f) ||
           (code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff && code < 0xfffe) ||
           code >= 0x10000;
}

struct traits {
    bool special; /* needs escapes */
    bool lines;   /* has line feeds */
    bool tabs;
};

static struct traits traits_of(const char *s)
{
    struct traits t = {0};

    for (uint32_t code; *s;) {
        const char *at = s;
        s += cunik_emit_decode(s, &code);
        if (code == '\n')
            t.lines = true;
        else if (code == '\t')
            t.tabs = true;
        else if (!cunik_emit_printable(code) || (code == 0xfffd && *at != '\xef'))
            t.special = true;
    }
    return t;
}

/* Whether nothing in a line keeps it from being written without quotes (YAML 1.2, 7.3.3). */
static bool plain_allowed(const char *s)
{
    size_t size = strlen(s);

    if (!size || s[0] == ' ' || s[size - 1] == ' ' || strchr("#,[]{}&*!|>'\"%@`", s[0]))
        return false;
    if (strncmp(s, "---", 3) == 0 || strncmp(s, "...", 3) == 0)
        return false;
    if (strchr("-?", s[0]) && (s[1] == ' ' || !s[1]))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (s[i] == ':' && (s[i + 1] == ' ' || !s[i + 1]))
            return false;
        if (s[i] == '#' && i && s[i - 1] == ' ')
            return false;
    }
    return true;
}

static const struct {
    char code, letter;
} escapes[] = {
    {'\a', 'a'}, {'\b', 'b'}, {'\t', 't'}, {'\n', 'n'},  {'\v', 'v'},
    {'\f', 'f'}, {'\r', 'r'}, {'"', '"'},  {'\\', '\\'},
};

static char escape_of(uint32_t code)
{
    for (size_t i = 0; i < ARRAY_SIZE(escapes); i++)
        if ((uint32_t)escapes[i].code == code)
            return escapes[i].letter;
    return '\0';
}

static void double_quoted(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '"');
    for (uint32_t code; *s;) {
        const char *at = s;
        s += cunik_emit_decode(s, &code);
        if (escape_of(code))
            cunik_buffer_printf(b, "\\%c", escape_of(code));
        else if (cunik_emit_printable(code) && (code != 0xfffd || *at == '\xef'))
            cunik_buffer_append(b, at, (size_t)(s - at));
        else if (code < 0x100)
            cunik_buffer_printf(b, "\\x%02X", code);
        else
            cunik_buffer_printf(b, "\\u%04X", code);
    }
    cunik_buffer_char(b, '"');
}

static void single_quoted(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            cunik_buffer_char(b, '\'');
        cunik_buffer_char(b, *s);
    }
    cunik_buffer_char(b, '\'');
}

static void literal(struct buffer *b, const char *s, size_t indent)
{
    size_t size = strlen(s);
    const char *chomp = s[size - 1] != '\n' ? "-" : s[size - 2] == '\n' ? "+" : "";

    cunik_buffer_printf(b, "|%s", chomp);
    while (*s) {
        size_t length = strcspn(s, "\n");
        if (length)
            cunik_buffer_printf(b, "\n%*s%.*s", (int)indent, "", (int)length, s);
        else
            cunik_buffer_char(b, '\n');
        s += length;
        s += *s == '\n';
    }
}

static void string(struct buffer *b, const char *s, size_t indent)
{
    struct traits t = traits_of(s);

    /* A literal block finds its indentation by its first line. */
    if (t.lines && indent && !t.special && !strchr(" \t\n", s[0]) && s[strlen(s) - 1] != ' ')
        literal(b, s, indent);
    else if (t.lines || t.special || t.tabs || reads_as_other(s))
        double_quoted(b, s);
    else if (plain_allowed(s))
        cunik_buffer_text_append(b, s);
    else
        single_quoted(b, s);
}

static void number(struct buffer *b, const struct node *n)
{
    _cleanup_free_ char *text = NULL;

    if (isnan(n->number))
        text = cunik_strdup(".nan");
    else if (isinf(n->number))
        text = cunik_strdup(n->number < 0 ? "-.inf" : ".inf");
    else
        text = cunik_float_text(n->number);
    cunik_buffer_text_append(b, text);
}

void cunik_emit_key(struct buffer *b, const char *key)
{
    string(b, key, 0);
}

void cunik_emit_scalar(struct buffer *b, const struct node *n, size_t indent)
{
    switch (n->kind) {
    case NODE_NULL:
        cunik_buffer_text_append(b, "null");
        break;
    case NODE_BOOL:
        cunik_buffer_text_append(b, n->boolean ? "true" : "false");
        break;
    case NODE_INT:
        cunik_buffer_printf(b, "%lld", (long long)n->integer);
        break;
    case NODE_FLOAT:
        number(b, n);
        break;
    default:
        string(b, n->text, indent);
    }
}
