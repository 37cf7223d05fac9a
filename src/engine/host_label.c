/* The labels of domains. */
#include <string.h>

#include "base/json.h"
#include "engine/host_real_internal.h"

char *cunik_host_label(const struct host_real *h, const struct world_cunik *c,
                       struct host_guest guest)
{
    _cleanup_json_ json_t *label = json_object();

    cunik_json_set_string(label, "engine", h->engine);
    cunik_json_set(label, "cunik", cunik_world_cunik_to_json(c));
    cunik_json_set_bool(label, "hears_poweroff", !guest.deaf);
    if (guest.backend)
        cunik_json_set_string(label, "backend", guest.backend->name);
    return cunik_json_text(label, JSON_COMPACT);
}

enum label_kind cunik_host_label_parse(const struct host_real *h, const char *label,
                                       struct world_cunik *ret, struct host_guest *ret_guest)
{
    _cleanup_json_ json_t *json = NULL;

    if (cunik_json_parse(label, strlen(label), "label", &json, NULL) < 0)
        return LABEL_UNREADABLE;
    const char *engine = json_string_value(json_object_get(json, "engine"));
    if (!engine)
        return LABEL_UNREADABLE;
    if (strcmp(engine, h->engine) != 0)
        return LABEL_OTHERS;
    if (cunik_world_cunik_from_kept(json_object_get(json, "cunik"), ret, NULL) < 0)
        return LABEL_UNREADABLE;
    const char *backend = json_string_value(json_object_get(json, "backend"));
    *ret_guest = (struct host_guest){
        .deaf = json_is_false(json_object_get(json, "hears_poweroff")),
    };
    /* Of an engine that knows more of them it may be a name that means nothing here. */
    if (backend && *backend)
        cunik_backend_find(backend, NULL, &ret_guest->backend, NULL);
    return LABEL_OURS;
}
