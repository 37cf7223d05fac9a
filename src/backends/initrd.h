/* A second archive behind an initrd: the way to bring files to a guest that unpacks one (cpio
 * "newc"; the kernel takes several archives, each beginning at a multiple of four bytes).
 *
 * Guests of the linux backend find the files under /.cunik/N and a list of them in
 * /etc/cunik/files, one a line, `N TARGET` with the target percent-encoded; their init puts each
 * file at its target, read-only (guests/linux/files.c).
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"

struct initrd_file {
    const char *target; /* absolute */
    uint32_t mode, uid, gid;
    const void *data;
    size_t size;
};

/* Any archive: an entry of root's, and what stands behind the last one. Pure. */
void cunik_initrd_add(struct buffer *to, const char *name, uint32_t mode, const void *data,
                      size_t size);
void cunik_initrd_end(struct buffer *to);

/* Appends the whole archive. Pure. */
void cunik_initrd_append(struct buffer *to, const struct initrd_file *files, size_t n);
