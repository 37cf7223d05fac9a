/* Disks: legacy virtio-blk, in the order of their PCI slots. Read and written only when
 * asked: nothing is set up at boot. */
#ifndef GUEST_DISK_H
#define GUEST_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "pci.h"

enum { DISK_MOST = 8, DISK_SECTOR = 512 };

/* Takes note of `device` when it is a disk; for pci_scan(). */
void disk_found(const struct pci_device *device);
size_t disk_count(void);
/* The first sector of disk `index`, valid until the next call. NULL, with the reason in *ret_why,
 * when it cannot be read. */
const char *disk_first_sector(size_t index, const char **ret_why);
/* Replaces it by a text, zeros behind. NULL, or the reason why it cannot be written. */
const char *disk_write(size_t index, const char *text);

#endif
