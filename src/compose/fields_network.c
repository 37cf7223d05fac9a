/* The keys of what stands beside services: networks, volumes, secrets, configs, models. */
#include "compose/fields.h"

static const struct field external_rows[] = {
    {.name = "name", .type = FIELD_STRING, .help = "deprecated: use name beside external"},
};
static const struct fields external_fields = FIELDS(external_rows, true);

static const struct field subnet_rows[] = {
    {.name = "aux_addresses", .type = FIELD_MAPPING, .help = "addresses that are kept free"},
    {.name = "gateway",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the host's own address on it; the first of the subnet otherwise"},
    {.name = "ip_range",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the part of the subnet that addresses are taken from"},
    {.name = "subnet",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "such as 10.1.2.0/24; a free one is taken otherwise"},
};
static const struct fields subnet_fields = {
    .rows = subnet_rows,
    .n = ARRAY_SIZE(subnet_rows),
    .extensions = true,
    .order = "subnet|gateway|ip_range|aux_addresses",
};

static const struct field ipam_rows[] = {
    {.name = "config",
     .type = FIELD_LIST,
     .sub = &subnet_fields,
     .merge = MERGE_SUBNETS,
     .support = SUPPORT_FULL,
     .help = "its subnet"},
    {.name = "driver",
     .type = FIELD_STRING,
     .support = SUPPORT_IDLE,
     .reason = "there is one way to hand out addresses",
     .help = "who hands out addresses"},
    {.name = "options", .type = FIELD_MAPPING, .help = "settings of that driver"},
};
static const struct fields ipam_fields = FIELDS(ipam_rows, true);

static const struct field network_rows[] = {
    {.name = "attachable",
     .type = FIELD_BOOL,
     .support = SUPPORT_IDLE,
     .reason = "only services of the stack are attached",
     .help = "others may be attached"},
    {.name = "driver",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "bridge is the only one"},
    {.name = "driver_opts", .type = FIELD_MAPPING, .help = "settings of that driver"},
    {.name = "enable_ipv4", .type = FIELD_BOOL, .help = "every network has IPv4"},
    {.name = "enable_ipv6",
     .type = FIELD_BOOL,
     .reason = "networks have IPv4 only",
     .help = "IPv6 as well"},
    {.name = "external",
     .type = FIELD_EXTERNAL,
     .sub = &external_fields,
     .support = SUPPORT_FULL,
     .help = "it is there already and is neither made nor removed"},
    {.name = "internal", .type = FIELD_BOOL, .support = SUPPORT_FULL, .help = "no way out of it"},
    {.name = "ipam",
     .type = FIELD_OBJECT,
     .sub = &ipam_fields,
     .support = SUPPORT_FULL,
     .help = "its addresses"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .support = SUPPORT_FULL,
     .help = "labels of the network"},
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "its name on this host, STACK_KEY otherwise"},
};
const struct fields cunik_fields_network = {
    .rows = network_rows,
    .n = ARRAY_SIZE(network_rows),
    .extensions = true,
    .order = "name|driver|driver_opts|ipam",
};

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
     .sub = &external_fields,
     .support = SUPPORT_FULL,
     .help = "it is there already"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .support = SUPPORT_FULL,
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
    .order = "name",
};

static const struct field secret_rows[] = {
    {.name = "driver", .type = FIELD_STRING, .help = "what keeps the secret"},
    {.name = "driver_opts", .type = FIELD_MAPPING, .help = "settings of that driver"},
    {.name = "environment",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the variable with its content"},
    {.name = "external",
     .type = FIELD_EXTERNAL,
     .sub = &external_fields,
     .support = SUPPORT_FULL,
     .help = "it is there already"},
    {.name = "file",
     .type = FIELD_STRING,
     .base = BASE_PROJECT,
     .support = SUPPORT_FULL,
     .help = "its content"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .support = SUPPORT_IDLE,
     .reason = "nobody asks for them",
     .help = "labels of the secret"},
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "its name on this host"},
    {.name = "template_driver", .type = FIELD_STRING, .help = "what fills in its content"},
};
const struct fields cunik_fields_secret = {
    .rows = secret_rows,
    .n = ARRAY_SIZE(secret_rows),
    .extensions = true,
    .order = "name",
};

static const struct field config_rows[] = {
    {.name = "content", .type = FIELD_STRING, .support = SUPPORT_FULL, .help = "its content"},
    {.name = "environment",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the variable with its content"},
    {.name = "external",
     .type = FIELD_EXTERNAL,
     .sub = &external_fields,
     .support = SUPPORT_FULL,
     .help = "it is there already"},
    {.name = "file",
     .type = FIELD_STRING,
     .base = BASE_PROJECT,
     .support = SUPPORT_FULL,
     .help = "its content"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .support = SUPPORT_IDLE,
     .reason = "nobody asks for them",
     .help = "labels of the config"},
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "its name on this host"},
    {.name = "template_driver", .type = FIELD_STRING, .help = "what fills in its content"},
};
const struct fields cunik_fields_config = {
    .rows = config_rows,
    .n = ARRAY_SIZE(config_rows),
    .extensions = true,
    .order = "name",
};

static const struct field model_rows[] = {
    {.name = "context_size", .type = FIELD_INT, .help = "tokens of its context"},
    {.name = "model", .type = FIELD_STRING, .required = true, .help = "the model to run"},
    {.name = "name", .type = FIELD_STRING, .help = "its name on this host"},
    {.name = "runtime_flags", .type = FIELD_STRINGS, .help = "flags for what runs it"},
};
const struct fields cunik_fields_model = FIELDS(model_rows, true);
