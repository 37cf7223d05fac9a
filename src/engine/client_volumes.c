/* What is said of volumes and of files for guests. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/client_internal.h"

int cunik_client_volumes(struct client *c, json_t **ret, struct error **err)
{
    return cunik_client_json(c, &(struct call){.method = "GET", .path = "/v1/volumes"}, ret, err);
}

int cunik_client_volume_create(struct client *c, const struct world_volume *v, json_t **ret,
                               struct error **err)
{
    _cleanup_json_ json_t *json = cunik_world_volume_to_json(v);
    _cleanup_free_ char *body = cunik_json_text(json, JSON_COMPACT);

    return cunik_client_json(c,
                             &(struct call){.method = "POST",
                                            .path = "/v1/volumes",
                                            .body = body,
                                            .body_size = strlen(body),
                                            .once = true},
                             ret, err);
}

int cunik_client_volume_remove(struct client *c, const char *name, struct error **err)
{
    char *escaped = curl_easy_escape(NULL, name, (int)strlen(name));
    _cleanup_free_ char *path = cunik_asprintf("/v1/volumes?name=%s", escaped);

    curl_free(escaped);
    return cunik_client_json(c, &(struct call){.method = "DELETE", .path = path, .once = true},
                             NULL, err);
}

int cunik_client_file_put(struct client *c, const void *data, size_t size, struct error **err)
{
    return cunik_client_json(
        c, &(struct call){.method = "POST", .path = "/v1/files", .body = data, .body_size = size},
        NULL, err);
}
