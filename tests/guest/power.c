#include "power.h"

#include "cpu.h"
#include "text.h"

enum {
    INTEL = 0x8086,
    STATUS = 0, /* from the base: 16 bits, then as many that enable an interrupt, then the control
                   register */
    ENABLES = 2,
    CONTROL = 4,
    TIMER = 8,
    POWER_BUTTON = 1 << 8,
    CONTROL_ACPI = 1 << 0,
    CONTROL_SLEEP = 1 << 13, /* the sleep type above it: 0 is off on both chipsets */
    LINE = 9,
    OWN_BASE = 0x600, /* where firmware left the base unset */
    RESET_PORT = 0xCF9,
    KEYBOARD_PORT = 0x64,
    DEBUG_EXIT_PORT = 0x501,
};

/* Where each chipset keeps the base of its power management ports, and the bit that switches them
 * on. */
static const struct chipset {
    uint16_t device;
    uint8_t base_at, enable_at;
    uint8_t enable;
} chipsets[] = {
    {0x7113, 0x40, 0x80, 0x01},
    {0x2918, 0x40, 0x44, 0x80},
};

static uint16_t base;
static bool pressed;

void power_found(const struct pci_device *device)
{
    for (size_t i = 0; i < COUNT(chipsets); i++) {
        const struct chipset *chipset = &chipsets[i];
        if (device->vendor != INTEL || device->device != chipset->device)
            continue;
        base = (uint16_t)(pci_read(device, chipset->base_at) & 0xFF80);
        if (base == 0) {
            base = OWN_BASE;
            pci_write(device, chipset->base_at, base | 1);
        }
        uint32_t enables = pci_read(device, chipset->enable_at);
        if ((enables & chipset->enable) == 0)
            pci_write(device, chipset->enable_at, enables | chipset->enable);
    }
}

uint16_t power_timer_port(void)
{
    return base ? (uint16_t)(base + TIMER) : 0;
}

static void quiet(void)
{
    if (port_read16((uint16_t)(base + STATUS)) & POWER_BUTTON) {
        port_write16((uint16_t)(base + STATUS), POWER_BUTTON); /* writing a one clears it */
        pressed = true;
    }
}

void power_listen(void)
{
    uint16_t control = port_read16((uint16_t)(base + CONTROL));

    port_write16((uint16_t)(base + CONTROL), control | CONTROL_ACPI);
    port_write16((uint16_t)(base + STATUS), POWER_BUTTON);
    port_write16((uint16_t)(base + ENABLES), POWER_BUTTON);
    cpu_register_quiet(quiet);
    cpu_enable_line(LINE, 1);
}

bool power_button_pressed(void)
{
    bool was = pressed;

    pressed = false;
    return was;
}

_Noreturn void power_off(void)
{
    port_write16((uint16_t)(base + CONTROL), CONTROL_SLEEP);
    cpu_stop();
}

_Noreturn void power_reset(void)
{
    port_write8(RESET_PORT, 2);
    port_write8(RESET_PORT, 6);
    port_write8(KEYBOARD_PORT, 0xFE);
    cpu_triple_fault();
}

_Noreturn void power_debug_exit(uint8_t code)
{
    port_write8(DEBUG_EXIT_PORT, code);
    power_off();
}
