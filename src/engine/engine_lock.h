/* One engine for each root: two locks on files of its folder. They are record locks (fcntl(2)),
 * which belong to a process: what libvirt forks, and may outlive an engine that is killed, has
 * none.
 *
 * ROOT/lock belongs to the engine from its start to its end. ROOT/lock.start is held while an
 * engine starts, until it listens, and while one ends, from its last look for work to the end of
 * its process. So who gets lock.start and finds lock taken knows that the other engine answers now:
 * two commands that start an engine at once both end up at the same one, and none waits by the
 * clock.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct engine_lock {
    int start, engine; /* -1 = not held */
};

/* Waits for an engine that is starting or ending. *ret_running: another engine runs, and nothing is
 * held. Otherwise both locks are, until the process ends; cunik_engine_lock_started() lets go of
 * the first. */
int cunik_engine_lock_take(const char *root, struct engine_lock *ret, bool *ret_running,
                           struct error **err);
void cunik_engine_lock_started(struct engine_lock *l);
/* Takes lock.start again, before the socket is given up; who holds it lets go in a moment. */
void cunik_engine_lock_ending(struct engine_lock *l, const char *root);
