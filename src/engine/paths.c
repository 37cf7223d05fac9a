#include "engine/paths.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

static const char default_state[] = "/var/lib/cunik", default_run[] = "/run/cunik";
static const char default_socket[] = "/run/cunik/cunikd.sock";

static bool is_absolute(const char *path)
{
    return path && *path == '/';
}

/* A relative XDG_DATA_HOME is to be ignored, says its specification. */
char *cunik_paths_choose(const struct paths_facts *f)
{
    if (!cunik_text_blank(f->root))
        return cunik_path_join(f->here ? f->here : "/", f->root);
    if (f->is_root || f->host_engine)
        return cunik_strdup(default_state);
    if (is_absolute(f->data_home))
        return cunik_path_join(f->data_home, "cunik");
    return is_absolute(f->home) ? cunik_path_join(f->home, ".local/share/cunik")
                                : cunik_strdup(default_state);
}

char *cunik_paths_state(void)
{
    _cleanup_free_ char *here = getcwd(NULL, 0);
    const struct passwd *user = geteuid() ? getpwuid(geteuid()) : NULL;
    const char *home = getenv("HOME");

    return cunik_paths_choose(&(struct paths_facts){
        .root = getenv("CUNIK_ROOT"),
        .here = here,
        .is_root = geteuid() == 0,
        .host_engine = access(default_socket, W_OK) == 0,
        .data_home = getenv("XDG_DATA_HOME"),
        .home = cunik_text_blank(home) && user ? user->pw_dir : home,
    });
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
