#include "engine/event_text.h"

#include "base/buffer.h"
#include "base/when.h"

char *cunik_event_text(const struct event *e)
{
    const char *const words[] = {e->stack, e->kind, e->name, e->verb, e->state};
    _cleanup_free_ char *when = cunik_when_local(e->time_ms);
    struct buffer b = {0};

    cunik_buffer_printf(&b, "%s %s", when, cunik_event_type_name(e->type));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i] && *words[i])
            cunik_buffer_printf(&b, " %s", words[i]);
    if (e->phase != PHASE_NONE)
        cunik_buffer_printf(&b, " %s", cunik_event_phase_name(e->phase));
    if (e->exit_code >= 0)
        cunik_buffer_printf(&b, " (%lld)", (long long)e->exit_code);
    if (e->message && *e->message)
        cunik_buffer_printf(&b, ": %s", e->message);
    return cunik_buffer_take(&b);
}
