/* The memory above the program, handed out once and never given back. */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct multiboot;

/* `info` as the loader left it. Whatever the loader placed above the program stays untouched. */
void memory_init(const struct multiboot *info);
/* Page-aligned and filled with zeros, or NULL when there is not enough left. */
void *memory_take(size_t bytes);
/* The same with whatever stands there, for large buffers that are written before they are read. */
void *memory_take_raw(size_t bytes);
/* Bytes not handed out yet. */
size_t memory_left(void);

/* The part of the multiboot information that this program reads; what holds is said by flags. */
struct multiboot {
    uint32_t flags;
    uint32_t lower_kib, upper_kib; /* MULTIBOOT_MEMORY; upper starts at 1 MiB */
    uint32_t boot_device;
    uint32_t command_line;          /* MULTIBOOT_COMMAND_LINE: address of a string */
    uint32_t module_count, modules; /* MULTIBOOT_MODULES: address of struct multiboot_module[] */
};

struct multiboot_module {
    uint32_t start, end, text, reserved;
};

enum {
    MULTIBOOT_MAGIC = 0x2BADB002,
    MULTIBOOT_MEMORY = 1 << 0,
    MULTIBOOT_COMMAND_LINE = 1 << 2,
    MULTIBOOT_MODULES = 1 << 3,
};

#endif
