/* What is on the host in memory as text and back: it outlives the process of its engine. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "tests/support/fake_host_parts.h"
#include "tests/support/test.h"

static json_t *list_of(const struct strv *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->n; i++)
        json_array_append_new(list, json_string(v->items[i]));
    return list;
}

static void read_list(const json_t *json, const char *key, struct strv *ret)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(json, key), i, item)
        cunik_strv_add(ret, json_string_value(item));
}

/* Without the guests' and the test's own settings, which are the reader's. */
static char *save(const struct fake_host *f)
{
    _cleanup_json_ json_t *json = json_object();
    json_t *domains = json_array(), *taps = json_array(), *bridges = json_array();

    for (size_t i = 0; i < f->n_domains; i++)
        json_array_append_new(domains, json_pack("{s:o, s:I}", "cunik",
                                                 cunik_world_cunik_to_json(&f->domains[i]->c),
                                                 "starts", (json_int_t)f->domains[i]->starts));
    for (size_t i = 0; i < f->n_taps; i++)
        json_array_append_new(taps,
                              json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "link", f->taps[i].link,
                                        "stack", f->taps[i].stack, "cunik", f->taps[i].cunik,
                                        "network", f->taps[i].network, "plugged",
                                        f->taps[i].plugged, "dead", f->taps[i].dead));
    for (size_t i = 0; i < f->n_bridges; i++)
        json_array_append_new(bridges,
                              json_pack("{s:o, s:b, s:b}", "network",
                                        cunik_world_network_to_json(&f->bridges[i].n), "there",
                                        f->bridges[i].there, "names", f->bridges[i].names));
    json_object_set_new(json, "domains", domains);
    json_object_set_new(json, "taps", taps);
    json_object_set_new(json, "bridges", bridges);
    json_object_set_new(json, "names", list_of(&f->names));
    json_object_set_new(json, "rules", list_of(&f->rules));
    json_object_set_new(json, "states", list_of(&f->states));
    json_object_set_new(json, "violations", list_of(&f->violations));
    json_object_set_new(json, "clock", json_integer(f->clock_ms));
    json_object_set_new(json, "pid", json_integer(f->pid));
    return cunik_json_text(json, JSON_COMPACT);
}

void fake_host_die(const struct fake_host *f)
{
    _cleanup_free_ char *text = save(f);

    (void)cunik_write_all(f->die_fd, text, strlen(text));
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

void fake_host_kill_now(struct fake_host *f)
{
    pthread_mutex_lock(&f->lock);
    fake_host_die(f);
}

void fake_host_kill_at(struct fake_host *f, size_t k, bool after, int fd)
{
    fake_host_fail_at(f, k, after, true);
    f->die_fd = fd;
}

static void read_domain(struct fake_host *f, const json_t *json)
{
    struct domain *d = cunik_calloc(1, sizeof(*d));

    test_ok(cunik_world_cunik_from_json(json_object_get(json, "cunik"), &d->c, NULL), NULL);
    d->starts = (size_t)json_integer_value(json_object_get(json, "starts"));
    *ARRAY_APPEND(f->domains, f->n_domains) = d;
}

static char *text_of(const json_t *json, const char *key)
{
    return cunik_strdup(json_string_value(json_object_get(json, key)));
}

static void read_tap(struct fake_host *f, const json_t *json)
{
    *ARRAY_APPEND(f->taps, f->n_taps) =
        (struct tap){.link = text_of(json, "link"),
                     .stack = text_of(json, "stack"),
                     .cunik = text_of(json, "cunik"),
                     .network = text_of(json, "network"),
                     .plugged = json_is_true(json_object_get(json, "plugged")),
                     .dead = json_is_true(json_object_get(json, "dead"))};
}

static void read_bridge(struct fake_host *f, const json_t *json)
{
    struct bridge *b = ARRAY_APPEND(f->bridges, f->n_bridges);

    test_ok(cunik_world_network_from_json(json_object_get(json, "network"), &b->n, NULL), NULL);
    b->there = json_is_true(json_object_get(json, "there"));
    b->names = json_is_true(json_object_get(json, "names"));
}

void fake_host_revive(struct fake_host *f, const char *text)
{
    _cleanup_json_ json_t *json = NULL;
    _cleanup_error_ struct error *err = NULL;
    size_t i;
    json_t *item;

    test_ok(cunik_json_parse(text, strlen(text), "host", &json, &err), err);
    json_array_foreach (json_object_get(json, "domains"), i, item)
        read_domain(f, item);
    json_array_foreach (json_object_get(json, "taps"), i, item)
        read_tap(f, item);
    json_array_foreach (json_object_get(json, "bridges"), i, item)
        read_bridge(f, item);
    read_list(json, "names", &f->names);
    read_list(json, "rules", &f->rules);
    read_list(json, "states", &f->states);
    read_list(json, "violations", &f->violations);
    f->clock_ms = json_integer_value(json_object_get(json, "clock"));
    f->pid = json_integer_value(json_object_get(json, "pid"));
}
