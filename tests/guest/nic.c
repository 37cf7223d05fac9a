#include "nic.h"

#include "console.h"
#include "cpu.h"
#include "memory.h"
#include "text.h"

enum {
    FEATURE_MTU = 1 << 3,
    FEATURE_MAC = 1 << 5,
    FEATURE_ANY_LAYOUT = 1 << 27,
    CONFIG_MTU = VIRTIO_CONFIG + 10,
    MTU_LEAST = 576,
    MTU_MOST = 1500,
};

static struct nic nics[NIC_MOST];
static size_t count;

static void quiet(void)
{
    for (size_t i = 0; i < count; i++)
        virtio_quiet(nics[i].ports);
}

static void read_settings(struct nic *nic, uint32_t features)
{
    for (uint16_t i = 0; i < sizeof(nic->mac); i++)
        nic->mac[i] = port_read8((uint16_t)(nic->ports + VIRTIO_CONFIG + i));
    nic->mtu = MTU_MOST;
    if (features & FEATURE_MTU) {
        uint16_t mtu = port_read16((uint16_t)(nic->ports + CONFIG_MTU));
        if (mtu >= MTU_LEAST && mtu < MTU_MOST)
            nic->mtu = mtu;
    }
}

static bool lay_out(struct nic *nic)
{
    if (!virtio_queue_init(&nic->receive, nic->ports, 0, true) ||
        !virtio_queue_init(&nic->transmit, nic->ports, 1, false))
        return false;
    nic->receive_buffers = memory_take_raw(NIC_SLOTS * NIC_BUFFER);
    nic->transmit_buffers = memory_take(NIC_SLOTS * NIC_BUFFER);
    return nic->receive_buffers && nic->transmit_buffers && nic->receive.size >= NIC_SLOTS &&
           nic->transmit.size >= NIC_SLOTS;
}

static void fill(struct nic *nic)
{
    for (uint16_t i = 0; i < NIC_SLOTS; i++) {
        nic->receive.descriptors[i] = (struct virtio_descriptor){
            .address = (uint32_t)(nic->receive_buffers + i * NIC_BUFFER),
            .length = NIC_BUFFER,
            .flags = VIRTIO_WRITE,
        };
        virtio_offer(&nic->receive, i);
        nic->transmit.descriptors[i].address = (uint32_t)(nic->transmit_buffers + i * NIC_BUFFER);
        nic->free[i] = (uint8_t)i;
    }
    nic->free_count = NIC_SLOTS;
}

void nic_found(const struct pci_device *device)
{
    if (device->vendor != VIRTIO_VENDOR || device->device != VIRTIO_NET_LEGACY)
        return;
    struct nic *nic = &nics[count];
    uint16_t ports = count < NIC_MOST ? pci_ports(device) : 0;
    uint8_t line = pci_line(device);
    if (ports == 0 || line == 0) {
        console_print("probe: network card %x cannot be used\n", device->address);
        return;
    }
    nic->ports = ports;
    read_settings(nic, virtio_start(ports, FEATURE_MTU | FEATURE_MAC | FEATURE_ANY_LAYOUT));
    if (!lay_out(nic)) {
        console_print("probe: not enough memory for network card %x\n", device->address);
        return;
    }
    fill(nic);
    virtio_ready(ports);
    virtio_tell(&nic->receive);
    if (count++ == 0)
        cpu_register_quiet(quiet);
    cpu_enable_line(line, 1);
}

size_t nic_count(void)
{
    return count;
}

struct nic *nic_at(size_t index)
{
    return &nics[index];
}

static void reclaim(struct nic *nic)
{
    uint32_t id, length;

    while (virtio_take(&nic->transmit, &id, &length))
        if (id < NIC_SLOTS && nic->free_count < NIC_SLOTS)
            nic->free[nic->free_count++] = (uint8_t)id;
}

uint8_t *nic_frame(struct nic *nic)
{
    if (nic->free_count == 0)
        reclaim(nic);
    if (nic->free_count == 0) {
        virtio_tell(&nic->transmit);
        nic->full++;
        return NULL;
    }
    return nic->transmit_buffers + nic->free[nic->free_count - 1] * NIC_BUFFER + NIC_HEADER;
}

void nic_send(struct nic *nic, size_t length)
{
    uint8_t id = nic->free[--nic->free_count];

    /* The virtio header before the frame stays all zeros: checksums are in place, no segmentation.
     */
    nic->transmit.descriptors[id].length = (uint32_t)(NIC_HEADER + length);
    virtio_offer(&nic->transmit, id);
    nic->sent++;
}

void nic_flush(void)
{
    for (size_t i = 0; i < count; i++) {
        virtio_tell(&nics[i].transmit);
        virtio_tell(&nics[i].receive);
    }
}

void nic_poll(void (*input)(struct nic *nic, uint8_t *frame, size_t length))
{
    for (size_t i = 0; i < count; i++) {
        struct nic *nic = &nics[i];
        uint32_t id, length;
        /* One round of the ring at most, so that timers get their turn under a flood. */
        for (int budget = NIC_SLOTS; budget > 0 && virtio_take(&nic->receive, &id, &length);
             budget--) {
            if (id >= NIC_SLOTS)
                continue;
            nic->received++;
            if (length > NIC_HEADER && length <= NIC_BUFFER)
                input(nic, nic->receive_buffers + id * NIC_BUFFER + NIC_HEADER,
                      length - NIC_HEADER);
            virtio_offer(&nic->receive, (uint16_t)id);
        }
    }
    nic_flush();
}
