/* Tells when somebody changes what the engine's networks are made of: links and addresses of the
 * host, packet filters, processes. A thread of its own waits for the kernel's word; nothing
 * happens, nothing runs. What has changed is not told: the listener looks.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct watch;

/* Called from the watch's thread, once for what comes at a time and at most twice a second. */
typedef void cunik_watch_changed(void *ctx);

/* In the network namespace of the caller. Needs CAP_NET_ADMIN. */
int cunik_watch_create(cunik_watch_changed *changed, void *ctx, struct watch **ret,
                       struct error **err);
void cunik_watch_destroy(struct watch *w);

/* Has the end of a process told, once; to be called as often as one likes for the same. From any
 * thread. One that has ended already is not told: who asks has just seen it. */
void cunik_watch_process(struct watch *w, pid_t pid);
