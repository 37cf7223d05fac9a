#include "pci.h"

#include "cpu.h"

enum {
    ADDRESS_PORT = 0xCF8,
    DATA_PORT = 0xCFC,
    ENABLE = 1u << 31,
    SLOTS = 32,
    FUNCTIONS = 8,
    HEADER_TYPE = 0x0C, /* its third byte; bit 7: several functions */
    MULTI_FUNCTION = 1 << 23,
    BAR_IS_IO = 1,
    BAR_IO_MASK = 0xFFFC,
    FIRST_FREE_PORT = 0xC000, /* where firmware that assigns ports begins, too */
    PORTS_PER_DEVICE = 0x80,
    PIIX3 = 0x7000, /* the bridge of machine pc: device id, its slot, its four interrupt routes */
    PIIX3_SLOT = 1,
    PIIX3_ROUTES = 0x60,
    ROUTE_OFF = 0x80,
    ROUTED_LINE = 11,
};

static uint32_t address_of(uint32_t slot, uint32_t function)
{
    return ENABLE | slot << 11 | function << 8;
}

static uint32_t slot_of(const struct pci_device *device)
{
    return device->address >> 11 & 31;
}

uint32_t pci_read(const struct pci_device *device, uint8_t at)
{
    port_write32(ADDRESS_PORT, device->address | at);
    return port_read32(DATA_PORT);
}

void pci_write(const struct pci_device *device, uint8_t at, uint32_t value)
{
    port_write32(ADDRESS_PORT, device->address | at);
    port_write32(DATA_PORT, value);
}

static int probe(struct pci_device *device)
{
    uint32_t id = pci_read(device, 0);

    device->vendor = (uint16_t)id;
    device->device = (uint16_t)(id >> 16);
    return device->vendor != 0xFFFF;
}

void pci_scan(void (*found)(const struct pci_device *device))
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        struct pci_device device = {.address = address_of(slot, 0)};
        if (!probe(&device))
            continue;
        found(&device);
        if ((pci_read(&device, HEADER_TYPE) & MULTI_FUNCTION) == 0)
            continue;
        for (uint32_t function = 1; function < FUNCTIONS; function++) {
            device.address = address_of(slot, function);
            if (probe(&device))
                found(&device);
        }
    }
}

uint16_t pci_ports(const struct pci_device *device)
{
    static uint16_t next_free = FIRST_FREE_PORT;
    uint32_t bar = pci_read(device, PCI_BAR0);

    if ((bar & BAR_IS_IO) == 0)
        return 0;
    if ((bar & BAR_IO_MASK) == 0) {
        bar = next_free;
        next_free = (uint16_t)(next_free + PORTS_PER_DEVICE);
        pci_write(device, PCI_BAR0, bar);
    }
    pci_write(device, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    return (uint16_t)(bar & BAR_IO_MASK);
}

/* On machine pc the pin of a slot goes to one of four routes, one further for each slot after the
 * bridge's. Zero on other machines. */
static uint8_t route(const struct pci_device *device, uint32_t pin)
{
    struct pci_device bridge = {.address = address_of(PIIX3_SLOT, 0)};

    if (!probe(&bridge) || bridge.device != PIIX3)
        return 0;
    uint32_t shift = (pin - 1 + slot_of(device) - PIIX3_SLOT) % 4 * 8;
    uint32_t routes = pci_read(&bridge, PIIX3_ROUTES);
    if (routes >> shift & ROUTE_OFF) {
        routes = (routes & ~(0xFFu << shift)) | (uint32_t)ROUTED_LINE << shift;
        pci_write(&bridge, PIIX3_ROUTES, routes);
    }
    return (uint8_t)(routes >> shift & 15);
}

uint8_t pci_line(const struct pci_device *device)
{
    uint32_t setting = pci_read(device, PCI_LINE);
    uint32_t line = setting & 0xFF, pin = setting >> 8 & 0xFF;

    if (pin == 0)
        return 0;
    /* The route first: qboot writes another line into the device than it routes. */
    uint8_t routed = route(device, pin);
    return routed ? routed : line >= 3 && line <= 15 ? (uint8_t)line : 0;
}
