#include "engine/run_options.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/health.h"
#include "engine/run_volumes.h"
#include "network/names.h"

enum { STOP_SECONDS = 10 };

static int wrong(struct error **err, const char *option, const char *expected, const char *text)
{
    return cunik_error_set(err, ERROR_INVALID, "option '--%s' takes %s, not '%s'", option, expected,
                           text);
}

int cunik_run_memory(const char *text, int64_t *ret, struct error **err)
{
    if (cunik_text_to_bytes(text, ret) < 0 || *ret <= 0)
        return wrong(err, "memory", "a size such as 64m", text);
    return 0;
}

int cunik_run_cpus(const char *text, double *ret, struct error **err)
{
    if (cunik_text_to_double(text, ret) < 0 || *ret <= 0)
        return wrong(err, "cpus", "a number above 0", text);
    return 0;
}

int cunik_run_restart(const char *text, enum restart_policy *ret, int64_t *ret_max,
                      struct error **err)
{
    size_t size = strcspn(text, ":");
    _cleanup_free_ char *name = cunik_strndup(text, size);
    int64_t most = 0;

    if (cunik_restart_parse(name, ret) < 0 ||
        (text[size] && (*ret != RESTART_ON_FAILURE ||
                        cunik_text_to_int(text + size + 1, 0, INT32_MAX, &most) < 0)))
        return wrong(err, "restart", "no, always, unless-stopped or on-failure[:N]", text);
    *ret_max = most;
    return 0;
}

/* "KEY=VALUE"; without "=" the value is that of `environ`, and without that nothing is added. */
static void add_pair(struct world_pairs *pairs, const char *text, char *const *environment)
{
    size_t size = strcspn(text, "=");
    _cleanup_free_ char *key = cunik_strndup(text, size);

    if (text[size])
        cunik_world_pair_add(pairs, key, text + size + 1);
    else if (!environment)
        cunik_world_pair_add(pairs, key, "");
    for (; !text[size] && environment && *environment; environment++)
        if (strncmp(*environment, key, size) == 0 && (*environment)[size] == '=')
            cunik_world_pair_add(pairs, key, *environment + size + 1);
}

/* The last part behind a colon, cut off; NULL when there is none. */
static char *cut_last(char *text)
{
    char *colon = strrchr(text, ':');

    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

int cunik_run_port(struct world_cunik *c, const char *text, struct error **err)
{
    static const char expected[] = "[[IP:]HOST:]PORT[/tcp|/udp]";
    _cleanup_free_ char *rest = cunik_strdup(text);
    char *protocol = strchr(rest, '/');
    uint64_t guest, host = 0;
    struct in6_addr address; /* or one of IPv4 */

    if (protocol)
        *protocol++ = '\0';
    const char *port = cut_last(rest), *host_ip = "", *host_port = port ? rest : "";
    if (!port) {
        port = rest;
    } else {
        char *last = cut_last(rest);
        host_ip = last ? rest : "";
        host_port = last ? last : rest;
        size_t size = strlen(host_ip);
        if (size > 2 && *host_ip == '[' && host_ip[size - 1] == ']') {
            rest[size - 1] = '\0';
            host_ip++;
        }
    }
    if (cunik_text_to_uint(port, 1, UINT16_MAX, &guest) < 0 ||
        (*host_port && cunik_text_to_uint(host_port, 1, UINT16_MAX, &host) < 0) ||
        (*host_ip && inet_pton(AF_INET, host_ip, &address) != 1 &&
         inet_pton(AF_INET6, host_ip, &address) != 1) ||
        (protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
        return wrong(err, "publish", expected, text);
    struct world_port *p = cunik_world_add_port(c);
    cunik_replace(&p->host_ip, host_ip);
    cunik_replace(&p->protocol, protocol ? protocol : "tcp");
    p->host_port = (uint16_t)host;
    p->port = (uint16_t)guest;
    return 0;
}

static int add_disk(struct world_cunik *c, const char *text, struct error **err)
{
    _cleanup_free_ char *path = cunik_strdup(text);
    bool readonly = cunik_text_ends(path, ":ro");

    if (readonly)
        path[strlen(path) - strlen(":ro")] = '\0';
    char *mount = cut_last(path);
    if (*path != '/' || (mount && *mount != '/'))
        return wrong(err, "disk", "PATH[:MOUNT][:ro]", text);
    struct world_disk *d = cunik_world_add_disk(c);
    cunik_replace(&d->path, path);
    cunik_replace(&d->mount, mount ? mount : "");
    d->readonly = readonly;
    return 0;
}

/* The times of an image's test are its own. */
static int set_times(struct world_health *h, const struct run_health *o, struct error **err)
{
    const struct {
        const char *option, *text;
        int64_t *to;
    } times[] = {
        {"health-interval", o->interval, &h->interval_ns},
        {"health-timeout", o->timeout, &h->timeout_ns},
        {"health-start-period", o->start_period, &h->start_period_ns},
        {"health-start-interval", o->start_interval, &h->start_interval_ns},
    };

    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        if (times[i].text && !o->command)
            return cunik_error_set(err, ERROR_INVALID, "option '--%s' wants '--health-cmd'",
                                   times[i].option);
        if (times[i].text &&
            (cunik_text_to_duration(times[i].text, times[i].to) < 0 || *times[i].to < 0))
            return wrong(err, times[i].option, "a time such as 30s", times[i].text);
    }
    return 0;
}

static int set_retries(struct world_health *h, const struct run_health *o, struct error **err)
{
    uint64_t retries = 0;

    if (!o->retries)
        return 0;
    if (!o->command)
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--health-retries' wants '--health-cmd'");
    if (cunik_text_to_uint(o->retries, 1, 1000, &retries) < 0)
        return wrong(err, "health-retries", "a number from 1 to 1000", o->retries);
    h->retries = (int64_t)retries;
    return 0;
}

static int add_health(struct world_cunik *c, const struct run_options *o, struct error **err)
{
    const struct run_health *from = &o->health;
    _cleanup_strv_ struct strv test = {0};

    if (from->none && from->command)
        return cunik_error_set(err, ERROR_INVALID,
                               "options '--no-healthcheck' and '--health-cmd' exclude each other");
    if (from->none && o->image)
        cunik_strv_add(&c->health.test, "NONE");
    if (from->command) {
        cunik_strv_add(&test, "CMD-SHELL");
        cunik_strv_add(&test, from->command);
        cunik_health_set_test(&c->health, &test);
    }
    int r = set_retries(&c->health, from, err);
    return r < 0 ? r : set_times(&c->health, from, err);
}

/* A network of its own; another stack's, by name; or none. */
static void add_network(struct world *w, struct world_cunik *c, const char *network)
{
    if (network && strcmp(network, "none") == 0)
        return;
    struct world_network *n = cunik_world_add_network(w);
    struct world_interface *f = cunik_world_add_interface(c);
    if (network) {
        cunik_replace(&n->name, network);
        n->external = true;
    } else {
        free(n->name);
        n->name = cunik_asprintf("%s_default", c->stack);
        cunik_replace(&n->stack, c->stack);
    }
    cunik_replace(&n->key, "default");
    cunik_replace(&f->network, n->name);
    free(f->mac);
    f->mac = cunik_network_mac(c->stack, c->service, c->index, n->name);
}

static void set_boot(struct world_cunik *c, const struct run_options *o)
{
    struct world_boot *b = &c->boot;

    cunik_replace(&b->kernel, o->kernel ? o->kernel : "");
    cunik_replace(&c->image, o->image ? o->image : "");
    cunik_replace(&b->initrd, o->initrd ? o->initrd : "");
    cunik_replace(&b->backend, o->backend ? o->backend : "");
    cunik_replace(&b->cmdline, o->cmdline ? o->cmdline : "");
    for (size_t i = 0; i < o->params->n; i++)
        add_pair(&b->params, o->params->items[i], NULL);
}

static int set_limits(struct world_cunik *c, const struct run_options *o, struct error **err)
{
    uint64_t grace = STOP_SECONDS;
    int r = 0;

    if (o->memory)
        r = cunik_run_memory(o->memory, &c->memory, err);
    if (r == 0 && o->cpus)
        r = cunik_run_cpus(o->cpus, &c->cpus, err);
    if (r == 0 && o->restart)
        r = cunik_run_restart(o->restart, &c->restart, &c->restart_max, err);
    if (r == 0 && o->stop_timeout && cunik_text_to_uint(o->stop_timeout, 0, 1000000, &grace) < 0)
        r = wrong(err, "stop-timeout", "seconds", o->stop_timeout);
    c->stop_grace_ns = (int64_t)grace * NS_PER_SECOND;
    return r;
}

static int fill(struct world *w, const struct run_options *o, struct error **err)
{
    struct world_cunik *c = cunik_world_add_cunik(w);
    int r = 0;

    c->index = 1;
    cunik_replace(&c->name, o->name);
    cunik_replace(&c->stack, o->name);
    cunik_replace(&c->service, o->name);
    free(c->uuid);
    c->uuid = cunik_network_uuid(c->stack, c->service, c->index);
    const char *called = o->called ? o->called : o->name;
    cunik_replace(&c->called, strcmp(called, o->name) == 0 ? "" : called);
    cunik_replace(&c->hostname, o->hostname ? o->hostname : called);
    cunik_strv_copy(&c->command, o->command);
    c->status.state = CUNIK_RUNNING;
    set_boot(c, o);
    for (size_t i = 0; i < o->environment->n; i++)
        add_pair(&c->environment, o->environment->items[i], o->environ);
    for (size_t i = 0; i < o->labels->n; i++)
        add_pair(&c->labels, o->labels->items[i], NULL);
    add_network(w, c, o->network);
    r = add_health(c, o, err);
    if (r == 0)
        r = set_limits(c, o, err);
    for (size_t i = 0; i < o->ports->n && r == 0; i++)
        r = cunik_run_port(c, o->ports->items[i], err);
    for (size_t i = 0; i < o->disks->n && r == 0; i++)
        r = add_disk(c, o->disks->items[i], err);
    for (size_t i = 0; i < o->volumes->n && r == 0; i++)
        r = cunik_run_volume_add(w, c, o->folder, o->volumes->items[i], err);
    return r < 0 ? r : cunik_world_cunik_check(c, err);
}

int cunik_run_world(const struct run_options *o, struct world *ret, struct error **err)
{
    struct world w = {0};
    int r = fill(&w, o, err);

    if (r < 0) {
        cunik_world_done(&w);
        return r;
    }
    *ret = w;
    return 0;
}
