/* What somebody has changed in a domain. Pure. Both give NULL when nothing was; else what differs,
 * in a few words, which the caller frees: the first lines that were replaced,
 * `<vcpu>1</vcpu> → <vcpu>2</vcpu> (and 3 more lines)`. */
#pragma once

/* Compares two definitions as libvirt writes them, but for their metadata, which is how labels
 * change. */
char *cunik_domain_diff(const char *before, const char *after);

/* Compares a definition with the guest that was made of it and runs. libvirt says more of such
 * (aliases, paths, what QEMU has by itself), and says it in other ways after its own restart: only
 * what others can change under a guest is looked at, CPUs, links, disks, folders and devices. */
char *cunik_domain_guest_diff(const char *definition, const char *guest);
