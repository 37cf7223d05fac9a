/* The dialect of our own Linux init: blank-separated `key=value`, values percent-encoded; words it
 * does not know are the kernel's. `ip=` is the kernel's own form (nfsroot) and not encoded:
 * ADDR:SERVER:GATEWAY:MASK:HOST:DEVICE:off:DNS0:DNS1 */
#include "config.h"

#include "text.h"
#include "words.h"

static void read_ip(char *value)
{
    enum { ADDRESS, SERVER, GATEWAY, MASK, HOST, DEVICE, METHOD, DNS0, DNS1, FIELDS };
    char *fields[FIELDS];

    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = value ? value : "";
        value = value ? text_cut(value, ':') : NULL;
    }
    struct config_interface *interface = *fields[DEVICE] != '\0'
                                             ? config_named_interface(fields[DEVICE], "eth")
                                             : config_next_interface();
    config_address(interface, fields[ADDRESS], fields[MASK], CONFIG_LENGTH | CONFIG_DOTTED);
    config_gateway(interface, fields[GATEWAY]);
    config_server(fields[DNS0]);
    config_server(fields[DNS1]);
    if (*fields[HOST] != '\0' && !config.hostname)
        config.hostname = fields[HOST];
}

static void read_mtu(char *value)
{
    char *number = text_cut(value, ':');
    struct config_interface *interface = config_named_interface(value, "eth");
    uint32_t mtu;

    if (!number || !text_number(number, 65535, &mtu) || mtu < 576)
        config_fail("bad mtu '%s' of %s", number ? number : "", value);
    else if (interface)
        interface->mtu = (uint16_t)mtu;
}

static void read_hostname(char *value)
{
    config.hostname = value;
}

static void read_variable(char *value)
{
    config_variable(value);
}

static void read_argument(char *value)
{
    config_argument(value);
}

static void read_mount(char *value)
{
    char *path = text_cut(value, ':');
    char *type = path ? text_cut(path, ':') : NULL;
    char *mode = type ? text_cut(type, ':') : NULL;

    if (mode)
        config_mount(value, path, type, mode);
    else
        config_fail("bad mount '%s'", value);
}

static const struct key {
    const char *name;
    bool encoded;
    void (*read)(char *value);
} keys[] = {
    {"ip=", false, read_ip},
    {"mtu=", true, read_mtu},
    {"hostname=", true, read_hostname},
    {"env=", true, read_variable},
    {"arg=", true, read_argument},
    {"mount=", true, read_mount},
};

static bool claims(const char *line)
{
    for (size_t i = 0; i < COUNT(keys); i++)
        if (words_any_starts(line, keys[i].name))
            return true;
    return false;
}

static void read_word(char *word)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (!text_starts(word, keys[i].name))
            continue;
        char *value = word + strlen(keys[i].name);
        if (keys[i].encoded && !text_percent_decode(value))
            config_fail("bad %% sign in '%s'", word);
        else
            keys[i].read(value);
        return;
    }
}

static void read(char *line)
{
    struct words words = {.at = line};
    char *word;

    while ((word = words_next(&words)))
        read_word(word);
}

const struct dialect dialect_linux = {"linux", claims, read};
