/* What the ways to a plan share: engine_prepare.c, engine_prepare_up.c, engine_prepare_repair.c. */
#pragma once

#include <string.h>

#include "engine/engine_internal.h"

static inline bool cunik_prepare_is_of(const char *stack, const struct slot *s)
{
    return strcmp(stack, s->stack) == 0;
}

/* Copies into the world. */
void cunik_prepare_add_cunik(struct world *w, const struct world_cunik *c, enum cunik_state state);
void cunik_prepare_add_network(struct world *w, const struct world_network *n);
/* What the stack is wanted to be, as far as is known: its last wish, or what is there. */
void cunik_prepare_last_wish(const struct slot *s, const struct world *observed, struct world *ret);

/* engine_prepare_up.c: p->desired and p->stored of an `up`. */
int cunik_prepare_up(struct engine *e, struct slot *s, const struct request *r, bool reserve,
                     struct prepared *p, struct error **err);
