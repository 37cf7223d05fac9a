#include "compose/lower_mounts.h"

#include <string.h>

#include "base/memory.h"
#include "engine/volume.h"
#include "engine/world_image.h"

int cunik_lower_volumes(const struct stack *s, struct world *w, struct error **err)
{
    for (size_t i = 0; i < s->n_volumes; i++) {
        const struct stack_volume *from = &s->volumes[i];
        struct world_volume *to = cunik_world_add_volume(w);
        _cleanup_error_ struct error *why = NULL;
        cunik_replace(&to->name, from->name);
        cunik_replace(&to->stack, from->external ? "" : s->name);
        cunik_replace(&to->key, from->key);
        cunik_replace(&to->format, from->format);
        cunik_replace(&to->filesystem, from->filesystem);
        to->size = from->size;
        to->external = from->external;
        for (size_t k = 0; k < from->labels.n; k++)
            cunik_world_pair_add(&to->labels, from->labels.items[k].key,
                                 from->labels.items[k].value);
        if (cunik_volume_check(to, &why) < 0)
            return cunik_error_at(err, ERROR_INVALID, &from->place, "%s", why->message);
    }
    return 0;
}

void cunik_lower_mounts(const struct stack *s, const struct stack_service *service, struct world *w,
                        struct world_cunik *c)
{
    for (size_t i = 0; i < service->n_mounts; i++) {
        const struct stack_mount *from = &service->mounts[i];
        struct world_mount *to = cunik_world_add_mount(c);
        bool volume = from->kind == MOUNT_VOLUME;
        const struct stack_volume *v = volume ? cunik_stack_volume(s, from->source) : NULL;
        to->kind = from->kind;
        cunik_replace(&to->source, v ? v->name : from->source);
        cunik_replace(&to->target, from->target);
        to->readonly = from->readonly;
        if (from->kind == MOUNT_FILE) {
            cunik_replace(&to->digest, s->contents[from->content].digest);
            to->mode = from->mode;
            to->uid = from->uid;
            to->gid = from->gid;
        } else if (from->kind == MOUNT_TMPFS) {
            to->mode = from->mode;
            to->uid = from->uid;
            to->gid = from->gid;
            to->size = from->size;
        } else if (volume && !*from->source) {
            cunik_world_own_volume(w, c, to);
        }
    }
}
