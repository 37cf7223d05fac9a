/* ls: all stacks of the engine. */
#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"
#include "compose/listing.h"

static void print_names(const json_t *list)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one)
        puts(json_string_value(json_object_get(one, "Name")));
}

int cunik_command_ls(void *context, const struct arguments *a, int *status _unused_,
                     struct error **err)
{
    struct command *c = context;
    _cleanup_world_ struct world w = {0};
    bool all = cunik_arguments_flag(a, "all");
    struct client *client;
    int r;

    r = cunik_command_client(c, &client, err);
    if (r == 0)
        r = cunik_client_world(client, "", &w, err);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *list = cunik_listing_stacks_json(&w, all);
    _cleanup_free_ char *text = NULL;
    if (cunik_arguments_flag(a, "quiet")) {
        print_names(list);
        return 0;
    }
    if (cunik_text_equal(cunik_arguments_value(a, "format"), "json")) {
        text = cunik_json_text(list, JSON_COMPACT);
        puts(text);
    } else {
        text = cunik_listing_stacks_table(&w, all);
        fputs(text, stdout);
    }
    return 0;
}
