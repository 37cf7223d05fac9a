/* Any text in a short syntax, the first byte says in which: it becomes a long form or a mistake,
 * and a long form is its own long form. */
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "compose/emit.h"
#include "compose/long_form.h"
#include "compose/short_forms.h"
#include "compose/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS_MAX = 256 }; /* more of them only take time */

/* Keys of a service that take one, 'a' the first. */
static const struct {
    const char *key;
    bool list; /* it stands in a list */
} syntaxes[] = {
    {"ports", true},        {"volumes", true},
    {"devices", true},      {"command", false},
    {"entrypoint", false},  {"extra_hosts", true},
    {"environment", true},  {"labels", true},
    {"env_file", false},    {"env_file", true},
    {"depends_on", true},   {"networks", true},
    {"configs", true},      {"secrets", true},
    {"build", false},       {"extends", false},
    {"gpus", false},        {"dns", false},
    {"mem_limit", false},   {"stop_grace_period", false},
    {"cpus", false},        {"scale", false},
    {"privileged", false},  {"sysctls", true},
    {"pull_policy", false}, {"restart", false},
    {"tmpfs", false},       {"links", true},
};

static struct node *stack_with(struct tree *t, size_t syntax, const char *text)
{
    struct node *root = cunik_node_map(t, NULL), *services = cunik_node_map(t, NULL);
    struct node *service = cunik_node_map(t, NULL), *list = cunik_node_list(t, NULL);
    struct node *value = cunik_node_string(t, NULL, text);

    cunik_node_append(t, list, value);
    cunik_node_set(t, service, syntaxes[syntax].key, syntaxes[syntax].list ? list : value);
    cunik_node_set(t, services, "s", service);
    cunik_node_set(t, root, "services", services);
    return root;
}

static size_t lengthen(struct tree *t, struct node *root)
{
    _cleanup_diagnostics_ struct diagnostics d = {0};

    cunik_validate(t, root, &d);
    cunik_long_form(t, root, &d);
    return d.n_errors;
}

/* Gives how many they are. */
static size_t check_ports(struct tree *t, const char *text)
{
    struct node *list = cunik_node_list(t, NULL);
    _cleanup_error_ struct error *err = NULL;
    int r = cunik_short_port(t, NULL, text, list, &err);

    if (r < 0 ? !err || list->n : err || !list->n)
        abort();
    for (size_t i = 0; i < list->n; i++) {
        const struct node *target = cunik_node_get(list->items[i], "target");
        if (!target || target->integer < 0 || target->integer > 65535)
            abort();
    }
    return list->n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    size_t syntax = size ? (size_t)(data[0] - 'a') : 0;

    if (!size || data[0] < 'a' || syntax >= ARRAY_SIZE(syntaxes))
        return 0;
    _cleanup_free_ char *text = cunik_strndup((const char *)data + 1, size - 1);
    if (syntax == 0 && check_ports(t, text) > PORTS_MAX)
        return 0;
    struct node *root = stack_with(t, syntax, text);
    if (lengthen(t, root))
        return 0;
    struct node *before = cunik_node_copy(t, root);
    if (lengthen(t, root) || !cunik_node_equal(before, root))
        abort();
    return 0;
}
