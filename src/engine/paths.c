#include "engine/paths.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

static const char default_state[] = "/var/lib/cunik", default_run[] = "/run/cunik";

char *cunik_paths_state(void)
{
    const char *root = getenv("CUNIK_ROOT");
    _cleanup_free_ char *here = getcwd(NULL, 0);

    if (cunik_text_blank(root))
        return cunik_strdup(default_state);
    return cunik_path_join(here ? here : "/", root);
}

char *cunik_paths_run(const char *state)
{
    return cunik_strdup(strcmp(state, default_state) == 0 ? default_run : state);
}

char *cunik_paths_socket(void)
{
    _cleanup_free_ char *state = cunik_paths_state(), *run = cunik_paths_run(state);

    return cunik_asprintf("%s/cunikd.sock", run);
}

int cunik_paths_check_socket(const char *path, struct error **err)
{
    if (strlen(path) <= SOCKET_PATH_MAX)
        return 0;
    return cunik_error_set(
        err, ERROR_INVALID,
        "the path of the engine's socket, '%s', is longer than the %d bytes that "
        "the system allows: choose a shorter CUNIK_ROOT",
        path, SOCKET_PATH_MAX);
}
