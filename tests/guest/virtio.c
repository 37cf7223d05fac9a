#include "virtio.h"

#include <stddef.h>

#include "cpu.h"
#include "memory.h"

enum {
    FEATURES = 0,
    GUEST_FEATURES = 4,
    QUEUE_PAGE = 8,
    QUEUE_SIZE = 12,
    QUEUE_SELECT = 14,
    NOTIFY = 16,
    STATUS = 18,
    INTERRUPT_STATUS = 19,
    STATUS_SEEN = 1,
    STATUS_DRIVER = 2,
    STATUS_READY = 4,
    PAGE = 4096,
    NO_INTERRUPT = 1, /* in the flags of the available ring */
    NO_NOTIFY = 1,    /* in the flags of the used ring */
    LARGEST = 1024,
};

uint32_t virtio_start(uint16_t ports, uint32_t wanted)
{
    port_write8((uint16_t)(ports + STATUS), 0);
    port_write8((uint16_t)(ports + STATUS), STATUS_SEEN | STATUS_DRIVER);
    uint32_t features = port_read32((uint16_t)(ports + FEATURES)) & wanted;
    port_write32((uint16_t)(ports + GUEST_FEATURES), features);
    return features;
}

bool virtio_queue_init(struct virtio_queue *queue, uint16_t ports, uint16_t index, bool interrupts)
{
    port_write16((uint16_t)(ports + QUEUE_SELECT), index);
    uint16_t size = port_read16((uint16_t)(ports + QUEUE_SIZE));
    if (size == 0 || size > LARGEST)
        return false;

    size_t table = size * sizeof(struct virtio_descriptor);
    size_t used = (table + 6 + 2 * (size_t)size + PAGE - 1) / PAGE * PAGE;
    uint8_t *memory = memory_take(used + 6 + 8 * (size_t)size);
    if (!memory)
        return false;
    *queue = (struct virtio_queue){
        .ports = ports,
        .index = index,
        .size = size,
        .descriptors = (struct virtio_descriptor *)memory,
        .available = (uint16_t *)(memory + table),
        .used = (uint16_t *)(memory + used),
    };
    queue->available[0] = interrupts ? 0 : NO_INTERRUPT;
    port_write32((uint16_t)(ports + QUEUE_PAGE), (uint32_t)memory / PAGE);
    return true;
}

void virtio_ready(uint16_t ports)
{
    port_write8((uint16_t)(ports + STATUS), STATUS_SEEN | STATUS_DRIVER | STATUS_READY);
}

void virtio_quiet(uint16_t ports)
{
    (void)port_read8((uint16_t)(ports + INTERRUPT_STATUS));
}

void virtio_offer(struct virtio_queue *queue, uint16_t id)
{
    queue->available[2 + queue->offered % queue->size] = id;
    queue->offered++;
}

void virtio_tell(struct virtio_queue *queue)
{
    if (queue->told == queue->offered)
        return;
    cpu_barrier();
    queue->available[1] = queue->offered;
    queue->told = queue->offered;
    cpu_barrier();
    if ((queue->used[0] & NO_NOTIFY) == 0)
        port_write16((uint16_t)(queue->ports + NOTIFY), queue->index);
}

bool virtio_take(struct virtio_queue *queue, uint32_t *ret_id, uint32_t *ret_length)
{
    if (queue->used[1] == queue->returned)
        return false;
    cpu_barrier();
    volatile uint32_t *element =
        (volatile uint32_t *)(queue->used + 2) + 2 * (queue->returned % queue->size);
    *ret_id = element[0];
    *ret_length = element[1];
    queue->returned++;
    return true;
}
