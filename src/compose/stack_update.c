/* A service's deploy.update_config and deploy.rollback_config. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"

/* One of the two. */
struct section {
    struct stack_maker *m;
    const struct stack_service *s;
    const char *name;
    const struct node *n;
};

static void mistake(const struct section *x, const char *key, const char *message)
{
    _cleanup_free_ char *path = cunik_asprintf("deploy.%s.%s", x->name, key);

    cunik_stack_mistake(x->m, &cunik_node_get(x->n, key)->place, x->s->name, path, "%s", message);
}

static int64_t duration_of(const struct section *x, const char *key)
{
    int64_t ns = 0;

    if (cunik_text_to_duration(cunik_stack_text(x->n, key), &ns) < 0 || ns >= 0)
        return ns;
    mistake(x, key, "must not be negative");
    return 0;
}

static int64_t parallelism_of(const struct section *x)
{
    const struct node *n = cunik_node_get(x->n, "parallelism");

    if (!n || n->kind != NODE_INT)
        return 1;
    if (n->integer < 0 || n->integer > UPDATE_ALL)
        mistake(x, "parallelism", "must be 0 (all at once) to 1000000");
    return n->integer > 0 && n->integer < UPDATE_ALL ? n->integer : UPDATE_ALL;
}

static double ratio_of(const struct section *x)
{
    const struct node *n = cunik_node_get(x->n, "max_failure_ratio");

    if (!n || (n->kind != NODE_INT && n->kind != NODE_FLOAT))
        return 0;
    if (!(n->number >= 0 && n->number <= 1))
        mistake(x, "max_failure_ratio", "must be 0 to 1");
    return n->number;
}

static enum update_failure action_of(const struct section *x)
{
    const char *text = cunik_stack_text(x->n, "failure_action");
    bool back = strcmp(x->name, "rollback_config") == 0;
    enum update_failure action = UPDATE_PAUSE;

    if (*text &&
        (cunik_update_failure_parse(text, &action) < 0 || (back && action == UPDATE_ROLLBACK)))
        mistake(x, "failure_action",
                back ? "must be pause or continue" : "must be pause, continue or rollback");
    return action;
}

static struct world_update read_section(const struct section *x)
{
    if (strcmp(cunik_stack_text(x->n, "order"), "start-first") == 0) {
        _cleanup_free_ char *path =
            cunik_asprintf("services.%s.deploy.%s.order", x->s->name, x->name);
        cunik_diagnostics_unsupported(
            x->m->d, &cunik_node_get(x->n, "order")->place, path,
            "'start-first' means stop-first here: a copy keeps its address");
    }
    return (struct world_update){.parallelism = parallelism_of(x),
                                 .delay_ns = duration_of(x, "delay"),
                                 .monitor_ns = duration_of(x, "monitor"),
                                 .action = action_of(x),
                                 .max_failure_ratio = ratio_of(x)};
}

void cunik_stack_read_updates(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *deploy = cunik_node_get(n, "deploy");
    const struct section update = {m, s, "update_config", cunik_node_get(deploy, "update_config")};
    const struct section rollback = {m, s, "rollback_config",
                                     cunik_node_get(deploy, "rollback_config")};

    if (update.n)
        s->update = read_section(&update);
    /* Without one of its own a service goes back one copy after another. */
    if (rollback.n)
        s->rollback = read_section(&rollback);
    else if (s->update.parallelism)
        s->rollback = (struct world_update){.parallelism = 1};
}
