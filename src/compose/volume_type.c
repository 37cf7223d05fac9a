#include "compose/volume_type.h"

#include <string.h>

#include "base/macros.h"

static const char *const names[] = {
    [VOLUME_TYPE_BIND] = "bind",   [VOLUME_TYPE_VOLUME] = "volume",
    [VOLUME_TYPE_TMPFS] = "tmpfs", [VOLUME_TYPE_CLUSTER] = "cluster",
    [VOLUME_TYPE_NPIPE] = "npipe", [VOLUME_TYPE_IMAGE] = "image",
};
_Static_assert(ARRAY_SIZE(names) == VOLUME_TYPE_MAX_, "every type has its name");

const char *cunik_volume_type_name(enum volume_type type)
{
    return names[type];
}

enum volume_type cunik_volume_type_of(const struct node *entry)
{
    const struct node *n = cunik_node_get(entry, "type");
    enum volume_type type = 0;

    if (!n || n->kind != NODE_STRING)
        return VOLUME_TYPE_MAX_;
    while (type < VOLUME_TYPE_MAX_ && strcmp(names[type], n->text) != 0)
        type++;
    return type;
}
