#pragma once

#include <stdbool.h>

/* The ACPI power button, which is how the host asks a guest to stop.
 *
 * The kernel's button driver reports a press in two ways: as a key of an input device, which would
 * take the evdev module, and as a multicast of the generic netlink family "acpi_event", which takes
 * no more than a socket. This is the second. It works once the module button is loaded. */

/* Returns a descriptor that polls readable when an ACPI event is there, or -1 after saying why
 * there is none: such a guest works, it only cannot be asked to stop. */
int power_button_open(void);

/* Reads the events that are there. True if one is a press of the power button. */
bool power_button_pressed(int fd);
