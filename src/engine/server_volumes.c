/* The routes of volumes and of files for guests. */
#include "base/json.h"
#include "base/memory.h"
#include "engine/server_internal.h"

enum MHD_Result cunik_server_volumes(struct server *s, struct MHD_Connection *connection,
                                     const struct buffer *body _unused_)
{
    struct error *err = NULL;
    json_t *list = NULL;
    int r = cunik_engine_volumes(s->engine, &list, &err);

    return cunik_server_finish(connection, r, list, err);
}

enum MHD_Result cunik_server_volume_create(struct server *s, struct MHD_Connection *connection,
                                           const struct buffer *body)
{
    _cleanup_json_ json_t *json = NULL;
    struct world_volume v = {0};
    struct error *err = NULL;
    json_t *made = NULL;
    int r = cunik_json_parse(cunik_buffer_text(body), body->size, "the request", &json, &err);

    if (r == 0)
        r = cunik_world_volume_from_json(json, &v, &err);
    if (r == 0)
        r = cunik_engine_volume_create(s->engine, &v, &made, &err);
    cunik_world_volume_done(&v);
    return cunik_server_finish(connection, r, made, err);
}

enum MHD_Result cunik_server_volume_remove(struct server *s, struct MHD_Connection *connection,
                                           const struct buffer *body _unused_)
{
    const char *name = cunik_server_query(connection, "name");
    struct error *err = NULL;
    int r = cunik_engine_volume_remove(s->engine, name ? name : "", &err);

    return cunik_server_finish(connection, r, r < 0 ? NULL : json_object(), err);
}

enum MHD_Result cunik_server_file_put(struct server *s, struct MHD_Connection *connection,
                                      const struct buffer *body)
{
    struct error *err = NULL;
    int r = cunik_engine_file_put(s->engine, cunik_buffer_text(body), body->size, &err);

    return cunik_server_finish(connection, r, r < 0 ? NULL : json_object(), err);
}
