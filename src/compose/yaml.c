#include "compose/yaml.h"

#include <string.h>
#include <yaml.h>

#include "compose/yaml_builder.h"

/* libyaml compares each directive of a document with all before it. */
enum { DIRECTIVES_MAX = 1000 };

static const struct yaml_limits usual = {
    .size = 16 << 20,
    .nodes = 1000 * 1000,
    .aliased = 500 * 1000,
    .depth = 128,
};

struct input {
    const char *name;
    const char *text;
    size_t size;
};

static struct place place_of(const char *name, yaml_mark_t mark)
{
    return (struct place){
        .file = name, .line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1};
}

/* What each kind of event says of a node. */
static struct yaml_item item_of(const char *name, const yaml_event_t *event)
{
    struct yaml_item item = {.place = place_of(name, event->start_mark)};

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        item.anchor = (const char *)event->data.scalar.anchor;
        item.tag = (const char *)event->data.scalar.tag;
        item.text = (const char *)event->data.scalar.value;
        item.size = event->data.scalar.length;
        item.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        break;
    case YAML_MAPPING_START_EVENT:
        item.anchor = (const char *)event->data.mapping_start.anchor;
        item.tag = (const char *)event->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        item.anchor = (const char *)event->data.sequence_start.anchor;
        item.tag = (const char *)event->data.sequence_start.tag;
        break;
    case YAML_ALIAS_EVENT:
        item.anchor = (const char *)event->data.alias.anchor;
        break;
    default:
        break;
    }
    return item;
}

static int handle(struct yaml_builder *b, const char *name, const yaml_event_t *event,
                  struct error **err)
{
    struct yaml_item item = item_of(name, event);

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return cunik_yaml_add_scalar(b, &item, err);
    case YAML_ALIAS_EVENT:
        return cunik_yaml_add_alias(b, &item, err);
    case YAML_MAPPING_START_EVENT:
        return cunik_yaml_begin(b, true, &item, err);
    case YAML_SEQUENCE_START_EVENT:
        return cunik_yaml_begin(b, false, &item, err);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return cunik_yaml_end(b, err);
    case YAML_DOCUMENT_END_EVENT:
        cunik_yaml_end_document(b);
        return 0;
    default:
        return 0;
    }
}

/* Where a byte stands: a mistake in the encoding has no other mark. */
static struct place place_of_byte(const struct input *in, size_t offset)
{
    struct place place = {.file = in->name, .line = 1, .column = 1};

    for (size_t i = 0; i < offset && i < in->size; i++) {
        place.column++;
        if (in->text[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

static int syntax_error(const struct input *in, const yaml_parser_t *parser, struct error **err)
{
    struct place place = place_of(in->name, parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        abort();
    if (parser->error == YAML_READER_ERROR)
        place = place_of_byte(in, parser->problem_offset);
    if (parser->error == YAML_READER_ERROR || !parser->context)
        return cunik_error_at(err, ERROR_INVALID, &place, "%s", parser->problem);
    return cunik_error_at(err, ERROR_INVALID, &place, "%s (%s that starts at line %zu)",
                          parser->problem, parser->context, parser->context_mark.line + 1);
}

static int read_events(const struct input *in, struct yaml_builder *b, yaml_parser_t *parser,
                       struct error **err)
{
    for (bool more = true; more;) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return syntax_error(in, parser, err);
        more = event.type != YAML_STREAM_END_EVENT;
        int r = handle(b, in->name, &event, err);
        yaml_event_delete(&event);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_size(const struct input *in, const struct yaml_limits *limits, struct error **err)
{
    struct place place = {.file = in->name};
    size_t directives = 0;

    if (in->size > limits->size)
        return cunik_error_at(err, ERROR_INVALID, &place,
                              "file is larger than %zu bytes (it has %zu)", limits->size, in->size);
    for (size_t i = 0; i < in->size; i++)
        directives += in->text[i] == '%' && (i == 0 || in->text[i - 1] == '\n');
    if (directives > DIRECTIVES_MAX)
        return cunik_error_at(err, ERROR_INVALID, &place, "file has more than %d directives",
                              DIRECTIVES_MAX);
    return 0;
}

int cunik_yaml_parse(struct tree *t, const char *name, const char *text, size_t size,
                     const struct yaml_limits *limits, struct node ***ret_documents, size_t *ret_n,
                     struct error **err)
{
    struct input in = {cunik_tree_text(t, name, strlen(name)), size ? text : "", size};
    _cleanup_(cunik_yaml_builder_done) struct yaml_builder b = {
        .tree = t,
        .limits = limits ? limits : &usual,
        .documents = cunik_node_list(t, NULL),
    };

    int r = check_size(&in, b.limits, err);
    if (r < 0)
        return r;
    _cleanup_(yaml_parser_delete) yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        abort(); /* out of memory */
    yaml_parser_set_input_string(&parser, (const unsigned char *)in.text, in.size);
    r = read_events(&in, &b, &parser, err);
    if (r < 0)
        return r;
    *ret_documents = b.documents->items;
    *ret_n = b.documents->n;
    return 0;
}
