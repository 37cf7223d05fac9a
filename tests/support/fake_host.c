#include "tests/support/fake_host.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"

struct domain {
    struct world_cunik c; /* as last labelled, with what is seen */
    size_t starts;
};

struct tap {
    char *link, *stack, *cunik, *network;
    bool plugged;
    bool dead; /* deleted under a running guest */
};

struct bridge {
    struct world_network n;
    bool there, names;
};

struct fake_host {
    pthread_mutex_t lock;
    struct host table;
    struct host_facts facts;
    struct domain **domains;
    size_t n_domains;
    struct tap *taps;
    size_t n_taps;
    struct bridge *bridges;
    size_t n_bridges;
    struct strv names; /* cuniks whose names are served */
    struct strv rules;
    struct strv states; /* stack, text, stack, text, … */
    struct strv log, violations;
    struct strv failing; /* "operation thing" */
    struct strv deaf;
    struct strv exits; /* service, code, … */
    size_t operations, fail_at;
    bool fail_after, fail_dead;
    size_t starting, most_starting;
    int64_t latency_ns, pid, clock_ms;
    void (*changed)(void *ctx, const char *name);
    void *changed_ctx;
};

static void *drop(void *items, size_t *n, size_t i, size_t size)
{
    memmove((char *)items + i * size, (char *)items + (i + 1) * size, (*n - i - 1) * size);
    --*n;
    return items;
}

static void strv_remove(struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i], s) == 0) {
            free(v->items[i]);
            drop(v->items, &v->n, i--, sizeof(char *));
        }
}

static struct domain *find_domain(struct fake_host *f, const char *name)
{
    for (size_t i = 0; i < f->n_domains; i++)
        if (strcmp(f->domains[i]->c.name, name) == 0)
            return f->domains[i];
    return NULL;
}

static struct tap *find_tap(struct fake_host *f, const char *link)
{
    for (size_t i = 0; i < f->n_taps; i++)
        if (strcmp(f->taps[i].link, link) == 0)
            return &f->taps[i];
    return NULL;
}

static struct bridge *find_bridge(struct fake_host *f, const char *name)
{
    for (size_t i = 0; i < f->n_bridges; i++)
        if (strcmp(f->bridges[i].n.name, name) == 0)
            return &f->bridges[i];
    return NULL;
}

static void tap_free(struct tap *t)
{
    free(t->link);
    free(t->stack);
    free(t->cunik);
    free(t->network);
}

static void drop_tap(struct fake_host *f, size_t i)
{
    tap_free(&f->taps[i]);
    drop(f->taps, &f->n_taps, i, sizeof(struct tap));
}

static void drop_bridge(struct fake_host *f, struct bridge *b)
{
    cunik_world_network_done(&b->n);
    drop(f->bridges, &f->n_bridges, (size_t)(b - f->bridges), sizeof(struct bridge));
}

/* Whether this operation is to fail; called with the lock held. *ret_after: it has its effect
 * first. */
static bool fails(struct fake_host *f, const char *operation, const char *thing, bool *ret_after)
{
    char *line = cunik_asprintf("%s %s", operation, thing);
    bool named = cunik_strv_has(&f->failing, line);

    cunik_strv_take(&f->log, line);
    f->operations++;
    *ret_after = f->fail_after && !named;
    if (named)
        return true;
    if (!f->fail_at)
        return false;
    if (f->fail_at > 1) {
        f->fail_at--;
        return false;
    }
    if (!f->fail_dead)
        f->fail_at = 0;
    return true;
}

/* Begins an operation: counts, waits, locks. Returns whether to go on; *ret_r is then what to
 * return in the end. */
static bool begin(struct fake_host *f, const char *operation, const char *thing, int *ret_r,
                  struct error **err)
{
    bool after;

    if (f->latency_ns) {
        struct timespec t = {.tv_sec = f->latency_ns / 1000000000,
                             .tv_nsec = f->latency_ns % 1000000000};
        nanosleep(&t, NULL);
    }
    pthread_mutex_lock(&f->lock);
    *ret_r = 0;
    if (!fails(f, operation, thing, &after))
        return true;
    *ret_r = cunik_error_set(err, ERROR_FAILED, "%s '%s': injected failure", operation, thing);
    if (after)
        return true;
    pthread_mutex_unlock(&f->lock);
    return false;
}

static int end(struct fake_host *f, int r)
{
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int refuse(struct fake_host *f, int number, struct error **err, const char *operation,
                  const char *thing)
{
    pthread_mutex_unlock(&f->lock);
    return cunik_error_errno(err, number, "%s '%s'", operation, thing);
}

static void tell(struct fake_host *f, const char *name)
{
    if (f->changed)
        f->changed(f->changed_ctx, name);
}

static char *rule_of(const struct world_cunik *c, const struct world_port *p)
{
    return cunik_asprintf("%s:%u/%s → %s %s:%u", *p->host_ip ? p->host_ip : "*", p->host_port,
                          p->protocol, c->name, c->n_interfaces ? c->interfaces[0].address : "",
                          p->port);
}

static bool has_rules(const struct fake_host *f, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_ports; i++) {
        _cleanup_free_ char *rule = rule_of(c, &c->ports[i]);
        if (!cunik_strv_has(&f->rules, rule))
            return false;
    }
    return true;
}

static void see_links(struct fake_host *f, struct world_cunik *c)
{
    bool running = c->status.state == CUNIK_RUNNING;

    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct tap *t = find_tap(f, c->interfaces[i].link);
        if (running && (!t || t->dead))
            c->status.links_lost = true;
        else if (!t || !t->plugged)
            c->status.links_missing = true;
    }
}

static int by_cunik(const void *a, const void *b)
{
    return strcmp(((const struct world_cunik *)a)->name, ((const struct world_cunik *)b)->name);
}

static int by_network(const void *a, const void *b)
{
    return strcmp(((const struct world_network *)a)->name, ((const struct world_network *)b)->name);
}

static int observe(void *ctx, struct world *ret, _unused_ struct error **err)
{
    struct fake_host *f = ctx;
    struct world w = {.ports_published = true};

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_domains; i++) {
        struct world_cunik *c = ARRAY_APPEND(w.cuniks, w.n_cuniks);
        cunik_world_cunik_copy(c, &f->domains[i]->c);
        see_links(f, c);
        if (c->status.state == CUNIK_RUNNING && !has_rules(f, c))
            w.ports_published = false;
    }
    for (size_t i = 0; i < f->n_bridges; i++) {
        struct world_network *n = ARRAY_APPEND(w.networks, w.n_networks);
        cunik_world_network_copy(n, &f->bridges[i].n);
        n->up = f->bridges[i].there;
        n->names_served = f->bridges[i].names;
    }
    pthread_mutex_unlock(&f->lock);
    if (w.n_cuniks)
        qsort(w.cuniks, w.n_cuniks, sizeof(*w.cuniks), by_cunik);
    if (w.n_networks)
        qsort(w.networks, w.n_networks, sizeof(*w.networks), by_network);
    *ret = w;
    return 0;
}

static int facts(void *ctx, struct host_facts *ret, _unused_ struct error **err)
{
    *ret = ((struct fake_host *)ctx)->facts;
    return 0;
}

static int check(void *ctx, const struct world_cunik *c, _unused_ const struct world *w,
                 struct strv *ret_warnings, struct error **err)
{
    struct fake_host *f = ctx;

    if (strstr(c->boot.kernel, "missing"))
        return cunik_error_set(err, ERROR_INVALID, "kernel '%s' does not exist", c->boot.kernel);
    if (strstr(c->boot.kernel, "odd"))
        cunik_strv_addf(ret_warnings, "kernel '%s' is odd", c->boot.kernel);
    pthread_mutex_lock(&f->lock);
    cunik_strv_addf(&f->log, "check %s", c->name);
    return end(f, 0);
}

static int network_create(void *ctx, const struct world_network *n, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "network_create", n->name, &r, err))
        return r;
    struct bridge *b = find_bridge(f, n->name);
    if (!b)
        b = ARRAY_APPEND(f->bridges, f->n_bridges);
    else
        cunik_world_network_done(&b->n);
    cunik_world_network_copy(&b->n, n);
    b->there = true;
    return end(f, r);
}

static void unplug_all(struct fake_host *f, const char *network)
{
    for (size_t i = 0; i < f->n_taps; i++)
        if (strcmp(f->taps[i].network, network) == 0)
            f->taps[i].plugged = false;
}

static void check_unused(struct fake_host *f, const char *network)
{
    for (size_t i = 0; i < f->n_domains; i++) {
        const struct world_cunik *c = &f->domains[i]->c;
        for (size_t k = 0; k < c->n_interfaces; k++)
            if (c->status.state == CUNIK_RUNNING && strcmp(c->interfaces[k].network, network) == 0)
                cunik_strv_addf(&f->violations, "bridge of '%s' removed under '%s'", network,
                                c->name);
    }
}

static int network_remove(void *ctx, const struct world_network *n, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "network_remove", n->name, &r, err))
        return r;
    struct bridge *b = find_bridge(f, n->name);
    if (b && b->there) {
        check_unused(f, n->name);
        unplug_all(f, n->name);
        b->there = false;
    }
    if (b && !b->names)
        drop_bridge(f, b);
    return end(f, r);
}

static int names_start(void *ctx, const struct world_network *n, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_start", n->name, &r, err))
        return r;
    struct bridge *b = find_bridge(f, n->name);
    if (!b || !b->there)
        return refuse(f, ENODEV, err, "names_start", n->name);
    b->names = true;
    return end(f, r);
}

static int names_stop(void *ctx, const struct world_network *n, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_stop", n->name, &r, err))
        return r;
    struct bridge *b = find_bridge(f, n->name);
    if (b)
        b->names = false;
    if (b && !b->there)
        drop_bridge(f, b);
    return end(f, r);
}

static int names_add(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_add", c->name, &r, err))
        return r;
    strv_remove(&f->names, c->name);
    cunik_strv_add(&f->names, c->name);
    return end(f, r);
}

static int names_remove(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_remove", c->name, &r, err))
        return r;
    strv_remove(&f->names, c->name);
    return end(f, r);
}

static int links_create(void *ctx, const struct world_cunik *c, const struct world *w,
                        struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "links_create", c->name, &r, err))
        return r;
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_interface *p = &c->interfaces[i];
        const struct bridge *b = find_bridge(f, p->network);
        if (!cunik_world_network(w, p->network) || !b || !b->there)
            return refuse(f, ENODEV, err, "links_create", p->link);
        struct tap *t = find_tap(f, p->link);
        if (t && strcmp(t->cunik, c->name) != 0)
            return refuse(f, EEXIST, err, "links_create", p->link);
        if (!t) {
            t = ARRAY_APPEND(f->taps, f->n_taps);
            t->link = cunik_strdup(p->link);
            t->stack = cunik_strdup(c->stack);
            t->cunik = cunik_strdup(c->name);
            t->network = cunik_strdup(p->network);
        }
        t->plugged = true;
    }
    return end(f, r);
}

static int links_remove(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "links_remove", c->name, &r, err))
        return r;
    for (size_t i = f->n_taps; i-- > 0;)
        if (strcmp(f->taps[i].cunik, c->name) == 0)
            drop_tap(f, i);
    return end(f, r);
}

static int links_remove_stack(void *ctx, const char *stack, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "links_remove_stack", stack, &r, err))
        return r;
    for (size_t i = f->n_taps; i-- > 0;)
        if (strcmp(f->taps[i].stack, stack) == 0)
            drop_tap(f, i);
    for (size_t i = f->n_bridges; i-- > 0;) {
        struct bridge *b = &f->bridges[i];
        if (strcmp(b->n.stack, stack) != 0)
            continue;
        if (b->there)
            check_unused(f, b->n.name);
        b->there = false;
        if (!b->names)
            drop_bridge(f, b);
    }
    return end(f, r);
}

static int rules_replace(void *ctx, const struct world *w, struct error **err)
{
    struct fake_host *f = ctx;
    _cleanup_strv_ struct strv places = {0};
    int r;

    if (!begin(f, "rules_replace", "", &r, err))
        return r;
    cunik_strv_done(&f->rules);
    for (size_t i = 0; i < w->n_cuniks; i++)
        for (size_t k = 0; k < w->cuniks[i].n_ports; k++) {
            char *rule = rule_of(&w->cuniks[i], &w->cuniks[i].ports[k]);
            char *place = cunik_strndup(rule, strcspn(rule, " "));
            if (cunik_strv_has(&places, place))
                cunik_strv_addf(&f->violations, "%s is published twice", place);
            cunik_strv_take(&places, place);
            cunik_strv_take(&f->rules, rule);
        }
    return end(f, r);
}

static int domain_define(void *ctx, const struct world_cunik *c, _unused_ const struct world *w,
                         struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_define", c->name, &r, err))
        return r;
    struct domain *d = find_domain(f, c->name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        return refuse(f, EBUSY, err, "domain_define", c->name);
    if (!d) {
        d = cunik_calloc(1, sizeof(*d));
        *ARRAY_APPEND(f->domains, f->n_domains) = d;
    } else {
        cunik_world_cunik_done(&d->c);
    }
    cunik_world_cunik_copy(&d->c, c);
    free(d->c.status.reason);
    d->c.status = (struct world_status){
        .state = CUNIK_CREATED, .created_ms = ++f->clock_ms, .reason = cunik_strdup("")};
    return end(f, r);
}

static int64_t exit_of(const struct fake_host *f, const char *service)
{
    for (size_t i = 0; i + 1 < f->exits.n; i += 2)
        if (strcmp(f->exits.items[i], service) == 0)
            return atoll(f->exits.items[i + 1]);
    return -1;
}

static void ended(struct fake_host *f, struct domain *d, enum cunik_end how, int64_t code)
{
    d->c.status.state = CUNIK_EXITED;
    d->c.status.end = how;
    d->c.status.exit_code = code;
    d->c.status.pid = 0;
    d->c.status.ended_ms = ++f->clock_ms;
    for (size_t i = f->n_taps; i-- > 0;)
        if (f->taps[i].dead && strcmp(f->taps[i].cunik, d->c.name) == 0)
            drop_tap(f, i);
}

static bool links_ready(struct fake_host *f, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct tap *t = find_tap(f, c->interfaces[i].link);
        if (!t || !t->plugged || t->dead)
            return false;
    }
    return true;
}

static int start_locked(struct fake_host *f, const char *name, int r, struct error **err)
{
    struct domain *d = find_domain(f, name);

    if (!d)
        return refuse(f, ENOENT, err, "domain_start", name);
    if (d->c.status.state == CUNIK_RUNNING)
        return end(f, r);
    if (!links_ready(f, &d->c))
        return refuse(f, ENODEV, err, "domain_start", name);
    if (!has_rules(f, &d->c))
        cunik_strv_addf(&f->violations, "'%s' started before its ports were published", name);
    if (!cunik_strv_has(&f->names, name))
        cunik_strv_addf(&f->violations, "'%s' started before it had its names", name);
    d->starts++;
    d->c.status.state = CUNIK_RUNNING;
    d->c.status.end = END_NONE;
    d->c.status.exit_code = 0;
    d->c.status.ended_ms = 0;
    d->c.status.started_ms = ++f->clock_ms;
    d->c.status.pid = ++f->pid;
    int64_t code = exit_of(f, d->c.service);
    if (code < 0)
        return end(f, r);
    ended(f, d, code == 0 ? END_POWEROFF : END_KILLED, code);
    end(f, r);
    tell(f, name);
    return r;
}

static int domain_start(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    pthread_mutex_lock(&f->lock);
    if (++f->starting > f->most_starting)
        f->most_starting = f->starting;
    pthread_mutex_unlock(&f->lock);
    bool go = begin(f, "domain_start", c->name, &r, err);
    if (go)
        r = start_locked(f, c->name, r, err);
    pthread_mutex_lock(&f->lock);
    f->starting--;
    return end(f, r);
}

static int domain_relabel(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_relabel", c->name, &r, err))
        return r;
    struct domain *d = find_domain(f, c->name);
    if (!d)
        return refuse(f, ENOENT, err, "domain_relabel", c->name);
    struct world_status status = d->c.status;
    d->c.status.reason = NULL;
    cunik_world_cunik_done(&d->c);
    cunik_world_cunik_copy(&d->c, c);
    free(d->c.status.reason);
    d->c.status = status;
    return end(f, r);
}

static int domain_shutdown(void *ctx, const struct world_cunik *c, _unused_ int64_t deadline_ns,
                           struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_shutdown", c->name, &r, err))
        return r;
    struct domain *d = find_domain(f, c->name);
    if (!d || d->c.status.state != CUNIK_RUNNING)
        return end(f, r);
    if (cunik_strv_has(&f->deaf, c->service)) {
        end(f, 0);
        cunik_error_set(err, ERROR_TIMEOUT, "'%s' did not power off in time", c->name);
        return -ETIME;
    }
    ended(f, d, END_POWEROFF, 0);
    end(f, r);
    tell(f, c->name);
    return r;
}

static int domain_destroy(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_destroy", c->name, &r, err))
        return r;
    struct domain *d = find_domain(f, c->name);
    if (!d || (d->c.status.state != CUNIK_RUNNING && d->c.status.state != CUNIK_PAUSED))
        return end(f, r);
    ended(f, d, END_DESTROYED, 137);
    end(f, r);
    tell(f, c->name);
    return r;
}

static void drop_domain(struct fake_host *f, const char *name)
{
    for (size_t i = 0; i < f->n_domains; i++) {
        struct domain *d = f->domains[i];
        if (strcmp(d->c.name, name) != 0)
            continue;
        drop(f->domains, &f->n_domains, i, sizeof(struct domain *));
        cunik_world_cunik_done(&d->c);
        free(d);
        return;
    }
}

static int domain_undefine(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_undefine", c->name, &r, err))
        return r;
    const struct domain *d = find_domain(f, c->name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        return refuse(f, EBUSY, err, "domain_undefine", c->name);
    drop_domain(f, c->name);
    return end(f, r);
}

static int console(_unused_ void *ctx, const struct world_cunik *c, char **ret_path,
                   uint64_t *ret_size, _unused_ struct error **err)
{
    *ret_path = cunik_asprintf("/nowhere/%s.log", c->name);
    *ret_size = 0;
    return 0;
}

static void forget_state(struct fake_host *f, const char *stack)
{
    for (size_t i = 0; i + 1 < f->states.n; i += 2)
        if (strcmp(f->states.items[i], stack) == 0) {
            free(f->states.items[i]);
            free(f->states.items[i + 1]);
            drop(f->states.items, &f->states.n, i, sizeof(char *));
            drop(f->states.items, &f->states.n, i, sizeof(char *));
            return;
        }
}

static int state_write(void *ctx, const char *stack, const struct world *w, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, w ? "state_write" : "state_remove", stack, &r, err))
        return r;
    forget_state(f, stack);
    if (w) {
        _cleanup_json_ json_t *json = cunik_world_to_json(w);
        cunik_strv_add(&f->states, stack);
        cunik_strv_take(&f->states, cunik_json_text(json, JSON_COMPACT));
    }
    return end(f, r);
}

static int state_read(void *ctx, const char *stack, struct world *ret, struct error **err)
{
    struct fake_host *f = ctx;
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *json = NULL;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i + 1 < f->states.n; i += 2)
        if (strcmp(f->states.items[i], stack) == 0)
            text = cunik_strdup(f->states.items[i + 1]);
    pthread_mutex_unlock(&f->lock);
    if (!text)
        return cunik_error_errno(err, ENOENT, "reading the state of '%s'", stack);
    int r = cunik_json_parse(text, strlen(text), "state", &json, err);
    return r < 0 ? r : cunik_world_from_json(json, ret, err);
}

static const struct host_ops operations = {
    .observe = observe,
    .facts = facts,
    .check = check,
    .network_create = network_create,
    .network_remove = network_remove,
    .names_start = names_start,
    .names_stop = names_stop,
    .names_add = names_add,
    .names_remove = names_remove,
    .links_create = links_create,
    .links_remove = links_remove,
    .links_remove_stack = links_remove_stack,
    .rules_replace = rules_replace,
    .domain_define = domain_define,
    .domain_start = domain_start,
    .domain_relabel = domain_relabel,
    .domain_shutdown = domain_shutdown,
    .domain_destroy = domain_destroy,
    .domain_undefine = domain_undefine,
    .console = console,
    .state_write = state_write,
    .state_read = state_read,
};

struct fake_host *fake_host_create(void)
{
    struct fake_host *f = cunik_calloc(1, sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    f->table = (struct host){.ops = &operations, .ctx = f};
    f->facts.engine = "e0";
    f->facts.first_port = 40000;
    f->facts.last_port = 49999;
    f->pid = 1000;
    cunik_strv_add(&f->facts.pools, "172.30.0.0/16");
    cunik_strv_add(&f->facts.routes, "10.0.0.0/8");
    return f;
}

void fake_host_destroy(struct fake_host *f)
{
    if (!f)
        return;
    while (f->n_domains)
        drop_domain(f, f->domains[0]->c.name);
    while (f->n_taps)
        drop_tap(f, 0);
    while (f->n_bridges)
        drop_bridge(f, &f->bridges[0]);
    free(f->domains);
    free(f->taps);
    free(f->bridges);
    struct strv *lists[] = {&f->names,        &f->rules,       &f->states,           &f->log,
                            &f->violations,   &f->deaf,        &f->failing,          &f->exits,
                            &f->facts.routes, &f->facts.pools, &f->facts.taken_ports};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        cunik_strv_done(lists[i]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

const struct host *fake_host_table(struct fake_host *f)
{
    return &f->table;
}

void fake_host_on_change(struct fake_host *f, void (*changed)(void *ctx, const char *name),
                         void *ctx)
{
    f->changed = changed;
    f->changed_ctx = ctx;
}

struct host_facts *fake_host_facts(struct fake_host *f)
{
    return &f->facts;
}

void fake_host_fail_at(struct fake_host *f, size_t k, bool after, bool dead)
{
    pthread_mutex_lock(&f->lock);
    f->fail_at = k;
    f->fail_after = after;
    f->fail_dead = dead;
    pthread_mutex_unlock(&f->lock);
}

void fake_host_fail_on(struct fake_host *f, const char *operation, const char *thing, bool fail)
{
    _cleanup_free_ char *line = cunik_asprintf("%s %s", operation, thing);

    pthread_mutex_lock(&f->lock);
    strv_remove(&f->failing, line);
    if (fail)
        cunik_strv_add(&f->failing, line);
    pthread_mutex_unlock(&f->lock);
}

size_t fake_host_operations(const struct fake_host *f)
{
    pthread_mutex_lock((pthread_mutex_t *)&f->lock);
    size_t n = f->operations;
    pthread_mutex_unlock((pthread_mutex_t *)&f->lock);
    return n;
}

void fake_host_set_latency(struct fake_host *f, int64_t ns)
{
    f->latency_ns = ns;
}

void fake_host_log(struct fake_host *f, struct strv *ret)
{
    pthread_mutex_lock(&f->lock);
    cunik_strv_copy(ret, &f->log);
    pthread_mutex_unlock(&f->lock);
}

void fake_host_log_clear(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    cunik_strv_done(&f->log);
    f->operations = 0;
    pthread_mutex_unlock(&f->lock);
}

size_t fake_host_log_find(struct fake_host *f, const char *line)
{
    size_t place = SIZE_MAX;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->log.n && place == SIZE_MAX; i++)
        if (strcmp(f->log.items[i], line) == 0)
            place = i;
    pthread_mutex_unlock(&f->lock);
    return place;
}

size_t fake_host_most_starts(const struct fake_host *f)
{
    return f->most_starting;
}

void fake_host_exits(struct fake_host *f, const char *service, int64_t code)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i + 1 < f->exits.n; i += 2)
        if (strcmp(f->exits.items[i], service) == 0) {
            free(f->exits.items[i + 1]);
            f->exits.items[i + 1] = cunik_asprintf("%lld", (long long)code);
            pthread_mutex_unlock(&f->lock);
            return;
        }
    cunik_strv_add(&f->exits, service);
    cunik_strv_addf(&f->exits, "%lld", (long long)code);
    pthread_mutex_unlock(&f->lock);
}

void fake_host_set_deaf(struct fake_host *f, const char *service)
{
    pthread_mutex_lock(&f->lock);
    cunik_strv_add(&f->deaf, service);
    pthread_mutex_unlock(&f->lock);
}

void fake_host_end(struct fake_host *f, const char *name, enum cunik_end how, int64_t exit_code)
{
    pthread_mutex_lock(&f->lock);
    struct domain *d = find_domain(f, name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        ended(f, d, how, exit_code);
    pthread_mutex_unlock(&f->lock);
    tell(f, name);
}

bool fake_host_runs(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    const struct domain *d = find_domain(f, name);
    bool runs = d && d->c.status.state == CUNIK_RUNNING;
    pthread_mutex_unlock(&f->lock);
    return runs;
}

size_t fake_host_starts(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    const struct domain *d = find_domain(f, name);
    size_t n = d ? d->starts : 0;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_host_vanish_domain(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    drop_domain(f, name);
    pthread_mutex_unlock(&f->lock);
    tell(f, name);
}

void fake_host_delete_tap(struct fake_host *f, const char *link)
{
    pthread_mutex_lock(&f->lock);
    struct tap *t = find_tap(f, link);
    const struct domain *d = t ? find_domain(f, t->cunik) : NULL;
    if (d && d->c.status.state == CUNIK_RUNNING)
        t->dead = true;
    else if (t)
        drop_tap(f, (size_t)(t - f->taps));
    pthread_mutex_unlock(&f->lock);
    tell(f, NULL);
}

void fake_host_unplug_tap(struct fake_host *f, const char *link)
{
    pthread_mutex_lock(&f->lock);
    struct tap *t = find_tap(f, link);
    if (t)
        t->plugged = false;
    pthread_mutex_unlock(&f->lock);
    tell(f, NULL);
}

void fake_host_delete_bridge(struct fake_host *f, const char *network)
{
    pthread_mutex_lock(&f->lock);
    struct bridge *b = find_bridge(f, network);
    if (b) {
        b->there = false;
        unplug_all(f, network);
        if (!b->names)
            drop_bridge(f, b);
    }
    pthread_mutex_unlock(&f->lock);
    tell(f, NULL);
}

void fake_host_kill_names(struct fake_host *f, const char *network)
{
    pthread_mutex_lock(&f->lock);
    struct bridge *b = find_bridge(f, network);
    if (b)
        b->names = false;
    pthread_mutex_unlock(&f->lock);
    tell(f, NULL);
}

void fake_host_flush_rules(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    cunik_strv_done(&f->rules);
    pthread_mutex_unlock(&f->lock);
    tell(f, NULL);
}

void fake_host_reboot(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_domains; i++)
        if (f->domains[i]->c.status.state == CUNIK_RUNNING)
            ended(f, f->domains[i], END_KILLED, 137);
    while (f->n_taps)
        drop_tap(f, 0);
    while (f->n_bridges)
        drop_bridge(f, &f->bridges[0]);
    cunik_strv_done(&f->names);
    cunik_strv_done(&f->rules);
    pthread_mutex_unlock(&f->lock);
}

void fake_host_inventory(struct fake_host *f, struct strv *ret)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_domains; i++)
        cunik_strv_addf(ret, "domain %s %s", f->domains[i]->c.name,
                        cunik_state_name(f->domains[i]->c.status.state));
    for (size_t i = 0; i < f->n_taps; i++)
        cunik_strv_addf(ret, "tap %s of %s", f->taps[i].link, f->taps[i].cunik);
    for (size_t i = 0; i < f->n_bridges; i++) {
        if (f->bridges[i].there)
            cunik_strv_addf(ret, "bridge %s", f->bridges[i].n.name);
        if (f->bridges[i].names)
            cunik_strv_addf(ret, "names server %s", f->bridges[i].n.name);
    }
    for (size_t i = 0; i < f->names.n; i++)
        cunik_strv_addf(ret, "names of %s", f->names.items[i]);
    for (size_t i = 0; i < f->rules.n; i++)
        cunik_strv_addf(ret, "rule %s", f->rules.items[i]);
    for (size_t i = 0; i + 1 < f->states.n; i += 2)
        cunik_strv_addf(ret, "state %s", f->states.items[i]);
    pthread_mutex_unlock(&f->lock);
    cunik_strv_sort(ret);
}

void fake_host_violations(struct fake_host *f, struct strv *ret)
{
    pthread_mutex_lock(&f->lock);
    cunik_strv_copy(ret, &f->violations);
    pthread_mutex_unlock(&f->lock);
}
