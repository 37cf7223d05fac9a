/* The canonical output: the stack as `config` prints it, as Docker Compose does.
 *
 * `name` first, then services, networks and the rest, in JSON by name; services by name, and keys
 * within as Docker Compose has them (see notation.h), or by name too when nothing was interpolated;
 * disabled services and networks that nothing uses are left out; `env_file` has become
 * `environment`. Loading the text again gives the same stack.
 */
#pragma once

#include "base/strv.h"
#include "compose/load.h"

/* The caller frees the text; it ends in a line feed. */
char *cunik_canonical_yaml(const struct loaded *l);
char *cunik_canonical_json(const struct loaded *l);
/* The tree behind both, in l's arena. */
struct node *cunik_canonical(const struct loaded *l);

/* For --services, --images, --networks, --volumes, --profiles: sorted names, appended. */
void cunik_canonical_services(const struct loaded *l, struct strv *ret);
void cunik_canonical_images(const struct loaded *l, struct strv *ret);
void cunik_canonical_networks(const struct loaded *l, struct strv *ret);
void cunik_canonical_volumes(const struct loaded *l, struct strv *ret);
void cunik_canonical_profiles(const struct loaded *l, struct strv *ret);
