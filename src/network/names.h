/* Names that are derived, not counted: the same inputs give the same name on every run, so one
 * thing's name does not depend on another's coming or going. All pure; the caller frees the text.
 */
#pragma once

#include <stdint.h>

/* A link's name: "ck" + kind + 12 hexadecimal digits, 15 characters (the kernel's most). kind is
 * 'b' for a bridge or 't' for a tap. `rest` names the thing within its stack: the network's name,
 * or "CUNIK/NETWORK" for a tap. engine keeps several engines on one host apart. */
char *cunik_network_link_name(char kind, const char *engine, const char *stack, const char *rest);

/* "52:xx:xx:xx:xx:xx": locally administered, unicast, and 40 bits of digest, for with the 24 that
 * QEMU's usual 52:54:00 leaves, a few thousand guests would share some. */
char *cunik_network_mac(const char *stack, const char *service, int64_t index, const char *network);

/* The UUID of a cunik's domain, version 8 (RFC 9562: made from a digest in a way of our own). */
char *cunik_network_uuid(const char *stack, const char *service, int64_t index);

/* The group number of a stack's links: all of them can be removed with one message. Never 0, which
 * is everybody's group; two stacks may share one by chance (see link.h). */
uint32_t cunik_network_group(const char *engine, const char *stack);
