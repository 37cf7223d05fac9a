/* The process outside: one thread, one engine at a time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/outside.h"
#include "engine/outside_slirp.h"
#include "network/link.h"
#include "network/sockets.h"
#include "network/sysctl.h"

enum { REQUEST_LIMIT = 16 << 20 };

struct server {
    int listening, engine; /* engine -1 = none is connected */
    struct buffer in;
    struct namespaces namespaces, given; /* given: came along with what is in `in` */
    struct outside_slirp slirp;
};

static int do_set(struct server *s, const json_t *request, _unused_ json_t *answer,
                  struct error **err)
{
    const char *subnet = json_string_value(json_object_get(request, "subnet"));
    _cleanup_strv_ struct strv forwards = {0};
    struct cidr parsed = {0};
    int r = cunik_json_get_strv(request, "forwards", &forwards, err);

    if (r < 0 || (subnet && (r = cunik_cidr_parse_subnet(subnet, &parsed, err)) < 0))
        return r;
    if (subnet && s->namespaces.user < 0)
        return cunik_error_set(err, ERROR_INVALID, "there are no namespaces yet");
    return cunik_outside_slirp_set(&s->slirp, subnet ? &parsed : NULL, &forwards, err);
}

static int do_state(struct server *s, _unused_ const json_t *request, json_t *answer,
                    _unused_ struct error **err)
{
    _cleanup_free_ char *subnet = cunik_cidr_text(&s->slirp.subnet);

    if (s->slirp.pid)
        cunik_json_set_string(answer, "subnet", subnet);
    cunik_json_set_strv(answer, "forwards", &s->slirp.made);
    return 0;
}

static int do_keep(struct server *s, _unused_ const json_t *request, _unused_ json_t *answer,
                   struct error **err)
{
    if (s->given.user < 0)
        return cunik_error_set(err, ERROR_INVALID, "no namespaces came along");
    cunik_namespaces_done(&s->namespaces);
    s->namespaces = s->given;
    s->given = (struct namespaces){-1, -1};
    return 0;
}

/* They go with the answer. */
static int do_namespaces(_unused_ struct server *s, _unused_ const json_t *request,
                         _unused_ json_t *answer, _unused_ struct error **err)
{
    return 0;
}

static void add_links(const struct links *links, json_t *answer)
{
    _cleanup_strv_ struct strv addresses = {0};

    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; k < links->items[i].n_addresses; k++)
            cunik_strv_take(&addresses, cunik_address_text(links->items[i].addresses[k].address));
    cunik_json_set_strv(answer, "addresses", &addresses);
}

static void add_route(struct strv *to, const struct cidr *c)
{
    struct cidr subnet = cunik_cidr_subnet(c);
    _cleanup_free_ char *text = cunik_cidr_text(&subnet);

    if (!cunik_strv_has(to, text))
        cunik_strv_take(to, TAKE_PTR(text));
}

/* Where the host can get to, and its links. */
static void add_routes(const struct links *links, const struct routes *routes, json_t *answer)
{
    _cleanup_strv_ struct strv list = {0};

    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; k < links->items[i].n_addresses; k++)
            add_route(&list, &links->items[i].addresses[k]);
    for (size_t i = 0; i < routes->n; i++)
        add_route(&list, &routes->items[i].destination);
    cunik_json_set_strv(answer, "routes", &list);
}

static int do_facts(struct server *s, _unused_ const json_t *request, json_t *answer,
                    struct error **err)
{
    _cleanup_links_ struct links links = {0};
    _cleanup_routes_ struct routes routes = {0};
    _cleanup_strv_ struct strv sockets = {0}, others = {0};
    int least = 1024, r;

    if ((r = cunik_link_list(&links, err)) < 0 || (r = cunik_link_routes(&routes, err)) < 0 ||
        (r = cunik_sockets_list(&sockets, err)) < 0)
        return r;
    add_links(&links, answer);
    add_routes(&links, &routes, answer);
    for (size_t i = 0; i < sockets.n; i++)
        if (!cunik_strv_has(&s->slirp.made, sockets.items[i]))
            cunik_strv_add(&others, sockets.items[i]);
    cunik_json_set_strv(answer, "sockets", &others);
    /* A kernel that has no such switch has this number built in. */
    (void)cunik_sysctl_get("net/ipv4/ip_unprivileged_port_start", &least, NULL);
    cunik_json_set_int(answer, "least_port", least);
    return 0;
}

static const struct {
    const char *name;
    int (*carry_out)(struct server *s, const json_t *request, json_t *answer, struct error **err);
    bool with_namespaces;
} verbs[] = {
    {"keep", do_keep, false},   {"namespaces", do_namespaces, true}, {"set", do_set, false},
    {"state", do_state, false}, {"facts", do_facts, false},
};

static void answer_line(struct server *s, const char *line)
{
    _cleanup_json_ json_t *request = NULL, *answer = json_object();
    _cleanup_error_ struct error *err = NULL;
    const struct namespaces *with = NULL;
    int r = cunik_json_parse(line, strlen(line), "the request", &request, &err);
    const char *what = r == 0 ? json_string_value(json_object_get(request, "do")) : NULL;
    size_t i = 0;

    while (what && i < ARRAY_SIZE(verbs) && strcmp(verbs[i].name, what) != 0)
        i++;
    if (what && i < ARRAY_SIZE(verbs)) {
        r = verbs[i].carry_out(s, request, answer, &err);
        with = verbs[i].with_namespaces ? &s->namespaces : NULL;
    } else if (r == 0) {
        r = cunik_error_set(&err, ERROR_INVALID, "no such request");
    }
    if (r < 0) {
        cunik_json_set_string(answer, "error", err ? err->message : "failed");
        cunik_json_set_string(answer, "code", cunik_error_name(err ? err->code : ERROR_FAILED));
    }
    /* An engine that has gone meanwhile is seen by the next poll. */
    (void)cunik_outside_send(s->engine, answer, with);
    cunik_namespaces_done(&s->given);
}

static void drop_engine(struct server *s)
{
    if (s->engine >= 0)
        close(s->engine);
    s->engine = -1;
    cunik_buffer_done(&s->in);
    s->in = (struct buffer){0};
    cunik_namespaces_done(&s->given);
}

static void hear_engine(struct server *s)
{
    if (cunik_outside_receive(s->engine, &s->in, &s->given) <= 0 || s->in.size > REQUEST_LIMIT) {
        drop_engine(s);
        return;
    }
    for (char *end; s->engine >= 0 && s->in.size && (end = strchr(s->in.data, '\n'));) {
        _cleanup_free_ char *line = cunik_strndup(s->in.data, (size_t)(end - s->in.data));
        cunik_buffer_consume(&s->in, (size_t)(end - s->in.data) + 1);
        answer_line(s, line);
    }
}

/* The engine's lock says that an earlier one has gone, though something it forked may still have
 * its connection. False when nobody is there. */
static bool greet_engine(struct server *s)
{
    int fd = accept4(s->listening, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    drop_engine(s);
    s->engine = fd;
    return true;
}

void cunik_outside_serve(const char *root, int listening, int engine)
{
    struct server s = {
        .listening = listening,
        .engine = engine,
        .namespaces = {-1, -1},
        .given = {-1, -1},
    };

    cunik_outside_slirp_init(&s.slirp, root, &s.namespaces);
    (void)fcntl(listening, F_SETFL, O_NONBLOCK);
    while (s.engine >= 0 || s.slirp.wanted || greet_engine(&s)) {
        struct pollfd fds[] = {{.fd = s.listening, .events = POLLIN},
                               {.fd = s.engine, .events = POLLIN},
                               {.fd = s.slirp.fd, .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), cunik_outside_slirp_wait_ms(&s.slirp)) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            hear_engine(&s);
        if (fds[2].revents && s.slirp.fd == fds[2].fd)
            cunik_outside_slirp_ended(&s.slirp);
        if (fds[0].revents)
            greet_engine(&s);
        cunik_outside_slirp_try_again(&s.slirp);
    }
    cunik_outside_slirp_done(&s.slirp);
    drop_engine(&s);
    cunik_namespaces_done(&s.namespaces);
}
