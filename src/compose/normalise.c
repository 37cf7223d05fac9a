#include "compose/normalise.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/fields.h"

struct normaliser {
    struct tree *tree;
    const struct lookup *environment;
    const char *working_dir;
    struct diagnostics *d;
};

/* What is no mapping is a short form that was not interpolated. */
static void set_default(struct tree *t, struct node *map, const char *key, struct node *value)
{
    if (map->kind == NODE_MAP && !cunik_node_get(map, key)) {
        value->key_place = map->place;
        cunik_node_set(t, map, key, value);
    }
}

static void default_string(struct tree *t, struct node *map, const char *key, const char *value)
{
    set_default(t, map, key, cunik_node_string(t, &map->place, value));
}

static void default_bool(struct tree *t, struct node *map, const char *key, bool value)
{
    set_default(t, map, key, cunik_node_bool(t, &map->place, value));
}

static const char *string_of(const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    return n && n->kind == NODE_STRING ? n->text : NULL;
}

/* Variables without a value are taken over from the environment, and stay as they are when it has
 * none. */
static void take_over(const struct normaliser *c, struct node *pairs)
{
    if (!pairs || pairs->kind != NODE_MAP)
        return;
    for (size_t i = 0; i < pairs->n; i++) {
        struct node *n = pairs->items[i];
        const char *value = n->kind == NODE_NULL ? cunik_lookup(c->environment, n->key) : NULL;
        if (value && cunik_text_not_utf8(value, strlen(value))) {
            cunik_diagnostics_error(c->d, &n->key_place, NULL, "the value of '%s' is not UTF-8",
                                    n->key);
        } else if (value) {
            n->kind = NODE_STRING;
            n->quoted = true;
            n->text = cunik_tree_text(c->tree, value, strlen(value));
        }
    }
}

/* A label without a value has an empty one. */
static bool fill_labels(void *context _unused_, const struct field *field, struct node *n,
                        const struct field_path *path _unused_)
{
    if (field->type != FIELD_PAIRS || n->kind != NODE_MAP || strcmp(field->name, "labels") != 0)
        return true;
    for (size_t i = 0; i < n->n; i++)
        if (n->items[i]->kind == NODE_NULL) {
            n->items[i]->kind = NODE_STRING;
            n->items[i]->quoted = true;
            n->items[i]->text = "";
        }
    return true;
}

/* A dependency that another key implies. */
static void imply(const struct normaliser *c, struct node *service, const struct node *cause,
                  const char *name, size_t length, bool restart)
{
    struct node *depends = cunik_node_get(service, "depends_on");
    const char *target = cunik_tree_text(c->tree, name, length);

    if (!depends) {
        depends = cunik_node_map(c->tree, &cause->place);
        depends->key_place = cause->place;
        cunik_node_set(c->tree, service, "depends_on", depends);
    }
    if (cunik_node_get(depends, target))
        return;
    struct node *edge = cunik_node_map(c->tree, &cause->place);
    edge->key_place = cause->place;
    default_string(c->tree, edge, "condition", "service_started");
    default_bool(c->tree, edge, "required", true);
    if (restart)
        default_bool(c->tree, edge, "restart", true);
    cunik_node_set(c->tree, depends, target, edge);
}

static void imply_dependencies(const struct normaliser *c, struct node *service)
{
    static const char *const namespaces[] = {"network_mode", "ipc", "pid", "uts", "cgroup"};
    const struct node *links = cunik_node_get(service, "links");
    const struct node *from = cunik_node_get(service, "volumes_from");

    for (size_t i = 0; links && i < links->n; i++)
        imply(c, service, links->items[i], links->items[i]->text,
              strcspn(links->items[i]->text, ":"), true);
    for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
        const struct node *n = cunik_node_get(service, namespaces[i]);
        if (n && n->kind == NODE_STRING && cunik_text_starts(n->text, "service:"))
            imply(c, service, n, n->text + strlen("service:"), strlen(n->text) - strlen("service:"),
                  true);
    }
    for (size_t i = 0; from && i < from->n; i++)
        if (!cunik_text_starts(from->items[i]->text, "container:"))
            imply(c, service, from->items[i], from->items[i]->text,
                  strcspn(from->items[i]->text, ":"), false);
}

static void require_depends(const struct normaliser *c, struct node *service)
{
    struct node *depends = cunik_node_get(service, "depends_on");

    for (size_t i = 0; depends && i < depends->n; i++)
        default_bool(c->tree, depends->items[i], "required", true);
}

static void normalise_depends(const struct normaliser *c, struct node *service)
{
    struct node *depends = cunik_node_get(service, "depends_on");

    for (size_t i = 0; depends && i < depends->n; i++) {
        default_string(c->tree, depends->items[i], "condition", "service_started");
        default_bool(c->tree, depends->items[i], "required", true);
    }
}

/* Hooks before the start run in the service's image unless they name another one. */
static void normalise_hooks(const struct normaliser *c, struct node *service)
{
    const char *image = string_of(service, "image");
    const struct node *hooks = cunik_node_get(service, "pre_start");

    for (size_t i = 0; image && hooks && i < hooks->n; i++)
        default_string(c->tree, hooks->items[i], "image", image);
}

static void normalise_build(const struct normaliser *c, struct node *service)
{
    struct node *build = cunik_node_get(service, "build");

    if (!build)
        return;
    default_string(c->tree, build, "context", c->working_dir);
    if (!cunik_node_get(build, "dockerfile_inline"))
        default_string(c->tree, build, "dockerfile", "Dockerfile");
    take_over(c, cunik_node_get(build, "args"));
}

void cunik_normalise_included(struct tree *t, struct node *root, const char *folder,
                              const struct lookup *environment, struct diagnostics *d)
{
    struct normaliser c = {t, environment, folder, d};
    const struct node *services = cunik_node_get(root, "services");

    for (size_t i = 0; services && i < services->n; i++) {
        take_over(&c, cunik_node_get(services->items[i], "environment"));
        normalise_build(&c, services->items[i]);
    }
}

/* What a variable that is not set leaves behind. */
static void drop_blank(struct node *list)
{
    size_t kept = 0;

    for (size_t i = 0; list && i < list->n; i++)
        if (!list->items[i]->text || *list->items[i]->text)
            list->items[kept++] = list->items[i];
    if (list)
        list->n = kept;
}

static void normalise_lists(const struct normaliser *c, struct node *service)
{
    struct node *ports = cunik_node_get(service, "ports");
    struct node *volumes = cunik_node_get(service, "volumes");
    struct node *secrets = cunik_node_get(service, "secrets");
    struct node *env_files = cunik_node_get(service, "env_file");

    drop_blank(cunik_node_get(service, "dns"));
    for (size_t i = 0; ports && i < ports->n; i++) {
        default_string(c->tree, ports->items[i], "protocol", "tcp");
        default_string(c->tree, ports->items[i], "mode", "ingress");
    }
    for (size_t i = 0; volumes && i < volumes->n; i++) {
        struct node *target = cunik_node_get(volumes->items[i], "target");
        struct node *bind = cunik_node_get(volumes->items[i], "bind");
        if (target && target->text[0] == '/') {
            _cleanup_free_ char *path = cunik_path_join("/", target->text);
            target->text = cunik_tree_text(c->tree, path, strlen(path));
        }
        if (bind)
            default_bool(c->tree, bind, "create_host_path", true);
    }
    for (size_t i = 0; secrets && i < secrets->n; i++) {
        const char *source = string_of(secrets->items[i], "source");
        _cleanup_free_ char *path = cunik_asprintf("/run/secrets/%s", source ? source : "");
        default_string(c->tree, secrets->items[i], "target", path);
    }
    for (size_t i = 0; env_files && i < env_files->n; i++)
        default_bool(c->tree, env_files->items[i], "required", true);
}

/* Says whether the service uses the default network. */
static bool normalise_networks(const struct normaliser *c, struct node *service)
{
    struct node *networks = cunik_node_get(service, "networks");

    if (cunik_node_get(service, "network_mode") || cunik_node_get(service, "provider"))
        return false;
    if (!networks || !networks->n) {
        networks = cunik_node_map(c->tree, &service->place);
        networks->key_place = service->key_place;
        set_default(c->tree, networks, "default", cunik_node_null(c->tree, &service->place));
        cunik_node_set(c->tree, service, "networks", networks);
    }
    return cunik_node_get(networks, "default") != NULL;
}

static void normalise_service(const struct normaliser *c, struct node *service)
{
    const char *pull_policy = string_of(service, "pull_policy");

    if (pull_policy && strcmp(pull_policy, "if_not_present") == 0)
        cunik_node_get(service, "pull_policy")->text = "missing";
    normalise_depends(c, service);
    imply_dependencies(c, service);
    normalise_hooks(c, service);
    normalise_build(c, service);
}

/* Those without a name of their own are called after the stack, external ones by their key. */
static void name_resources(const struct normaliser *c, struct node *root, const char *kind,
                           const char *stack)
{
    struct node *resources = cunik_node_get(root, kind);

    for (size_t i = 0; resources && i < resources->n; i++) {
        struct node *resource = resources->items[i];
        if (resource->kind == NODE_NULL) {
            struct node *map = cunik_node_map(c->tree, &resource->place);
            map->key_place = resource->key_place;
            cunik_node_set(c->tree, resources, resource->key, map);
            resource = map;
        }
        _cleanup_free_ char *name = cunik_node_is_true(resource, "external")
                                        ? cunik_strdup(resource->key)
                                        : cunik_asprintf("%s_%s", stack, resource->key);
        default_string(c->tree, resource, "name", name);
    }
}

/* An external network or volume has nothing to be set but its name. */
static void check_external(const struct normaliser *c, const struct node *root, const char *kind)
{
    const struct node *resources = cunik_node_get(root, kind);

    for (size_t i = 0; resources && i < resources->n; i++) {
        const struct node *resource = resources->items[i];
        if (!cunik_node_is_true(resource, "external"))
            continue;
        for (size_t k = 0; k < resource->n; k++) {
            const struct node *n = resource->items[k];
            if (strcmp(n->key, "name") == 0 || strcmp(n->key, "external") == 0 ||
                cunik_text_starts(n->key, "x-"))
                continue;
            _cleanup_free_ char *where = cunik_asprintf("%s.%s", kind, resource->key);
            cunik_diagnostics_error(c->d, &n->key_place, where,
                                    "conflicting parameters \"external\" and \"%s\" specified",
                                    n->key);
        }
    }
}

/* All devices, when nothing says which. */
static void count_devices(void *context, const struct fields *table, struct node *map,
                          const struct field_path *path _unused_)
{
    const struct node *ids = cunik_node_get(map, "device_ids");

    if ((table == &cunik_fields_device_request || table == &cunik_fields_gpu) && (!ids || !ids->n))
        default_string(context, map, "count", "all");
}

void cunik_normalise_little(struct tree *t, struct node *root, const char *name,
                            const char *working_dir, const struct lookup *environment,
                            struct diagnostics *d)
{
    struct normaliser c = {t, environment, working_dir, d};
    const struct node *services = cunik_node_get(root, "services");
    struct node *stack = cunik_node_string(t, NULL, name);
    const struct node *old = cunik_node_get(root, "name");

    cunik_node_remove(root, "version");
    cunik_fields_walk(
        &cunik_fields, root, NULL,
        &(struct field_visitor){.object = count_devices, .value = fill_labels, .context = t});
    for (size_t i = 0; services && i < services->n; i++) {
        struct node *build = cunik_node_get(services->items[i], "build");
        if (build)
            default_string(t, build, "context", working_dir);
        require_depends(&c, services->items[i]);
        normalise_lists(&c, services->items[i]);
        take_over(&c, cunik_node_get(services->items[i], "environment"));
    }
    check_external(&c, root, "networks");
    check_external(&c, root, "volumes");
    if (old) {
        stack->place = old->place;
        stack->key_place = old->key_place;
        stack->template = old->template ? old->template : old->text; /* what it mentions counts */
    }
    cunik_node_set(t, root, "name", stack);
}

void cunik_normalise(struct tree *t, struct node *root, const char *name, const char *working_dir,
                     const struct lookup *environment, struct diagnostics *d)
{
    static const char *const kinds[] = {"networks", "volumes", "configs", "secrets"};
    struct normaliser c = {t, environment, working_dir, d};
    struct node *services = cunik_node_get(root, "services");
    struct node *networks = cunik_node_get(root, "networks");
    bool uses_default = false;

    cunik_normalise_little(t, root, name, working_dir, environment, d);
    for (size_t i = 0; services && i < services->n; i++) {
        normalise_service(&c, services->items[i]);
        uses_default |= normalise_networks(&c, services->items[i]);
    }
    if (networks && networks->kind == NODE_NULL) {
        cunik_node_remove(root, "networks");
        networks = NULL;
    }
    if (uses_default && !networks) {
        networks = cunik_node_map(t, &services->place);
        cunik_node_set(t, root, "networks", networks);
    }
    if (uses_default)
        set_default(t, networks, "default", cunik_node_map(t, &services->place));
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        name_resources(&c, root, kinds[i], name);
}
