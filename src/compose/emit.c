#include "compose/emit.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/plain.h"

enum { INDENT = 2 };

static int take(void *text, unsigned char *data, size_t size)
{
    cunik_buffer_append(text, (const char *)data, size);
    return 1;
}

/* What is sent is well-formed; what else can fail is getting memory. */
static void send(yaml_emitter_t *emitter, int made, yaml_event_t *event)
{
    if (!made || !yaml_emitter_emit(emitter, event))
        abort();
}

static void send_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                            (int)strlen(text), true, true, style);

    send(emitter, made, &event);
}

/* Line breaks that a literal block would not keep as they are. */
static bool has_odd_breaks(const char *s)
{
    return strchr(s, '\r') || strstr(s, "\xc2\x85") || strstr(s, "\xe2\x80\xa8") ||
           strstr(s, "\xe2\x80\xa9");
}

/* The style that is wished for: libyaml takes quotes where a text cannot be had in it. */
static yaml_scalar_style_t style_of(const char *s)
{
    if (!*s || has_odd_breaks(s))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (strchr(s, '\n'))
        return YAML_LITERAL_SCALAR_STYLE;
    return cunik_plain_reads_as_other(s) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                         : YAML_PLAIN_SCALAR_STYLE;
}

static void send_string(yaml_emitter_t *emitter, const char *text)
{
    _cleanup_buffer_ struct buffer clean = {0};

    if (cunik_text_not_utf8(text, strlen(text))) {
        cunik_buffer_utf8(&clean, text, strlen(text));
        text = clean.data;
    }
    send_scalar(emitter, text, style_of(text));
}

static void send_mapping_start(yaml_emitter_t *emitter, yaml_mapping_style_t style)
{
    yaml_event_t event;

    send(emitter, yaml_mapping_start_event_initialize(&event, NULL, NULL, true, style), &event);
}

/* libyaml puts the items of a list that is a key's value at the column of the key, Docker Compose
 * two further to the right. Which of the two is decided at the first item, by `mapping_context`;
 * but that is written in the same call as the list's start, for libyaml looks two events ahead
 * before it writes that. So it is given two events of any kind to look at, which are taken back
 * from its queue: between the start and the first item it can then be told that there is no
 * mapping. */
static void indent_items(yaml_emitter_t *emitter)
{
    send_mapping_start(emitter, YAML_BLOCK_MAPPING_STYLE);
    send_mapping_start(emitter, YAML_BLOCK_MAPPING_STYLE);
    emitter->events.tail = emitter->events.head;
    emitter->mapping_context = false;
}

static void send_node(yaml_emitter_t *emitter, const struct node *n);

static void send_list(yaml_emitter_t *emitter, const struct node *n)
{
    yaml_sequence_style_t style = n->n ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
    yaml_event_t event;

    send(emitter, yaml_sequence_start_event_initialize(&event, NULL, NULL, true, style), &event);
    if (n->n)
        indent_items(emitter);
    for (size_t i = 0; i < n->n; i++)
        send_node(emitter, n->items[i]);
    send(emitter, yaml_sequence_end_event_initialize(&event), &event);
}

static void send_map(yaml_emitter_t *emitter, const struct node *n)
{
    yaml_event_t event;

    send_mapping_start(emitter, n->n ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE);
    for (size_t i = 0; i < n->n; i++) {
        send_string(emitter, n->items[i]->key);
        send_node(emitter, n->items[i]);
    }
    send(emitter, yaml_mapping_end_event_initialize(&event), &event);
}

static void send_node(yaml_emitter_t *emitter, const struct node *n)
{
    _cleanup_free_ char *text = NULL;

    switch (n->kind) {
    case NODE_LIST:
        send_list(emitter, n);
        break;
    case NODE_MAP:
        send_map(emitter, n);
        break;
    case NODE_STRING:
        send_string(emitter, n->text);
        break;
    default:
        text = cunik_plain_text(n);
        send_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);
    }
}

char *cunik_emit_yaml(const struct node *root)
{
    _cleanup_buffer_ struct buffer b = {0};
    yaml_emitter_t emitter;
    yaml_event_t event;

    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, take, &b);
    yaml_emitter_set_indent(&emitter, INDENT);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_set_unicode(&emitter, true);
    send(&emitter, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
    send(&emitter, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, true), &event);
    send_node(&emitter, root);
    send(&emitter, yaml_document_end_event_initialize(&event, true), &event);
    send(&emitter, yaml_stream_end_event_initialize(&event), &event);
    yaml_emitter_delete(&emitter);
    return cunik_buffer_take(&b);
}
