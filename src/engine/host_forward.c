/* The ways of packets through the host: which of its links forward, what others' filters let pass,
 * and that both are as they were when nothing of ours is left. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"
#include "network/gates.h"
#include "network/iptables.h"
#include "network/link.h"

/* Links of the host's that this engine has let forward, a line each: "INDEX NAME". A link of
 * another index is another one, whatever its name. */
static const char record_name[] = "forwarding";

/* Those that lead to the world, or to who may ask for a published port: with an address, and
 * nobody's guests' but the host's. */
static bool is_way(const struct link *l)
{
    return l->up && l->n_addresses && !l->labelled && strcmp(l->name, "lo") != 0;
}

/* One that has gone since it was listed lacks nothing. */
static int forwards(const struct link *l, bool *ret, struct error **err)
{
    int r = cunik_link_forwards(l->name, ret, err);

    if (r != -ENOENT)
        return r;
    cunik_error_forget(err);
    *ret = true;
    return 0;
}

int cunik_host_forwards(const struct links *links, bool *ret, struct error **err)
{
    bool all = true;
    int r = 0;

    for (size_t i = 0; r == 0 && all && i < links->n; i++)
        if (is_way(&links->items[i]))
            r = forwards(&links->items[i], &all, err);
    *ret = all;
    return r;
}

static int open_links(const struct host_real *h, const struct links *links, struct error **err)
{
    _cleanup_strv_ struct strv record = {0}, shut = {0};
    int r = cunik_host_record_read(h, record_name, &record, err);
    size_t before = record.n;

    for (size_t i = 0; r >= 0 && i < links->n; i++) {
        const struct link *l = &links->items[i];
        bool open = true;
        if (!is_way(l) || (r = forwards(l, &open, err)) < 0 || open)
            continue;
        _cleanup_free_ char *line = cunik_asprintf("%u %s", l->index, l->name);
        cunik_strv_add(&shut, l->name);
        if (!cunik_strv_has(&record, line))
            cunik_strv_add(&record, line);
    }
    if (r >= 0 && record.n > before)
        r = cunik_host_record_write(h, record_name, &record, err);
    for (size_t i = 0; r >= 0 && i < shut.n; i++)
        r = cunik_link_forward(shut.items[i], true, err);
    return r < 0 ? r : 0;
}

/* One that is as recorded is shut again, unless the whole host forwards by now. */
static int close_link(const struct links *links, const char *line, struct error **err)
{
    unsigned index;
    int used = 0;

    if (sscanf(line, "%u %n", &index, &used) != 1 || !used)
        return 0;
    const struct link *l = cunik_links_find(links, line + used);
    return l && l->index == index ? cunik_link_forward(l->name, false, err) : 0;
}

/* Another engine may need them as well by now; then they stay until this one has nothing left
 * again.
 */
static int close_links(const struct host_real *h, const struct links *links, struct error **err)
{
    _cleanup_strv_ struct strv record = {0};
    bool others = false, whole = false;
    int r = cunik_host_record_read(h, record_name, &record, err);

    if (r < 0 || !record.n || (r = cunik_gates_others(h->engine, &others, err)) < 0 || others ||
        (r = cunik_link_forwards(NULL, &whole, err)) < 0)
        return r;
    for (size_t i = 0; r >= 0 && !whole && i < record.n; i++)
        r = close_link(links, record.items[i], err);
    return r < 0 ? r : cunik_host_record_remove(h, record_name, err);
}

int cunik_host_forward(const struct host_real *h, bool open, struct error **err)
{
    _cleanup_links_ struct links links = {0};
    int r = cunik_link_list(&links, err);

    if (r == 0)
        r = open ? open_links(h, &links, err) : close_links(h, &links, err);
    return cunik_error_prefix(err, r, "forwarding for guests");
}

int cunik_host_gates(const struct host_real *h, bool open, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    int r = cunik_gates_text(h->engine, open, &text, err);

    if (r == 0 && *text)
        r = cunik_rules_replace(text, err);
    return r < 0 ? r : cunik_iptables_gates(h->engine, open, false, NULL, err);
}

int cunik_host_gates_open(const struct host_real *h, bool *ret, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    int r = cunik_gates_text(h->engine, true, &text, err);

    bool shut = false;

    if (r == 0)
        r = cunik_iptables_gates(h->engine, true, true, &shut, err);
    if (r == 0)
        *ret = !*text && !shut;
    return r;
}

/* Bridges that a default route leaves by. */
int cunik_host_ways(struct strv *ret, struct error **err)
{
    _cleanup_links_ struct links links = {0};
    _cleanup_free_ unsigned *out = NULL;
    size_t n;
    int r = cunik_link_ways_out(&out, &n, err);

    if (r < 0 || !n || (r = cunik_link_list(&links, err)) < 0)
        return r;
    for (size_t i = 0; i < links.n; i++)
        for (size_t k = 0; links.items[i].bridge && k < n; k++)
            if (out[k] == links.items[i].index && !cunik_strv_has(ret, links.items[i].name))
                cunik_strv_add(ret, links.items[i].name);
    return 0;
}
