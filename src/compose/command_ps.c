/* ps: the stack's cuniks. */
#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"
#include "compose/listing.h"
#include "engine/clock.h"

/* One object a line, as docker compose prints it. */
static void print_json(const struct world *w, const struct listing_options *o)
{
    _cleanup_json_ json_t *list = cunik_listing_json(w, o);
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one) {
        _cleanup_free_ char *text = cunik_json_text(one, JSON_COMPACT);
        puts(text);
    }
}

static void print(const struct arguments *a, const struct world *w, const struct listing_options *o)
{
    _cleanup_free_ char *text = NULL;

    if (cunik_arguments_flag(a, "quiet"))
        text = cunik_listing_ids(w, o);
    else if (cunik_arguments_flag(a, "services"))
        text = cunik_listing_services(w, o);
    else if (cunik_text_equal(cunik_arguments_value(a, "format"), "json"))
        print_json(w, o);
    else
        text = cunik_listing_table(w, o);
    if (text)
        fputs(text, stdout);
}

static bool is_in_state(const struct world_cunik *c, const void *states)
{
    return cunik_strv_has(states, cunik_state_name(c->status.state));
}

int cunik_command_ps(void *context, const struct arguments *a, int *status _unused_,
                     struct error **err)
{
    struct command *c = context;
    _cleanup_world_ struct world w = {0};
    _cleanup_free_ char *stack = NULL;
    int r = cunik_command_world(c, &stack, &w, err);

    if (r == 0)
        r = cunik_command_check_there(&w, cunik_arguments_positional(a), err);
    if (r < 0)
        return r;
    if (cunik_arguments_given(a, "status"))
        cunik_world_keep(&w, is_in_state, cunik_arguments_values(a, "status"));
    print(a, &w,
          &(struct listing_options){
              .all = cunik_arguments_flag(a, "all") || cunik_arguments_given(a, "status"),
              .services = *cunik_arguments_positional(a),
              .now_ms = cunik_clock_real.wall_ms(NULL),
          });
    return 0;
}
