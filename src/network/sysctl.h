/* Switches under /proc/sys. */
#pragma once

#include "base/error.h"

/* Writes a number to the switch at `path` below /proc/sys ("net/ipv4/conf/ckb1/forwarding") unless
 * it is there already. 1 when that was a change, else 0. */
int cunik_sysctl_set(const char *path, int value, struct error **err);
