/* The operations. Each is counted, may be told to fail, and is as strict as the real host. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/time.h"
#include "tests/support/fake_host_parts.h"

static void *drop(void *items, size_t *n, size_t i, size_t size)
{
    memmove((char *)items + i * size, (char *)items + (i + 1) * size, (*n - i - 1) * size);
    --*n;
    return items;
}

void fake_strv_remove(struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i], s) == 0) {
            free(v->items[i]);
            drop(v->items, &v->n, i--, sizeof(char *));
        }
}

struct domain *fake_find_domain(struct fake_host *f, const char *name)
{
    for (size_t i = 0; i < f->n_domains; i++)
        if (strcmp(f->domains[i]->c.name, name) == 0)
            return f->domains[i];
    return NULL;
}

struct tap *fake_find_tap(struct fake_host *f, const char *link)
{
    for (size_t i = 0; i < f->n_taps; i++)
        if (strcmp(f->taps[i].link, link) == 0)
            return &f->taps[i];
    return NULL;
}

struct bridge *fake_find_bridge(struct fake_host *f, const char *name)
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

void fake_drop_tap(struct fake_host *f, size_t i)
{
    tap_free(&f->taps[i]);
    drop(f->taps, &f->n_taps, i, sizeof(struct tap));
}

void fake_drop_bridge(struct fake_host *f, struct bridge *b)
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
    if (f->die_fd >= 0 && !f->fail_after)
        fake_host_die(f);
    f->dying = f->die_fd >= 0;
    /* The dead do nothing more. */
    f->fail_after = false;
    if (!f->fail_dead)
        f->fail_at = 0;
    return true;
}

void fake_meet(struct fake_host *f, const char *operation, const char *thing)
{
    _cleanup_free_ char *line = cunik_asprintf("%s %s", operation, thing);
    struct meeting m = {0};

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; !m.met && i < f->n_meetings; i++)
        if (strcmp(f->meetings[i].line, line) == 0) {
            m = f->meetings[i];
            drop(f->meetings, &f->n_meetings, i, sizeof(m));
        }
    pthread_mutex_unlock(&f->lock);
    if (!m.met)
        return;
    free(m.line);
    m.met(m.ctx);
}

/* Begins an operation: counts, waits, locks. Returns whether to go on; *ret_r is then what to
 * return in the end. */
static bool begin(struct fake_host *f, const char *operation, const char *thing, int *ret_r,
                  struct error **err)
{
    bool after;

    fake_meet(f, operation, thing);
    if (f->latency_ns) {
        struct timespec t = cunik_time_spec(f->latency_ns);
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
    if (f->dying && r < 0)
        fake_host_die(f);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int refuse(struct fake_host *f, int number, struct error **err, const char *operation,
                  const char *thing)
{
    pthread_mutex_unlock(&f->lock);
    return cunik_error_errno(err, number, "%s '%s'", operation, thing);
}

void fake_tell(struct fake_host *f, const char *name)
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
        const struct tap *t = fake_find_tap(f, c->interfaces[i].link);
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
        c->status.restarts = c->status.attempts = c->status.crashes = 0;
        c->status.files_changed = f->domains[i]->build != f->build;
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
    fake_meet(f, "observe", "");
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
    struct bridge *b = fake_find_bridge(f, n->name);
    if (!b)
        b = ARRAY_APPEND(f->bridges, f->n_bridges);
    else
        cunik_world_network_done(&b->n);
    cunik_world_network_copy(&b->n, n);
    b->there = true;
    return end(f, r);
}

void fake_unplug_all(struct fake_host *f, const char *network)
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
    struct bridge *b = fake_find_bridge(f, n->name);
    if (b && b->there) {
        check_unused(f, n->name);
        fake_unplug_all(f, n->name);
        b->there = false;
    }
    if (b && !b->names)
        fake_drop_bridge(f, b);
    return end(f, r);
}

/* Those of a cunik, or of a network. */
static void drop_names(struct fake_host *f, const char *cunik, const char *network)
{
    for (size_t i = f->names.n; i-- > 0;) {
        const char *entry = f->names.items[i], *space = strchr(entry, ' ');
        size_t size = (size_t)(space - entry);
        if (cunik ? strlen(cunik) == size && strncmp(entry, cunik, size) == 0
                  : strcmp(space + 1, network) == 0) {
            free(f->names.items[i]);
            drop(f->names.items, &f->names.n, i, sizeof(char *));
        }
    }
}

static int names_start(void *ctx, const struct world_network *n, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_start", n->name, &r, err))
        return r;
    struct bridge *b = fake_find_bridge(f, n->name);
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
    struct bridge *b = fake_find_bridge(f, n->name);
    if (b)
        b->names = false;
    drop_names(f, NULL, n->name);
    if (b && !b->there)
        fake_drop_bridge(f, b);
    return end(f, r);
}

static int names_add(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_add", c->name, &r, err))
        return r;
    drop_names(f, c->name, NULL);
    for (size_t i = 0; i < c->n_interfaces; i++)
        if (fake_find_bridge(f, c->interfaces[i].network))
            cunik_strv_addf(&f->names, "%s %s", c->name, c->interfaces[i].network);
    return end(f, r);
}

static int names_remove(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "names_remove", c->name, &r, err))
        return r;
    drop_names(f, c->name, NULL);
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
        const struct bridge *b = fake_find_bridge(f, p->network);
        if (!cunik_world_network(w, p->network) || !b || !b->there)
            return refuse(f, ENODEV, err, "links_create", p->link);
        struct tap *t = fake_find_tap(f, p->link);
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
            fake_drop_tap(f, i);
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
            fake_drop_tap(f, i);
    for (size_t i = f->n_bridges; i-- > 0;) {
        struct bridge *b = &f->bridges[i];
        if (strcmp(b->n.stack, stack) != 0)
            continue;
        if (b->there)
            check_unused(f, b->n.name);
        b->there = false;
        if (!b->names)
            fake_drop_bridge(f, b);
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

static int64_t kept_build(const struct fake_host *f, const char *name)
{
    for (size_t i = 0; i + 1 < f->kept.n; i += 2)
        if (strcmp(f->kept.items[i], name) == 0)
            return atoll(f->kept.items[i + 1]);
    return f->build;
}

static int files_keep(void *ctx, const struct world_cunik *c, bool keep, struct error **err)
{
    struct fake_host *f = ctx;
    const struct domain *d;
    int r;

    if (!begin(f, keep ? "files_keep" : "files_forget", c->name, &r, err))
        return r;
    for (size_t i = 0; i + 1 < f->kept.n; i += 2)
        if (strcmp(f->kept.items[i], c->name) == 0) {
            free(f->kept.items[i]);
            free(f->kept.items[i + 1]);
            drop(f->kept.items, &f->kept.n, i, sizeof(char *));
            drop(f->kept.items, &f->kept.n, i, sizeof(char *));
            break;
        }
    if (keep && (d = fake_find_domain(f, c->name))) {
        cunik_strv_add(&f->kept, c->name);
        cunik_strv_addf(&f->kept, "%lld", (long long)d->build);
    }
    return end(f, r);
}

static int restarts_keep(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "restarts_keep", c->name, &r, err))
        return r;
    struct domain *d = fake_find_domain(f, c->name);
    if (d) {
        d->c.status.restarts = c->status.restarts;
        d->c.status.attempts = c->status.attempts;
        d->c.status.crashes = c->status.crashes;
    }
    return end(f, r);
}

static void restarts_recall(void *ctx, struct world_cunik *c)
{
    struct fake_host *f = ctx;

    pthread_mutex_lock(&f->lock);
    const struct domain *d = fake_find_domain(f, c->name);
    if (d) {
        c->status.restarts = d->c.status.restarts;
        c->status.attempts = d->c.status.attempts;
        c->status.crashes = d->c.status.crashes;
    }
    pthread_mutex_unlock(&f->lock);
}

static int domain_define(void *ctx, const struct world_cunik *c, _unused_ const struct world *w,
                         struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_define", c->name, &r, err))
        return r;
    struct domain *d = fake_find_domain(f, c->name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        return refuse(f, EBUSY, err, "domain_define", c->name);
    if (!d) {
        d = cunik_calloc(1, sizeof(*d));
        *ARRAY_APPEND(f->domains, f->n_domains) = d;
    } else {
        cunik_world_cunik_done(&d->c);
    }
    cunik_world_cunik_copy(&d->c, c);
    d->build = c->status.files_changed ? kept_build(f, c->name) : f->build;
    cunik_world_status_done(&d->c.status);
    cunik_world_status_init(&d->c.status);
    d->c.status.state = CUNIK_CREATED;
    d->c.status.created_ms = ++f->clock_ms;
    return end(f, r);
}

static int64_t exit_of(const struct fake_host *f, const char *service)
{
    for (size_t i = 0; i + 1 < f->exits.n; i += 2)
        if (strcmp(f->exits.items[i], service) == 0)
            return atoll(f->exits.items[i + 1]);
    return -1;
}

void fake_ended(struct fake_host *f, struct domain *d, enum cunik_end how, int64_t code)
{
    d->c.status.state = CUNIK_EXITED;
    d->c.status.end = how;
    d->c.status.exit_code = code;
    d->c.status.pid = 0;
    d->c.status.ended_ms = ++f->clock_ms;
    for (size_t i = f->n_taps; i-- > 0;)
        if (f->taps[i].dead && strcmp(f->taps[i].cunik, d->c.name) == 0)
            fake_drop_tap(f, i);
}

static bool links_ready(struct fake_host *f, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct tap *t = fake_find_tap(f, c->interfaces[i].link);
        if (!t || !t->plugged || t->dead)
            return false;
    }
    return true;
}

static bool has_names(const struct fake_host *f, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        _cleanup_free_ char *entry = cunik_asprintf("%s %s", c->name, c->interfaces[i].network);
        if (!cunik_strv_has(&f->names, entry))
            return false;
    }
    return true;
}

static int start_locked(struct fake_host *f, const char *name, int r, struct error **err)
{
    struct domain *d = fake_find_domain(f, name);

    if (!d)
        return refuse(f, ENOENT, err, "domain_start", name);
    if (d->c.status.state == CUNIK_RUNNING)
        return end(f, r);
    if (!links_ready(f, &d->c))
        return refuse(f, ENODEV, err, "domain_start", name);
    if (!has_rules(f, &d->c))
        cunik_strv_addf(&f->violations, "'%s' started before its ports were published", name);
    if (!has_names(f, &d->c))
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
    fake_ended(f, d, code == 0 ? END_POWEROFF : END_KILLED, code);
    end(f, r);
    fake_tell(f, name);
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
    struct domain *d = fake_find_domain(f, c->name);
    if (!d)
        return refuse(f, ENOENT, err, "domain_relabel", c->name);
    struct world_status status = d->c.status;
    d->c.status = (struct world_status){0};
    cunik_world_cunik_done(&d->c);
    cunik_world_cunik_copy(&d->c, c);
    cunik_world_status_done(&d->c.status);
    d->c.status = status;
    return end(f, r);
}

static int domain_restore(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_restore", c->name, &r, err))
        return r;
    struct domain *d = fake_find_domain(f, c->name);
    if (!d)
        return refuse(f, ENOENT, err, "domain_restore", c->name);
    cunik_replace(&d->c.status.definition, "");
    return end(f, r);
}

static int domain_shutdown(void *ctx, const struct world_cunik *c, _unused_ int64_t deadline_ns,
                           struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_shutdown", c->name, &r, err))
        return r;
    struct domain *d = fake_find_domain(f, c->name);
    if (!d || d->c.status.state != CUNIK_RUNNING)
        return end(f, r);
    if (cunik_strv_has(&f->deaf, c->service)) {
        end(f, 0);
        cunik_error_set(err, ERROR_TIMEOUT, "'%s' did not power off in time", c->name);
        return -ETIME;
    }
    fake_ended(f, d, END_POWEROFF, 0);
    end(f, r);
    fake_tell(f, c->name);
    return r;
}

static int domain_destroy(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "domain_destroy", c->name, &r, err))
        return r;
    struct domain *d = fake_find_domain(f, c->name);
    if (!d || (d->c.status.state != CUNIK_RUNNING && d->c.status.state != CUNIK_PAUSED))
        return end(f, r);
    fake_ended(f, d, END_DESTROYED, 137);
    end(f, r);
    fake_tell(f, c->name);
    return r;
}

void fake_drop_domain(struct fake_host *f, const char *name)
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
    const struct domain *d = fake_find_domain(f, c->name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        return refuse(f, EBUSY, err, "domain_undefine", c->name);
    fake_drop_domain(f, c->name);
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

/* Volumes */

static int volume_list(void *ctx, json_t **ret, _unused_ struct error **err)
{
    struct fake_host *f = ctx;

    pthread_mutex_lock(&f->lock);
    *ret = json_array();
    for (size_t i = 0; i < f->volumes.n_volumes; i++)
        json_array_append_new(*ret, cunik_world_volume_to_json(&f->volumes.volumes[i]));
    return end(f, 0);
}

static int volume_ensure(void *ctx, const struct world_volume *v, const struct world_cunik *c,
                         struct error **err)
{
    struct fake_host *f = ctx;
    _cleanup_free_ char *what = cunik_asprintf("%s for %s", v->name, c->name);
    int r;

    if (!begin(f, "volume_ensure", what, &r, err))
        return r;
    if (!cunik_world_volume(&f->volumes, v->name))
        cunik_world_volume_copy(ARRAY_APPEND(f->volumes.volumes, f->volumes.n_volumes), v);
    return end(f, r);
}

static int volume_remove(void *ctx, const char *name, struct error **err)
{
    struct fake_host *f = ctx;
    int r;

    if (!begin(f, "volume_remove", name, &r, err))
        return r;
    struct world_volume *v = cunik_world_volume(&f->volumes, name);
    if (!v)
        return end(f, cunik_error_set(err, ERROR_NOT_FOUND, "no such volume: %s", name));
    cunik_world_volume_done(v);
    drop(f->volumes.volumes, &f->volumes.n_volumes, (size_t)(v - f->volumes.volumes), sizeof(*v));
    return end(f, r);
}

const struct host_ops fake_operations = {
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
    .files_keep = files_keep,
    .restarts_keep = restarts_keep,
    .restarts_recall = restarts_recall,
    .domain_start = domain_start,
    .domain_relabel = domain_relabel,
    .domain_restore = domain_restore,
    .domain_shutdown = domain_shutdown,
    .domain_destroy = domain_destroy,
    .domain_undefine = domain_undefine,
    .console = console,
    .volume_list = volume_list,
    .volume_ensure = volume_ensure,
    .volume_remove = volume_remove,
    .state_write = state_write,
    .state_read = state_read,
};
