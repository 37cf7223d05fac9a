#include "engine/attach.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "engine/detach_keys.h"

enum {
    CHUNK = 4 << 10,
    PENDING_MOST = 64 << 10, /* typed and not taken: a pipe waits then, a keyboard types in vain */
};

/* One thread, the caller's, shows what the guest writes; another types, and heeds interrupts. */
struct session {
    const struct client_settings *how;
    const char *name;
    const struct attach_options *o;
    struct client *client;
    struct request ending; /* of this cunik, but for the action */
    int leave;             /* eventfd: cancels the client's calls */
    int poke;              /* eventfd: one of these two has changed */
    _Atomic bool ready;    /* typing is possible */
    _Atomic bool stop;
    _Atomic bool left;        /* by the keys */
    _Atomic bool interrupted; /* and the guest is left alone */
    bool terminal;            /* standard input is one */
    bool raw;
    struct termios before;
    struct detach_keys keys;
    struct buffer pending; /* typed and not taken yet */
    bool at_end;           /* of standard input */
};

static void signal_event(int fd)
{
    const uint64_t one = 1;

    (void)!write(fd, &one, sizeof(one));
}

static void clear(int fd)
{
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
}

static int make_event(int *ret, struct error **err)
{
    *ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *ret < 0 ? cunik_error_errno(err, errno, "making an eventfd") : 0;
}

/* Key by key, without echo; what is shown still begins each line at the left. */
static int make_raw(struct session *s, struct error **err)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &s->before) < 0)
        return cunik_error_errno(err, errno, "reading the terminal's settings");
    raw = s->before;
    cfmakeraw(&raw);
    raw.c_oflag = s->before.c_oflag;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return cunik_error_errno(err, errno, "setting the terminal");
    s->raw = true;
    return 0;
}

static void set_back(struct session *s)
{
    if (s->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
    s->raw = false;
}

static int show(void *ctx _unused_, const char *data, size_t size, struct error **err)
{
    int r = cunik_write_all(STDOUT_FILENO, data, size);

    return r < 0 ? cunik_error_errno(err, r, "writing to standard output") : 0;
}

static void begun(void *ctx)
{
    struct session *s = ctx;

    s->ready = true;
    signal_event(s->poke);
}

/* Stops the guest; another interrupt kills it. The one who shows sees it end. */
static void end_guest(struct session *s)
{
    static const enum request_action harder[] = {ACTION_STOP, ACTION_KILL};
    struct client_settings how = *s->how;
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_error_ struct error *err = NULL;

    how.cancel_fd = cunik_interrupt_fd();
    int r = cunik_client_create(&how, &client, &err);
    for (size_t i = 0; i < ARRAY_SIZE(harder) && client; i++) {
        s->ending.action = harder[i];
        r = cunik_client_apply(client, &s->ending, NULL, &err);
        if (r == 0 || err->code != ERROR_CANCELLED)
            break;
        cunik_interrupt_clear();
        cunik_error_forget(&err);
    }
    if (r < 0 && err)
        fprintf(stderr, "%s\n", err->message);
}

static void heed_interrupt(struct session *s)
{
    cunik_interrupt_clear();
    if (s->o->proxy) {
        end_guest(s);
        return;
    }
    s->interrupted = true;
    signal_event(s->leave);
}

static void read_input(struct session *s)
{
    char chunk[CHUNK];
    struct buffer kept = {0};
    ssize_t got = read(STDIN_FILENO, chunk, sizeof(chunk));
    bool leaves = false;

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        s->at_end = true;
        return;
    }
    if (s->terminal)
        leaves = cunik_detach_keys_pass(&s->keys, chunk, (size_t)got, &kept);
    else
        cunik_buffer_append(&kept, chunk, (size_t)got);
    if (s->pending.size < PENDING_MOST && kept.size)
        cunik_buffer_append(&s->pending, kept.data, kept.size);
    cunik_buffer_done(&kept);
    if (leaves) {
        s->left = true;
        signal_event(s->leave);
    }
}

static void type_pending(struct session *s)
{
    _cleanup_error_ struct error *err = NULL;
    size_t taken = 0;

    if (cunik_client_type(s->client, s->ending.cuniks.items[0], s->pending.data, s->pending.size,
                          &taken, &err) < 0) {
        /* The guest has ended, or the engine has: the one who shows says so. */
        s->at_end = true;
        taken = s->pending.size;
    }
    cunik_buffer_consume(&s->pending, taken);
}

static void *type(void *arg)
{
    struct session *s = arg;

    while (!s->stop) {
        bool reads = s->o->input && s->ready && !s->at_end && !s->left &&
                     (s->terminal || s->pending.size < PENDING_MOST);
        struct pollfd fds[] = {{.fd = s->poke, .events = POLLIN},
                               {.fd = cunik_interrupt_fd(), .events = POLLIN},
                               {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN}};
        poll(fds, ARRAY_SIZE(fds), s->pending.size ? 0 : -1);
        clear(s->poke);
        if (fds[1].revents)
            heed_interrupt(s);
        if (fds[2].revents)
            read_input(s);
        if (s->pending.size && !s->stop)
            type_pending(s);
    }
    return NULL;
}

static int find(struct session *s, struct world *w, struct world_cunik **ret, struct error **err)
{
    struct client_settings how = *s->how;
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;

    how.cancel_fd = -1;
    int r = cunik_client_create(&how, &client, err);
    if (r == 0)
        r = cunik_client_world(client, "", w, err);
    return r < 0 ? r : cunik_verb_find(w, s->name, ret, err);
}

static int prepare(struct session *s, struct error **err)
{
    const char *keys = s->o->detach_keys ? s->o->detach_keys : ATTACH_DETACH_KEYS;
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = cunik_detach_keys_init(&s->keys, keys, err);

    (void)cunik_interrupt_fd(); /* from now on they do not end this process */
    if (r == 0)
        r = make_event(&s->leave, err);
    if (r == 0)
        r = make_event(&s->poke, err);
    if (r == 0)
        r = find(s, &w, &c, err);
    if (r < 0)
        return r;
    cunik_replace(&s->ending.stack, c->stack);
    cunik_strv_add(&s->ending.services, c->service);
    cunik_strv_add(&s->ending.cuniks, c->name);
    s->ending.no_dependencies = true;
    struct client_settings how = *s->how;
    how.cancel_fd = s->leave;
    r = cunik_client_create(&how, &s->client, err);
    s->terminal = isatty(STDIN_FILENO);
    return r == 0 && s->o->input && s->o->raw && s->terminal ? make_raw(s, err) : r;
}

static int stay(struct session *s, struct error **err)
{
    const struct attach_sink sink = {show, begun, s};
    pthread_t typist;
    int r = -pthread_create(&typist, NULL, type, s);

    if (r < 0)
        return cunik_error_errno(err, r, "starting a thread");
    r = cunik_client_attach(s->client, s->ending.cuniks.items[0], s->o->from_start, &sink, err);
    s->stop = true;
    signal_event(s->poke);
    pthread_join(typist, NULL);
    cunik_interrupt_clear(); /* one that came too late is for nobody */
    return r;
}

static void done(struct session *s)
{
    set_back(s);
    cunik_client_destroy(s->client);
    cunik_request_done(&s->ending);
    cunik_detach_keys_done(&s->keys);
    cunik_buffer_done(&s->pending);
    cunik_closep(&s->leave);
    cunik_closep(&s->poke);
}

int cunik_attach(const struct client_settings *how, const char *name,
                 const struct attach_options *o, int *ret_status, struct error **err)
{
    _cleanup_(done) struct session s = {.how = how, .name = name, .o = o, .leave = -1, .poke = -1};
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;

    cunik_request_init(&s.ending);
    int r = prepare(&s, err);
    if (r == 0)
        r = stay(&s, err);
    set_back(&s);
    if (o->ret_ended)
        *o->ret_ended = r == 0;
    if (r < 0 && s.left && (*err)->code == ERROR_CANCELLED) {
        cunik_error_forget(err);
        fprintf(stderr, "left '%s', which goes on\n", name);
        return 0;
    }
    if (r < 0)
        return r;
    r = find(&s, &w, &c, err);
    if (r == 0)
        *ret_status = (int)c->status.exit_code;
    return r;
}
