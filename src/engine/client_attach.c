/* Consoles both ways. */
#include <string.h>

#include "base/json.h"
#include "engine/client_internal.h"
#include "engine/terminal.h"

int cunik_client_attach(struct client *c, const char *name, bool from_start,
                        const struct attach_sink *sink, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};

    cunik_buffer_text_append(&path, "/v1/attach");
    cunik_client_add_query(&path, "cunik", name);
    if (from_start)
        cunik_client_add_query(&path, "from", "start");
    return cunik_client_call(c,
                             &(struct call){.method = "GET",
                                            .path = path.data,
                                            .take = sink->put,
                                            .begun = sink->begun,
                                            .ctx = sink->ctx},
                             err);
}

int cunik_client_type(struct client *c, const char *name, const void *data, size_t size,
                      size_t *ret_taken, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};
    _cleanup_json_ json_t *answer = NULL;
    int64_t taken = 0;

    cunik_buffer_text_append(&path, "/v1/attach");
    cunik_client_add_query(&path, "cunik", name);
    int r = cunik_client_json(
        c,
        &(struct call){.method = "POST",
                       .path = path.data,
                       .body = data,
                       .body_size = size < TERMINAL_TYPED_MAX ? size : TERMINAL_TYPED_MAX,
                       .once = true},
        &answer, err);
    if (r == 0)
        r = cunik_json_get_int(answer, "taken", &taken, err);
    if (r == 0)
        *ret_taken = (size_t)taken;
    return r;
}
