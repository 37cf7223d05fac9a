/* Switches under /proc/sys. */
#pragma once

#include "base/error.h"

/* The number that the switch at `path` below /proc/sys stands at. */
int cunik_sysctl_get(const char *path, int *ret, struct error **err);
/* Writes a number to the switch at `path` below /proc/sys ("net/ipv4/conf/ckb1/forwarding") unless
 * it is there already. */
int cunik_sysctl_set(const char *path, int value, struct error **err);
