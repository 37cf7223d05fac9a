#include "compose/listing.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/world_network.h"

char *cunik_listing_age(int64_t ms)
{
    static const struct {
        int64_t from_s, unit_s;
        const char *name;
    } units[] = {
        {2 * 31536000, 31536000, "years"}, {60 * 86400, 30 * 86400, "months"},
        {14 * 86400, 7 * 86400, "weeks"},  {2 * 86400, 86400, "days"},
        {2 * 3600, 3600, "hours"},         {2 * 60, 60, "minutes"},
    };
    int64_t s = ms > 0 ? ms / 1000 : 0;

    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (s >= units[i].from_s)
            return cunik_asprintf("%" PRId64 " %s", s / units[i].unit_s, units[i].name);
    if (s >= 60)
        return cunik_strdup("About a minute");
    if (s < 1)
        return cunik_strdup("Less than a second");
    return cunik_asprintf("%" PRId64 " second%s", s, s == 1 ? "" : "s");
}

static bool begins_character(const char *p)
{
    return ((unsigned char)*p & 0xc0) != 0x80;
}

/* In at most `first` + 1 + `last` columns, on one line: in place of what is between is a mark. */
static char *cut(const char *text, size_t first, size_t last)
{
    _cleanup_buffer_ struct buffer b = {0};
    size_t columns = 0, at = 0;

    for (const char *p = text; *p; p++)
        columns += begins_character(p);
    for (const char *p = text; *p; p++) {
        at += begins_character(p);
        if (columns <= first + 1 + last || at <= first || at > columns - last)
            cunik_buffer_char(&b, (unsigned char)*p < ' ' ? ' ' : *p);
        else if (at == first + 1 && begins_character(p))
            cunik_buffer_text_append(&b, "\u2026");
    }
    return cunik_buffer_take(&b);
}

/* "Up 3 minutes (healthy)", "Up 3 minutes (unhealthy: connection refused)", "Exited (1) 5 seconds
 * ago", "Created". A table's reason is cut in the middle, so that it cannot be as wide as it likes.
 */
static char *status_text(const struct world_cunik *c, int64_t now_ms, const char *reason)
{
    const struct world_status *s = &c->status;
    _cleanup_free_ char *up = cunik_listing_age(s->started_ms ? now_ms - s->started_ms : 0);
    _cleanup_free_ char *ended = cunik_listing_age(now_ms - s->ended_ms);
    bool failure = s->health == HEALTH_UNHEALTHY && *reason;

    switch (s->state) {
    case CUNIK_RUNNING:
        if (s->health == HEALTH_NONE)
            return cunik_asprintf("Up %s", up);
        return cunik_asprintf(
            "Up %s (%s%s%s%s)", up, s->health == HEALTH_STARTING ? "health: " : "",
            cunik_health_name(s->health), failure ? ": " : "", failure ? reason : "");
    case CUNIK_PAUSED:
        return cunik_asprintf("Up %s (Paused)", up);
    case CUNIK_RESTARTING:
        return cunik_asprintf("Restarting (%" PRId64 ") %s ago%s", s->exit_code, ended,
                              s->crashes >= CRASH_LOOP ? ", crash loop" : "");
    case CUNIK_EXITED:
        if (!s->ended_ms)
            return cunik_asprintf("Exited (%" PRId64 ")", s->exit_code);
        return cunik_asprintf("Exited (%" PRId64 ") %s ago", s->exit_code, ended);
    case CUNIK_CREATED:
        return cunik_strdup("Created");
    case CUNIK_ABSENT:
    case CUNIK_STATE_MAX_:
        break;
    }
    return cunik_strdup("");
}

static bool wanted(const struct world_cunik *c, const struct listing_options *o)
{
    if (o->services.n && !cunik_strv_has(&o->services, c->service) &&
        !cunik_strv_has(&o->services, c->name))
        return false;
    return o->all || c->status.state == CUNIK_RUNNING || c->status.state == CUNIK_PAUSED ||
           c->status.state == CUNIK_RESTARTING;
}

/* "0.0.0.0:8080->80/tcp, 443/udp" */
static char *ports_text(const struct world_cunik *c)
{
    _cleanup_strv_ struct strv parts = {0};

    for (size_t i = 0; i < c->n_ports; i++) {
        const struct world_port *p = &c->ports[i];
        _cleanup_free_ char *host = cunik_world_port_text(p);
        cunik_strv_addf(&parts, "%s->%u/%s", host, (unsigned)p->port, p->protocol);
    }
    return cunik_strv_join(&parts, ", ");
}

/* The command in double quotes, cut to 20 characters as docker does. */
static char *command_text(const struct world_cunik *c)
{
    _cleanup_free_ char *whole = cunik_strv_join(&c->command, " ");
    _cleanup_free_ char *shown = cut(whole, 19, 0);

    return cunik_asprintf("\"%s\"", shown);
}

/* One kernel boots many an initrd: then that tells guests apart. */
static const char *image_of(const struct world_cunik *c)
{
    return *c->image         ? c->image
           : *c->boot.initrd ? cunik_path_name(c->boot.initrd)
                             : cunik_path_name(c->boot.kernel);
}

char *cunik_listing_table(const struct world *w, const struct listing_options *o)
{
    static const char *const headings[] = {"NAME",    "IMAGE",  "COMMAND", "SERVICE",
                                           "CREATED", "STATUS", "PORTS"};
    _cleanup_table_ struct table t;

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        if (!wanted(c, o))
            continue;
        _cleanup_free_ char *command = command_text(c);
        _cleanup_free_ char *age = cunik_listing_age(o->now_ms - c->status.created_ms);
        _cleanup_free_ char *reason = cut(c->status.reason, 16, 31);
        _cleanup_free_ char *status = status_text(c, o->now_ms, reason);
        _cleanup_free_ char *ports = ports_text(c);
        cunik_table_cell(&t, c->name);
        cunik_table_cell(&t, image_of(c));
        cunik_table_cell(&t, command);
        cunik_table_cell(&t, c->service);
        cunik_table_cellf(&t, "%s ago", age);
        cunik_table_cell(&t, status);
        cunik_table_cell(&t, ports);
    }
    return cunik_table_text(&t);
}

/* "2026-11-21 20:15:04 +0000 UTC", the form in docker's JSON. */
static char *time_text(int64_t ms)
{
    time_t s = ms / 1000;
    struct tm tm;
    char text[64];

    if (!ms)
        return cunik_strdup("");
    gmtime_r(&s, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S +0000 UTC", &tm);
    return cunik_strdup(text);
}

static json_t *publishers(const struct world_cunik *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->n_ports; i++) {
        const struct world_port *p = &c->ports[i];
        json_t *one = json_object();
        cunik_json_set_string(one, "URL", *p->host_ip ? p->host_ip : "0.0.0.0");
        cunik_json_set_int(one, "TargetPort", p->port);
        cunik_json_set_int(one, "PublishedPort", p->host_port);
        cunik_json_set_string(one, "Protocol", p->protocol);
        cunik_json_append(list, one);
    }
    return list;
}

static char *pairs_text(const struct world_pairs *pairs)
{
    _cleanup_strv_ struct strv parts = {0};

    for (size_t i = 0; i < pairs->n; i++)
        cunik_strv_addf(&parts, "%s=%s", pairs->items[i].key, pairs->items[i].value);
    return cunik_strv_join(&parts, ",");
}

static char *networks_text(const struct world_cunik *c)
{
    _cleanup_strv_ struct strv parts = {0};

    for (size_t i = 0; i < c->n_interfaces; i++)
        cunik_strv_add(&parts, c->interfaces[i].network);
    return cunik_strv_join(&parts, ",");
}

/* Members in docker compose's order, which is alphabetical; Reason and Restarts are ours. */
static json_t *cunik_object(const struct world_cunik *c, int64_t now_ms)
{
    _cleanup_free_ char *command = command_text(c);
    _cleanup_free_ char *created = time_text(c->status.created_ms);
    _cleanup_free_ char *age = cunik_listing_age(now_ms - c->status.created_ms);
    _cleanup_free_ char *running_for = cunik_asprintf("%s ago", age);
    _cleanup_free_ char *status = status_text(c, now_ms, c->status.reason);
    _cleanup_free_ char *labels = pairs_text(&c->labels);
    _cleanup_free_ char *networks = networks_text(c);
    _cleanup_free_ char *ports = ports_text(c);
    bool health = c->status.state == CUNIK_RUNNING && c->status.health != HEALTH_NONE;
    json_t *o = json_object();

    cunik_json_set_string(o, "Command", command);
    cunik_json_set_string(o, "CreatedAt", created);
    cunik_json_set_int(o, "ExitCode", c->status.exit_code);
    cunik_json_set_string(o, "Health", health ? cunik_health_name(c->status.health) : "");
    cunik_json_set_string(o, "ID", c->uuid);
    cunik_json_set_string(o, "Image", image_of(c));
    cunik_json_set_string(o, "Labels", labels);
    cunik_json_set_string(o, "LocalVolumes", "0");
    cunik_json_set_string(o, "Mounts", "");
    cunik_json_set_string(o, "Name", c->name);
    cunik_json_set_string(o, "Names", c->name);
    cunik_json_set_string(o, "Networks", networks);
    cunik_json_set_string(o, "Ports", ports);
    cunik_json_set_string(o, "Project", c->stack);
    cunik_json_set(o, "Publishers", publishers(c));
    cunik_json_set_string(o, "Reason", c->status.reason);
    cunik_json_set_int(o, "Restarts", c->status.restarts);
    cunik_json_set_string(o, "RunningFor", running_for);
    cunik_json_set_string(o, "Service", c->service);
    cunik_json_set_string(o, "Size", "0B");
    cunik_json_set_string(o, "State", cunik_state_name(c->status.state));
    cunik_json_set_string(o, "Status", status);
    return o;
}

json_t *cunik_listing_json(const struct world *w, const struct listing_options *o)
{
    json_t *list = json_array();

    for (size_t i = 0; i < w->n_cuniks; i++)
        if (wanted(&w->cuniks[i], o))
            cunik_json_append(list, cunik_object(&w->cuniks[i], o->now_ms));
    return list;
}

char *cunik_listing_ids(const struct world *w, const struct listing_options *o)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < w->n_cuniks; i++)
        if (wanted(&w->cuniks[i], o))
            cunik_buffer_printf(&b, "%s\n", w->cuniks[i].uuid);
    return cunik_buffer_take(&b);
}

char *cunik_listing_services(const struct world *w, const struct listing_options *o)
{
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_map_ struct map seen = {0};

    for (size_t i = 0; i < w->n_cuniks; i++)
        if (wanted(&w->cuniks[i], o) && cunik_map_add(&seen, w->cuniks[i].service, NULL))
            cunik_buffer_printf(&b, "%s\n", w->cuniks[i].service);
    return cunik_buffer_take(&b);
}

struct stack_count {
    const char *name;
    size_t by_state[CUNIK_STATE_MAX_];
};

static void count_stacks(const struct world *w, bool all, struct stack_count **ret, size_t *ret_n)
{
    _cleanup_map_ struct map index = {0};

    *ret = NULL;
    *ret_n = 0;
    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        if (!all && c->status.state != CUNIK_RUNNING)
            continue;
        if (cunik_map_add(&index, c->stack, (void *)(uintptr_t)*ret_n))
            ARRAY_APPEND(*ret, *ret_n)->name = c->stack;
        (*ret)[(uintptr_t)cunik_map_get(&index, c->stack)].by_state[c->status.state]++;
    }
}

/* "exited(1), running(2)" */
static char *counts_text(const struct stack_count *s)
{
    _cleanup_strv_ struct strv parts = {0};

    for (enum cunik_state state = 0; state < CUNIK_STATE_MAX_; state++)
        if (s->by_state[state])
            cunik_strv_addf(&parts, "%s(%zu)", cunik_state_name(state), s->by_state[state]);
    cunik_strv_sort(&parts);
    return cunik_strv_join(&parts, ", ");
}

char *cunik_listing_stacks_table(const struct world *w, bool all)
{
    static const char *const headings[] = {"NAME", "STATUS"};
    _cleanup_table_ struct table t;
    _cleanup_free_ struct stack_count *stacks = NULL;
    size_t n;

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    count_stacks(w, all, &stacks, &n);
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *status = counts_text(&stacks[i]);
        cunik_table_cell(&t, stacks[i].name);
        cunik_table_cell(&t, status);
    }
    return cunik_table_text(&t);
}

json_t *cunik_listing_stacks_json(const struct world *w, bool all)
{
    _cleanup_free_ struct stack_count *stacks = NULL;
    json_t *list = json_array();
    size_t n;

    count_stacks(w, all, &stacks, &n);
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *status = counts_text(&stacks[i]);
        json_t *one = json_object();
        cunik_json_set_string(one, "Name", stacks[i].name);
        cunik_json_set_string(one, "Status", status);
        cunik_json_append(list, one);
    }
    return list;
}
