/* The table of options and commands: help, parsing and the manual page come from it. */
#include "compose/program.h"

#include "compose/command.h"
#include "compose/command_images.h"
#include "engine/attach.h"

static const struct option_row global_options[] = {
    {"file", 'f', "FILE", "Stack file; may be repeated, \"-\" is standard input", NULL, true},
    {"project-name", 'p', "NAME", "Name of the stack", NULL, false},
    {"project-directory", 0, "DIR", "Folder that relative paths start from", NULL, false},
    {"env-file", 0, "FILE", "File of variables in place of .env", NULL, true},
    {"profile", 0, "NAME", "Enable a profile", NULL, true},
    {"strict", 0, NULL, "Keys that are not carried out are errors", NULL, false},
    {"progress", 0, "TYPE", "How progress is shown", "auto|tty|plain|json|quiet", false},
    {"ansi", 0, "WHEN", "When colours and cursor movements are printed", "never|always|auto",
     false},
    {"parallel", 0, "N", "Most steps at once; -1 for the engine's choice", NULL, false},
    {"lock-timeout", 0, "SECONDS",
     "Longest time to wait for another command that changes the same stack; 0 = do not wait", NULL,
     false},
    {"version", 'v', NULL, "Show the version and exit", NULL, false},
    {"connect", 0, "URI", "libvirt connection of the engine, such as qemu:///system", NULL, false},
};

/* What cunik_command_read_images() reads. */
#define COMMAND_IMAGE_OPTIONS                                                                      \
    {"build", 0, NULL, "Build images anew, also those that are there", NULL, false},               \
        {"no-build", 0, NULL, "Build no images, also those that are missing", NULL, false},        \
        {"quiet-pull", 0, NULL, "Fetch images without showing how far it is", NULL, false},        \
    {                                                                                              \
        "pull", 0, "WHEN", "When images are fetched, whatever the file says",                      \
            "always|missing|never", false                                                          \
    }

static const struct option_row up_options[] = {
    {"detach", 'd', NULL, "Return when the stack is up, instead of following its logs", NULL,
     false},
    {"wait", 0, NULL, "Return when all services are running or healthy; implies -d", NULL, false},
    {"wait-timeout", 0, "SECONDS", "Longest time to wait for, over all", NULL, false},
    {"atomic", 0, NULL,
     "When the stack does not come up, go back to what it was before; implies --wait", NULL, false},
    {"plan", 0, "FILE", "Carry out a plan that was kept, unless the world has changed since", NULL,
     false},
    {"timeout", 't', "SECONDS", "Grace period when something has to be stopped", NULL, false},
    {"no-start", 0, NULL, "Create without starting", NULL, false},
    COMMAND_IMAGE_OPTIONS,
    {"timings", 0, NULL, "Show at the end what the start had to wait for", NULL, false},
    {"trace", 0, "FILE", "Write the timeline of the start, for a trace viewer", NULL, false},
    {"abort-on-exit", 0, NULL, "Stop the stack when a cunik has ended; its status is ours", NULL,
     false},
    {"abort-on-container-exit", 0, NULL, "The same, by Docker Compose's name", NULL, false},
    {"exit-code-from", 0, "SERVICE", "The same, with the status of that service", NULL, false},
    {"no-log-prefix", 0, NULL, "Print logs without names in front", NULL, false},
    {"no-color", 0, NULL, "Print logs without colours", NULL, false},
    COMMAND_UP_OPTIONS,
};

static const struct option_row create_options[] = {
    COMMAND_IMAGE_OPTIONS,
    COMMAND_UP_OPTIONS,
};

static const struct option_row run_options[] = {
    {"detach", 'd', NULL, "Return when it runs, and print its name", NULL, false},
    {"rm", 0, NULL, "Remove it when it has ended", NULL, false},
    {"env", 'e', "KEY[=VALUE]", "A variable, over those of the service", NULL, true},
    {"entrypoint", 0, "PROGRAM", "In place of the service's entrypoint and command", NULL, false},
    {"label", 'l', "KEY[=VALUE]", "A label", NULL, true},
    {"name", 0, "NAME", "Its name", NULL, false},
    {"service-ports", 'P', NULL, "Publish the ports of the service", NULL, false},
    {"publish", 'p', "[[IP:]HOST:]PORT", "Publish a port", NULL, true},
    {"interactive", 'i', NULL, "Type into it, which it does without being told to", NULL, false},
    {"tty", 't', NULL, "Type key by key, which a terminal does without being told to", NULL, false},
    {"no-TTY", 'T', NULL, "Type line by line, also at a terminal", NULL, false},
    {"no-deps", 0, NULL, "Without the services that it depends on", NULL, false},
    {"remove-orphans", 0, NULL, "Remove cuniks of services that the file does not define", NULL,
     false},
    COMMAND_IMAGE_OPTIONS,
};

static const struct option_row scale_options[] = {
    {"no-deps", 0, NULL, "Without the services that the named ones depend on", NULL, false},
};

static const struct option_row down_options[] = {
    {"timeout", 't', "SECONDS", "Grace period before a guest is destroyed", NULL, false},
    {"volumes", 'v', NULL, "Remove named volumes as well", NULL, false},
    {"remove-orphans", 0, NULL, "Remove cuniks of services that the file does not define", NULL,
     false},
};

static const struct option_row events_options[] = {
    {"since", 0, "TIME", "Begin with what happened since then: a time, or how long ago", NULL,
     false},
    {"until", 0, "TIME", "End then", NULL, false},
    {"filter", 0, "KEY=VALUE", "Only such events; see cunik-events(5)", NULL, true},
    {"format", 0, "FORMAT", "Form of the output", "text|json", false},
    {"json", 0, NULL, "The same as --format json", NULL, false},
};

static const struct option_row graph_options[] = {
    {"format", 0, "FORMAT", "Form of the output; svg is drawn by Graphviz", "dot|mermaid|svg",
     false},
    {"output", 'o', "FILE", "Write to a file", NULL, false},
};

static const struct option_row port_options[] = {
    {"protocol", 0, "PROTOCOL", "Of the port", "tcp|udp", false},
    {"index", 0, "N", "Which copy of the service, from 1 on", NULL, false},
};

static const struct option_row ps_options[] = {
    {"all", 'a', NULL, "Also what does not run", NULL, false},
    {"quiet", 'q', NULL, "Only IDs", NULL, false},
    {"services", 0, NULL, "Only names of services", NULL, false},
    {"status", 0, "STATE", "Only those, also when they do not run",
     "created|running|paused|restarting|exited", true},
    {"format", 0, "FORMAT", "Form of the output", "table|json", false},
};

static const struct option_row logs_options[] = {
    {"follow", 'f', NULL, "Go on with what comes", NULL, false},
    {"tail", 'n', "LINES", "Only so many last lines of each, or \"all\"", NULL, false},
    {"timestamps", 't', NULL, "Print times", NULL, false},
    {"since", 0, "TIME", "Only lines since then: a time, or how long ago", NULL, false},
    {"until", 0, "TIME", "Only lines until then", NULL, false},
    {"no-log-prefix", 0, NULL, "Print without names in front", NULL, false},
    {"no-color", 0, NULL, "Print without colours", NULL, false},
};

static const struct option_row attach_options[] = {
    ATTACH_OPTIONS,
    {"index", 0, "N", "Which copy of the service; otherwise the first that is there", NULL, false},
};

static const struct option_row config_options[] = {
    {"format", 0, "FORMAT", "Form of the output", "yaml|json", false},
    {"output", 'o', "FILE", "Write to a file", NULL, false},
    {"quiet", 'q', NULL, "Only check the file", NULL, false},
    {"services", 0, NULL, "Only names of services", NULL, false},
    {"images", 0, NULL, "Only names of images", NULL, false},
    {"volumes", 0, NULL, "Only names of volumes", NULL, false},
    {"networks", 0, NULL, "Only names of networks", NULL, false},
    {"profiles", 0, NULL, "Only names of profiles", NULL, false},
    {"hash", 0, "SERVICES", "Only hashes of services, separated by commas, or \"*\"", NULL, false},
    {"environment", 0, NULL, "Only the variables that interpolation sees", NULL, false},
    {"variables", 0, NULL, "Only the variables that the file mentions", NULL, false},
    {"unsupported", 0, NULL, "Only what is not carried out, and why", NULL, false},
    {"no-interpolate", 0, NULL, "Leave variables as they are", NULL, false},
    {"no-normalize", 0, NULL, "Leave out what the file leaves out", NULL, false},
    {"no-path-resolution", 0, NULL, "Leave relative paths as they are", NULL, false},
    {"no-consistency", 0, NULL, "Without the checks between services, networks and the like", NULL,
     false},
};

static const struct option_row plan_options[] = {
    {"out", 0, "FILE", "Keep the plan, for `up --plan`", NULL, false},
    {"format", 0, "FORMAT", "Form of the output", "text|json", false},
    {"detailed-exitcode", 0, NULL, "Exit with 0 for nothing to do, 1 for an error, 2 for changes",
     NULL, false},
    COMMAND_UP_OPTIONS,
};

static const struct option_row timeout_options[] = {
    {"timeout", 't', "SECONDS", "Grace period before a guest is destroyed", NULL, false},
};

static const struct option_row kill_options[] = {
    {"signal", 's', "SIGNAL", "SIGKILL: guests know no others", NULL, false},
};

static const struct option_row restart_options[] = {
    {"timeout", 't', "SECONDS", "Grace period before a guest is destroyed", NULL, false},
    {"no-deps", 0, NULL, "Without the services that depend on the named ones", NULL, false},
};

static const struct option_row ls_options[] = {
    {"all", 'a', NULL, "Also stacks of which nothing runs", NULL, false},
    {"quiet", 'q', NULL, "Only names", NULL, false},
    {"format", 0, "FORMAT", "Form of the output", "table|json", false},
};

static const struct option_row list_options[] = {
    {"quiet", 'q', NULL, "Only names of volumes, or digests of images", NULL, false},
    {"format", 0, "FORMAT", "Form of the output", "table|json", false},
};

static const struct option_row rm_options[] = {
    {"force", 'f', NULL, "Do not ask", NULL, false},
    {"stop", 's', NULL, "Also what runs", NULL, false},
    {"volumes", 'v', NULL, "And the volumes without a name that they have", NULL, false},
};

static const struct option_row stats_options[] = {
    {"no-stream", 0, NULL, "Once, instead of again and again", NULL, false},
    {"format", 0, "FORMAT", "Form of the output", "table|json", false},
};

static const struct option_row version_options[] = {
    {"format", 'f', "FORMAT", "Form of the output", "pretty|json", false},
    {"short", 0, NULL, "Only the number", NULL, false},
};

#define OPTIONS(rows) rows, ARRAY_SIZE(rows)

static const struct verb_row verbs[] = {
    {"config", "[SERVICE...]", "Check the stack file and print its canonical form",
     OPTIONS(config_options), 0, SIZE_MAX, cunik_command_config},
    {"attach", "SERVICE", "Show the console of a service, and type into it",
     OPTIONS(attach_options), 1, 1, cunik_command_attach},
    {"build", "[SERVICE...]", "Build the images of services", NULL, 0, 0, SIZE_MAX,
     cunik_command_build},
    {"pull", "[SERVICE...]", "Fetch the images of services that are not built", NULL, 0, 0,
     SIZE_MAX, cunik_command_pull},
    {"push", "[SERVICE...]", "Send the images of services that are built to their registries", NULL,
     0, 0, SIZE_MAX, cunik_command_push},
    {"create", "[SERVICE...]", "Create what is missing, without starting it",
     OPTIONS(create_options), 0, SIZE_MAX, cunik_command_create},
    {"down", "[SERVICE...]", "Stop and remove the stack", OPTIONS(down_options), 0, SIZE_MAX,
     cunik_command_down},
    {"events", "[SERVICE...]", "Show what happens, and what happened", OPTIONS(events_options), 0,
     SIZE_MAX, cunik_command_events},
    {"graph", "[SERVICE...]", "Draw the stack: services, dependencies, networks and ports",
     OPTIONS(graph_options), 0, SIZE_MAX, cunik_command_graph},
    {"images", "[SERVICE...]", "List the images that cuniks boot", OPTIONS(list_options), 0,
     SIZE_MAX, cunik_command_list_images},
    {"kill", "[SERVICE...]", "Destroy guests at once", OPTIONS(kill_options), 0, SIZE_MAX,
     cunik_command_kill},
    {"logs", "[SERVICE...]", "Print what guests wrote to their consoles", OPTIONS(logs_options), 0,
     SIZE_MAX, cunik_command_logs},
    {"ls", NULL, "List stacks", OPTIONS(ls_options), 0, 0, cunik_command_ls},
    {"pause", "[SERVICE...]", "Hold guests still", NULL, 0, 0, SIZE_MAX, cunik_command_pause},
    {"plan", "[SERVICE...]", "Show what `up` would do, and why", OPTIONS(plan_options), 0, SIZE_MAX,
     cunik_command_plan},
    {"port", "SERVICE PORT", "Show where a port is published", OPTIONS(port_options), 2, 2,
     cunik_command_port},
    {"ps", "[SERVICE...]", "List the stack's cuniks", OPTIONS(ps_options), 0, SIZE_MAX,
     cunik_command_ps},
    {"restart", "[SERVICE...]", "Stop and start again", OPTIONS(restart_options), 0, SIZE_MAX,
     cunik_command_restart},
    {"rm", "[SERVICE...]", "Remove what has ended", OPTIONS(rm_options), 0, SIZE_MAX,
     cunik_command_rm},
    {"run", "SERVICE [ARG...]", "Run a service's program once more, for one purpose",
     OPTIONS(run_options), 1, SIZE_MAX, cunik_command_run},
    {"scale", "SERVICE=NUM...", "Run that many copies of services", OPTIONS(scale_options), 1,
     SIZE_MAX, cunik_command_scale},
    {"start", "[SERVICE...]", "Start what is stopped", NULL, 0, 0, SIZE_MAX, cunik_command_start},
    {"stats", "[SERVICE...]", "Show what guests use: processor, memory, network, disks",
     OPTIONS(stats_options), 0, SIZE_MAX, cunik_command_stats},
    {"stop", "[SERVICE...]", "Stop without removing", OPTIONS(timeout_options), 0, SIZE_MAX,
     cunik_command_stop},
    {"top", "[SERVICE...]", "Show the threads of guests", NULL, 0, 0, SIZE_MAX, cunik_command_top},
    {"unpause", "[SERVICE...]", "Let paused guests go on", NULL, 0, 0, SIZE_MAX,
     cunik_command_unpause},
    {"up", "[SERVICE...]", "Make the stack what the file says", OPTIONS(up_options), 0, SIZE_MAX,
     cunik_command_up},
    {"volumes", "[SERVICE...]", "List the volumes of the stack", OPTIONS(list_options), 0, SIZE_MAX,
     cunik_command_volumes},
    {"wait", "[SERVICE...]", "Wait until services have ended", NULL, 0, 0, SIZE_MAX,
     cunik_command_wait},
    {"version", NULL, "Show versions", OPTIONS(version_options), 0, 0, cunik_command_version},
};

const struct program cunik_compose_program = {
    .name = "cunik-compose",
    .help = "Stacks of unikernels from one file",
    .options = global_options,
    .n_options = ARRAY_SIZE(global_options),
    .verbs = verbs,
    .n_verbs = ARRAY_SIZE(verbs),
    .elsewhere = cunik_program_elsewhere,
    .n_elsewhere = PROGRAM_ELSEWHERE,
};
