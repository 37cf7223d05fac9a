/* The engine's inside, shared by its parts:
 *
 *     engine.c          creating it, events, looking at the world
 *     engine_slots.c    one request at a time for each stack; what each stack is wanted to be
 *     engine_prepare.c  from a request to a plan,
 *     engine_prepare_up.c  one that brings a stack up,
 *     engine_prepare_repair.c  and without one: from what has drifted
 *     engine_images.c   with what the images of its cuniks give; who has them
 *     engine_users.c    the cuniks that are asked who has what
 *     engine_apply.c    carrying the request out,
 *     engine_check.c    after what can be seen to be wrong before,
 *     engine_run.c      with what the plan's steps ask of the engine
 *     engine_kill.c     what a kill does before its turn
 *     engine_back.c     and, when that fails, going back
 *     engine_await.c    waiting for what came of it
 *     engine_verdict.c  and telling it, service by service
 *     engine_intent.c   what a request was about to stop outlives the engine
 *     engine_cunik.c    starting and stopping one cunik, with its health checks
 *     supervise.c       what happens by itself:
 *     supervise_look.c    ends, and starts by others,
 *     supervise_restart.c restarts
 *     supervise_repair.c  and drift
 *     supervise_names.c   and names that are not to lead to what is unhealthy
 *     engine_assumed.c  what a request takes for granted
 *     engine_networks.c networks, and who is about to be on them
 *     engine_volumes.c  volumes, and who has them
 *     engine_terminal.c what those want to know who are attached to a console
 *     engine_create.c   an engine with the usual parts (engine_parts.h: with others)
 *
 * Locks, in the order in which they may be taken one within another: `following`, `worlds`,
 * `listeners_lock`, an apply's or a wait's own, `lock`, the registry's, `events`.
 */
#pragma once

#include "base/map.h"
#include "engine/apply.h"
#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/health.h"
#include "engine/registry.h"

/* Health checks, as a table so that tests can say what is healthy; see health.h. */
struct engine_prober {
    int (*create)(cunik_health_changed *changed, void *ctx, void **ret, struct error **err);
    void (*destroy)(void *prober);
    void (*add)(void *prober, const struct world_cunik *c, const char *address, const char *console,
                uint64_t console_offset);
    void (*remove)(void *prober, const char *name);
    enum cunik_health (*health)(void *prober, const char *name, char **ret_reason);
};

struct waiter {
    struct waiter *next;
    const char *who;            /* "up by cunik-compose (7)", for those that wait for it */
    int64_t since_ms;           /* when it got its turn */
    const struct request *ends; /* the request, when it ends what it names: an update of that is not
                                   waited for */
};

/* One stack. Slots are made when a stack is first heard of and stay. */
struct slot {
    char *stack;
    /* Under `worlds`: */
    struct world desired; /* the last one wanted; its cuniks' states say what should run */
    struct world others;  /* there, and not wanted: orphans that were left alone */
    /* Of the request under way: what it is about to take, until that is `desired`; and what was on
     * the host when it began, to which it may go back. */
    const struct world *reserved, *found;
    struct strv leaving; /* and the networks that it takes away */
    bool known;          /* `desired` is what the state file has */
    bool loaded;
    /* Under `lock`: */
    struct waiter *first, **last; /* requests; the first is carried out */
    bool held;                    /* no restart may begin */
    size_t restarting;            /* restarts under way */
    bool repairing;
    bool resume;           /* cuniks that ended when there was no engine are to come back */
    _Atomic bool *resumed; /* the resumption under way: true cancels it, so that others need not
                              wait for its conditions */
    int64_t repair_ns, repair_backoff_ns;
};

struct listener {
    void (*changed)(void *ctx, const char *name); /* NULL: look at what cancels you */
    void *ctx;
};

struct subscriber {
    size_t id;
    struct event_sink sink;
};

struct engine {
    struct host host;
    const struct engine_clock *clock;
    const struct engine_prober *prober_ops;
    void *prober;
    struct registry registry;

    /* Held from looking for what a request takes (images, volumes) to reserving it; wholly, from
     * asking who has it to removing what nobody has. */
    pthread_rwlock_t taking;
    pthread_mutex_t worlds; /* also: one rule set, one assignment at a time */
    struct map slots;       /* by stack; looked up under `worlds` */

    pthread_mutex_t following; /* the supervisor does what follows from a look */
    pthread_mutex_t lock;
    pthread_cond_t turn; /* slots, threads */
    size_t threads;      /* restarts and repairs under way */
    size_t requests;
    bool quit, woken;
    uint64_t wakes;
    int64_t look_again_ns;
    pthread_cond_t wake;
    pthread_t supervisor;
    bool supervised;

    pthread_mutex_t listeners_lock;
    struct listener **listeners;
    size_t n_listeners;

    pthread_mutex_t events;
    struct subscriber *subscribers;
    size_t n_subscribers, next_id;
    struct event_sink log; /* gets every event before the others */
    int64_t event_id;      /* of the last one */

    pthread_mutex_t starts_lock;
    pthread_cond_t may_start;
    size_t starting, starts_most; /* guests being started at once */
};

int64_t cunik_engine_now(const struct engine *e);
int64_t cunik_engine_wall_ms(const struct engine *e);

/* engine.c */
void cunik_engine_emit(struct engine *e, const struct event_sink *sink, const struct event *event);
void cunik_engine_warn(struct engine *e, const struct event_sink *sink, const char *stack,
                       const char *message);
void cunik_engine_listen(struct engine *e, struct listener *l);
void cunik_engine_unlisten(struct engine *e, struct listener *l);
/* What is on the host, with what only the engine knows. */
int cunik_engine_observe(struct engine *e, struct world *ret, struct error **err);

/* engine_slots.c */
struct slot *cunik_engine_slot(struct engine *e, const char *stack);
void cunik_engine_slots_done(struct engine *e);
/* Whether a request has the stack's turn now. */
bool cunik_engine_busy(struct engine *e, const struct slot *s);
/* Waits for the stack's turn, until the deadline (ERROR_TIMEOUT, saying who has it); the waiter and
 * what it says are the caller's until cunik_engine_leave(). No restart is under way or begins
 * until `held` is cleared by cunik_engine_unhold(). */
int cunik_engine_enter(struct engine *e, struct slot *s, struct waiter *w,
                       const struct event_sink *sink, const _Atomic bool *cancel,
                       int64_t deadline_ns, struct error **err);
/* Who waits for the turn to end the service, as "down by cunik-compose (7)"; NULL = nobody. */
char *cunik_engine_ended_by(struct engine *e, const struct slot *s, const char *service);
void cunik_engine_unhold(struct engine *e, struct slot *s);
/* In one's turn: once more no restart is under way or begins. */
void cunik_engine_rehold(struct engine *e, struct slot *s);
void cunik_engine_leave(struct engine *e, struct slot *s, struct waiter *w);
/* The rule set for what all stacks are wanted to be. */
int cunik_engine_rules(struct engine *e, struct error **err);
/* With `worlds` held: takes the worlds over as what the stack is wanted to be. */
void cunik_engine_settle(struct slot *s, struct world *desired, struct world *others, bool known);

/* engine_prepare.c */
struct prepared {
    struct world observed; /* all stacks */
    struct world desired;  /* what the plan was made for */
    struct world stored;   /* what the stack is wanted to be from now on */
    struct world others;   /* what is left alone */
    struct plan plan;
    struct plan_options options;
    struct strv spared;   /* the options' */
    bool whole;           /* the whole stack goes */
    struct strv rollback; /* services whose update has failed and is to be undone */
};

/* engine_users.c: gives each cunik that has, is wanted to have, or may come back to have what it
 * says: those observed, and those of stacks' wishes and of requests under way. A cunik may be given
 * more than once, as it differs. `doing`: a slot whose request asks itself, and does not go by what
 * it has begun with; NULL = nobody's does. */
typedef void cunik_engine_user(void *ctx, const struct world_cunik *c);
void cunik_engine_users(struct engine *e, const struct world *observed, const struct slot *doing,
                        cunik_engine_user *user, void *ctx);

/* engine_volumes.c: for a request that has removed those of its stack who had it. */
int cunik_engine_volume_drop(struct engine *e, const struct slot *doing, const char *name,
                             struct error **err);
/* Those of the host, for the planner: names and whose they are. *ret_seen stays where the host
 * keeps none. */
int cunik_engine_see_volumes(struct engine *e, struct world *w, bool *ret_seen, struct error **err);

/* engine_images.c: fills in what the images of its cuniks give, of those in scope. */
int cunik_engine_use_images(struct engine *e, struct world *w, const bool *in_scope,
                            struct error **err);

/* reserve: what was assigned stays taken until cunik_engine_settle(), and all that the request
 * began with until cunik_engine_unreserve(), which comes before `ret` is done with. */
int cunik_engine_prepare(struct engine *e, struct slot *s, const struct request *r, bool reserve,
                         struct prepared *ret, struct error **err);
void cunik_engine_unreserve(struct engine *e, struct slot *s);

/* engine_assumed.c: cuniks that a request that takes things away leaves alone; and those that it
 * changes as they are, with the state that each has. */
int cunik_engine_find_spared(const struct slot *s, const struct request *r,
                             const struct world *observed, struct strv *ret, struct error **err);
int cunik_engine_keep_states(const struct request *r, const struct world *observed,
                             struct world *desired, struct error **err);

/* engine_networks.c: makes p's plan, for its worlds and options, with an eye to what the requests
 * of other stacks are about to make. reserve: which networks it takes away is known to them until
 * cunik_engine_unreserve(). */
int cunik_engine_plan_beside(struct engine *e, struct slot *s, bool reserve, struct prepared *p,
                             struct error **err);
/* Adds those of other stacks that a world's cuniks are on, as external ones: a wish that was never
 * written, is lost or has been given up does not tell of them. Or what all stacks' wishes tell of
 * the networks of one cunik. */
void cunik_engine_add_foreign(struct world *to, const struct world *from);
void cunik_engine_add_networks(struct engine *e, const struct world_cunik *c, struct world *ret);
/* With `worlds` held: ERROR_CONFLICT when one of another stack that is wanted is about to go. */
int cunik_engine_check_networks(const struct engine *e, const struct slot *s,
                                const struct world *desired, struct error **err);
void cunik_engine_prepared_done(struct prepared *p);
/* The plan that puts right what has drifted; resume: and that brings back what is kept up. */
int cunik_engine_prepare_repair(struct engine *e, struct slot *s, bool resume, struct prepared *ret,
                                struct error **err);

/* engine_intent.c: before the wish is written; of one that was read back; when the request is over.
 */
void cunik_engine_mark(struct prepared *p);
bool cunik_engine_is_marked(const struct world_cunik *stored);
void cunik_engine_unmark(struct engine *e, struct slot *s);

/* engine_check.c: whether the steps of the plan that start guests can be done: every reason why
 * not.
 */
int cunik_engine_check(struct engine *e, const struct prepared *p, struct strv *ret_warnings,
                       struct error **err);

/* engine_run.c */
int cunik_engine_run_plan(struct engine *e, struct prepared *p, const struct request *r,
                          const struct event_sink *sink, const _Atomic bool *cancel,
                          int64_t deadline_ns, struct error **err);
/* The supervisor's hands are off the cuniks of a plan when this returns, and stay so until it is
 * let go, or the cunik's last step is over. */
void cunik_engine_hold(struct engine *e, const struct plan *plan, bool hold);

/* engine_kill.c: a kill does not wait until another request has given its guests their grace:
 * destroying them is what ends that. Its own turn then finds little left to do; what could not be
 * destroyed here fails there, with its reason. */
int cunik_engine_kill_at_once(struct engine *e, const struct request *r, struct error **err);

/* engine_apply.c */
void cunik_engine_emit_plan(struct engine *e, const struct prepared *p,
                            const struct event_sink *sink, const struct strv *warnings);

/* engine_back.c: what a stack was wanted to be before a request, and going back to that and to what
 * there was then (p->observed) when the request has failed. *err, which says how it did, says
 * afterwards as well what has become of the stack. */
struct wish_before {
    struct world desired;
    bool known;
};
/* Before a request that may have to go back: keeps what the cuniks that it recreates or removes
 * were made of; afterwards: forgets it. */
int cunik_engine_keep_files(struct engine *e, const struct prepared *p, const struct request *r,
                            struct error **err);
void cunik_engine_forget_files(struct engine *e, const struct prepared *p, const struct request *r);
void cunik_engine_remember(struct engine *e, struct slot *s, struct wish_before *ret);
void cunik_engine_go_back(struct engine *e, struct slot *s, const struct prepared *p,
                          const struct wish_before *before, const struct event_sink *sink,
                          struct error **err);
/* The same for the services of p->rollback alone, as their rollback_config says. */
void cunik_engine_roll_back(struct engine *e, struct slot *s, const struct prepared *p,
                            const struct wish_before *before, const struct event_sink *sink,
                            const _Atomic bool *cancel, struct error **err);

/* engine_await.c: until all are healthy, have stayed up for a moment (where nothing checks them),
 * or have completed; `in` by desired cunik, NULL = all of them. */
int cunik_engine_await(struct engine *e, const struct world *desired, const bool *in,
                       int64_t deadline_ns, const _Atomic bool *cancel, struct error **err);

/* engine_verdict.c: tells what has become of each service, with the last console lines of what is
 * not well; `in` as above. */
void cunik_engine_verdicts(struct engine *e, const char *stack, const struct world *desired,
                           const bool *in, const struct event_sink *sink);

/* engine_cunik.c */
int cunik_engine_start_cunik(struct engine *e, const struct world_cunik *c,
                             enum registry_start start, struct error **err);
int cunik_engine_stop_cunik(struct engine *e, const struct world_cunik *c, bool kill,
                            int64_t grace_ns, struct error **err);
/* Its policy, its health checks or the like are others now; old is as it was seen. */
void cunik_engine_update_cunik(struct engine *e, const struct world_cunik *c,
                               const struct world_cunik *old);
void cunik_engine_probe(struct engine *e, const struct world_cunik *c, uint64_t console_offset);

/* supervise.c */
int cunik_engine_supervise_begin(struct engine *e, struct error **err);
void cunik_engine_supervise_end(struct engine *e);
