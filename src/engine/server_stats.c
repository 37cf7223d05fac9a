/* GET /v1/stats: what the guests that run use, at this moment; and POST /v1/pause. */
#include "base/json.h"
#include "base/memory.h"
#include "engine/server_internal.h"
#include "engine/stats.h"

enum MHD_Result cunik_server_stats(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body _unused_)
{
    bool with_threads = cunik_server_query_flag(connection, "threads");
    _cleanup_world_ struct world w = {0};
    struct stats_sample sample;
    struct error *err = NULL;
    json_t *list = json_array();
    int r = cunik_engine_world(s->engine, cunik_server_query(connection, "stack"), &w, &err);

    for (size_t i = 0; r == 0 && i < w.n_cuniks; i++) {
        if (!cunik_stats_take(&w.cuniks[i], &sample))
            continue;
        json_t *one = cunik_stats_to_json(&w.cuniks[i], &sample);
        if (with_threads)
            cunik_json_set(one, "tasks", cunik_stats_threads(&w.cuniks[i]));
        cunik_json_append(list, one);
    }
    return cunik_server_finish(connection, r, list, err);
}

/* POST /v1/pause */
enum MHD_Result cunik_server_pause(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body _unused_)
{
    const char *name = cunik_server_query(connection, "cunik");
    struct error *err = NULL;
    int r = cunik_engine_pause(s->engine, name ? name : "",
                               !cunik_server_query_flag(connection, "resume"), &err);

    return cunik_server_finish(connection, r, r < 0 ? NULL : json_object(), err);
}
