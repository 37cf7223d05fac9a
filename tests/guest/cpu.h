/* The processor: ports, interrupts, waiting.
 *
 * The guest runs with interrupts off, except inside cpu_wait(), which is the only place where it
 * waits. So nothing here needs locks: an interrupt only ends the wait, and the main loop looks at
 * every device by itself. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include <stdint.h>

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void port_write16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void port_write32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint16_t port_read16(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint32_t port_read32(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* The low half of the cycle counter: good for numbers that should differ from boot to boot, not for
 * time. */
static inline uint32_t cpu_cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low;
}

/* Orders memory accesses that a device sees. */
static inline void cpu_barrier(void)
{
    __asm__ volatile("lock; addl $0, (%%esp)" : : : "memory", "cc");
}

/* Interrupt table and controllers; every line masked. */
void cpu_init(void);
/* Lets line 0 to 15 interrupt. A level-triggered line (PCI, ACPI) stays asserted until `quiet` of
 * every registered device ran. */
void cpu_enable_line(uint8_t line, int level);
/* Called within each interrupt: must make its device drop its line. At most 16. */
void cpu_register_quiet(void (*quiet)(void));
/* Sleeps until an interrupt. One that came in since the last wait ends it at once. */
void cpu_wait(void);
/* How often cpu_wait() returned. */
uint32_t cpu_wakeups(void);

/* Ends for ever: stands still with interrupts off; or a triple fault, which resets the machine. */
_Noreturn void cpu_stop(void);
_Noreturn void cpu_triple_fault(void);

#endif
