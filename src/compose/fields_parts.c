/* The keys of what stands within a service: dependencies, healthchecks, ports, mounts and so on. */
#include "compose/fields_parts.h"

static const struct field limit_rows[] = {
    {.name = "path", .type = FIELD_STRING, .help = "the device"},
    {.name = "rate", .type = FIELD_BYTES, .help = "the most each second"},
};
static const struct fields limit_fields = FIELDS(limit_rows, false);

static const struct field weight_rows[] = {
    {.name = "path", .type = FIELD_STRING, .help = "the device"},
    {.name = "weight", .type = FIELD_INT, .help = "its weight"},
};
static const struct fields weight_fields = FIELDS(weight_rows, false);

static const struct field blkio_rows[] = {
    {.name = "device_read_bps",
     .type = FIELD_LIST,
     .sub = &limit_fields,
     .help = "bytes read each second"},
    {.name = "device_read_iops",
     .type = FIELD_LIST,
     .sub = &limit_fields,
     .help = "operations read each second"},
    {.name = "device_write_bps",
     .type = FIELD_LIST,
     .sub = &limit_fields,
     .help = "bytes written each second"},
    {.name = "device_write_iops",
     .type = FIELD_LIST,
     .sub = &limit_fields,
     .help = "operations written each second"},
    {.name = "weight", .type = FIELD_INT, .help = "share of the disk"},
    {.name = "weight_device",
     .type = FIELD_LIST,
     .sub = &weight_fields,
     .help = "share of single devices"},
};
const struct fields cunik_fields_blkio = {
    .rows = blkio_rows,
    .n = ARRAY_SIZE(blkio_rows),
    .extensions = false,
    .order =
        "weight|weight_device|device_read_bps|device_read_iops|device_write_bps|device_write_iops",
};

static const struct field credential_rows[] = {
    {.name = "config", .type = FIELD_STRING, .help = "by this config"},
    {.name = "file", .type = FIELD_STRING, .help = "by this file"},
    {.name = "registry", .type = FIELD_STRING, .help = "by the registry"},
};
const struct fields cunik_fields_credential = FIELDS(credential_rows, true);

static const struct field depend_rows[] = {
    {.name = "condition",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .choices = "service_started|service_healthy|service_completed_successfully",
     .required = true,
     .help = "service_started, service_healthy or service_completed_successfully"},
    {.name = "required",
     .type = FIELD_BOOL,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "false: only a warning when it is not there"},
    {.name = "restart",
     .type = FIELD_BOOL,
     .support = SUPPORT_FULL,
     .help = "restart this service when the other is recreated"},
};
const struct fields cunik_fields_depend = {
    .rows = depend_rows,
    .n = ARRAY_SIZE(depend_rows),
    .extensions = true,
    .order = "condition|restart|required",
};

static const struct field device_rows[] = {
    {.name = "permissions", .type = FIELD_STRING, .help = "r, w, m"},
    {.name = "source", .type = FIELD_STRING, .required = true, .help = "the device"},
    {.name = "target", .type = FIELD_STRING, .help = "its name in the guest"},
};
const struct fields cunik_fields_device = {
    .rows = device_rows,
    .n = ARRAY_SIZE(device_rows),
    .extensions = true,
    .order = "source|target|permissions",
};

static const struct field env_file_rows[] = {
    {.name = "format",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "raw: without interpolation"},
    {.name = "path",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .base = BASE_PROJECT,
     .required = true,
     .help = "the file"},
    {.name = "required",
     .type = FIELD_BOOL,
     .support = SUPPORT_FULL,
     .help = "false: a missing file is no mistake"},
};
const struct fields cunik_fields_env_file = FIELDS(env_file_rows, false);

static const struct field extends_rows[] = {
    {.name = "file",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .base = BASE_PROJECT,
     .help = "the file it stands in, or this one"},
    {.name = "service",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .required = true,
     .help = "its name"},
};
const struct fields cunik_fields_extends = FIELDS(extends_rows, false);

static const struct field provider_rows[] = {
    {.name = "options", .type = FIELD_OPTIONS, .help = "its settings"},
    {.name = "type", .type = FIELD_STRING, .required = true, .help = "who provides it"},
};
const struct fields cunik_fields_provider = {
    .rows = provider_rows,
    .n = ARRAY_SIZE(provider_rows),
    .extensions = true,
    .order = "type|options",
};

static const struct field healthcheck_rows[] = {
    {.name = "disable", .type = FIELD_BOOL, .support = SUPPORT_FULL, .help = "no healthcheck"},
    {.name = "interval",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "time between probes, 30s otherwise"},
    {.name = "retries",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .range = &cunik_field_from_zero,
     .omit = OMIT_NEVER,
     .help = "failures in a row that make it unhealthy, 3 otherwise"},
    {.name = "start_interval",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "the longest time between probes while it starts, 5s otherwise"},
    {.name = "start_period",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "time in which failures do not count, 0s otherwise"},
    {.name = "test",
     .type = FIELD_TEST,
     .merge = MERGE_REPLACE,
     .support = SUPPORT_FULL,
     .help = "TCP PORT, HTTP URL, LOG REGEX, or CMD and CMD-SHELL, which run on the host"},
    {.name = "timeout",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "the longest a probe may take, 30s otherwise"},
};
const struct fields cunik_fields_healthcheck = {
    .rows = healthcheck_rows,
    .n = ARRAY_SIZE(healthcheck_rows),
    .extensions = true,
    .order = "test|timeout|interval|retries|start_period|start_interval|disable",
};

static const struct field logging_rows[] = {
    {.name = "driver", .type = FIELD_STRING, .help = "who keeps the log"},
    {.name = "options", .type = FIELD_MAPPING, .help = "its settings"},
};
const struct fields cunik_fields_logging = FIELDS(logging_rows, true);

static const struct field model_rows[] = {
    {.name = "endpoint_var", .type = FIELD_STRING, .help = "the variable with its address"},
    {.name = "model_var", .type = FIELD_STRING, .help = "the variable with its name"},
};
const struct fields cunik_fields_service_model = FIELDS(model_rows, true);

static const struct field attachment_rows[] = {
    {.name = "aliases",
     .type = FIELD_STRINGS,
     .unique = UNIQUE_VARIABLE,
     .support = SUPPORT_FULL,
     .distinct = true,
     .help = "more names of the service on this network"},
    {.name = "driver_opts",
     .type = FIELD_MAPPING,
     .reason = "an interface has no settings",
     .help = "settings of the driver"},
    {.name = "gw_priority",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .help = "the highest one's gateway is the way out"},
    {.name = "interface_name",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "name of the interface in the guest (linux)"},
    {.name = "ipv4_address",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "a fixed address"},
    {.name = "ipv6_address",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "a fixed IPv6 address"},
    {.name = "link_local_ips",
     .type = FIELD_STRINGS,
     .unique = UNIQUE_VARIABLE,
     .distinct = true,
     .reason = "guests make their link-local addresses themselves",
     .help = "link-local addresses"},
    {.name = "mac_address",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "a fixed MAC address"},
    {.name = "priority",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .help = "the highest is the first interface"},
};
const struct fields cunik_fields_attachment = FIELDS(attachment_rows, true);

static const struct field port_rows[] = {
    {.name = "app_protocol",
     .type = FIELD_STRING,
     .support = SUPPORT_IDLE,
     .reason = "it only describes the port",
     .help = "what is spoken on it"},
    {.name = "host_ip",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the address of the host; all otherwise"},
    {.name = "mode",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .choices = "host|ingress",
     .help = "host or ingress"},
    {.name = "name",
     .type = FIELD_STRING,
     .support = SUPPORT_IDLE,
     .reason = "it only describes the port",
     .help = "a name to read"},
    {.name = "protocol", .type = FIELD_STRING, .support = SUPPORT_FULL, .help = "tcp or udp"},
    {.name = "published",
     .type = FIELD_STRING_INT,
     .support = SUPPORT_FULL,
     .help = "the port of the host, or a range"},
    {.name = "target",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .required = true,
     .help = "the port in the guest"},
};
const struct fields cunik_fields_port = {
    .rows = port_rows,
    .n = ARRAY_SIZE(port_rows),
    .extensions = true,
    .order = "name|mode|host_ip|target|published|protocol|app_protocol",
};

static const struct field bind_rows[] = {
    {.name = "create_host_path",
     .type = FIELD_BOOL,
     .support = SUPPORT_TRANSLATED,
     .omit = OMIT_TRUE,
     .help = "make a missing folder; here that is always a mistake"},
    {.name = "propagation",
     .type = FIELD_STRING,
     .reason = "mounts of the host do not spread into guests",
     .help = "how mounts spread"},
    {.name = "recursive",
     .type = FIELD_STRING,
     .choices = "enabled|disabled|writable|readonly",
     .reason = "mounts below are seen as the host has them",
     .help = "mounts below"},
    {.name = "selinux",
     .type = FIELD_STRING,
     .choices = "z|Z",
     .reason = "a guest knows no labels of the host",
     .help = "its label"},
};
static const struct fields bind_fields = {
    .rows = bind_rows,
    .n = ARRAY_SIZE(bind_rows),
    .extensions = true,
    .order = "selinux|propagation|create_host_path|recursive",
};

static const struct field volume_image_rows[] = {
    {.name = "subpath", .type = FIELD_STRING, .help = "a folder of it"},
};
static const struct fields volume_image_fields = FIELDS(volume_image_rows, true);

static const struct field volume_volume_rows[] = {
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .reason = "give them in the section volumes",
     .help = "labels of the volume"},
    {.name = "nocopy",
     .type = FIELD_BOOL,
     .reason = "a volume begins empty in any case",
     .support = SUPPORT_IDLE,
     .help = "begin with nothing in it"},
    {.name = "subpath",
     .type = FIELD_STRING,
     .reason = "a volume is mounted as a whole",
     .help = "a folder of it"},
};
static const struct fields volume_volume_fields = FIELDS(volume_volume_rows, true);

static const struct field volume_tmpfs_rows[] = {
    {.name = "mode",
     .type = FIELD_STRING_NUMBER,
     .support = SUPPORT_FULL,
     .help = "its permissions"},
    {.name = "size",
     .type = FIELD_BYTES,
     .range = &cunik_field_from_zero,
     .support = SUPPORT_FULL,
     .help = "its size"},
};
static const struct fields volume_tmpfs_fields = {
    .rows = volume_tmpfs_rows,
    .n = ARRAY_SIZE(volume_tmpfs_rows),
    .extensions = true,
    .order = "size|mode",
};

static const struct field mount_rows[] = {
    {.name = "bind",
     .type = FIELD_OBJECT,
     .sub = &bind_fields,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "of a folder"},
    {.name = "consistency",
     .type = FIELD_STRING,
     .support = SUPPORT_IDLE,
     .reason = "there is one copy of the files",
     .help = "how exact it is"},
    {.name = "image",
     .type = FIELD_OBJECT,
     .sub = &volume_image_fields,
     .reason = "images are not mounted",
     .omit = OMIT_NEVER,
     .help = "of an image"},
    {.name = "read_only",
     .type = FIELD_BOOL,
     .support = SUPPORT_FULL,
     .help = "the guest cannot write to it"},
    {.name = "source",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the volume, or a path of the host"},
    {.name = "target",
     .type = FIELD_STRING,
     .required = true,
     .support = SUPPORT_FULL,
     .help = "where the guest finds it"},
    {.name = "tmpfs",
     .type = FIELD_OBJECT,
     .sub = &volume_tmpfs_fields,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "of memory"},
    {.name = "type",
     .type = FIELD_STRING,
     .required = true,
     .choices = "bind|volume|tmpfs|cluster|npipe|image",
     .support = SUPPORT_FULL,
     .help = "what it is"},
    {.name = "volume",
     .type = FIELD_OBJECT,
     .sub = &volume_volume_fields,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "of a volume"},
};
const struct fields cunik_fields_mount = {
    .rows = mount_rows,
    .n = ARRAY_SIZE(mount_rows),
    .extensions = true,
    .order = "type|source|target|read_only|consistency|bind|volume|tmpfs|image",
};

static const struct field watch_rows[] = {
    {.name = "action",
     .type = FIELD_STRING,
     .required = true,
     .choices = "rebuild|sync|restart|sync+restart|sync+exec",
     .help = "what a change leads to"},
    {.name = "exec", .type = FIELD_OBJECT, .sub = &cunik_fields_hook, .help = "the command"},
    {.name = "ignore", .type = FIELD_STRING_LIST, .distinct = true, .help = "except these"},
    {.name = "include", .type = FIELD_STRING_LIST, .distinct = true, .help = "only these"},
    {.name = "initial_sync", .type = FIELD_BOOL, .help = "copy at the start"},
    {.name = "path",
     .type = FIELD_STRING,
     .base = BASE_PROJECT,
     .required = true,
     .help = "what is watched"},
    {.name = "target", .type = FIELD_STRING, .help = "where it goes"},
};
const struct fields cunik_fields_watch = {
    .rows = watch_rows,
    .n = ARRAY_SIZE(watch_rows),
    .extensions = true,
    .order = "path|action|target|exec|include|ignore|initial_sync",
};

static const struct field develop_rows[] = {
    {.name = "watch", .type = FIELD_LIST, .sub = &cunik_fields_watch, .help = "what is watched"},
};
const struct fields cunik_fields_develop = FIELDS(develop_rows, true);
