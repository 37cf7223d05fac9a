#include "config.h"

#include <stdarg.h>

#include "out.h"
#include "text.h"
#include "words.h"

struct config config;

static bool plain_claims(const char *line)
{
    (void)line;
    return true;
}

static void plain_read(char *line)
{
    struct words words = {.at = line, .rules = WORDS_SINGLE | WORDS_DOUBLE | WORDS_BACKSLASH};
    char *word;

    while ((word = words_next(&words)))
        config_argument(word);
    if (words.unclosed)
        config_fail("a quote is not closed");
}

static const struct dialect plain = {"plain", plain_claims, plain_read};

/* Asked in this order; the first that claims the line reads it. */
static const struct dialect *const dialects[] = {
    &dialect_rumprun, &dialect_unikraft, &dialect_solo5, &dialect_osv, &dialect_linux, &plain,
};

void config_fail(const char *format, ...)
{
    static char text[512];
    struct out out;
    va_list values;

    if (config.error)
        return;
    out_init(&out, text, sizeof(text) - 1);
    va_start(values, format);
    out_vprint(&out, format, values);
    va_end(values);
    text[out.used] = '\0';
    config.error = text;
}

void config_argument(const char *value)
{
    if (config.argument_count == CONFIG_WORDS)
        config_fail("more than %u arguments", CONFIG_WORDS);
    else
        config.arguments[config.argument_count++] = value;
}

void config_variable(const char *value)
{
    if (config.environment_count == CONFIG_WORDS)
        config_fail("more than %u variables", CONFIG_WORDS);
    else
        config.environment[config.environment_count++] = value;
}

void config_server(const char *address)
{
    uint32_t server;

    if (*address == '\0')
        return;
    if (!text_address(address, &server))
        config_fail("bad name server '%s'", address);
    else if (config.server_count == CONFIG_SERVERS)
        config_fail("more than %u name servers", CONFIG_SERVERS);
    else
        config.servers[config.server_count++] = server;
}

void config_mount(const char *device, const char *path, const char *type, const char *mode)
{
    if (config.mount_count == CONFIG_MOUNTS)
        config_fail("more than %u mounts", CONFIG_MOUNTS);
    else
        config.mounts[config.mount_count++] = (struct config_mount){device, path, type, mode};
}

struct config_interface *config_next_interface(void)
{
    for (size_t i = 0; i < CONFIG_INTERFACES; i++)
        if (!config.interfaces[i].set)
            return &config.interfaces[i];
    config_fail("more than %u interfaces", CONFIG_INTERFACES);
    return NULL;
}

struct config_interface *config_named_interface(const char *name, const char *prefix)
{
    uint32_t index;

    if (text_starts(name, prefix) &&
        text_number(name + strlen(prefix), CONFIG_INTERFACES - 1, &index))
        return &config.interfaces[index];
    config_fail("no interface '%s'", name);
    return NULL;
}

void config_address(struct config_interface *interface, const char *address, const char *length,
                    unsigned masks)
{
    if (!interface)
        return;
    if (!text_address(address, &interface->address) || interface->address == 0)
        config_fail("bad address '%s'", address);
    else if (!(masks & CONFIG_LENGTH && text_number(length, 32, &interface->length)) &&
             !(masks & CONFIG_DOTTED && text_mask(length, &interface->length)))
        config_fail("bad mask '%s' of address '%s'", length, address);
    else
        interface->set = true;
}

void config_cidr(struct config_interface *interface, char *cidr)
{
    char *length = text_cut(cidr, '/');

    config_address(interface, cidr, length ? length : "", CONFIG_LENGTH);
}

void config_gateway(struct config_interface *interface, const char *address)
{
    if (interface && *address != '\0' && !text_address(address, &interface->gateway))
        config_fail("bad gateway '%s'", address);
}

void config_read(const char *line)
{
    static char copy[CONFIG_LINE + 1];
    struct words words = {.at = copy};
    size_t length = strlen(line);

    if (length > CONFIG_LINE) {
        config_fail("the command line is longer than %u bytes", CONFIG_LINE);
        return;
    }
    memcpy(copy, line, length + 1);
    words_next(&words); /* the kernel's path */
    for (size_t i = 0; i < COUNT(dialects); i++) {
        if (dialects[i]->claims(words.at)) {
            config.dialect = dialects[i]->name;
            dialects[i]->read(words.at);
            return;
        }
    }
}
