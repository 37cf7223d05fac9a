/* The process outside: one thread, one engine at a time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/outside.h"
#include "network/link.h"
#include "network/slirp.h"
#include "network/sockets.h"
#include "network/sysctl.h"

enum {
    REQUEST_LIMIT = 16 << 20,
    START_MS = 30 * 1000, /* for slirp4netns to be ready */
    END_MS = 5 * 1000,
    AGAIN_MS = 1000,      /* before one that ended is started again */
    LOG_LIMIT = 64 << 10, /* slirp4netns writes a line for every request */
    /* Descriptors of slirp4netns. */
    READY_FD = 3,
    LEAVE_FD = 4,
    NETNS_FD = 5,
};

struct server {
    const char *root;
    char *api, *log;
    int listening, engine; /* engine -1 = none is connected */
    struct buffer in;
    struct namespaces namespaces, given; /* given: came along with what is in `in` */

    bool wanted; /* slirp4netns is to run, so */
    struct cidr subnet;
    struct strv forwards;

    pid_t slirp; /* 0 = none */
    int slirp_fd, leave;
    struct strv made;
    int64_t again_ns; /* when to start it again; 0 = not planned */
};

static int64_t now_ns(void)
{
    return cunik_clock_real.now(NULL);
}

/* The last line of its log, as the reason; the caller frees it. */
static char *last_words(const struct server *s)
{
    _cleanup_free_ char *text = NULL;

    if (cunik_file_read(s->log, LOG_LIMIT * 16, &text, NULL, NULL) < 0)
        return cunik_strdup("it ended");
    size_t size = strlen(text);
    while (size && strchr(" \n\r", text[size - 1]))
        text[--size] = '\0';
    const char *newline = strrchr(text, '\n');
    return cunik_strdup(newline ? newline + 1 : size ? text : "it ended");
}

/* In the child. It enters the user namespace, whose root may do in the network namespace what is
 * needed, and stays in the host's network. */
_Noreturn static void become_slirp(const struct server *s, char *const *argv, int ready, int leave)
{
    static const char no_way[] = "it cannot enter the user namespace\n";
    static const char no_program[] = "it cannot be executed\n";
    umask(0077); /* its socket is nobody else's */
    int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);

    dup2(log, 1);
    dup2(log, 2);
    if (setns(s->namespaces.user, CLONE_NEWUSER) < 0) {
        (void)!write(2, no_way, sizeof(no_way) - 1);
        _exit(126);
    }
    ready = fcntl(ready, F_DUPFD_CLOEXEC, 10);
    leave = fcntl(leave, F_DUPFD_CLOEXEC, 10);
    int netns = fcntl(s->namespaces.net, F_DUPFD_CLOEXEC, 10);
    dup2(ready, READY_FD);
    dup2(leave, LEAVE_FD);
    dup2(netns, NETNS_FD);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], argv);
    (void)!write(2, no_program, sizeof(no_program) - 1);
    _exit(127);
}

static void forget_slirp(struct server *s)
{
    if (s->leave >= 0)
        close(s->leave);
    if (s->slirp_fd >= 0)
        close(s->slirp_fd);
    s->leave = s->slirp_fd = -1;
    s->slirp = 0;
    cunik_strv_done(&s->made);
    unlink(s->api);
}

static void end_slirp(struct server *s)
{
    struct pollfd p = {.fd = s->slirp_fd, .events = POLLIN};

    if (!s->slirp)
        return;
    close(TAKE_FD(s->leave)); /* that is how it is asked */
    if (poll(&p, 1, END_MS) <= 0)
        kill(s->slirp, SIGKILL);
    while (waitpid(s->slirp, NULL, 0) < 0 && errno == EINTR)
        ;
    forget_slirp(s);
}

/* True when it said that it is ready. */
static bool wait_ready(int ready)
{
    struct pollfd p = {.fd = ready, .events = POLLIN};
    char byte;

    return poll(&p, 1, START_MS) > 0 && read(ready, &byte, 1) == 1;
}

static int start_slirp(struct server *s, struct error **err)
{
    _cleanup_free_ char *program = NULL;
    _cleanup_strv_ struct strv words = {0};
    int ready[2], leave[2], r = cunik_slirp_find(&program, err);

    if (r < 0)
        return r;
    if (pipe2(ready, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    _cleanup_close_ int ready_in = ready[0], ready_out = ready[1];
    if (pipe2(leave, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    _cleanup_close_ int leave_in = leave[0];
    s->leave = leave[1];
    cunik_slirp_arguments(&(struct slirp_settings){.program = program,
                                                   .api = s->api,
                                                   .subnet = s->subnet,
                                                   .ready = READY_FD,
                                                   .leave = LEAVE_FD,
                                                   .netns = NETNS_FD},
                          &words);
    _cleanup_free_ char **argv = cunik_strv_argv(&words);
    unlink(s->api);
    s->slirp = fork();
    if (s->slirp == 0)
        become_slirp(s, argv, ready_out, leave_in);
    if (s->slirp < 0) {
        s->slirp = 0;
        close(TAKE_FD(s->leave));
        return cunik_error_errno(err, errno, "starting slirp4netns");
    }
    s->slirp_fd = pidfd_open(s->slirp, 0);
    close(TAKE_FD(ready_out));
    if (s->slirp_fd >= 0 && wait_ready(ready_in))
        return 0;
    end_slirp(s);
    _cleanup_free_ char *why = last_words(s);
    return cunik_error_set(err, ERROR_UNAVAILABLE, "starting slirp4netns: %s", why);
}

/* Level, not edge: whatever was asked last is made so. */
static int bring_about(struct server *s, struct error **err)
{
    int r = 0;

    s->again_ns = 0;
    if (!s->wanted) {
        end_slirp(s);
        unlink(s->log);
        return 0;
    }
    if (!s->slirp)
        r = start_slirp(s, err);
    if (r < 0)
        return r;
    cunik_strv_done(&s->made);
    r = cunik_slirp_forward(s->api, &s->forwards, &s->subnet, &s->made, err);
    struct stat st;
    if (stat(s->log, &st) == 0 && st.st_size > LOG_LIMIT)
        (void)!truncate(s->log, 0);
    return r;
}

static int do_set(struct server *s, const json_t *request, _unused_ json_t *answer,
                  struct error **err)
{
    const char *subnet = json_string_value(json_object_get(request, "subnet"));
    _cleanup_strv_ struct strv forwards = {0};
    struct cidr parsed = {0};
    int r = cunik_json_get_strv(request, "forwards", &forwards, err);

    if (r < 0 || (subnet && (r = cunik_cidr_parse_subnet(subnet, &parsed, err)) < 0))
        return r;
    if (subnet && s->namespaces.user < 0)
        return cunik_error_set(err, ERROR_INVALID, "there are no namespaces yet");
    if (s->slirp && memcmp(&parsed, &s->subnet, sizeof(parsed)) != 0)
        end_slirp(s);
    s->wanted = subnet != NULL;
    s->subnet = parsed;
    cunik_strv_done(&s->forwards);
    cunik_strv_copy(&s->forwards, &forwards);
    return bring_about(s, err);
}

static int do_state(struct server *s, _unused_ const json_t *request, json_t *answer,
                    _unused_ struct error **err)
{
    _cleanup_free_ char *subnet = cunik_cidr_text(&s->subnet);

    if (s->slirp)
        cunik_json_set_string(answer, "subnet", subnet);
    cunik_json_set_strv(answer, "forwards", &s->made);
    return 0;
}

static int do_keep(struct server *s, _unused_ const json_t *request, _unused_ json_t *answer,
                   struct error **err)
{
    if (s->given.user < 0)
        return cunik_error_set(err, ERROR_INVALID, "no namespaces came along");
    cunik_namespaces_done(&s->namespaces);
    s->namespaces = s->given;
    s->given = (struct namespaces){-1, -1};
    return 0;
}

/* They go with the answer. */
static int do_namespaces(_unused_ struct server *s, _unused_ const json_t *request,
                         _unused_ json_t *answer, _unused_ struct error **err)
{
    return 0;
}

static void add_links(const struct links *links, json_t *answer)
{
    _cleanup_strv_ struct strv addresses = {0};

    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; k < links->items[i].n_addresses; k++)
            cunik_strv_take(&addresses, cunik_address_text(links->items[i].addresses[k].address));
    cunik_json_set_strv(answer, "addresses", &addresses);
}

static void add_route(struct strv *to, const struct cidr *c)
{
    struct cidr subnet = cunik_cidr_subnet(c);
    _cleanup_free_ char *text = cunik_cidr_text(&subnet);

    if (!cunik_strv_has(to, text))
        cunik_strv_take(to, TAKE_PTR(text));
}

/* Where the host can get to, and its links. */
static void add_routes(const struct links *links, const struct routes *routes, json_t *answer)
{
    _cleanup_strv_ struct strv list = {0};

    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; k < links->items[i].n_addresses; k++)
            add_route(&list, &links->items[i].addresses[k]);
    for (size_t i = 0; i < routes->n; i++)
        add_route(&list, &routes->items[i].destination);
    cunik_json_set_strv(answer, "routes", &list);
}

static int do_facts(struct server *s, _unused_ const json_t *request, json_t *answer,
                    struct error **err)
{
    _cleanup_links_ struct links links = {0};
    _cleanup_routes_ struct routes routes = {0};
    _cleanup_strv_ struct strv sockets = {0}, others = {0};
    int least = 1024, r;

    if ((r = cunik_link_list(&links, err)) < 0 || (r = cunik_link_routes(&routes, err)) < 0 ||
        (r = cunik_sockets_list(&sockets, err)) < 0)
        return r;
    add_links(&links, answer);
    add_routes(&links, &routes, answer);
    for (size_t i = 0; i < sockets.n; i++)
        if (!cunik_strv_has(&s->made, sockets.items[i]))
            cunik_strv_add(&others, sockets.items[i]);
    cunik_json_set_strv(answer, "sockets", &others);
    /* A kernel that has no such switch has this number built in. */
    (void)cunik_sysctl_get("net/ipv4/ip_unprivileged_port_start", &least, NULL);
    cunik_json_set_int(answer, "least_port", least);
    return 0;
}

static const struct {
    const char *name;
    int (*carry_out)(struct server *s, const json_t *request, json_t *answer, struct error **err);
    bool with_namespaces;
} verbs[] = {
    {"keep", do_keep, false},   {"namespaces", do_namespaces, true}, {"set", do_set, false},
    {"state", do_state, false}, {"facts", do_facts, false},
};

static void answer_line(struct server *s, const char *line)
{
    _cleanup_json_ json_t *request = NULL, *answer = json_object();
    _cleanup_error_ struct error *err = NULL;
    const struct namespaces *with = NULL;
    int r = cunik_json_parse(line, strlen(line), "the request", &request, &err);
    const char *what = r == 0 ? json_string_value(json_object_get(request, "do")) : NULL;
    size_t i = 0;

    while (what && i < ARRAY_SIZE(verbs) && strcmp(verbs[i].name, what) != 0)
        i++;
    if (what && i < ARRAY_SIZE(verbs)) {
        r = verbs[i].carry_out(s, request, answer, &err);
        with = verbs[i].with_namespaces ? &s->namespaces : NULL;
    } else if (r == 0) {
        r = cunik_error_set(&err, ERROR_INVALID, "no such request");
    }
    if (r < 0) {
        cunik_json_set_string(answer, "error", err ? err->message : "failed");
        cunik_json_set_string(answer, "code", cunik_error_name(err ? err->code : ERROR_FAILED));
    }
    /* An engine that has gone meanwhile is seen by the next poll. */
    (void)cunik_outside_send(s->engine, answer, with);
    cunik_namespaces_done(&s->given);
}

static void drop_engine(struct server *s)
{
    if (s->engine >= 0)
        close(s->engine);
    s->engine = -1;
    cunik_buffer_done(&s->in);
    s->in = (struct buffer){0};
    cunik_namespaces_done(&s->given);
}

static void hear_engine(struct server *s)
{
    if (cunik_outside_receive(s->engine, &s->in, &s->given) <= 0 || s->in.size > REQUEST_LIMIT) {
        drop_engine(s);
        return;
    }
    for (char *end; s->engine >= 0 && s->in.size && (end = strchr(s->in.data, '\n'));) {
        _cleanup_free_ char *line = cunik_strndup(s->in.data, (size_t)(end - s->in.data));
        cunik_buffer_consume(&s->in, (size_t)(end - s->in.data) + 1);
        answer_line(s, line);
    }
}

/* The engine's lock says that an earlier one has gone, though something it forked may still have
 * its connection. False when nobody is there. */
static bool greet_engine(struct server *s)
{
    int fd = accept4(s->listening, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    drop_engine(s);
    s->engine = fd;
    return true;
}

static void slirp_ended(struct server *s)
{
    while (waitpid(s->slirp, NULL, 0) < 0 && errno == EINTR)
        ;
    forget_slirp(s);
    s->again_ns = now_ns() + (int64_t)AGAIN_MS * 1000000;
}

static int wait_ms(const struct server *s)
{
    int64_t left = (s->again_ns - now_ns()) / 1000000 + 1;

    return !s->again_ns ? -1 : left > 0 ? (int)left : 0;
}

/* What cannot be brought about is seen by the next engine that looks, and tried again. */
static void try_again(struct server *s)
{
    if (s->again_ns && now_ns() >= s->again_ns && bring_about(s, NULL) < 0 && !s->slirp)
        s->again_ns = now_ns() + (int64_t)AGAIN_MS * 1000000;
}

void cunik_outside_serve(const char *root, int listening, int engine)
{
    struct server s = {
        .root = root,
        .api = cunik_asprintf("%s/slirp.sock", root),
        .log = cunik_asprintf("%s/slirp.log", root),
        .listening = listening,
        .engine = engine,
        .namespaces = {-1, -1},
        .given = {-1, -1},
        .slirp_fd = -1,
        .leave = -1,
    };

    (void)fcntl(listening, F_SETFL, O_NONBLOCK);
    while (s.engine >= 0 || s.wanted || greet_engine(&s)) {
        struct pollfd fds[] = {{.fd = s.listening, .events = POLLIN},
                               {.fd = s.engine, .events = POLLIN},
                               {.fd = s.slirp_fd, .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), wait_ms(&s)) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            hear_engine(&s);
        if (fds[2].revents && s.slirp_fd == fds[2].fd)
            slirp_ended(&s);
        if (fds[0].revents)
            greet_engine(&s);
        try_again(&s);
    }
    end_slirp(&s);
    drop_engine(&s);
    cunik_namespaces_done(&s.namespaces);
    cunik_strv_done(&s.forwards);
    free(s.api);
    free(s.log);
}
