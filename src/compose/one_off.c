#include "compose/one_off.h"

#include <string.h>

#include "base/memory.h"
#include "compose/lower.h"
#include "engine/run_options.h"

static const char *value_of(char *const *variables, const char *key)
{
    size_t size = strlen(key);

    for (; variables && *variables; variables++)
        if (strncmp(*variables, key, size) == 0 && (*variables)[size] == '=')
            return *variables + size + 1;
    return NULL;
}

static void set_pair(struct stack_pairs *pairs, const char *key, const char *value)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->items[i].key, key) == 0) {
            cunik_replace(&pairs->items[i].value, value);
            return;
        }
    *ARRAY_APPEND(pairs->items, pairs->n) =
        (struct stack_pair){.key = cunik_strdup(key), .value = cunik_strdup(value)};
}

/* "KEY=VALUE", or "KEY" for one of the variables, or else for `otherwise` (NULL = not at all). */
static void set_pairs(struct stack_pairs *pairs, const struct strv *texts, char *const *variables,
                      const char *otherwise)
{
    for (size_t i = 0; texts && i < texts->n; i++) {
        const char *text = texts->items[i], *equals = strchr(text, '=');
        _cleanup_free_ char *key = cunik_strndup(text, strcspn(text, "="));
        const char *value = equals ? equals + 1 : value_of(variables, key);
        if (!value)
            value = otherwise;
        if (value)
            set_pair(pairs, key, value);
    }
}

static void forget_ports(struct stack_service *s)
{
    for (size_t i = 0; i < s->n_ports; i++) {
        free(s->ports[i].host_ip);
        free(s->ports[i].protocol);
    }
    s->n_ports = 0;
}

static void set_words(struct stack_service *s, const struct one_off *o)
{
    if (o->entrypoint) {
        cunik_strv_done(&s->entrypoint);
        cunik_strv_done(&s->command);
        if (*o->entrypoint)
            cunik_strv_add(&s->entrypoint, o->entrypoint);
    }
    if (!o->command->n)
        return;
    cunik_strv_done(&s->command);
    cunik_strv_copy(&s->command, o->command);
}

/* What is one copy's alone, and what brings copies back. */
static void make_single(struct stack_service *s)
{
    for (size_t i = 0; i < s->n_networks; i++) {
        struct stack_attachment *n = &s->networks[i];
        cunik_replace(&n->ipv4_address, "");
        cunik_replace(&n->ipv6_address, "");
        cunik_replace(&n->mac_address, "");
        cunik_strv_done(&n->aliases);
    }
    for (size_t i = 0; i < s->n_depends; i++)
        s->depends[i].restart = false;
    s->scale = 1;
    s->restart = RESTART_NO;
    s->restart_max = 0;
    s->restart_delay_ns = s->restart_window_ns = 0;
    s->update = s->rollback = (struct world_update){0};
}

static void become(struct stack *s, struct stack_service *service, const struct one_off *o)
{
    _cleanup_free_ char *name = cunik_asprintf("%s-%s", s->name, o->as);

    cunik_replace(&service->name, o->as);
    cunik_replace(&service->container_name, o->name ? o->name : name);
    set_words(service, o);
    set_pairs(&service->environment, o->environment, o->environ, NULL);
    set_pairs(&service->labels, o->labels, NULL, "");
    make_single(service);
    if (!o->service_ports)
        forget_ports(service);
}

/* The volumes that are its own. */
static void take_volumes(const struct world *from, struct world *to)
{
    for (size_t i = 0; i < from->n_volumes; i++)
        if (!cunik_world_volume(to, from->volumes[i].name))
            cunik_world_volume_copy(ARRAY_APPEND(to->volumes, to->n_volumes), &from->volumes[i]);
}

static int take(const struct world *from, const struct one_off *o, struct world *to,
                struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < from->n_cuniks; i++) {
        if (strcmp(from->cuniks[i].service, o->as) != 0)
            continue;
        if (cunik_world_cunik(to, from->cuniks[i].name))
            return cunik_error_set(err, ERROR_INVALID, "the name '%s' is another one's already",
                                   from->cuniks[i].name);
        struct world_cunik *c = ARRAY_APPEND(to->cuniks, to->n_cuniks);
        cunik_world_cunik_copy(c, &from->cuniks[i]);
        cunik_replace(&c->one_off, o->of);
        for (size_t k = 0; o->publish && k < o->publish->n && r == 0; k++)
            r = cunik_run_port(c, o->publish->items[k], err);
        break;
    }
    take_volumes(from, to);
    return r;
}

int cunik_one_off_add(struct stack *s, const struct one_off *o, struct world *w, struct error **err)
{
    struct stack_service *service = cunik_stack_service(s, o->of);
    _cleanup_world_ struct world with = {0};

    if (!service)
        return cunik_error_set(err, ERROR_INVALID, "no such service: %s", o->of);
    become(s, service, o);
    int r = cunik_lower(s, &with, err);
    return r < 0 ? r : take(&with, o, w, err);
}
