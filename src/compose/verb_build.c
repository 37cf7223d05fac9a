/* cunik build: the one verb that reads YAML, and so stands here. */
#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "compose/cunikfile.h"
#include "engine/verb.h"

int cunik_verb_build(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                     struct error **err)
{
    const struct strv *names = cunik_arguments_values(a, "tag");
    const char *file = cunik_arguments_value(a, "file");
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_free_ char *digest = NULL;
    const char *folder = words->n ? words->items[0] : ".";
    _cleanup_free_ char *path = cunik_path_join(folder, file ? file : "Cunikfile");
    int r;

    if (!names->n)
        return cunik_error_set(err, ERROR_INVALID, "'cunik build' needs a name: --tag NAME");
    if ((r = cunik_verb_reach(a, &client, err)) < 0)
        return r;
    r = cunik_cunikfile_build(path, folder, client, names->items[0], &digest, err);
    for (size_t i = 1; i < names->n && r == 0; i++)
        r = cunik_client_image_tag(client, digest, names->items[i], err);
    if (r == 0)
        puts(digest);
    return r;
}
