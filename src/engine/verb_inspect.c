/* inspect, info and version: all that is known of things. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"

int cunik_verb_inspect(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                       struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_json_ json_t *all = json_array();
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = cunik_verb_world(a, NULL, &w, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = cunik_verb_find(&w, names->items[i], &c, err);
        if (r == 0)
            cunik_json_append(all, cunik_world_cunik_to_json(c));
    }
    if (r == 0)
        cunik_verb_print_json(all, JSON_INDENT(2));
    return r;
}

int cunik_verb_version(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                       struct error **err _unused_)
{
    if (cunik_verb_wants_json(a))
        puts("{\"version\":\"" CUNIK_VERSION "\"}");
    else
        puts("cunik " CUNIK_VERSION);
    return 0;
}

/* The engine's version object, and what it has. */
int cunik_verb_info(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_json_ json_t *v = NULL;
    _cleanup_world_ struct world w = {0};
    size_t running = 0;
    const char *key;
    json_t *value;
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = cunik_client_version(client, &v, err);
    if (r == 0)
        r = cunik_client_world(client, "", &w, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < w.n_cuniks; i++)
        running += w.cuniks[i].status.state == CUNIK_RUNNING;
    cunik_json_set_int(v, "cuniks", (int64_t)w.n_cuniks);
    cunik_json_set_int(v, "running", (int64_t)running);
    cunik_json_set_int(v, "networks", (int64_t)w.n_networks);
    if (cunik_verb_wants_json(a)) {
        cunik_verb_print_json(v, JSON_COMPACT);
        return 0;
    }
    json_object_foreach (v, key, value) {
        _cleanup_free_ char *text = json_is_string(value) ? cunik_strdup(json_string_value(value))
                                                          : cunik_json_text(value, JSON_COMPACT);
        printf("%s: %s\n", key, text);
    }
    if (cunik_client_foreign_netns(client))
        puts("note: it runs in another network namespace than this command");
    return 0;
}
