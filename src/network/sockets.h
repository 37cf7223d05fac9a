/* Who listens on this host. */
#pragma once

#include "base/error.h"
#include "base/strv.h"

/* Listening TCP sockets and bound UDP sockets, "tcp 0.0.0.0 80", one for each, in no order. A
 * socket of IPv6 that takes IPv4 as well ("::") counts as "0.0.0.0"; others of IPv6 are left out,
 * as published ports are of IPv4. */
int cunik_sockets_list(struct strv *ret, struct error **err);
