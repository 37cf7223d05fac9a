/* The keys of services.*.build and services.*.deploy, and the small tables that several keys share.
 */
#include "compose/fields.h"

static const struct field file_mount_rows[] = {
    {.name = "gid", .type = FIELD_STRING, .support = SUPPORT_FULL, .help = "its group"},
    {.name = "mode", .type = FIELD_MODE, .support = SUPPORT_FULL, .help = "its permissions"},
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
const struct fields cunik_fields_file_mount = {
    .rows = file_mount_rows,
    .n = ARRAY_SIZE(file_mount_rows),
    .extensions = true,
    .order = "source|target|uid|gid|mode",
};

static const struct field ulimit_rows[] = {
    {.name = "hard", .type = FIELD_INT, .required = true, .help = "the most that can be set"},
    {.name = "soft", .type = FIELD_INT, .required = true, .help = "what is set"},
};
const struct fields cunik_fields_ulimit = {
    .rows = ulimit_rows,
    .n = ARRAY_SIZE(ulimit_rows),
    .extensions = true,
    .order = "soft|hard",
};

/* What is asked of a device, in `gpus` and in `devices`, where it has to be said. */
#define DEVICE_ROWS(must)                                                                          \
    {                                                                                              \
        {.name = "capabilities",                                                                   \
         .type = FIELD_STRINGS,                                                                    \
         .required = (must),                                                                       \
         .distinct = true,                                                                         \
         .help = "what it must be able to do"},                                                    \
            {.name = "count",                                                                      \
             .type = FIELD_DEVICE_COUNT,                                                           \
             .omit = OMIT_NEVER,                                                                   \
             .help = "how many, or all"},                                                          \
            {.name = "device_ids", .type = FIELD_STRINGS, .distinct = true, .help = "which"},      \
            {.name = "driver", .type = FIELD_STRING, .help = "its driver"},                        \
            {.name = "options",                                                                    \
             .type = FIELD_PAIRS,                                                                  \
             .merge = MERGE_PAIRS,                                                                 \
             .distinct = true,                                                                     \
             .help = "settings of the driver"},                                                    \
    }

static const struct field device_request_rows[] = DEVICE_ROWS(true);
const struct fields cunik_fields_device_request = {
    .rows = device_request_rows,
    .n = ARRAY_SIZE(device_request_rows),
    .extensions = true,
    .order = "capabilities|driver|count|device_ids|options",
};

static const struct field gpu_rows[] = DEVICE_ROWS(false);
const struct fields cunik_fields_gpu = {
    .rows = gpu_rows,
    .n = ARRAY_SIZE(gpu_rows),
    .extensions = true,
    .order = "capabilities|driver|count|device_ids|options",
};

static const struct field hook_rows[] = {
    {.name = "command",
     .type = FIELD_COMMAND,
     .merge = MERGE_REPLACE,
     .required = true,
     .help = "the command"},
    {.name = "environment",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .help = "its variables"},
    {.name = "privileged", .type = FIELD_BOOL, .help = "with all rights"},
    {.name = "user", .type = FIELD_STRING, .help = "as this user"},
    {.name = "working_dir", .type = FIELD_STRING, .help = "in this folder"},
};
const struct fields cunik_fields_hook = {
    .rows = hook_rows,
    .n = ARRAY_SIZE(hook_rows),
    .extensions = true,
    .order = "command|user|privileged|working_dir|environment",
};

static const struct field pre_start_hook_rows[] = {
    {.name = "command", .type = FIELD_COMMAND, .merge = MERGE_REPLACE, .help = "the command"},
    {.name = "environment",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .help = "its variables"},
    {.name = "image", .type = FIELD_STRING, .help = "the image to run it in"},
    {.name = "per_replica", .type = FIELD_BOOL, .help = "once for each copy"},
    {.name = "privileged", .type = FIELD_BOOL, .help = "with all rights"},
    {.name = "user", .type = FIELD_STRING, .help = "as this user"},
    {.name = "working_dir", .type = FIELD_STRING, .help = "in this folder"},
};
const struct fields cunik_fields_pre_start_hook = {
    .rows = pre_start_hook_rows,
    .n = ARRAY_SIZE(pre_start_hook_rows),
    .extensions = true,
    .order = "command|image|user|privileged|working_dir|environment|per_replica",
};

static const char nothing_runs[] = "a build packs files and runs nothing",
                  no_cache[] = "a build keeps nothing for the next one",
                  no_attestation[] = "images carry no attestations";

static const struct field build_rows[] = {
    {.name = "additional_contexts",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .base = BASE_PROJECT,
     .distinct = true,
     .unique = UNIQUE_VARIABLE,
     .reason = "a Cunikfile takes files from its own folder",
     .help = "more folders to build from"},
    {.name = "args",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .unique = UNIQUE_VARIABLE,
     .reason = "a Cunikfile has no variables but those of the stack file",
     .help = "variables of the build"},
    {.name = "cache_from",
     .type = FIELD_STRINGS,
     .reason = no_cache,
     .help = "where results of earlier builds are"},
    {.name = "cache_to",
     .type = FIELD_STRINGS,
     .reason = no_cache,
     .help = "where results of the build go"},
    {.name = "context",
     .type = FIELD_STRING,
     .base = BASE_PROJECT,
     .support = SUPPORT_FULL,
     .help = "the folder to build from"},
    {.name = "dockerfile",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help = "the file that says how, Cunikfile otherwise"},
    {.name = "dockerfile_inline",
     .type = FIELD_STRING,
     .reason = "write a Cunikfile",
     .help = "its text"},
    {.name = "entitlements",
     .type = FIELD_STRINGS,
     .reason = nothing_runs,
     .help = "privileges of the build"},
    {.name = "extra_hosts",
     .type = FIELD_HOSTS,
     .merge = MERGE_HOSTS,
     .distinct = true,
     .reason = nothing_runs,
     .help = "names known while building"},
    {.name = "isolation",
     .type = FIELD_STRING,
     .reason = nothing_runs,
     .help = "how the build is kept apart"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .unique = UNIQUE_VARIABLE,
     .reason = "give them in the Cunikfile",
     .help = "labels of the image"},
    {.name = "network",
     .type = FIELD_STRING,
     .reason = nothing_runs,
     .help = "network of the build"},
    {.name = "no_cache", .type = FIELD_BOOL, .reason = no_cache, .help = "build everything anew"},
    {.name = "no_cache_filter",
     .type = FIELD_STRING_LIST,
     .distinct = true,
     .reason = no_cache,
     .help = "stages to build anew"},
    {.name = "platforms",
     .type = FIELD_STRINGS,
     .reason = "images are built for the architecture of the host",
     .help = "platforms to build for"},
    {.name = "privileged",
     .type = FIELD_BOOL,
     .reason = nothing_runs,
     .help = "build with all rights"},
    {.name = "provenance",
     .type = FIELD_STRING_BOOL,
     .reason = no_attestation,
     .help = "attest where it comes from"},
    {.name = "pull",
     .type = FIELD_BOOL,
     .reason = "nothing is built upon another image",
     .help = "fetch newer base images"},
    {.name = "sbom",
     .type = FIELD_STRING_BOOL,
     .reason = no_attestation,
     .help = "attest what it is made of"},
    {.name = "secrets",
     .type = FIELD_SHORT_LIST,
     .sub = &cunik_fields_file_mount,
     .short_key = "source",
     .reason = nothing_runs,
     .help = "secrets of the build"},
    {.name = "shm_size", .type = FIELD_BYTES, .reason = nothing_runs, .help = "size of /dev/shm"},
    {.name = "ssh",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .reason = nothing_runs,
     .help = "SSH agents and keys of the build"},
    {.name = "tags",
     .type = FIELD_STRINGS,
     .unique = UNIQUE_VARIABLE,
     .reason = "cunik image tag gives more names",
     .help = "more names of the image"},
    {.name = "target",
     .type = FIELD_STRING,
     .reason = "a Cunikfile has one stage",
     .help = "the stage to build"},
    {.name = "ulimits",
     .type = FIELD_ULIMITS,
     .sub = &cunik_fields_ulimit,
     .reason = nothing_runs,
     .help = "limits of the build"},
};
const struct fields cunik_fields_build = {
    .rows = build_rows,
    .n = ARRAY_SIZE(build_rows),
    .extensions = true,
    .order = "context|dockerfile|dockerfile_inline|entitlements|args|provenance|sbom|ssh|labels|"
             "cache_from|cache_to|no_cache|no_cache_filter|additional_contexts|pull|extra_hosts|"
             "isolation|network|target|secrets|shm_size|tags|ulimits|platforms|privileged",
};

static const struct field update_rows[] = {
    {.name = "delay",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "pause between one that is well and the next"},
    {.name = "failure_action",
     .type = FIELD_STRING,
     .support = SUPPORT_FULL,
     .help =
         "what a copy that does not start, ends or is unhealthy leads to: pause (the others stay "
         "as they are), continue, or rollback (the service goes back; not of rollback_config)"},
    {.name = "max_failure_ratio",
     .type = FIELD_FLOAT,
     .support = SUPPORT_FULL,
     .help = "the part of them, from 0 to 1, that may fail before that"},
    {.name = "monitor",
     .type = FIELD_DURATION,
     .support = SUPPORT_FULL,
     .help = "how long each one is watched at least, beside being healthy; a second where nothing "
             "checks it"},
    {.name = "order",
     .type = FIELD_STRING,
     .choices = "start-first|stop-first",
     .support = SUPPORT_FULL,
     .help = "stop-first; start-first gives a warning and is the same: a copy keeps its name, "
             "addresses and ports, which two guests cannot have at a time"},
    {.name = "parallelism",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "how many at a time, 1 otherwise; 0 is all at once"},
};
static const struct fields update_fields = {
    .rows = update_rows,
    .n = ARRAY_SIZE(update_rows),
    .extensions = true,
    .order = "parallelism|delay|failure_action|monitor|max_failure_ratio|order",
};

static const struct field discrete_rows[] = {
    {.name = "kind", .type = FIELD_STRING, .help = "its kind"},
    {.name = "value", .type = FIELD_STRING_NUMBER, .help = "how many"},
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
static const struct fields reservations_fields = {
    .rows = reservations_rows,
    .n = ARRAY_SIZE(reservations_rows),
    .extensions = true,
    .order = "cpus|memory|devices|generic_resources",
};

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
static const struct fields limits_fields = {
    .rows = limits_rows,
    .n = ARRAY_SIZE(limits_rows),
    .extensions = true,
    .order = "cpus|memory|pids",
};

static const struct field resources_rows[] = {
    {.name = "limits",
     .type = FIELD_OBJECT,
     .sub = &limits_fields,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "what a guest has"},
    {.name = "reservations",
     .type = FIELD_OBJECT,
     .sub = &reservations_fields,
     .reason = "nothing is kept free for a guest",
     .omit = OMIT_NEVER,
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
     .omit = OMIT_NEVER,
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
static const struct fields placement_fields = {
    .rows = placement_rows,
    .n = ARRAY_SIZE(placement_rows),
    .extensions = true,
    .order = "constraints|preferences|max_replicas_per_node",
};

static const struct field deploy_rows[] = {
    {.name = "endpoint_mode",
     .type = FIELD_STRING,
     .reason = "a name has the addresses of all copies",
     .help = "how clients find it"},
    {.name = "labels",
     .type = FIELD_PAIRS,
     .merge = MERGE_PAIRS,
     .distinct = true,
     .unique = UNIQUE_VARIABLE,
     .reason = "there is no service beside its guests: use labels",
     .help = "labels of the service"},
    {.name = "mode",
     .type = FIELD_STRING,
     .reason = "every service is replicated",
     .help = "replicated or global"},
    {.name = "placement",
     .type = FIELD_OBJECT,
     .sub = &placement_fields,
     .reason = "there is one host",
     .help = "where it runs"},
    {.name = "replicas",
     .type = FIELD_INT,
     .support = SUPPORT_FULL,
     .range = &cunik_field_from_zero,
     .omit = OMIT_NEVER,
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
     .omit = OMIT_NEVER,
     .help = "when it starts again; goes before restart"},
    {.name = "rollback_config",
     .type = FIELD_OBJECT,
     .sub = &update_fields,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "how an update is undone; without it one copy after another"},
    {.name = "update_config",
     .type = FIELD_OBJECT,
     .sub = &update_fields,
     .support = SUPPORT_FULL,
     .omit = OMIT_NEVER,
     .help = "how copies that are recreated follow each other; without it all are at once"},
};
const struct fields cunik_fields_deploy = {
    .rows = deploy_rows,
    .n = ARRAY_SIZE(deploy_rows),
    .extensions = true,
    .order = "mode|replicas|labels|update_config|rollback_config|resources|restart_policy|"
             "placement|endpoint_mode",
};
