/* One step's work, apart from when it is done (apply_steps.c). */
#pragma once

#include "engine/apply.h"

/* What the steps look things up by. */
struct apply_things {
    const struct apply_settings *s;
    struct map desired_cuniks, actual_cuniks, desired_networks, actual_networks;
};

void cunik_apply_things_init(struct apply_things *t, const struct apply_settings *s);
void cunik_apply_things_done(struct apply_things *t);

/* Does a step; the error says what was being done to what. */
int cunik_apply_step(const struct apply_things *t, const struct plan_step *step,
                     struct error **err);
/* Takes all links of the stack away, with its names. */
int cunik_apply_remove_links(const struct apply_things *t, struct error **err);
