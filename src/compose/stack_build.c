/* Where a service's image comes from. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"

void cunik_stack_read_build(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *build = cunik_node_get(n, "build");
    const char *file = cunik_stack_text(build, "dockerfile");
    const char *policy = cunik_stack_text(n, "pull_policy");

    if (build) {
        cunik_replace(&s->build, cunik_stack_text(build, "context"));
        /* Nothing here can read a Dockerfile, whose name is what the language fills in. */
        bool named = *file && strcmp(file, "Dockerfile") != 0;
        cunik_replace(&s->cunikfile, named ? file : "Cunikfile");
        if (!*s->image) {
            free(s->image);
            s->image = cunik_asprintf("%s-%s", m->stack->name, s->name);
        }
    }
    if (!*policy || strcmp(policy, "if_not_present") == 0)
        policy = "missing";
    if (strcmp(policy, "daily") == 0 || strcmp(policy, "weekly") == 0 ||
        cunik_text_starts(policy, "every_")) {
        _cleanup_free_ char *path = cunik_asprintf("services.%s.pull_policy", s->name);
        cunik_diagnostics_unsupported(
            m->d, &cunik_node_get(n, "pull_policy")->place, path,
            "'%s' means missing here: nobody remembers when it was fetched", policy);
        policy = "missing";
    }
    cunik_replace(&s->pull_policy, policy);
}
