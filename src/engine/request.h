/* A request to the engine: what a command wants done with one stack. JSON both ways; it is the body
 * of POST /v1/plan and POST /v1/apply. Reading checks everything (untrusted input). */
#pragma once

#include "engine/plan.h"
#include "engine/world.h"

enum request_action {
    ACTION_UP,    /* make the stack what `desired` says */
    ACTION_DOWN,  /* remove everything of the stack; with `services`, only their cuniks */
    ACTION_START, /* what is there and stopped */
    ACTION_STOP,
    ACTION_RESTART,
    ACTION_KILL,
    ACTION_MAX_,
};

/* What ACTION_DOWN leaves alone, as it is when the request has its turn: who asks may have seen it
 * otherwise. */
enum request_spare {
    SPARE_NOTHING,
    SPARE_REFUSE,  /* ERROR_CONFLICT when one that it is about runs */
    SPARE_RUNNING, /* what runs, or is about to be started again, with the networks it is on */
    SPARE_CUNIKS,  /* all cuniks: networks that none is on go */
    SPARE_MAX_,
};

struct request {
    enum request_action action;
    char *stack;
    struct world desired; /* for ACTION_UP; others work on what is there */
    struct strv services; /* empty = all */
    struct strv cuniks;   /* of these services only the copies of these names; empty = all. For
                             all but ACTION_UP */
    enum plan_recreate recreate;
    bool remove_orphans;
    enum plan_volumes volumes; /* for ACTION_DOWN */
    bool no_dependencies;
    bool no_start;   /* create only */
    bool only_new;   /* refused when the stack has cuniks already */
    bool only_there; /* ACTION_UP: refused when one of `services` is not there, and each
                        goes on running or not, as it is */
    enum request_spare spare;
    bool wait;               /* until all are running or healthy, or have completed with 0 */
    int64_t wait_timeout_ns; /* over all; 0 = without end */
    int64_t stop_grace_ns;   /* replaces each service's own; -1 = theirs */
    int64_t parallel;        /* steps at once; 0 = the engine's choice */
    bool atomic;             /* when it fails, back to what was before; with `wait`, also when
                                what it has made does not come up */
    bool planned;            /* only when the plan now is the one below (plan_saved.h) */
    struct strv plan_lines;
    int64_t lock_timeout_ns; /* longest wait for another request on the stack; -1 = without end */
    char *client;            /* who asks, for those who have to wait; "" = not said */
};

void cunik_request_init(struct request *r); /* strings "", times that may be 0 are -1 */
/* To remove all of a stack, or of it what `services` and `cuniks` are to name, with the volumes
 * that have no name. */
void cunik_request_init_removal(struct request *r, const char *stack);
void cunik_request_done(struct request *r);
#define _cleanup_request_ _cleanup_(cunik_request_done)
/* Whether it is about the service, or the cunik, of its stack: what it names, or all. */
bool cunik_request_names_service(const struct request *r, const char *service);
bool cunik_request_names(const struct request *r, const struct world_cunik *c);
/* ERROR_INVALID for a desired world that is not of the request's stack, or names a thing twice. */
int cunik_request_check(const struct request *r, struct error **err);
const char *cunik_request_action_name(enum request_action a);
json_t *cunik_request_to_json(const struct request *r);
int cunik_request_from_json(const json_t *json, struct request *ret, struct error **err);
