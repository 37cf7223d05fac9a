/* A plan that is kept to be carried out later: what it says, line by line, and what has become
 * other since. Pure. */
#pragma once

#include "engine/plan.h"

/* The line of each step with its reasons, as cunik_plan_text() has it. Reasons name what differs
 * between the worlds, so two plans of the same lines do the same to the same. */
void cunik_plan_lines(const struct plan *p, struct strv *ret);

/* What differs between the lines of a plan that was kept and those of one that was made now: "no
 * longer: LINE", "now: LINE", in the order of the plans; nothing when they are the same. */
void cunik_plan_changes(const struct strv *kept, const struct strv *now, struct strv *ret);
