/* The libvirt domain of a cunik, as XML. Pure: a golden file is the whole test.
 *
 * The domain has what a unikernel can use and nothing else: no USB, no balloon, no sound, no
 * display, no firmware on its NICs. Its taps exist already and are on their bridges; its serial
 * console is a pty that anyone may attach to, and every byte of it goes to a file as well. Whatever
 * the guest does to end itself ends its QEMU: restarting is the engine's own work.
 *
 * Devices are where guests without a driver for PCI bridges find them: on q35 they stand on the
 * root bus by explicit addresses, in the order interfaces, disks; on microvm on virtio-mmio. Where
 * the boot has an order of its own they stand in that.
 *
 * A paravirtualised guest of Xen has its own kind of domain: libvirt's Xen driver makes its network
 * interfaces and puts them on the bridge.
 *
 * Our label travels in <metadata>: an element of the namespace DOMAIN_NAMESPACE whose text is the
 * label, JSON. A domain without it is not ours.
 */
#pragma once

#include "backends/backend.h"
#include "engine/access.h"
#include "engine/world.h"

#define DOMAIN_NAMESPACE "urn:cunik:1"
#define DOMAIN_PREFIX "cunik"

/* What neither the cunik nor its boot knows. Borrowed strings. */
struct domain_settings {
    const char *accel;    /* "kvm" or "tcg" */
    const char *emulator; /* absolute path; "" = libvirt finds it */
    const char *console;  /* absolute path of the file that gets every byte of the console */
    const char *label;    /* JSON text; kept as it is */
    bool quota; /* the connection can hold a guest to a fraction of its CPUs (it has cgroups);
                   without it `cpus: 0.5` is one whole CPU */
    const struct guest_user *user; /* whom it runs as; no name = as libvirt has it */
    const struct world *world;     /* of Xen's guests, which get no taps: its networks' bridges */
};

/* The caller frees it. Interfaces are c's (their `link` and `mac` must be set), in its order; disks
 * are c->boot.disks, with what c->mounts became among them (`filesystem` of a shared one is how it
 * travels: "virtiofs" or "9p"); everything else about the machine is b's. */
char *cunik_domain_xml(const struct world_cunik *c, const struct boot *b,
                       const struct domain_settings *s);

/* The element that the metadata of a domain with this label holds, for virDomainSetMetadata(); the
 * caller frees it. */
char *cunik_domain_metadata(const char *label);
/* The label in such an element, as virDomainGetMetadata() gives it; NULL when the element is none
 * of ours. The caller frees it. */
char *cunik_domain_label(const char *metadata);
