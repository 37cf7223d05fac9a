#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* What the host tells this guest, read from the kernel's command line in Cunik's linux dialect.
 *
 * The line is tokens separated by blanks, each KEY=VALUE. A byte of a value that could be taken for
 * something else (blank, quote, '%', ':' inside a field, anything that is not ASCII) stands as %XX
 * (RFC 3986); fields are taken apart first and decoded then. Of ip= nothing is decoded.
 *
 *   ip=ADDR:SERVER:GW:MASK:HOST:DEV:off:DNS0:DNS1
 *          one interface, repeatable; the fields of the kernel's nfsroot.rst (under
 *          Documentation/admin-guide/nfs). MASK is dotted or a prefix length, DEV is eth0 if empty,
 *          SERVER is ignored; fields may be left off at the end
 *   mtu=DEV:N
 *          of an interface that has an ip=
 *   ip6=DEV,ADDR/LENGTH
 *          one IPv6 address of an interface that has an ip=
 *   gw6=DEV,ADDR
 *          the IPv6 gateway of an interface that has an ip=
 *   ifname=DEV:NAME
 *          another name for an interface that has an ip=; the other keys go on naming it DEV
 *   hostname=NAME
 *   arg=VALUE
 *          the program and its arguments, in order, repeatable
 *   env=NAME=VALUE
 *          repeatable
 *   mount=DEV:PATH:FSTYPE:ro|rw[:OPTIONS]
 *          repeatable; what is deeper in the tree is mounted later, so that nothing is covered,
 * else in order. OPTIONS are those of the filesystem, separated by commas
 *
 * Other tokens are the kernel's own and are passed over. A token of ours that makes no sense turns
 * the machine off with a line that quotes it: a guest that boots with half of its settings would be
 * worse. */

struct interface {
    char *name;
    struct in_addr address;
    struct in_addr mask;
    struct in_addr gateway; /* INADDR_ANY: none */
    struct in_addr dns[2];  /* INADDR_ANY: none */
    int mtu;                /* 0: the driver's */
    struct in6_addr address6;
    unsigned length6;         /* 0: no IPv6 */
    struct in6_addr gateway6; /* "::": none */
    char *new_name;           /* NULL: none */
};

struct mount_point {
    char *device;
    char *path;
    char *type;
    char *options; /* "": none */
    bool read_only;
};

/* Lists of strings end with NULL, as exec wants them. */
struct settings {
    char *hostname; /* NULL: none given */
    struct interface *interfaces;
    size_t n_interfaces;
    char **domains;
    size_t n_domains;
    struct mount_point *mounts;
    size_t n_mounts;
    char **arguments;
    size_t n_arguments;
    char **environment;
    size_t n_environment;
};

/* Adds the tokens of LINE. LINE is taken apart in place and must live as long as the settings. */
void settings_read_cmdline(struct settings *settings, char *line);

/* Sets NAME=VALUE, in place of an earlier value of NAME. ASSIGNMENT is kept, not copied. */
void settings_set_environment(struct settings *settings, char *assignment);

/* Takes the percent-encoding off VALUE, in place. KEY is what a complaint names. */
char *settings_decode(const char *key, char *value);

/* Adds one to the arguments. ARGUMENT is kept, not copied. */
void settings_add_argument(struct settings *settings, char *argument);
