/* list: the cuniks of all stacks. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/cunik_filter.h"
#include "engine/verb.h"
#include "engine/world_network.h"

static char *addresses(const struct world_cunik *c)
{
    _cleanup_strv_ struct strv list = {0};

    for (size_t i = 0; i < c->n_interfaces; i++)
        cunik_strv_add(&list, c->interfaces[i].address);
    return cunik_strv_join(&list, ", ");
}

static char *ports(const struct world_cunik *c)
{
    _cleanup_strv_ struct strv list = {0};

    for (size_t i = 0; i < c->n_ports; i++) {
        const struct world_port *p = &c->ports[i];
        _cleanup_free_ char *host = cunik_world_port_text(p);
        cunik_strv_addf(&list, "%s->%u/%s", host, p->port, p->protocol);
    }
    return cunik_strv_join(&list, ", ");
}

static char *state_text(const struct world_cunik *c)
{
    const struct world_status *s = &c->status;

    if (s->state == CUNIK_EXITED)
        return cunik_asprintf("exited (%lld)", (long long)s->exit_code);
    if (s->health == HEALTH_NONE)
        return cunik_strdup(cunik_state_name(s->state));
    return cunik_asprintf("%s (%s)", cunik_state_name(s->state), cunik_health_name(s->health));
}

struct choice {
    const struct filter *filter;
    bool all;
};

static bool is_chosen(const struct world_cunik *c, const void *ctx)
{
    const struct choice *choice = ctx;

    return (choice->all || cunik_state_is_active(c->status.state)) &&
           cunik_filter_matches(choice->filter, c);
}

/* Which are to be shown: those that are up, unless --all or a filter by their state says else. */
static int choose(const struct arguments *a, struct world *w, struct error **err)
{
    _cleanup_filter_ struct filter f = {.kind = &cunik_filter_cuniks};
    const struct strv *filters = cunik_arguments_values(a, "filter");
    struct choice choice = {&f, cunik_arguments_flag(a, "all")};

    int r = cunik_filter_add_all(&f, filters, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < filters->n; i++)
        choice.all = choice.all || cunik_text_starts(filters->items[i], "status=") ||
                     cunik_text_starts(filters->items[i], "exited=");
    cunik_world_keep(w, is_chosen, &choice);
    return 0;
}

static void print_rows(const struct world *w)
{
    static const char *const headings[] = {"NAME", "STACK", "SERVICE", "STATE", "ADDRESS", "PORTS"};
    _cleanup_table_ struct table t = {0};

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        _cleanup_free_ char *state = state_text(c), *where = addresses(c), *published = ports(c);
        cunik_table_cell(&t, cunik_world_called(c));
        cunik_table_cell(&t, c->stack);
        cunik_table_cell(&t, c->service);
        cunik_table_cell(&t, state);
        cunik_table_cell(&t, where);
        cunik_table_cell(&t, published);
    }
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
}

int cunik_verb_list(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r = cunik_verb_world(a, NULL, &w, err);

    if (r == 0)
        r = choose(a, &w, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < w.n_cuniks && cunik_arguments_flag(a, "quiet"); i++)
        puts(cunik_world_called(&w.cuniks[i]));
    if (cunik_arguments_flag(a, "quiet"))
        return 0;
    if (!cunik_verb_wants_json(a)) {
        print_rows(&w);
        return 0;
    }
    for (size_t i = 0; i < w.n_cuniks; i++) {
        _cleanup_json_ json_t *one = cunik_world_cunik_to_json(&w.cuniks[i]);
        cunik_verb_print_json(one, JSON_COMPACT);
    }
    return 0;
}
