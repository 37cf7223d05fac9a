/* Rumprun: one object that looks like JSON and is less: every value is a string or an object of
 * strings, keys repeat and their order counts, escapes are not decoded, an unknown key ends
 * everything. */
#include "config.h"

#include "text.h"
#include "words.h"

enum { MEMBERS = 8 };

struct member {
    char *key, *value;
};

static bool claims(const char *line)
{
    return *words_skip_blanks(line) == '{';
}

static bool take(char **at, char wanted)
{
    *at = (char *)words_skip_blanks(*at);
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

/* An escape is there as it stands, checked and not decoded. */
static char *end_of_string(char *at)
{
    for (; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && (*++at == '\0' || !text_find("\"/\\bfrnt", *at)))
            return NULL;
    return *at == '"' ? at : NULL;
}

static char *take_string(char **at)
{
    char *start, *end;

    if (!take(at, '"') || !(end = end_of_string(start = *at))) {
        config_fail("a string is missing at '%s'", *at);
        return NULL;
    }
    *end = '\0';
    *at = end + 1;
    return start;
}

static char *take_key(char **at)
{
    char *key = take_string(at);

    if (key && take(at, ':'))
        return key;
    config_fail("no ':' after a key");
    return NULL;
}

/* An object of strings. Returns how many members it has. */
static size_t take_members(char **at, struct member *members)
{
    size_t count = 0;

    if (!take(at, '{'))
        config_fail("an object is missing at '%s'", *at);
    while (!config.error && !take(at, '}')) {
        if (count > 0 && !take(at, ','))
            config_fail("no ',' at '%s'", *at);
        if (count == MEMBERS)
            config_fail("an object of more than %u members", MEMBERS);
        if (config.error)
            break;
        members[count].key = take_key(at);
        members[count].value = config.error ? NULL : take_string(at);
        count++;
    }
    return config.error ? 0 : count;
}

/* The member called `key`, or `otherwise`. */
static char *member(const struct member *members, size_t count, const char *key, char *otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(members[i].key, key))
            return members[i].value;
    return otherwise;
}

static void read_command(char **at)
{
    struct words words = {.at = take_string(at),
                          .rules = WORDS_SINGLE | WORDS_DOUBLE | WORDS_ESCAPE};
    bool program = true; /* the first word is its name */
    char *word;

    for (; words.at && (word = words_next(&words)); program = false)
        if (!program)
            config_argument(word);
    if (words.unclosed)
        config_fail("a quote is not closed in cmdline");
}

static void read_variable(char **at)
{
    char *value = take_string(at);

    if (value)
        config_variable(value);
}

static void read_hostname(char **at)
{
    config.hostname = take_string(at);
}

static void read_net(char **at)
{
    struct member members[MEMBERS];
    size_t count = take_members(at, members);

    if (config.error)
        return;
    if (!text_equal(member(members, count, "type", "inet"), "inet") ||
        !text_equal(member(members, count, "method", ""), "static")) {
        config_fail("only static inet is known here");
        return;
    }
    struct config_interface *interface =
        config_named_interface(member(members, count, "if", ""), "vioif");
    config_address(interface, member(members, count, "addr", ""),
                   member(members, count, "mask", ""), CONFIG_LENGTH);
    config_gateway(interface, member(members, count, "gw", ""));
}

static void read_blk(char **at)
{
    struct member members[MEMBERS];
    size_t count = take_members(at, members);

    if (!config.error)
        config_mount(member(members, count, "path", ""), member(members, count, "mountpoint", ""),
                     member(members, count, "fstype", ""), "rw");
}

static const struct key {
    const char *name;
    void (*read)(char **at);
} keys[] = {
    {"cmdline", read_command}, {"env", read_variable}, {"hostname", read_hostname},
    {"net", read_net},         {"blk", read_blk},
};

static void read_key(char **at)
{
    char *name = take_key(at);

    if (!name)
        return;
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (text_equal(name, keys[i].name)) {
            keys[i].read(at);
            return;
        }
    }
    config_fail("unknown key '%s'", name);
}

static void read(char *line)
{
    bool first = true;

    take(&line, '{');
    while (!config.error && !take(&line, '}')) {
        if (!first && !take(&line, ','))
            config_fail("no ',' at '%s'", line);
        if (!config.error)
            read_key(&line);
        first = false;
    }
    if (!config.error && *words_skip_blanks(line) != '\0')
        config_fail("text after the object");
}

const struct dialect dialect_rumprun = {"rumprun", claims, read};
