#include "engine/cunikd_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "base/verbs.h"
#include "engine/assign.h"
#include "engine/paths.h"
#include "network/address.h"

enum { IDLE_SECONDS = 60, IDLE_SECONDS_MAX = 1000000 };

static const struct option_row options[] = {
    {"root", 0, "DIR",
     "Where everything is kept (default: CUNIK_ROOT or /var/lib/cunik; a user's own: see "
     "cunik-compose(1))",
     NULL, false},
    {"socket", 0, "PATH", "Where to listen (default: cunikd.sock in /run/cunik or in the root)",
     NULL, false},
    {"connect", 0, "URI", "Connection to libvirt (default: CUNIK_CONNECT or the embedded driver)",
     NULL, false},
    {"accel", 0, "ACCEL", "How guests are run (default: CUNIK_ACCEL or what the host can)",
     "kvm|tcg", false},
    {"pools", 0, "SUBNET,...",
     "Where networks get their subnets from (default: CUNIK_POOLS or 172.30.0.0/16,172.31.0.0/16,"
     "10.180.0.0/14); each gets a /24, or with :LENGTH behind a pool another part",
     NULL, false},
    {"idle-timeout", 0, "SECONDS", "Leave after this long with nothing to do; 0 = never (60)", NULL,
     false},
    {"ready-fd", 0, "FD", "Say \"ready\" (or \"running\": another engine does) there", NULL, false},
    {"log-level", 0, "LEVEL", "How much to log", "error|warning|info|debug", false},
    {"version", 0, NULL, "Show the version and exit", NULL, false},
};

const struct program cunik_cunikd_program = {
    .name = "cunikd",
    .help = "The engine of Cunik: runs stacks of unikernels",
    .options = options,
    .n_options = ARRAY_SIZE(options),
};

static const char *value_or(const struct arguments *a, const char *option, const char *variable)
{
    const char *value = cunik_arguments_value(a, option);

    if (!value)
        value = getenv(variable);
    return cunik_text_blank(value) ? "" : value;
}

static int number_option(const struct arguments *a, const char *option, uint64_t max, uint64_t *ret,
                         struct error **err)
{
    const char *text = cunik_arguments_value(a, option);

    if (text && cunik_text_to_uint(text, 0, max, ret) < 0)
        return cunik_error_set(err, ERROR_INVALID, "option '--%s' takes a number, not '%s'", option,
                               text);
    return 0;
}

static int read_pools(struct cunikd_settings *s, const struct arguments *a, struct error **err)
{
    struct cidr subnet;
    unsigned part;

    cunik_strv_split(&s->pools, value_or(a, "pools", "CUNIK_POOLS"), ", ");
    for (size_t i = 0; i < s->pools.n; i++)
        if (!cunik_assign_parse_pool(s->pools.items[i], &subnet, &part))
            return cunik_error_set(err, ERROR_INVALID,
                                   "pools: '%s' is no subnet such as 10.8.0.0/16 or 10.8.0.0/16:26",
                                   s->pools.items[i]);
    return 0;
}

int cunik_cunikd_settings(struct cunikd_settings *s, const struct arguments *a, struct error **err)
{
    const char *root = cunik_arguments_value(a, "root");
    const char *path = cunik_arguments_value(a, "socket");
    const char *level = cunik_arguments_value(a, "log-level");
    uint64_t idle = IDLE_SECONDS, fd = 0;
    enum log_level parsed;
    int r;

    if (root)
        setenv("CUNIK_ROOT", root, 1);
    s->root = cunik_paths_state();
    setenv("CUNIK_ROOT", s->root, 1); /* who we are may change what it is by default */
    s->run = cunik_paths_run(s->root);
    s->socket = path ? cunik_strdup(path) : cunik_paths_socket();
    s->connect = value_or(a, "connect", "CUNIK_CONNECT");
    s->accel = value_or(a, "accel", "CUNIK_ACCEL");
    if (level && cunik_log_level_parse(level, &parsed) == 0)
        cunik_log_set_level(parsed);
    r = number_option(a, "idle-timeout", IDLE_SECONDS_MAX, &idle, err);
    if (r == 0)
        r = number_option(a, "ready-fd", INT32_MAX, &fd, err);
    if (r == 0)
        r = read_pools(s, a, err);
    if (r == 0)
        r = cunik_paths_check_socket(s->socket, err);
    s->idle_ns = (int64_t)idle * NS_PER_SECOND;
    s->ready_fd = cunik_arguments_given(a, "ready-fd") ? (int)fd : -1;
    if (s->ready_fd >= 0 && fcntl(s->ready_fd, F_SETFD, FD_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "--ready-fd %d", s->ready_fd);
    return r;
}

void cunik_cunikd_settings_done(struct cunikd_settings *s)
{
    free(s->root);
    free(s->run);
    free(s->socket);
    cunik_strv_done(&s->pools);
}
