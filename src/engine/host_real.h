/* The host as it is: the operations of host.h carried out with src/network, the hypervisor and the
 * backends.
 *
 * Where what is kept:
 *
 *     ROOT/stacks/STACK.json       the last desired world of a stack
 *     ROOT/images/CUNIK/kernel     what the guest boots (and initrd), as it was when the cunik was
 *                                  made; the guest's user can read it, the user's own file is left
 *                                  alone, and no space in its path confuses QEMU. Links to:
 *     ROOT/images/.store/          one copy of each version of a file that is in use
 *     ROOT/images/.kept/CUNIK/     those that a request may have to go back to
 *     ROOT/opened/CUNIK            whose files it was let open
 *     ROOT/restarts/CUNIK          how often it was started again
 *     ROOT/images/CUNIK/domain.xml  what libvirt made of its definition, to see what others change
 *     ROOT/images/CUNIK/…          its initrd with files, layers over disks of its image, copies of
 *                                  folders: host_attach.c
 *     ROOT/volumes, ROOT/files     see volume.h, file_store.h
 *     ROOT/store, ROOT/unpacked    see images/image.h
 *     RUN/networks/NETWORK.json    what a bridge was made from; its alias says whose it is
 *     RUN/names/NETWORK/           see network/dnsmasq.h; in resolvers/SERVICE/ those of services
 *     ROOT/resolv.conf, slirp.*    of an engine without rights: host_outside.c, outside_slirp.c
 *     RUN/forwarding, forwarding6  what was let forward: host_forward.c, host_forward6.c
 *
 * A domain's label is {"engine": ID, "cunik": the cunik, "hears_poweroff": BOOL, "backend": NAME};
 * another engine's are not ours. One of ours that cannot be read is seen with as much as is known
 * of it.
 */
#pragma once

#include "engine/console.h"
#include "engine/host.h"
#include "engine/hypervisor.h"

struct host_real;

struct host_real_settings {
    const char *root; /* absolute */
    const char *run;  /* absolute; may be root */
    struct hypervisor *hypervisor;
    struct consoles *consoles;
    struct strv pools;       /* of subnets; empty = the usual ones */
    struct watch *watch;     /* is given the name servers; may be NULL. Must outlive the host */
    struct outside *outside; /* see rootless.h; NULL = this is the host. Must outlive the host */
};

/* Makes the folders. The hypervisor and the consoles must outlive it. */
int cunik_host_real_create(const struct host_real_settings *settings, struct host_real **ret,
                           struct error **err);
void cunik_host_real_destroy(struct host_real *h);

/* To be told whenever a console grew, by any thread: a guest that says there that it has ended, and
 * never powers off, is destroyed. */
void cunik_host_endings_grew(struct host_real *h, const char *name);

/* The operations, for as long as h is there. */
const struct host *cunik_host_real_table(struct host_real *h);
/* The engine's id: 12 hexadecimal digits of the digest of its root's path. */
const char *cunik_host_real_engine(const struct host_real *h);
