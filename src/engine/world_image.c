#include "engine/world_image.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "engine/health.h"

enum { OWN_DIGITS = 12 };

bool cunik_world_wants_image(const struct world_cunik *c)
{
    return *c->image && !*c->boot.kernel && !*c->image_digest;
}

void cunik_world_own_volume(struct world *w, const struct world_cunik *c, struct world_mount *m)
{
    _cleanup_free_ char *mark = cunik_digest_hex(m->target, strlen(m->target), OWN_DIGITS);
    _cleanup_free_ char *name =
        cunik_asprintf("%s_%s-%lld-%s", c->stack, c->service, (long long)c->index, mark);
    struct world_volume *v = cunik_world_add_volume(w);

    cunik_replace(&m->source, name);
    cunik_replace(&v->name, name);
    cunik_replace(&v->stack, c->stack);
    cunik_replace(&v->format, "raw");
}

static void fill(char **to, const char *from)
{
    if (!**to)
        cunik_replace(to, from);
}

static void add_environment(struct world_cunik *c, const struct world_cunik *image)
{
    for (size_t i = 0; i < image->environment.n; i++) {
        const struct world_pair *p = &image->environment.items[i];
        bool said = false;
        for (size_t k = 0; k < c->environment.n; k++)
            said = said || strcmp(c->environment.items[k].key, p->key) == 0;
        if (!said)
            cunik_world_pair_add(&c->environment, p->key, p->value);
    }
}

static void add_disks(struct world_cunik *c, const struct world_cunik *image)
{
    struct world_disk *own = c->boot.disks;
    size_t n = c->boot.n_disks;

    c->boot.disks = NULL;
    c->boot.n_disks = 0;
    for (size_t i = 0; i < image->boot.n_disks; i++) {
        const struct world_disk *from = &image->boot.disks[i];
        struct world_disk *to = cunik_world_add_disk(c);
        cunik_replace(&to->path, from->path);
        to->root = from->root;
        to->readonly = from->readonly;
    }
    for (size_t i = 0; i < n; i++)
        *ARRAY_APPEND(c->boot.disks, c->boot.n_disks) = own[i];
    free(own);
}

static void add_volumes(struct world *w, struct world_cunik *c, const struct world_cunik *image)
{
    for (size_t i = 0; i < image->n_mounts; i++) {
        const char *target = image->mounts[i].target;
        bool taken = false;
        for (size_t k = 0; k < c->n_mounts; k++)
            taken = taken || strcmp(c->mounts[k].target, target) == 0;
        if (taken)
            continue;
        struct world_mount *m = cunik_world_add_mount(c);
        m->kind = MOUNT_VOLUME;
        cunik_replace(&m->target, target);
        cunik_world_own_volume(w, c, m);
    }
}

/* The cunik's own test, or none, goes before the image's; without either the times mean nothing. */
static void use_health(struct world_health *to, const struct strv *test)
{
    bool none = to->test.n == 1 && strcmp(to->test.items[0], "NONE") == 0;

    if (none)
        cunik_strv_done(&to->test);
    if (none || (!to->test.n && !test->n))
        *to = (struct world_health){0};
    else if (!to->test.n && to->interval_ns)
        cunik_strv_copy(&to->test, test);
    else if (!to->test.n)
        cunik_health_set_test(to, test);
}

void cunik_world_use_image(struct world *w, struct world_cunik *c, const struct world_cunik *image)
{
    cunik_replace(&c->image_digest, image->image_digest);
    fill(&c->boot.backend, image->boot.backend);
    fill(&c->boot.kernel, image->boot.kernel);
    fill(&c->boot.initrd, image->boot.initrd);
    fill(&c->boot.cmdline, image->boot.cmdline);
    if (!c->command.n)
        cunik_strv_copy(&c->command, &image->command);
    if (!c->memory)
        c->memory = image->memory;
    add_environment(c, image);
    add_disks(c, image);
    use_health(&c->health, &image->health.test);
    add_volumes(w, c, image);
}
