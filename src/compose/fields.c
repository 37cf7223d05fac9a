#include "compose/fields.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"

#define SHAPE_NUMBER (SHAPE_INT | SHAPE_FLOAT)
#define SHAPE_ANY (SHAPE_NULL | SHAPE_STRING | SHAPE_NUMBER | SHAPE_BOOL | SHAPE_LIST | SHAPE_MAP)
#define SHAPE_PLAIN (SHAPE_STRING | SHAPE_NUMBER | SHAPE_BOOL)

static const struct field_shape shapes[] = {
    [FIELD_ANY] = {.expected = "anything",
                   .value = SHAPE_ANY,
                   .items = SHAPE_ANY,
                   .members = SHAPE_ANY,
                   .keys = KEYS_FREE},
    [FIELD_STRING] = {.expected = "a string", .value = SHAPE_STRING},
    [FIELD_BOOL] = {.expected = "true or false",
                    .value = SHAPE_BOOL | SHAPE_STRING,
                    .cast = AS_BOOL},
    [FIELD_INT] = {.expected = "a whole number", .value = SHAPE_INT | SHAPE_STRING, .cast = AS_INT},
    [FIELD_FLOAT] = {.expected = "a number",
                     .value = SHAPE_NUMBER | SHAPE_STRING,
                     .cast = AS_FLOAT},
    [FIELD_BYTES] = {.expected = "a size such as 64M",
                     .value = SHAPE_NUMBER | SHAPE_STRING,
                     .cast = AS_BYTES},
    [FIELD_DURATION] = {.expected = "a duration such as 1m30s",
                        .value = SHAPE_STRING,
                        .cast = AS_DURATION},
    [FIELD_STRING_INT] = {.expected = "a string or a whole number",
                          .value = SHAPE_STRING | SHAPE_INT},
    [FIELD_STRING_NUMBER] = {.expected = "a string or a number",
                             .value = SHAPE_STRING | SHAPE_NUMBER},
    [FIELD_MODE] = {.expected = "a string or a number", .value = SHAPE_STRING | SHAPE_NUMBER},
    [FIELD_DEVICE_COUNT] = {.expected = "a whole number or 'all'",
                            .value = SHAPE_STRING | SHAPE_INT},
    [FIELD_STRING_BOOL] = {.expected = "a string or a boolean", .value = SHAPE_STRING | SHAPE_BOOL},
    [FIELD_STRINGS] = {.expected = "a list of strings", .value = SHAPE_LIST, .items = SHAPE_STRING},
    [FIELD_SCALARS] = {.expected = "a list of strings or numbers",
                       .value = SHAPE_LIST,
                       .items = SHAPE_STRING | SHAPE_NUMBER},
    [FIELD_STRING_LIST] = {.expected = "a string or a list of strings",
                           .value = SHAPE_STRING | SHAPE_LIST,
                           .items = SHAPE_STRING},
    [FIELD_PAIRS] = {.expected = "a mapping, or a list of KEY=VALUE",
                     .value = SHAPE_MAP | SHAPE_LIST,
                     .items = SHAPE_STRING,
                     .members = SHAPE_PLAIN | SHAPE_NULL,
                     .keys = KEYS_FREE},
    [FIELD_MAPPING] = {.expected = "a mapping",
                       .value = SHAPE_MAP,
                       .members = SHAPE_STRING | SHAPE_NUMBER | SHAPE_NULL,
                       .keys = KEYS_FREE},
    [FIELD_TEXTS] = {.expected = "a mapping of strings",
                     .value = SHAPE_MAP,
                     .members = SHAPE_STRING,
                     .keys = KEYS_FREE},
    [FIELD_OPTIONS] = {.expected = "a mapping",
                       .value = SHAPE_MAP,
                       .members = SHAPE_PLAIN | SHAPE_LIST,
                       .inner = SHAPE_PLAIN,
                       .keys = KEYS_FREE},
    [FIELD_HOSTS] = {.expected = "a mapping of names to addresses, or a list of NAME=ADDRESS",
                     .value = SHAPE_MAP | SHAPE_LIST,
                     .items = SHAPE_STRING,
                     .members = SHAPE_STRING | SHAPE_LIST,
                     .inner = SHAPE_STRING,
                     .keys = KEYS_FREE},
    [FIELD_COMMAND] = {.expected = "a string or a list of strings",
                       .value = SHAPE_NULL | SHAPE_STRING | SHAPE_LIST,
                       .items = SHAPE_STRING},
    [FIELD_TEST] = {.expected = "a string or a list of strings",
                    .value = SHAPE_STRING | SHAPE_LIST,
                    .items = SHAPE_STRING},
    [FIELD_OBJECT] = {.expected = "a mapping", .value = SHAPE_MAP, .keys = KEYS_FIELDS},
    [FIELD_MAP] = {.expected = "a mapping of names",
                   .value = SHAPE_MAP,
                   .members = SHAPE_MAP,
                   .keys = KEYS_NAMES},
    [FIELD_LIST] = {.expected = "a list of mappings", .value = SHAPE_LIST, .items = SHAPE_MAP},
    [FIELD_SHORT] = {.expected = "a string or a mapping",
                     .value = SHAPE_STRING | SHAPE_MAP,
                     .keys = KEYS_FIELDS},
    [FIELD_SHORT_LIST] = {.expected = "a list of strings or mappings",
                          .value = SHAPE_LIST,
                          .items = SHAPE_STRING | SHAPE_MAP},
    [FIELD_SHORT_LISTS] = {.expected = "a string, or a list of strings or mappings",
                           .value = SHAPE_STRING | SHAPE_LIST,
                           .items = SHAPE_STRING | SHAPE_MAP},
    [FIELD_NAMES] = {.expected = "a list of names or a mapping",
                     .value = SHAPE_LIST | SHAPE_MAP,
                     .items = SHAPE_STRING,
                     .members = SHAPE_MAP | SHAPE_NULL,
                     .keys = KEYS_NAMES},
    [FIELD_DEPENDS] = {.expected = "a list of names or a mapping",
                       .value = SHAPE_LIST | SHAPE_MAP,
                       .items = SHAPE_STRING,
                       .members = SHAPE_MAP,
                       .keys = KEYS_NAMES},
    [FIELD_PORTS] = {.expected = "a list of ports",
                     .value = SHAPE_LIST,
                     .items = SHAPE_STRING | SHAPE_INT | SHAPE_MAP},
    [FIELD_VOLUMES] = {.expected = "a list of strings or mappings",
                       .value = SHAPE_LIST,
                       .items = SHAPE_STRING | SHAPE_MAP},
    [FIELD_DEVICES] = {.expected = "a list of strings or mappings",
                       .value = SHAPE_LIST,
                       .items = SHAPE_STRING | SHAPE_MAP},
    [FIELD_GPUS] = {.expected = "'all' or a list of mappings",
                    .value = SHAPE_STRING | SHAPE_LIST,
                    .items = SHAPE_MAP},
    [FIELD_ULIMITS] = {.expected = "a mapping of limits",
                       .value = SHAPE_MAP,
                       .members = SHAPE_INT | SHAPE_STRING | SHAPE_MAP,
                       .keys = KEYS_FREE},
    [FIELD_EXTERNAL] = {.expected = "true or false",
                        .value = SHAPE_BOOL | SHAPE_STRING | SHAPE_MAP,
                        .keys = KEYS_FIELDS,
                        .cast = AS_BOOL},
};
_Static_assert(ARRAY_SIZE(shapes) == FIELD_TYPE_MAX_, "every type has its shape");

const struct field_range cunik_field_from_zero = {0, INT64_MAX};

static const struct field include_rows[] = {
    {.name = "env_file",
     .type = FIELD_STRING_LIST,
     .distinct = true,
     .base = BASE_PROJECT,
     .support = SUPPORT_FULL,
     .help = "variables for the included file"},
    {.name = "path",
     .type = FIELD_STRING_LIST,
     .distinct = true,
     .base = BASE_PROJECT,
     .required = true,
     .support = SUPPORT_FULL,
     .help = "the stack file, and others merged over it"},
    {.name = "project_directory",
     .type = FIELD_STRING,
     .base = BASE_PROJECT,
     .support = SUPPORT_FULL,
     .help = "where its relative paths start"},
};
static const struct fields include_fields = FIELDS(include_rows, false);

static const struct field rows[] = {
    {.name = "configs",
     .type = FIELD_MAP,
     .sub = &cunik_fields_config,
     .support = SUPPORT_FULL,
     .help = "files for services"},
    {.name = "include",
     .type = FIELD_SHORT_LIST,
     .sub = &include_fields,
     .short_key = "path",
     .support = SUPPORT_FULL,
     .help = "other stack files that are part of this one"},
    {.name = "models",
     .type = FIELD_MAP,
     .sub = &cunik_fields_model,
     .reason = "no language models are run",
     .help = "language models"},
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the stack's name; -p and COMPOSE_PROJECT_NAME win over it"},
    {.name = "networks",
     .type = FIELD_MAP,
     .sub = &cunik_fields_network,
     .nullable = true,
     .support = SUPPORT_FULL,
     .help = "networks that services are attached to"},
    {.name = "secrets",
     .type = FIELD_MAP,
     .sub = &cunik_fields_secret,
     .support = SUPPORT_FULL,
     .help = "secret files"},
    {.name = "services",
     .type = FIELD_MAP,
     .sub = &cunik_fields_service,
     .support = SUPPORT_FULL,
     .help = "the services of the stack"},
    {.name = "version",
     .type = FIELD_STRING,
     .support = SUPPORT_IDLE,
     .reason = "it is obsolete and can be removed",
     .help = "obsolete"},
    {.name = "volumes",
     .type = FIELD_MAP,
     .sub = &cunik_fields_volume,
     .support = SUPPORT_FULL,
     .nullable = true,
     .help = "storage that outlives a guest"},
};
const struct fields cunik_fields = {
    .rows = rows,
    .n = ARRAY_SIZE(rows),
    .extensions = true,
    .order = "name|services|networks|volumes|secrets|configs|models",
};

const struct field_shape *cunik_field_shape(enum field_type type)
{
    return &shapes[type];
}

const struct field *cunik_field_find(const struct fields *table, const char *key)
{
    size_t low = 0, high = table->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, table->rows[middle].name);
        if (order == 0)
            return &table->rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool cunik_field_is_extension(const struct fields *table, const char *key)
{
    return table->extensions && cunik_text_starts(key, "x-");
}

const char *cunik_field_nearest(const struct fields *table, const char *key)
{
    _cleanup_free_ const char **names = cunik_calloc(table->n, sizeof(*names));

    for (size_t i = 0; i < table->n; i++)
        names[i] = table->rows[i].name;
    return cunik_text_nearest(key, names, table->n);
}
