/* Normalising: what the merged long form leaves unsaid is filled in.
 *
 * Conditions of dependencies, protocols of ports, variables without a value (taken from the
 * environment), the default network where a service names none, names of networks and volumes. The
 * result is the canonical tree: loading its text again gives an equal one.
 */
#pragma once

#include "compose/diagnostics.h"
#include "compose/tree.h"
#include "compose/variables.h"

/* Variables of services that have no value get that of the environment, where it has one. */
void cunik_normalise_environment(struct tree *t, struct node *root,
                                 const struct lookup *environment);

/* name and working_dir are the stack's; environment is what interpolation saw. */
void cunik_normalise(struct tree *t, struct node *root, const char *name, const char *working_dir,
                     const struct lookup *environment, struct diagnostics *d);
