/* The keys of volumes, secrets, configs and models: what stands beside services and networks. */
#include "compose/fields.h"
#include "compose/fields_parts.h"

static const struct field external_rows[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_TRANSLATED,
     .help = "deprecated: use name beside external"},
};
const struct fields cunik_fields_external = FIELDS(external_rows, true);

static const struct field volume_rows[] = {
    {.name = "driver",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "what keeps the volume"},
    {.name = "driver_opts",
     .type = FIELD_MAPPING,
     .support = SUPPORT_FULL,
     .help = "format (raw, qcow2, directory), filesystem (ext4, ext3, ext2, none), size"},
    {.name = "external",
     .type = FIELD_EXTERNAL,
     .sub = &cunik_fields_external,
     .support = SUPPORT_FULL,
     .help = "it is there already"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .support = SUPPORT_FULL,
     .distinct = true,
     .help = "labels of the volume"},
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "its name on this host"},
};
const struct fields cunik_fields_volume = {
    .rows = volume_rows,
    .n = ARRAY_SIZE(volume_rows),
    .extensions = true,
    .order = "name|driver|driver_opts|external|labels",
};

#define NO_DRIVER "content comes from files and variables alone"

/* What secrets and configs have in common, in the order of names. */
#define CONTENT_ROWS(what_)                                                                        \
    {.name = "environment",                                                                        \
     .type = FIELD_STRING,                                                                         \
     .support = SUPPORT_FULL,                                                                      \
     .help = "the variable with its content"},                                                     \
        {.name = "external",                                                                       \
         .type = FIELD_EXTERNAL,                                                                   \
         .sub = &cunik_fields_external,                                                            \
         .support = SUPPORT_FULL,                                                                  \
         .help = "it is there already"},                                                           \
        {.name = "file",                                                                           \
         .type = FIELD_STRING,                                                                     \
         .base = BASE_PROJECT,                                                                     \
         .support = SUPPORT_FULL,                                                                  \
         .help = "its content"},                                                                   \
        {.name = "labels",                                                                         \
         .type = FIELD_PAIRS,                                                                      \
         .merge = MERGE_PAIRS,                                                                     \
         .support = SUPPORT_IDLE,                                                                  \
         .reason = "nobody asks for them",                                                         \
         .distinct = true,                                                                         \
         .help = "labels of the " what_},                                                          \
        {.name = "name",                                                                           \
         .type = FIELD_STRING,                                                                     \
         .support = SUPPORT_FULL,                                                                  \
         .help = "its name on this host"},                                                         \
    {                                                                                              \
        .name = "template_driver", .type = FIELD_STRING, .reason = NO_DRIVER,                      \
        .help = "what fills in its content"                                                        \
    }

static const struct field secret_rows[] = {
    {.name = "driver", .type = FIELD_STRING, .reason = NO_DRIVER, .help = "what keeps the secret"},
    {.name = "driver_opts",
     .type = FIELD_MAPPING,
     .reason = NO_DRIVER,
     .help = "settings of that driver"},
    CONTENT_ROWS("secret"),
};
const struct fields cunik_fields_secret = {
    .rows = secret_rows,
    .n = ARRAY_SIZE(secret_rows),
    .extensions = true,
    .order = "name|file|environment|external|labels|driver|driver_opts|template_driver",
};

static const struct field config_rows[] = {
    {.name = "content",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "its content"},
    CONTENT_ROWS("config"),
};
const struct fields cunik_fields_config = {
    .rows = config_rows,
    .n = ARRAY_SIZE(config_rows),
    .extensions = true,
    .order = "name|file|environment|content|external|labels|template_driver",
};

static const struct field model_rows[] = {
    {.name = "context_size", .type = FIELD_INT, .help = "tokens of its context"},
    {.name = "model", .type = FIELD_STRING, .required = true, .help = "the model to run"},
    {.name = "name", .type = FIELD_STRING, .help = "its name on this host"},
    {.name = "runtime_flags", .type = FIELD_STRINGS, .help = "flags for what runs it"},
};
const struct fields cunik_fields_model = {
    .rows = model_rows,
    .n = ARRAY_SIZE(model_rows),
    .extensions = true,
    .order = "name|model|context_size|runtime_flags",
};
