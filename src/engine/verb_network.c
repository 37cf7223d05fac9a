/* network ls, inspect, rm and prune. Networks come and go with their stacks: what can be removed by
 * name is what a stack has left behind. */
#include <stdio.h>
#include <string.h>

#include "base/filter.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"
#include "engine/world_network.h"

static size_t count_users(const struct world *w, const char *network)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_cuniks; i++)
        n += cunik_world_is_on(&w->cuniks[i], network);
    return n;
}

static int find(const struct world *w, const char *name, struct world_network **ret,
                struct error **err)
{
    _cleanup_free_ const char **names = NULL;
    size_t n = 0;

    *ret = cunik_world_network(w, name);
    if (*ret)
        return 0;
    for (size_t i = 0; i < w->n_networks; i++)
        *ARRAY_APPEND(names, n) = w->networks[i].name;
    _cleanup_free_ char *near = cunik_text_suggestion(name, names, n);
    return cunik_error_set(err, ERROR_NOT_FOUND, "no such network: %s%s", name, near);
}

static bool by_name(const struct world_network *n, const char *value)
{
    return strstr(n->name, value) != NULL;
}

static bool by_stack(const struct world_network *n, const char *value)
{
    return strcmp(n->stack, value) == 0;
}

static const struct {
    const char *name;
    bool (*matches)(const struct world_network *n, const char *value);
} keys[] = {{"name", by_name}, {"stack", by_stack}};

static const char *name_of_key(size_t key)
{
    return keys[key].name;
}

static bool matches(const void *thing, size_t key, const char *value)
{
    return keys[key].matches(thing, value);
}

static const struct filter_kind networks = {
    .things = "networks", .n = ARRAY_SIZE(keys), .name = name_of_key, .matches = matches};

static void print_row(struct table *t, const struct world *w, const struct world_network *n)
{
    cunik_table_cell(t, n->name);
    cunik_table_cell(t, n->stack);
    cunik_table_cell(t, n->subnet);
    cunik_table_cell(t, n->internal ? "internal" : "bridge");
    cunik_table_cellf(t, "%zu", count_users(w, n->name));
}

/* A network with the names of who is on it. */
static json_t *describe(const struct world *w, const struct world_network *n)
{
    json_t *json = cunik_world_network_to_json(n), *users = json_object();

    for (size_t i = 0; i < w->n_cuniks; i++)
        for (size_t k = 0; k < w->cuniks[i].n_interfaces; k++) {
            const struct world_interface *f = &w->cuniks[i].interfaces[k];
            if (strcmp(f->network, n->name) == 0)
                cunik_json_set(users, w->cuniks[i].name,
                               json_pack("{s:s, s:s, s:s}", "address", f->address, "mac", f->mac,
                                         "link", f->link));
        }
    cunik_json_set(json, "cuniks", users);
    return json;
}

int cunik_verb_network_ls(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    static const char *const headings[] = {"NAME", "STACK", "SUBNET", "KIND", "CUNIKS"};
    bool quiet = cunik_arguments_flag(a, "quiet"), json = cunik_verb_wants_json(a);
    _cleanup_filter_ struct filter filter = {.kind = &networks};
    _cleanup_table_ struct table t = {0};
    _cleanup_world_ struct world w = {0};
    int r = cunik_filter_add_all(&filter, cunik_arguments_values(a, "filter"), err);

    if (r == 0)
        r = cunik_verb_world(a, NULL, &w, err);
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < w.n_networks && r == 0; i++) {
        const struct world_network *n = &w.networks[i];
        if (!cunik_filter_matches(&filter, n))
            continue;
        if (quiet) {
            puts(n->name);
        } else if (json) {
            _cleanup_json_ json_t *one = describe(&w, n);
            cunik_verb_print_json(one, JSON_COMPACT);
        } else {
            print_row(&t, &w, n);
        }
    }
    if (r == 0 && !quiet && !json) {
        _cleanup_free_ char *text = cunik_table_text(&t);
        fputs(text, stdout);
    }
    return r;
}

int cunik_verb_network_inspect(void *context _unused_, const struct arguments *a,
                               int *ret_status _unused_, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_json_ json_t *all = json_array();
    _cleanup_world_ struct world w = {0};
    struct world_network *n;
    int r = cunik_verb_world(a, NULL, &w, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = find(&w, names->items[i], &n, err);
        if (r == 0)
            cunik_json_append(all, describe(&w, n));
    }
    if (r == 0)
        cunik_verb_print_json(all, JSON_INDENT(2));
    return r;
}

static bool has_cuniks(const struct world *w, const char *stack)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (strcmp(w->cuniks[i].stack, stack) == 0)
            return true;
    return false;
}

static int check_removable(const struct world *w, const struct world_network *n, struct error **err)
{
    size_t users = count_users(w, n->name);

    if (!*n->stack)
        return cunik_error_set(err, ERROR_CONFLICT, "network '%s' was made by someone else",
                               n->name);
    if (users)
        return cunik_error_set(err, ERROR_CONFLICT, "network '%s' has %zu cunik%s on it", n->name,
                               users, users == 1 ? "" : "s");
    if (has_cuniks(w, n->stack))
        return cunik_error_set(err, ERROR_CONFLICT,
                               "network '%s' is of the stack '%s', which has cuniks: it goes with "
                               "them (cunik-compose -p %s down)",
                               n->name, n->stack, n->stack);
    return 0;
}

/* Those of a stack; it may have got cuniks since w was seen, and keeps them. must: that is an
 * error.
 */
static int remove_all_of(struct client *client, const char *stack, const struct world *w, bool must,
                         struct error **err)
{
    _cleanup_request_ struct request request;
    _cleanup_world_ struct world now = {0};

    cunik_request_init(&request);
    cunik_replace(&request.stack, stack);
    request.action = ACTION_DOWN;
    request.spare = SPARE_CUNIKS;
    int r = cunik_verb_apply(client, &request, err);
    if (r == 0)
        r = cunik_client_world(client, stack, &now, err);
    for (size_t i = 0; i < w->n_networks && r == 0; i++) {
        const char *name = w->networks[i].name;
        if (strcmp(w->networks[i].stack, stack) != 0)
            continue;
        if (!cunik_world_network(&now, name))
            puts(name);
        else if (must)
            r = cunik_error_set(err, ERROR_CONFLICT, "network '%s' has cuniks on it by now", name);
    }
    return r;
}

int cunik_verb_remove_networks(struct client *client, const struct strv *names, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_map_ struct map stacks = {0};
    struct world_network *n;
    int r = cunik_client_world(client, "", &w, err);

    for (size_t i = 0; names && i < names->n && r == 0; i++) {
        r = find(&w, names->items[i], &n, err);
        if (r == 0)
            r = check_removable(&w, n, err);
        if (r == 0)
            cunik_map_add(&stacks, n->stack, NULL);
    }
    for (size_t i = 0; !names && i < w.n_networks; i++)
        if (check_removable(&w, &w.networks[i], NULL) == 0)
            cunik_map_add(&stacks, w.networks[i].stack, NULL);
    for (size_t i = 0; i < stacks.n && r == 0; i++) {
        r = remove_all_of(client, stacks.entries[i].key, &w, names != NULL, err);
    }
    return r;
}

int cunik_verb_network_rm(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    return r < 0 ? r : cunik_verb_remove_networks(client, cunik_arguments_positional(a), err);
}

int cunik_verb_network_prune(void *context _unused_, const struct arguments *a,
                             int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;

    if (!cunik_verb_agrees(a, "Remove all networks that no cunik is on?"))
        return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    int r = cunik_verb_reach(a, &client, err);
    return r < 0 ? r : cunik_verb_remove_networks(client, NULL, err);
}
