/* The PCI bus: finding devices, their I/O ports and their interrupt lines. Bus 0 only; the devices
 * this guest knows (legacy virtio, the power management of the chipset) are nowhere else. */
#ifndef GUEST_PCI_H
#define GUEST_PCI_H

#include <stdint.h>

struct pci_device {
    uint32_t address; /* of its configuration space, as the address port wants it */
    uint16_t vendor, device;
};

enum {
    PCI_COMMAND = 0x04,
    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MASTER = 4,
    PCI_BAR0 = 0x10,
    PCI_LINE = 0x3C,
};

/* Calls `found` for every function of every device, in the order of their slots. */
void pci_scan(void (*found)(const struct pci_device *device));

uint32_t pci_read(const struct pci_device *device, uint8_t at);
void pci_write(const struct pci_device *device, uint8_t at, uint32_t value);

/* The first I/O port of BAR 0, with the device switched on; given one here where the firmware gave
 * none. Zero when it is no I/O BAR. */
uint16_t pci_ports(const struct pci_device *device);
/* The interrupt line of the device, 3 to 15; routed here where the firmware did not. Zero when it
 * has none. */
uint8_t pci_line(const struct pci_device *device);

#endif
