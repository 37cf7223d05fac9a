#include "engine/probe.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/memory.h"

static const struct probe_kind_ops *const kinds[] = {
    [PROBE_NONE] = NULL,
    [PROBE_TCP] = &cunik_probe_tcp,
    [PROBE_HTTP] = &cunik_probe_http,
    [PROBE_LOG] = &cunik_probe_log,
    [PROBE_CMD] = &cunik_probe_command,
    [PROBE_CMD_SHELL] = &cunik_probe_command,
};
_Static_assert(ARRAY_SIZE(kinds) == PROBE_KIND_MAX_, "every kind of probe can be carried out");

/* CUNIK_ADDRESS_ and the network's name as a shell can say it: capitals, digits, underscores. */
static void add_address(struct strv *environment, const struct world_interface *i)
{
    _cleanup_free_ char *name = cunik_strdup(i->network);

    for (char *p = name; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    cunik_strv_addf(environment, "CUNIK_ADDRESS_%s=%s", name, i->address);
}

static void make_environment(struct probe *p, const struct world_cunik *c)
{
    struct strv *e = &p->environment;
    _cleanup_strv_ struct strv addresses = {0};

    for (char **item = environ; item && *item; item++)
        if (strncmp(*item, "CUNIK_", strlen("CUNIK_")) != 0)
            cunik_strv_add(e, *item);
    for (size_t i = 0; i < c->n_interfaces; i++) {
        cunik_strv_add(&addresses, c->interfaces[i].address);
        add_address(e, &c->interfaces[i]);
    }
    _cleanup_free_ char *all = cunik_strv_join(&addresses, " ");
    cunik_strv_addf(e, "CUNIK_NAME=%s", c->name);
    cunik_strv_addf(e, "CUNIK_STACK=%s", c->stack);
    cunik_strv_addf(e, "CUNIK_SERVICE=%s", c->service);
    cunik_strv_addf(e, "CUNIK_ADDRESS=%s", p->address);
    cunik_strv_addf(e, "CUNIK_ADDRESSES=%s", all);
}

void cunik_probe_init(struct probe *p, const struct world_cunik *c, const char *address,
                      const char *console, uint64_t console_offset)
{
    *p = (struct probe){.fd = -1, .watch = -1, .pidfd = -1, .output = -1};
    if (cunik_probe_test_parse(&c->health.test, &p->test, NULL) < 0)
        p->test.kind = PROBE_NONE;
    p->address = cunik_strdup(address ? address : "");
    p->console = cunik_strdup(console ? console : "");
    p->offset = console_offset;
    p->reason = cunik_strdup("");
    if (kinds[p->test.kind] == &cunik_probe_command)
        make_environment(p, c);
}

pid_t cunik_probe_done(struct probe *p)
{
    pid_t group = cunik_probe_end(p);

    if (p->fd >= 0)
        close(p->fd);
    cunik_probe_test_done(&p->test);
    cunik_strv_done(&p->environment);
    cunik_buffer_done(&p->request);
    cunik_buffer_done(&p->reply);
    free(p->address);
    free(p->console);
    free(p->reason);
    return group;
}

enum probe_outcome cunik_probe_fail(struct probe *p, const char *format, ...)
{
    va_list args;

    free(p->reason);
    va_start(args, format);
    p->reason = cunik_vasprintf(format, args);
    va_end(args);
    return OUTCOME_FAILED;
}

int cunik_probe_watch_fd(struct probe *p, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = p->tag};

    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
        return 0;
    if (errno == EEXIST && epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e) == 0)
        return 0;
    return -errno;
}

static enum probe_outcome settle(struct probe *p, enum probe_outcome outcome)
{
    p->settled = p->settled || outcome != OUTCOME_PENDING;
    return outcome;
}

enum probe_outcome cunik_probe_begin(struct probe *p)
{
    p->settled = false;
    return settle(p, kinds[p->test.kind]->begin(p));
}

enum probe_outcome cunik_probe_proceed(struct probe *p)
{
    return settle(p, kinds[p->test.kind]->proceed(p));
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

pid_t cunik_probe_end(struct probe *p)
{
    pid_t group = p->pid;

    /* The leader has not been waited for yet, so its number is still its group's. */
    if (group)
        kill(-group, SIGKILL);
    p->pid = 0;
    p->connected = false;
    p->drained = 0;
    p->request.size = 0;
    p->reply.size = 0;
    close_fd(&p->pidfd);
    close_fd(&p->output);
    if (p->test.kind != PROBE_LOG)
        close_fd(&p->fd);
    return group;
}
