/* Where an engine keeps its things: one state folder (ROOT) and one socket.
 *
 *     CUNIK_ROOT=DIR   DIR, DIR/cunikd.sock          (all in one place)
 *     root             /var/lib/cunik, /run/cunik/cunikd.sock
 *     other users      the same, when they may use the host's engine: its socket is theirs to write
 *                      to (group "cunik"); else an engine of their own (rootless.h):
 *                      $XDG_DATA_HOME/cunik, or ~/.local/share/cunik, all in one place
 *
 *     ROOT/cunikd.log        what the engine logs when a command has started it
 *     ROOT/events.log        what happened, see event_log.h
 *     ROOT/cunikd.pid        its process, while it runs
 *     ROOT/lock              held by the engine for as long as it lives
 *     ROOT/lock.start        held while one starts or ends, see engine_lock.h
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* The longest path of a UNIX socket, without its NUL (unix(7)). */
enum { SOCKET_PATH_MAX = 107 };

/* What it depends on; texts may be NULL or "". */
struct paths_facts {
    const char *root; /* CUNIK_ROOT */
    const char *here; /* where that is relative to */
    bool is_root;
    bool host_engine; /* there is one of the host's that we may use */
    const char *data_home, *home;
};
/* The state folder; pure. The caller frees it. */
char *cunik_paths_choose(const struct paths_facts *f);

/* From the environment; the caller frees them. */
char *cunik_paths_state(void);
char *cunik_paths_socket(void);
/* The folder of what need not survive, for a state folder: /run/cunik for the default one, the
 * state folder itself otherwise. The caller frees it. */
char *cunik_paths_run(const char *state);
/* ERROR_INVALID for a path that is too long for a socket. */
int cunik_paths_check_socket(const char *path, struct error **err);
