/* Solo5 running MirageOS: everything is the application's; of that, `--ipv4=ADDR/LEN`,
 * `--ipv4-gateway=ADDR` and, for interfaces with a name, `--NAME-ipv4=ADDR/LEN` set the network.
 * `--solo5:LEVEL` in front is the host's. */
#include "config.h"

#include "text.h"
#include "words.h"

/* Behind `-ipv4=` of `--NAME-ipv4=…`, or NULL. */
static char *named_address(char *word)
{
    static const char mark[] = "-ipv4=";

    if (!text_starts(word, "--"))
        return NULL;
    for (word += 2; *word != '\0' && *word != '=' && *word != ' '; word++)
        if (text_starts(word, mark))
            return word + sizeof(mark) - 1;
    return NULL;
}

static bool claims(const char *line)
{
    if (words_any_starts(line, "--ipv4=") || words_any_starts(line, "--ipv4-gateway=") ||
        words_any_starts(line, "--solo5:"))
        return true;
    for (; *line != '\0'; line++)
        if (named_address((char *)line))
            return true;
    return false;
}

static void read_word(char *word)
{
    char *named = named_address(word);

    if (text_starts(word, "--ipv4="))
        config_cidr(config_next_interface(), word + strlen("--ipv4="));
    else if (text_starts(word, "--ipv4-gateway="))
        config_gateway(&config.interfaces[0], word + strlen("--ipv4-gateway="));
    else if (named)
        config_cidr(config_next_interface(), named);
    else if (!text_starts(word, "--solo5:"))
        config_argument(word);
}

static void read(char *line)
{
    struct words words = {.at = line, .rules = WORDS_DOUBLE | WORDS_BACKSLASH};
    char *word;

    while ((word = words_next(&words)))
        read_word(word);
    if (words.unclosed)
        config_fail("a quote is not closed");
}

const struct dialect dialect_solo5 = {"solo5", claims, read};
