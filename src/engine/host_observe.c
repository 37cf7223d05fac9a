/* Looking at the host: domains by their labels, links by their aliases, names by their processes,
 * rules by their chains. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/host_endings.h"
#include "network/dnsmasq.h"
#include "network/link.h"
#include "network/tap.h"

static int64_t milliseconds(clockid_t clock)
{
    return cunik_time_now(clock) / NS_PER_MS;
}

static int64_t changed_ms(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 ? 0 : cunik_time_ms(&st.st_mtim);
}

/* When a process started: field 22 of /proc/PID/stat (proc(5)), in ticks since the boot. The second
 * field, in parentheses, may hold anything. */
static int64_t process_start_ms(int64_t pid)
{
    _cleanup_free_ char *path = cunik_asprintf("/proc/%" PRId64 "/stat", pid), *text = NULL;
    unsigned long long ticks;

    if (pid <= 0 || cunik_file_read(path, 1 << 16, &text, NULL, NULL) < 0)
        return 0;
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                        "%*d %*d %llu",
                        &ticks) != 1)
        return 0;
    return milliseconds(CLOCK_REALTIME) - milliseconds(CLOCK_BOOTTIME) +
           (int64_t)(ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}

/* libvirt does not keep when a domain ended. This process sees it; one that was not there takes the
 * last sign of life on the console. */
static int64_t end_time(struct host_real *h, const struct world_cunik *c)
{
    pthread_mutex_lock(&h->lock);
    struct seen_cunik *s = cunik_host_seen(h, c->name);
    if (cunik_state_is_up(c->status.state)) {
        s->ran = true;
        s->ended_ms = 0;
    } else if (c->status.state == CUNIK_EXITED && !s->ended_ms) {
        _cleanup_free_ char *console = cunik_console_path(h->consoles, c->name);
        s->ended_ms = s->ran ? milliseconds(CLOCK_REALTIME) : changed_ms(console);
        s->ran = false;
    }
    int64_t ended = c->status.state == CUNIK_EXITED ? s->ended_ms : 0;
    pthread_mutex_unlock(&h->lock);
    return ended;
}

static void see_status(struct host_real *h, const struct hypervisor_domain *d,
                       struct world_cunik *c)
{
    _cleanup_free_ char *images = cunik_asprintf("%s/images/%s", h->root, c->name);

    bool unreadable = c->status.unreadable;

    cunik_world_status_done(&c->status);
    cunik_world_status_init(&c->status);
    c->status.state = d->state;
    c->status.end = d->end;
    c->status.pid = d->pid;
    c->status.memory = d->memory;
    c->status.created_ms = changed_ms(images);
    c->status.started_ms = process_start_ms(d->pid);
    c->status.unreadable = unreadable;
    c->status.ended_ms = end_time(h, c);
}

/* Reads whose it is and what; false when it is not ours. */
static bool recognise(struct host_real *h, const struct hypervisor_domain *d,
                      struct world_cunik *ret, struct host_guest *ret_guest)
{
    enum label_kind kind =
        d->label ? cunik_host_label_parse(h, d->label, ret, ret_guest) : LABEL_UNREADABLE;

    if (kind == LABEL_OURS && strcmp(ret->name, d->name) == 0) {
        cunik_replace(&ret->uuid, d->uuid); /* of one that others made after ours it is another */
        return true;
    }
    if (kind == LABEL_OURS)
        cunik_world_cunik_done(ret);
    return kind != LABEL_OTHERS && cunik_host_unreadable(h, d, ret);
}

static int observe_cunik(struct host_real *h, const struct hypervisor_domain *d, struct world *w,
                         struct strv *ret_others, struct error **err)
{
    struct world_cunik c = {0};
    struct host_guest guest = {0};

    if (!recognise(h, d, &c, &guest)) {
        cunik_strv_add(ret_others, d->name);
        return 0;
    }
    pthread_mutex_lock(&h->lock);
    struct seen_cunik *s = cunik_host_seen(h, c.name);
    s->deaf = guest.deaf;
    s->backend = guest.backend;
    pthread_mutex_unlock(&h->lock);
    see_status(h, d, &c);
    cunik_host_endings_see(h, &c);
    int r = cunik_host_definition_see(h, d, &c, err);
    if (r == 0)
        r = cunik_host_guest_see(h, &c, err);
    *ARRAY_APPEND(w->cuniks, w->n_cuniks) = c;
    return r;
}

static int observe_cuniks(struct host_real *h, struct world *w, struct error **err)
{
    struct hypervisor_domains domains = {0};
    struct strv others = {0};
    int r = cunik_hypervisor_list(h->hypervisor, &domains, err);

    for (size_t i = 0; r == 0 && i < domains.n; i++)
        r = observe_cunik(h, &domains.items[i], w, &others, err);
    cunik_hypervisor_domains_done(&domains);
    pthread_mutex_lock(&h->lock);
    cunik_strv_done(&h->others);
    h->others = others;
    pthread_mutex_unlock(&h->lock);
    return r;
}

int cunik_host_check_name(struct host_real *h, const struct world_cunik *c, struct error **err)
{
    const char *uri = cunik_hypervisor_uri(h->hypervisor);

    pthread_mutex_lock(&h->lock);
    bool taken = cunik_strv_has(&h->others, c->name);
    pthread_mutex_unlock(&h->lock);
    if (!taken)
        return 0;
    return cunik_error_set(err, ERROR_CONFLICT,
                           "a domain '%s' that is not this engine's is in the way: undefine or "
                           "rename it (virsh -c %s), or give the service a container_name",
                           c->name, uri);
}

static bool link_has(const struct link *l, uint32_t address, unsigned length)
{
    for (size_t i = 0; i < l->n_addresses; i++)
        if (l->addresses[i].address == address && l->addresses[i].length == length)
            return true;
    return false;
}

static bool has_addresses(const struct link *l, const struct world_network *n)
{
    _cleanup_free_ struct cidr *more = NULL;
    struct cidr subnet;
    uint32_t gateway;
    size_t n_more;

    if (cunik_world_network_addresses(n, &subnet, &gateway, NULL) < 0 ||
        cunik_world_network_more(n, &more, &n_more, NULL) < 0 ||
        !link_has(l, gateway, subnet.length))
        return false;
    for (size_t i = 0; i < n_more; i++)
        if (!link_has(l, more[i].address, more[i].length))
            return false;
    return true;
}

static bool is_network(const struct host_real *h, const struct link *l)
{
    return l->labelled && l->bridge && strcmp(l->label.engine, h->engine) == 0 &&
           strcmp(l->label.kind, "network") == 0;
}

static void see_network(const struct host_real *h, const struct links *links,
                        struct world_network *n)
{
    const struct link *l = cunik_links_find(links, n->link);

    n->up = l && is_network(h, l) && strcmp(l->label.name, n->name) == 0 && l->up &&
            has_addresses(l, n);
    n->names_served = cunik_host_names_served(h, n);
}

/* A bridge of ours whose file is gone, as far as the bridge itself tells. */
static void recall_network(const struct link *l, struct world *w)
{
    struct world_network *n = cunik_world_add_network(w);

    cunik_replace(&n->name, l->label.name);
    cunik_replace(&n->stack, l->label.stack);
    cunik_replace(&n->link, l->name);
    if (l->n_addresses) {
        struct cidr subnet = cunik_cidr_subnet(&l->addresses[0]);
        free(n->subnet);
        n->subnet = cunik_cidr_text(&subnet);
        free(n->gateway);
        n->gateway = cunik_address_text(l->addresses[0].address);
    }
}

static int observe_networks(const struct host_real *h, const struct links *links, struct world *w,
                            struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_host_network_names(h, &names, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < names.n; i++) {
        struct world_network n = {0};
        if (cunik_host_network_read(h, names.items[i], &n) && strcmp(n.name, names.items[i]) == 0)
            *ARRAY_APPEND(w->networks, w->n_networks) = n;
        else
            cunik_world_network_done(&n);
    }
    for (size_t i = 0; i < links->n; i++)
        if (is_network(h, &links->items[i]) && !cunik_world_network(w, links->items[i].label.name))
            recall_network(&links->items[i], w);
    for (size_t i = 0; i < w->n_networks; i++)
        see_network(h, links, &w->networks[i]);
    return 0;
}

/* A tap that is deleted stays with the guest that has it open, which from then on talks to nobody.
 * One that is gone or has no carrier may as well belong to a guest that is just ending: its process
 * closes the tap before libvirt knows of the end. */
static int see_lost_link(const struct link *tap, struct world_cunik *c, struct error **err)
{
    _cleanup_strv_ struct strv held = {0};

    if (tap && (!tap->up || tap->carrier))
        return 0;
    int r = cunik_tap_held((pid_t)c->status.pid, &held, err);
    c->status.links_lost = cunik_strv_has(&held, "");
    return r;
}

static int see_links(const struct links *links, const struct world *w, struct world_cunik *c,
                     struct error **err)
{
    bool running = cunik_state_is_up(c->status.state);
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->n_interfaces; i++) {
        const struct world_network *n = cunik_world_network(w, c->interfaces[i].network);
        const struct link *tap = cunik_links_find(links, c->interfaces[i].link);
        const struct link *bridge = n ? cunik_links_find(links, n->link) : NULL;

        if (!tap ? !running : !tap->up || !tap->master || (bridge && tap->master != bridge->index))
            c->status.links_missing = true;
        if (running && !c->status.links_lost)
            r = see_lost_link(tap, c, err);
    }
    return r;
}

/* The links of a cunik whose label does not tell. */
static void recall_links(const struct host_real *h, const struct links *links,
                         struct world_cunik *c)
{
    for (size_t i = 0; i < links->n; i++) {
        const struct link *tap = &links->items[i], *bridge = NULL;
        if (!tap->labelled || tap->bridge || strcmp(tap->label.engine, h->engine) != 0 ||
            strcmp(tap->label.name, c->name) != 0)
            continue;
        for (size_t k = 0; k < links->n; k++)
            if (links->items[k].index == tap->master && is_network(h, &links->items[k]))
                bridge = &links->items[k];
        if (!bridge)
            continue;
        struct world_interface *n = cunik_world_add_interface(c);
        cunik_replace(&n->link, tap->name);
        cunik_replace(&n->network, bridge->label.name);
    }
}

static void see_files(const struct host_real *h, struct world_cunik *c)
{
    const struct world_boot *b = &c->boot;

    c->status.files_changed =
        (*b->kernel && cunik_host_image_changed(h, c->name, "kernel", b->kernel)) ||
        (*b->initrd && cunik_host_image_changed(h, c->name, "initrd", b->initrd));
}

static int observe_rules(const struct host_real *h, const struct links *links, struct world *w,
                         struct error **err)
{
    _cleanup_strv_ struct strv chains = {0};
    struct rules rules = {0};
    struct outside_ports outside = {0};
    int r = cunik_host_rules(h, w, true, &rules, err);

    if (r == 0)
        cunik_host_outside_ports(h, &rules, &outside);
    if (r == 0)
        r = cunik_rules_make(&rules, NULL, &chains, err);
    if (r == 0)
        r = cunik_rules_present(h->engine, &chains, &w->ports_published, err);
    if (r == 0 && chains.n && w->ports_published)
        r = cunik_host_gates_open(h, &w->ports_published, err);
    if (r == 0 && rules.n_networks && w->ports_published)
        r = cunik_host_forwards(links, &w->ports_published, err);
    if (r == 0 && rules.n_networks && w->ports_published)
        r = cunik_host_outside_check(h, &outside, &w->ports_published, err);
    if (r == 0 && cunik_rules_six(&rules) && w->ports_published)
        r = cunik_host_forwards6(cunik_host_forward6_kind(), links, &w->ports_published, err);
    cunik_rules_done(&rules);
    cunik_host_outside_ports_done(&outside);
    return r;
}

static int network_order(const void *a, const void *b)
{
    return strcmp(((const struct world_network *)a)->name, ((const struct world_network *)b)->name);
}

static int cunik_order(const void *a, const void *b)
{
    return strcmp(((const struct world_cunik *)a)->name, ((const struct world_cunik *)b)->name);
}

int cunik_host_observe(void *ctx, struct world *ret, struct error **err)
{
    struct host_real *h = ctx;
    _cleanup_links_ struct links links = {0};
    struct world w = {0};
    int r;

    /* Guests first: one that is seen to run then has its taps open when they are looked at. */
    if ((r = observe_cuniks(h, &w, err)) == 0 && (r = cunik_link_list(&links, err)) == 0)
        r = observe_networks(h, &links, &w, err);
    for (size_t i = 0; r == 0 && i < w.n_cuniks; i++) {
        if (w.cuniks[i].status.unreadable)
            recall_links(h, &links, &w.cuniks[i]);
        see_files(h, &w.cuniks[i]);
        r = see_links(&links, &w, &w.cuniks[i], err);
    }
    if (r == 0)
        r = observe_rules(h, &links, &w, err);
    if (r < 0) {
        cunik_world_done(&w);
        return r;
    }
    if (w.n_networks)
        qsort(w.networks, w.n_networks, sizeof(*w.networks), network_order);
    if (w.n_cuniks)
        qsort(w.cuniks, w.n_cuniks, sizeof(*w.cuniks), cunik_order);
    *ret = w;
    return 0;
}
