#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/image.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    HEAD = 8192, /* a multiboot header lies within, says the Multiboot Specification 0.6.96 */
    SECTOR = 512,
    MULTIBOOT_MAGIC = 0x1badb002,
    MULTIBOOT_ADDRESSES = 1 << 16, /* the header itself says where to load */
    MULTIBOOT_LEAST = 12,
    BZIMAGE_MAGIC_AT = 0x202, /* Linux, Documentation/arch/x86/boot.rst */
    SIGNATURE_AT = 510,
};

struct head {
    uint8_t data[HEAD];
    size_t size;
};

bool cunik_image_read(const struct image *image, uint64_t offset, void *data, size_t size)
{
    uint8_t *to = data;

    if (offset > image->size || size > image->size - offset)
        return false;
    while (size) {
        ssize_t got = pread(image->fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

static bool has(const struct head *head, size_t offset, const char *bytes, size_t size)
{
    return offset + size <= head->size && memcmp(head->data + offset, bytes, size) == 0;
}

static bool is_text(const struct head *head)
{
    for (size_t i = 0; i < head->size; i++) {
        uint8_t c = head->data[i];
        if (c == 0x7f || (c < 0x20 && !strchr("\t\n\r\f\v\b\033", c)) || c == '\0')
            return false;
    }
    return true;
}

/* What a file is that no machine boots with -kernel, from its first bytes; NULL when unknown. */
static const char *foreign_kind(const struct head *head)
{
    static const struct {
        size_t offset;
        const char *bytes;
        size_t size;
        const char *kind;
    } kinds[] = {
        {0, "#!", 2, "a script"},
        {0, "\x1f\x8b", 2, "gzip-compressed"},
        {0,
         "\xfd"
         "7zXZ",
         5, "xz-compressed"},
        {0, "\x28\xb5\x2f\xfd", 4, "zstd-compressed"},
        {0, "BZh", 3, "bzip2-compressed"},
        {0, "PK\x03\x04", 4, "a zip archive"},
        {0, "070701", 6, "a cpio archive (an initrd?)"},
        {0, "070702", 6, "a cpio archive (an initrd?)"},
        {257, "ustar", 5, "a tar archive"},
        {0, "QFI\xfb", 4, "a qcow2 disk image"},
        {0, "KDMV", 4, "a VMDK disk image"},
        {56, "ARM\x64", 4, "a Linux kernel for aarch64, not for x86"},
        {0, "MZ", 2, "a program for EFI or Windows"},
        {SIGNATURE_AT, "\x55\xaa", 2, "a disk image"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (has(head, kinds[i].offset, kinds[i].bytes, kinds[i].size))
            return kinds[i].kind;
    return is_text(head) ? "a text file" : NULL;
}

/* The flags of the multiboot header, false when there is none. QEMU finds it the same way. */
static bool find_multiboot(const struct head *head, uint32_t *ret_flags)
{
    for (size_t i = 0; i + MULTIBOOT_LEAST <= head->size; i += 4) {
        uint32_t flags = cunik_load32(head->data + i + 4);

        if (cunik_load32(head->data + i) != MULTIBOOT_MAGIC)
            continue;
        if (MULTIBOOT_MAGIC + flags + cunik_load32(head->data + i + 8) != 0)
            continue;
        *ret_flags = flags;
        return true;
    }
    return false;
}

static int look_at_elf(const struct image *image, uint32_t multiboot_flags, struct kernel *k,
                       struct error **err)
{
    struct elf_facts facts;
    int r = cunik_elf_read(image, k, &facts, err);

    if (r < 0)
        return r;
    /* Solo5's name a linker that is nowhere, so that Linux does not run them. */
    if (facts.interpreted && !k->solo5)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a program for Linux, not a kernel",
                               image->path);
    /* EM_X86_64 (62) decides for QEMU, not the class. */
    if (k->multiboot && !(multiboot_flags & MULTIBOOT_ADDRESSES) && k->elf_machine == 62)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is a 64-bit multiboot kernel without load addresses, which "
                               "QEMU does not boot; `objcopy -O elf32-i386` makes one that it does",
                               image->path);
    if (!k->multiboot && !k->pvh && k->solo5)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is a Solo5 unikernel for another target than virtio",
                               image->path);
    if (!k->multiboot && !k->pvh && !k->xen)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is an ELF for x86 with neither a multiboot header nor a PVH "
                               "entry, so nothing can boot it",
                               image->path);
    return 0;
}

/* Whether it is known already whose kernel it is. */
static bool is_marked(const struct kernel *k)
{
    return k->unikraft || k->osv || k->rumprun || k->solo5 || k->halvm || k->ling;
}

static int look(const struct image *image, struct kernel *k, struct error **err)
{
    struct head head = {.size = image->size < HEAD ? (size_t)image->size : HEAD};
    uint32_t flags = 0;

    if (!cunik_image_read(image, 0, head.data, head.size))
        return cunik_error_set(err, ERROR_FAILED, "'%s' cannot be read", image->path);
    k->bzimage = has(&head, BZIMAGE_MAGIC_AT, "HdrS", 4);
    if (k->bzimage)
        return 0;
    k->multiboot = find_multiboot(&head, &flags);
    if (has(&head, 0, "\177ELF", 4)) {
        int r = look_at_elf(image, flags, k, err);
        if (r == 0 && !is_marked(k))
            cunik_marks_read(image, k);
        return r;
    }
    if (k->multiboot && flags & MULTIBOOT_ADDRESSES) {
        cunik_marks_read(image, k);
        return 0;
    }
    const char *kind = foreign_kind(&head);
    if (kind)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is %s, not a kernel", image->path, kind);
    return cunik_error_set(err, ERROR_INVALID,
                           "'%s' is not a kernel: no ELF, no multiboot header, no bzImage",
                           image->path);
}

int cunik_kernel_read(const char *path, struct kernel *ret, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct kernel k = {0};
    struct stat st;

    if (fd < 0)
        return cunik_error_errno(err, errno, "kernel '%s'", path);
    if (fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "kernel '%s'", path);
    if (S_ISDIR(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a directory, not a kernel", path);
    if (!S_ISREG(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is not a regular file", path);
    if (st.st_size == 0)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is empty, not a kernel", path);

    struct image image = {.fd = fd, .path = path, .size = (uint64_t)st.st_size};
    int r = look(&image, &k, err);
    if (r < 0) {
        cunik_kernel_done(&k);
        return r;
    }
    k.path = cunik_strdup(path);
    *ret = k;
    return 0;
}

void cunik_kernel_done(struct kernel *k)
{
    for (size_t i = 0; i < k->n_devices; i++)
        free(k->devices[i].name);
    free(k->devices);
    free(k->config);
    free(k->path);
    *k = (struct kernel){0};
}
