/* One service of the canonical tree as a struct stack_service. */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"
#include "engine/health.h"

enum {
    CPUS_MOST = 255,        /* of one guest; see backends/dialect.c */
    MEMORY_LEAST = 1 << 20, /* bytes: a PC's firmware needs the first of them */
};

static void replace_text(char **to, const struct node *map, const char *key)
{
    cunik_replace(to, cunik_stack_text(map, key));
}

static bool bool_of(const struct node *map, const char *key, bool otherwise)
{
    const struct node *n = cunik_node_get(map, key);

    return n && n->kind == NODE_BOOL ? n->boolean : otherwise;
}

static const struct node *number_of(const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    return n && (n->kind == NODE_INT || n->kind == NODE_FLOAT) ? n : NULL;
}

/* A duration from 0; 0 and a missing one are the default, as with Docker. `path` is within the
 * service, its last key is the map's. */
static int64_t duration_of(struct stack_maker *m, const struct stack_service *s,
                           const struct node *map, const char *path, int64_t otherwise)
{
    const char *dot = strrchr(path, '.'), *key = dot ? dot + 1 : path;
    const struct node *n = cunik_node_get(map, key);
    int64_t ns = 0;

    if (!n || cunik_text_to_duration(cunik_stack_text(map, key), &ns) < 0)
        return otherwise;
    if (ns < 0)
        cunik_stack_mistake(m, &n->place, s->name, path, "must not be negative");
    return ns > 0 ? ns : otherwise;
}

static void read_depends(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *depends = cunik_node_get(n, "depends_on");

    for (size_t i = 0; depends && i < depends->n; i++) {
        const struct node *edge = depends->items[i];
        struct stack_depend *d = ARRAY_APPEND(s->depends, s->n_depends);
        d->service = cunik_strdup(edge->key);
        cunik_condition_parse(cunik_stack_text(edge, "condition"), &d->condition);
        d->restart = bool_of(edge, "restart", false);
        d->required = bool_of(edge, "required", true);
        d->place = cunik_stack_place(m, &edge->key_place);
    }
}

static void read_health(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *health = cunik_node_get(n, "healthcheck");
    const struct node *test = cunik_node_get(health, "test");
    const struct node *retries = number_of(health, "retries");
    const struct world_health *usual = &cunik_health_usual;
    struct stack_health *h = &s->health;

    h->interval_ns = duration_of(m, s, health, "healthcheck.interval", usual->interval_ns);
    h->timeout_ns = duration_of(m, s, health, "healthcheck.timeout", usual->timeout_ns);
    h->start_period_ns =
        duration_of(m, s, health, "healthcheck.start_period", usual->start_period_ns);
    h->start_interval_ns =
        duration_of(m, s, health, "healthcheck.start_interval", usual->start_interval_ns);
    h->retries = retries && retries->integer > 0 ? retries->integer : usual->retries;
    h->said = health;
    h->disabled = bool_of(health, "disable", false) ||
                  (test && test->n && strcmp(test->items[0]->text, "NONE") == 0);
    if (!health || h->disabled)
        return;
    h->place = cunik_stack_place(m, test ? &test->place : &health->key_place);
    if ((!test || !test->n) && !*s->image) {
        _cleanup_free_ char *path = cunik_asprintf("services.%s.healthcheck", s->name);
        cunik_diagnostics_warn(m->d, &health->key_place, path,
                               "has no test and checks nothing: there is no image to take one "
                               "from");
    }
    cunik_stack_read_strings(test, &h->test);
}

static void read_restart(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const char *text = cunik_stack_text(n, "restart");
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *policy = cunik_strndup(text, strcspn(text, ":"));
    uint64_t most = 0;

    if (!*text)
        return;
    bool good = cunik_restart_parse(policy, &s->restart) == 0;
    if (good && colon)
        good = s->restart == RESTART_ON_FAILURE &&
               cunik_text_to_uint(colon + 1, 0, INT32_MAX, &most) == 0;
    s->restart_max = (int64_t)most;
    if (!good)
        cunik_stack_mistake(m, &cunik_node_get(n, "restart")->place, s->name, "restart",
                            "'%s' is none of no, always, on-failure[:TIMES], unless-stopped", text);
}

/* The words of the deploy section, and those of `restart`, which Docker Compose takes as well. */
static const struct {
    const char *word;
    enum restart_policy policy;
} restart_conditions[] = {
    {"any", RESTART_ALWAYS}, {"always", RESTART_ALWAYS}, {"on-failure", RESTART_ON_FAILURE},
    {"none", RESTART_NO},    {"no", RESTART_NO},         {"unless-stopped", RESTART_UNLESS_STOPPED},
};

static void read_restart_condition(struct stack_maker *m, const struct node *policy,
                                   struct stack_service *s)
{
    const char *condition = cunik_stack_text(policy, "condition");

    s->restart = RESTART_ALWAYS;
    for (size_t i = 0; i < ARRAY_SIZE(restart_conditions); i++)
        if (strcmp(restart_conditions[i].word, condition) == 0) {
            s->restart = restart_conditions[i].policy;
            return;
        }
    if (*condition)
        cunik_stack_mistake(m, &cunik_node_get(policy, "condition")->place, s->name,
                            "deploy.restart_policy.condition",
                            "'%s' is none of none, on-failure, any", condition);
}

/* It goes before `restart`, as in Docker Compose. */
static void read_restart_policy(struct stack_maker *m, const struct node *n,
                                struct stack_service *s)
{
    const struct node *policy = cunik_node_get(cunik_node_get(n, "deploy"), "restart_policy");
    const struct node *most = number_of(policy, "max_attempts");

    if (!policy)
        return;
    read_restart_condition(m, policy, s);
    s->restart_delay_ns = duration_of(m, s, policy, "deploy.restart_policy.delay", 0);
    s->restart_window_ns = duration_of(m, s, policy, "deploy.restart_policy.window", 0);
    s->restart_max = most ? most->integer : 0;
    if (s->restart_max < 0)
        cunik_stack_mistake(m, &most->place, s->name, "deploy.restart_policy.max_attempts",
                            "must not be negative");
    if (cunik_node_get(n, "restart"))
        cunik_diagnostics_warn(m->d, &cunik_node_get(n, "restart")->place, NULL,
                               "service '%s' has deploy.restart_policy, which goes before restart",
                               s->name);
}

/* Two ways to say one number: both may be given when they say the same. NULL when neither is. */
static const struct node *one_of(struct stack_maker *m, const struct stack_service *s,
                                 const struct node *service, const char *key,
                                 const struct node *other, const char *other_name)
{
    const struct node *own = number_of(service, key);

    if (own && other && own->number != other->number)
        cunik_stack_mistake(m, &other->place, s->name, NULL,
                            "can't set distinct values on '%s' and '%s'", key, other_name);
    return own ? own : other;
}

static void read_resources(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *deploy = cunik_node_get(n, "deploy");
    const struct node *limits = cunik_node_get(cunik_node_get(deploy, "resources"), "limits");
    const struct node *scale =
        one_of(m, s, n, "scale", number_of(deploy, "replicas"), "deploy.replicas");
    const struct node *cpus =
        one_of(m, s, n, "cpus", number_of(limits, "cpus"), "deploy.resources.limits.cpus");
    const struct node *memory =
        one_of(m, s, n, "mem_limit", number_of(limits, "memory"), "deploy.resources.limits.memory");

    s->scale = scale ? scale->integer : 1;
    s->cpus = cpus ? cpus->number : 0;
    s->memory = memory ? memory->integer : 0;
    s->cpus_place = cunik_stack_place(m, cpus ? &cpus->place : &n->place);
    s->memory_place = cunik_stack_place(m, memory ? &memory->place : &n->place);
    if (!(s->cpus >= 0 && s->cpus <= CPUS_MOST))
        cunik_stack_mistake(m, &cpus->place, s->name, cpus->key, "must be 0 to %d", CPUS_MOST);
    if (s->memory < 0)
        cunik_stack_mistake(m, &memory->place, s->name, memory->key, "must not be negative");
    else if (s->memory && s->memory < MEMORY_LEAST)
        cunik_stack_mistake(m, &memory->place, s->name, memory->key,
                            "must be at least 1M: no machine has less");
}

static void read_disks(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *disks = cunik_node_get(n, "disks");
    struct stack_unikernel *u = &s->unikernel;
    size_t roots = 0;

    for (size_t i = 0; disks && i < disks->n; i++) {
        const struct node *item = disks->items[i];
        struct stack_disk *disk = ARRAY_APPEND(u->disks, u->n_disks);
        disk->path = cunik_strdup(cunik_stack_text(item, "path"));
        disk->mount = cunik_strdup(cunik_stack_text(item, "mount"));
        disk->readonly = bool_of(item, "readonly", false);
        disk->root = bool_of(item, "root", false);
        disk->place = cunik_stack_key_place(m, item, "path");
        if (*disk->mount && disk->mount[0] != '/')
            cunik_stack_mistake(m, &cunik_node_get(item, "mount")->place, s->name,
                                "unikernel.disks", "'%s' must be an absolute path", disk->mount);
        for (size_t k = 0; *disk->mount && k < i; k++)
            if (strcmp(u->disks[k].mount, disk->mount) == 0)
                cunik_stack_mistake(m, &item->place, s->name, "unikernel.disks",
                                    "two disks are mounted at '%s'", disk->mount);
        if (disk->root && roots++)
            cunik_stack_mistake(m, &item->place, s->name, "unikernel.disks",
                                "two disks are the root");
    }
}

/* A mistake within may be why there is no kernel: then it is not said twice. */
static bool has_mistake(const struct diagnostics *d, const char *service)
{
    _cleanup_free_ char *path = NULL;

    if (!d->n_errors)
        return false;
    path = cunik_asprintf("services.%s", service);
    size_t length = strlen(path);
    for (size_t i = 0; i < d->n; i++) {
        const char *other = d->items[i].path;
        if (d->items[i].is_error && other && strncmp(other, path, length) == 0 &&
            (!other[length] || cunik_text_starts(other + length, ".unikernel") ||
             cunik_text_starts(other + length, ".x-unikernel")))
            return true;
    }
    return false;
}

static void read_unikernel(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *unikernel = cunik_node_get(n, "unikernel");
    struct stack_unikernel *u = &s->unikernel;

    replace_text(&u->backend, unikernel, "backend");
    replace_text(&u->kernel, unikernel, "kernel");
    replace_text(&u->initrd, unikernel, "initrd");
    replace_text(&u->cmdline, unikernel, "cmdline");
    replace_text(&u->machine, unikernel, "machine");
    replace_text(&u->firmware, unikernel, "firmware");
    replace_text(&u->accel, unikernel, "accel");
    cunik_stack_read_pairs(m, cunik_node_get(unikernel, "params"), &u->params);
    const struct node *whole = unikernel ? unikernel : n;
    u->place = cunik_stack_place(m, &whole->key_place);
    u->backend_place = cunik_stack_key_place(m, whole, "backend");
    u->kernel_place = cunik_stack_key_place(m, whole, "kernel");
    u->initrd_place = cunik_stack_key_place(m, whole, "initrd");
    u->cmdline_place = cunik_stack_key_place(m, whole, "cmdline");
    u->machine_place = cunik_stack_key_place(m, whole, "machine");
    u->firmware_place = cunik_stack_key_place(m, whole, "firmware");
    read_disks(m, unikernel, s);
    if (!*u->kernel && !*s->image && !u->n_disks && !cunik_node_get(n, "extends") &&
        !has_mistake(m->d, s->name)) {
        if (cunik_node_get(n, "provider"))
            s->scale = 0; /* it is somewhere else, and no guest of ours */
        else
            cunik_stack_mistake(m, &n->key_place, s->name, NULL,
                                "there is nothing to boot: say image, build or unikernel.kernel");
    }
}

static bool is_host_name(const char *text)
{
    size_t length = strlen(text), label = 0;

    if (length > 253)
        return false;
    for (size_t i = 0; i <= length; i++) {
        if (text[i] == '.' || text[i] == '\0') {
            if (!label || label > 63 || text[i - 1] == '-')
                return false;
            label = 0;
        } else if (isalnum((unsigned char)text[i]) || text[i] == '_' || (text[i] == '-' && label)) {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_container_name(const char *text)
{
    if (!isalnum((unsigned char)text[0]) || !text[1])
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
            return false;
    return true;
}

static void read_names(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    replace_text(&s->image, n, "image");
    replace_text(&s->hostname, n, "hostname");
    replace_text(&s->container_name, n, "container_name");
    s->hostname_place = cunik_stack_key_place(m, n, "hostname");
    s->container_name_place = cunik_stack_key_place(m, n, "container_name");
    /* A dollar is left where interpolation failed, and that has been said. */
    if (*s->hostname && !is_host_name(s->hostname) && !strchr(s->hostname, '$'))
        cunik_stack_mistake(m, &cunik_node_get(n, "hostname")->place, s->name, "hostname",
                            "'%s' is no host name", s->hostname);
    if (*s->container_name && !is_container_name(s->container_name))
        cunik_stack_mistake(m, &cunik_node_get(n, "container_name")->place, s->name,
                            "container_name",
                            "'%s' must be letters, digits, '_', '.' and '-', at least two, and "
                            "begin with a letter or digit",
                            s->container_name);
}

void cunik_stack_read_service(struct stack_maker *m, const struct node *n)
{
    struct stack_service *s = cunik_stack_add_service(m->stack, n->key);
    _cleanup_error_ struct error *err = NULL;

    s->place = cunik_stack_place(m, &n->key_place);
    s->command_place = cunik_stack_key_place(m, n, "command");
    s->entrypoint_place = cunik_stack_key_place(m, n, "entrypoint");
    read_names(m, n, s);
    cunik_stack_read_build(m, n, s);
    cunik_stack_read_strings(cunik_node_get(n, "profiles"), &s->profiles);
    cunik_stack_read_strings(cunik_node_get(n, "entrypoint"), &s->entrypoint);
    cunik_stack_read_strings(cunik_node_get(n, "command"), &s->command);
    cunik_stack_read_pairs(m, cunik_node_get(n, "environment"), &s->environment);
    cunik_stack_read_pairs(m, cunik_node_get(n, "labels"), &s->labels);
    read_depends(m, n, s);
    read_health(m, n, s);
    read_restart(m, n, s);
    read_restart_policy(m, n, s);
    cunik_stack_read_updates(m, n, s);
    read_resources(m, n, s);
    s->stop_grace_ns = duration_of(m, s, n, "stop_grace_period", s->stop_grace_ns);
    cunik_stack_read_resolver(m, n, s);
    cunik_stack_read_attachments(m, n, s);
    cunik_stack_read_ports(m, n, s);
    cunik_stack_read_mounts(m, n, s);
    read_unikernel(m, n, s);
    cunik_stack_advise(m, n, s);
    if (cunik_stack_check_scale(s, s->scale, &err) < 0)
        cunik_diagnostics_take(m->d, &err);
}
