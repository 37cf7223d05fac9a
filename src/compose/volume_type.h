/* What an entry of a service's `volumes` is, as Compose calls it. What of these a guest can be
 * given, and as what, is world.h's enum mount_kind. */
#pragma once

#include "compose/tree.h"

enum volume_type {
    VOLUME_TYPE_BIND,
    VOLUME_TYPE_VOLUME,
    VOLUME_TYPE_TMPFS,
    VOLUME_TYPE_CLUSTER,
    VOLUME_TYPE_NPIPE,
    VOLUME_TYPE_IMAGE,
    VOLUME_TYPE_MAX_, /* none that is known: nothing said, or a template */
};

const char *cunik_volume_type_name(enum volume_type type);
/* Of an entry in its long form. */
enum volume_type cunik_volume_type_of(const struct node *entry);
