/* Other people's packet filters: a verdict of ours does not overrule a drop in another table, so
 * what is to pass has to pass there as well. Docker sets the policy of FORWARD to drop, firewalld
 * ends its chains with a reject, firewalls of all kinds have a policy of drop on input or forward.
 *
 * A chain that stands in the way gets one rule of ours as its first, which accepts what carries
 * RULES_MARK (rules.h) and says whose it is in its comment, "cunik_ENGINE"; in iptables' tables it
 * is one that iptables(8) can read. Where Docker runs, that is in its chain for others' rules,
 * DOCKER-USER. No other rule is touched, and the rule goes when it is no longer needed.
 *
 * Chains of iptables-legacy, which nftables does not see, are iptables.h's.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* What is to be done so that the gates are as wanted, for cunik_rules_replace(): "" when they are.
 * open: let ours pass; else take away what this engine has put there. The caller frees the text.
 * Needs CAP_NET_ADMIN. */
int cunik_gates_text(const char *engine, bool open, char **ret, struct error **err);

/* Whether any other engine has its rules in force on this host. */
int cunik_gates_others(const char *engine, bool *ret, struct error **err);
