/* The typed stack: what a stack file means for us, ready for lowering to a world.
 *
 * It is made from the canonical tree (load.h), after interpolation, merging, validation, profiles
 * and defaults, and is plain data: it owns all its strings, also the file names its places point
 * to, and outlives the tree. Strings are never NULL, "" says that the file said nothing. Paths are
 * absolute. Services and networks stand in the order of the files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "compose/diagnostics.h"
#include "compose/tree.h"
#include "engine/world.h" /* enum depend_condition, mount_kind, restart_policy */

struct stack_pair {
    char *key;
    char *value;
    struct place place;
};

/* In the order of the file. */
struct stack_pairs {
    struct stack_pair *items;
    size_t n;
};

struct stack_depend {
    char *service; /* an enabled one, unless !required */
    enum depend_condition condition;
    bool restart;  /* restart this service when the other is recreated */
    bool required; /* false: do without when the other is disabled or fails */
    struct place place;
};

struct stack_health {
    /* ["TCP", "6379"], ["HTTP", URL], ["LOG", REGEX], ["CMD", …], ["CMD-SHELL", TEXT]; empty = no
     * healthcheck, or that of the image. Not checked here: cunik_health_check_test(). */
    struct strv test;
    bool said;     /* there is a healthcheck, so that the times are wanted */
    bool disabled; /* `disable: true` or ["NONE"]: not even that of the image */
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns; /* defaults filled in */
    int64_t retries;
    struct place place; /* of the test */
};

/* A service's place on one network. Order: priority (highest first), then that of the file. */
struct stack_attachment {
    char *network;      /* key in stack.networks */
    char *ipv4_address; /* valid and within the subnet, or "" */
    char *ipv6_address; /* likewise */
    char *mac_address;  /* "02:42:ac:11:00:02", lower case, or "" */
    char *interface_name;
    struct strv aliases;
    int64_t priority, gw_priority;
    struct place place, place6; /* of the address, or else of all */
};

struct stack_port {
    char *host_ip;                  /* a valid address or "" (every address) */
    uint16_t host_first, host_last; /* published port or range; both 0 = any free one */
    uint16_t target;                /* in the guest */
    char *protocol;                 /* "tcp" or "udp" */
    struct place place;
};

struct stack_disk {
    char *path;
    char *mount; /* where the guest mounts it, absolute; "" = not mounted by us */
    bool readonly;
    bool root;
    struct place place; /* of the path */
};

/* One of a service's volumes, memory file systems, configs or secrets. */
struct stack_mount {
    enum mount_kind kind; /* a bind's source is a folder, or is not there; a tmpfs has none */
    char *source; /* volume: its key, "" = one of the service's own; bind: absolute path; file: what
                     it is called in messages */
    char *target;
    bool readonly;
    size_t content;         /* file: index in stack.contents */
    int64_t mode, uid, gid; /* file, tmpfs */
    int64_t size;           /* tmpfs: bytes, 0 = not said */
    struct place place;
};

/* A file that guests are to find: a config, a secret or a single file of the host. Where it comes
 * from is known first, what it holds from cunik_stack_read_contents() on. */
struct stack_content {
    char *name;     /* "secret 'password'" */
    char *path;     /* "" = not from a file */
    char *variable; /* "" = not from a variable */
    char *template; /* what messages show of a secret in the place of these, or "" */
    char *data;
    size_t size;
    char *digest; /* of the data, SHA-256; "" until then */
    struct place place;
};

/* A volume that an enabled service uses. */
struct stack_volume {
    char *key;
    char *name;       /* STACK_KEY unless the file names it */
    char *format;     /* "raw", "qcow2", "directory"; "" of an external one */
    char *filesystem; /* "" = what the first guest reads */
    int64_t size;     /* 0 = the usual one */
    bool external;
    struct stack_pairs labels;
    struct place place;
};

/* services.*.unikernel */
struct stack_unikernel {
    char *backend; /* any name; the table of backends judges it. "" = by probing the kernel */
    char *kernel;  /* never "" */
    char *initrd;
    struct stack_disk *disks;
    size_t n_disks;
    char *cmdline;
    char *machine;
    char *firmware;
    char *accel; /* "kvm", "tcg" or "" */
    struct stack_pairs params;
    struct place place, backend_place, kernel_place, initrd_place, cmdline_place, machine_place,
        firmware_place;
};

struct stack_service {
    char *name;
    struct strv profiles;
    char *image;                     /* STACK-SERVICE when it is built and has no name */
    char *build;                     /* folder to build it from, "" = it is not built */
    char *cunikfile;                 /* in that folder */
    char *pull_policy;               /* "missing", "always", "never", "build" */
    struct strv entrypoint, command; /* words */
    struct stack_pairs environment;  /* env_file first, environment over it; each key once */
    char *hostname;
    char *container_name;
    struct strv dns;         /* IPv4 addresses of name servers */
    struct strv dns_search;  /* domains */
    struct strv extra_hosts; /* "NAME=ADDRESS" */
    struct stack_pairs labels;
    struct stack_depend *depends;
    size_t n_depends;
    struct stack_health health;
    enum restart_policy restart;
    int64_t restart_max;                         /* starts again at most; 0 = without end */
    int64_t restart_delay_ns, restart_window_ns; /* 0 = not given */
    struct world_update update, rollback;        /* parallelism 0 = not given */
    int64_t scale;                               /* copies, from 0 */
    double cpus;                                 /* 0 = not given */
    int64_t memory;                              /* bytes; 0 = not given */
    struct stack_attachment *networks;
    size_t n_networks; /* 0 with network_mode: none */
    struct stack_port *ports;
    size_t n_ports;
    struct stack_mount *mounts;
    size_t n_mounts;
    int64_t stop_grace_ns; /* 10 s when not given */
    struct stack_unikernel unikernel;
    struct place place, command_place, entrypoint_place, hostname_place, container_name_place,
        memory_place, cpus_place;
};

/* A service that no active profile enables. */
struct stack_disabled {
    char *name;
    struct strv profiles;
    struct place place;
};

/* One IPv4 subnet of several. */
struct stack_pool {
    char *subnet, *gateway, *ip_range;
    struct place place;
};

/* A network that an enabled service is attached to. */
struct stack_network {
    char *key;
    char *name;   /* STACK_KEY unless the file names it */
    char *driver; /* "bridge" */
    char *subnet; /* "10.1.2.0/24", the network address itself; "" = to be assigned */
    char *gateway;
    char *ip_range;
    struct stack_pool *pools; /* further ones */
    size_t n_pools;
    struct strv reserved; /* addresses for nobody */
    bool ipv6;
    char *subnet6, *gateway6, *range6; /* "" = to be assigned, the subnet's 1, the whole subnet */
    char *bridge;                      /* name of its link, "" = a derived one */
    int64_t mtu;                       /* 0 = the usual */
    bool hide_unhealthy;               /* names do not lead to what is unhealthy */
    bool internal, external;
    struct stack_pairs labels;
    struct place place, subnet_place;
};

struct stack {
    char *name;
    char *working_dir; /* where relative paths of the first file start */
    struct stack_service *services;
    size_t n_services;
    struct stack_disabled *disabled;
    size_t n_disabled;
    struct stack_network *networks;
    size_t n_networks;
    struct stack_volume *volumes;
    size_t n_volumes;
    struct stack_content *contents;
    size_t n_contents;
    struct strv files; /* what places point to */
};

/* Makes the stack from a canonical tree (see load.h), whose `services` still hold the disabled
 * ones. Mistakes between fields (unknown and disabled dependencies, cycles, undefined networks,
 * addresses, names and ports given twice, kernels missing) go to d, all of them; the stack is then
 * as complete as it can be, and must not be used. `enabled` holds the names of the enabled
 * services; NULL = all. */
void cunik_stack_from_tree(const struct node *root, const char *name, const char *working_dir,
                           const struct strv *enabled, struct stack *ret, struct diagnostics *d);

/* Fills the contents from their files and variables; what cannot be had is a mistake at its place.
 */
struct lookup;
void cunik_stack_read_contents(struct stack *s, const struct lookup *variables,
                               struct diagnostics *d);

/* By name; NULL when absent. Linear: use a struct map of your own for many look-ups. */
struct stack_service *cunik_stack_service(const struct stack *s, const char *name);
struct stack_network *cunik_stack_network(const struct stack *s, const char *key);
struct stack_volume *cunik_stack_volume(const struct stack *s, const char *key);

/* --scale SERVICE=N: ERROR_INVALID for an unknown service and for what a container_name or a
 * single published port forbids. */
int cunik_stack_set_scale(struct stack *s, const char *service, int64_t scale, struct error **err);

/* Whether so many copies of it can be: 0 or ERROR_INVALID as above. */
int cunik_stack_check_scale(const struct stack_service *service, int64_t scale, struct error **err);

/* Empty ones, every string "" and every number at its default: for the maker and for tests. */
struct stack_service *cunik_stack_add_service(struct stack *s, const char *name);
struct stack_network *cunik_stack_add_network(struct stack *s, const char *key);

void cunik_stack_done(struct stack *s);
#define _cleanup_stack_ _cleanup_(cunik_stack_done)
