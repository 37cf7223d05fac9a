/* `config`: the canonical form, or one list of what the stack file says. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"
#include "compose/canonical.h"
#include "compose/command.h"
#include "compose/config_lists.h"

static int make_text(const struct arguments *a, const struct loaded *l, char **ret,
                     struct error **err)
{
    const char *hash = cunik_arguments_value(a, "hash");

    for (size_t i = 0; i < CONFIG_LISTS; i++)
        if (cunik_arguments_flag(a, cunik_config_lists[i].option)) {
            *ret = cunik_config_lists[i].list(l);
            return 0;
        }
    if (hash)
        return cunik_config_hashes(l, hash, ret, err);
    *ret = cunik_text_equal(cunik_arguments_value(a, "format"), "json") ? cunik_canonical_json(l)
                                                                        : cunik_canonical_yaml(l);
    return 0;
}

int cunik_command_config(void *context, const struct arguments *a, int *status _unused_,
                         struct error **err)
{
    struct command *c = context;
    const char *output = cunik_arguments_value(a, "output");
    _cleanup_loaded_ struct loaded loaded = {0};
    _cleanup_stack_ struct stack s = {0};
    _cleanup_free_ char *text = NULL;
    int r;

    c->load = (struct command_load){
        .only_services = true,
        .no_interpolate =
            cunik_arguments_flag(a, "no-interpolate") || cunik_arguments_flag(a, "variables"),
        .no_normalise = cunik_arguments_flag(a, "no-normalize"),
        .no_paths = cunik_arguments_flag(a, "no-path-resolution"),
        .no_consistency = cunik_arguments_flag(a, "no-consistency"),
        .no_warnings = cunik_arguments_flag(a, "unsupported"),
    };
    r = cunik_command_load_all(c, &loaded, &s, err);
    if (r < 0 || cunik_arguments_flag(a, "quiet"))
        return r;
    cunik_stack_done(&s); /* what is printed comes from the tree: room for it */
    r = make_text(a, &loaded, &text, err);
    if (r < 0)
        return r;
    if (output)
        return cunik_file_write_output(output, text, strlen(text), 0644, err);
    fputs(text, stdout);
    return 0;
}
