#include "network/rules.h"

#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"
#include "network/rules_parts.h"

enum { CHAIN_MAX = 127 }; /* NFT_NAME_MAXLEN, without the NUL */

int cunik_rules_by_bridge(const void *a, const void *b)
{
    const struct rules_network *x = a, *y = b;

    return strcmp(x->bridge, y->bridge);
}

static int by_link(const void *a, const void *b)
{
    const struct rules_guest *x = a, *y = b;

    return strcmp(x->link, y->link);
}

/* What goes into the text between quotes or as it is: names that could mean something else there
 * are refused rather than escaped. */
static int check_word(const char *s, const char *what, struct error **err)
{
    if (!*s ||
        strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != strlen(s))
        return cunik_error_set(err, ERROR_INVALID, "'%s' cannot be %s", s, what);
    return 0;
}

static int check(const struct rules *r, struct error **err)
{
    int e = check_word(r->engine, "the id of an engine", err);

    for (size_t i = 0; e == 0 && i < r->n_networks; i++)
        e = check_word(r->networks[i].bridge, "the name of a bridge", err);
    for (size_t i = 0; e == 0 && i < r->ways.n; i++)
        e = check_word(r->ways.items[i], "the name of a bridge", err);
    for (size_t i = 0; e == 0 && i < r->shut.n; i++)
        e = check_word(r->shut.items[i], "the name of a link", err);
    for (size_t i = 0; e == 0 && i < r->n_guests; i++)
        if ((e = check_word(r->guests[i].link, "the name of a link", err)) == 0 &&
            (e = check_word(r->guests[i].bridge, "the name of a bridge", err)) == 0)
            e = cunik_rules_check_guest(&r->guests[i], err);
    for (size_t i = 0; e == 0 && i < r->n_ports; i++)
        e = cunik_rules_check_port(&r->ports[i], err);
    return e;
}

void cunik_rules_append_address(struct buffer *b, uint32_t address)
{
    _cleanup_free_ char *text = cunik_address_text(address);

    cunik_buffer_text_append(b, text);
}

void cunik_rules_append_address6(struct buffer *b, const struct in6_addr *address)
{
    _cleanup_free_ char *text = cunik_address6_text(address);

    cunik_buffer_text_append(b, text);
}

struct buffer *cunik_rules_element(struct rules_elements *e)
{
    cunik_buffer_text_append(&e->text, e->text.size ? ",\n            " : "            ");
    return &e->text;
}

void cunik_rules_append_set(struct buffer *b, const char *kind, const char *name, const char *type,
                            struct rules_elements *e)
{
    cunik_buffer_printf(b, "    %s %s {\n        type %s\n", kind, name, type);
    if (e->text.size)
        cunik_buffer_printf(b, "        elements = {\n%s\n        }\n",
                            cunik_buffer_text(&e->text));
    cunik_buffer_text_append(b, "    }\n");
    cunik_buffer_done(&e->text);
}

static void append_part(struct buffer *b, const struct cidr *c)
{
    cunik_buffer_char(b, '_');
    cunik_rules_append_address(b, c->address);
    cunik_buffer_printf(b, "_%u", c->length);
}

char *cunik_rules_network_name(const struct rules_network *n)
{
    const struct cidr first = {.address = n->gateway, .length = n->subnet.length};
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, n->bridge);
    append_part(&b, &first);
    for (size_t i = 0; i < n->n_more; i++)
        append_part(&b, &n->more[i]);
    if (n->gateway6) {
        _cleanup_free_ char *hex = cunik_rules_hex(&n->gateway6->address);
        cunik_buffer_printf(&b, "_%s_%u", hex, n->gateway6->length);
    }
    cunik_buffer_text_append(&b, n->internal ? "_internal" : "");
    _cleanup_free_ char *all = cunik_buffer_take(&b);
    if (strlen(all) <= CHAIN_MAX)
        return TAKE_PTR(all);
    _cleanup_free_ char *digits = cunik_digest_hex(all, strlen(all), 32);
    return cunik_asprintf("%s_%s", n->bridge, digits);
}

static void sort(struct rules *r)
{
    if (r->n_networks)
        qsort(r->networks, r->n_networks, sizeof(*r->networks), cunik_rules_by_bridge);
    if (r->n_guests)
        qsort(r->guests, r->n_guests, sizeof(*r->guests), by_link);
    cunik_strv_sort(&r->ways);
    cunik_strv_sort(&r->shut);
}

bool cunik_rules_six(const struct rules *r)
{
    bool six = false;

    for (size_t i = 0; i < r->n_networks; i++)
        six |= r->networks[i].gateway6 != NULL;
    return six;
}

static void append_emptied(struct buffer *b, const char *family, const char *engine)
{
    cunik_buffer_printf(b, "add table %s cunik_%s\ndelete table %s cunik_%s\n", family, engine,
                        family, engine);
}

static char *make_text(const struct rules *r)
{
    _cleanup_buffer_ struct buffer b = {0};

    append_emptied(&b, "ip", r->engine);
    append_emptied(&b, "ip6", r->engine);
    append_emptied(&b, "bridge", r->engine);
    if (!r->n_networks && !r->n_guests && !r->n_ports)
        return cunik_buffer_take(&b);
    cunik_buffer_printf(&b, "table ip cunik_%s {\n", r->engine);
    cunik_rules_append_packets(&b, r, false);
    if (cunik_rules_six(r)) {
        cunik_buffer_printf(&b, "}\ntable ip6 cunik_%s {\n", r->engine);
        cunik_rules_append_packets(&b, r, true);
    }
    cunik_buffer_printf(&b, "}\ntable bridge cunik_%s {\n", r->engine);
    cunik_rules_append_frames(&b, r);
    cunik_buffer_text_append(&b, "}\n");
    return cunik_buffer_take(&b);
}

int cunik_rules_make(struct rules *r, char **ret_text, struct strv *ret_chains, struct error **err)
{
    int e = check(r, err);

    if (e < 0)
        return e;
    sort(r);
    for (size_t i = 0; ret_chains && i < r->n_networks; i++)
        cunik_strv_take(ret_chains, cunik_rules_network_name(&r->networks[i]));
    for (size_t i = 0; ret_chains && i < r->n_guests; i++)
        cunik_strv_take(ret_chains, cunik_rules_guest_name(&r->guests[i]));
    if (ret_chains)
        cunik_rules_port_chains(r, false, ret_chains);
    if (ret_chains && cunik_rules_six(r))
        cunik_rules_port_chains(r, true, ret_chains);
    if (ret_text)
        *ret_text = make_text(r);
    return 0;
}

void cunik_rules_done(struct rules *r)
{
    for (size_t i = 0; i < r->n_networks; i++) {
        free((void *)r->networks[i].more);
        free((void *)r->networks[i].gateway6);
    }
    free(r->networks);
    free(r->guests);
    free(r->ports);
    cunik_strv_done(&r->ways);
    cunik_strv_done(&r->shut);
    *r = (struct rules){0};
}
