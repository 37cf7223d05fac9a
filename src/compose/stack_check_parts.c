/* What the parts of one service forbid each other, as Docker Compose's check of consistency has it,
 * also where the part is not carried out. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"

static bool has_text(const struct node *list, const char *text)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (cunik_text_equal(list->items[i]->text, text))
            return true;
    return false;
}

/* `additional_contexts: {NAME: "service:OTHER"}`: the other one must have a build. */
static void check_contexts(struct stack_maker *m, const struct node *service,
                           const struct node *build)
{
    static const char prefix[] = "service:";
    const struct node *contexts = cunik_node_get(build, "additional_contexts");
    const struct node *services = cunik_node_get(m->root, "services");

    for (size_t i = 0; contexts && i < contexts->n; i++) {
        const struct node *n = contexts->items[i];
        if (n->kind != NODE_STRING || !cunik_text_starts(n->text, prefix))
            continue;
        const char *name = n->text + strlen(prefix);
        const struct node *other = cunik_node_get(services, name);
        if (other && cunik_node_get(other, "build"))
            continue;
        cunik_stack_mistake(m, &n->place, service->key, "build.additional_contexts",
                            "service \"%s\" declares %s service \"%s\" as additional contexts %s",
                            service->key, other ? "non-buildable" : "unknown", name, n->key);
    }
}

static void check_build(struct stack_maker *m, const struct node *service)
{
    const struct node *build = cunik_node_get(service, "build");
    const struct node *in_line = cunik_node_get(build, "dockerfile_inline");
    const struct node *platforms = cunik_node_get(build, "platforms");
    const struct node *platform = cunik_node_get(service, "platform");
    const struct node *secrets = cunik_node_get(build, "secrets");

    if (in_line && cunik_node_get(build, "dockerfile"))
        cunik_stack_mistake(m, &in_line->key_place, service->key, "build",
                            "service \"%s\" declares mutually exclusive dockerfile and "
                            "dockerfile_inline",
                            service->key);
    if (platform && platforms && platforms->n && !has_text(platforms, platform->text))
        cunik_stack_mistake(m, &platform->place, service->key, "platform",
                            "build.platforms must include platform \"%s\"", platform->text);
    for (size_t i = 0; secrets && i < secrets->n; i++) {
        const char *source = cunik_stack_text(secrets->items[i], "source");
        if (*source && !cunik_node_get(cunik_node_get(m->root, "secrets"), source))
            cunik_stack_mistake(m, &secrets->items[i]->place, service->key, "build.secrets",
                                "service \"%s\" refers to undefined build secret %s", service->key,
                                source);
    }
    check_contexts(m, service, build);
}

static void check_models(struct stack_maker *m, const struct node *service)
{
    const struct node *models = cunik_node_get(service, "models");

    for (size_t i = 0; models && i < models->n; i++)
        if (!cunik_node_get(cunik_node_get(m->root, "models"), models->items[i]->key))
            cunik_stack_mistake(m, &models->items[i]->key_place, service->key, "models",
                                "service \"%s\" refers to undefined model %s", service->key,
                                models->items[i]->key);
}

/* Two ways to say one number. */
static void check_same(struct stack_maker *m, const struct node *service, const char *key,
                       const char *part, const char *name)
{
    const struct node *resources = cunik_node_get(cunik_node_get(service, "deploy"), "resources");
    const struct node *own = cunik_node_get(service, key);
    const struct node *other = cunik_node_get(cunik_node_get(resources, part), name);

    if (own && other && own->number != 0 && own->number != other->number)
        cunik_stack_mistake(m, &other->place, service->key, NULL,
                            "can't set distinct values on '%s' and 'deploy.resources.%s.%s'", key,
                            part, name);
}

/* Where a service mounts something: its tmpfs, then its volumes. */
static void check_targets(struct stack_maker *m, const struct node *service)
{
    const struct node *tmpfs = cunik_node_get(service, "tmpfs"),
                      *volumes = cunik_node_get(service, "volumes");
    _cleanup_map_ struct map seen = {0};

    for (size_t i = 0; tmpfs && i < tmpfs->n; i++) {
        const struct node *n = tmpfs->items[i];
        _cleanup_free_ char *target = cunik_strndup(n->text, strcspn(n->text, ":"));
        if (!cunik_map_add(&seen, target, NULL))
            cunik_stack_mistake(m, &n->place, service->key, "tmpfs", "target %s is mounted twice",
                                target);
    }
    for (size_t i = 0; seen.n && volumes && i < volumes->n; i++) {
        const char *target = cunik_stack_text(volumes->items[i], "target");
        if (cunik_map_has(&seen, target))
            cunik_stack_mistake(m, &volumes->items[i]->place, service->key, "volumes",
                                "target %s is already mounted as tmpfs", target);
    }
}

void cunik_stack_check_parts(struct stack_maker *m, const struct node *service)
{
    if (cunik_node_get(service, "build"))
        check_build(m, service);
    check_models(m, service);
    check_same(m, service, "mem_reservation", "reservations", "memory");
    check_same(m, service, "pids_limit", "limits", "pids");
    check_targets(m, service);
}
