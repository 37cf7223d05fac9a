/* Legacy virtio over PCI (virtio 1.0, section 4.1.4.8 "Legacy Interfaces"): registers in an I/O
 * BAR, rings that the guest lays out as the device wants them. */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "pci.h"

enum {
    VIRTIO_VENDOR = 0x1AF4,
    VIRTIO_NET_LEGACY = 0x1000,
    VIRTIO_BLK_LEGACY = 0x1001,
    VIRTIO_CONFIG = 20, /* first register of the device's own kind, without MSI-X */
    VIRTIO_WRITE = 2,   /* the device writes this buffer */
    VIRTIO_NEXT = 1,    /* the next descriptor belongs to the same request */
};

struct virtio_descriptor {
    uint32_t address, address_high;
    uint32_t length;
    uint16_t flags, next;
};

struct virtio_queue {
    uint16_t ports, index, size;
    uint16_t offered;  /* descriptors handed to the device */
    uint16_t told;     /* of those, how many it was told of */
    uint16_t returned; /* and how many came back */
    struct virtio_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, ring */
    volatile uint16_t *used;      /* flags, index, ring of (uint32_t id, uint32_t length) */
};

/* Resets the device and settles on those of `wanted` features that it has; returns them. */
uint32_t virtio_start(uint16_t ports, uint32_t wanted);
/* Lays out queue `index`, of whatever size the device has. False when it has none or memory ends.
 * Without `interrupts` the device stays silent about this queue. */
bool virtio_queue_init(struct virtio_queue *queue, uint16_t ports, uint16_t index, bool interrupts);
/* The driver is ready. */
void virtio_ready(uint16_t ports);
/* Reads the interrupt status, which makes the device drop its line. */
void virtio_quiet(uint16_t ports);

/* Hands the chain that starts at descriptor `id` to the device; virtio_tell() lets it know. */
void virtio_offer(struct virtio_queue *queue, uint16_t id);
void virtio_tell(struct virtio_queue *queue);
/* The next chain that came back: its first descriptor and how many bytes the device wrote. False
 * when there is none. */
bool virtio_take(struct virtio_queue *queue, uint32_t *ret_id, uint32_t *ret_length);

#endif
