/* Carrying a plan out, from the inside:
 *
 *     apply.c             its jobs and who works on them, from begin to end
 *     apply_jobs.c        what follows from a job's end, and telling of it
 *     apply_conditions.c  conditions on cuniks that a job waits for
 *     apply_updates.c     services whose copies are updated some at a time, and watched
 *     apply_steps.c       what a step does to the host (apply_parts.h)
 *
 * Everything here is called with the lock held.
 */
#pragma once

#include "engine/apply_parts.h"

enum job_state {
    JOB_BLOCKED, /* something it waits for is not so far */
    JOB_READY,
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,
    JOB_SKIPPED,
};

/* Who waits for a job, and for what of it. */
struct follower {
    size_t job;
    enum depend_condition condition;
    bool required;
};

struct job {
    enum job_state state;
    size_t pending; /* edges and conditions */
    struct follower *followers;
    size_t n_followers;
    bool told_waiting;
};

/* A condition on a cunik that is waited for now. */
struct waiting {
    char *cunik;
    size_t job;
    enum depend_condition condition;
    bool required, over;
};

struct failure {
    size_t job;
    enum error_code code;
    char *message;
};

/* A service with an update_config whose copies are recreated. */
struct update {
    const char *service;
    const struct world_update *policy;
    size_t n, well, failed; /* copies */
    bool stopped;           /* no further copy is touched */
    bool called_off;        /* for a request that ends the service */
};

/* The time in which a copy that was recreated has to prove well, and the pause after it; a job that
 * no worker does. */
struct turn {
    size_t step, update;
    bool begun, well;
    int64_t due_ns; /* when time alone may change something */
};

struct apply {
    const struct apply_settings *s;
    struct apply_things things;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* for workers: something is ready, or all is over */
    pthread_cond_t ended; /* for the runner: look again */
    struct job *jobs;     /* the plan's steps, the rules, the links, the turns */
    size_t n_jobs, n_left, n_running;
    size_t rules, links; /* their places; SIZE_MAX = there is none */
    size_t *ready;       /* a heap: the earliest first */
    size_t n_ready;
    struct waiting *waitings;
    size_t n_waitings;
    struct map waiting_for; /* name → place + 1 in heads */
    struct {
        size_t *items;
        size_t n;
    } * heads; /* places in waitings, by name */
    size_t n_heads;
    struct update *updates;
    size_t n_updates;
    struct turn *turns;
    size_t n_turns, first_turn; /* the first one's place in jobs */
    size_t *turn_of;            /* by step: place + 1 in turns, or 0 */
    struct map turn_by_name;    /* of the cunik: place + 1 */
    size_t *settled;            /* jobs whose followers are still to be told: a chain may be long */
    size_t n_settled;
    bool draining;
    bool abandoned, cancelled, timed_out, over;
    struct failure *failures;
    size_t n_failures;
};

/* apply_jobs.c */
void cunik_apply_push(struct apply *a, size_t job);
size_t cunik_apply_pop(struct apply *a);
void cunik_apply_tell(const struct apply *a, size_t job, enum event_phase phase,
                      const char *message, const char *code);
void cunik_apply_warn(const struct apply *a, const char *message);
void cunik_apply_fail(struct apply *a, size_t job, enum error_code code, const char *message);
void cunik_apply_skip(struct apply *a, size_t job, const char *why);
/* One thing less that it waits for. */
void cunik_apply_release(struct apply *a, size_t job);
void cunik_apply_settle(struct apply *a, size_t job, enum job_state state);
void cunik_apply_precede(struct apply *a, size_t first, size_t then,
                         enum depend_condition condition, bool required);

/* apply_conditions.c */
void cunik_apply_await(struct apply *a, size_t job, const char *cunik,
                       enum depend_condition condition, bool required);
/* The registry's entry has changed. */
void cunik_apply_conditions_poke(struct apply *a, const char *name);
/* The deadline has come. */
void cunik_apply_conditions_end(struct apply *a);
void cunik_apply_conditions_done(struct apply *a);

/* apply_updates.c */
/* Finds the updates and their turns; before there are jobs. */
void cunik_apply_updates_init(struct apply *a);
void cunik_apply_updates_place(struct apply *a);
/* What its step has come to is to be watched now. */
void cunik_apply_turn_begin(struct apply *a, size_t job);
void cunik_apply_updates_poke(struct apply *a, const char *name);
/* Looks at those that are due; returns when the next one is. */
int64_t cunik_apply_updates_look(struct apply *a);
/* The deadline has come. */
void cunik_apply_updates_end(struct apply *a);
/* Whether a step is no longer to be begun. */
bool cunik_apply_update_stopped(const struct apply *a, size_t step, const char **ret_why);
void cunik_apply_updates_done(struct apply *a);
