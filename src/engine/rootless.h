/* An engine of a user without rights. It makes its links, rules and guests in a user and a network
 * namespace of its own, in which it is root, and has a process outside for the way to the world
 * (outside.h). A later engine of the same root finds the namespaces and goes on in them.
 *
 * The user namespace knows one user: "root" there is the user outside, and everyone else is nobody.
 * Groups stay as they are and cannot be changed (cunik_process_keeps_groups()).
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"
#include "engine/outside.h"

/* Whether this process lacks the right to make links where it is. */
bool cunik_rootless_needed(void);

/* New namespaces: root in them, nothing set up. No other thread may exist. *ret_refused: the host
 * does not let users make any, and nothing has changed. */
int cunik_rootless_unshare(bool *ret_refused, struct error **err);

/* Enters the namespaces of an earlier engine of this root, or new ones, in a mount namespace of its
 * own. The caller holds the engine's lock, and no other thread exists. *ret is for
 * cunik_outside_leave(). It is NULL where the host does not let users make namespaces, with *err
 * set to that: then the engine serves what needs no links. */
int cunik_rootless_enter(const char *root, struct outside **ret, struct error **err);

/* rootless_mounts.c: what libvirt wants below /run is there, in this mount namespace alone. */
int cunik_rootless_mounts(struct error **err);

/* rootless_find.c: namespaces that guests or name servers of a root still live in, when the process
 * outside has been killed. False when there are none. */
bool cunik_rootless_find(const char *root, struct namespaces *ret);
