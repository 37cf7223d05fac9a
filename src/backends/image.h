/* An untrusted kernel file, read at offsets that are checked against its size. Internal to
 * kernel.c, elf.c, notes.c and marks.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/backend.h"

struct image {
    int fd;
    const char *path; /* for errors; borrowed */
    uint64_t size;
};

/* Reads [offset, offset + size) into data; false when that is not wholly inside the file (also when
 * it shrank meanwhile) or cannot be read. */
bool cunik_image_read(const struct image *image, uint64_t offset, void *data, size_t size);

/* Little-endian numbers at p. */
static inline uint16_t cunik_load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t cunik_load32(const uint8_t *p)
{
    return cunik_load16(p) | (uint32_t)cunik_load16(p + 2) << 16;
}

static inline uint64_t cunik_load64(const uint8_t *p)
{
    return cunik_load32(p) | (uint64_t)cunik_load32(p + 4) << 32;
}

/* What an ELF file has besides struct kernel's members. */
struct elf_facts {
    bool interpreted; /* it wants a dynamic linker: a program, not a kernel */
};

/* Fills the ELF members of *k. ERROR_INVALID for a file that is no little-endian ELF for x86, or
 * whose tables point outside of it. */
int cunik_elf_read(const struct image *image, struct kernel *k, struct elf_facts *ret,
                   struct error **err);

/* One block of ELF notes. What makes no sense in it is ERROR_INVALID only where Solo5 would trust
 * it: in its manifest. */
int cunik_notes_read(const struct image *image, struct kernel *k, const uint8_t *data, size_t size,
                     struct error **err);

/* Xen's text of `KEY=VALUE,…` in a section __xen_guest. */
void cunik_notes_read_guest(struct kernel *k, const char *text);

/* Looks through the whole file for strings that only one implementation has. */
void cunik_marks_read(const struct image *image, struct kernel *k);
