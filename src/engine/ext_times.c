/* The places are those of the kernel's Documentation/filesystems/ext4; numbers are little-endian.
 */
#include "engine/ext_times.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

enum { SUPER = 1024, SUPER_SIZE = 1024, MAGIC = 0xEF53, WIDE = 0x80, CHECKSUMS = 0x400 };

/* Of a superblock, a group's descriptor and an inode. */
enum {
    SUPER_INODES = 0x00,
    SUPER_FIRST_BLOCK = 0x14,
    SUPER_BLOCK_BITS = 0x18, /* beyond ten */
    SUPER_GROUP_INODES = 0x28,
    SUPER_MAGIC = 0x38,
    SUPER_INODE_SIZE = 0x58,
    SUPER_INCOMPATIBLE = 0x60,
    SUPER_READ_ONLY = 0x64,
    SUPER_GROUP_SIZE = 0xFE,
    GROUP_TABLE = 0x08,
    GROUP_TABLE_HIGH = 0x28,
    INODE_MODE = 0x00,
    INODE_READ = 0x08,
    INODE_CHANGED = 0x0C,
    INODE_WRITTEN = 0x10,
    INODE_SHORT = 0x80, /* what there always is of one; behind it the parts of seconds */
    INODE_CHANGED_PART = 0x84,
    INODE_MADE_PART_END = 0x98,
    INODE_MADE = 0x90,
};

struct disk {
    uint8_t *data;
    uint64_t size;
};

static uint16_t get16(const uint8_t *p)
{
    uint16_t n;

    memcpy(&n, p, sizeof(n));
    return le16toh(n);
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t n;

    memcpy(&n, p, sizeof(n));
    return le32toh(n);
}

static void even(uint8_t *inode, uint64_t size)
{
    const uint8_t *written = inode + INODE_WRITTEN;

    if (!get16(inode + INODE_MODE))
        return;
    memcpy(inode + INODE_READ, written, sizeof(uint32_t));
    memcpy(inode + INODE_CHANGED, written, sizeof(uint32_t));
    if (size < INODE_MADE_PART_END)
        return;
    memset(inode + INODE_CHANGED_PART, 0, INODE_MADE_PART_END - INODE_CHANGED_PART);
    memcpy(inode + INODE_MADE, written, sizeof(uint32_t));
}

static int even_all(const struct disk *d)
{
    const uint8_t *super = d->data + SUPER;

    if (d->size < SUPER + SUPER_SIZE || get16(super + SUPER_MAGIC) != MAGIC ||
        get32(super + SUPER_READ_ONLY) & CHECKSUMS || get32(super + SUPER_BLOCK_BITS) > 6)
        return -EINVAL;
    bool wide = get32(super + SUPER_INCOMPATIBLE) & WIDE;
    uint64_t block = UINT64_C(1024) << get32(super + SUPER_BLOCK_BITS);
    uint64_t inode_size = get16(super + SUPER_INODE_SIZE);
    uint64_t group_size = wide ? get16(super + SUPER_GROUP_SIZE) : 32;
    uint64_t per_group = get32(super + SUPER_GROUP_INODES), inodes = get32(super + SUPER_INODES);
    uint64_t groups = (get32(super + SUPER_FIRST_BLOCK) + UINT64_C(1)) * block;
    if (!per_group || inode_size < INODE_SHORT || group_size < 32)
        return -EINVAL;
    for (uint64_t i = 0; i < inodes; i++) {
        uint64_t group = groups + i / per_group * group_size;
        if (group + group_size > d->size)
            return -EINVAL;
        uint64_t table = get32(d->data + group + GROUP_TABLE);
        if (group_size >= 64)
            table |= (uint64_t)get32(d->data + group + GROUP_TABLE_HIGH) << 32;
        uint64_t at = table * block + i % per_group * inode_size;
        if (table > d->size / block || at + inode_size > d->size)
            return -EINVAL;
        even(d->data + at, inode_size);
    }
    return 0;
}

int cunik_ext_even_times(const char *path, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "opening '%s'", path);
    struct disk d = {.size = (uint64_t)st.st_size};
    d.data = mmap(NULL, d.size ? d.size : 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (d.data == MAP_FAILED)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    int r = even_all(&d);
    munmap(d.data, d.size ? d.size : 1);
    return r < 0 ? cunik_error_set(err, ERROR_INVALID, "'%s' has no ext filesystem of ours", path)
                 : 0;
}
