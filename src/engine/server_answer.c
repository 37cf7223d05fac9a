/* What routes have in common: reading what is asked, and answers that are made at once. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/server_internal.h"

enum MHD_Result cunik_server_answer(struct MHD_Connection *connection, unsigned status,
                                    const char *allow, char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);

    if (!response) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (allow)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static char *error_text(const struct error *err)
{
    _cleanup_json_ json_t *json = json_object();
    _cleanup_free_ char *message = cunik_error_text(err);
    json_t *inner = json_object();

    cunik_json_set_string(inner, "code", cunik_error_name(err->code));
    cunik_json_set_string(inner, "message", message);
    cunik_json_set(json, "error", inner);
    return cunik_json_text(json, JSON_COMPACT);
}

enum MHD_Result cunik_server_refuse(struct MHD_Connection *connection, const struct error *err)
{
    return cunik_server_answer(connection, cunik_error_http_status(err->code), NULL,
                               error_text(err));
}

int cunik_server_read_request(const struct buffer *body, struct request *ret, struct error **err)
{
    _cleanup_json_ json_t *json = NULL;
    int r = cunik_json_parse(cunik_buffer_text(body), body->size, "the request", &json, err);

    return r < 0 ? r : cunik_request_from_json(json, ret, err);
}

const char *cunik_server_query(struct MHD_Connection *connection, const char *key)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
}

bool cunik_server_query_flag(struct MHD_Connection *connection, const char *key)
{
    const char *value = cunik_server_query(connection, key);

    return cunik_text_equal(value, "1") || cunik_text_equal(value, "true");
}

enum MHD_Result cunik_server_finish(struct MHD_Connection *connection, int r, json_t *value,
                                    struct error *err)
{
    _cleanup_json_ json_t *owned_value = value;
    _cleanup_error_ struct error *owned = err;

    if (r == 0)
        return cunik_server_answer(connection, MHD_HTTP_OK, NULL,
                                   cunik_json_text(owned_value, JSON_COMPACT));
    if (!owned)
        cunik_error_errno(&owned, r, "carrying out the request");
    return cunik_server_refuse(connection, owned);
}

enum MHD_Result cunik_server_refuse_with(struct MHD_Connection *connection, unsigned status,
                                         enum error_code code, const char *allow,
                                         const char *format, ...)
{
    _cleanup_error_ struct error *err = NULL;
    va_list args;

    va_start(args, format);
    _cleanup_free_ char *message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_error_set(&err, code, "%s", message);
    return cunik_server_answer(connection, status, allow, error_text(err));
}
