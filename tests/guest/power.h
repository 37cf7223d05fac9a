/* Ways to end, and the host's wish that we do: the power management of the chipset (PIIX4 on
 * machine pc, ICH9 on q35). */
#ifndef GUEST_POWER_H
#define GUEST_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "pci.h"

/* Takes note of the chipset's power management when `device` is it; for pci_scan(). */
void power_found(const struct pci_device *device);
/* First port of the free-running timer, or zero when the chipset was not found. */
uint16_t power_timer_port(void);

/* From here on the power button is heard; without, the host's request passes unseen. */
void power_listen(void);
/* True once after each press. */
bool power_button_pressed(void);

_Noreturn void power_off(void);
_Noreturn void power_reset(void);
/* Ends QEMU itself with status 2 * code + 1 where it has a device isa-debug-exit; else powers off.
 */
_Noreturn void power_debug_exit(uint8_t code);

#endif
