/* OSv: `--option=value` words (a blank in a value is `\ `), then the command with its arguments,
 * which may stand in "double quotes". The real shell of it also knows `;`, `&`, `!` and `$`: here
 * they are an error outside quotes, so that a test sees that somebody forgot to quote them. */
#include "config.h"

#include "text.h"
#include "words.h"

static bool claims(const char *line)
{
    return text_starts(words_skip_blanks(line), "--");
}

static void read_ip(char *value)
{
    char *address = text_cut(value, ',');
    char *mask = address ? text_cut(address, ',') : NULL;

    if (!mask)
        config_fail("bad --ip '%s'", value);
    else
        config_address(config_named_interface(value, "eth"), address, mask, CONFIG_DOTTED);
}

static void read_gateway(char *value)
{
    config_gateway(&config.interfaces[0], value);
}

static void read_server(char *value)
{
    config_server(value);
}

static void read_variable(char *value)
{
    config_variable(value);
}

static const struct option {
    const char *name;
    void (*read)(char *value);
} options[] = {
    {"--ip=", read_ip},
    {"--defaultgw=", read_gateway},
    {"--nameserver=", read_server},
    {"--env=", read_variable},
};

static void read_option(char *word)
{
    for (size_t i = 0; i < COUNT(options); i++)
        if (text_starts(word, options[i].name))
            options[i].read(word + strlen(options[i].name));
}

static void read_argument(const char *word, bool quoted)
{
    if (!quoted)
        for (const char *at = word; *at != '\0'; at++)
            if (text_find(";&!$", *at))
                config_fail("unquoted '%s'", word);
    config_argument(word);
}

static void read(char *line)
{
    struct words words = {.at = line, .rules = WORDS_DOUBLE | WORDS_BACKSLASH};
    bool in_options = true;
    char *word;

    while ((word = words_next(&words))) {
        in_options = in_options && text_starts(word, "--");
        if (in_options)
            read_option(word);
        else
            read_argument(word, words.quoted);
    }
    if (words.unclosed)
        config_fail("a quote is not closed");
}

const struct dialect dialect_osv = {"osv", claims, read};
