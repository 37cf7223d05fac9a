/* The plan: what has to be done to get from an actual world to a desired one, and why.
 *
 *     desired = cunik_assign(desired, actual, host facts)      names, addresses, ports filled in
 *     plan    = cunik_plan_make(actual, desired, options)       pure
 *
 * A plan is a flat array of steps in an order in which they could be carried out one by one; each
 * step also lists the steps that must have ended before it may begin, so that an executor may run
 * independent ones at once. Carrying out a plan and planning again gives an empty plan.
 */
#pragma once

#include "engine/world.h"

enum plan_verb {
    PLAN_CREATE,   /* network: bridge and names; cunik: links, domain, start when wanted running */
    PLAN_UPDATE,   /* in place, the guest runs on: labels, policy, published ports, missing links */
    PLAN_RECREATE, /* cunik: stop, remove, create, start; network: likewise, with its cuniks around
                      it */
    PLAN_START,
    PLAN_STOP,    /* ask, wait for the grace period, destroy */
    PLAN_KILL,    /* destroy at once */
    PLAN_RESTART, /* stop and start */
    PLAN_REMOVE,  /* stop when running, undefine, remove links, names and console */
    PLAN_VERB_MAX_,
};

enum plan_kind {
    PLAN_NETWORK,
    PLAN_CUNIK,
    PLAN_VOLUME, /* created before who needs it, removed after who had it, nothing else */
    PLAN_KIND_MAX_
};

/* A step may begin only when that earlier step has ended and its cunik is so far. */
struct plan_edge {
    size_t step;                     /* index of an earlier step */
    enum depend_condition condition; /* DEPEND_STARTED is all a network needs */
    bool required;                   /* false: go on when it cannot be reached */
    bool turn; /* both are copies of one service that are updated one after the other: the earlier
                  one has had its turn, as its update_config says (apply_updates.c) */
};

/* A dependency on a cunik that has no step because it is as it should be. */
struct plan_wait {
    char *cunik;
    enum depend_condition condition;
    bool required;
};

struct plan_step {
    enum plan_verb verb;
    enum plan_kind kind;
    char *name;          /* of the network, cunik or volume */
    char *service;       /* "" for all but a cunik */
    struct strv reasons; /* never empty */
    struct plan_edge *after;
    size_t n_after;
    struct plan_wait *waits;
    size_t n_waits;
};

struct plan {
    struct plan_step *steps;
    size_t n;
    size_t unchanged;     /* networks and cuniks that need nothing */
    struct strv warnings; /* orphans left alone, … */
};

/* Which volumes go when a stack, or cuniks of it, go: none, those that nobody gave a name, or all
 * of the stack. One that somebody has who stays does not, whatever is said. */
enum plan_volumes { PLAN_VOLUMES_STAY, PLAN_VOLUMES_OWN, PLAN_VOLUMES_ALL, PLAN_VOLUMES_MAX_ };

enum plan_recreate { RECREATE_CHANGED, RECREATE_ALWAYS, RECREATE_NEVER };

/* What says how many copies of a service are recreated at a time. */
enum plan_pace { PACE_UPDATE, PACE_ROLLBACK, PACE_AT_ONCE };

/* The policy of a cunik's service, or NULL: all of its copies at once. */
const struct world_update *cunik_plan_policy(const struct world_cunik *c, enum plan_pace pace);

struct plan_options {
    const char *stack; /* the stack planned for; others in `actual` are not touched */
    enum plan_recreate recreate;
    bool remove_orphans;  /* cuniks of the stack that the desired world does not know */
    struct strv services; /* only these services (and, with_dependencies, what they depend on);
                             empty = all */
    struct strv cuniks;   /* of these services only these; empty = all; not for what is to be up */
    bool no_dependencies;
    enum plan_volumes volumes; /* with down */
    bool volumes_seen;         /* those of `actual` are all there are; else none is planned */
    bool down;                 /* remove everything of the stack, or the cuniks of `services` */
    struct strv spared;        /* but for these cuniks, and the networks they are on */
    bool start;                /* start also what has ended by itself with 0 */
    bool restart;              /* restart what runs (of `services`), start what does not */
    bool repair; /* only what has drifted (links, bridges, names, rules, definitions), nothing else
                  */
    bool resume; /* with repair: and start, in order, what its restart policy keeps up */
    struct strv lost; /* with repair: cuniks that have vanished and are made again */
    /* Cuniks of other stacks that are about to be there: what they are on is not free. */
    struct world_cunik *coming;
    size_t n_coming;
    /* The desired world is made from what is there, with other states: nothing is compared, and
     * only the named services are looked at. */
    bool existing;
    bool kill; /* what has to stop is destroyed at once */
    enum plan_pace pace;
};

/* A cunik that is wanted running, ended by itself with 0, is not to be started again by its restart
 * policy and has no healthcheck is done: it is left alone (unless `start` or `restart`), so that
 * carrying out a plan with a one-shot in it and planning again gives nothing.
 *
 * ERROR_INVALID for a desired world that contradicts itself (an unknown network, a dependency
 * cycle, printed whole: "dependency cycle detected: a -> b -> a"), ERROR_NOT_FOUND for a service of
 * `services` that is not there, ERROR_CONFLICT for a cunik or network of another stack that is in
 * the way. The result's order does not depend on anything but its arguments. */
int cunik_plan_make(const struct world *actual, const struct world *desired,
                    const struct plan_options *options, struct plan *ret, struct error **err);

void cunik_plan_done(struct plan *p);
#define _cleanup_plan_ _cleanup_(cunik_plan_done)

/* Whether a cunik as seen has ended by itself, well, and for good. */
bool cunik_plan_completed(const struct world_cunik *c);

/* One line for each step, `~ recreate web-1: environment.PORT "80" → "8080"`, and a last one with
 * the counts; "Nothing to do.\n" for an empty one. */
char *cunik_plan_text(const struct plan *p);
json_t *cunik_plan_to_json(const struct plan *p);
int cunik_plan_from_json(const json_t *json, struct plan *ret, struct error **err);
const char *cunik_plan_verb_name(enum plan_verb v); /* "recreate" */
const char *cunik_plan_kind_name(enum plan_kind k); /* "network" */
