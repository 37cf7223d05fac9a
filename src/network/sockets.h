/* Who listens on this host. */
#pragma once

#include "base/error.h"
#include "base/strv.h"

/* Listening TCP sockets and bound UDP sockets, "tcp 0.0.0.0 80", "udp fd00::1 53", in no order. One
 * at "::" may take IPv4 as well and is there as "0.0.0.0" too; those at ::1 and
 * at fe80::/10 are left out, where nothing is published. */
int cunik_sockets_list(struct strv *ret, struct error **err);
