/* /dev/net/tun, apart from link.c: <linux/if.h> and <net/if.h> do not go together. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "base/strv.h"

/* Makes a new tap that lives as long as *ret_fd is open. A link of that name is an error (-EBUSY or
 * -EINVAL, by its kind). uid and gid may open it besides root; with -1 in both anyone may. */
int cunik_tap_open(const char *name, uid_t uid, gid_t gid, int *ret_fd, struct error **err);
/* From now on it outlives its descriptor. */
int cunik_tap_keep(int fd, struct error **err);
/* Adds the names of the taps that a process has open, "" for one whose link was deleted under it. A
 * process that is gone has none. */
int cunik_tap_held(pid_t pid, struct strv *ret, struct error **err);
