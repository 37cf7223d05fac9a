#include "engine/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/paths.h"
#include "network/slirp.h"

enum { ANSWER_LIMIT = 64 << 20, BACKLOG = 8 };

struct outside {
    char *root;
    int fd;
    pthread_mutex_t lock; /* one request at a time */
    struct cidr subnet;
};

static char *socket_of(const char *root)
{
    return cunik_asprintf("%s/outside.sock", root);
}

static int make_address(const char *path, struct sockaddr_un *ret, struct error **err)
{
    int r = cunik_paths_check_socket(path, err);

    if (r < 0)
        return r;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, strlen(path));
    return 0;
}

static struct outside *create(const char *root, int fd)
{
    struct outside *o = cunik_calloc(1, sizeof(*o));

    *o = (struct outside){.root = cunik_strdup(root), .fd = fd};
    pthread_mutex_init(&o->lock, NULL);
    return o;
}

static void destroy(struct outside *o)
{
    close(o->fd);
    pthread_mutex_destroy(&o->lock);
    free(o->root);
    free(o);
}
DEFINE_CLEANUP(struct outside *, destroy)

static int gone(int number, struct error **err)
{
    return cunik_error_set(err, ERROR_UNAVAILABLE,
                           "the engine's process outside of its namespace has ended%s%s",
                           number ? ": " : "", number ? strerror(number) : "");
}

static int read_answer(int fd, struct namespaces *n, json_t **ret, struct error **err)
{
    _cleanup_buffer_ struct buffer b = {0};

    while (!b.size || b.data[b.size - 1] != '\n') {
        ssize_t got = cunik_outside_receive(fd, &b, n);
        if (got <= 0)
            return gone((int)-got, err);
        if (b.size > ANSWER_LIMIT)
            return cunik_error_set(err, ERROR_FAILED, "the answer is larger than %d bytes",
                                   ANSWER_LIMIT);
    }
    return cunik_json_parse(b.data, b.size, "the answer from outside", ret, err);
}

static int failure(const json_t *answer, struct error **err)
{
    const char *words = json_string_value(json_object_get(answer, "error"));
    const char *code = cunik_json_string_at(answer, "code");

    return words ? cunik_error_set(err, cunik_error_from_name(code), "%s", words) : 0;
}

static json_t *request(const char *what)
{
    json_t *r = json_object();

    cunik_json_set_string(r, "do", what);
    return r;
}

/* Takes the request. What comes with the answer replaces *n's. */
static int ask(struct outside *o, json_t *what, const struct namespaces *send, struct namespaces *n,
               json_t **ret, struct error **err)
{
    _cleanup_json_ json_t *given = what, *answer = NULL;
    struct namespaces unwanted = {-1, -1};

    pthread_mutex_lock(&o->lock);
    int r = cunik_outside_send(o->fd, given, send);
    r = r < 0 ? gone(-r, err) : read_answer(o->fd, n ? n : &unwanted, &answer, err);
    pthread_mutex_unlock(&o->lock);
    cunik_namespaces_done(&unwanted);
    if (r == 0)
        r = failure(answer, err);
    if (r == 0 && ret)
        *ret = TAKE_PTR(answer);
    return r;
}

/* That of a way out that is there already, else one that the host leaves free. */
static int choose_subnet(struct outside *o, struct error **err)
{
    struct outside_facts facts = {0};
    _cleanup_json_ json_t *state = NULL;
    int r = ask(o, request("state"), NULL, NULL, &state, err);
    const char *subnet = r == 0 ? json_string_value(json_object_get(state, "subnet")) : NULL;

    if (r < 0 || subnet)
        return r < 0 ? r : cunik_cidr_parse(subnet, &o->subnet, err);
    if ((r = cunik_outside_facts(o, &facts, err)) == 0)
        o->subnet = cunik_slirp_subnet(&facts.routes);
    cunik_outside_facts_done(&facts);
    return r;
}

static int look(struct outside *o, struct namespaces *ret, struct error **err)
{
    int r = ask(o, request("namespaces"), NULL, ret, NULL, err);

    return r == 0 ? choose_subnet(o, err) : r;
}

int cunik_outside_find(const char *root, struct outside **ret, struct namespaces *ret_namespaces,
                       struct error **err)
{
    _cleanup_free_ char *path = socket_of(root);
    _cleanup_(destroyp) struct outside *o = NULL;
    struct sockaddr_un address;
    int fd, r = make_address(path, &address, err);

    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cunik_error_errno(err, errno, "making a socket");
    o = create(root, fd);
    *ret = NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return errno == ENOENT || errno == ECONNREFUSED
                   ? 0
                   : cunik_error_errno(err, errno, "connecting to '%s'", path);
    _cleanup_error_ struct error *why = NULL;
    r = look(o, ret_namespaces, &why);
    /* One that was just ending is none; one that lives and answers otherwise must not be replaced.
     */
    if (r < 0 && (!why || why->code != ERROR_UNAVAILABLE)) {
        cunik_error_pass(err, r, &why);
        return cunik_error_prefix(err, r, "asking at '%s'", path);
    }
    if (r < 0 || ret_namespaces->user < 0)
        return 0;
    *ret = TAKE_PTR(o);
    return 0;
}

static int listen_at(const char *root, int *ret, struct error **err)
{
    _cleanup_free_ char *path = socket_of(root);
    struct sockaddr_un address;
    int r = make_address(path, &address, err);

    if (r < 0)
        return r;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The engine's lock says that nobody else listens there. */
    unlink(path);
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        return cunik_error_errno(err, errno, "listening at '%s'", path);
    *ret = TAKE_FD(fd);
    return 0;
}

/* In the child. Nothing of the engine's may stay open in it, its starter's pipe least of all. */
_Noreturn static void become(const char *root, int listening, int engine)
{
    sigset_t none;

    int null = open("/dev/null", O_RDWR);

    setsid();
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    prctl(PR_SET_NAME, "cunik-outside");
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    engine = fcntl(engine, F_DUPFD_CLOEXEC, 10);
    listening = fcntl(listening, F_DUPFD_CLOEXEC, 10);
    dup3(engine, 3, O_CLOEXEC);
    dup3(listening, 4, O_CLOEXEC);
    close_range(5, ~0U, 0);
    cunik_outside_serve(root, 4, 3);
    _exit(0);
}

int cunik_outside_start(const char *root, struct outside **ret, struct error **err)
{
    _cleanup_close_ int listening = -1, ours = -1, theirs = -1;
    int ends[2], r = listen_at(root, &listening, err);

    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return cunik_error_errno(err, errno, "making a socket");
    ours = ends[0];
    theirs = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return cunik_error_errno(err, errno, "starting the engine's process outside");
    if (pid == 0)
        become(root, listening, theirs);
    close(TAKE_FD(theirs));
    _cleanup_(destroyp) struct outside *o = create(root, TAKE_FD(ours));
    if ((r = choose_subnet(o, err)) == 0)
        *ret = TAKE_PTR(o);
    return r;
}

int cunik_outside_keep(struct outside *o, const struct namespaces *n, struct error **err)
{
    return ask(o, request("keep"), n, NULL, NULL, err);
}

void cunik_outside_leave(struct outside *o)
{
    _cleanup_json_ json_t *state = NULL;

    if (!o)
        return;
    /* Without a network it goes with us, and nobody will look for it. */
    if (ask(o, request("state"), NULL, NULL, &state, NULL) < 0 ||
        !json_object_get(state, "subnet")) {
        _cleanup_free_ char *path = socket_of(o->root);
        unlink(path);
    }
    destroy(o);
}

int cunik_outside_fd(const struct outside *o)
{
    return o->fd;
}

struct cidr cunik_outside_subnet(const struct outside *o)
{
    return o->subnet;
}

int cunik_outside_set(struct outside *o, bool open, const struct strv *forwards, struct error **err)
{
    json_t *what = request("set");
    _cleanup_free_ char *subnet = cunik_cidr_text(&o->subnet);

    if (open) {
        cunik_json_set_string(what, "subnet", subnet);
        cunik_json_set_strv(what, "forwards", forwards);
    }
    return ask(o, what, NULL, NULL, NULL, err);
}

int cunik_outside_check(struct outside *o, const struct strv *forwards, bool *ret,
                        struct error **err)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_strv_ struct strv made = {0};
    int r = ask(o, request("state"), NULL, NULL, &state, err);

    if (r < 0 || (r = cunik_json_get_strv(state, "forwards", &made, err)) < 0)
        return r;
    *ret = json_object_get(state, "subnet") != NULL;
    for (size_t i = 0; *ret && i < forwards->n; i++)
        *ret = cunik_strv_has(&made, forwards->items[i]);
    return 0;
}

int cunik_outside_facts(struct outside *o, struct outside_facts *ret, struct error **err)
{
    _cleanup_json_ json_t *answer = NULL;
    struct outside_facts f = {0};
    int r = ask(o, request("facts"), NULL, NULL, &answer, err);

    if (r < 0 || (r = cunik_json_get_strv(answer, "addresses", &f.addresses, err)) < 0 ||
        (r = cunik_json_get_strv(answer, "routes", &f.routes, err)) < 0 ||
        (r = cunik_json_get_strv(answer, "sockets", &f.sockets, err)) < 0 ||
        (r = cunik_json_get_int(answer, "least_port", &f.least_port, err)) < 0) {
        cunik_outside_facts_done(&f);
        return cunik_error_prefix(err, r, "asking what the host has");
    }
    *ret = f;
    return 0;
}

void cunik_outside_facts_done(struct outside_facts *f)
{
    cunik_strv_done(&f->addresses);
    cunik_strv_done(&f->routes);
    cunik_strv_done(&f->sockets);
}
