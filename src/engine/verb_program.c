/* The table of `cunik`: help, parsing, the manual page and completions come from it. */
#include <stdint.h>

#include "engine/verb.h"

static const struct option_row global_options[] = {
    {"connect", 0, "URI", "The engine's connection to libvirt", NULL, false},
};

#define FORMAT(choices, help)                                                                      \
    {                                                                                              \
        "format", 0, "FORMAT", help, choices, false                                                \
    }

static const struct option_row list_options[] = {FORMAT("table|json", "How to print")};
static const struct option_row text_options[] = {FORMAT("text|json", "How to print")};
static const struct option_row logs_options[] = {
    {"follow", 'f', NULL, "Go on until it has ended", NULL, false},
    {"tail", 'n', "LINES", "How many lines of the past, or \"all\"", NULL, false},
    {"timestamps", 't', NULL, "Show when each line came", NULL, false},
};

static const struct option_row events_options[] = {
    {"since", 0, "TIME", "Begin with what happened since then: a time, or how long ago", NULL,
     false},
    {"until", 0, "TIME", "End then", NULL, false},
    {"filter", 'f', "KEY=VALUE", "Only such events; see cunik-events(5)", NULL, true},
    FORMAT("text|json", "How to print"),
};

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

static const struct verb_row verbs[] = {
    {"list", NULL, "List the cuniks of all stacks", list_options, ARRAY_SIZE(list_options), 0, 0,
     cunik_verb_list},
    {"ps", NULL, "The same as list", list_options, ARRAY_SIZE(list_options), 0, 0, cunik_verb_list},
    {"inspect", "NAME...", "Show all that is known of cuniks, as JSON", NULL, 0, 1, SIZE_MAX,
     cunik_verb_inspect},
    {"logs", "NAME", "Show what a cunik wrote to its console", logs_options,
     ARRAY_SIZE(logs_options), 1, 1, cunik_verb_logs},
    {"doctor", NULL, "Check whether this host can run guests, and say what to do", text_options,
     ARRAY_SIZE(text_options), 0, 0, cunik_verb_doctor},
    {"events", NULL, "Show what happens, and what happened", events_options,
     ARRAY_SIZE(events_options), 0, 0, cunik_verb_events},
    {"info", NULL, "Show what the engine is and has", text_options, ARRAY_SIZE(text_options), 0, 0,
     cunik_verb_info},
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
    {"version", NULL, "Show the version of this program", text_options, ARRAY_SIZE(text_options), 0,
     0, cunik_verb_version},
};

const struct program cunik_program = {
    .name = "cunik",
    .help = "Looks at unikernels across stacks",
    .options = global_options,
    .n_options = ARRAY_SIZE(global_options),
    .verbs = verbs,
    .n_verbs = ARRAY_SIZE(verbs),
};
