#include "compose/lower.h"

#include <string.h>

#include "base/memory.h"
#include "compose/lower_mounts.h"
#include "compose/lower_parts.h"
#include "network/names.h"

enum {
    NAME_MAX_LENGTH = 128,     /* of a cunik; see engine/record_text.c */
    HOST_NAME_MAX_LENGTH = 63, /* of one label, RFC 1035 */
};

struct lowering {
    const struct stack *stack;
    struct world *world;
    struct map networks; /* key -> struct stack_network */
    struct map services; /* by name */
    struct map names;    /* of cuniks so far */
};

static void copy_pairs(struct world_pairs *to, const struct stack_pairs *from)
{
    for (size_t i = 0; i < from->n; i++)
        cunik_world_pair_add(to, from->items[i].key, from->items[i].value);
}

static int add_port(const struct stack_service *s, struct world_cunik *c,
                    const struct stack_port *from, struct error **err)
{
    int64_t host = from->host_first ? from->host_first + c->index - 1 : 0;

    if (host > from->host_last)
        return cunik_error_at(err, ERROR_INVALID, &from->place,
                              "service '%s': %lld copies need as many published ports, the range "
                              "%u-%u has only %u",
                              s->name, (long long)s->scale, from->host_first, from->host_last,
                              from->host_last - from->host_first + 1u);
    *ARRAY_APPEND(c->ports, c->n_ports) =
        (struct world_port){.host_ip = cunik_strdup(from->host_ip),
                            .host_port = (uint16_t)host,
                            .port = from->target,
                            .protocol = cunik_strdup(from->protocol)};
    return 0;
}

static void lower_boot(struct world_boot *to, const struct stack_unikernel *from)
{
    cunik_replace(&to->backend, from->backend);
    cunik_replace(&to->kernel, from->kernel);
    cunik_replace(&to->initrd, from->initrd);
    cunik_replace(&to->cmdline, from->cmdline);
    cunik_replace(&to->machine, from->machine);
    cunik_replace(&to->firmware, from->firmware);
    cunik_replace(&to->accel, from->accel);
    copy_pairs(&to->params, &from->params);
    for (size_t i = 0; i < from->n_disks; i++)
        *ARRAY_APPEND(to->disks, to->n_disks) =
            (struct world_disk){.path = cunik_strdup(from->disks[i].path),
                                .mount = cunik_strdup(from->disks[i].mount),
                                .readonly = from->disks[i].readonly,
                                .root = from->disks[i].root};
}

/* Without a test the times mean nothing and are left out, unless the image may bring one; and what
 * is disabled says so only to an image. */
static void lower_health(struct world_health *to, const struct stack_health *from, bool of_image)
{
    if (from->disabled && of_image)
        cunik_strv_add(&to->test, "NONE");
    if (from->disabled || (!from->test.n && !(of_image && from->said)))
        return;
    cunik_strv_copy(&to->test, &from->test);
    to->interval_ns = from->interval_ns;
    to->timeout_ns = from->timeout_ns;
    to->start_period_ns = from->start_period_ns;
    to->start_interval_ns = from->start_interval_ns;
    to->retries = from->retries;
}

/* A dependency that may be missing, and is, asks for nothing. */
static void lower_depends(const struct lowering *l, const struct stack_service *s,
                          struct world_cunik *c)
{
    for (size_t i = 0; i < s->n_depends; i++) {
        const struct stack_depend *from = &s->depends[i];
        if (!from->required && !cunik_map_has(&l->services, from->service))
            continue;
        *ARRAY_APPEND(c->depends, c->n_depends) =
            (struct world_depend){.service = cunik_strdup(from->service),
                                  .condition = from->condition,
                                  .restart = from->restart,
                                  .required = from->required};
    }
}

static char *host_name(const struct stack_service *s, const char *name)
{
    if (*s->hostname)
        return cunik_strdup(s->hostname);
    char *text = cunik_strndup(name, HOST_NAME_MAX_LENGTH);
    for (size_t i = strlen(text); i > 0 && strchr("_.-", text[i - 1]); i--)
        text[i - 1] = '\0';
    return text;
}

static int name_cunik(struct lowering *l, const struct stack_service *s, struct world_cunik *c,
                      struct error **err)
{
    bool own = *s->container_name != '\0';
    const struct place *place = own ? &s->container_name_place : &s->place;
    _cleanup_free_ char *name =
        own ? cunik_strdup(s->container_name)
            : cunik_asprintf("%s-%s-%lld", l->stack->name, s->name, (long long)c->index);

    if (strlen(name) > NAME_MAX_LENGTH)
        return cunik_error_at(err, ERROR_INVALID, place,
                              "service '%s': the name '%s' is longer than %d characters", s->name,
                              name, NAME_MAX_LENGTH);
    if (!cunik_map_add(&l->names, name, NULL))
        return cunik_error_at(err, ERROR_INVALID, place,
                              "service '%s': the name '%s' is another one's already", s->name,
                              name);
    cunik_replace(&c->name, name);
    return 0;
}

static int lower_copy(struct lowering *l, const struct stack_service *s, int64_t index,
                      struct error **err)
{
    struct world_cunik *c = cunik_world_add_cunik(l->world);
    _cleanup_error_ struct error *cause = NULL;

    c->index = index;
    cunik_replace(&c->stack, l->stack->name);
    cunik_replace(&c->service, s->name);
    int r = name_cunik(l, s, c, err);
    if (r < 0)
        return r;
    free(c->uuid);
    c->uuid = cunik_network_uuid(c->stack, c->service, index);
    free(c->hostname);
    c->hostname = host_name(s, c->name);
    cunik_replace(&c->image, s->image);
    cunik_strv_copy(&c->command, &s->entrypoint);
    cunik_strv_copy(&c->command, &s->command);
    cunik_strv_copy(&c->dns, &s->dns);
    cunik_strv_copy(&c->dns_search, &s->dns_search);
    cunik_strv_copy(&c->extra_hosts, &s->extra_hosts);
    copy_pairs(&c->environment, &s->environment);
    copy_pairs(&c->labels, &s->labels);
    lower_boot(&c->boot, &s->unikernel);
    lower_health(&c->health, &s->health, *s->image && !*s->unikernel.kernel);
    lower_depends(l, s, c);
    c->memory = s->memory;
    c->cpus = s->cpus;
    c->restart = s->restart;
    c->restart_max = s->restart_max;
    c->restart_delay_ns = s->restart_delay_ns;
    c->restart_window_ns = s->restart_window_ns;
    c->stop_grace_ns = s->stop_grace_ns;
    c->update = s->update;
    c->rollback = s->rollback;
    c->status.state = CUNIK_RUNNING;
    for (size_t i = 0; i < s->n_networks; i++)
        cunik_lower_interface(c, &s->networks[i],
                              cunik_map_get(&l->networks, s->networks[i].network));
    cunik_lower_mounts(l->stack, s, l->world, c);
    for (size_t i = 0; r == 0 && i < s->n_ports; i++)
        r = add_port(s, c, &s->ports[i], err);
    /* The other copies differ in numbers only. */
    if (r == 0 && index == 1 && cunik_world_cunik_check(c, &cause) < 0)
        r = cunik_lower_refused(err, cause, &s->place, "service", s->name);
    return r;
}

static int lower(struct lowering *l, struct error **err)
{
    const struct stack *s = l->stack;
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->n_networks; i++) {
        cunik_map_set(&l->networks, s->networks[i].key, &s->networks[i]);
        r = cunik_lower_network(l->world, s->name, &s->networks[i], err);
    }
    if (r == 0)
        r = cunik_lower_volumes(s, l->world, err);
    for (size_t i = 0; i < s->n_services; i++)
        cunik_map_set(&l->services, s->services[i].name, &s->services[i]);
    for (size_t i = 0; i < s->n_disabled; i++)
        cunik_strv_add(&l->world->inactive, s->disabled[i].name);
    for (size_t i = 0; r == 0 && i < s->n_services; i++) {
        r = cunik_lower_resolver(l->world, &s->services[i], &l->networks, err);
        if (!s->services[i].scale)
            cunik_strv_add(&l->world->services, s->services[i].name);
        for (int64_t index = 1; r == 0 && index <= s->services[i].scale; index++)
            r = lower_copy(l, &s->services[i], index, err);
    }
    return r;
}

int cunik_lower(const struct stack *s, struct world *ret, struct error **err)
{
    struct lowering l = {.stack = s, .world = ret};

    int r = lower(&l, err);
    cunik_map_done(&l.networks);
    cunik_map_done(&l.services);
    cunik_map_done(&l.names);
    if (r < 0) {
        cunik_world_done(ret);
        *ret = (struct world){0};
    }
    return r;
}
