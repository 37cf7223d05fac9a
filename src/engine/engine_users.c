/* Who has what. What a stack is wanted to be has it already, for it is not on the host yet while it
 * is being made; and what a request replaces has it still, for the request may fail and go back. */
#include <string.h>

#include "engine/engine_internal.h"

static void give(const struct world *w, cunik_engine_user *user, void *ctx)
{
    for (size_t i = 0; w && i < w->n_cuniks; i++)
        user(ctx, &w->cuniks[i]);
}

void cunik_engine_users(struct engine *e, const struct world *observed, const struct slot *doing,
                        cunik_engine_user *user, void *ctx)
{
    give(observed, user, ctx);
    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *s = e->slots.entries[i].value;
        give(&s->desired, user, ctx);
        give(s->reserved, user, ctx);
        for (size_t k = 0; s != doing && s->found && k < s->found->n_cuniks; k++)
            if (strcmp(s->found->cuniks[k].stack, s->stack) == 0)
                user(ctx, &s->found->cuniks[k]);
    }
    pthread_mutex_unlock(&e->worlds);
}
