#include "network/slirp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    ANSWER_LIMIT = 4 << 20,
    PATIENCE_S = 10, /* for one answer */
    MTU = 65520,     /* nothing is between the two ends but memory */
    /* As slirp4netns counts them in its subnet. */
    HOST_NUMBER = 2,
    DNS_NUMBER = 3,
    OWN_NUMBER = 100,
};

static const char program_name[] = "slirp4netns";

/* The first is slirp4netns' own, and also what many virtual machines have. */
static const char *const subnets[] = {"10.0.2.0/24", "10.0.3.0/24", "10.234.56.0/24",
                                      "172.29.255.0/24", "192.168.231.0/24"};

struct cidr cunik_slirp_subnet(const struct strv *routes)
{
    struct cidr c = {0}, route;

    for (size_t i = 0; i < ARRAY_SIZE(subnets); i++) {
        bool is_free = true;
        if (cunik_cidr_parse(subnets[i], &c, NULL) < 0)
            abort();
        for (size_t k = 0; is_free && k < routes->n; k++)
            is_free = cunik_cidr_parse(routes->items[k], &route, NULL) < 0 ||
                      !cunik_cidr_overlaps(&c, &route);
        if (is_free)
            return c;
    }
    if (cunik_cidr_parse(subnets[0], &c, NULL) < 0)
        abort();
    return c;
}

uint32_t cunik_slirp_own(const struct cidr *subnet)
{
    return cunik_cidr_first(subnet) + OWN_NUMBER;
}

uint32_t cunik_slirp_dns(const struct cidr *subnet)
{
    return cunik_cidr_first(subnet) + DNS_NUMBER;
}

uint32_t cunik_slirp_double(uint32_t address)
{
    return UINT32_C(0xf0000000) | (address & UINT32_C(0x0fffffff));
}

/* What comes in at an address of the host's. */
static uint32_t inside(uint32_t address, const struct cidr *subnet)
{
    return address ? cunik_slirp_double(address) : cunik_slirp_own(subnet);
}

static void append_set(struct buffer *b, const char *name, const char *type,
                       const struct strv *elements)
{
    _cleanup_free_ char *list = cunik_strv_join(elements, ", ");

    cunik_buffer_printf(b, "    set %s {\n        type %s\n", name, type);
    if (elements->n)
        cunik_buffer_printf(b, "        elements = { %s }\n", list);
    cunik_buffer_text_append(b, "    }\n");
}

char *cunik_slirp_guard(const struct strv *addresses, const struct strv *forwards,
                        const struct cidr *subnet)
{
    _cleanup_free_ char *host = cunik_address_text(cunik_cidr_first(subnet) + HOST_NUMBER);
    _cleanup_strv_ struct strv hosts = {0}, ports = {0};
    _cleanup_buffer_ struct buffer b = {0};

    cunik_strv_add(&hosts, host);
    for (size_t i = 0; i < addresses->n; i++)
        if (!cunik_strv_has(&hosts, addresses->items[i]))
            cunik_strv_add(&hosts, addresses->items[i]);
    for (size_t i = 0; i < forwards->n; i++) {
        const char *line = forwards->items[i], *port = strrchr(line, ' ');
        _cleanup_free_ char *element =
            cunik_asprintf("%.*s . %s", (int)strcspn(line, " "), line, port ? port + 1 : "");
        if (!cunik_strv_has(&ports, element))
            cunik_strv_take(&ports, TAKE_PTR(element));
    }
    cunik_buffer_text_append(&b, "add table ip outside\ndelete table ip outside\n"
                                 "table ip outside {\n");
    append_set(&b, "hosts", "ipv4_addr", &hosts);
    append_set(&b, "published", "inet_proto . inet_service", &ports);
    cunik_buffer_printf(&b,
                        "    chain prerouting {\n"
                        "        type filter hook prerouting priority raw - 10; policy accept;\n"
                        "        iifname \"" SLIRP_LINK "\" ip saddr 127.0.0.0/8 ip saddr set %s\n"
                        "    }\n",
                        host);
    cunik_buffer_text_append(
        &b, "    chain forward {\n"
            "        type filter hook forward priority filter - 20; policy accept;\n"
            "        ct state established,related accept\n"
            "        oifname \"" SLIRP_LINK "\" ip daddr @hosts meta l4proto { tcp, udp } "
            "meta l4proto . th dport @published accept\n"
            "        oifname \"" SLIRP_LINK "\" ip daddr @hosts drop\n"
            "    }\n"
            "}\n");
    return cunik_buffer_take(&b);
}

/* The host's 127.0.0.1 is to be reached: by answers to datagrams. The guard keeps guests from it.
 */
void cunik_slirp_arguments(const struct slirp_settings *s, struct strv *ret)
{
    _cleanup_free_ char *subnet = cunik_cidr_text(&s->subnet);

    cunik_strv_add(ret, s->program);
    cunik_strv_add(ret, "--configure");
    cunik_strv_add(ret, "--enable-sandbox");
    cunik_strv_add(ret, "--enable-seccomp");
    cunik_strv_addf(ret, "--mtu=%d", MTU);
    cunik_strv_addf(ret, "--cidr=%s", subnet);
    cunik_strv_addf(ret, "--api-socket=%s", s->api);
    cunik_strv_addf(ret, "--ready-fd=%d", s->ready);
    cunik_strv_addf(ret, "--exit-fd=%d", s->leave);
    cunik_strv_add(ret, "--netns-type=path");
    cunik_strv_addf(ret, "/proc/self/fd/%d", s->netns);
    cunik_strv_add(ret, SLIRP_LINK);
}

int cunik_slirp_find(char **ret, struct error **err)
{
    const char *path = getenv("PATH");
    _cleanup_strv_ struct strv folders = {0};

    cunik_strv_split(&folders, path ? path : "", ":");
    cunik_strv_split(&folders, "/usr/local/bin:/usr/bin", ":");
    for (size_t i = 0; i < folders.n; i++) {
        _cleanup_free_ char *file = cunik_asprintf("%s/%s", folders.items[i], program_name);
        if (*file == '/' && access(file, X_OK) == 0) {
            *ret = TAKE_PTR(file);
            return 0;
        }
    }
    return cunik_error_set(err, ERROR_NOT_FOUND,
                           "there is no slirp4netns, which is the way out for guests of a user "
                           "without rights (Debian's package slirp4netns)");
}

static json_t *request(const char *what, json_t *arguments)
{
    json_t *r = json_object();

    cunik_json_set_string(r, "execute", what);
    if (arguments)
        cunik_json_set(r, "arguments", arguments);
    return r;
}

/* The line of one that is listed; NULL when it is not what we would have asked for. */
static char *line_of(const json_t *entry, const struct cidr *subnet)
{
    const char *protocol = json_string_value(json_object_get(entry, "proto"));
    const char *host = json_string_value(json_object_get(entry, "host_addr"));
    const char *guest = json_string_value(json_object_get(entry, "guest_addr"));
    json_int_t port = json_integer_value(json_object_get(entry, "host_port"));
    uint32_t host_address, guest_address;

    if (!protocol || !host || !guest || cunik_address_parse(host, &host_address, NULL) < 0 ||
        cunik_address_parse(guest, &guest_address, NULL) < 0 ||
        port != json_integer_value(json_object_get(entry, "guest_port")) ||
        guest_address != inside(host_address, subnet))
        return NULL;
    return cunik_asprintf("%s %s %d", protocol, host, (int)port);
}

static int addition(const char *line, const struct cidr *subnet, json_t **ret, struct error **err)
{
    _cleanup_strv_ struct strv words = {0};
    uint32_t address;
    uint64_t port;

    cunik_strv_split(&words, line, " ");
    if (words.n != 3 || cunik_address_parse(words.items[1], &address, NULL) < 0 ||
        cunik_text_to_uint(words.items[2], 1, UINT16_MAX, &port) < 0)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no port to publish", line);
    _cleanup_free_ char *guest = cunik_address_text(inside(address, subnet));
    json_t *a = json_object();
    cunik_json_set_string(a, "proto", words.items[0]);
    cunik_json_set_string(a, "host_addr", words.items[1]);
    cunik_json_set_int(a, "host_port", (int64_t)port);
    cunik_json_set_string(a, "guest_addr", guest);
    cunik_json_set_int(a, "guest_port", (int64_t)port);
    *ret = request("add_hostfwd", a);
    return 0;
}

/* Those in force, and requests that take away the others. */
static void look(const json_t *listed, const struct strv *wanted, const struct cidr *subnet,
                 struct strv *ret_there, json_t *requests)
{
    const json_t *entries = json_object_get(json_object_get(listed, "return"), "entries");
    const json_t *entry;
    size_t i;

    /* slirp4netns 1.2 has no "return" around it. */
    json_array_foreach (entries ? entries : json_object_get(listed, "entries"), i, entry) {
        _cleanup_free_ char *line = line_of(entry, subnet);
        if (line && cunik_strv_has(wanted, line) && !cunik_strv_has(ret_there, line)) {
            cunik_strv_add(ret_there, line);
            continue;
        }
        json_t *a = json_object();
        cunik_json_set_int(a, "id", json_integer_value(json_object_get(entry, "id")));
        cunik_json_append(requests, request("remove_hostfwd", a));
    }
}

int cunik_slirp_changes(const json_t *listed, const struct strv *wanted, const struct cidr *subnet,
                        json_t **ret, struct error **err)
{
    _cleanup_json_ json_t *requests = json_array();
    _cleanup_strv_ struct strv there = {0};
    json_t *add = NULL;

    look(listed, wanted, subnet, &there, requests);
    for (size_t i = 0; i < wanted->n; i++) {
        if (cunik_strv_has(&there, wanted->items[i]))
            continue;
        int r = addition(wanted->items[i], subnet, &add, err);
        if (r < 0)
            return r;
        cunik_json_append(requests, add);
        cunik_strv_add(&there, wanted->items[i]);
    }
    *ret = TAKE_PTR(requests);
    return 0;
}

static int connect_to(const char *api, int *ret, struct error **err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(api) >= sizeof(address.sun_path))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is too long for a socket's path", api);
    memcpy(address.sun_path, api, strlen(api));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return cunik_error_errno(err, errno, "asking slirp4netns at '%s'", api);
    *ret = TAKE_FD(fd);
    return 0;
}

static int ask(const char *api, const json_t *what, json_t **ret, struct error **err)
{
    _cleanup_free_ char *text = cunik_json_text(what, JSON_COMPACT), *answer = NULL;
    _cleanup_close_ int fd = -1;
    size_t size;
    int r = connect_to(api, &fd, err);

    if (r < 0)
        return r;
    /* The end of the request is where we stop sending. */
    if ((r = cunik_write_all(fd, text, strlen(text))) < 0)
        return cunik_error_errno(err, -r, "asking slirp4netns");
    if (shutdown(fd, SHUT_WR) < 0)
        return cunik_error_errno(err, errno, "asking slirp4netns");
    if ((r = cunik_file_read_fd(fd, "the answer of slirp4netns", ANSWER_LIMIT, &answer, &size,
                                err)) < 0)
        return r;
    return cunik_json_parse(answer, size, "the answer of slirp4netns", ret, err);
}

static const char *text_in(const json_t *what, const char *key)
{
    return cunik_json_string_at(json_object_get(what, "arguments"), key);
}

/* Its own words say only that it failed: it is the host that refused. */
static int refused(const json_t *what, const json_t *answer, struct error **err)
{
    const char *words =
        json_string_value(json_object_get(json_object_get(answer, "error"), "desc"));

    if (!json_object_get(answer, "error"))
        return 0;
    if (*text_in(what, "proto"))
        return cunik_error_set(
            err, ERROR_CONFLICT,
            "the host does not let this user have port %s:%d/%s: it is taken, below the first port "
            "for users, or at an address that the host does not have (%s)",
            text_in(what, "host_addr"),
            (int)json_integer_value(
                json_object_get(json_object_get(what, "arguments"), "host_port")),
            text_in(what, "proto"), words ? words : "no reason given");
    return cunik_error_set(err, ERROR_FAILED, "slirp4netns: %s", words ? words : "it failed");
}

/* Keeps the first error. */
static int carry_out(const char *api, const json_t *what, struct error **err)
{
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_error_ struct error *e = NULL;
    int r = ask(api, what, &answer, &e);

    if (r == 0)
        r = refused(what, answer, &e);
    if (r < 0 && err && !*err)
        cunik_error_pass(err, r, &e);
    return r;
}

int cunik_slirp_forward(const char *api, const struct strv *wanted, const struct cidr *subnet,
                        struct strv *ret_made, struct error **err)
{
    _cleanup_json_ json_t *list = request("list_hostfwd", NULL), *listed = NULL, *changes = NULL;
    _cleanup_json_ json_t *after = NULL, *unused = json_array();
    const json_t *what;
    size_t i;
    int first = 0, r = ask(api, list, &listed, err);

    if (r < 0 || (r = cunik_slirp_changes(listed, wanted, subnet, &changes, err)) < 0)
        return r;
    json_array_foreach (changes, i, what) {
        r = carry_out(api, what, err);
        first = first < 0 ? first : r;
    }
    if ((r = ask(api, list, &after, first < 0 ? NULL : err)) < 0)
        return first < 0 ? first : r;
    look(after, wanted, subnet, ret_made, unused);
    return first;
}
