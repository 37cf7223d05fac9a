#include "disk.h"

#include "clock.h"
#include "cpu.h"
#include "virtio.h"

enum {
    READ = 0,
    WRITE = 1,
    DONE = 0,
    UNTOUCHED = 0xFF,
    PATIENCE_MS = 2000,
};

static struct disk {
    struct pci_device device;
    struct virtio_queue queue;
    uint16_t ports;
} disks[DISK_MOST];
static size_t count;

static struct {
    uint32_t type, reserved, sector, sector_high;
} request;
static char sector[DISK_SECTOR];
static volatile uint8_t status;

void disk_found(const struct pci_device *device)
{
    if (device->vendor == VIRTIO_VENDOR && device->device == VIRTIO_BLK_LEGACY && count < DISK_MOST)
        disks[count++].device = *device;
}

size_t disk_count(void)
{
    return count;
}

static const char *start(struct disk *disk)
{
    uint16_t ports = pci_ports(&disk->device);

    if (ports == 0)
        return "no ports";
    virtio_start(ports, 0);
    if (!virtio_queue_init(&disk->queue, ports, 0, false))
        return "not enough memory";
    virtio_ready(ports);
    disk->ports = ports;
    return NULL;
}

/* Three buffers in one request: what is wanted, where it goes, how it went. */
static void ask(struct virtio_queue *queue, uint32_t type)
{
    uint16_t direction = type == READ ? VIRTIO_WRITE : 0; /* of the device */

    request.type = type;
    request.sector = 0;
    status = UNTOUCHED;
    queue->descriptors[0] =
        (struct virtio_descriptor){(uint32_t)&request, 0, sizeof(request), VIRTIO_NEXT, 1};
    queue->descriptors[1] =
        (struct virtio_descriptor){(uint32_t)sector, 0, sizeof(sector), direction | VIRTIO_NEXT, 2};
    queue->descriptors[2] = (struct virtio_descriptor){(uint32_t)&status, 0, 1, VIRTIO_WRITE, 0};
    virtio_offer(queue, 0);
    virtio_tell(queue);
}

/* NULL, or why not. */
static const char *transfer(size_t index, uint32_t type)
{
    const char *why = NULL;
    uint32_t id, length;

    if (index >= count)
        return "no such disk";
    if (disks[index].ports == 0)
        why = start(&disks[index]);
    if (why)
        return why;
    uint32_t begin = clock_now();
    ask(&disks[index].queue, type);
    while (!virtio_take(&disks[index].queue, &id, &length) && clock_now() - begin < PATIENCE_MS)
        ;
    if (status == DONE)
        return NULL;
    if (status == UNTOUCHED)
        return "no answer";
    return type == READ ? "read error" : "write error";
}

const char *disk_first_sector(size_t index, const char **ret_why)
{
    const char *why = transfer(index, READ);

    if (!why)
        return sector;
    *ret_why = why;
    return NULL;
}

const char *disk_write(size_t index, const char *text)
{
    for (size_t i = 0; i < DISK_SECTOR; i++) {
        sector[i] = *text;
        text += *text != '\0';
    }
    return transfer(index, WRITE);
}
