#include "cpu.h"

#include "console.h"
#include "text.h"

enum {
    VECTORS = 48, /* 32 exceptions, then the 16 lines of the two interrupt controllers */
    FIRST_LINE = 32,
    PIC1 = 0x20, /* 8259A, the first and the second: command, +1 data */
    PIC2 = 0xA0,
    PIC_EOI = 0x20,
    PIC_READ_SERVICE = 0x0B,
    ELCR = 0x4D0,       /* which lines are level-triggered, one bit each */
    APIC = 0xFEE00000u, /* the processor's own controller, and from it: */
    APIC_SPURIOUS = 0xF0,
    APIC_SPURIOUS_ON = 0x1FF,
    APIC_LINT0 = 0x350,
    APIC_LINT0_EXTERNAL = 0x700,
    CPUID_HAS_APIC = 1 << 9,
    CODE_SEGMENT = 8,
    INTERRUPT_GATE = 0x8E00,
};

struct gate {
    uint16_t low, selector, flags, high;
};

struct table_pointer {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

/* What stub_common in boot.S leaves on the stack. */
struct frame {
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t vector;
    uint32_t top[3]; /* error code if the exception has one, address, code segment */
};

extern void *const cpu_stubs[VECTORS];

void cpu_interrupt(const struct frame *frame);

static struct gate gates[VECTORS];
static void (*quiets[16])(void);
static size_t quiet_count;
static uint16_t enabled;
static uint32_t wakeups;

static void load_table(const struct table_pointer *pointer)
{
    __asm__ volatile("lidt %0" : : "m"(*pointer));
}

static void write_masks(void)
{
    port_write8(PIC1 + 1, (uint8_t)~enabled);
    port_write8(PIC2 + 1, (uint8_t)(~enabled >> 8));
}

/* The processor takes interrupts through its own controller, which has to let those of the two old
 * ones pass ("virtual wire"). SeaBIOS sets that up, qboot leaves everything masked. */
static void pass_interrupts(void)
{
    uint32_t leaf = 1, features, brand, more;

    __asm__("cpuid" : "+a"(leaf), "=b"(brand), "=c"(more), "=d"(features));
    if ((features & CPUID_HAS_APIC) == 0)
        return;
    *(volatile uint32_t *)(APIC + APIC_SPURIOUS) = APIC_SPURIOUS_ON;
    *(volatile uint32_t *)(APIC + APIC_LINT0) = APIC_LINT0_EXTERNAL;
}

void cpu_init(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        uint32_t address = (uint32_t)cpu_stubs[i];
        gates[i] = (struct gate){(uint16_t)address, CODE_SEGMENT, INTERRUPT_GATE,
                                 (uint16_t)(address >> 16)};
    }
    load_table(&(struct table_pointer){sizeof(gates) - 1, (uint32_t)gates});

    port_write8(PIC1, 0x11); /* initialise, four words follow */
    port_write8(PIC2, 0x11);
    port_write8(PIC1 + 1, FIRST_LINE);
    port_write8(PIC2 + 1, FIRST_LINE + 8);
    port_write8(PIC1 + 1, 4); /* the second hangs on line 2 of the first */
    port_write8(PIC2 + 1, 2);
    port_write8(PIC1 + 1, 1);
    port_write8(PIC2 + 1, 1);
    enabled = 1 << 2;
    write_masks();
    pass_interrupts();
}

void cpu_enable_line(uint8_t line, int level)
{
    if (level) {
        uint16_t port = (uint16_t)(ELCR + line / 8);
        port_write8(port, (uint8_t)(port_read8(port) | 1 << line % 8));
    }
    enabled = (uint16_t)(enabled | 1 << line);
    write_masks();
}

void cpu_register_quiet(void (*quiet)(void))
{
    if (quiet_count < COUNT(quiets))
        quiets[quiet_count++] = quiet;
}

/* Lines 7 and 15 also stand for "the request went away"; those must not be acknowledged. */
static int is_spurious(uint32_t line)
{
    uint16_t controller = line < 8 ? PIC1 : PIC2;

    if (line % 8 != 7)
        return 0;
    port_write8(controller, PIC_READ_SERVICE);
    return (port_read8(controller) & 0x80) == 0;
}

void cpu_interrupt(const struct frame *frame)
{
    if (frame->vector < FIRST_LINE) {
        console_print("probe: exception %u (%x %x %x)\n", frame->vector, frame->top[0],
                      frame->top[1], frame->top[2]);
        cpu_triple_fault();
    }
    uint32_t line = frame->vector - FIRST_LINE;
    int spurious = is_spurious(line);
    for (size_t i = 0; i < quiet_count; i++)
        quiets[i]();
    if (line >= 8 && !spurious)
        port_write8(PIC2, PIC_EOI);
    if (line >= 8 || !spurious)
        port_write8(PIC1, PIC_EOI);
}

void cpu_wait(void)
{
    /* The processor takes no interrupt between sti and the next instruction, so none is lost. */
    __asm__ volatile("sti; hlt; cli" : : : "memory");
    wakeups++;
}

uint32_t cpu_wakeups(void)
{
    return wakeups;
}

_Noreturn void cpu_stop(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}

_Noreturn void cpu_triple_fault(void)
{
    load_table(&(struct table_pointer){0, 0});
    __asm__ volatile("int3");
    cpu_stop();
}
