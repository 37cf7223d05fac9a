#include "tests/support/random_world.h"

#include <string.h>

#include "base/memory.h"
#include "tests/support/demo_world.h"
#include "tests/support/test.h"

enum { SERVICES_MOST = 10 };

static const char *const service_names[SERVICES_MOST] = {"ant",  "bee", "job1", "cat", "dog",
                                                         "job2", "emu", "fox",  "gnu", "hen"};
static const char *const network_keys[] = {"default", "back", "side"};

static bool chance(uint64_t *seed, uint64_t percent)
{
    return test_random_below(seed, 100) < percent;
}

static bool is_job(const char *service)
{
    return strncmp(service, "job", 3) == 0;
}

struct service {
    const char *name;
    int64_t replicas;
    bool health;
    uint64_t looks; /* seed of all else: replicas are alike */
};

static void add_depends(uint64_t *seed, struct world_cunik *c, const struct service *services,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!chance(seed, 35))
            continue;
        bool there = services[i].replicas > 0;
        enum depend_condition condition = DEPEND_STARTED;
        if (is_job(services[i].name) && chance(seed, 70))
            condition = DEPEND_COMPLETED;
        else if (services[i].health)
            condition = DEPEND_HEALTHY;
        struct world_depend *d = demo_add_depend(c, services[i].name, condition);
        d->restart = chance(seed, 30);
        d->required = there || !chance(seed, 50);
        if (!there)
            d->required = false;
    }
}

static void fill(uint64_t seed, struct world *w, struct world_cunik *c,
                 const struct service *services, size_t at)
{
    const struct service *s = &services[at];

    for (size_t i = 0; i < w->n_networks; i++)
        if (i == 0 || chance(&seed, 40)) {
            struct world_interface *p = cunik_world_add_interface(c);
            cunik_replace(&p->network, w->networks[i].name);
            if (chance(&seed, 30))
                cunik_strv_add(&p->aliases, "other");
        }
    char value[] = {(char)('0' + test_random_below(&seed, 4)), 0};
    cunik_world_pair_add(&c->environment, "A", value);
    cunik_strv_add(&c->command, value);
    if (s->health)
        demo_add_health(c);
    if (chance(&seed, 30))
        demo_add_port(c, 0, 80);
    if (chance(&seed, 30) && s->replicas == 1)
        demo_add_port(c, (uint16_t)(5000 + at), 81);
    if (chance(&seed, 30) && !is_job(s->name))
        c->restart = RESTART_ALWAYS;
    if (chance(&seed, 20))
        c->update.parallelism = (int64_t)(1 + test_random_below(&seed, 3));
    c->memory = (int64_t)test_random_below(&seed, 3) << 24;
    add_depends(&seed, c, services, at);
}

void random_world(uint64_t *seed, size_t n, struct world *ret)
{
    struct service services[SERVICES_MOST];
    size_t networks = 1 + test_random_below(seed, ARRAY_SIZE(network_keys));

    for (size_t i = 0; i < networks; i++) {
        struct world_network *w = demo_add_network(ret, network_keys[i]);
        w->internal = chance(seed, 20);
        if (chance(seed, 20)) {
            free(w->subnet);
            w->subnet = cunik_asprintf("192.168.%zu.0/24", i);
        }
    }
    n = n < SERVICES_MOST ? n : SERVICES_MOST;
    for (size_t i = 0; i < n; i++) {
        services[i] = (struct service){.name = service_names[i],
                                       .replicas = (int64_t)test_random_below(seed, 4),
                                       .health = !is_job(service_names[i]) && chance(seed, 40),
                                       .looks = test_random(seed)};
        cunik_strv_add(&ret->services, services[i].name);
        for (int64_t k = 1; k <= services[i].replicas; k++)
            fill(services[i].looks, ret, demo_add_cunik(ret, services[i].name, k, NULL), services,
                 i);
    }
}

void random_world_jobs(struct fake_host *f)
{
    for (size_t i = 0; i < SERVICES_MOST; i++)
        if (is_job(service_names[i]))
            fake_host_exits(f, service_names[i], 0);
}

static void swap(void *a, void *b, size_t size)
{
    _cleanup_free_ void *t = cunik_memdup(a, size);

    memcpy(a, b, size);
    memcpy(b, t, size);
}

void random_world_shuffle(uint64_t *seed, struct world *w)
{
    for (size_t i = w->n_cuniks; i > 1; i--)
        swap(&w->cuniks[i - 1], &w->cuniks[test_random_below(seed, i)], sizeof(*w->cuniks));
    for (size_t i = w->n_networks; i > 1; i--)
        swap(&w->networks[i - 1], &w->networks[test_random_below(seed, i)], sizeof(*w->networks));
}

void random_world_change(uint64_t *seed, struct world *w)
{
    for (size_t i = 0; i < w->n_networks; i++)
        if (chance(seed, 10))
            w->networks[i].internal = !w->networks[i].internal;
    for (size_t i = 0; i < w->n_cuniks; i++) {
        struct world_cunik *c = &w->cuniks[i];
        if (chance(seed, 20))
            cunik_world_pair_add(&c->environment, "B", chance(seed, 50) ? "1" : "2");
        if (chance(seed, 20))
            cunik_world_pair_add(&c->labels, "l", chance(seed, 50) ? "1" : "2");
    }
}
