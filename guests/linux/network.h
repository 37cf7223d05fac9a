#pragma once

#include "settings.h"

/* Brings up lo and the interfaces of SETTINGS, with addresses, MTU and default routes, and writes
 * /etc/hostname, /etc/hosts and /etc/resolv.conf. An interface that does not exist or cannot be set
 * turns the machine off. */
void network_configure(const struct settings *settings);
