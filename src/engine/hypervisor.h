/* The hypervisor: libvirt, and nothing but domains. Networks, worlds and labels' meaning are
 * others'.
 *
 * The default connection is the embedded QEMU driver, qemu:///embed?root=ROOT/libvirt (see
 * libvirt's "Embedding the QEMU driver"): no libvirtd, no set-up. Any other URI is taken as it is.
 * All functions are safe to call from several threads at once.
 */
#pragma once

#include "engine/access.h"
#include "engine/world.h"

struct hypervisor;

struct hypervisor_settings {
    const char *uri;   /* "" = embedded */
    const char *root;  /* the engine's folder; short, for UNIX socket paths end at 108 bytes */
    const char *accel; /* "kvm", "tcg", or "" = KVM when it has been seen to run a whole guest */
};

/* A domain as found: its label is the text of our metadata element; NULL = it has none. */
struct hypervisor_domain {
    char *name;
    char *uuid;
    char *label; /* JSON, as given to define; NULL */
    enum cunik_state state;
    enum cunik_end end;
    int64_t pid;         /* 0 = does not run */
    int64_t memory;      /* bytes that the guest has; 0 = does not run */
    uint64_t definition; /* another number when others may have changed how it is defined */
};

struct hypervisor_domains {
    struct hypervisor_domain *items;
    size_t n;
};

/* Called from a thread of the hypervisor's when a domain of ours changed its state. */
typedef void cunik_hypervisor_changed(void *ctx, const char *name);

/* Must be called before any other thread exists (it forks, blocks SIGCHLD and, where KVM does not
 * run whole guests, makes a mount namespace). */
int cunik_hypervisor_open(const struct hypervisor_settings *settings,
                          cunik_hypervisor_changed *changed, void *ctx, struct hypervisor **ret,
                          struct error **err);
void cunik_hypervisor_close(struct hypervisor *h);

/* "kvm" or "tcg"; *ret_reason, when not NULL, is one sentence on why (borrowed). */
const char *cunik_hypervisor_accel(const struct hypervisor *h, const char **ret_reason);

/* Whom its guests run as; its name is "" where that is not ours to say (access.h). Borrowed. */
const struct guest_user *cunik_hypervisor_user(const struct hypervisor *h);

/* What it is connected to; borrowed. */
const char *cunik_hypervisor_uri(const struct hypervisor *h);

/* The version of libvirt that this process has, "9.0.0"; the caller frees it. */
char *cunik_hypervisor_version(void);

/* Whether this connection can hold a guest to a fraction of its CPUs (the embedded driver runs
 * without cgroups). */
bool cunik_hypervisor_has_quota(const struct hypervisor *h);

/* Whether nobody but this process can have libvirt change its domains. */
bool cunik_hypervisor_is_alone(const struct hypervisor *h);

/* All domains, also those that are not ours, sorted by name. */
int cunik_hypervisor_list(struct hypervisor *h, struct hypervisor_domains *ret, struct error **err);
void cunik_hypervisor_domains_done(struct hypervisor_domains *d);

int cunik_hypervisor_define(struct hypervisor *h, const char *name, const char *xml,
                            struct error **err);
/* The definition as libvirt keeps it, which the caller frees; NULL when it is gone and only the
 * guest still runs. ERROR_NOT_FOUND when there is no such domain. */
int cunik_hypervisor_definition(struct hypervisor *h, const char *name, char **ret_xml,
                                struct error **err);
/* What libvirt says of the guest that runs now, its addresses and devices, which the caller frees;
 * ERROR_NOT_FOUND when there is no such domain. */
int cunik_hypervisor_guest(struct hypervisor *h, const char *name, char **ret_xml,
                           struct error **err);
/* Puts such a definition back. A guest that runs is not touched. */
int cunik_hypervisor_redefine(struct hypervisor *h, const char *name, const char *xml,
                              struct error **err);
int cunik_hypervisor_start(struct hypervisor *h, const char *name, struct error **err);
/* Replaces the label of a defined or running domain. */
int cunik_hypervisor_relabel(struct hypervisor *h, const char *name, const char *label,
                             struct error **err);
/* Sends the ACPI power button and waits for the end until the deadline (CLOCK_MONOTONIC, ns);
 * -ETIME. */
int cunik_hypervisor_shutdown(struct hypervisor *h, const char *name, int64_t deadline_ns,
                              struct error **err);
/* Holds a guest still, or lets it go on; ERROR_CONFLICT when it does not run. */
int cunik_hypervisor_pause(struct hypervisor *h, const char *name, bool pause, struct error **err);
/* The path of the pseudo terminal that is its serial port while it runs; the caller frees it.
 * ERROR_INVALID when it runs on another host. */
int cunik_hypervisor_terminal(struct hypervisor *h, const char *name, char **ret,
                              struct error **err);
/* These succeed when the domain does not run, or is not there. */
int cunik_hypervisor_destroy(struct hypervisor *h, const char *name, struct error **err);
int cunik_hypervisor_undefine(struct hypervisor *h, const char *name, struct error **err);
/* The exit status of the QEMU that ran a domain last, as waitid(2) gives it (isa-debug-exit), or
 * 128 and the signal that ended it; -1 when this process has not seen it end. */
int cunik_hypervisor_exit_status(struct hypervisor *h, const char *name);
