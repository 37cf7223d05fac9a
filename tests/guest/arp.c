#include "arp.h"

#include "clock.h"
#include "text.h"

enum {
    NEIGHBOURS = 32,
    MESSAGE = 28,
    REQUEST = 1,
    REPLY = 2,
    RETRY_MS = 200,
    TRIES = 5,
};

static const uint8_t broadcast[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, nobody[6];

static struct neighbour {
    const struct interface *interface; /* NULL: a free entry */
    uint32_t address;
    uint8_t mac[6];
    bool known;
    uint32_t used; /* when, counted in uses */
    int tries;
    struct timer retry;
    size_t waiting; /* length of the frame that waits for the address, 0: none */
    uint8_t frame[NIC_FRAME];
} neighbours[NEIGHBOURS];
static uint32_t uses;

static void send_message(const struct interface *interface, uint16_t kind, const uint8_t *to,
                         const uint8_t *mac, uint32_t address)
{
    uint8_t *frame = nic_frame(interface->nic);

    if (!frame)
        return;
    uint8_t *message = frame + ETHERNET_HEADER;
    memcpy(frame, to, 6);
    memcpy(frame + 6, interface->nic->mac, 6);
    put16(frame + 12, ETHERNET_ARP);
    put16(message, 1); /* Ethernet */
    put16(message + 2, ETHERNET_IP);
    message[4] = 6;
    message[5] = 4;
    put16(message + 6, kind);
    memcpy(message + 8, interface->nic->mac, 6);
    put32(message + 14, interface->address);
    memcpy(message + 18, mac, 6);
    put32(message + 24, address);
    nic_send(interface->nic, ETHERNET_HEADER + MESSAGE);
}

void arp_announce(const struct interface *interface)
{
    send_message(interface, REQUEST, broadcast, nobody, interface->address);
}

static struct neighbour *find(const struct interface *interface, uint32_t address)
{
    for (size_t i = 0; i < NEIGHBOURS; i++)
        if (neighbours[i].interface == interface && neighbours[i].address == address)
            return &neighbours[i];
    return NULL;
}

static void drop(struct neighbour *neighbour)
{
    timer_stop(&neighbour->retry);
    neighbour->interface = NULL;
    neighbour->known = false;
    neighbour->waiting = 0;
}

/* A free entry, or the one that was used longest ago. */
static struct neighbour *add(const struct interface *interface, uint32_t address)
{
    struct neighbour *best = &neighbours[0];

    for (size_t i = 0; i < NEIGHBOURS && best->interface; i++)
        if (!neighbours[i].interface || (int32_t)(neighbours[i].used - best->used) < 0)
            best = &neighbours[i];
    drop(best);
    best->interface = interface;
    best->address = address;
    best->used = uses++;
    return best;
}

static void ask(void *data)
{
    struct neighbour *neighbour = data;

    if (neighbour->tries++ == TRIES) {
        drop(neighbour);
        return;
    }
    send_message(neighbour->interface, REQUEST, broadcast, nobody, neighbour->address);
    timer_start(&neighbour->retry, RETRY_MS);
}

static void learn(struct neighbour *neighbour, const uint8_t *mac)
{
    struct nic *nic = neighbour->interface->nic;

    memcpy(neighbour->mac, mac, 6);
    neighbour->known = true;
    timer_stop(&neighbour->retry);
    uint8_t *frame = neighbour->waiting ? nic_frame(nic) : NULL;
    if (frame) {
        memcpy(frame, neighbour->frame, neighbour->waiting);
        memcpy(frame, mac, 6);
        nic_send(nic, neighbour->waiting);
    }
    neighbour->waiting = 0;
}

void arp_send(const struct interface *interface, uint32_t hop, size_t length)
{
    struct neighbour *neighbour = find(interface, hop);
    uint8_t *frame = nic_frame(interface->nic);

    if (neighbour && neighbour->known) {
        neighbour->used = uses++;
        memcpy(frame, neighbour->mac, 6);
        nic_send(interface->nic, length);
        return;
    }
    if (!neighbour)
        neighbour = add(interface, hop);
    memcpy(neighbour->frame, frame, length);
    neighbour->waiting = length;
    if (!neighbour->retry.running) {
        neighbour->retry.run = ask;
        neighbour->retry.data = neighbour;
        neighbour->tries = 0;
        ask(neighbour);
    }
}

void arp_forget(const struct interface *interface, uint32_t hop)
{
    bool near = ((hop ^ interface->address) & interface->mask) == 0;
    struct neighbour *neighbour =
        find(interface, near || !interface->gateway ? hop : interface->gateway);

    if (neighbour && neighbour->known)
        drop(neighbour);
}

void arp_input(const struct interface *interface, const uint8_t *message, size_t length)
{
    if (length < MESSAGE || get16(message) != 1 || get16(message + 2) != ETHERNET_IP ||
        message[4] != 6 || message[5] != 4)
        return;
    uint16_t kind = get16(message + 6);
    const uint8_t *mac = message + 8;
    uint32_t from = get32(message + 14), target = get32(message + 24);
    if ((kind != REQUEST && kind != REPLY) || from == interface->address || mac[0] & 1)
        return;

    struct neighbour *neighbour = from ? find(interface, from) : NULL;
    bool ours = target == interface->address;
    if (!neighbour && from && ours)
        neighbour = add(interface, from);
    if (neighbour)
        learn(neighbour, mac);
    if (kind == REQUEST && ours)
        send_message(interface, REPLY, mac, mac, from);
}
