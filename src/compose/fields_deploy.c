/* The keys of services.*.build and services.*.deploy, and the small tables that several keys share.
 */
#include "compose/fields.h"

static const struct field file_mount_rows[] = {
    {.name = "gid", .type = FIELD_STRING, .support = SUPPORT_FULL, .help = "its group"},
    {.name = "mode", .type = FIELD_SCALAR, .support = SUPPORT_FULL, .help = "its permissions"},
    {.name = "source",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the name of the config or secret"},
    {.name = "target",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "where the guest finds it; /NAME, of a secret /run/secrets/NAME"},
    {.name = "uid", .type = FIELD_STRING, .support = SUPPORT_FULL, .help = "its owner"},
};
const struct fields cunik_fields_file_mount = FIELDS(file_mount_rows, true);

static const struct field ulimit_rows[] = {
    {.name = "hard", .type = FIELD_INT, .required = true, .help = "the most that can be set"},
    {.name = "soft", .type = FIELD_INT, .required = true, .help = "what is set"},
};
const struct fields cunik_fields_ulimit = FIELDS(ulimit_rows, true);

static const struct field device_request_rows[] = {
    {.name = "capabilities",
     .type = FIELD_STRINGS,
     .required = true,
     .help = "what it must be able to do"},
    {.name = "count", .type = FIELD_STRING_INT, .help = "how many, or all"},
    {.name = "device_ids", .type = FIELD_STRINGS, .help = "which"},
    {.name = "driver", .type = FIELD_STRING, .help = "its driver"},
    {.name = "options",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .help = "settings of the driver"},
};
const struct fields cunik_fields_device_request = FIELDS(device_request_rows, true);

static const struct field hook_rows[] = {
    {.name = "command",
     .type = FIELD_COMMAND,
     .merge = MERGE_REPLACE,
     .required = true,
     .help = "the command"},
    {.name = "environment", .type = FIELD_PAIRS, .merge = MERGE_PAIRS, .help = "its variables"},
    {.name = "privileged", .type = FIELD_BOOL, .help = "with all rights"},
    {.name = "user", .type = FIELD_STRING, .help = "as this user"},
    {.name = "working_dir", .type = FIELD_STRING, .help = "in this folder"},
};
const struct fields cunik_fields_hook = FIELDS(hook_rows, true);

static const struct field pre_start_hook_rows[] = {
    {.name = "command", .type = FIELD_COMMAND, .merge = MERGE_REPLACE, .help = "the command"},
    {.name = "environment", .type = FIELD_PAIRS, .merge = MERGE_PAIRS, .help = "its variables"},
    {.name = "image", .type = FIELD_STRING, .help = "the image to run it in"},
    {.name = "per_replica", .type = FIELD_BOOL, .help = "once for each copy"},
    {.name = "privileged", .type = FIELD_BOOL, .help = "with all rights"},
    {.name = "user", .type = FIELD_STRING, .help = "as this user"},
    {.name = "working_dir", .type = FIELD_STRING, .help = "in this folder"},
};
const struct fields cunik_fields_pre_start_hook = FIELDS(pre_start_hook_rows, true);

static const struct field build_rows[] = {
    {.name = "additional_contexts",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .base = BASE_PROJECT,
     .help = "more folders to build from"},
    {.name = "args", .type = FIELD_PAIRS, .merge = MERGE_PAIRS, .help = "variables of the build"},
    {.name = "cache_from", .type = FIELD_STRINGS, .help = "where results of earlier builds are"},
    {.name = "cache_to", .type = FIELD_STRINGS, .help = "where results of the build go"},
    {.name = "context",
     .type = FIELD_STRING,
     .base = BASE_PROJECT,
     .support = SUPPORT_FULL,
     .help = "the folder to build from"},
    {.name = "dockerfile",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the file that says how, Cunikfile otherwise"},
    {.name = "dockerfile_inline", .type = FIELD_STRING, .help = "its text"},
    {.name = "entitlements", .type = FIELD_STRINGS, .help = "privileges of the build"},
    {.name = "extra_hosts",
     .type = FIELD_HOSTS,
     .merge = MERGE_HOSTS,
     .help = "names known while building"},
    {.name = "isolation", .type = FIELD_STRING, .help = "how the build is kept apart"},
    {.name = "labels", .type = FIELD_PAIRS, .merge = MERGE_PAIRS, .help = "labels of the image"},
    {.name = "network", .type = FIELD_STRING, .help = "network of the build"},
    {.name = "no_cache", .type = FIELD_BOOL, .help = "build everything anew"},
    {.name = "no_cache_filter", .type = FIELD_STRING_LIST, .help = "stages to build anew"},
    {.name = "platforms", .type = FIELD_STRINGS, .help = "platforms to build for"},
    {.name = "privileged", .type = FIELD_BOOL, .help = "build with all rights"},
    {.name = "provenance",
     .type = FIELD_SCALAR,
     .text = true,
     .help = "attest where it comes from"},
    {.name = "pull", .type = FIELD_BOOL, .help = "fetch newer base images"},
    {.name = "sbom", .type = FIELD_SCALAR, .text = true, .help = "attest what it is made of"},
    {.name = "secrets",
     .type = FIELD_SHORT_LIST,
     .sub = &cunik_fields_file_mount,
     .short_key = "source",
     .help = "secrets of the build"},
    {.name = "shm_size", .type = FIELD_BYTES, .help = "size of /dev/shm"},
    {.name = "ssh",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .help = "SSH agents and keys of the build"},
    {.name = "tags",
     .type = FIELD_STRINGS,
     .unique = UNIQUE_VARIABLE,
     .help = "more names of the image"},
    {.name = "target", .type = FIELD_STRING, .help = "the stage to build"},
    {.name = "ulimits",
     .type = FIELD_ULIMITS,
     .sub = &cunik_fields_ulimit,
     .help = "limits of the build"},
};
const struct fields cunik_fields_build = {
    .rows = build_rows,
    .n = ARRAY_SIZE(build_rows),
    .extensions = true,
    .order = "context|dockerfile",
};

static const struct field update_rows[] = {
    {.name = "delay", .type = FIELD_DURATION, .help = "pause between groups"},
    {.name = "failure_action", .type = FIELD_STRING, .help = "what a failure leads to"},
    {.name = "max_failure_ratio", .type = FIELD_FLOAT, .help = "failures to put up with"},
    {.name = "monitor", .type = FIELD_DURATION, .help = "how long each one is watched"},
    {.name = "order",
     .type = FIELD_STRING,
     .choices = "start-first|stop-first",
     .help = "which is first, start or stop"},
    {.name = "parallelism", .type = FIELD_INT, .help = "how many at a time"},
};
static const struct fields update_fields = FIELDS(update_rows, true);

static const struct field discrete_rows[] = {
    {.name = "kind", .type = FIELD_STRING, .help = "its kind"},
    {.name = "value", .type = FIELD_SCALAR, .help = "how many"},
};
static const struct fields discrete_fields = FIELDS(discrete_rows, true);

static const struct field generic_rows[] = {
    {.name = "discrete_resource_spec",
     .type = FIELD_OBJECT,
     .sub = &discrete_fields,
     .help = "a countable resource"},
};
static const struct fields generic_fields = FIELDS(generic_rows, true);

static const struct field reservations_rows[] = {
    {.name = "cpus", .type = FIELD_FLOAT, .help = "CPUs to keep free"},
    {.name = "devices",
     .type = FIELD_LIST,
     .sub = &cunik_fields_device_request,
     .help = "devices to keep"},
    {.name = "generic_resources",
     .type = FIELD_LIST,
     .sub = &generic_fields,
     .help = "other resources"},
    {.name = "memory", .type = FIELD_BYTES, .help = "memory to keep free"},
};
static const struct fields reservations_fields = FIELDS(reservations_rows, true);

static const struct field limits_rows[] = {
    {.name = "cpus", .type = FIELD_FLOAT, .support = SUPPORT_FULL, .help = "virtual CPUs, as cpus"},
    {.name = "memory",
     .type = FIELD_BYTES,
     .support = SUPPORT_FULL,
     .help = "memory of the guest, as mem_limit"},
    {.name = "pids",
     .type = FIELD_INT,
     .reason = "a guest has processes of its own",
     .help = "most processes"},
};
static const struct fields limits_fields = FIELDS(limits_rows, true);

static const struct field resources_rows[] = {
    {.name = "limits",
     .type = FIELD_OBJECT,
     .sub = &limits_fields,
     .support = SUPPORT_FULL,
     .help = "what a guest has"},
    {.name = "reservations",
     .type = FIELD_OBJECT,
     .sub = &reservations_fields,
     .help = "what is kept free"},
};
static const struct fields resources_fields = FIELDS(resources_rows, true);

static const struct field restart_policy_rows[] = {
    {.name = "condition",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "when to start again: none, on-failure or any"},
    {.name = "delay",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "pause before it; without one it begins with 100 ms and doubles up to a minute"},
    {.name = "max_attempts",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .help = "how often; 0 is without end"},
    {.name = "window",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "having run so long, a start has succeeded and attempts are counted anew"},
};
static const struct fields restart_policy_fields = FIELDS(restart_policy_rows, true);

static const struct field preference_rows[] = {
    {.name = "spread", .type = FIELD_STRING, .help = "spread over this"},
};
static const struct fields preference_fields = FIELDS(preference_rows, true);

static const struct field placement_rows[] = {
    {.name = "constraints", .type = FIELD_STRINGS, .help = "where it may run"},
    {.name = "max_replicas_per_node", .type = FIELD_INT, .help = "copies of one node"},
    {.name = "preferences",
     .type = FIELD_LIST,
     .sub = &preference_fields,
     .help = "where it should run"},
};
static const struct fields placement_fields = FIELDS(placement_rows, true);

static const struct field deploy_rows[] = {
    {.name = "endpoint_mode", .type = FIELD_STRING, .help = "how clients find it"},
    {.name = "labels", .type = FIELD_PAIRS, .merge = MERGE_PAIRS, .help = "labels of the service"},
    {.name = "mode", .type = FIELD_STRING, .help = "replicated or global"},
    {.name = "placement", .type = FIELD_OBJECT, .sub = &placement_fields, .help = "where it runs"},
    {.name = "replicas",
     .type = FIELD_COUNT,
     .support = SUPPORT_FULL,
     .help = "copies of the service, as scale"},
    {.name = "resources",
     .type = FIELD_OBJECT,
     .sub = &resources_fields,
     .support = SUPPORT_FULL,
     .help = "what it may use"},
    {.name = "restart_policy",
     .type = FIELD_OBJECT,
     .sub = &restart_policy_fields,
     .support = SUPPORT_FULL,
     .help = "when it starts again; goes before restart"},
    {.name = "rollback_config",
     .type = FIELD_OBJECT,
     .sub = &update_fields,
     .help = "how an update is undone"},
    {.name = "update_config",
     .type = FIELD_OBJECT,
     .sub = &update_fields,
     .help = "how an update is done"},
};
const struct fields cunik_fields_deploy = FIELDS(deploy_rows, true);
