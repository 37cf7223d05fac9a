/* The table of routes, with those that take a few lines. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/server_internal.h"

static enum MHD_Result get_version(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body _unused_)
{
    return cunik_server_answer(connection, MHD_HTTP_OK, NULL, cunik_strdup(s->version));
}

static enum MHD_Result get_world(struct server *s, struct MHD_Connection *connection,
                                 const struct buffer *body _unused_)
{
    _cleanup_world_ struct world w = {0};
    struct error *err = NULL;
    int r = cunik_engine_world(s->engine, cunik_server_query(connection, "stack"), &w, &err);

    return cunik_server_finish(connection, r, r < 0 ? NULL : cunik_world_to_json(&w), err);
}

static enum MHD_Result post_plan(struct server *s, struct MHD_Connection *connection,
                                 const struct buffer *body)
{
    _cleanup_request_ struct request request = {0};
    _cleanup_plan_ struct plan plan = {0};
    struct error *err = NULL;
    int r = cunik_server_read_request(body, &request, &err);

    if (r == 0)
        r = cunik_engine_plan(s->engine, &request, &plan, &err);
    return cunik_server_finish(connection, r, r < 0 ? NULL : cunik_plan_to_json(&plan), err);
}

static const struct route routes[] = {
    {"GET", "/v1/version", get_version, NULL},
    {"GET", "/v1/world", get_world, NULL},
    {"POST", "/v1/plan", post_plan, NULL},
    {"POST", "/v1/apply", cunik_server_apply, NULL},
    {"POST", "/v1/cancel", cunik_server_cancel, NULL},
    {"GET", "/v1/logs", cunik_server_logs, NULL},
    {"GET", "/v1/attach", cunik_server_attach, NULL},
    {"POST", "/v1/attach", cunik_server_type, NULL},
    {"GET", "/v1/events", cunik_server_events, NULL},
    {"GET", "/v1/stats", cunik_server_stats, NULL},
    {"POST", "/v1/pause", cunik_server_pause, NULL},
    {"GET", "/v1/volumes", cunik_server_volumes, NULL},
    {"POST", "/v1/volumes", cunik_server_volume_create, NULL},
    {"DELETE", "/v1/volumes", cunik_server_volume_remove, NULL},
    {"POST", "/v1/files", cunik_server_file_put, NULL},
    {"GET", "/v1/images", cunik_server_images, NULL},
    {"POST", "/v1/images", NULL, cunik_server_image_load},
    {"DELETE", "/v1/images", cunik_server_image_remove, NULL},
    {"GET", "/v1/image", cunik_server_image, NULL},
    {"GET", "/v1/images/archive", cunik_server_image_archive, NULL},
    {"POST", "/v1/images/build", NULL, cunik_server_image_build},
    {"POST", "/v1/images/tag", cunik_server_image_tag, NULL},
    {"POST", "/v1/images/prune", cunik_server_images_prune, NULL},
};

const struct route *cunik_server_find_route(const char *method, const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        if (strcmp(routes[i].path, path) == 0 && strcmp(routes[i].method, method) == 0)
            return &routes[i];
    return NULL;
}

bool cunik_server_route(size_t i, const char **ret_method, const char **ret_path)
{
    if (i >= ARRAY_SIZE(routes))
        return false;
    *ret_method = routes[i].method;
    *ret_path = routes[i].path;
    return true;
}

const char *cunik_server_allowed(const char *path)
{
    const char *allowed = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        if (strcmp(routes[i].path, path) == 0)
            allowed = routes[i].method;
    return allowed;
}
