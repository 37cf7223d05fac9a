/* What the files of the hypervisor share; not for others. */
#pragma once

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/map.h"
#include "engine/accel.h"
#include "engine/access.h"
#include "engine/hypervisor.h"
#include "engine/reaper.h"

/* What this process has seen of a domain. */
struct seen {
    char *name;
    pid_t pid; /* of its QEMU, as read last; 0 = none */
    enum cunik_end end;
    int exit_status;      /* -1 = none seen */
    bool reset, panicked; /* said by QEMU while it ran, for the end to come */
    bool fresh;           /* defined by this process and never started: what a domain of this name
                             kept before does not count */
    bool unkept;          /* what the domain itself keeps of its end is out of date */
    unsigned defining;    /* definitions by this process that were not told of yet */
    uint64_t definition;  /* grows with each that was by others */
};

struct hypervisor {
    pthread_mutex_t connecting; /* of the connection, which may be made anew; taken before `lock` */
    virConnectPtr connection;
    bool embedded;
    char *uri;
    char *folder; /* the embedded driver's root; NULL otherwise */
    struct accel accel;
    struct guest_user user;
    struct reaper *reaper;

    cunik_hypervisor_changed *changed;
    void *ctx;

    /* All that follows belongs to the lock. `moved` is signalled whenever a domain changed. */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct map seen; /* name → struct seen */
    uint64_t changes;
    struct strv news; /* names of changed domains, told from the front */
    bool unkept;      /* some domain is */
    bool closing;

    pthread_t loop, teller;
    bool loop_runs, teller_runs;
    int lifecycle, monitor, added, removed; /* callback ids; -1 = none */
};

/* hypervisor.c */

/* *err from libvirt's last error of this thread: "DOING: MESSAGE". */
int cunik_hypervisor_error(struct error **err, const char *format, ...) _printf_(2, 3);
/* The connection as it is now, made anew when libvirtd has gone and come back; the caller closes
 * it. NULL: there is none to be had, see *err. */
virConnectPtr cunik_hypervisor_connect(struct hypervisor *h, struct error **err);
static inline void cunik_hypervisor_disconnect(virConnectPtr *c)
{
    if (*c)
        virConnectClose(*c);
}
#define _cleanup_connection_ _cleanup_(cunik_hypervisor_disconnect)

/* The caller frees *ret; ERROR_NOT_FOUND when there is no such domain. */
int cunik_hypervisor_find(struct hypervisor *h, const char *name, virDomainPtr *ret,
                          struct error **err);
static inline void cunik_hypervisor_domain_free(virDomainPtr *d)
{
    if (*d)
        virDomainFree(*d);
}
#define _cleanup_domain_ _cleanup_(cunik_hypervisor_domain_free)
/* Whether that error is the given one of virterror.h. */
bool cunik_hypervisor_error_is(int number);
/* Whether it runs guests of this host. */
bool cunik_hypervisor_is_local(const struct hypervisor *h);
/* The pid in the file that libvirt keeps while a domain runs; 0 = none. */
pid_t cunik_hypervisor_read_pid(const struct hypervisor *h, const char *name);

/* hypervisor_list.c */

/* Reads the pid, and keeps it for the reaper too. */
int64_t cunik_hypervisor_learn_pid(struct hypervisor *h, const char *name);

/* hypervisor_embed.c */

/* Tries KVM on this host, as the user that the embedded driver's guests run as: a system libvirtd's
 * run as the same one. Forks: no other thread may exist. */
int cunik_hypervisor_decide(struct hypervisor *h, const struct hypervisor_settings *s,
                            struct error **err);
/* hypervisor_groups.c: whether children of ours, QEMU among them, keep the groups that we have. */
void cunik_hypervisor_keep_groups(bool keep);
/* Makes the embedded driver's root with its configuration, decides on KVM, and prepares this
 * process and the driver's cache; *ret_uri is what to open. No other thread may exist. */
int cunik_hypervisor_embed(struct hypervisor *h, const struct hypervisor_settings *s,
                           char **ret_uri, struct error **err);

/* hypervisor_events.c */

/* Before the connection is opened: libvirt's event loop in a thread. */
int cunik_hypervisor_loop_start(struct hypervisor *h, struct error **err);
void cunik_hypervisor_loop_stop(struct hypervisor *h);
/* After: the callbacks of this connection. */
int cunik_hypervisor_listen(struct hypervisor *h, struct error **err);
void cunik_hypervisor_unlisten(struct hypervisor *h);
/* The thread that tells of changes. */
int cunik_hypervisor_teller_start(struct hypervisor *h, struct error **err);
/* No more is told, by anybody. */
void cunik_hypervisor_deafen(struct hypervisor *h);
/* What was missed may have changed anything. */
void cunik_hypervisor_missed(struct hypervisor *h);

/* What was seen of a domain; made when there is nothing yet. With the lock held. */
struct seen *cunik_hypervisor_seen(struct hypervisor *h, const char *name);
void cunik_hypervisor_seen_done(struct hypervisor *h);
/* For the reaper. */
cunik_reaper_ended cunik_hypervisor_reaped;
/* The end kept in a domain's own metadata by an earlier process; END_NONE when there is none. */
enum cunik_end cunik_hypervisor_kept_end(virDomainPtr domain);
