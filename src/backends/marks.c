/* Strings that only one implementation has: for kernels without a note or a section of their own.
 */
#include <string.h>

#include "backends/image.h"
#include "base/memory.h"

enum {
    CHUNK = 1 << 20,
    OVERLAP = 128,             /* longer than any mark */
    LOOKED_AT_MOST = 64 << 20, /* the marks stand among a kernel's constants, at its front */
};

static const struct mark {
    const char *text;
    size_t member; /* of struct kernel, a bool */
} marks[] = {
    {"#include<os> // Literally", offsetof(struct kernel, includeos)},
    {"Initrd boot module required. Check your bootloader configuration.",
     offsetof(struct kernel, runtimejs)},
    {"data/clickos", offsetof(struct kernel, clickos)},
    {"could not find start of json.  no config?", offsetof(struct kernel, rumprun)},
};

static void look(struct kernel *k, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
        if (memmem(data, size, marks[i].text, strlen(marks[i].text)))
            *(bool *)((char *)k + marks[i].member) = true;
}

void cunik_marks_read(const struct image *image, struct kernel *k)
{
    uint64_t end = image->size < LOOKED_AT_MOST ? image->size : LOOKED_AT_MOST;
    _cleanup_free_ uint8_t *data = cunik_malloc(CHUNK + OVERLAP);

    for (uint64_t at = 0; at < end; at += CHUNK) {
        uint64_t size = end - at < CHUNK + OVERLAP ? end - at : CHUNK + OVERLAP;

        if (!cunik_image_read(image, at, data, (size_t)size))
            return; /* somebody is writing it; what reads it next will say so */
        look(k, data, (size_t)size);
    }
}
