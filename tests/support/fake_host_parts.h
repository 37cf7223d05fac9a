/* The inside of the host in memory: what it holds (fake_host_ops.c plays the operations,
 * fake_host.c is for tests to set and to see). */
#pragma once

#include <pthread.h>

#include "tests/support/fake_host.h"

struct domain {
    struct world_cunik c; /* as last labelled, with what is seen */
    size_t starts;
    int64_t build; /* of its kernel */
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

struct meeting {
    char *line; /* "operation thing" */
    void (*met)(void *ctx);
    void *ctx;
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
    struct strv names; /* "CUNIK NETWORK": where a cunik's names are served */
    struct strv rules;
    struct strv states; /* stack, text, stack, text, … */
    struct strv log, violations;
    struct strv failing; /* "operation thing" */
    struct strv deaf;
    struct strv exits;    /* service, code, … */
    int64_t build;        /* of all kernels' files */
    struct strv kept;     /* cunik, build, … */
    struct world volumes; /* nothing but those */
    struct meeting *meetings;
    size_t n_meetings;
    size_t operations, fail_at;
    bool fail_after, fail_dead, dying;
    int die_fd; /* -1 = a death is only played */
    size_t starting, most_starting;
    int64_t latency_ns, pid, clock_ms;
    void (*changed)(void *ctx, const char *name);
    void *changed_ctx;
};

extern const struct host_ops fake_operations;

/* With the lock held. */
void fake_strv_remove(struct strv *v, const char *s);
struct domain *fake_find_domain(struct fake_host *f, const char *name);
struct tap *fake_find_tap(struct fake_host *f, const char *link);
struct bridge *fake_find_bridge(struct fake_host *f, const char *name);
void fake_drop_tap(struct fake_host *f, size_t i);
void fake_drop_bridge(struct fake_host *f, struct bridge *b);
void fake_unplug_all(struct fake_host *f, const char *network);
void fake_ended(struct fake_host *f, struct domain *d, enum cunik_end how, int64_t code);
void fake_drop_domain(struct fake_host *f, const char *name);

/* Leaves what is on the host to die_fd, and is no more. */
void fake_host_die(const struct fake_host *f);

/* Without it. */
void fake_meet(struct fake_host *f, const char *operation, const char *thing);
void fake_tell(struct fake_host *f, const char *name);
