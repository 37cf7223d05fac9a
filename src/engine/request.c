#include "engine/request.h"

#include <string.h>

#include "base/memory.h"
#include "engine/record_table.h"
#include "engine/world_records.h"

ENUM_NAMES(actions,
           ACTION_MAX_, [ACTION_UP] = "up", [ACTION_DOWN] = "down", [ACTION_START] = "start",
           [ACTION_STOP] = "stop", [ACTION_RESTART] = "restart", [ACTION_KILL] = "kill");
ENUM_NAMES(recreates, RECREATE_NEVER + 1, [RECREATE_CHANGED] = "changed",
           [RECREATE_ALWAYS] = "always", [RECREATE_NEVER] = "never");
ENUM_NAMES(spares, SPARE_MAX_, [SPARE_NOTHING] = "nothing", [SPARE_REFUSE] = "refuse",
           [SPARE_RUNNING] = "running", [SPARE_CUNIKS] = "cuniks");

ENUM_NAMES(volumes, PLAN_VOLUMES_MAX_, [PLAN_VOLUMES_STAY] = "stay", [PLAN_VOLUMES_OWN] = "own",
           [PLAN_VOLUMES_ALL] = "all");

enum { PARALLEL_MOST = 1024 };

RECORD_FIELDS(
    static, request, struct request, NULL,
    ROW("action", ENUM, struct request, action, NONE, .enumeration = &actions,
        .flags = FIELD_REQUIRED),
    ROW("stack", STRING, struct request, stack, NONE, .text = TEXT_STACK, .flags = FIELD_REQUIRED),
    ROW("desired", RECORD, struct request, desired, NONE, .of = &cunik_world_record),
    ROW("services", STRV, struct request, services, NONE, .text = TEXT_SERVICE, .most = 65536),
    ROW("cuniks", STRV, struct request, cuniks, NONE, .text = TEXT_NAME, .most = 65536),
    ROW("recreate", ENUM, struct request, recreate, NONE, .enumeration = &recreates),
    ROW("remove_orphans", BOOL, struct request, remove_orphans, NONE),
    ROW("volumes", ENUM, struct request, volumes, NONE, .enumeration = &volumes),
    ROW("no_dependencies", BOOL, struct request, no_dependencies, NONE),
    ROW("no_start", BOOL, struct request, no_start, NONE),
    ROW("only_new", BOOL, struct request, only_new, NONE),
    ROW("only_there", BOOL, struct request, only_there, NONE),
    ROW("spare", ENUM, struct request, spare, NONE, .enumeration = &spares),
    ROW("wait", BOOL, struct request, wait, NONE),
    ROW("wait_timeout", DURATION, struct request, wait_timeout_ns, NONE),
    ROW("stop_grace_period", DURATION, struct request, stop_grace_ns, NONE, .flags = FIELD_UNSET),
    ROW("parallel", INT, struct request, parallel, NONE, .max = PARALLEL_MOST),
    ROW("atomic", BOOL, struct request, atomic, NONE),
    ROW("planned", BOOL, struct request, planned, NONE),
    ROW("plan_lines", STRV, struct request, plan_lines, NONE, .text = TEXT_ANY, .most = 1 << 20),
    ROW("lock_timeout", DURATION, struct request, lock_timeout_ns, NONE, .flags = FIELD_UNSET),
    ROW("client", STRING, struct request, client, NONE, .text = TEXT_LINE));

void cunik_request_init(struct request *r)
{
    *r = (struct request){0};
    cunik_record_init(&request, r);
}

void cunik_request_init_removal(struct request *r, const char *stack)
{
    cunik_request_init(r);
    r->action = ACTION_DOWN;
    r->volumes = PLAN_VOLUMES_OWN;
    cunik_replace(&r->stack, stack);
}

bool cunik_request_names_service(const struct request *r, const char *service)
{
    return !r->services.n || cunik_strv_has(&r->services, service);
}

bool cunik_request_names(const struct request *r, const struct world_cunik *c)
{
    return cunik_request_names_service(r, c->service) &&
           (!r->cuniks.n || cunik_strv_has(&r->cuniks, c->name));
}

void cunik_request_done(struct request *r)
{
    cunik_record_done(&request, r);
}

const char *cunik_request_action_name(enum request_action a)
{
    return actions.names[a];
}

json_t *cunik_request_to_json(const struct request *r)
{
    return cunik_record_to_json(&request, r);
}

int cunik_request_check(const struct request *r, struct error **err)
{
    if (!*r->stack)
        return cunik_error_set(err, ERROR_INVALID, "'stack' must be given");
    for (size_t i = 0; i < r->desired.n_cuniks; i++)
        if (strcmp(r->desired.cuniks[i].stack, r->stack) != 0)
            return cunik_error_set(err, ERROR_INVALID, "'%s' is of the stack '%s', not of '%s'",
                                   r->desired.cuniks[i].name, r->desired.cuniks[i].stack, r->stack);
    for (size_t i = 0; i < r->desired.n_networks; i++) {
        const struct world_network *n = &r->desired.networks[i];
        if (!n->external && strcmp(n->stack, r->stack) != 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "network '%s' is of the stack '%s', not of '%s'", n->name,
                                   n->stack, r->stack);
    }
    for (size_t i = 0; i < r->desired.n_volumes; i++) {
        const struct world_volume *v = &r->desired.volumes[i];
        if (!v->external && *v->stack && strcmp(v->stack, r->stack) != 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "volume '%s' is of the stack '%s', not of '%s'", v->name,
                                   v->stack, r->stack);
    }
    if (r->cuniks.n && (!r->services.n || r->action == ACTION_UP))
        return cunik_error_set(err, ERROR_INVALID,
                               "'cuniks' are copies of 'services', of what is there");
    return cunik_world_check(&r->desired, err);
}

int cunik_request_from_json(const json_t *json, struct request *ret, struct error **err)
{
    _cleanup_request_ struct request r = {0};

    int e = cunik_record_from_json(&request, json, "", &r, err);
    if (e == 0)
        e = cunik_request_check(&r, err);
    if (e < 0)
        return e;
    *ret = r;
    r = (struct request){0};
    return 0;
}
