/* The registry: what the engine knows of each cunik between two looks at the host. It holds what
 * the host does not tell: health, restarts, what the engine itself has stopped, and who is dealing
 * with a cunik at the moment.
 *
 * All functions may be called from any thread. The hook is called after a change, without locks
 * held.
 */
#pragma once

#include "base/map.h"
#include "engine/clock.h"
#include "engine/world.h"

struct registry_cunik {
    char *name, *stack, *service;
    enum cunik_state state; /* ABSENT: it was removed, the entry is free */
    enum cunik_health health;
    enum cunik_end end;
    int64_t exit_code;
    char *reason;
    bool checked; /* it has a healthcheck */
    bool hidden;  /* its names may be missing where they lead to nothing unhealthy */
    enum restart_policy restart;
    int64_t restart_max, restart_delay_ns, restart_window_ns;
    bool wanted;   /* it is to run */
    bool lost;     /* ABSENT: somebody has removed it, and its policy wants it back */
    bool stopped;  /* ended by a request */
    bool held;     /* a request is about to deal with it: hands off */
    bool changing; /* it is being started or stopped right now */
    int64_t restarts, attempts;
    int64_t crashes; /* ends in a row, each soon after its start */
    int64_t started_ns, backoff_ns;
    int64_t due_ns; /* when it is to be started again; CLOCK_NEVER = not planned */
    uint64_t seq;   /* of its last change */
    uint64_t run;   /* which of its runs this is, from its start on; no two of all have one */
    uint64_t console_from; /* what its console held before it was started */
    bool spoke;            /* it has written since */
};

struct registry_change {
    bool health; /* of health, else of state */
    const char *name, *stack, *service;
    enum cunik_state state;
    enum cunik_health is;
    int64_t exit_code;
    const char *reason;
};

typedef void registry_changed(void *ctx, const struct registry_change *change);

struct registry {
    const struct engine_clock *clock;
    registry_changed *changed;
    void *ctx;
    pthread_mutex_t lock;
    struct map entries; /* struct registry_cunik by name */
    size_t n_free;
    uint64_t seq;
    uint64_t removed_seq; /* of the last removal, whose entry may be free by now */
    uint64_t runs;
};

/* A snapshot; the caller frees reason. */
struct live {
    enum cunik_state state;
    enum cunik_health health;
    enum cunik_end end;
    int64_t exit_code;
    bool checked;
    bool wanted, stopped;
    enum restart_policy restart;
    int64_t restarts, crashes;
    int64_t started_ns;
    char *reason;
};

void cunik_registry_init(struct registry *r, const struct engine_clock *clock,
                         registry_changed *changed, void *ctx);
void cunik_registry_done(struct registry *r);

/* False when there is none; *ret is then ABSENT. */
bool cunik_registry_look(struct registry *r, const char *name, struct live *ret);
/* Whether it has ended by itself, well, and is not about to be started again. */
bool cunik_registry_completed(const struct live *l);
/* Whether its policy would have it started again after an end with this code. With the lock held.
 */
bool cunik_registry_wants_restart(const struct registry_cunik *c, int64_t exit_code);
/* What is to be compared with a look at the host that begins now: whatever has a greater `seq` is
 * newer than that. */
uint64_t cunik_registry_last_change(struct registry *r);
/* Puts what only the registry knows into a world that was observed. */
void cunik_registry_overlay(struct registry *r, struct world *w);
/* Whether any cunik runs or is about to. */
bool cunik_registry_active(struct registry *r);

/* Takes a cunik over that was found on the host. wanted: to run; stopped: if it has ended, then
 * because of a request. */
void cunik_registry_adopt(struct registry *r, const struct world_cunik *c, bool wanted,
                          bool stopped);

/* The same of one that was seen to run when `seq` was the last change, unless it is known, or may
 * have been removed since: *ret_stale, and nobody can say. */
bool cunik_registry_discover(struct registry *r, const struct world_cunik *c, uint64_t seq,
                             bool *ret_stale);

/* A request's (or the supervisor's) way through a cunik; one that it makes is held from before it
 * is there. */
void cunik_registry_hold(struct registry *r, const char *name, bool hold);
enum registry_start {
    START_ASKED,   /* a request wants it: what is counted begins anew */
    START_AGAIN,   /* its policy does, which has counted it */
    START_RESUMED, /* likewise, by an engine that has come back: it is counted here */
};
void cunik_registry_starting(struct registry *r, const struct world_cunik *c,
                             enum registry_start start);
/* Fills in how often it has been started again. */
void cunik_registry_count(struct registry *r, struct world_cunik *c);
/* What its console holds before it starts; and that it holds so much now: whether that is its first
 * output, and then whose it is (the caller's to free). */
void cunik_registry_console(struct registry *r, const char *name, uint64_t size);
bool cunik_registry_spoke(struct registry *r, const char *name, uint64_t size, char **ret_stack,
                          char **ret_service);
void cunik_registry_started(struct registry *r, const char *name);
void cunik_registry_start_failed(struct registry *r, const char *name, const char *why);
void cunik_registry_stopping(struct registry *r, const char *name);
void cunik_registry_stopped(struct registry *r, const char *name);
/* It was to be stopped and could not be. */
void cunik_registry_stop_failed(struct registry *r, const char *name);
void cunik_registry_defined(struct registry *r, const struct world_cunik *c);
void cunik_registry_updated(struct registry *r, const struct world_cunik *c);
void cunik_registry_removed(struct registry *r, const char *name);
/* Which of its runs this is (0 = there is none), and what is known of the health of that run; of
 * another than the present one it is of no interest. True when names may have to go or come back
 * (supervise_names.c). */
uint64_t cunik_registry_run(struct registry *r, const char *name);
bool cunik_registry_health(struct registry *r, const char *name, uint64_t run,
                           enum cunik_health health, const char *reason);

/* For the supervisor, with r->lock held. */
struct registry_cunik *cunik_registry_find(struct registry *r, const char *name);
/* Marks a change and gives what to tell; cunik_registry_tell() does so, with the lock released. */
struct registry_told;
struct registry_told *cunik_registry_note(struct registry *r, struct registry_cunik *c,
                                          bool health);
void cunik_registry_tell(struct registry *r, struct registry_told *told);
