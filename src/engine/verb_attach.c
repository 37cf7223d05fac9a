/* attach: a console both ways. */
#include "base/memory.h"
#include "base/text.h"
#include "engine/attach.h"

void cunik_attach_read_options(const struct arguments *a, struct attach_options *ret)
{
    *ret = (struct attach_options){
        .detach_keys = cunik_arguments_value(a, "detach-keys"),
        .input = !cunik_arguments_flag(a, "no-stdin"),
        .raw = true,
        .proxy = !cunik_text_equal(cunik_arguments_value(a, "sig-proxy"), "false"),
    };
}

int cunik_verb_attach(void *context _unused_, const struct arguments *a, int *ret_status,
                      struct error **err)
{
    const struct client_settings how = cunik_verb_client_settings(a, -1);
    struct attach_options o;

    cunik_attach_read_options(a, &o);
    return cunik_attach(&how, cunik_arguments_positional(a)->items[0], &o, ret_status, err);
}
