/* slirp4netns: the way of a network namespace that a user without rights has made to the world, and
 * of published ports into it. It runs beside the namespace, has a tap in it, and speaks for what
 * comes out of that as the ordinary user that it is.
 *
 * A published port is a forward, "tcp 127.0.0.1 8080", in the form of sockets.h: who asks the host
 * there comes in by the tap at the same port of the tap's own address ("0.0.0.0"), or else of a
 * double of the host's address, which is one of the namespace's; the engine's rules take it on from
 * there. It cannot be the host's address itself: the host's own clients come with it as theirs, and
 * the answers would not leave the namespace.
 *
 * Requests are JSON over its socket (slirp4netns(1), "API SOCKET"): one for each connection.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"
#include "network/address.h"

#define SLIRP_LINK "slirp0"

/* A subnet for the tap that overlaps none of the given ones ("10.0.0.0/8"); the first of a few when
 * all do. Pure. */
struct cidr cunik_slirp_subnet(const struct strv *routes);
/* In a subnet: the tap's own address, and where it answers as name server for what the host asks.
 */
uint32_t cunik_slirp_own(const struct cidr *subnet);
uint32_t cunik_slirp_dns(const struct cidr *subnet);

/* An address of the host's as it stands in the namespace: in 240.0.0.0/4, which nobody uses. Two of
 * one host's that differ in their first four bits alone would be one. Pure. */
uint32_t cunik_slirp_double(uint32_t address);

/* Rules for cunik_rules_replace(). Guests get from the host, whose addresses are given, what is
 * published and nothing else, as from a host that they are on; so too from the address in the
 * subnet that is the host's 127.0.0.1. Datagrams of the host's own that come with that as their
 * sender get the other one, or the kernel would not have them. Pure; the caller frees the text. */
char *cunik_slirp_guard(const struct strv *addresses, const struct strv *forwards,
                        const struct cidr *subnet);

/* Its command line; descriptors by number. It says "1" at `ready` and ends when `leave` is closed
 * at the other end. Pure. */
struct slirp_settings {
    const char *program, *api;
    struct cidr subnet;
    int ready, leave, netns;
};
void cunik_slirp_arguments(const struct slirp_settings *s, struct strv *ret);

/* What is to be asked so that the forwards are as wanted: a list of request objects, removals
 * first. `listed` is the answer to "list_hostfwd". Pure. */
int cunik_slirp_changes(const json_t *listed, const struct strv *wanted, const struct cidr *subnet,
                        json_t **ret, struct error **err);
/* Makes them so. What the host refuses is an error naming the port; the others are made. ret_made
 * gets those that are in force. */
int cunik_slirp_forward(const char *api, const struct strv *wanted, const struct cidr *subnet,
                        struct strv *ret_made, struct error **err);

int cunik_slirp_find(char **ret, struct error **err);
