/* The table of `cunik`: help, parsing, the manual page and completions come from it. */
#include <stdint.h>

#include "engine/attach.h"
#include "engine/verb.h"

static const struct option_row global_options[] = {
    {"connect", 0, "URI", "The engine's connection to libvirt", NULL, false},
};

#define FORMAT(choices, help)                                                                      \
    {                                                                                              \
        "format", 0, "FORMAT", help, choices, false                                                \
    }

#define QUIET                                                                                      \
    {                                                                                              \
        "quiet", 'q', NULL, "Only names", NULL, false                                              \
    }
#define FORCE                                                                                      \
    {                                                                                              \
        "force", 'f', NULL, "Do not ask", NULL, false                                              \
    }

static const struct option_row list_options[] = {
    {"all", 'a', NULL, "Also what does not run", NULL, false},
    {"filter", 'f', "KEY=VALUE",
     "Only such: name, id, stack, service, status, health, exited, label, network, publish", NULL,
     true},
    QUIET,
    FORMAT("table|json", "How to print"),
};
static const struct option_row network_options[] = {
    {"filter", 'f', "KEY=VALUE", "Only such: name, stack", NULL, true},
    QUIET,
    FORMAT("table|json", "How to print"),
};
static const struct option_row prune_options[] = {FORCE};
static const struct option_row table_options[] = {FORMAT("table|json", "How to print")};
static const struct option_row start_options[] = {
    {"attach", 'a', NULL, "Show its console until it has ended", NULL, false},
    {"interactive", 'i', NULL, "The same, and type standard input into it", NULL, false},
    {"detach-keys", 0, "KEYS", "Keys that leave it; " ATTACH_DETACH_KEYS " otherwise", NULL, false},
};
static const struct option_row stop_options[] = {
    {"time", 't', "SECONDS", "Grace period before a guest is destroyed", NULL, false},
};
static const struct option_row remove_options[] = {
    {"force", 'f', NULL, "Also what runs, which is destroyed", NULL, false},
    {"volumes", 'v', NULL, "And the volumes without a name that they have", NULL, false},
};
static const struct option_row update_options[] = {
    {"memory", 'm', "SIZE", "Memory, such as 64m", NULL, false},
    {"cpus", 0, "NUMBER", "Processors", NULL, false},
    {"restart", 0, "POLICY", "no, always, unless-stopped or on-failure[:N]", NULL, false},
};

#define MAKE_OPTIONS                                                                               \
    {"name", 0, "NAME", "Its name, and that of its stack", NULL, false},                           \
        {"kernel", 0, "FILE", "Kernel to boot, in place of an image", NULL, false},                \
        {"initrd", 0, "FILE", "Initial RAM disk", NULL, false},                                    \
        {"backend", 0,    "NAME", "Kind of unikernel; otherwise found by looking at the kernel",   \
         NULL,      false},                                                                        \
        {"cmdline", 0, "TEXT", "Raw command line for the kernel", NULL, false},                    \
        {"param", 0, "KEY=VALUE", "Setting of the backend", NULL, true},                           \
        {"disk", 0, "PATH[:MOUNT][:ro]", "Disk image", NULL, true},                                \
        {"volume", 'v', "[NAME|PATH:]TARGET[:ro]", "Volume or folder of this host", NULL, true},   \
        {"env", 'e', "KEY[=VALUE]", "Environment variable; without value that of this command",    \
         NULL,  true},                                                                             \
        {"publish", 'p', "[[IP:]HOST:]PORT[/udp]", "Publish a port of the guest", NULL, true},     \
        {"memory", 'm', "SIZE", "Memory, such as 64m", NULL, false},                               \
        {"cpus", 0, "NUMBER", "Processors", NULL, false},                                          \
        {"hostname", 'h', "NAME", "Host name of the guest", NULL, false},                          \
        {"label", 'l', "KEY[=VALUE]", "Label", NULL, true},                                        \
        {"network", 0,    "NAME", "Network of another stack, or none; otherwise one of its own",   \
         NULL,      false},                                                                        \
        {"pull", 0,    "missing|always|never", "When the image is fetched; missing otherwise",     \
         NULL,   false},                                                                           \
        {"restart", 0, "POLICY", "no, always, unless-stopped or on-failure[:N]", NULL, false},     \
        {"stop-timeout", 0, "SECONDS", "Grace period when it is stopped", NULL, false},            \
        {"health-cmd", 0,    "COMMAND", "Command of this host that tells whether it is healthy",   \
         NULL,         false},                                                                     \
        {"health-interval", 0, "TIME", "Time between two checks; 30s otherwise", NULL, false},     \
        {"health-timeout", 0, "TIME", "Longest time of one; 30s otherwise", NULL, false},          \
        {"health-retries",                                                                         \
         0,                                                                                        \
         "N",                                                                                      \
         "Failures in a row that make it unhealthy; 3 otherwise",                                  \
         NULL,                                                                                     \
         false},                                                                                   \
        {"health-start-period", 0, "TIME", "Time in which failures do not count", NULL, false},    \
        {"health-start-interval",                                                                  \
         0,                                                                                        \
         "TIME",                                                                                   \
         "Time between two checks while it starts; 5s otherwise",                                  \
         NULL,                                                                                     \
         false},                                                                                   \
    {                                                                                              \
        "no-healthcheck", 0, NULL, "Without that of its image", NULL, false                        \
    }

static const struct option_row create_options[] = {MAKE_OPTIONS};
static const struct option_row run_options[] = {
    {"detach", 'd', NULL, "Return when it runs, and print its name", NULL, false},
    {"rm", 0, NULL, "Remove it, and its volumes without a name, when it has ended", NULL, false},
    {"interactive", 'i', NULL, "Type standard input into its console", NULL, false},
    {"tty", 't', NULL, "Show its console as it is, and type key by key", NULL, false},
    {"detach-keys", 0, "KEYS", "Keys that leave it; " ATTACH_DETACH_KEYS " otherwise", NULL, false},
    {"sig-proxy", 0, "BOOL", "Whether an interrupt stops the guest, as it does otherwise",
     "true|false", false},
    MAKE_OPTIONS,
};
static const struct option_row attach_options[] = {ATTACH_OPTIONS};
static const struct option_row text_options[] = {FORMAT("text|json", "How to print")};
static const struct option_row logs_options[] = {
    {"follow", 'f', NULL, "Go on until it has ended", NULL, false},
    {"tail", 'n', "LINES", "How many lines of the past, or \"all\"", NULL, false},
    {"timestamps", 't', NULL, "Show when each line came", NULL, false},
    {"since", 0, "TIME", "Only lines since then: a time, or how long ago", NULL, false},
    {"until", 0, "TIME", "Only lines until then", NULL, false},
};

static const struct option_row events_options[] = {
    {"since", 0, "TIME", "Begin with what happened since then: a time, or how long ago", NULL,
     false},
    {"until", 0, "TIME", "End then", NULL, false},
    {"filter", 'f', "KEY=VALUE", "Only such events; see cunik-events(5)", NULL, true},
    FORMAT("text|json", "How to print"),
};

static const struct option_row build_options[] = {
    {"tag", 't', "NAME", "Its name", NULL, true},
    {"file", 'f', "FILE", "The file that says how, in the folder; Cunikfile otherwise", NULL,
     false},
};
static const struct option_row image_list_options[] = {
    {"quiet", 'q', NULL, "Digests alone", NULL, false},
    FORMAT("table|json", "How to print"),
};
static const struct option_row image_rm_options[] = {
    {"force", 'f', NULL, "Also the last name of one that a cunik boots", NULL, false},
};
static const struct option_row image_prune_options[] = {
    {"all", 'a', NULL, "All that no cunik boots, not only those without a name", NULL, false},
};
static const struct option_row transfer_options[] = {
    {"insecure", 0, NULL, "The registry has no TLS, or a certificate that cannot be checked", NULL,
     false},
};

#define IMAGE_PULL                                                                                 \
    "NAME", "Fetch an image from a registry", transfer_options, ARRAY_SIZE(transfer_options), 1,   \
        1, cunik_verb_image_pull
#define IMAGE_PUSH                                                                                 \
    "NAME", "Send an image to its registry", transfer_options, ARRAY_SIZE(transfer_options), 1, 1, \
        cunik_verb_image_push
#define IMAGE_LS                                                                                   \
    NULL, "List images", image_list_options, ARRAY_SIZE(image_list_options), 0, 0,                 \
        cunik_verb_image_ls

static const struct option_row volume_create_options[] = {
    {"format", 0, "FORMAT", "What it is", "raw|qcow2|directory", false},
    {"filesystem", 0, "TYPE", "What is made on the disk", "ext4|ext3|ext2|none", false},
    {"size", 's', "SIZE", "Of the disk, such as 256M; 1G otherwise", NULL, false},
    {"label", 0, "KEY=VALUE", "A label", NULL, true},
};
static const struct option_row volume_list_options[] = {
    {"filter", 'f', "KEY=VALUE",
     "Only those: name=, label=, stack=, or dangling=true for those that nothing uses", NULL, true},
    {"quiet", 'q', NULL, "Names alone", NULL, false},
    FORMAT("table|json", "How to print"),
};
static const struct option_row volume_prune_options[] = {
    {"all", 'a', NULL, "Also those that a name was given to", NULL, false},
    {"force", 'f', NULL, "Do not ask", NULL, false},
};
static const struct option_row volume_rm_options[] = {
    {"force", 'f', NULL, "One that is not there is no error", NULL, false},
};

static const struct option_row stats_options[] = {
    {"no-stream", 0, NULL, "Look once", NULL, false},
    FORMAT("table|json", "How to print"),
};

#define OPTIONS(rows) rows, ARRAY_SIZE(rows)

static const struct verb_row verbs[] = {
    {"run", "IMAGE|./KERNEL [ARG...]", "Make a cunik and start it", OPTIONS(run_options), 0,
     SIZE_MAX, cunik_verb_run},
    {"create", "IMAGE|./KERNEL [ARG...]", "Make a cunik", OPTIONS(create_options), 0, SIZE_MAX,
     cunik_verb_create},
    {"start", "NAME...", "Start cuniks", OPTIONS(start_options), 1, SIZE_MAX, cunik_verb_start},
    {"stop", "NAME...", "Stop cuniks", OPTIONS(stop_options), 1, SIZE_MAX, cunik_verb_stop},
    {"restart", "NAME...", "Stop cuniks and start them again", OPTIONS(stop_options), 1, SIZE_MAX,
     cunik_verb_restart},
    {"kill", "NAME...", "Destroy guests at once", NULL, 0, 1, SIZE_MAX, cunik_verb_kill},
    {"pause", "NAME...", "Hold guests still", NULL, 0, 1, SIZE_MAX, cunik_verb_pause},
    {"unpause", "NAME...", "Let paused guests go on", NULL, 0, 1, SIZE_MAX, cunik_verb_unpause},
    {"remove", "NAME...", "Remove cuniks", OPTIONS(remove_options), 1, SIZE_MAX, cunik_verb_remove},
    {"rm", "NAME...", "The same as remove", OPTIONS(remove_options), 1, SIZE_MAX,
     cunik_verb_remove},
    {"rename", "NAME NEW", "Call a cunik otherwise", NULL, 0, 2, 2, cunik_verb_rename},
    {"update", "NAME...", "Change memory, processors or restart policy", OPTIONS(update_options), 1,
     SIZE_MAX, cunik_verb_update},
    {"wait", "NAME...", "Wait until cuniks have ended, and print what with", NULL, 0, 1, SIZE_MAX,
     cunik_verb_wait},
    {"list", NULL, "List the cuniks of all stacks", OPTIONS(list_options), 0, 0, cunik_verb_list},
    {"ps", NULL, "The same as list", OPTIONS(list_options), 0, 0, cunik_verb_list},
    {"inspect", "NAME...", "Show all that is known of cuniks, as JSON", NULL, 0, 1, SIZE_MAX,
     cunik_verb_inspect},
    {"logs", "NAME", "Show what a cunik wrote to its console", OPTIONS(logs_options), 1, 1,
     cunik_verb_logs},
    {"attach", "NAME", "Show the console of a cunik, and type into it", OPTIONS(attach_options), 1,
     1, cunik_verb_attach},
    {"stats", "[NAME...]", "Show what guests use: processor, memory, network, disks",
     OPTIONS(stats_options), 0, SIZE_MAX, cunik_verb_stats},
    {"top", "NAME", "Show the threads of a guest", NULL, 0, 1, 1, cunik_verb_top},
    {"port", "NAME [PORT[/PROTOCOL]]", "Show where ports are published", NULL, 0, 1, 2,
     cunik_verb_port},
    {"events", NULL, "Show what happens, and what happened", OPTIONS(events_options), 0, 0,
     cunik_verb_events},
    {"network ls", NULL, "List networks", OPTIONS(network_options), 0, 0, cunik_verb_network_ls},
    {"network inspect", "NAME...", "Show all that is known of networks, as JSON", NULL, 0, 1,
     SIZE_MAX, cunik_verb_network_inspect},
    {"network rm", "NAME...", "Remove networks that a stack has left behind", NULL, 0, 1, SIZE_MAX,
     cunik_verb_network_rm},
    {"network prune", NULL, "Remove all networks that no cunik is on", OPTIONS(prune_options), 0, 0,
     cunik_verb_network_prune},
    {"build", "[FOLDER]", "Build an image as its Cunikfile says", build_options,
     ARRAY_SIZE(build_options), 0, 1, cunik_verb_build},
    {"pull", IMAGE_PULL},
    {"push", IMAGE_PUSH},
    {"images", IMAGE_LS},
    {"image import", "FOLDER NAME",
     "Make an image of a folder with metadata.json (the first Cunik)", NULL, 0, 2, 2,
     cunik_verb_image_import},
    {"image inspect", "NAME...", "Show all that is known of images, as JSON", NULL, 0, 1, SIZE_MAX,
     cunik_verb_image_inspect},
    {"image load", "FILE NAME", "Take an image from an OCI archive", NULL, 0, 2, 2,
     cunik_verb_image_load},
    {"image ls", IMAGE_LS},
    {"image prune", NULL, "Remove images without a name", image_prune_options,
     ARRAY_SIZE(image_prune_options), 0, 0, cunik_verb_image_prune},
    {"image pull", IMAGE_PULL},
    {"image push", IMAGE_PUSH},
    {"image rm", "NAME...", "Remove images", image_rm_options, ARRAY_SIZE(image_rm_options), 1,
     SIZE_MAX, cunik_verb_image_rm},
    {"image save", "NAME FILE", "Write an image to an OCI archive", NULL, 0, 2, 2,
     cunik_verb_image_save},
    {"image tag", "IMAGE NAME", "Give an image another name", NULL, 0, 2, 2, cunik_verb_image_tag},
    {"volume create", "[NAME]", "Make a volume", volume_create_options,
     ARRAY_SIZE(volume_create_options), 0, 1, cunik_verb_volume_create},
    {"volume export", "NAME [FILE]",
     "Write what a volume holds: a raw disk image, or a tar archive", NULL, 0, 1, 2,
     cunik_verb_volume_export},
    {"volume import", "NAME FILE", "Replace what a volume holds by such a file", NULL, 0, 2, 2,
     cunik_verb_volume_import},
    {"volume inspect", "NAME...", "Show all that is known of volumes, as JSON", NULL, 0, 1,
     SIZE_MAX, cunik_verb_volume_inspect},
    {"volume ls", NULL, "List volumes", volume_list_options, ARRAY_SIZE(volume_list_options), 0, 0,
     cunik_verb_volume_ls},
    {"volume prune", NULL, "Remove volumes that nothing uses", volume_prune_options,
     ARRAY_SIZE(volume_prune_options), 0, 0, cunik_verb_volume_prune},
    {"volume rm", "NAME...", "Remove volumes", volume_rm_options, ARRAY_SIZE(volume_rm_options), 1,
     SIZE_MAX, cunik_verb_volume_rm},
    {"system df", NULL, "Show what the engine's folder takes", OPTIONS(table_options), 0, 0,
     cunik_verb_system_df},
    {"system info", NULL, "The same as info", OPTIONS(text_options), 0, 0, cunik_verb_info},
    {"system prune", NULL, "Remove cuniks that do not run, and networks without cuniks",
     OPTIONS(prune_options), 0, 0, cunik_verb_prune},
    {"doctor", NULL, "Check whether this host can run guests, and say what to do",
     OPTIONS(text_options), 0, 0, cunik_verb_doctor},
    {"info", NULL, "Show what the engine is and has", OPTIONS(text_options), 0, 0, cunik_verb_info},
    {"version", NULL, "Show the version of this program", OPTIONS(text_options), 0, 0,
     cunik_verb_version},
};

static const struct elsewhere_row elsewhere[] = {
    {NULL, "exec", 0,
     "a guest has no shell to start; 'attach' shows its console and types into it"},
    {NULL, "cp", 0,
     "a guest's disks are its own; 'volume export' and 'volume import' copy volumes"},
    {NULL, "rmi", 0, "it is 'image rm'"},
    {NULL, "login", 0, "'skopeo login' keeps logins, and 'pull' and 'push' use them"},
    {NULL, "network create", 0,
     "networks are made with the first cunik on them, and go by 'prune'"},
};

const struct program cunik_program = {
    .name = "cunik",
    .help = "Runs unikernels, and looks at them across stacks",
    .options = global_options,
    .n_options = ARRAY_SIZE(global_options),
    .verbs = verbs,
    .n_verbs = ARRAY_SIZE(verbs),
    .elsewhere = elsewhere,
    .n_elsewhere = ARRAY_SIZE(elsewhere),
};
