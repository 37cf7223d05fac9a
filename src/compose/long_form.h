/* Long forms: every short way of writing becomes the long one, for one document before merging.
 *
 * `environment` and its like become mappings of strings, `command` a list of words, `ports` and
 * `volumes` lists of mappings, `depends_on` and `networks` mappings, `build: DIR` a mapping,
 * `x-unikernel` is `unikernel`. Defaults are not filled in (an earlier file may say more): that is
 * normalise.h. Works on a validated tree, in place; places stay.
 */
#pragma once

#include "compose/diagnostics.h"
#include "compose/tree.h"

void cunik_long_form(struct tree *t, struct node *root, struct diagnostics *d);

/* Makes relative paths absolute, in long forms: those of the specification start at project_dir,
 * those of `unikernel` at file_dir; an empty folder leaves them relative. "~" is home (NULL =
 * stays). URLs are no paths. */
void cunik_long_form_paths(struct tree *t, struct node *root, const char *project_dir,
                           const char *file_dir, const char *home);

/* The same for the files that `extends` and `include` name, and nothing else. */
void cunik_long_form_files(struct tree *t, struct node *root, const char *project_dir,
                           const char *home);
