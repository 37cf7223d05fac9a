/* The world: networks and cuniks, wanted or found.
 *
 * One noun carries everything. The stack language is lowered to a desired world (of one stack), the
 * host is observed as an actual world (of one or all stacks), the planner compares two worlds, and
 * a world is what travels over the engine's socket as JSON. A cunik is one running copy of one
 * service.
 *
 * A world is plain data: no function here looks at the host, a clock or the environment.
 * Lists that have a natural key (cuniks, networks) are kept in the order of the stack file in a
 * desired world and sorted by name in an actual one; the planner finds by name, not by position.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

/* What a cunik or a network is for the outside. In a desired world a cunik is CREATED, RUNNING or
 * EXITED ("not running"); in an actual world it is what was seen. */
enum cunik_state {
    CUNIK_ABSENT,  /* not there */
    CUNIK_CREATED, /* defined, never started */
    CUNIK_RUNNING,
    CUNIK_PAUSED,
    CUNIK_RESTARTING, /* ended, and the engine is about to start it again */
    CUNIK_EXITED,     /* ended by itself or stopped */
    CUNIK_STATE_MAX_,
};

enum cunik_health {
    HEALTH_NONE, /* the service has no healthcheck */
    HEALTH_STARTING,
    HEALTH_HEALTHY,
    HEALTH_UNHEALTHY,
    HEALTH_MAX_,
};

/* What ended a cunik, as far as it can be known. */
enum cunik_end {
    END_NONE,      /* it has not ended */
    END_POWEROFF,  /* the guest powered off */
    END_RESET,     /* the guest reset itself or triple-faulted */
    END_DESTROYED, /* ended by the engine or by another user of libvirt */
    END_KILLED,    /* its QEMU ended */
    END_PANICKED,  /* the guest reported a panic */
    END_MAX_,
};

enum depend_condition {
    DEPEND_STARTED,   /* service_started */
    DEPEND_HEALTHY,   /* service_healthy */
    DEPEND_COMPLETED, /* service_completed_successfully */
    DEPEND_MAX_,
};

enum restart_policy {
    RESTART_NO,
    RESTART_ALWAYS,
    RESTART_ON_FAILURE,
    RESTART_UNLESS_STOPPED,
    RESTART_MAX_
};

/* What the copies of a service that fail to be updated lead to. */
enum update_failure {
    UPDATE_PAUSE,    /* the others stay as they are */
    UPDATE_CONTINUE, /* the others are updated all the same */
    UPDATE_ROLLBACK, /* those that were updated go back to what they were */
    UPDATE_MAX_
};

/* What becomes of a mount's source in the guest. */
enum mount_kind {
    MOUNT_VOLUME, /* a volume */
    MOUNT_BIND,   /* a folder of the host */
    MOUNT_FILE,   /* a copy of a file: a config, a secret or one of the host */
    MOUNT_TMPFS,  /* no source: memory of the guest, which only some can be told to mount so
                     (backend.h) */
    MOUNT_KIND_MAX_,
};

const char *cunik_state_name(enum cunik_state s);   /* "running" */
const char *cunik_health_name(enum cunik_health h); /* "healthy"; "none" */
const char *cunik_end_name(enum cunik_end e);       /* "poweroff" */
/* The other way; -EINVAL for an unknown name. */
int cunik_end_parse(const char *name, enum cunik_end *ret);
int cunik_condition_parse(const char *name, enum depend_condition *ret);
int cunik_update_failure_parse(const char *name, enum update_failure *ret);
int cunik_restart_parse(const char *name, enum restart_policy *ret);

/* Whether there is a guest: it runs or stands still. */
static inline bool cunik_state_is_up(enum cunik_state s)
{
    return s == CUNIK_RUNNING || s == CUNIK_PAUSED;
}

/* That, or the engine is about to start it again. */
static inline bool cunik_state_is_active(enum cunik_state s)
{
    return cunik_state_is_up(s) || s == CUNIK_RESTARTING;
}

/* Whether what is in this state has ended by itself, well, and is not started again. */
bool cunik_state_is_completed(enum cunik_state s, enum cunik_end end, int64_t exit_code,
                              enum restart_policy restart);
/* Whether the policy starts it again whoever comes back: the engine, or the host. `on-failure` does
 * not, as with Docker. */
bool cunik_restart_keeps_up(enum restart_policy p);

/* So many ends in a row, each soon after its start, are a crash loop. */
enum { CRASH_LOOP = 5 };

/* A key with a value, such as a label; value "" when empty. Lists of them are sorted by key. */
struct world_pair {
    char *key;
    char *value;
};

struct world_pairs {
    struct world_pair *items;
    size_t n;
};

/* One attachment of a cunik to a network. */
struct world_interface {
    char *network;       /* world_network.name */
    char *link;          /* the tap; "" until cunik_assign() names it */
    char *mac;           /* "52:1f:…", from the file or derived (network/names.h) */
    char *address;       /* "10.1.2.3", without length; "" = to be assigned by cunik_assign() */
    char *address6;      /* "fd00:1::2"; "" = none, or to be assigned where the network has IPv6 */
    bool fixed6;         /* address6 is the file's: a guest that cannot take it is an error */
    char *dns;           /* whom the guest asks for names; "" = the network's gateway */
    char *name;          /* in the guest, "" = its own choice */
    int64_t gw_priority; /* the greatest one's gateway is the guest's way out; else the first's */
    struct strv aliases; /* names besides service and cunik name, sorted */
};

/* A published port. */
struct world_port {
    char *host_ip;      /* "" = every address of the host */
    uint16_t host_port; /* 0 = any free one, to be assigned */
    uint16_t port;      /* in the guest */
    char *protocol;     /* "tcp" or "udp" */
};

struct world_disk {
    char *path;  /* absolute, on the host */
    char *mount; /* where the guest mounts it; "" = not mounted by us */
    bool readonly;
    bool root;        /* the guest boots from it or has its root filesystem there */
    char *filesystem; /* what is on it, where that is known; "" = the backend's usual one */
    bool shared;      /* a folder of the host in place of a disk; the guest sees it as it is */
};

/* Something of the host's that the guest finds at a place of its own. The real host turns it into
 * a disk, a shared folder or a part of the initrd when the cunik is made (host_attach.c); a tmpfs
 * goes onto the command line. */
struct world_mount {
    enum mount_kind kind;
    char *source; /* volume: world_volume.name; bind: absolute path; file: its name in messages;
                     tmpfs: "" */
    char *target; /* absolute, in the guest */
    bool readonly;
    char *digest;           /* file: SHA-256 of its content (file_store.h) */
    int64_t mode, uid, gid; /* file, tmpfs: its permissions and owner in the guest */
    int64_t size;           /* tmpfs: bytes; 0 = as the guest likes */
};

struct world_health {
    struct strv test; /* ["TCP", "6379"], ["HTTP", URL], ["LOG", regex], ["CMD", …], ["CMD-SHELL",
                         text]; empty = that of the image, or none; ["NONE"] = not even that: only
                         until the image is looked at (world_image.h) */
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
    int64_t retries;
};

enum { UPDATE_ALL = 1000000 }; /* copies at a time: more than there can be */

/* How the copies of a service are recreated, and what a copy that fails at it leads to. */
struct world_update {
    int64_t parallelism;        /* so many at a time, UPDATE_ALL = all; 0 = the file says nothing:
                                   all, and nobody watches them */
    int64_t delay_ns;           /* pause between one and the next */
    int64_t monitor_ns;         /* how long each is watched, at least */
    enum update_failure action; /* when more have failed than … */
    double max_failure_ratio;   /* … this part of all */
};

struct world_depend {
    char *service;
    enum depend_condition condition;
    bool restart;  /* restart this one when the other is recreated */
    bool required; /* false: a missing or failing one is only a warning */
};

/* How it is to be booted, as the stack file says; a backend turns it into a boot
 * (backends/backend.h). */
struct world_boot {
    char *backend; /* "unikraft"; "" = found by probing the kernel */
    char *kernel;  /* absolute path on the host */
    char *initrd;  /* "" = none */
    struct world_disk *disks;
    size_t n_disks;
    char *cmdline;             /* raw text for the kernel, "" = none */
    char *machine;             /* "" = the backend's choice */
    char *firmware;            /* "" = the backend's choice */
    char *accel;               /* "kvm", "tcg" or "" = what the host can */
    struct world_pairs params; /* a backend's own settings */
};

/* What was seen of a cunik; all zero in a desired world, except state. */
struct world_status {
    enum cunik_state state; /* desired: what it should be */
    enum cunik_health health;
    enum cunik_end end;
    int64_t exit_code; /* 0 after a power-off, 137 after a kill, the guest's own where it can be
                          known */
    int64_t created_ms, started_ms, ended_ms; /* CLOCK_REALTIME since the epoch; 0 = never */
    int64_t pid;                              /* of its QEMU, 0 when it does not run */
    int64_t memory;                           /* bytes that its guest has, 0 when none runs */
    int64_t restarts;                         /* by the restart policy since it was created */
    int64_t attempts;                         /* those of them that count against restart_max */
    int64_t crashes;    /* ends in a row, each soon after its start; see CRASH_LOOP */
    char *reason;       /* a sentence: last probe's failure, why it ended; "" = nothing to say */
    bool links_missing; /* drift: a tap is not on its bridge, or (not running) gone */
    bool links_lost;    /* drift: a tap was deleted under a running guest, which holds a dead one
                           and is reachable again only after a restart */
    bool files_changed; /* drift: its kernel or initrd file is no longer the one it was made with */
    bool unreadable;    /* drift: its label says no more than that it is ours */
    char *definition;   /* drift: how its domain's definition was changed by others; "" = it was not
                         */
    char *guest;        /* drift: how others have changed it while it runs, so that it is as defined
                           only after a restart; "" = they have not */
};

struct world_cunik {
    char *name;   /* unique within the engine: STACK-SERVICE-N or container_name */
    char *called; /* by people since `cunik rename`; "" = its name */
    char *stack;
    char *service;
    int64_t index;      /* from 1 */
    char *one_off;      /* the service whose program it runs once more, for one purpose; its own
                           service is none of the stack's, and it no orphan. "" = it is a copy of
                           its service */
    char *uuid;         /* of the libvirt domain; derived from (stack, service, index) */
    char *image;        /* as named in the file, "" = none */
    char *image_digest; /* of the image that it boots; "" = none, or still to be found */
    char *hostname;
    struct strv dns, dns_search, extra_hosts; /* as in the file: the resolver below has the first
                                                 and the last */
    struct strv command;                      /* arguments of the program: entrypoint and command */
    struct world_pairs environment;
    struct world_boot boot;
    int64_t memory; /* bytes; 0 = the backend's least */
    double cpus;    /* 0 = one */
    struct world_interface *interfaces;
    size_t n_interfaces;
    struct world_port *ports;
    size_t n_ports;
    struct world_mount *mounts;
    size_t n_mounts;
    struct world_health health;
    enum restart_policy restart;
    int64_t restart_max;       /* starts again at most; 0 = without end */
    int64_t restart_delay_ns;  /* pause before each; 0 = the engine's back-off */
    int64_t restart_window_ns; /* having run so long, a start has succeeded and is not counted; 0 =
                                  all are */
    int64_t stop_grace_ns;
    struct world_update update, rollback; /* of the file at hand: no difference of a guest's */
    struct world_depend *depends;
    size_t n_depends;
    struct world_pairs labels; /* the user's own */
    struct world_status status;
};

/* One more IPv4 subnet of a network, beside its first. */
struct world_pool {
    char *subnet;
    char *gateway;  /* the bridge's own address there; "" = the first of the subnet */
    char *ip_range; /* "" = the whole subnet */
};

/* A name server that is one service's own: one that is on several networks, or with servers or
 * names that the others do not have. */
struct world_resolver {
    char *service;
    char *address;        /* on the bridge; "" = to be assigned */
    struct strv networks; /* whose names it knows, besides those of its own one */
    struct strv servers;  /* asked for names of the outside; empty = the host's */
    struct strv hosts;    /* "NAME=ADDRESS"; ADDRESS may be "host-gateway" */
    bool internal;        /* asks nobody: all these networks are internal. Assigned */
};

struct world_network {
    char *name;               /* unique within the engine: STACK_KEY, or the name the file gives */
    char *stack;              /* "" for an external one that no stack of this engine has made */
    char *key;                /* in the stack file */
    char *link;               /* the bridge; "" until cunik_assign() names it */
    char *subnet;             /* "10.1.2.0/24"; "" = to be assigned */
    char *gateway;            /* the bridge's own address; "" = the first of the subnet */
    char *ip_range;           /* "" = the whole subnet */
    struct world_pool *pools; /* more subnets, used when the first is full or by fixed addresses */
    size_t n_pools;
    struct strv reserved; /* addresses (IPv4 or IPv6) that no guest gets */
    bool ipv6;            /* IPv6 as well, among its guests and to its gateway */
    char *subnet6;        /* "fd00:1::/64"; "" = to be assigned where there is IPv6 */
    char *gateway6;       /* "" = the subnet's 1 */
    char *range6;         /* "" = the whole subnet */
    int64_t mtu;          /* 0 = 1500 */
    bool hide_unhealthy;  /* names do not lead to cuniks that are unhealthy */
    struct world_resolver *resolvers;
    size_t n_resolvers;
    bool internal; /* no way out */
    bool external; /* made by someone else, never made or removed by us */
    struct world_pairs labels;
    /* Seen, in an actual world only: */
    bool up;           /* the bridge exists and is up with its address */
    bool names_served; /* its dnsmasq runs */
};

/* A volume that cuniks of a desired world use. It is made when the first of them is, and outlives
 * them all (volume.h). */
struct world_volume {
    char *name;       /* unique within the engine: STACK_KEY, or the name the file gives */
    char *stack;      /* "" for an external one and for one made by hand */
    char *key;        /* in the stack file */
    char *format;     /* "raw", "qcow2" or "directory"; "" for an external one */
    char *filesystem; /* of a disk: "ext4", "ext2", "none"; "" = what the first guest reads */
    int64_t size;     /* of a disk, in bytes; 0 = VOLUME_SIZE (volume.h) */
    bool external;    /* must be there already */
    struct world_pairs labels;
};

struct world {
    struct world_network *networks;
    size_t n_networks;
    struct world_cunik *cuniks;
    size_t n_cuniks;
    struct world_volume
        *volumes; /* desired; of what is there the planner gets name, stack and key */
    size_t n_volumes;
    struct strv services; /* desired: services that are wanted, also with no cunik (scale 0); those
                             of the cuniks need not be listed */
    struct strv inactive; /* desired: services that the stack has and that are switched off (by a
                             profile); what there is of them is left alone */
    bool ports_published; /* actual: the engine's rule set is as it should be for these cuniks */
};

void cunik_world_done(struct world *w);
#define _cleanup_world_ _cleanup_(cunik_world_done)
void cunik_world_cunik_done(struct world_cunik *c);
/* Of a cunik, which frees it with itself: for those who put another in its place. */
void cunik_world_status_init(struct world_status *s);
void cunik_world_status_done(struct world_status *s);
void cunik_world_network_done(struct world_network *n);
void cunik_world_volume_done(struct world_volume *v);
/* Deep copies, appended to the empty *to. */
void cunik_world_copy(struct world *to, const struct world *from);

void cunik_world_cunik_copy(struct world_cunik *to, const struct world_cunik *from);
void cunik_world_network_copy(struct world_network *to, const struct world_network *from);
void cunik_world_volume_copy(struct world_volume *to, const struct world_volume *from);

/* Whether an engine would read it; the error says what is wrong with which field (see record.h). */
int cunik_world_cunik_check(const struct world_cunik *c, struct error **err);
int cunik_world_network_check(const struct world_network *n, struct error **err);

/* ERROR_INVALID when two cuniks or two networks have one name. */
int cunik_world_check(const struct world *w, struct error **err);

/* Appends an empty one with every string "" (strings in a world are never NULL). */
struct world_cunik *cunik_world_add_cunik(struct world *w);
struct world_network *cunik_world_add_network(struct world *w);
struct world_interface *cunik_world_add_interface(struct world_cunik *c);
struct world_pool *cunik_world_add_pool(struct world_network *n);
struct world_resolver *cunik_world_add_resolver(struct world_network *n);
struct world_port *cunik_world_add_port(struct world_cunik *c);
struct world_disk *cunik_world_add_disk(struct world_cunik *c);
struct world_depend *cunik_world_add_depend(struct world_cunik *c); /* required */
struct world_mount *cunik_world_add_mount(struct world_cunik *c);
struct world_volume *cunik_world_add_volume(struct world *w);
/* Keeps the order by key; a key that is there gets the new value. */
void cunik_world_pair_add(struct world_pairs *pairs, const char *key, const char *value);

/* What people call it. */
static inline const char *cunik_world_called(const struct world_cunik *c)
{
    return c->called && *c->called ? c->called : c->name;
}

/* Leaves of the cuniks those that are wanted. */
void cunik_world_keep(struct world *w, bool (*wanted)(const struct world_cunik *c, const void *ctx),
                      const void *ctx);

/* Whether the volume is among its mounts. */
bool cunik_world_has_volume(const struct world_cunik *c, const char *volume);

/* By name; NULL when absent. Linear: use a struct map of your own for many look-ups. */
struct world_cunik *cunik_world_cunik(const struct world *w, const char *name);
struct world_network *cunik_world_network(const struct world *w, const char *name);
struct world_volume *cunik_world_volume(const struct world *w, const char *name);

/* JSON, both ways. The keys are those of the stack language where it has one ("environment",
 * "ports", …), so that reasons read as the file does. Reading checks every type, name and bound
 * (ERROR_INVALID names the key); it is what the API gives untrusted requests to. Seen things
 * (struct world_status and the `Seen` members) are in the object "status". */
json_t *cunik_world_to_json(const struct world *w);
int cunik_world_from_json(const json_t *json, struct world *ret, struct error **err);
json_t *cunik_world_cunik_to_json(const struct world_cunik *c);
int cunik_world_cunik_from_json(const json_t *json, struct world_cunik *ret, struct error **err);
json_t *cunik_world_volume_to_json(const struct world_volume *v);
int cunik_world_volume_from_json(const json_t *json, struct world_volume *ret, struct error **err);
json_t *cunik_world_network_to_json(const struct world_network *n);
int cunik_world_network_from_json(const json_t *json, struct world_network *ret,
                                  struct error **err);
/* The same of what was written down or labelled by an engine, perhaps one of a newer version. */
int cunik_world_from_kept(const json_t *json, struct world *ret, struct error **err);
int cunik_world_cunik_from_kept(const json_t *json, struct world_cunik *ret, struct error **err);
int cunik_world_network_from_kept(const json_t *json, struct world_network *ret,
                                  struct error **err);

/* What differs between two cuniks or networks, less status: one line each, such as
 * `environment.PORT "80" → "8080"`, `command added "x"`. Empty when nothing does. Differences that
 * do not need a new guest (restart policy, dependencies, stop_grace_period, labels, healthcheck,
 * published ports, aliases) go to ret_update, those that do to ret_recreate. The desired side's
 * values that are still to be assigned ("", 0) never differ. */
void cunik_world_cunik_diff(const struct world_cunik *actual, const struct world_cunik *desired,
                            struct strv *ret_recreate, struct strv *ret_update);
void cunik_world_network_diff(const struct world_network *actual,
                              const struct world_network *desired, struct strv *ret_recreate,
                              struct strv *ret_update);
