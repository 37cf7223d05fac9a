#include "tests/support/fake_host.h"

#include <string.h>

#include "base/memory.h"
#include "tests/support/fake_host_parts.h"

struct fake_host *fake_host_create(void)
{
    struct fake_host *f = cunik_calloc(1, sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    f->table = (struct host){.ops = &fake_operations, .ctx = f};
    f->facts.engine = "e0";
    f->facts.first_port = 40000;
    f->facts.last_port = 49999;
    f->pid = 1000;
    f->die_fd = -1;
    cunik_strv_add(&f->facts.pools, "172.30.0.0/16");
    cunik_strv_add(&f->facts.routes, "10.0.0.0/8");
    return f;
}

void fake_host_destroy(struct fake_host *f)
{
    if (!f)
        return;
    while (f->n_domains)
        fake_drop_domain(f, f->domains[0]->c.name);
    while (f->n_taps)
        fake_drop_tap(f, 0);
    while (f->n_bridges)
        fake_drop_bridge(f, &f->bridges[0]);
    free(f->domains);
    free(f->taps);
    free(f->bridges);
    struct strv *lists[] = {&f->names,        &f->rules,       &f->states,
                            &f->log,          &f->violations,  &f->deaf,
                            &f->failing,      &f->exits,       &f->kept,
                            &f->facts.routes, &f->facts.pools, &f->facts.taken_ports};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        cunik_strv_done(lists[i]);
    cunik_world_done(&f->volumes);
    for (size_t i = 0; i < f->n_meetings; i++)
        free(f->meetings[i].line);
    free(f->meetings);
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
    fake_strv_remove(&f->failing, line);
    if (fail)
        cunik_strv_add(&f->failing, line);
    pthread_mutex_unlock(&f->lock);
}

void fake_host_meet(struct fake_host *f, const char *operation, const char *thing,
                    void (*met)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&f->lock);
    struct meeting *m = ARRAY_APPEND(f->meetings, f->n_meetings);
    m->line = cunik_asprintf("%s %s", operation, thing);
    m->met = met;
    m->ctx = ctx;
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
    struct domain *d = fake_find_domain(f, name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        fake_ended(f, d, how, exit_code);
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, name);
}

bool fake_host_runs(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    const struct domain *d = fake_find_domain(f, name);
    bool runs = d && d->c.status.state == CUNIK_RUNNING;
    pthread_mutex_unlock(&f->lock);
    return runs;
}

size_t fake_host_starts(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    const struct domain *d = fake_find_domain(f, name);
    size_t n = d ? d->starts : 0;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_host_rebuild(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    f->build++;
    pthread_mutex_unlock(&f->lock);
}

int64_t fake_host_build(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    const struct domain *d = fake_find_domain(f, name);
    int64_t build = d ? d->build : -1;
    pthread_mutex_unlock(&f->lock);
    return build;
}

void fake_host_vanish_domain(struct fake_host *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    struct domain *d = fake_find_domain(f, name);
    if (d && d->c.status.state == CUNIK_RUNNING)
        fake_ended(f, d, END_DESTROYED, 137);
    fake_drop_domain(f, name);
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, name);
}

void fake_host_change_domain(struct fake_host *f, const char *name, const char *what)
{
    pthread_mutex_lock(&f->lock);
    struct domain *d = fake_find_domain(f, name);
    if (d)
        cunik_replace(&d->c.status.definition, what);
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, name);
}

void fake_host_delete_tap(struct fake_host *f, const char *link)
{
    pthread_mutex_lock(&f->lock);
    struct tap *t = fake_find_tap(f, link);
    const struct domain *d = t ? fake_find_domain(f, t->cunik) : NULL;
    if (d && d->c.status.state == CUNIK_RUNNING)
        t->dead = true;
    else if (t)
        fake_drop_tap(f, (size_t)(t - f->taps));
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, NULL);
}

void fake_host_unplug_tap(struct fake_host *f, const char *link)
{
    pthread_mutex_lock(&f->lock);
    struct tap *t = fake_find_tap(f, link);
    if (t)
        t->plugged = false;
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, NULL);
}

void fake_host_delete_bridge(struct fake_host *f, const char *network)
{
    pthread_mutex_lock(&f->lock);
    struct bridge *b = fake_find_bridge(f, network);
    if (b) {
        b->there = false;
        fake_unplug_all(f, network);
        if (!b->names)
            fake_drop_bridge(f, b);
    }
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, NULL);
}

void fake_host_kill_names(struct fake_host *f, const char *network)
{
    pthread_mutex_lock(&f->lock);
    struct bridge *b = fake_find_bridge(f, network);
    if (b)
        b->names = false;
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, NULL);
}

void fake_host_flush_rules(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    cunik_strv_done(&f->rules);
    pthread_mutex_unlock(&f->lock);
    fake_tell(f, NULL);
}

void fake_host_reboot(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_domains; i++)
        if (f->domains[i]->c.status.state == CUNIK_RUNNING)
            fake_ended(f, f->domains[i], END_KILLED, 137);
    while (f->n_taps)
        fake_drop_tap(f, 0);
    while (f->n_bridges)
        fake_drop_bridge(f, &f->bridges[0]);
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
