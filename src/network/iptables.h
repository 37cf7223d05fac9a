/* What others have said with iptables(8): ports that they lead elsewhere before any socket is asked
 * (as engines of containers do that have no proxy for each port), and filters of its older kind,
 * "legacy", which nftables does not see (those of the newer kind are gates.h's).
 *
 * Read from iptables' own programs, which are run only where the kernel has such tables. Nothing
 * tells of a change of legacy tables: it is seen when somebody looks.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"

/* Adds "tcp 0.0.0.0 8080 chain 'DOCKER' of iptables" for each port, or range "8080-8090", that is
 * led to another address, as nat.h does. */
int cunik_iptables_ports(struct strv *ret, struct error **err);
/* Opens legacy filters, or takes away what this engine has put there. With only_look nothing is
 * done. *ret, when not NULL: whether there was anything to do. Needs CAP_NET_ADMIN. */
int cunik_iptables_gates(const char *engine, bool open, bool only_look, bool *ret,
                         struct error **err);
