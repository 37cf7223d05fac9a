/* ELF notes: Xen's, which say how a kernel is entered and whose guest it is, and Solo5's, which say
 * for which target it was made and what devices it wants (Solo5's elf_abi.h and mft_abi.h). */
#include <string.h>

#include "backends/image.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    /* Xen's public/elfnote.h. */
    XEN_VERSION = 5,
    XEN_GUEST_OS = 6,
    XEN_PHYS32_ENTRY = 18, /* the 32-bit entry of a PVH guest */

    SOLO5_ABI1 = 0x31494241,
    SOLO5_MFT1 = 0x3154464d,
    TARGET_VIRTIO = 3,

    /* A manifest: four bytes of padding, version, number of entries, entries. The first entry is
     * there for Solo5 itself. An entry: name, type, and what only a running one has. */
    MANIFEST_HEAD = 12,
    MANIFEST_VERSION = 1,
    ENTRIES_MOST = 64,
    ENTRY_SIZE = 104,
    ENTRY_NAME = 68,
    TYPE_BLOCK = 1,
    TYPE_NET = 2,
};

static const uint32_t type_reserved = 1u << 30;

struct note {
    uint32_t type;
    const uint8_t *data;
    size_t size;
};

/* What Xen's notes or its text call the guest. */
static void set_guest_os(struct kernel *k, const char *name, size_t size)
{
    size_t length = strnlen(name, size);

    k->halvm |= length == 5 && memcmp(name, "HaLVM", 5) == 0;
    k->ling |= length == 4 && memcmp(name, "Ling", 4) == 0;
}

void cunik_notes_read_guest(struct kernel *k, const char *text)
{
    static const char key[] = "GUEST_OS=";
    const char *value = strstr(text, key);

    k->xen = true;
    if (value) {
        value += strlen(key);
        set_guest_os(k, value, strcspn(value, ","));
    }
}

static void read_xen(struct kernel *k, const struct note *n)
{
    k->pvh |= n->type == XEN_PHYS32_ENTRY;
    k->xen |= n->type == XEN_VERSION;
    if (n->type == XEN_GUEST_OS)
        set_guest_os(k, (const char *)n->data, n->size);
}

static int wrong(const struct image *image, const char *why, struct error **err)
{
    return cunik_error_set(err, ERROR_INVALID, "'%s': its Solo5 manifest %s", image->path, why);
}

static int read_device(const struct image *image, struct kernel *k, const uint8_t *entry,
                       struct error **err)
{
    size_t length = strnlen((const char *)entry, ENTRY_NAME);
    uint32_t type = cunik_load32(entry + ENTRY_NAME);

    if (length == 0 || length == ENTRY_NAME)
        return wrong(image, "has a device without a name", err);
    if (type != TYPE_BLOCK && type != TYPE_NET)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s': its Solo5 manifest has a device of the unknown type %u",
                               image->path, type);
    *ARRAY_APPEND(k->devices, k->n_devices) = (struct solo5_device){
        .name = cunik_strndup((const char *)entry, length), .net = type == TYPE_NET};
    return 0;
}

static int read_manifest(const struct image *image, struct kernel *k, const struct note *n,
                         struct error **err)
{
    if (k->manifest)
        return wrong(image, "is there twice", err);
    if (n->size < MANIFEST_HEAD)
        return wrong(image, "is cut off", err);
    uint32_t version = cunik_load32(n->data + 4), entries = cunik_load32(n->data + 8);
    if (version != MANIFEST_VERSION)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s': its Solo5 manifest is of version %u, of which nothing is "
                               "known here",
                               image->path, version);
    if (entries == 0 || entries > ENTRIES_MOST)
        return cunik_error_set(err, ERROR_INVALID, "'%s': its Solo5 manifest has %u entries",
                               image->path, entries);
    if ((n->size - MANIFEST_HEAD) / ENTRY_SIZE < entries)
        return wrong(image, "is cut off", err);
    const uint8_t *entry = n->data + MANIFEST_HEAD;
    if (cunik_load32(entry + ENTRY_NAME) != type_reserved)
        return wrong(image, "does not begin with the reserved entry", err);
    for (uint32_t i = 1; i < entries; i++) {
        int r = read_device(image, k, entry + (size_t)i * ENTRY_SIZE, err);
        if (r < 0)
            return r;
    }
    k->manifest = true;
    return 0;
}

static int check_target(const struct image *image, const struct note *n, struct error **err)
{
    static const char *const names[] = {
        [1] = "hvt", [2] = "spt", [3] = "virtio", [4] = "muen", [5] = "genode", [6] = "xen",
    };
    uint32_t target = n->size >= 4 ? cunik_load32(n->data) : 0;

    if (target == TARGET_VIRTIO)
        return 0;
    if (target > 0 && target < ARRAY_SIZE(names))
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is a Solo5 unikernel for target '%s'; build it for 'virtio'",
                               image->path, names[target]);
    return cunik_error_set(err, ERROR_INVALID,
                           "'%s' is a Solo5 unikernel for another target than virtio", image->path);
}

static int read_solo5(const struct image *image, struct kernel *k, const struct note *n,
                      struct error **err)
{
    k->solo5 = true;
    if (n->type == SOLO5_ABI1)
        return check_target(image, n, err);
    return n->type == SOLO5_MFT1 ? read_manifest(image, k, n, err) : 0;
}

/* namesz, descsz, type, name, desc, each padded to four bytes. A block that ends within a note is
 * left there: linkers pad. */
int cunik_notes_read(const struct image *image, struct kernel *k, const uint8_t *data, size_t size,
                     struct error **err)
{
    while (size >= 12) {
        uint64_t name_size = cunik_load32(data), description_size = cunik_load32(data + 4);
        uint64_t name_end = (12 + name_size + 3) & ~UINT64_C(3);
        uint64_t end = name_end + ((description_size + 3) & ~UINT64_C(3));

        if (name_end > size)
            return 0;
        const char *name = (const char *)data + 12;
        size_t rest = size - (size_t)name_end;
        struct note n = {.type = cunik_load32(data + 8),
                         .data = data + name_end,
                         .size = description_size < rest ? (size_t)description_size : rest};
        int r = 0;
        if (name_size == 4 && memcmp(name, "Xen", 4) == 0)
            read_xen(k, &n);
        if (name_size == 6 && memcmp(name, "Solo5", 6) == 0)
            r = read_solo5(image, k, &n, err);
        if (r < 0 || end > size)
            return r;
        data += end;
        size -= (size_t)end;
    }
    return 0;
}
