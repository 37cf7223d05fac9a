/* Network cards: legacy virtio-net, in the order of their PCI slots (eth0, eth1, …). */
#ifndef GUEST_NIC_H
#define GUEST_NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pci.h"
#include "virtio.h"

enum {
    NIC_MOST = 4,
    NIC_SLOTS = 64,  /* buffers for each direction */
    NIC_HEADER = 10, /* what virtio puts before a frame */
    NIC_BUFFER = 2048,
    NIC_FRAME = 1514, /* longest frame: 14 bytes of Ethernet and 1500 */
};

struct nic {
    uint16_t ports;
    uint8_t mac[6];
    uint16_t mtu; /* as the host asks for, 1500 where it does not */
    struct virtio_queue receive, transmit;
    uint8_t *receive_buffers, *transmit_buffers;
    uint8_t free[NIC_SLOTS]; /* transmit buffers not in flight */
    uint16_t free_count;
    uint32_t received, sent, full; /* frames; `full`: not sent because all buffers were in flight */
};

/* Starts the card when `device` is one; for pci_scan(). */
void nic_found(const struct pci_device *device);
size_t nic_count(void);
struct nic *nic_at(size_t index);

/* Hands every frame that came in to `input`, then tells the cards what was queued for sending
 * meanwhile. */
void nic_poll(void (*input)(struct nic *nic, uint8_t *frame, size_t length));
/* Room for a frame of NIC_FRAME bytes, or NULL when everything is in flight. It stays the card's
 * until nic_send(); asking again without sending gives the same room. */
uint8_t *nic_frame(struct nic *nic);
/* Queues that frame. */
void nic_send(struct nic *nic, size_t length);
/* Tells the cards what was queued. */
void nic_flush(void);

#endif
