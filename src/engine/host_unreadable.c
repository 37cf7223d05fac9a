/* Domains of ours whose label cannot be read: damaged, taken away, or written by an engine that is
 * too new. They are seen all the same, so that they can be shown, replaced and taken down. */
#include <string.h>

#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real_internal.h"
#include "engine/record.h"

/* The embedded driver's domains are all ours; elsewhere the label must at least name this engine,
 * or the domain must be one that it has defined. */
static bool is_ours(struct host_real *h, const struct hypervisor_domain *d)
{
    return cunik_hypervisor_is_alone(h->hypervisor) || (d->label && strstr(d->label, h->engine)) ||
           cunik_host_definition_is_of(h, d->name, d->uuid);
}

/* The stack with the longest name of those that are known, that a cunik's name begins with; the
 * caller frees it. NULL = none. */
static char *known_stack(const struct host_real *h, const char *name)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/stacks", h->root);
    _cleanup_strv_ struct strv files = {0};
    size_t best = 0;

    if (cunik_folder_list(folder, 0, &files, NULL) < 0)
        return NULL; /* a guess is all that is lost */
    for (size_t i = 0; i < files.n; i++) {
        if (!cunik_text_ends(files.items[i], ".json"))
            continue;
        size_t size = strlen(files.items[i]) - strlen(".json");
        if (size > best && strncmp(name, files.items[i], size) == 0 && name[size] == '-')
            best = size;
    }
    return best ? cunik_strndup(name, best) : NULL;
}

/* What the label's object says of itself, when that can be read. */
static void take(const json_t *cunik, const char *key, enum text_kind kind, char **to)
{
    const char *text = json_string_value(json_object_get(cunik, key));

    if (text && *text && cunik_record_text_ok(kind, text, strlen(text), NULL))
        cunik_replace(to, text);
}

/* STACK-SERVICE-N, as cuniks are named unless the stack file names them. */
static void guess(const struct host_real *h, const char *name, struct world_cunik *c)
{
    _cleanup_free_ char *known = known_stack(h, name);
    _cleanup_free_ char *first = cunik_strndup(name, strcspn(name, "-"));
    const char *stack = known ? known : first;
    const char *rest = name + strlen(stack) + (name[strlen(stack)] == '-');
    const char *number = strrchr(rest, '-');
    uint64_t index;

    if (cunik_record_text_ok(TEXT_STACK, stack, strlen(stack), NULL))
        cunik_replace(&c->stack, stack);
    if (number && number > rest && cunik_text_to_uint(number + 1, 1, 1000000, &index) == 0)
        c->index = (int64_t)index;
    else
        number = rest + strlen(rest);
    _cleanup_free_ char *service = cunik_strndup(rest, (size_t)(number - rest));
    if (*service && cunik_record_text_ok(TEXT_SERVICE, service, strlen(service), NULL))
        cunik_replace(&c->service, service);
}

bool cunik_host_unreadable(struct host_real *h, const struct hypervisor_domain *d,
                           struct world_cunik *ret)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_json_ json_t *json = NULL;

    /* One whose name is none of ours cannot be handled by it either. */
    if (!cunik_record_text_ok(TEXT_NAME, d->name, strlen(d->name), NULL) || !is_ours(h, d))
        return false;
    struct world_cunik *c = cunik_world_add_cunik(&w);
    cunik_replace(&c->name, d->name);
    cunik_replace(&c->uuid, d->uuid);
    cunik_replace(&c->stack, "unknown");
    cunik_replace(&c->service, "unknown");
    c->index = 1;
    guess(h, d->name, c);
    if (d->label && cunik_json_parse(d->label, strlen(d->label), "label", &json, NULL) == 0) {
        const json_t *said = json_object_get(json, "cunik");
        take(said, "stack", TEXT_STACK, &c->stack);
        take(said, "service", TEXT_SERVICE, &c->service);
    }
    c->status.unreadable = true;
    cunik_world_cunik_copy(ret, c);
    return true;
}
