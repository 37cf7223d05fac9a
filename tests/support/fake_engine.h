/* An engine on the host in memory, with a clock that the test sets and health that the test says.
 */
#pragma once

#include "engine/engine_parts.h"
#include "tests/support/fake_host.h"

struct fake_engine {
    struct fake_host *host;
    struct engine *engine;
    /* The clock. */
    pthread_mutex_t clock_lock;
    struct engine_clock clock;
    int64_t now_ns;
    struct {
        pthread_cond_t *cond;
        pthread_mutex_t *mutex;
        size_t n, pinned;
    } waits[64];
    size_t n_waits;
    pthread_cond_t unpinned;
    /* Health. */
    pthread_mutex_t health_lock;
    struct strv sick;  /* services that do not become healthy by themselves */
    struct map probed; /* name → enum cunik_health + 1 */
    /* Called once, without locks held: with a health that was asked for and is not yet given back,
     * and before the prober lets go of somebody. */
    void (*asked)(void *ctx), (*unprobed)(void *ctx);
    void *met_ctx;
    cunik_health_changed *changed;
    void *changed_ctx;
    /* Events of all stacks: "step create demo-web-1 begin", "state demo-web-1 running", … */
    pthread_mutex_t events_lock;
    struct strv events;
};

/* A new host and an engine on it. */
void fake_engine_init(struct fake_engine *f);
/* An engine on this host, which becomes its own. */
void fake_engine_init_on(struct fake_engine *f, struct fake_host *host);
void fake_engine_done(struct fake_engine *f);
/* The engine goes, and another one comes, on the same host. */
void fake_engine_again(struct fake_engine *f);

/* Lets time pass. */
void fake_engine_advance(struct fake_engine *f, int64_t ns);
/* Services become healthy as soon as they run, but for these. */
void fake_engine_sicken(struct fake_engine *f, const char *service);
void fake_engine_health(struct fake_engine *f, const char *name, enum cunik_health health,
                        const char *reason);
/* What the prober has; HEALTH_NONE of what it does not probe. */
enum cunik_health fake_engine_probed(struct fake_engine *f, const char *name);

/* Carries a request out; returns the error (the caller's) or NULL. With `wait` or an
 * update_config time passes. */
struct error *fake_engine_apply(struct fake_engine *f, const struct request *r);
/* The same in a thread of its own. */
struct fake_apply {
    struct fake_engine *f;
    const struct request *r;
    struct error *err;
    _Atomic bool cancel, over;
    pthread_t thread;
};
void fake_engine_begin(struct fake_engine *f, struct fake_apply *a, const struct request *r);
struct error *fake_engine_end(struct fake_apply *a);

/* Waits until a line is in the events, five seconds at most; fails the test when it does not come.
 */
void fake_engine_await_event(struct fake_engine *f, const char *line);
size_t fake_engine_count_events(struct fake_engine *f, const char *line);
void fake_engine_clear_events(struct fake_engine *f);

/* Waits until `expression` is true, five seconds at most. */
#define AWAIT(expression)                                                                          \
    do {                                                                                           \
        int tries_ = 5000;                                                                         \
        while (!(expression) && tries_-- > 0)                                                      \
            fake_engine_pause();                                                                   \
        if (!(expression))                                                                         \
            fail_msg("%s did not come about", #expression);                                        \
    } while (0)
void fake_engine_pause(void); /* a millisecond */

/* Fails the test when anything is there (but `allowed`, may be NULL), or when the engine did what a
 * host suffers from. */
void fake_engine_assert_empty(struct fake_engine *f);
void fake_engine_assert_well(struct fake_engine *f);
