/* The files between us and a dnsmasq that are about leases; see dnsmasq.h. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* What FOLDER/dhcp/CUNIK says, NULL when it is not there. The caller frees it. */
char *cunik_dnsmasq_lease_of(const char *folder, const char *cunik);
/* Whether a lease was taken with this MAC address. */
bool cunik_dnsmasq_leased(const char *folder, const char *mac);
/* Removes it; no dnsmasq may be running there. */
int cunik_dnsmasq_forget(const char *folder, const char *mac, struct error **err);
