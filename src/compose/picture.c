#include "compose/picture.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

/* What a service waits for of another, on the arrow; nothing when it is only that it is started. */
static const char *const conditions[] = {
    [DEPEND_STARTED] = "",
    [DEPEND_HEALTHY] = "healthy",
    [DEPEND_COMPLETED] = "completed",
};
_Static_assert(ARRAY_SIZE(conditions) == DEPEND_MAX_, "every condition has its word");

/* A DOT string: quotes and backslashes escaped, newlines as "\n". */
static void dot_string(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            cunik_buffer_char(b, '\\');
        cunik_buffer_text_append(b, *s == '\n' ? "\\n" : (char[]){*s, '\0'});
    }
    cunik_buffer_char(b, '"');
}

/* Mermaid knows entities, and takes quotes no other way. */
static void mermaid_string(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '"');
    for (; *s; s++)
        if (*s == '"')
            cunik_buffer_text_append(b, "#quot;");
        else
            cunik_buffer_text_append(b, *s == '\n' ? "<br>" : (char[]){*s, '\0'});
    cunik_buffer_char(b, '"');
}

static char *service_label(const struct stack_service *s)
{
    return s->scale == 1 ? cunik_strdup(s->name)
                         : cunik_asprintf("%s\n%lld copies", s->name, (long long)s->scale);
}

static char *network_label(const struct stack *s, const char *key)
{
    const struct stack_network *n = cunik_stack_network(s, key);

    return cunik_asprintf("%s%s", key,
                          n && n->external   ? "\nexternal"
                          : n && n->internal ? "\ninternal"
                                             : "");
}

/* "127.0.0.1:8080/udp"; "*" for any port. */
static char *port_label(const struct stack_port *p)
{
    struct buffer b = {0};

    if (*p->host_ip)
        cunik_buffer_printf(&b, "%s:", p->host_ip);
    if (!p->host_first)
        cunik_buffer_char(&b, '*');
    else if (p->host_first == p->host_last)
        cunik_buffer_printf(&b, "%u", p->host_first);
    else
        cunik_buffer_printf(&b, "%u-%u", p->host_first, p->host_last);
    if (strcmp(p->protocol, "tcp") != 0)
        cunik_buffer_printf(&b, "/%s", p->protocol);
    return cunik_buffer_take(&b);
}

static size_t service_index(const struct stack *s, const char *name)
{
    for (size_t i = 0; i < s->n_services; i++)
        if (strcmp(s->services[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static size_t network_index(const struct stack *s, const char *key)
{
    for (size_t i = 0; i < s->n_networks; i++)
        if (strcmp(s->networks[i].key, key) == 0)
            return i;
    return SIZE_MAX;
}

/* What the two languages differ in. */
struct language {
    const char *begin, *end;
    void (*node)(struct buffer *b, const char *kind, size_t i, const char *label);
    /* A label of "" is none; dashed: no direction, or what may be missing. */
    void (*edge)(struct buffer *b, const char *from_kind, size_t from, const char *to_kind,
                 size_t to, bool directed, bool dashed, const char *label);
};

static const char *dot_shape(const char *kind)
{
    return strcmp(kind, "service") == 0   ? "box"
           : strcmp(kind, "network") == 0 ? "ellipse"
                                          : "plaintext";
}

static void dot_node(struct buffer *b, const char *kind, size_t i, const char *label)
{
    cunik_buffer_printf(b, "  %s%zu [shape=%s, label=", kind, i, dot_shape(kind));
    dot_string(b, label);
    cunik_buffer_text_append(b, "];\n");
}

static void dot_edge(struct buffer *b, const char *from_kind, size_t from, const char *to_kind,
                     size_t to, bool directed, bool dashed, const char *label)
{
    cunik_buffer_printf(b, "  %s%zu -> %s%zu [label=", from_kind, from, to_kind, to);
    dot_string(b, label);
    cunik_buffer_printf(b, "%s%s];\n", directed ? "" : ", dir=none",
                        dashed ? ", style=dashed" : "");
}

static void mermaid_node(struct buffer *b, const char *kind, size_t i, const char *label)
{
    static const char *const shapes[][2] = {{"[", "]"}, {"([", "])"}, {">", "]"}};
    const char *const *shape = strcmp(kind, "service") == 0   ? shapes[0]
                               : strcmp(kind, "network") == 0 ? shapes[1]
                                                              : shapes[2];

    cunik_buffer_printf(b, "  %s%zu%s", kind, i, shape[0]);
    mermaid_string(b, label);
    cunik_buffer_printf(b, "%s\n", shape[1]);
}

static void mermaid_edge(struct buffer *b, const char *from_kind, size_t from, const char *to_kind,
                         size_t to, bool directed, bool dashed, const char *label)
{
    const char *line = directed ? (dashed ? "-.->" : "-->") : (dashed ? "-.-" : "---");

    cunik_buffer_printf(b, "  %s%zu %s", from_kind, from, line);
    if (*label) {
        cunik_buffer_char(b, '|');
        mermaid_string(b, label);
        cunik_buffer_char(b, '|');
    }
    cunik_buffer_printf(b, " %s%zu\n", to_kind, to);
}

static void put_ports(struct buffer *b, const struct language *l, const struct stack *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_services; i++)
        for (size_t k = 0; k < s->services[i].n_ports; k++, n++) {
            const struct stack_port *p = &s->services[i].ports[k];
            _cleanup_free_ char *label = port_label(p), *inside = cunik_asprintf("%u", p->target);
            l->node(b, "port", n, label);
            l->edge(b, "port", n, "service", i, true, false, inside);
        }
}

static void put_service_edges(struct buffer *b, const struct language *l, const struct stack *s,
                              size_t i)
{
    const struct stack_service *service = &s->services[i];

    for (size_t k = 0; k < service->n_depends; k++) {
        const struct stack_depend *d = &service->depends[k];
        size_t on = service_index(s, d->service);
        if (on != SIZE_MAX)
            l->edge(b, "service", i, "service", on, true, !d->required, conditions[d->condition]);
    }
    for (size_t k = 0; k < service->n_networks; k++) {
        size_t network = network_index(s, service->networks[k].network);
        if (network != SIZE_MAX)
            l->edge(b, "service", i, "network", network, false, true, "");
    }
}

static char *draw(const struct language *l, const struct stack *s)
{
    struct buffer b = {0};

    cunik_buffer_text_append(&b, l->begin);
    for (size_t i = 0; i < s->n_services; i++) {
        _cleanup_free_ char *label = service_label(&s->services[i]);
        l->node(&b, "service", i, label);
    }
    for (size_t i = 0; i < s->n_networks; i++) {
        _cleanup_free_ char *label = network_label(s, s->networks[i].key);
        l->node(&b, "network", i, label);
    }
    for (size_t i = 0; i < s->n_services; i++)
        put_service_edges(&b, l, s, i);
    put_ports(&b, l, s);
    cunik_buffer_text_append(&b, l->end);
    return cunik_buffer_take(&b);
}

char *cunik_picture_dot(const struct stack *s)
{
    static const struct language dot = {"  rankdir=LR;\n", "}\n", dot_node, dot_edge};
    _cleanup_free_ char *body = draw(&dot, s);
    struct buffer b = {0};

    cunik_buffer_text_append(&b, "digraph ");
    dot_string(&b, s->name);
    cunik_buffer_printf(&b, " {\n%s", body);
    return cunik_buffer_take(&b);
}

char *cunik_picture_mermaid(const struct stack *s)
{
    static const struct language mermaid = {"flowchart LR\n", "", mermaid_node, mermaid_edge};

    return draw(&mermaid, s);
}
