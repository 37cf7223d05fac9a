/* What a host has to have before any guest can be made, one by one; each missing thing is an error
 * that names it. They need no engine. */
#pragma once

#include "base/error.h"

extern const char cunik_host_emulator[]; /* QEMU's path */

int cunik_host_check_rights(struct error **err);
int cunik_host_check_tun(struct error **err);
