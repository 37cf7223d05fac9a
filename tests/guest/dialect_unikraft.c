/* Unikraft: `NAME parameters -- arguments`. A parameter is `library.name=value` or a list,
 * `library.name=[ "…" "…" ]`; unknown ones are ignored. Address fields:
 * ADDR/LEN:GATEWAY:DNS0:DNS1:HOST:DOMAIN. Where the real one fails in silence (an unclosed list, a
 * ninth variable), this one says so. */
#include "config.h"

#include "text.h"
#include "words.h"

enum { VARIABLES = 8 };

static bool claims(const char *line)
{
    return words_any_is(line, "--") && *words_skip_blanks(line) != '-';
}

static void read_ip(char *value)
{
    enum { CIDR, GATEWAY, DNS0, DNS1, HOST, DOMAIN, FIELDS };
    char *fields[FIELDS];

    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = value ? value : "";
        value = value ? text_cut(value, ':') : NULL;
    }
    struct config_interface *interface = config_next_interface();
    config_cidr(interface, fields[CIDR]);
    config_gateway(interface, fields[GATEWAY]);
    config_server(fields[DNS0]);
    config_server(fields[DNS1]);
    if (*fields[HOST] != '\0' && !config.hostname)
        config.hostname = fields[HOST];
    if (*fields[DOMAIN] != '\0' && !config.domain)
        config.domain = fields[DOMAIN];
}

static void read_variable(char *value)
{
    if (config.environment_count == VARIABLES)
        config_fail("more than %u variables", VARIABLES);
    else
        config_variable(value);
}

static const struct parameter {
    const char *name;
    void (*read)(char *value);
} parameters[] = {
    {"netdev.ip=", read_ip},
    {"env.vars=", read_variable},
};

static void ignore(char *value)
{
    (void)value;
}

/* `[` opened a list: one value per word up to `]`. */
static void read_list(struct words *words, void (*read_value)(char *value))
{
    char *word;

    while ((word = words_next(words))) {
        if (!words->quoted && text_equal(word, "]"))
            return;
        if (!words->quoted && text_equal(word, "--"))
            break;
        read_value(word);
    }
    config_fail("a list is not closed by ]");
}

static void read_parameter(struct words *words, char *word)
{
    void (*read_value)(char *value) = ignore;
    char *value = text_find(word, '=');

    if (!value)
        return; /* the name */
    value++;
    for (size_t i = 0; i < COUNT(parameters); i++)
        if (text_starts(word, parameters[i].name))
            read_value = parameters[i].read;
    if (!words->quoted && text_equal(value, "["))
        read_list(words, read_value);
    else
        read_value(value);
}

static void read(char *line)
{
    struct words words = {.at = line, .rules = WORDS_SINGLE | WORDS_DOUBLE};
    bool in_parameters = true;
    char *word;

    while ((word = words_next(&words))) {
        if (!in_parameters)
            config_argument(word);
        else if (!words.quoted && text_equal(word, "--"))
            in_parameters = false;
        else
            read_parameter(&words, word);
    }
    if (words.unclosed)
        config_fail("a quote is not closed");
}

const struct dialect dialect_unikraft = {"unikraft", claims, read};
