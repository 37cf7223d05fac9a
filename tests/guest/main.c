/* The probe guest: what it is and does stands in README.md. */
#include <stddef.h>
#include <stdint.h>

#include "arguments.h"
#include "behave.h"
#include "clock.h"
#include "config.h"
#include "console.h"
#include "cpu.h"
#include "dhcp.h"
#include "disk.h"
#include "ip.h"
#include "memory.h"
#include "nic.h"
#include "pci.h"
#include "power.h"
#include "tcp.h"

_Noreturn void guest_main(uint32_t magic, const struct multiboot *info);

static void found(const struct pci_device *device)
{
    power_found(device);
    nic_found(device);
    disk_found(device);
}

static _Noreturn void give_up(const char *why)
{
    console_print("probe: %s\n", why);
    cpu_stop();
}

static void print_mounts(void)
{
    for (size_t i = 0; i < config.mount_count; i++) {
        const struct config_mount *mount = &config.mounts[i];
        console_print("probe: mount %s %s %s %s\n", mount->device, mount->path, mount->type,
                      mount->mode);
    }
}

_Noreturn void guest_main(uint32_t magic, const struct multiboot *info)
{
    console_init();
    cpu_init();
    console_print("probe: booted\n");
    if (magic != MULTIBOOT_MAGIC)
        give_up("not started by a multiboot loader");
    memory_init(info);
    config_read(info->flags & MULTIBOOT_COMMAND_LINE ? (const char *)info->command_line : "");
    if (config.error) {
        console_print("probe: command line: %s\n", config.error);
        give_up("serving nothing");
    }
    pci_scan(found);
    if (power_timer_port() == 0)
        give_up("no clock: the chipset is neither PIIX4 nor ICH9");
    clock_init(power_timer_port());
    print_mounts();
    arguments_read();
    if (arguments.dhcp)
        dhcp_configure();
    if (ip_init() > 0 && !tcp_init())
        give_up("not enough memory");
    behave_start();

    for (;;) {
        nic_poll(ip_input);
        clock_run();
        nic_flush();
        if (power_button_pressed())
            behave_power_button();
        clock_wait();
    }
}
