/* config: checks the stack file and prints its canonical form. */
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/canonical.h"
#include "compose/command.h"

int cunik_command_config(void *context, const struct arguments *a, int *status _unused_,
                         struct error **err)
{
    struct command *c = context;
    _cleanup_loaded_ struct loaded loaded = {0};
    _cleanup_stack_ struct stack s = {0};
    int r;

    r = cunik_command_load_all(c, &loaded, &s, err);
    if (r < 0 || cunik_arguments_flag(a, "quiet"))
        return r;
    if (cunik_arguments_flag(a, "services")) {
        _cleanup_strv_ struct strv names = {0};
        cunik_canonical_services(&loaded, &names);
        for (size_t i = 0; i < names.n; i++)
            puts(names.items[i]);
        return 0;
    }
    _cleanup_free_ char *text = cunik_text_equal(cunik_arguments_value(a, "format"), "json")
                                    ? cunik_canonical_json(&loaded)
                                    : cunik_canonical_yaml(&loaded);
    fputs(text, stdout);
    return 0;
}
