/* Waits for the QEMUs that libvirt starts and forgets.
 *
 * libvirt starts a guest through a process in between that ends at once, so QEMU becomes a child of
 * PID 1; and libvirt takes a QEMU for gone only when its zombie is. Where PID 1 is slow at that
 * (containers), every destroy waits for up to two seconds. So this process becomes the one such
 * orphans fall to (PR_SET_CHILD_SUBREAPER), and a thread reaps them as they end. That also tells
 * their exit status, which nobody else gets to know.
 *
 * libvirt waits for its own direct children itself, and so do others of us, so only what fell to us
 * is reaped: processes of another session than ours that do not lead it (made by a process in
 * between), or that are of a program known to make itself a daemon.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct reaper;

/* Called from the reaper's thread for each orphan that ended, while it still is a zombie: what
 * libvirt keeps of it (its pid file) is there until this returns. */
typedef void cunik_reaper_ended(void *ctx, pid_t pid, int code, int status); /* waitid's si_… */

/* Must be called before any other thread exists: it blocks SIGCHLD in this one and so in all. */
int cunik_reaper_create(cunik_reaper_ended *ended, void *ctx, struct reaper **ret,
                        struct error **err);
void cunik_reaper_destroy(struct reaper *r);
