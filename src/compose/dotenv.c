#include "compose/dotenv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/interpolate.h"
#include "compose/secrecy.h"

enum {
    VALUES_LIMIT = 64 << 20, /* bytes of all values, variables substituted */
};

struct parser {
    const char *name;
    const char *text, *at, *end;
    const struct lookup *outer;
    struct variables *variables;
    struct map *missing;
    struct lookup lookup; /* outer, then variables */
    size_t size;          /* of all values so far */
    bool secret;          /* the value being read is one, and is not shown */
};

/* Bytes of the white space at s other than a line feed; U+0085 and U+00A0 belong to it. */
static size_t blank(const char *s, const char *end)
{
    if (s == end)
        return 0;
    if (*s == ' ' || *s == '\t' || *s == '\v' || *s == '\f' || *s == '\r')
        return 1;
    return end - s >= 2 && s[0] == '\xc2' && (s[1] == '\x85' || s[1] == '\xa0') ? 2 : 0;
}

static const char *skip_blanks(const char *s, const char *end)
{
    size_t n;

    while ((n = blank(s, end)))
        s += n;
    return s;
}

/* The end of start..end without white space and line feeds behind it. */
static const char *trim(const char *start, const char *end)
{
    for (;;) {
        if (end > start && (end[-1] == '\n' || blank(end - 1, end)))
            end--;
        else if (end - start >= 2 && blank(end - 2, end) == 2)
            end -= 2;
        else
            return end;
    }
}

static const char *line_end(const char *s, const char *end)
{
    const char *feed = memchr(s, '\n', (size_t)(end - s));

    return feed ? feed : end;
}

const char *cunik_dotenv_statement(const char *text, const char *end)
{
    for (;;) {
        text = skip_blanks(text, end);
        if (text < end && *text == '\n')
            text++;
        else if (text < end && *text == '#')
            text = line_end(text, end);
        else
            return text;
    }
}

static struct place place_of(const struct parser *p, const char *at)
{
    struct place place = {.file = p->name, .line = 1, .column = 1};

    for (const char *s = p->text; s < at; s++) {
        place.column++;
        if (*s == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

static const char *look_up(const void *context, const char *name)
{
    const struct parser *p = context;
    const char *value = cunik_lookup(p->outer, name);

    return value ? value : cunik_variables_get(p->variables, name);
}

static int expand(struct parser *p, const char *start, const char *text, char **ret,
                  struct error **err)
{
    _cleanup_error_ struct error *cause = NULL;
    struct place place;

    int r = cunik_substitute(text, &p->lookup, p->secret, p->missing, ret, &cause);
    if (r == 0 && (p->size += strlen(*ret)) <= VALUES_LIMIT)
        return 0;
    place = place_of(p, start);
    if (r == 0)
        return cunik_error_at(err, ERROR_INVALID, &place, "values are longer than %d bytes in all",
                              VALUES_LIMIT);
    if (p->secret && r == -EINVAL)
        cunik_error_at(err, ERROR_INVALID, &place, "Invalid template");
    else
        cunik_error_at(err, ERROR_INVALID, &place, "%s", cause->message);
    return r;
}

/* Steps over "export" when a name follows it. */
static void skip_export(struct parser *p)
{
    static const char word[] = "export";
    const char *behind = p->at + strlen(word);

    if ((size_t)(p->end - p->at) > strlen(word) && memcmp(p->at, word, strlen(word)) == 0 &&
        blank(behind, p->end))
        p->at = skip_blanks(behind, p->end);
}

static bool in_name(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || (c && strchr("_.-[]", c));
}

/* Reads a name up to and with what ends it: "=", ":", or a line feed or the end of the file, which
 * make *ret_inherited. */
static int read_name(struct parser *p, char **ret, bool *ret_inherited, struct error **err)
{
    const char *start = p->at, *s = start;

    while (s < p->end && *s != '=' && *s != ':' && *s != '\n') {
        size_t n = blank(s, p->end);
        if (!n && !in_name(*s)) {
            struct place place = place_of(p, s);
            _cleanup_free_ char *line =
                cunik_strndup(start, (size_t)(line_end(start, p->end) - start));
            if (cunik_is_secret_name(line))
                line[s - start] = '\0';
            return cunik_error_at(err, ERROR_INVALID, &place,
                                  "unexpected character \"%c\" in variable name \"%s\"", *s, line);
        }
        s += n ? n : 1;
    }
    _cleanup_free_ char *name = cunik_strndup(start, (size_t)(trim(start, s) - start));
    if (strchr(name, ' ')) {
        struct place place = place_of(p, start);
        return cunik_error_at(err, ERROR_INVALID, &place, "key cannot contain a space");
    }
    *ret_inherited = s == p->end || *s == '\n';
    p->at = skip_blanks(s + (s < p->end), p->end);
    *ret = TAKE_PTR(name);
    return 0;
}

static int read_unquoted(struct parser *p, char **ret, struct error **err)
{
    const char *start = p->at, *end = line_end(start, p->end);
    const char *comment = memmem(start, (size_t)(end - start), " #", 2);

    p->at = end + (end < p->end);
    _cleanup_free_ char *text =
        cunik_strndup(start, (size_t)(trim(start, comment ? comment : end) - start));
    return expand(p, start, text, ret, err);
}

static const char escapes[] = "a\ab\bf\fn\nr\rt\tv\v\"\"\\\\";

/* Writes what the escape at s (behind its backslash) stands for; gives its length, 0 for none. */
static size_t expand_escape(struct buffer *b, const char *s)
{
    if (*s == '$') {
        cunik_buffer_text_append(b, "$$"); /* a dollar for the substitution that follows */
        return 1;
    }
    for (size_t i = 0; *s && i + 1 < sizeof(escapes); i += 2) {
        if (*s == escapes[i]) {
            cunik_buffer_char(b, escapes[i + 1]);
            return 1;
        }
    }
    if (s[0] != '0' || s[1] < '0' || s[1] > '3' || s[2] < '0' || s[2] > '7' || s[3] < '0' ||
        s[3] > '7')
        return 0;
    unsigned code = (unsigned)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
    if (!code)
        return 0;
    if (code >= 0x80)
        cunik_buffer_char(b, (char)(0xc0 | code >> 6));
    cunik_buffer_char(b, (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code));
    return 4;
}

static char *expand_escapes(const char *s)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (; *s; s++) {
        size_t n = *s == '\\' ? expand_escape(&b, s + 1) : 0;
        if (!n)
            cunik_buffer_char(&b, *s);
        s += n;
    }
    return b.size ? cunik_buffer_take(&b) : cunik_strdup("");
}

/* Reads up to the closing quote. A backslash before it makes it part of the value; before anything
 * else the backslash stays, and the next character is no escape of its own. */
static int read_quoted(struct parser *p, char **ret, struct error **err)
{
    const char *start = p->at, *s = start + 1;
    _cleanup_buffer_ struct buffer b = {0};

    for (; s < p->end && *s != *start; s++) {
        if (*s == '\\' && s + 1 < p->end && *++s != *start)
            cunik_buffer_char(&b, '\\');
        cunik_buffer_char(&b, *s);
    }
    if (s == p->end) {
        struct place place = place_of(p, start);
        return cunik_error_at(err, ERROR_INVALID, &place, "unterminated quoted value%s%.*s",
                              p->secret ? "" : " ",
                              p->secret ? 0 : (int)(line_end(start, p->end) - start), start);
    }
    p->at = s + 1;
    if (*start == '\'') {
        *ret = b.size ? cunik_buffer_take(&b) : cunik_strdup("");
        return 0;
    }
    _cleanup_free_ char *text = expand_escapes(cunik_buffer_text(&b));
    return expand(p, start, text, ret, err);
}

static int read_statement(struct parser *p, struct error **err)
{
    _cleanup_free_ char *name = NULL, *value = NULL;
    bool inherited = false;

    skip_export(p);
    int r = read_name(p, &name, &inherited, err);
    if (r < 0)
        return r;
    p->secret = cunik_is_secret_name(name);
    if (inherited)
        value = cunik_strdup(cunik_lookup(p->outer, name));
    else if (p->at < p->end && (*p->at == '"' || *p->at == '\''))
        r = read_quoted(p, &value, err);
    else
        r = read_unquoted(p, &value, err);
    if (r < 0)
        return r;
    if (value && *name && !isdigit((unsigned char)*name))
        cunik_variables_set(p->variables, name, value);
    return 0;
}

int cunik_dotenv_check(const char *name, const char *text, size_t size, struct error **err)
{
    const struct parser p = {.name = name, .text = text};
    const char *nul = memchr(text, '\0', size), *other = cunik_text_not_utf8(text, size);
    struct place place = place_of(&p, other ? other : nul ? nul : text);

    if (!nul && !other)
        return 0;
    return cunik_error_at(err, ERROR_INVALID, &place,
                          other ? "the file is not UTF-8" : "the file contains a NUL byte");
}

int cunik_dotenv_parse(const char *name, const char *text, size_t size, const struct lookup *lookup,
                       struct variables *v, struct map *missing, struct error **err)
{
    struct parser p = {.name = name,
                       .text = text,
                       .at = text,
                       .end = text + size,
                       .outer = lookup,
                       .variables = v,
                       .missing = missing};
    int r = cunik_dotenv_check(name, text, size, err);

    if (r < 0)
        return r;
    p.lookup = (struct lookup){.get = look_up, .context = &p};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        p.at += 3;
    for (;;) {
        p.at = cunik_dotenv_statement(p.at, p.end);
        if (p.at == p.end)
            return 0;
        r = read_statement(&p, err);
        if (r < 0)
            return r;
    }
}
