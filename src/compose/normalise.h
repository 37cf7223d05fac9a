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

/* What an included file's services take from its own variables (those without a value) and its own
 * folder (the context of a build that names none). */
void cunik_normalise_included(struct tree *t, struct node *root, const char *folder,
                              const struct lookup *environment, struct diagnostics *d);

/* Only what belongs to the long form: defaults within dependencies, builds, ports, volumes, secrets
 * and devices, variables without a value, the stack's name; and the checks that go with them. */
void cunik_normalise_little(struct tree *t, struct node *root, const char *name,
                            const char *working_dir, const struct lookup *environment,
                            struct diagnostics *d);

/* name and working_dir are the stack's; environment is what interpolation saw. */
void cunik_normalise(struct tree *t, struct node *root, const char *name, const char *working_dir,
                     const struct lookup *environment, struct diagnostics *d);
