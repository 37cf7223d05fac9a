/* The host of an engine without rights: its namespace, and what lies outside of it (outside.h). */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"
#include "engine/outside.h"
#include "network/loopback.h"
#include "network/slirp.h"

/* The host's own name servers may be at its 127.0.0.1, which is another here. */
static int write_resolv(struct host_real *h, struct error **err)
{
    struct cidr subnet = cunik_outside_subnet(h->outside);
    _cleanup_free_ char *address = cunik_address_text(cunik_slirp_dns(&subnet));
    _cleanup_free_ char *text = cunik_asprintf("nameserver %s\n", address);

    h->resolv = cunik_asprintf("%s/resolv.conf", h->run);
    return cunik_file_write(h->resolv, text, strlen(text), 0644, false, err);
}

int cunik_host_outside_open(struct host_real *h, struct outside *outside, struct error **err)
{
    h->outside = outside;
    return outside ? write_resolv(h, err) : 0;
}

/* "" is every address. */
static bool is_any(const char *ip)
{
    return !*ip || strcmp(ip, "0.0.0.0") == 0;
}

/* Each once, however many guests are behind it. An address that is none is the rules' to refuse. */
void cunik_host_outside_ports(const struct host_real *h, struct rules *rules,
                              struct outside_ports *ret)
{
    uint32_t address;

    for (size_t i = 0; h->outside && i < rules->n_ports; i++) {
        struct rules_port *p = &rules->ports[i];
        bool any = is_any(p->host_ip);
        if (strchr(p->host_ip, ':')) /* made by an engine that had rights */
            continue;
        _cleanup_free_ char *line =
            cunik_asprintf("%s %s %u", p->protocol, any ? "0.0.0.0" : p->host_ip, p->host_port);
        if (!cunik_strv_has(&ret->forwards, line))
            cunik_strv_take(&ret->forwards, TAKE_PTR(line));
        if (any || cunik_address_parse(p->host_ip, &address, NULL) < 0)
            continue;
        cunik_strv_take(&ret->doubles, cunik_address_text(cunik_slirp_double(address)));
        p->host_ip = ret->doubles.items[ret->doubles.n - 1];
    }
}

void cunik_host_outside_ports_done(struct outside_ports *p)
{
    cunik_strv_done(&p->forwards);
    cunik_strv_done(&p->doubles);
}

static int guard(const struct host_real *h, const struct outside_ports *p, struct error **err)
{
    struct outside_facts facts = {0};
    int r = cunik_outside_facts(h->outside, &facts, err);
    struct cidr subnet = cunik_outside_subnet(h->outside);
    _cleanup_free_ char *text = cunik_slirp_guard(&facts.addresses, &p->forwards, &subnet);

    if (r == 0)
        r = cunik_rules_replace(text, err);
    cunik_outside_facts_done(&facts);
    return cunik_error_prefix(err, r, "guarding the host from guests");
}

int cunik_host_outside_set(const struct host_real *h, bool open, const struct outside_ports *p,
                           struct error **err)
{
    int r;

    if (!h->outside)
        return 0;
    if (open && ((r = guard(h, p, err)) < 0 || (r = cunik_loopback_set(&p->doubles, err)) < 0))
        return r;
    return cunik_outside_set(h->outside, open, &p->forwards, err);
}

int cunik_host_outside_check(const struct host_real *h, const struct outside_ports *p, bool *ret,
                             struct error **err)
{
    return h->outside ? cunik_outside_check(h->outside, &p->forwards, ret, err) : 0;
}

/* A subnet of ours must be no way of the host's either: guests could not get there. */
int cunik_host_outside_facts(const struct host_real *h, struct host_facts *f, struct error **err)
{
    struct outside_facts facts = {0};

    if (!h->outside)
        return 0;
    int r = cunik_outside_facts(h->outside, &facts, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < facts.routes.n; i++)
        if (!cunik_strv_has(&f->routes, facts.routes.items[i]))
            cunik_strv_add(&f->routes, facts.routes.items[i]);
    struct strv addresses = f->addresses, taken = f->taken_ports;
    f->addresses = facts.addresses;
    f->taken_ports = facts.sockets;
    f->four_only = true;
    f->least_port = (uint16_t)facts.least_port;
    facts.addresses = addresses;
    facts.sockets = taken;
    cunik_outside_facts_done(&facts);
    return 0;
}
