#include "memory.h"

#include "text.h"

enum { PAGE = 4096, MIB = 1 << 20 };

extern char guest_end[]; /* set by the linker script */

static uint32_t next, limit;

static void keep_below(uint32_t end)
{
    if (end > next)
        next = end;
}

void memory_init(const struct multiboot *info)
{
    next = (uint32_t)guest_end;
    keep_below((uint32_t)(info + 1) + 256); /* the structure goes on past what we read of it */
    if (info->flags & MULTIBOOT_COMMAND_LINE)
        keep_below(info->command_line + strlen((const char *)info->command_line) + 1);
    if (info->flags & MULTIBOOT_MODULES) {
        const struct multiboot_module *modules = (const void *)info->modules;
        keep_below((uint32_t)(modules + info->module_count));
        for (uint32_t i = 0; i < info->module_count; i++)
            keep_below(modules[i].end);
    }
    next = (next + PAGE - 1) / PAGE * PAGE;

    limit = next;
    if (info->flags & MULTIBOOT_MEMORY) {
        uint32_t upper = info->upper_kib < 2048 * 1024 ? info->upper_kib : 2048 * 1024;
        limit = MIB + upper * 1024;
    }
}

size_t memory_left(void)
{
    return limit > next ? limit - next : 0;
}

void *memory_take_raw(size_t bytes)
{
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    if (bytes > memory_left())
        return NULL;
    void *taken = (void *)next;
    next += bytes;
    return taken;
}

void *memory_take(size_t bytes)
{
    void *taken = memory_take_raw(bytes);

    return taken ? memset(taken, 0, bytes) : NULL;
}
