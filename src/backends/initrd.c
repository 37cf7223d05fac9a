#include "backends/initrd.h"

#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

static void pad(struct buffer *to)
{
    while (to->size % 4)
        cunik_buffer_char(to, '\0');
}

/* One entry: a header of hexadecimal numbers, the name with its NUL and the data, both padded. */
static void add(struct buffer *to, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                const void *data, size_t size)
{
    static unsigned const links = 1, check = 0;

    pad(to);
    cunik_buffer_printf(to, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 0u,
                        mode, uid, gid, links, 0u, size, 0u, 0u, 0u, 0u, strlen(name) + 1, check);
    cunik_buffer_append(to, name, strlen(name) + 1);
    pad(to);
    if (size)
        cunik_buffer_append(to, data, size);
    pad(to);
}

void cunik_initrd_add(struct buffer *to, const char *name, uint32_t mode, const void *data,
                      size_t size)
{
    add(to, name, mode, 0, 0, data, size);
}

void cunik_initrd_end(struct buffer *to)
{
    add(to, "TRAILER!!!", 0, 0, 0, NULL, 0);
}

static void encode(struct buffer *to, const char *text)
{
    for (; *text; text++)
        if (strchr("%\n\r\t ", *text) || (unsigned char)*text < ' ')
            cunik_buffer_printf(to, "%%%02X", (unsigned char)*text);
        else
            cunik_buffer_char(to, *text);
}

void cunik_initrd_append(struct buffer *to, const struct initrd_file *files, size_t n)
{
    _cleanup_buffer_ struct buffer list = {0};

    pad(to);
    add(to, ".cunik", S_IFDIR | 0755, 0, 0, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        const struct initrd_file *f = &files[i];
        _cleanup_free_ char *name = cunik_asprintf(".cunik/%zu", i);
        add(to, name, S_IFREG | (f->mode & 07777), f->uid, f->gid, f->data, f->size);
        cunik_buffer_printf(&list, "%zu ", i);
        encode(&list, f->target);
        cunik_buffer_char(&list, '\n');
    }
    add(to, "etc", S_IFDIR | 0755, 0, 0, NULL, 0);
    add(to, "etc/cunik", S_IFDIR | 0755, 0, 0, NULL, 0);
    add(to, "etc/cunik/files", S_IFREG | 0600, 0, 0, list.data, list.size);
    cunik_initrd_end(to);
}
