/* driver_opts of a network: one table of what is carried out. The names with dots are Docker's, so
 * that a file means the same here. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"
#include "network/link.h"

enum { MTU_LEAST = 576, MTU_MOST = 65535 }; /* RFC 791: what every host takes */

static bool read_mtu(const char *text, struct stack_network *ret)
{
    uint64_t mtu;

    if (cunik_text_to_uint(text, MTU_LEAST, MTU_MOST, &mtu) < 0)
        return false;
    ret->mtu = (int64_t)mtu;
    return true;
}

static bool read_bridge(const char *text, struct stack_network *ret)
{
    if (!cunik_link_is_name(text))
        return false;
    cunik_replace(&ret->bridge, text);
    return true;
}

static bool read_hide(const char *text, struct stack_network *ret)
{
    ret->hide_unhealthy = strcmp(text, "true") == 0;
    return ret->hide_unhealthy || strcmp(text, "false") == 0;
}

static const struct option {
    const char *name;
    bool (*read)(const char *text, struct stack_network *ret);
    const char *expected;
} options[] = {
    {"com.docker.network.driver.mtu", read_mtu, "a number from 576 to 65535"},
    {"mtu", read_mtu, "a number from 576 to 65535"},
    {"com.docker.network.bridge.name", read_bridge,
     "the name of a link: at most 15 letters, digits and _ . -, and not 'all' or 'default'"},
    {"cunik.hide_unhealthy", read_hide, "true or false"},
};

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

void cunik_stack_read_network_options(struct stack_maker *m, const struct node *opts,
                                      struct stack_network *ret)
{
    for (size_t i = 0; opts && i < opts->n; i++) {
        const struct node *n = opts->items[i];
        const struct option *o = find(n->key);
        const char *text = n->text ? n->text : ""; /* a list has none */
        _cleanup_free_ char *path = cunik_asprintf("networks.%s.driver_opts.%s", ret->key, n->key);

        if (!o)
            cunik_diagnostics_unsupported(m->d, &n->key_place, path,
                                          "is not supported: it is ignored");
        else if (!o->read(text, ret))
            cunik_diagnostics_error(m->d, &n->place, path, "'%s' is not %s", text, o->expected);
    }
}
