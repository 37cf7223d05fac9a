/* The ways of IPv6 packets through the host.
 *
 * A kernel from 6.17 on has a switch for each link (force_forwarding). Older ones have one for the
 * whole host alone, which changes more than is wanted: so before it is thrown, links that learn
 * their routes from routers are told to go on with that (accept_ra 2), and who did not forward
 * packets between its links does not then either (rules.shut). All of it is undone with the last
 * network of IPv6. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real_internal.h"
#include "network/gates.h"
#include "network/link.h"
#include "network/sysctl.h"

enum { RA_ROUTER = 2 };

static const char whole_switch[] = "net/ipv6/conf/all/forwarding";

/* What was done, a line each: "each INDEX NAME", "whole", "ra NAME", "shut NAME". */
static const char record_name[] = "forwarding6";

static char *switch_of(const char *link, const char *key)
{
    return cunik_asprintf("net/ipv6/conf/%s/%s", link, key);
}

/* A link, or a kernel's switch, that is not there is no error: *ret is -1. */
static int get(const char *link, const char *key, int *ret, struct error **err)
{
    _cleanup_free_ char *path = switch_of(link, key);
    _cleanup_error_ struct error *e = NULL;
    int r = cunik_sysctl_get(path, ret, &e);

    if (r != -ENOENT)
        return cunik_error_pass(err, r, &e);
    *ret = -1;
    return 0;
}

static int set(const char *link, const char *key, int value, struct error **err)
{
    _cleanup_free_ char *path = switch_of(link, key);
    _cleanup_error_ struct error *e = NULL;
    int r = cunik_sysctl_set(path, value, &e);

    return r == -ENOENT ? 0 : cunik_error_pass(err, r, &e);
}

static bool is_way(const struct link *l)
{
    return l->up && l->n_addresses6 && !l->labelled && strcmp(l->name, "lo") != 0;
}

enum host_forward6 cunik_host_forward6_kind(void)
{
    int value;

    return get("default", "force_forwarding", &value, NULL) == 0 && value >= 0 ? FORWARD6_EACH
                                                                               : FORWARD6_WHOLE;
}

int cunik_host_forwards6(enum host_forward6 kind, const struct links *links, bool *ret,
                         struct error **err)
{
    int whole, each = 1;
    int r = get("all", "forwarding", &whole, err);

    for (size_t i = 0; r == 0 && kind == FORWARD6_EACH && each && i < links->n; i++)
        if (whole < 1 && is_way(&links->items[i]))
            r = get(links->items[i].name, "force_forwarding", &each, err);
    *ret = whole > 0 || (kind == FORWARD6_EACH && each != 0);
    return r;
}

static void add_line(struct strv *record, char *line)
{
    if (cunik_strv_has(record, line))
        free(line);
    else
        cunik_strv_take(record, line);
}

/* Each */

static int open_each(const struct host_real *h, const struct links *links, struct strv *record,
                     struct error **err)
{
    _cleanup_strv_ struct strv shut = {0};
    int r = 0, on;

    for (size_t i = 0; r == 0 && i < links->n; i++) {
        const struct link *l = &links->items[i];
        if (!is_way(l) || (r = get(l->name, "force_forwarding", &on, err)) < 0 || on)
            continue;
        cunik_strv_add(&shut, l->name);
        add_line(record, cunik_asprintf("each %u %s", l->index, l->name));
    }
    if (r == 0 && shut.n)
        r = cunik_host_record_write(h, record_name, record, err);
    for (size_t i = 0; r == 0 && i < shut.n; i++)
        r = set(shut.items[i], "force_forwarding", 1, err);
    return r;
}

/* The whole host */

static int note_advertised(const char *name, struct strv *record, struct error **err)
{
    int value, r = get(name, "accept_ra", &value, err);

    if (r == 0 && value == 1)
        add_line(record, cunik_asprintf("ra %s", name));
    return r;
}

static int open_whole(const struct host_real *h, const struct links *links, struct strv *record,
                      struct error **err)
{
    int on, r = get("all", "forwarding", &on, err);

    if (r < 0 || on)
        return r;
    add_line(record, cunik_strdup("whole"));
    r = note_advertised("default", record, err);
    for (size_t i = 0; r == 0 && i < links->n; i++) {
        const struct link *l = &links->items[i];
        if (l->labelled || strcmp(l->name, "lo") == 0)
            continue;
        add_line(record, cunik_asprintf("shut %s", l->name));
        r = note_advertised(l->name, record, err);
    }
    if (r == 0)
        r = cunik_host_record_write(h, record_name, record, err);
    for (size_t i = 0; r == 0 && i < record->n; i++)
        if (cunik_text_starts(record->items[i], "ra "))
            r = set(record->items[i] + strlen("ra "), "accept_ra", RA_ROUTER, err);
    return r;
}

int cunik_host_open6(const struct host_real *h, enum host_forward6 kind, struct strv *ret_shut,
                     struct error **err)
{
    _cleanup_links_ struct links links = {0};
    _cleanup_strv_ struct strv record = {0};
    int r = cunik_host_record_read(h, record_name, &record, err);

    if (r == 0)
        r = cunik_link_list(&links, err);
    if (r == 0)
        r = kind == FORWARD6_EACH ? open_each(h, &links, &record, err)
                                  : open_whole(h, &links, &record, err);
    for (size_t i = 0; r == 0 && i < record.n; i++)
        if (cunik_text_starts(record.items[i], "shut "))
            cunik_strv_add(ret_shut, record.items[i] + strlen("shut "));
    return cunik_error_prefix(err, r, "forwarding IPv6 for guests");
}

int cunik_host_forward6(const struct host_real *h, struct error **err)
{
    _cleanup_strv_ struct strv record = {0};
    int r = cunik_host_record_read(h, record_name, &record, err);

    if (r == 0 && cunik_strv_has(&record, "whole"))
        r = cunik_sysctl_set(whole_switch, 1, err);
    return r < 0 ? cunik_error_prefix(err, r, "forwarding IPv6 for guests") : 0;
}

/* Undoing */

static int undo(const struct links *links, const char *line, struct error **err)
{
    unsigned index;
    int used = 0, value, r = 0;

    if (strcmp(line, "whole") == 0)
        return set("all", "forwarding", 0, err);
    if (cunik_text_starts(line, "ra ")) {
        const char *name = line + strlen("ra ");
        r = get(name, "accept_ra", &value, err);
        return r == 0 && value == RA_ROUTER ? set(name, "accept_ra", 1, err) : r;
    }
    if (sscanf(line, "each %u %n", &index, &used) != 1 || !used)
        return 0;
    const struct link *l = cunik_links_find(links, line + used);
    return l && l->index == index ? set(l->name, "force_forwarding", 0, err) : 0;
}

/* Another engine may need it by now, as with IPv4. */
int cunik_host_close6(const struct host_real *h, struct error **err)
{
    _cleanup_strv_ struct strv record = {0};
    _cleanup_links_ struct links links = {0};
    bool others = false;
    int r = cunik_host_record_read(h, record_name, &record, err);

    if (r < 0 || !record.n || (r = cunik_gates_others(h->engine, &others, err)) < 0 || others ||
        (r = cunik_link_list(&links, err)) < 0)
        return cunik_error_prefix(err, r, "forwarding IPv6 for guests");
    for (size_t i = 0; r == 0 && i < record.n; i++)
        r = undo(&links, record.items[i], err);
    if (r == 0)
        r = cunik_host_record_remove(h, record_name, err);
    return cunik_error_prefix(err, r, "forwarding IPv6 for guests");
}
