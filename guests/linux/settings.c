#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "settings.h"

static char nothing[] = "";
static char first_interface[] = "eth0";

enum { IP_FIELDS = 9, MOUNT_FIELDS = 5, MTU_LEAST = 68, MTU_MOST = 65535 };

/* Makes room for one more item after COUNT ones of SIZE bytes each; the room is zeroed. */
static void *grow(void *items, size_t count, size_t size)
{
    char *grown = reallocarray(items, count + 1, size);

    if (!grown)
        give_up("out of memory while reading the command line");
    memset(grown + count * size, 0, size);
    return grown;
}

static void add_string(char ***list, size_t *count, char *string)
{
    *list = grow(*list, *count + 1, sizeof(char *)); /* one more than needed: the NULL at the end */
    (*list)[(*count)++] = string;
    (*list)[*count] = NULL;
}

void settings_add_argument(struct settings *settings, char *argument)
{
    add_string(&settings->arguments, &settings->n_arguments, argument);
}

void settings_set_environment(struct settings *settings, char *assignment)
{
    size_t name = strcspn(assignment, "=");

    if (name == 0 || !assignment[name])
        give_up("environment '%s': wants NAME=VALUE", assignment);
    for (size_t i = 0; i < settings->n_environment; i++)
        if (strncmp(settings->environment[i], assignment, name + 1) == 0) {
            settings->environment[i] = assignment;
            return;
        }
    add_string(&settings->environment, &settings->n_environment, assignment);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes VALUE in place: decoding only ever makes it shorter. */
char *settings_decode(const char *key, char *value)
{
    char *out = value;

    for (const char *in = value; *in; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0 || high * 16 + low == 0)
            give_up("command line: %s=: bad percent-encoding at '%.3s'", key, in);
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *out = '\0';
    return value;
}

/* Splits VALUE at its colons into at most N fields. Those that are not there are empty. */
static void split(const char *key, char *value, char **fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fields[i] = value ? strsep(&value, ":") : nothing;
    if (value)
        give_up("command line: %s=: more than %zu fields", key, n);
}

static struct in_addr parse_address(const char *what, const char *text)
{
    struct in_addr address = {.s_addr = INADDR_ANY};

    if (*text && inet_pton(AF_INET, text, &address) != 1)
        give_up("command line: ip=: %s '%s' is not an IPv4 address", what, text);
    return address;
}

static long parse_number(const char *text, long least, long most, const char *what)
{
    char *end;

    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno || number < least || number > most)
        give_up("command line: %s '%s' is not a number from %ld to %ld", what, text, least, most);
    return number;
}

static struct in_addr parse_mask(const char *text)
{
    if (!*text)
        give_up("command line: ip=: the netmask is missing");
    if (strchr(text, '.'))
        return parse_address("netmask", text);

    long length = parse_number(text, 0, 32, "ip=: prefix length");
    return (struct in_addr){.s_addr = htonl(length ? ~UINT32_C(0) << (32 - length) : 0)};
}

static void read_ip(struct settings *settings, char *value)
{
    char *field[IP_FIELDS];

    split("ip", value, field, IP_FIELDS);
    if (*field[6] && strcmp(field[6], "off") != 0 && strcmp(field[6], "none") != 0)
        give_up("command line: ip=: autoconfiguration '%s' is not supported, only 'off'", field[6]);
    if (!*field[0])
        give_up("command line: ip=: the address is missing");

    settings->interfaces =
        grow(settings->interfaces, settings->n_interfaces, sizeof(struct interface));
    settings->interfaces[settings->n_interfaces++] = (struct interface){
        .name = *field[5] ? field[5] : first_interface,
        .address = parse_address("address", field[0]),
        .gateway = parse_address("gateway", field[2]),
        .mask = parse_mask(field[3]),
        .dns = {parse_address("name server", field[7]), parse_address("name server", field[8])},
    };
    if (*field[4] && !settings->hostname)
        settings->hostname = field[4];
}

/* What belongs to an interface may stand before its ip=, so it is looked at after all of these. */
static struct interface *find_interface(struct settings *settings, const char *key,
                                        const char *name)
{
    for (size_t i = 0; i < settings->n_interfaces; i++)
        if (strcmp(settings->interfaces[i].name, name) == 0)
            return &settings->interfaces[i];
    give_up("command line: %s=: there is no ip= for interface '%s'", key, name);
}

static void read_mtu(struct settings *settings, char *value)
{
    char *field[2];

    split("mtu", value, field, 2);
    long mtu = parse_number(field[1], MTU_LEAST, MTU_MOST, "mtu=: MTU");
    find_interface(settings, "mtu", field[0])->mtu = (int)mtu;
}

static void read_ip6(struct settings *settings, char *value)
{
    char *address = value, *name = strsep(&address, ",");
    char *length = address, *text = strsep(&length, "/");

    if (!address || !length)
        give_up("command line: ip6=: wants DEV,ADDR/LENGTH");
    struct interface *interface = find_interface(settings, "ip6", name);
    if (inet_pton(AF_INET6, text, &interface->address6) != 1)
        give_up("command line: ip6=: '%s' is not an IPv6 address", text);
    interface->length6 = (unsigned)parse_number(length, 1, 128, "ip6=: prefix length");
}

static void read_gw6(struct settings *settings, char *value)
{
    char *gateway = value, *name = strsep(&gateway, ",");

    if (!gateway)
        give_up("command line: gw6=: wants DEV,ADDR");
    if (inet_pton(AF_INET6, gateway, &find_interface(settings, "gw6", name)->gateway6) != 1)
        give_up("command line: gw6=: '%s' is not an IPv6 address", gateway);
}

static void read_ifname(struct settings *settings, char *value)
{
    char *field[2];

    split("ifname", value, field, 2);
    if (!*field[1] || strlen(field[1]) >= IFNAMSIZ || strchr(field[1], '/'))
        give_up("command line: ifname=: '%s' cannot be the name of an interface", field[1]);
    find_interface(settings, "ifname", field[0])->new_name = field[1];
}

static size_t depth(const char *path)
{
    size_t n = 0;

    for (; (path = strchr(path, '/')); path++)
        n += path[1] != '/' && path[1] != '\0';
    return n;
}

static void read_mount(struct settings *settings, char *value)
{
    char *field[MOUNT_FIELDS];

    split("mount", value, field, MOUNT_FIELDS);
    for (size_t i = 0; i < MOUNT_FIELDS; i++)
        if (!*settings_decode("mount", field[i]) && i < MOUNT_FIELDS - 1)
            give_up("command line: mount=: wants DEV:PATH:FSTYPE:ro|rw");
    if (field[1][0] != '/')
        give_up("command line: mount=: path '%s' is not absolute", field[1]);
    if (strcmp(field[3], "ro") != 0 && strcmp(field[3], "rw") != 0)
        give_up("command line: mount=: '%s' is neither 'ro' nor 'rw'", field[3]);

    settings->mounts = grow(settings->mounts, settings->n_mounts, sizeof(struct mount_point));
    size_t at = settings->n_mounts++;
    for (; at > 0 && depth(settings->mounts[at - 1].path) > depth(field[1]); at--)
        settings->mounts[at] = settings->mounts[at - 1];
    settings->mounts[at] = (struct mount_point){
        .device = field[0],
        .path = field[1],
        .type = field[2],
        .options = field[4],
        .read_only = strcmp(field[3], "ro") == 0,
    };
}

static void read_hostname(struct settings *settings, char *value)
{
    settings->hostname = settings_decode("hostname", value);
}

static void read_search(struct settings *settings, char *value)
{
    add_string(&settings->domains, &settings->n_domains, settings_decode("search", value));
}

static void read_argument(struct settings *settings, char *value)
{
    settings_add_argument(settings, settings_decode("arg", value));
}

static void read_environment(struct settings *settings, char *value)
{
    settings_set_environment(settings, settings_decode("env", value));
}

static const struct {
    const char *key;
    void (*read)(struct settings *settings, char *value);
} keys[] = {
    {"ip", read_ip},         {"hostname", read_hostname}, {"search", read_search},
    {"arg", read_argument},  {"env", read_environment},   {"mount", read_mount},
    {"mtu", read_mtu},       {"ip6", read_ip6},           {"gw6", read_gw6},
    {"ifname", read_ifname},
};

void settings_read_cmdline(struct settings *settings, char *line)
{
    char **token = NULL, **value = NULL;
    size_t n = 0, n_values = 0;

    for (char *word; (word = strsep(&line, " \t\n"));) {
        char *equals = strchr(word, '=');
        if (!equals)
            continue;
        *equals = '\0';
        add_string(&token, &n, word);
        add_string(&value, &n_values, equals + 1);
    }
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        for (size_t i = 0; i < n; i++)
            if (strcmp(token[i], keys[k].key) == 0)
                keys[k].read(settings, value[i]);
    free(token);
    free(value);
}
