/* port: where a cunik's ports are published. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/verb.h"
#include "engine/world_network.h"

/* "80" or "80/udp". */
static int parse(const char *text, uint64_t *ret_port, const char **ret_protocol,
                 struct error **err)
{
    size_t size = strcspn(text, "/");
    _cleanup_free_ char *number = cunik_strndup(text, size);

    *ret_protocol = text[size] ? text + size + 1 : "tcp";
    if (cunik_text_to_uint(number, 1, UINT16_MAX, ret_port) < 0 ||
        (strcmp(*ret_protocol, "tcp") != 0 && strcmp(*ret_protocol, "udp") != 0))
        return cunik_error_set(err, ERROR_INVALID, "a port is NUMBER[/tcp|/udp], not '%s'", text);
    return 0;
}

int cunik_verb_port(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_world_ struct world w = {0};
    const char *protocol = NULL;
    struct world_cunik *c;
    uint64_t port = 0;
    bool found = false;
    int r = words->n > 1 ? parse(words->items[1], &port, &protocol, err) : 0;

    if (r == 0)
        r = cunik_verb_world(a, NULL, &w, err);
    if (r == 0)
        r = cunik_verb_find(&w, words->items[0], &c, err);
    for (size_t i = 0; r == 0 && i < c->n_ports; i++) {
        const struct world_port *p = &c->ports[i];
        if (protocol && (p->port != port || strcmp(p->protocol, protocol) != 0))
            continue;
        _cleanup_free_ char *host = cunik_world_port_text(p);
        found = true;
        if (protocol)
            puts(host);
        else
            printf("%u/%s -> %s\n", p->port, p->protocol, host);
    }
    if (r == 0 && protocol && !found)
        r = cunik_error_set(err, ERROR_NOT_FOUND, "'%s' publishes no port %s", c->name,
                            words->items[1]);
    return r;
}
