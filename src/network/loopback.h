/* The loopback of a network namespace that is an engine's own. */
#pragma once

#include "base/error.h"
#include "base/strv.h"

/* Brings lo up with these addresses ("240.0.0.1") and takes others away; those in 127.0.0.0/8 are
 * left alone. */
int cunik_loopback_set(const struct strv *addresses, struct error **err);
