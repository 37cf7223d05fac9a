/* The API's two sides against each other, over a socket: the real server and the real client, with
 * an engine that does as the name of the stack says. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/client.h"
#include "engine/client_internal.h"
#include "engine/engine_lock.h"
#include "engine/paths.h"
#include "engine/server.h"
#include "engine/world_records.h"
#include "tests/support/json_schema.h"
#include "tests/support/test.h"

/* The digest of the image that "demo-web-1" boots. */
static char used_image[128];

enum { DEADLINE_MS = 20000, FLOOD = 5000 };

/* An engine for the server. */

struct subscriber {
    size_t id;
    struct event_sink sink;
};

struct engine {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct world world;
    int applying;  /* calls of apply under way */
    int cancelled; /* those that ended because they were asked to */
    int finished;  /* those that ended in any way */
    bool go_on;    /* lets the stack "waits" end */
    int64_t parallel;
    struct subscriber *subscribers;
    size_t n_subscribers;
    size_t next_id;
    uint64_t run, run_from;
    char *terminal;
};

bool cunik_engine_deals_with(struct engine *e _unused_, const char *name _unused_)
{
    return false;
}

int cunik_engine_world(struct engine *e, const char *stack, struct world *ret, struct error **err)
{
    if (stack && strcmp(stack, "broken") == 0)
        return cunik_error_set(err, ERROR_UNAVAILABLE, "libvirt is away");
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->world.n_cuniks; i++) {
        const struct world_cunik *from = &e->world.cuniks[i];
        if (stack && *stack && strcmp(stack, from->stack) != 0)
            continue;
        struct world_cunik *c = cunik_world_add_cunik(ret);
        cunik_replace(&c->name, from->name);
        cunik_replace(&c->stack, from->stack);
        cunik_replace(&c->service, from->service);
        c->index = from->index;
        c->status.state = from->status.state;
        c->status.pid = from->status.pid;
        for (size_t k = 0; k < from->n_mounts; k++)
            cunik_record_copy(&cunik_world_mount_record, ARRAY_APPEND(c->mounts, c->n_mounts),
                              &from->mounts[k]);
    }
    pthread_mutex_unlock(&e->lock);
    return 0;
}

int cunik_engine_volumes(struct engine *e _unused_, json_t **ret, struct error **err _unused_)
{
    *ret = json_pack("[{s:s, s:[s]}]", "name", "demo_data", "used_by", "demo-web-1");
    return 0;
}

void cunik_engine_images_hold(struct engine *e _unused_)
{
}

void cunik_engine_images_release(struct engine *e _unused_)
{
}

int cunik_engine_image_users(struct engine *e _unused_, struct strv *ret_digests,
                             struct strv *ret_names, struct error **err _unused_)
{
    if (*used_image) {
        cunik_strv_add(ret_digests, used_image);
        cunik_strv_add(ret_names, "demo-web-1");
    }
    return 0;
}

int cunik_engine_volume_create(struct engine *e _unused_, const struct world_volume *v,
                               json_t **ret, struct error **err _unused_)
{
    *ret = cunik_world_volume_to_json(v);
    return 0;
}

int cunik_engine_volume_remove(struct engine *e _unused_, const char *name, struct error **err)
{
    return strcmp(name, "odd & name") == 0
               ? 0
               : cunik_error_set(err, ERROR_CONFLICT, "the volume '%s' is used by demo-web-1",
                                 name);
}

int cunik_engine_pause(struct engine *e _unused_, const char *name, bool pause, struct error **err)
{
    return strcmp(name, "demo-web-1") == 0 && !pause
               ? 0
               : cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s", name);
}

int cunik_engine_file_put(struct engine *e _unused_, const void *data, size_t size,
                          struct error **err)
{
    return size == 4 && memcmp(data, "a\0\xff\n", 4) == 0
               ? 0
               : cunik_error_set(err, ERROR_INVALID, "other bytes came");
}

int cunik_engine_run(struct engine *e, const char *name, struct guest_run *ret, struct error **err)
{
    pthread_mutex_lock(&e->lock);
    const struct world_cunik *c = cunik_world_cunik(&e->world, name);
    if (c)
        *ret = (struct guest_run){
            .active = cunik_state_is_up(c->status.state), .run = e->run, .from = e->run_from};
    pthread_mutex_unlock(&e->lock);
    return c ? 0 : cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s", name);
}

int cunik_engine_terminal(struct engine *e, const char *name, char **ret_path, struct error **err)
{
    struct guest_run run = {0};
    int r = cunik_engine_run(e, name, &run, err);

    if (r < 0)
        return r;
    if (!run.active)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' is exited", name);
    *ret_path = cunik_strdup(e->terminal ? e->terminal : "/dev/null");
    return 0;
}

int cunik_engine_plan(struct engine *e _unused_, const struct request *r, struct plan *ret,
                      struct error **err)
{
    if (strcmp(r->stack, "cyclic") == 0)
        return cunik_error_set(err, ERROR_INVALID, "dependency cycle detected: a -> b -> a");
    ret->unchanged = 3;
    cunik_strv_add(&ret->warnings, "an orphan");
    return 0;
}

static void say(const struct event_sink *sink, enum event_type type, const char *name)
{
    sink->put(sink->ctx, &(struct event){.type = type,
                                         .time_ms = 1,
                                         .stack = "demo",
                                         .kind = "cunik",
                                         .name = name,
                                         .verb = "create",
                                         .phase = PHASE_BEGIN,
                                         .exit_code = -1});
}

static int wait_for_end(struct engine *e, const _Atomic bool *cancel, struct error **err)
{
    pthread_mutex_lock(&e->lock);
    while (!e->go_on && !*cancel)
        pthread_cond_wait(&e->changed, &e->lock);
    bool cancelled = *cancel && !e->go_on;
    e->cancelled += cancelled;
    pthread_mutex_unlock(&e->lock);
    return cancelled ? cunik_error_set(err, ERROR_CANCELLED, "cancelled") : 0;
}

/* A step under way is finished, cancelled or not; "does-it" has nothing left to do then. */
static int finish(struct engine *e, const struct request *r, const struct event_sink *sink,
                  const _Atomic bool *cancel, struct error **err)
{
    pthread_mutex_lock(&e->lock);
    while (!*cancel)
        pthread_cond_wait(&e->changed, &e->lock);
    e->cancelled++;
    pthread_cond_broadcast(&e->changed);
    while (!e->go_on)
        pthread_cond_wait(&e->changed, &e->lock);
    pthread_mutex_unlock(&e->lock);
    say(sink, EVENT_STEP, "demo-web-2");
    return strcmp(r->stack, "does-it") == 0
               ? 0
               : cunik_error_set(err, ERROR_CANCELLED, "cancelled: 1 of 2 steps done");
}

static int play(struct engine *e, const struct request *r, const struct event_sink *sink,
                const _Atomic bool *cancel, struct error **err)
{
    if (strcmp(r->stack, "fails-early") == 0)
        return cunik_error_set(err, ERROR_CONFLICT, "port 80 is taken");
    if (strcmp(r->stack, "waits-silently") == 0)
        return wait_for_end(e, cancel, err);
    say(sink, EVENT_STEP, "demo-web-1");
    if (strcmp(r->stack, "fails-late") == 0)
        return cunik_error_set(err, ERROR_TIMEOUT,
                               "starting service 'web': it does not \"come\" up");
    if (strcmp(r->stack, "waits") == 0)
        return wait_for_end(e, cancel, err);
    if (strcmp(r->stack, "finishes") == 0 || strcmp(r->stack, "does-it") == 0)
        return finish(e, r, sink, cancel, err);
    if (strcmp(r->stack, "says-done") == 0)
        say(sink, EVENT_DONE, NULL);
    for (int i = 0; i < FLOOD && strcmp(r->stack, "floods") == 0; i++)
        say(sink, EVENT_STEP, "demo-web-2");
    return 0;
}

int cunik_engine_apply(struct engine *e, const struct request *r, const struct event_sink *sink,
                       const _Atomic bool *cancel, struct error **err)
{
    pthread_mutex_lock(&e->lock);
    e->applying++;
    e->parallel = r->parallel;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    int result = play(e, r, sink, cancel, err);
    pthread_mutex_lock(&e->lock);
    e->applying--;
    e->finished++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    return result;
}

void cunik_engine_interrupt(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

size_t cunik_engine_subscribe(struct engine *e, const struct event_sink *sink)
{
    pthread_mutex_lock(&e->lock);
    struct subscriber *s = ARRAY_APPEND(e->subscribers, e->n_subscribers);
    *s = (struct subscriber){++e->next_id, *sink};
    size_t id = s->id;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    return id;
}

void cunik_engine_unsubscribe(struct engine *e, size_t id)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_subscribers; i++)
        if (e->subscribers[i].id == id) {
            e->subscribers[i] = e->subscribers[--e->n_subscribers];
            break;
        }
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* Tells all subscribers of a change of one cunik. */
static void publish(struct engine *e, const char *name, enum cunik_state state)
{
    pthread_mutex_lock(&e->lock);
    cunik_world_cunik(&e->world, name)->status.state = state;
    for (size_t i = 0; i < e->n_subscribers; i++) {
        const struct event_sink *s = &e->subscribers[i].sink;
        s->put(s->ctx, &(struct event){.type = EVENT_STATE,
                                       .time_ms = 1,
                                       .stack = "demo",
                                       .kind = "cunik",
                                       .name = name,
                                       .state = cunik_state_name(state),
                                       .exit_code = -1});
    }
    pthread_mutex_unlock(&e->lock);
}

static int64_t now_ms(void)
{
    return cunik_time_now(CLOCK_MONOTONIC) / NS_PER_MS;
}

static bool timed_wait(struct engine *e)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += DEADLINE_MS / 1000;
    return pthread_cond_timedwait(&e->changed, &e->lock, &end) == 0;
}

#define WAIT_UNTIL(e, condition)                                                                   \
    do {                                                                                           \
        pthread_mutex_lock(&(e)->lock);                                                            \
        bool in_time_ = true;                                                                      \
        while (!(condition) && in_time_)                                                           \
            in_time_ = timed_wait(e);                                                              \
        bool reached_ = (condition);                                                               \
        pthread_mutex_unlock(&(e)->lock);                                                          \
        assert_true(reached_);                                                                     \
    } while (0)

/* The fixture: an engine behind its server at ROOT/cunikd.sock, ROOT being CUNIK_ROOT. */

struct fixture {
    struct engine engine;
    char *root, *socket;
    struct consoles *consoles;
    struct event_log *log;
    json_t *version;
    struct server *server;
    struct client *client;
    int cancel;
    struct strv events; /* "TYPE NAME" or "TYPE NAME: MESSAGE", of apply and events */
    struct strv lines;  /* "CUNIK SERVICE TEXT", of logs */
};

static void start_server(struct fixture *f)
{
    _cleanup_error_ struct error *err = NULL;
    struct server_settings settings = {.engine = &f->engine,
                                       .consoles = f->consoles,
                                       .log = f->log,
                                       .images = f->root,
                                       .version = f->version};

    test_ok(cunik_server_listen(f->socket, &settings.listen_fd, &err), err);
    test_ok(cunik_server_create(&settings, &f->server, &err), err);
}

static int setup(void **state)
{
    struct fixture *f = cunik_calloc(1, sizeof(*f));
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *netns = cunik_calloc(1, 64);

    pthread_mutex_init(&f->engine.lock, NULL);
    pthread_cond_init(&f->engine.changed, NULL);
    f->root = test_temporary_folder();
    setenv("CUNIK_ROOT", f->root, 1);
    f->socket = cunik_paths_socket();
    _cleanup_free_ char *consoles = cunik_path_join(f->root, "consoles");
    test_ok(cunik_consoles_create(consoles, &f->consoles, &err), err);
    _cleanup_free_ char *events = cunik_path_join(f->root, "events.log");
    f->log = cunik_event_log_create(events, EVENT_LOG_MOST);
    assert_true(readlink("/proc/self/ns/net", netns, 63) > 0);
    f->version = json_pack("{s:s, s:i, s:s, s:s}", "version", "0", "api", 1, "connect",
                           "test:///default", "netns", netns);
    start_server(f);
    f->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const struct client_settings settings = {.connect = "", .accel = "", .cancel_fd = f->cancel};
    test_ok(cunik_client_create(&settings, &f->client, &err), err);
    for (int i = 1; i <= 3; i++) {
        struct world_cunik *c = cunik_world_add_cunik(&f->engine.world);
        free(c->name);
        c->name = cunik_asprintf("demo-web-%d", i);
        cunik_replace(&c->stack, i < 3 ? "demo" : "other");
        cunik_replace(&c->service, "web");
        c->index = i;
        c->status.state = CUNIK_RUNNING;
        struct world_mount *m = cunik_world_add_mount(c);
        m->kind = MOUNT_TMPFS;
        cunik_replace(&m->target, "/cache");
        m->mode = 01777;
        m->size = 4096;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cunik_client_destroy(f->client);
    cunik_server_destroy(f->server);
    assert_int_equal(f->engine.n_subscribers, 0);
    assert_int_equal(f->engine.applying, 0);
    cunik_consoles_destroy(f->consoles);
    cunik_event_log_destroy(f->log);
    test_ok(cunik_file_remove_tree(f->root, NULL), NULL);
    json_decref(f->version);
    cunik_world_done(&f->engine.world);
    free(f->engine.subscribers);
    cunik_strv_done(&f->events);
    cunik_strv_done(&f->lines);
    close(f->cancel);
    free(f->root);
    free(f->socket);
    pthread_mutex_destroy(&f->engine.lock);
    pthread_cond_destroy(&f->engine.changed);
    free(f);
    return 0;
}

static void take_event(void *ctx, const struct event *e)
{
    struct fixture *f = ctx;

    pthread_mutex_lock(&f->engine.lock);
    cunik_strv_addf(&f->events, "%s %s%s%s", cunik_event_type_name(e->type),
                    e->name ? e->name : "-", e->message ? ": " : "", e->message ? e->message : "");
    pthread_cond_broadcast(&f->engine.changed);
    pthread_mutex_unlock(&f->engine.lock);
}

static void take_line(void *ctx, const struct log_line *line)
{
    struct fixture *f = ctx;

    pthread_mutex_lock(&f->engine.lock);
    cunik_strv_addf(&f->lines, "%s %s %s", line->cunik, line->service, line->text);
    pthread_cond_broadcast(&f->engine.changed);
    pthread_mutex_unlock(&f->engine.lock);
}

static int apply(struct fixture *f, const char *stack, struct error **err)
{
    const struct event_sink sink = {take_event, f};
    _cleanup_request_ struct request r;

    cunik_request_init(&r);
    r.action = ACTION_STOP;
    r.parallel = 7;
    cunik_replace(&r.stack, stack);
    return cunik_client_apply(f->client, &r, &sink, err);
}

static void expect_error(int r, struct error *err, enum error_code code, const char *message)
{
    _cleanup_error_ struct error *owned = err;

    assert_true(r < 0);
    assert_non_null(owned);
    if (strcmp(owned->message, message) != 0)
        fail_msg("the error is '%s', not '%s'", owned->message, message);
    assert_int_equal(owned->code, code);
}

/* Says TEXT at a new connection and gives what comes back until it is closed. */
static int raw_connect(const struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(a.sun_path, f->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static char *raw_read(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct buffer b = {0};
    char chunk[4096];
    ssize_t got;

    do {
        assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
        got = recv(fd, chunk, sizeof(chunk), 0);
        if (got > 0)
            cunik_buffer_append(&b, chunk, (size_t)got);
    } while (got > 0);
    return b.data ? cunik_buffer_take(&b) : cunik_strdup("");
}

static char *raw(const struct fixture *f, const char *text)
{
    _cleanup_close_ int fd = raw_connect(f);

    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    return raw_read(fd);
}

static void expect_raw(const struct fixture *f, const char *text, const char *status,
                       const char *body)
{
    _cleanup_free_ char *answer = raw(f, text);
    const char *got = strstr(answer, "\r\n\r\n");

    if (!cunik_text_starts(answer, status))
        fail_msg("'%.60s' is answered with '%.60s', not '%s'", text, answer, status);
    if (body && (!got || !strstr(got, body)))
        fail_msg("'%.60s' is answered with '%s', without '%s'", text, answer, body);
}

static void test_version(void **state)
{
    struct fixture *f = *state;
    _cleanup_json_ json_t *version = NULL;

    test_ok(cunik_client_version(f->client, &version, NULL), NULL);
    assert_true(json_equal(version, f->version));
    assert_false(cunik_client_foreign_netns(f->client));
}

static void test_version_mismatch(void **state)
{
    struct fixture *f = *state;
    struct client_settings settings = {.connect = "qemu:///system", .cancel_fd = -1};
    struct error *err = NULL;
    struct client *c = NULL;
    int r = cunik_client_create(&settings, &c, &err);

    expect_error(r, err, ERROR_CONFLICT,
                 "the engine that runs is connected to 'test:///default', not to "
                 "'qemu:///system'; end it, or use another CUNIK_ROOT");
    settings.connect = "test:///default";
    test_ok(cunik_client_create(&settings, &c, NULL), NULL);
    cunik_client_destroy(c);

    cunik_server_destroy(f->server);
    json_object_set_new(f->version, "netns", json_string("net:[1]"));
    start_server(f);
    test_ok(cunik_client_create(&settings, &c, NULL), NULL);
    assert_true(cunik_client_foreign_netns(c));
    cunik_client_destroy(c);

    cunik_server_destroy(f->server);
    json_object_set_new(f->version, "api", json_integer(2));
    start_server(f);
    err = NULL;
    r = cunik_client_create(&settings, &c, &err);
    expect_error(r, err, ERROR_CONFLICT,
                 "the engine speaks version 2 of the API, this program 1: end the one that runs");
}

static void test_world(void **state)
{
    struct fixture *f = *state;
    _cleanup_world_ struct world all = {0}, one = {0}, none = {0};
    struct error *err = NULL;

    test_ok(cunik_client_world(f->client, "", &all, NULL), NULL);
    assert_int_equal(all.n_cuniks, 3);
    test_ok(cunik_client_world(f->client, "other", &one, NULL), NULL);
    assert_int_equal(one.n_cuniks, 1);
    assert_string_equal(one.cuniks[0].name, "demo-web-3");
    assert_int_equal(one.cuniks[0].status.state, CUNIK_RUNNING);
    test_ok(cunik_client_world(f->client, "a&stack=other b", &none, NULL), NULL);
    assert_int_equal(none.n_cuniks, 0);
    int r = cunik_client_world(f->client, "broken", &none, &err);
    expect_error(r, err, ERROR_UNAVAILABLE, "libvirt is away");
}

/* An image of a kernel that holds `text`. */
static char *build_image(const struct fixture *f, const char *name, const char *text)
{
    _cleanup_free_ char *kernel = cunik_asprintf("%s/kernel", f->root);
    struct image_build b = {.config = {.backend = cunik_strdup("raw")}};
    struct error *err = NULL;
    char *digest = NULL;

    test_ok(cunik_file_write(kernel, text, strlen(text), 0600, false, NULL), NULL);
    cunik_image_build_add(&b, "cunik/kernel", kernel);
    test_ok(cunik_client_image_build(f->client, &b, name, &digest, &err), err);
    cunik_image_build_done(&b);
    return digest;
}

static int archive_file(const struct fixture *f)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/archive", f->root);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static size_t count_images(const struct fixture *f)
{
    _cleanup_json_ json_t *list = NULL;

    test_ok(cunik_client_images(f->client, false, &list, NULL), NULL);
    return json_array_size(list);
}

static void test_images(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *digest = build_image(f, "web", "a kernel"), *loaded = NULL;
    _cleanup_free_ char *other = build_image(f, "other", "another");
    _cleanup_json_ json_t *image = NULL, *pruned = NULL;
    _cleanup_close_ int fd = archive_file(f);
    struct error *err = NULL;

    test_ok(cunik_client_image_tag(f->client, "web", "odd/na_me:1", &err), err);
    test_ok(cunik_client_image(f->client, "odd/na_me:1", &image, &err), err);
    assert_string_equal(json_string_value(json_object_get(image, "digest")), digest);
    assert_int_equal(json_array_size(json_object_get(image, "names")), 2);
    test_ok(cunik_client_image_save(f->client, "web", fd, &err), err);
    test_ok(cunik_client_image_remove(f->client, digest, false, &err), err);
    assert_int_equal(count_images(f), 1);
    assert_int_equal(cunik_client_image(f->client, "web", NULL, &err), -EIO);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    cunik_error_destroy(TAKE_PTR(err));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    test_ok(cunik_client_image_load(f->client, fd, "back", &loaded, &err), err);
    assert_string_equal(loaded, digest);
    /* What a cunik boots keeps its last name, unless somebody insists, and its files then too. */
    snprintf(used_image, sizeof(used_image), "%s", other);
    assert_true(cunik_client_image_remove(f->client, "other", false, &err) < 0);
    assert_int_equal(err->code, ERROR_CONFLICT);
    assert_non_null(strstr(err->message, "is used by 'demo-web-1'"));
    cunik_error_destroy(TAKE_PTR(err));
    test_ok(cunik_client_images_prune(f->client, true, &pruned, &err), err);
    assert_int_equal(json_array_size(json_object_get(pruned, "removed")), 1);
    assert_true(json_integer_value(json_object_get(pruned, "freed")) > 0);
    assert_int_equal(count_images(f), 1);
    test_ok(cunik_client_image_remove(f->client, "other", true, &err), err);
    used_image[0] = '\0';
}

static void *feed(void *arg)
{
    char block[4096] = {0};
    int fd = *(int *)arg;

    for (int i = 0; i < 1000; i++)
        if (write(fd, block, sizeof(block)) < 0)
            break;
    close(fd);
    return NULL;
}

/* Bodies that are no archives, with a length and without one, larger than what a request may hold
 * otherwise; a file that grows shorter; and nothing of it stays. */
static void test_images_refused(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *digest = NULL, *path = cunik_asprintf("%s/store/.tmp", f->root);
    _cleanup_free_ char *kernel = cunik_asprintf("%s/kernel", f->root);
    struct image_build b = {0};
    struct error *err = NULL;
    _cleanup_tar_ struct tar t = {0};
    int ends[2];
    pthread_t thread;

    _cleanup_close_ int large = archive_file(f);
    assert_int_equal(ftruncate(large, 80 << 20), 0);
    assert_int_equal(pwrite(large, "x", 1, 0), 1);
    assert_true(cunik_client_image_load(f->client, large, "x", &digest, &err) < 0);
    assert_non_null(strstr(err->message, "loading 'x:latest'"));
    cunik_error_destroy(TAKE_PTR(err));
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&thread, NULL, feed, &ends[1]), 0);
    assert_true(cunik_client_image_load(f->client, ends[0], "x", &digest, &err) < 0);
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_int_equal(err->code, ERROR_INVALID);
    cunik_error_destroy(TAKE_PTR(err));
    assert_true(cunik_client_image_build(f->client, &b, "a b", &digest, &err) < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    cunik_error_destroy(TAKE_PTR(err));
    test_ok(cunik_file_write(kernel, "kernel", 6, 0600, false, NULL), NULL);
    test_ok(cunik_tar_add_file(&t, "cunik/kernel", kernel, NULL), NULL);
    assert_int_equal(truncate(kernel, 0), 0);
    assert_true(cunik_client_tar(f->client, "/v1/images/build", "x", &t, &digest, &err) < 0);
    assert_non_null(strstr(err->message, "became shorter"));
    cunik_error_destroy(TAKE_PTR(err));
    assert_int_equal(count_images(f), 0);
    assert_int_equal(rmdir(path), 0); /* it is empty */
}

static void test_volumes(void **state)
{
    struct fixture *f = *state;
    _cleanup_json_ json_t *list = NULL, *made = NULL;
    struct world w = {0};
    struct world_volume *v = cunik_world_add_volume(&w);
    struct error *err = NULL;

    test_ok(cunik_client_volumes(f->client, &list, NULL), NULL);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")),
                        "demo_data");
    cunik_replace(&v->name, "more");
    v->size = 1 << 20;
    test_ok(cunik_client_volume_create(f->client, v, &made, NULL), NULL);
    assert_int_equal(json_integer_value(json_object_get(made, "size")), 1 << 20);
    cunik_replace(&v->name, "../more");
    int r = cunik_client_volume_create(f->client, v, NULL, &err);
    assert_true(r < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    cunik_error_destroy(TAKE_PTR(err));
    test_ok(cunik_client_volume_remove(f->client, "odd & name", NULL), NULL);
    r = cunik_client_volume_remove(f->client, "data", &err);
    expect_error(r, err, ERROR_CONFLICT, "the volume 'data' is used by demo-web-1");
    cunik_world_done(&w);
}

static void test_file(void **state)
{
    struct fixture *f = *state;

    test_ok(cunik_client_file_put(f->client, "a\0\xff\n", 4, NULL), NULL);
}

static void test_plan(void **state)
{
    struct fixture *f = *state;
    _cleanup_request_ struct request request;
    _cleanup_plan_ struct plan plan = {0};
    struct error *err = NULL;

    cunik_request_init(&request);
    cunik_replace(&request.stack, "demo");
    test_ok(cunik_client_plan(f->client, &request, &plan, NULL), NULL);
    assert_int_equal(plan.unchanged, 3);
    assert_string_equal(plan.warnings.items[0], "an orphan");
    cunik_replace(&request.stack, "cyclic");
    int r = cunik_client_plan(f->client, &request, &plan, &err);
    expect_error(r, err, ERROR_INVALID, "dependency cycle detected: a -> b -> a");
    cunik_replace(&request.stack, "No Stack");
    err = NULL;
    r = cunik_client_plan(f->client, &request, &plan, &err);
    assert_true(r < 0 && strstr(err->message, "stack"));
    assert_int_equal(err->code, ERROR_INVALID);
    cunik_error_destroy(err);
}

static void expect_events(struct fixture *f, const char *expected)
{
    _cleanup_free_ char *got = cunik_strv_join(&f->events, "|");

    assert_string_equal(got, expected);
    cunik_strv_done(&f->events);
}

static void test_apply(void **state)
{
    struct fixture *f = *state;
    struct error *err = NULL;
    int r;

    test_ok(apply(f, "demo", NULL), NULL);
    expect_events(f, "step demo-web-1|done -");
    assert_int_equal(f->engine.parallel, 7);
    test_ok(apply(f, "says-done", NULL), NULL);
    expect_events(f, "step demo-web-1|done -");
    r = apply(f, "fails-late", &err);
    expect_error(r, err, ERROR_TIMEOUT, "starting service 'web': it does not \"come\" up");
    expect_events(f, "step demo-web-1|error -: starting service 'web': it does not \"come\" up");
    err = NULL;
    r = apply(f, "fails-early", &err);
    expect_error(r, err, ERROR_CONFLICT, "port 80 is taken");
    expect_events(f, "");
    test_ok(apply(f, "floods", NULL), NULL);
    assert_int_equal(f->events.n, FLOOD + 2);
}

/* An event reaches the client as it happens, not when the answer is whole. */
static void *apply_in_thread(void *arg)
{
    struct fixture *f = arg;
    struct error *err = NULL;
    int r = apply(f, "waits", &err);
    char *text = r < 0 ? cunik_error_text(err) : cunik_strdup("it succeeded");

    cunik_error_destroy(err);
    return text;
}

static void test_events_come_at_once(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *text;

    pthread_create(&thread, NULL, apply_in_thread, f);
    WAIT_UNTIL(&f->engine, f->events.n == 1);
    pthread_mutex_lock(&f->engine.lock);
    f->engine.go_on = true;
    pthread_cond_broadcast(&f->engine.changed);
    pthread_mutex_unlock(&f->engine.lock);
    pthread_join(thread, &text);
    assert_string_equal(text, "it succeeded");
    free(text);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = 1;
    pthread_t thread;
    void *text;

    pthread_create(&thread, NULL, apply_in_thread, f);
    WAIT_UNTIL(&f->engine, f->events.n == 1);
    assert_int_equal(write(f->cancel, &one, sizeof(one)), sizeof(one));
    pthread_join(thread, &text);
    assert_string_equal(text, "cancelled");
    free(text);
    WAIT_UNTIL(&f->engine, f->engine.cancelled == 1);
}

static void interrupt(struct fixture *f)
{
    const uint64_t one = 1;

    assert_int_equal(write(f->cancel, &one, sizeof(one)), sizeof(one));
}

struct asked {
    struct fixture *f;
    const char *stack;
    pthread_t thread;
    int result;
    struct error *err;
};

static void *ask(void *arg)
{
    struct asked *a = arg;

    a->result = apply(a->f, a->stack, &a->err);
    return NULL;
}

/* Begins a request, and interrupts it when it has begun. */
static void ask_and_interrupt(struct fixture *f, struct asked *a, const char *stack)
{
    int cancelled = f->engine.cancelled;

    *a = (struct asked){.f = f, .stack = stack};
    f->engine.go_on = false;
    pthread_create(&a->thread, NULL, ask, a);
    WAIT_UNTIL(&f->engine, f->events.n > 0);
    interrupt(f);
    WAIT_UNTIL(&f->engine, f->engine.cancelled == cancelled + 1);
}

static void go_on(struct fixture *f)
{
    pthread_mutex_lock(&f->engine.lock);
    f->engine.go_on = true;
    pthread_cond_broadcast(&f->engine.changed);
    pthread_mutex_unlock(&f->engine.lock);
}

/* Whoever calls a request off reads what became of it to the end. */
static void test_cancel_is_told(void **state)
{
    struct fixture *f = *state;
    struct asked a;
    uint64_t count;

    ask_and_interrupt(f, &a, "finishes");
    go_on(f);
    pthread_join(a.thread, NULL);
    expect_error(a.result, a.err, ERROR_CANCELLED, "cancelled: 1 of 2 steps done");
    assert_int_equal(f->events.n, 3);
    assert_string_equal(f->events.items[1], "step demo-web-2");
    /* It is used up. */
    assert_int_equal(read(f->cancel, &count, sizeof(count)), -1);

    /* What came too late counts for what comes next. */
    cunik_strv_done(&f->events);
    ask_and_interrupt(f, &a, "does-it");
    go_on(f);
    pthread_join(a.thread, NULL);
    test_ok(a.result, a.err);
    assert_int_equal(read(f->cancel, &count, sizeof(count)), sizeof(count));
}

/* The second time it is left alone; a client that is told so leaves at the first. */
static void test_cancel_twice(void **state)
{
    struct fixture *f = *state;
    struct asked a;
    uint64_t count;

    ask_and_interrupt(f, &a, "finishes");
    interrupt(f);
    pthread_join(a.thread, NULL);
    expect_error(a.result, a.err, ERROR_CANCELLED, "cancelled");
    go_on(f);
    WAIT_UNTIL(&f->engine, f->engine.applying == 0);
    assert_int_equal(read(f->cancel, &count, sizeof(count)), sizeof(count));

    cunik_strv_done(&f->events);
    cunik_client_leave_at_once(f->client);
    assert_int_equal(read(f->cancel, &count, sizeof(count)), -1);
    ask_and_interrupt(f, &a, "finishes");
    pthread_join(a.thread, NULL);
    expect_error(a.result, a.err, ERROR_CANCELLED, "cancelled");
    go_on(f);
}

static int raw_apply(struct fixture *f, const char *query, const char *stack)
{
    _cleanup_free_ char *body = cunik_asprintf("{\"action\":\"stop\",\"stack\":\"%s\"}", stack);
    _cleanup_free_ char *text =
        cunik_asprintf("POST /v1/apply%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                       query, strlen(body), body);
    int fd = raw_connect(f);

    test_ok(cunik_write_all(fd, text, strlen(text)), NULL);
    return fd;
}

/* Who leaves without a word lets the engine go on; who asked for it stops it by leaving. */
static void test_client_goes_away(void **state)
{
    struct fixture *f = *state;
    static const char *const stacks[] = {"waits", "waits-silently"};

    for (int i = 0; i < 2; i++) {
        int fd = raw_apply(f, "?cancel=1", stacks[i]);
        WAIT_UNTIL(&f->engine, f->engine.applying == 1);
        close(fd);
        WAIT_UNTIL(&f->engine, f->engine.cancelled == i + 1 && f->engine.applying == 0);
    }
    for (int i = 0; i < 2; i++) {
        f->engine.go_on = false;
        int fd = raw_apply(f, "", stacks[i]);
        WAIT_UNTIL(&f->engine, f->engine.applying == 1);
        close(fd);
        int64_t since;
        for (int64_t end = now_ms() + 200; now_ms() < end; poll(NULL, 0, 10))
            assert_true(cunik_server_busy(f->server, &since));
        pthread_mutex_lock(&f->engine.lock);
        assert_int_equal(f->engine.applying, 1);
        f->engine.go_on = true;
        pthread_cond_broadcast(&f->engine.changed);
        pthread_mutex_unlock(&f->engine.lock);
        WAIT_UNTIL(&f->engine, f->engine.applying == 0);
        assert_int_equal(f->engine.cancelled, 2);
    }
}

/* A client that has closed only its sending half still gets its answer. */
static void test_half_closed(void **state)
{
    struct fixture *f = *state;
    int fd = raw_apply(f, "?cancel=1", "waits");

    WAIT_UNTIL(&f->engine, f->engine.applying == 1);
    shutdown(fd, SHUT_WR);
    poll(NULL, 0, 50);
    pthread_mutex_lock(&f->engine.lock);
    f->engine.go_on = true;
    pthread_cond_broadcast(&f->engine.changed);
    pthread_mutex_unlock(&f->engine.lock);
    _cleanup_free_ char *answer = raw_read(fd);
    assert_non_null(strstr(answer, "application/x-ndjson"));
    assert_non_null(strstr(answer, "\"type\":\"done\""));
    assert_int_equal(f->engine.cancelled, 0);
    close(fd);
}

/* The end of the server is the end of what it carries out. */
static void test_server_ends(void **state)
{
    struct fixture *f = *state;
    int fd = raw_apply(f, "", "waits");

    WAIT_UNTIL(&f->engine, f->engine.applying == 1);
    cunik_server_destroy(TAKE_PTR(f->server));
    assert_int_equal(f->engine.cancelled, 1);
    _cleanup_free_ char *answer = raw_read(fd);
    assert_non_null(strstr(answer, "\"code\":\"cancelled\""));
    close(fd);
}

static void test_malformed(void **state)
{
    struct fixture *f = *state;

    expect_raw(f, "GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 404",
               "{\"error\":{\"code\":\"not-found\",\"message\":\"there is no '/v1/nothing'\"}}");
    expect_raw(f, "DELETE /v1/world HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 405", "'/v1/world' takes GET, not DELETE");
    expect_raw(f, "GET /v1/world?stack=demo%00x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 400", "the query has a NUL byte");
    expect_raw(f, "GET /v1/apply HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 405",
               "takes POST, not GET");
    expect_raw(f,
               "POST /v1/plan HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\n"
               "{\"stack\":",
               "HTTP/1.1 400",
               "{\"error\":{\"code\":\"invalid\",\"message\":\"the request: line 1");
    expect_raw(f,
               "POST /v1/apply HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
               "2\r\n\r\n[]",
               "HTTP/1.1 400", "\"code\":\"invalid\"");
    expect_raw(f,
               "POST /v1/apply HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
               "37\r\n\r\n{\"action\":\"explode\",\"stack\":\"demo\"}  ",
               "HTTP/1.1 400", "action");
    expect_raw(f, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 400",
               "\"code\":\"invalid\"");
    expect_raw(f, "GET /v1/logs?tail=many HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 400", "'tail' must be a number");
    expect_raw(f, "GET /v1/world?stack=broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 503", "libvirt is away");
    expect_raw(f, "\x16\x03\x01\x02 nonsense\r\n\r\n", "", NULL);
    /* And it still serves. */
    test_version(state);
}

static void test_oversize(void **state)
{
    struct fixture *f = *state;

    expect_raw(f, "POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 67108865\r\n\r\n",
               "HTTP/1.1 413", "the request is larger than 67108864 bytes");
    expect_raw(
        f, "POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 4", NULL);

    /* One that does not say how long it is: the connection is closed at the bound. */
    _cleanup_close_ int fd = raw_connect(f);
    enum { CHUNK = 1 << 20 };
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK + 10);
    const char head[] = "POST /v1/plan HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t sent = 0;

    memset(chunk, ' ', CHUNK + 10);
    memcpy(chunk, "100000\r\n", 8);
    memcpy(chunk + 8 + CHUNK, "\r\n", 2);
    test_ok(cunik_write_all(fd, head, strlen(head)), NULL);
    while (sent < 80 && send(fd, chunk, CHUNK + 10, MSG_NOSIGNAL) == CHUNK + 10)
        sent++;
    assert_in_range(sent, 60, 66);
    test_version(state);
}

static void write_console(struct fixture *f, const char *name, const char *text)
{
    _cleanup_free_ char *path = cunik_console_path(f->consoles, name);
    FILE *file = fopen(path, "a");

    fputs(text, file);
    fclose(file);
}

static void expect_lines(struct fixture *f, const struct log_query *q, const char *expected)
{
    test_ok(cunik_client_logs(f->client, q, take_line, f, NULL), NULL);
    _cleanup_free_ char *got = cunik_strv_join(&f->lines, "|");
    assert_string_equal(got, expected);
    cunik_strv_done(&f->lines);
}

static void test_logs(void **state)
{
    struct fixture *f = *state;
    struct log_query q = {.stack = "demo", .tail = -1};

    expect_lines(f, &q, "");
    write_console(f, "demo-web-1", "one\r\ntwo \xff\npart");
    write_console(f, "demo-web-2", "other\n");
    write_console(f, "demo-web-3", "another stack's\n");
    expect_lines(f, &q,
                 "demo-web-1 web one|demo-web-1 web two \xef\xbf\xbd|demo-web-1 web part|"
                 "demo-web-2 web other");
    q.tail = 1;
    expect_lines(f, &q, "demo-web-1 web part|demo-web-2 web other");
    q.tail = 0;
    expect_lines(f, &q, "");
    q.tail = -1;
    q.stack = "";
    cunik_strv_add(&q.services, "demo-web-3");
    expect_lines(f, &q, "demo-web-3 web another stack's");
    cunik_replace(&q.services.items[0], "web");
    cunik_strv_add(&q.services, "none");
    q.tail = 1;
    expect_lines(f, &q, "demo-web-1 web part|demo-web-2 web other|demo-web-3 web another stack's");
    cunik_strv_done(&q.services);
}

/* When the n-th growth of a console was seen, counted from 0; waits for it. */
static int64_t seen_at(const struct fixture *f, size_t n)
{
    _cleanup_free_ char *path = cunik_path_join(f->root, "consoles/demo-web-1.times");
    int64_t ms = 0;

    for (int64_t end = now_ms() + DEADLINE_MS; !ms && now_ms() < end; poll(NULL, 0, 5)) {
        _cleanup_strv_ struct strv lines = {0};
        _cleanup_free_ char *text = NULL;
        if (cunik_file_read(path, 1 << 20, &text, NULL, NULL) < 0)
            continue;
        cunik_strv_split(&lines, text, "\n");
        if (lines.n > n)
            ms = strtoll(strrchr(lines.items[n], ' '), NULL, 10);
    }
    assert_true(ms > 0);
    return ms;
}

/* Lines of a time, which is when the engine has seen them. */
static void test_logs_of_a_time(void **state)
{
    struct fixture *f = *state;
    struct log_query q = {.stack = "demo", .tail = -1};

    write_console(f, "demo-web-1", "one\n");
    int64_t first = seen_at(f, 0), second = first;
    poll(NULL, 0, 20);
    write_console(f, "demo-web-1", "two\nthree\n");
    second = seen_at(f, 1);
    assert_true(second > first);
    q.since_ms = second;
    expect_lines(f, &q, "demo-web-1 web two|demo-web-1 web three");
    q.since_ms = first;
    expect_lines(f, &q, "demo-web-1 web one|demo-web-1 web two|demo-web-1 web three");
    q.until_ms = second - 1;
    expect_lines(f, &q, "demo-web-1 web one");
    q.since_ms = 0;
    expect_lines(f, &q, "demo-web-1 web one");
    q.until_ms = 0;
    q.since_ms = second + 1;
    expect_lines(f, &q, "");
    q.since_ms = first;
    q.tail = 1;
    expect_lines(f, &q, "demo-web-1 web three");
    q.follow = true;
    q.until_ms = second;
    assert_true(cunik_client_logs(f->client, &q, take_line, f, NULL) < 0);
}

/* A console that cannot be read keeps nobody else's back. */
static void test_unreadable_log(void **state)
{
    struct fixture *f = *state;
    const struct log_query q = {.stack = "demo", .tail = -1};
    _cleanup_free_ char *path = cunik_console_path(f->consoles, "demo-web-1");

    test_ok(cunik_file_make_folders(path, 0755, NULL), NULL);
    write_console(f, "demo-web-2", "other\n");
    expect_lines(f, &q, "demo-web-2 web other");
}

/* More than is sent at once. */
static void test_long_logs(void **state)
{
    struct fixture *f = *state;
    const struct log_query q = {.stack = "other", .tail = -1};
    _cleanup_buffer_ struct buffer b = {0};

    for (int i = 0; i < 100000; i++)
        cunik_buffer_printf(&b, "line %d of many\n", i);
    write_console(f, "demo-web-3", cunik_buffer_text(&b));
    test_ok(cunik_client_logs(f->client, &q, take_line, f, NULL), NULL);
    assert_int_equal(f->lines.n, 100000);
    assert_string_equal(f->lines.items[99999], "demo-web-3 web line 99999 of many");
}

static void *follow_in_thread(void *arg)
{
    struct fixture *f = arg;
    const struct log_query q = {.stack = "demo", .follow = true, .tail = 0};
    struct error *err = NULL;
    int r = cunik_client_logs(f->client, &q, take_line, f, &err);
    char *text = r < 0 ? cunik_error_text(err) : cunik_strdup("it ended");

    cunik_error_destroy(err);
    return text;
}

static void test_follow(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *text;

    write_console(f, "demo-web-1", "old\n");
    pthread_create(&thread, NULL, follow_in_thread, f);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 1);
    poll(NULL, 0, 50); /* its first look at where the consoles end */
    write_console(f, "demo-web-1", "new\n");
    WAIT_UNTIL(&f->engine, f->lines.n == 1);
    assert_string_equal(f->lines.items[0], "demo-web-1 web new");

    /* One that comes while following is read from its beginning. */
    pthread_mutex_lock(&f->engine.lock);
    struct world_cunik *c = cunik_world_add_cunik(&f->engine.world);
    cunik_replace(&c->name, "demo-late-1");
    cunik_replace(&c->stack, "demo");
    cunik_replace(&c->service, "late");
    pthread_mutex_unlock(&f->engine.lock);
    write_console(f, "demo-late-1", "hello\nunfinished");
    publish(&f->engine, "demo-late-1", CUNIK_RUNNING);
    WAIT_UNTIL(&f->engine, f->lines.n == 2);
    assert_string_equal(f->lines.items[1], "demo-late-1 late hello");
    /* What ends says its last words, and when all have ended so does this. */
    publish(&f->engine, "demo-late-1", CUNIK_EXITED);
    WAIT_UNTIL(&f->engine, f->lines.n == 3);
    assert_string_equal(f->lines.items[2], "demo-late-1 late unfinished");
    publish(&f->engine, "demo-web-1", CUNIK_EXITED);
    publish(&f->engine, "demo-web-2", CUNIK_EXITED);
    pthread_join(thread, &text);
    assert_string_equal(text, "it ended");
    free(text);
}

static void test_follow_cancelled(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = 1;
    pthread_t thread;
    void *text;

    pthread_create(&thread, NULL, follow_in_thread, f);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 1);
    assert_int_equal(write(f->cancel, &one, sizeof(one)), sizeof(one));
    pthread_join(thread, &text);
    assert_string_equal(text, "cancelled");
    free(text);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 0);
}

static void *listen_in_thread(void *arg)
{
    struct fixture *f = arg;
    struct error *err = NULL;

    const struct event_query q = {.stack = "", .since_ms = -1, .until_ms = -1};
    cunik_client_events(f->client, &q, &(struct event_sink){take_event, f}, &err);
    char *text = cunik_error_text(err);
    cunik_error_destroy(err);
    return text;
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *text;

    pthread_create(&thread, NULL, listen_in_thread, f);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 1);
    publish(&f->engine, "demo-web-1", CUNIK_EXITED);
    publish(&f->engine, "demo-web-2", CUNIK_RUNNING);
    WAIT_UNTIL(&f->engine, f->events.n == 2);
    assert_string_equal(f->events.items[0], "state demo-web-1");
    cunik_server_destroy(TAKE_PTR(f->server));
    pthread_join(thread, &text);
    assert_true(strstr(text, "ended") != NULL);
    free(text);
}

/* As the engine does: the log first, then whoever listens. */
static void happen(struct fixture *f, const char *name, int64_t id)
{
    const struct event_sink log = cunik_event_log_sink(f->log);
    const struct event e = {.type = EVENT_STATE,
                            .time_ms = 1000 * id,
                            .id = id,
                            .stack = "demo",
                            .kind = "cunik",
                            .name = name,
                            .state = "running",
                            .exit_code = -1};

    pthread_mutex_lock(&f->engine.lock);
    log.put(log.ctx, &e);
    for (size_t i = 0; i < f->engine.n_subscribers; i++)
        f->engine.subscribers[i].sink.put(f->engine.subscribers[i].sink.ctx, &e);
    pthread_mutex_unlock(&f->engine.lock);
}

static int past_events(struct fixture *f, int64_t since_ms, int64_t until_ms, const char *filter,
                       struct error **err)
{
    _cleanup_strv_ struct strv filters = {0};
    struct event_query q = {.stack = "demo", .since_ms = since_ms, .until_ms = until_ms};

    if (filter)
        cunik_strv_add(&filters, filter);
    q.filters = filters;
    cunik_strv_done(&f->events);
    f->events = (struct strv){0};
    return cunik_client_events(f->client, &q, &(struct event_sink){take_event, f}, err);
}

static void test_events_past(void **state)
{
    struct fixture *f = *state;
    struct error *err = NULL;

    for (int64_t i = 1; i <= 4; i++)
        happen(f, i % 2 ? "demo-odd-1" : "demo-even-1", i);
    test_ok(past_events(f, 0, 4000, NULL, &err), err);
    assert_int_equal(f->events.n, 4);
    test_ok(past_events(f, 2000, 3000, NULL, &err), err);
    assert_int_equal(f->events.n, 2);
    assert_string_equal(f->events.items[0], "state demo-even-1");
    test_ok(past_events(f, 0, 4000, "name=demo-odd-1", &err), err);
    assert_int_equal(f->events.n, 2);
    test_ok(past_events(f, -1, 4000, NULL, &err), err);
    assert_int_equal(f->events.n, 0);
    int r = past_events(f, 0, 4000, "colour=red", &err);
    expect_error(r, err, ERROR_INVALID,
                 "events are filtered by type, kind, stack, service, name, cunik, container, "
                 "network, verb, phase, state, health, event, not by 'colour'");
    expect_raw(f, "GET /v1/events?since=noon HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 400", "'since' must be milliseconds since the epoch");
    assert_int_equal(f->engine.n_subscribers, 0);
}

static void *listen_from_start(void *arg)
{
    struct fixture *f = arg;
    struct error *err = NULL;
    const struct event_query q = {.stack = "", .since_ms = 0, .until_ms = -1};

    cunik_client_events(f->client, &q, &(struct event_sink){take_event, f}, &err);
    cunik_error_destroy(err);
    return NULL;
}

/* Whatever happens while the past is read: each event comes once, in order. */
static void test_events_without_gap(void **state)
{
    enum { EVENTS = 3000 };
    struct fixture *f = *state;
    pthread_t thread;

    for (int64_t i = 1; i <= EVENTS; i++) {
        _cleanup_free_ char *name = cunik_asprintf("demo-web-%lld", (long long)i);
        happen(f, name, i);
        if (i == EVENTS / 2)
            assert_int_equal(pthread_create(&thread, NULL, listen_from_start, f), 0);
    }
    WAIT_UNTIL(&f->engine, f->events.n >= EVENTS);
    for (int64_t i = 1; i <= EVENTS; i++) {
        _cleanup_free_ char *line = cunik_asprintf("state demo-web-%lld", (long long)i);
        assert_string_equal(f->events.items[i - 1], line);
    }
    cunik_server_destroy(TAKE_PTR(f->server));
    pthread_join(thread, NULL);
    assert_int_equal(f->events.n, EVENTS);
}

static void *listen_until(void *arg)
{
    struct fixture *f = arg;
    struct error *err = NULL;
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    const struct event_query q = {.stack = "", .since_ms = -1, .until_ms = cunik_time_ms(&t) + 300};
    cunik_client_events(f->client, &q, &(struct event_sink){take_event, f}, &err);
    char *text = err ? cunik_error_text(err) : cunik_strdup("over");
    cunik_error_destroy(err);
    return text;
}

/* A stream on which nothing happens ends at its time. */
static void test_events_until(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *text;

    pthread_create(&thread, NULL, listen_until, f);
    pthread_join(thread, &text);
    assert_string_equal(text, "over");
    free(text);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 0);
}

/* One who is attached. */
struct listener {
    struct fixture *f;
    const char *name;
    bool from_start;
    pthread_t thread;
    pthread_mutex_t lock;
    bool begun, over;
    struct buffer heard;
    int result;
    struct error *err;
};

static int hear(void *ctx, const char *data, size_t size, struct error **err _unused_)
{
    struct listener *l = ctx;

    pthread_mutex_lock(&l->lock);
    cunik_buffer_append(&l->heard, data, size);
    pthread_mutex_unlock(&l->lock);
    return 0;
}

static void note_begun(void *ctx)
{
    struct listener *l = ctx;

    pthread_mutex_lock(&l->lock);
    l->begun = true;
    pthread_mutex_unlock(&l->lock);
}

static void *listen_attached(void *arg)
{
    struct listener *l = arg;
    const struct attach_sink sink = {hear, note_begun, l};

    l->result = cunik_client_attach(l->f->client, l->name, l->from_start, &sink, &l->err);
    pthread_mutex_lock(&l->lock);
    l->over = true;
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void attach(struct fixture *f, struct listener *l, const char *name, bool from_start)
{
    *l = (struct listener){.f = f, .name = name, .from_start = from_start};
    pthread_mutex_init(&l->lock, NULL);
    pthread_create(&l->thread, NULL, listen_attached, l);
}

static void wait_begun(struct listener *l)
{
    bool so = false;

    for (int64_t end = now_ms() + DEADLINE_MS; !so && now_ms() < end; poll(NULL, 0, 5)) {
        pthread_mutex_lock(&l->lock);
        so = l->begun || l->over;
        pthread_mutex_unlock(&l->lock);
    }
    assert_true(l->begun);
}

static void wait_heard(struct listener *l, const char *text)
{
    bool so = false;

    for (int64_t end = now_ms() + DEADLINE_MS; !so && now_ms() < end; poll(NULL, 0, 5)) {
        pthread_mutex_lock(&l->lock);
        so = strcmp(cunik_buffer_text(&l->heard), text) == 0;
        pthread_mutex_unlock(&l->lock);
    }
    if (!so)
        fail_msg("heard '%s', not '%s'", cunik_buffer_text(&l->heard), text);
}

static void detach(struct listener *l)
{
    pthread_join(l->thread, NULL);
    cunik_buffer_done(&l->heard);
    cunik_error_destroy(l->err);
    pthread_mutex_destroy(&l->lock);
}

static int open_terminal(struct fixture *f)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    f->engine.terminal = cunik_strdup(ptsname(master));
    return master;
}

static void append(const struct fixture *f, const char *text)
{
    _cleanup_free_ char *path = cunik_console_path(f->consoles, "demo-web-1");
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    test_ok(cunik_write_all(fd, text, strlen(text)), NULL);
}

static void end_run(struct fixture *f)
{
    pthread_mutex_lock(&f->engine.lock);
    f->engine.world.cuniks[0].status.state = CUNIK_EXITED;
    pthread_mutex_unlock(&f->engine.lock);
    happen(f, "demo-web-1", 7);
}

/* Two at one console: both hear all, what is typed comes once, and the run's end ends both. */
static void test_attach(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int master = open_terminal(f);
    _cleanup_error_ struct error *err = NULL;
    struct listener early, late;
    char typed[16] = "";
    size_t taken = 0;

    append(f, "before\nlast");
    f->engine.run_from = 7;
    attach(f, &early, "demo-web-1", true);
    wait_begun(&early);
    wait_heard(&early, "last");
    attach(f, &late, "demo-web-1", false);
    wait_begun(&late);
    append(f, " no newline");
    wait_heard(&early, "last no newline");
    wait_heard(&late, " no newline");
    test_ok(cunik_client_type(f->client, "demo-web-1", "a\0\x03\r", 4, &taken, &err), err);
    assert_int_equal(taken, 4);
    assert_int_equal(read(master, typed, sizeof(typed)), 4);
    assert_memory_equal(typed, "a\0\x03\r", 4);
    append(f, "!");
    end_run(f);
    detach(&early);
    detach(&late);
    assert_int_equal(early.result, 0);
    assert_int_equal(late.result, 0);
    assert_true(cunik_client_type(f->client, "demo-web-1", "x", 1, &taken, &err) < 0);
    assert_string_equal(err->message, "nobody is attached to 'demo-web-1'");
    free(f->engine.terminal);
}

/* A guest that is restarted: what its next run writes is not for who was attached to this one. */
static void test_attach_one_run(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int master = open_terminal(f);
    struct listener l;

    f->engine.run = 1;

    attach(f, &l, "demo-web-1", true);
    wait_begun(&l);
    pthread_mutex_lock(&f->engine.lock);
    append(f, "first run\nsecond run\n");
    f->engine.run = 2;
    f->engine.run_from = strlen("first run\n");
    pthread_mutex_unlock(&f->engine.lock);
    happen(f, "demo-web-1", 7);
    pthread_join(l.thread, NULL);
    assert_int_equal(l.result, 0);
    assert_true(l.heard.size <= strlen("first run\nsecond run\n"));
    assert_memory_equal(l.heard.data, "first run\n", strlen("first run\n"));
    cunik_buffer_done(&l.heard);
    pthread_mutex_destroy(&l.lock);
    free(f->engine.terminal);
}

/* The same when this run has written nothing, so that the next one begins where it did. */
static void test_attach_a_silent_run(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int master = open_terminal(f);
    struct listener l;

    f->engine.run = 1;
    attach(f, &l, "demo-web-1", true);
    wait_begun(&l);
    pthread_mutex_lock(&f->engine.lock);
    f->engine.run = 2;
    pthread_mutex_unlock(&f->engine.lock);
    happen(f, "demo-web-1", 7);
    pthread_join(l.thread, NULL);
    assert_int_equal(l.result, 0);
    assert_int_equal(l.heard.size, 0);
    cunik_buffer_done(&l.heard);
    pthread_mutex_destroy(&l.lock);
    free(f->engine.terminal);
}

/* A guest that takes nothing holds nobody up, and one that writes is not held up by who is attached
 * and does not read. */
static void test_attach_slow(void **state)
{
    enum { MUCH = 48 << 10, ROUNDS = 32 };
    struct fixture *f = *state;
    _cleanup_close_ int master = open_terminal(f);
    _cleanup_free_ char *much = cunik_calloc(1, MUCH);
    _cleanup_error_ struct error *err = NULL;
    struct listener l;
    size_t taken = MUCH;

    memset(much, 'x', MUCH);
    attach(f, &l, "demo-web-1", false);
    wait_begun(&l);
    for (int i = 0; i < ROUNDS; i++)
        test_ok(cunik_write_all(master, much, MUCH), NULL);
    for (int i = 0; i < ROUNDS && taken == MUCH; i++)
        test_ok(cunik_client_type(f->client, "demo-web-1", much, MUCH, &taken, &err), err);
    assert_true(taken < MUCH);
    close(TAKE_FD(master));
    end_run(f);
    detach(&l);
    free(f->engine.terminal);
}

/* Many that say nothing: a request is heard all the same, and most of them are let go long before
 * their minute is over. */
static void test_silent_connections(void **state)
{
    struct fixture *f = *state;
    int fds[300];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = raw_connect(f);
    expect_raw(f, "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 200", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
}

/* Who follows for ever leaves room for others. */
static void test_many_streams(void **state)
{
    enum { STREAMS = 128 };
    static const char events[] = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *f = *state;
    int fds[STREAMS];

    for (size_t i = 0; i < STREAMS; i++) {
        fds[i] = raw_connect(f);
        assert_int_equal(send(fds[i], events, strlen(events), MSG_NOSIGNAL), strlen(events));
    }
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == STREAMS);
    expect_raw(f, "GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 503",
               "too many follow events, logs and consoles already: 128 at most");
    expect_raw(f, "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 200", NULL);
    for (size_t i = 0; i < STREAMS; i++)
        close(fds[i]);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 0);
    expect_raw(f, "GET /v1/events?until=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 200", NULL);
}

/* docs/openapi.json against this server: the same routes; and answers, good and bad, are as it
 * says.
 */

static json_t *read_document(void)
{
    _cleanup_free_ char *text = test_read("docs/openapi.json");
    _cleanup_error_ struct error *err = NULL;
    json_t *document = NULL;

    test_ok(cunik_json_parse(text, strlen(text), "the document", &document, &err), err);
    return document;
}

static const json_t *operation(const json_t *document, const char *method, const char *path)
{
    _cleanup_free_ char *lower = cunik_strdup(method);

    for (char *p = lower; *p; p++)
        *p |= 0x20;
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), lower);
}

static void test_document_routes(void **state _unused_)
{
    _cleanup_json_ json_t *document = read_document();
    const char *method, *path, *key;
    size_t served = 0, documented = 0;
    json_t *one;

    for (; cunik_server_route(served, &method, &path); served++)
        if (!operation(document, method, path))
            fail_msg("%s %s is not documented", method, path);
    json_object_foreach (json_object_get(document, "paths"), key, one)
        documented += json_object_size(one);
    assert_int_equal(documented, served);
}

static void check_body(const json_t *document, const json_t *content, const char *what, char *body)
{
    const json_t *one = json_object_get(content, "application/json");
    const json_t *lines = json_object_get(content, "application/x-ndjson");
    const json_t *schema = json_object_get(one ? one : lines, "schema");

    if (json_object_get(content, "application/octet-stream"))
        return;
    assert_non_null(schema);
    for (char *line, *rest = body; (line = strsep(&rest, one ? "" : "\n"));) {
        _cleanup_json_ json_t *value = NULL;
        if (!*line)
            continue;
        test_ok(cunik_json_parse(line, strlen(line), what, &value, NULL), NULL);
        _cleanup_free_ char *mismatch = test_schema_mismatch(document, schema, value);
        if (mismatch)
            fail_msg("%s: '%.200s': %s", what, line, mismatch);
    }
}

/* Chunks put together again; a body of one piece as it is. */
static char *body_of(char *answer)
{
    char *at = strstr(answer, "\r\n\r\n");
    struct buffer b = {0};
    unsigned long size;

    assert_non_null(at);
    *at = '\0';
    at += 4;
    if (!strstr(answer, "chunked"))
        return cunik_strdup(at);
    while ((size = strtoul(at, &at, 16)) > 0) {
        cunik_buffer_append(&b, at + 2, size);
        at += 2 + size + 2;
    }
    return b.data ? cunik_buffer_take(&b) : cunik_strdup("");
}

static void check_answer(const struct fixture *f, const json_t *document, const char *method,
                         const char *path, const char *query, const char *body, unsigned status)
{
    _cleanup_free_ char *request = cunik_asprintf(
        "%s %s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method,
        path, query, strlen(body), body);
    _cleanup_free_ char *answer = raw(f, request), *code = cunik_asprintf("%u", status);
    _cleanup_free_ char *first = cunik_asprintf("HTTP/1.1 %u", status);
    const json_t *responses = json_object_get(operation(document, method, path), "responses");
    const json_t *response = json_object_get(responses, code);

    if (!cunik_text_starts(answer, first))
        fail_msg("%s %s%s is answered with '%.40s', not %u", method, path, query, answer, status);
    response = response ? response : json_object_get(responses, "default");
    _cleanup_free_ char *text = body_of(answer);
    check_body(document, json_object_get(response, "content"), path, text);
}

static void test_document_answers(void **state)
{
    static const struct {
        const char *method, *path, *query, *body;
        unsigned status;
    } cases[] = {
        {"GET", "/v1/version", "", "", 200},
        {"GET", "/v1/world", "", "", 200},
        {"GET", "/v1/world", "?stack=demo", "", 200},
        {"GET", "/v1/world", "?stack=broken", "", 503},
        {"POST", "/v1/plan", "", "{\"action\":\"down\",\"stack\":\"demo\"}", 200},
        {"POST", "/v1/plan", "", "{\"action\":\"down\",\"stack\":\"cyclic\"}", 400},
        {"POST", "/v1/plan", "", "{}", 400},
        {"POST", "/v1/apply", "", "{\"action\":\"down\",\"stack\":\"demo\"}", 200},
        {"POST", "/v1/apply", "", "{\"action\":\"down\",\"stack\":\"fails-late\"}", 200},
        {"POST", "/v1/apply", "", "{\"action\":\"down\",\"stack\":\"fails-early\"}", 409},
        {"POST", "/v1/apply", "", "{\"action\":\"fly\",\"stack\":\"demo\"}", 400},
        {"GET", "/v1/logs", "?stack=demo", "", 200},
        {"GET", "/v1/logs", "?since=0&until=1000", "", 200},
        {"GET", "/v1/logs", "?until=later", "", 400},
        {"GET", "/v1/logs", "?tail=many", "", 400},
        {"GET", "/v1/events", "?since=0&until=1000000", "", 200},
        {"GET", "/v1/events", "?filter=x", "", 400},
        {"GET", "/v1/attach", "?cunik=none", "", 404},
        {"GET", "/v1/attach", "?cunik=demo-web-3&from=start", "", 200},
        {"GET", "/v1/attach", "?cunik=demo-web-3", "", 409},
        {"POST", "/v1/attach", "?cunik=demo-web-1", "x", 409},
        {"GET", "/v1/stats", "?threads=1", "", 200},
        {"POST", "/v1/cancel", "?id=unheard", "", 404},
        {"POST", "/v1/pause", "?cunik=demo-web-1&resume=1", "", 200},
        {"POST", "/v1/pause", "?cunik=demo-web-1", "", 404},
        {"GET", "/v1/volumes", "", "", 200},
        {"POST", "/v1/volumes", "", "{", 400},
        {"DELETE", "/v1/volumes", "?name=odd%20%26%20name", "", 200},
        {"DELETE", "/v1/volumes", "?name=data", "", 409},
        {"POST", "/v1/files", "", "some text", 400},
        {"GET", "/v1/images", "", "", 200},
        {"GET", "/v1/images", "?brief=1", "", 200},
        {"POST", "/v1/images", "?name=x", "no archive", 400},
        {"POST", "/v1/images", "", "", 400},
        {"GET", "/v1/image", "?name=web", "", 200},
        {"GET", "/v1/image", "?name=x", "", 404},
        {"GET", "/v1/images/archive", "?name=x", "", 404},
        {"POST", "/v1/images/build", "?name=x", "no archive", 400},
        {"POST", "/v1/images/tag", "?name=web&to=x:1", "", 200},
        {"POST", "/v1/images/tag", "?name=web", "", 400},
        {"POST", "/v1/images/prune", "?all=1", "", 200},
        {"DELETE", "/v1/images", "?name=web", "", 404},
    };
    struct fixture *f = *state;
    _cleanup_json_ json_t *document = read_document();
    _cleanup_free_ char *console = cunik_console_path(f->consoles, "demo-web-1");

    test_ok(cunik_file_write(console, "one\ntwo\n", 8, 0600, false, NULL), NULL);
    happen(f, "demo-web-1", 5);
    f->engine.world.cuniks[0].status.pid = getpid();
    free(build_image(f, "web", "a kernel"));
    f->engine.world.cuniks[2].status.state = CUNIK_EXITED;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        check_answer(f, document, cases[i].method, cases[i].path, cases[i].query, cases[i].body,
                     cases[i].status);
}

/* What the client sends is what the document says a request is. */
static void test_document_request(void **state _unused_)
{
    _cleanup_json_ json_t *document = read_document();
    const json_t *schema = json_object_get(
        json_object_get(json_object_get(document, "components"), "schemas"), "Request");
    _cleanup_request_ struct request r;

    cunik_request_init(&r);
    r.action = ACTION_STOP;
    cunik_replace(&r.stack, "demo");
    cunik_strv_add(&r.services, "web");
    cunik_strv_add(&r.cuniks, "demo-web-1");
    _cleanup_json_ json_t *json = cunik_request_to_json(&r);
    _cleanup_free_ char *mismatch = test_schema_mismatch(document, schema, json);
    assert_null(mismatch);
    json_object_set_new(json, "action", json_string("fly"));
    _cleanup_free_ char *wrong = test_schema_mismatch(document, schema, json);
    assert_string_equal(wrong, "action: it is none of the documented values");
}

static void *ask_often(void *arg)
{
    struct fixture *f = arg;
    intptr_t failed = 0;

    for (int i = 0; i < 50; i++) {
        _cleanup_world_ struct world w = {0};
        failed += cunik_client_world(f->client, "demo", &w, NULL) < 0 || w.n_cuniks != 2;
    }
    return (void *)failed;
}

static void test_parallel(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[32];
    void *failed;

    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, f), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

/* More connections than are served at once: those that say nothing do not keep others out, and what
 * is more than the bound waits its turn. */
static void test_many_connections(void **state)
{
    static const char text[] = "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct fixture *f = *state;
    int fds[300];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = raw_connect(f);
        assert_int_equal(send(fds[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        _cleanup_free_ char *answer = raw_read(fds[i]);
        assert_true(cunik_text_starts(answer, "HTTP/1.1 200"));
        close(fds[i]);
    }
}

/* Open connections and streams with nothing to say use no CPU. */
static void test_idle(void **state)
{
    struct fixture *f = *state;
    struct rusage before, after;
    const char text[] = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";
    int silent = raw_connect(f), stream = raw_connect(f);
    int64_t since;

    test_ok(cunik_write_all(stream, text, strlen(text)), NULL);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 1);
    poll(NULL, 0, 100);
    getrusage(RUSAGE_SELF, &before);
    poll(NULL, 0, 500);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 10);
    assert_true(cunik_server_busy(f->server, &since));
    close(silent);
    close(stream);
    WAIT_UNTIL(&f->engine, f->engine.n_subscribers == 0);
    cunik_client_destroy(TAKE_PTR(f->client));
    for (int64_t end = now_ms() + DEADLINE_MS;
         cunik_server_busy(f->server, &since) && now_ms() < end;)
        poll(NULL, 0, 10);
    assert_false(cunik_server_busy(f->server, &since));
    assert_true(now_ms() * NS_PER_MS - since < DEADLINE_MS * NS_PER_MS);
}

static void test_round_trip(void **state)
{
    enum { ROUNDS = 200 };
    struct fixture *f = *state;
    int64_t least = INT64_MAX;

    /* The quickest: others may want the processors too. */
    for (int i = 0; i < ROUNDS; i++) {
        _cleanup_json_ json_t *version = NULL;
        int64_t begin = now_ms();
        test_ok(cunik_client_version(f->client, &version, NULL), NULL);
        int64_t took = now_ms() - begin;
        if (took < least)
            least = took;
    }
    print_message("# a round trip takes %lld ms\n", (long long)least);
    assert_true(least < 20);
}

static void test_socket(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(stat(f->socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, geteuid() == 0 ? 0660 : 0600);
    /* One that was left behind is replaced. */
    cunik_server_destroy(TAKE_PTR(f->server));
    assert_int_equal(stat(f->socket, &st), 0);
    start_server(f);
    test_version(state);

    _cleanup_free_ char *folder = cunik_calloc(1, 200);
    memset(folder, 'x', 199);
    _cleanup_free_ char *root = cunik_asprintf("/tmp/%s", folder);
    _cleanup_free_ char *message = cunik_asprintf(
        "the path of the engine's socket, '%s/cunikd.sock', is longer than the 107 bytes that the "
        "system allows: choose a shorter CUNIK_ROOT",
        root);
    struct error *err = NULL;
    struct client *c = NULL;
    setenv("CUNIK_ROOT", root, 1);
    int r = cunik_client_create(&(struct client_settings){.cancel_fd = -1}, &c, &err);
    expect_error(r, err, ERROR_INVALID, message);
}

/* Starting an engine, played by a script in PATH. */

static void write_engine(struct fixture *f, const char *script)
{
    _cleanup_free_ char *path = cunik_path_join(f->root, "cunikd");

    test_ok(cunik_file_write(path, script, strlen(script), 0755, false, NULL), NULL);
}

static int create_client(struct fixture *f, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s:/usr/bin:/bin", f->root);
    _cleanup_free_ char *old = cunik_strdup(getenv("PATH"));
    struct client *c = NULL;

    setenv("PATH", path, 1);
    int r = cunik_client_create(&(struct client_settings){.connect = "test:///default",
                                                          .accel = "tcg",
                                                          .cancel_fd = f->cancel},
                                &c, err);
    setenv("PATH", old, 1);
    cunik_client_destroy(c);
    return r;
}

static void test_start_fails(void **state)
{
    struct fixture *f = *state;
    struct error *err = NULL;

    cunik_server_destroy(TAKE_PTR(f->server));
    unlink(f->socket);
    int r = create_client(f, &err);
    expect_error(r, err, ERROR_NOT_FOUND,
                 "starting the engine: there is no 'cunikd' beside this program or in PATH");

    write_engine(f, "#!/bin/sh\n"
                    "echo '2026-01-01T00:00:00.000Z info: beginning' >&2\n"
                    "echo '2026-01-01T00:00:00.001Z error: opening qemu:///embed: no root' >&2\n"
                    "exit 1\n");
    err = NULL;
    r = create_client(f, &err);
    _cleanup_free_ char *message = cunik_asprintf(
        "starting the engine: opening qemu:///embed: no root; its log is %s/cunikd.log", f->root);
    expect_error(r, err, ERROR_UNAVAILABLE, message);

    /* What an earlier one said is not why this one fails. */
    write_engine(f, "#!/bin/sh\nexit 1\n");
    err = NULL;
    r = create_client(f, &err);
    free(message);
    message = cunik_asprintf("starting the engine: it ended at once, and nothing is in its log, "
                             "%s/cunikd.log",
                             f->root);
    expect_error(r, err, ERROR_UNAVAILABLE, message);

    write_engine(f, "#!/no/such/interpreter\n");
    err = NULL;
    r = create_client(f, &err);
    free(message);
    message = cunik_asprintf(
        "starting the engine: cunikd cannot be executed; its log is %s/cunikd.log", f->root);
    expect_error(r, err, ERROR_UNAVAILABLE, message);
}

static void test_start_is_cancelled(void **state)
{
    struct fixture *f = *state;
    const uint64_t one = 1;
    struct error *err = NULL;

    cunik_server_destroy(TAKE_PTR(f->server));
    _cleanup_free_ char *script =
        cunik_asprintf("#!/bin/sh\nwhile [ -d %s ]; do sleep 0.05; done\n", f->root);
    write_engine(f, script);
    assert_int_equal(write(f->cancel, &one, sizeof(one)), sizeof(one));
    /* Nobody listens at the old socket: connection refused, not missing. */
    int r = create_client(f, &err);
    assert_true(r < 0);
    assert_int_equal(err->code, ERROR_CANCELLED);
    cunik_error_destroy(err);
}

static void *serve_when_asked(void *arg)
{
    struct fixture *f = arg;
    _cleanup_free_ char *asked = cunik_path_join(f->root, "asked"),
                        *served = cunik_path_join(f->root, "served");

    for (int64_t end = now_ms() + DEADLINE_MS; !cunik_file_exists(asked) && now_ms() < end;)
        poll(NULL, 0, 5);
    start_server(f);
    test_ok(cunik_file_write(served, "", 0, 0600, false, NULL), NULL);
    return NULL;
}

/* What it is started with, and that it is waited for. */
static void test_start(void **state)
{
    struct fixture *f = *state;
    struct error *err = NULL;
    pthread_t thread;

    cunik_server_destroy(TAKE_PTR(f->server));
    _cleanup_free_ char *script = cunik_asprintf(
        "#!/bin/sh\ncd %s\n"
        "{ echo \"$@\"; ls /proc/$$/fd | tr '\\n' ' '; readlink /proc/$$/fd/0 /proc/$$/cwd; "
        "ps -o sid= -p $$ | tr -d ' '; echo $$; } >said\n"
        "touch asked\nwhile ! [ -e served ]; do sleep 0.01; done\necho ready >&3\n",
        f->root);
    write_engine(f, script);
    pthread_create(&thread, NULL, serve_when_asked, f);
    int r = create_client(f, &err);
    pthread_join(thread, NULL);
    test_ok(r, err);

    _cleanup_free_ char *path = cunik_path_join(f->root, "said"), *said = test_read(path);
    _cleanup_free_ char *expected =
        cunik_asprintf("--root %s --socket %s --ready-fd 3 --connect test:///default --accel tcg\n",
                       f->root, f->socket);
    if (!cunik_text_starts(said, expected))
        fail_msg("started with: %s", said);
    assert_non_null(strstr(said, "/dev/null\n"));
}

/* As another process: whether an engine runs. */
static bool another_runs(const char *root)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct engine_lock lock;
        bool running = false;
        int r = cunik_engine_lock_take(root, &lock, &running, NULL);
        _exit(r < 0 ? 2 : running);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
}

static void test_locks(void **state)
{
    struct fixture *f = *state;
    struct engine_lock lock;
    bool running = true;

    assert_false(another_runs(f->root));
    test_ok(cunik_engine_lock_take(f->root, &lock, &running, NULL), NULL);
    assert_false(running);
    cunik_engine_lock_started(&lock);
    assert_true(another_runs(f->root));
    cunik_engine_lock_ending(&lock, f->root);
    close(lock.engine);
    close(lock.start);
    assert_false(another_runs(f->root));
}

/* What an engine has forked does not hold its locks when it is killed. */
static void test_locks_of_the_killed(void **state)
{
    struct fixture *f = *state;
    int said[2], go_on[2];
    char c;

    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(go_on), 0);
    pid_t engine = fork();
    if (engine == 0) {
        struct engine_lock lock;
        bool running = true;
        if (cunik_engine_lock_take(f->root, &lock, &running, NULL) < 0 || running)
            _exit(1);
        cunik_engine_lock_started(&lock);
        if (fork() == 0) {
            close(go_on[1]);
            _exit(write(said[1], "x", 1) != 1 || read(go_on[0], &c, 1) != 0);
        }
        pause();
        _exit(1);
    }
    assert_int_equal(read(said[0], &c, 1), 1);
    assert_true(another_runs(f->root));
    assert_int_equal(kill(engine, SIGKILL), 0);
    assert_int_equal(waitpid(engine, NULL, 0), engine);
    assert_false(another_runs(f->root));
    close(go_on[1]);
    close(go_on[0]);
    close(said[0]);
    close(said[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_version),
        TEST(test_version_mismatch),
        TEST(test_world),
        TEST(test_plan),
        TEST(test_images),
        TEST(test_images_refused),
        TEST(test_volumes),
        TEST(test_file),
        TEST(test_apply),
        TEST(test_events_come_at_once),
        TEST(test_cancel),
        TEST(test_cancel_is_told),
        TEST(test_cancel_twice),
        TEST(test_client_goes_away),
        TEST(test_half_closed),
        TEST(test_server_ends),
        TEST(test_malformed),
        TEST(test_oversize),
        TEST(test_logs),
        TEST(test_logs_of_a_time),
        TEST(test_unreadable_log),
        TEST(test_long_logs),
        TEST(test_follow),
        TEST(test_follow_cancelled),
        TEST(test_events),
        TEST(test_events_past),
        TEST(test_events_without_gap),
        TEST(test_events_until),
        TEST(test_attach),
        TEST(test_attach_one_run),
        TEST(test_attach_a_silent_run),
        TEST(test_attach_slow),
        TEST(test_document_routes),
        TEST(test_document_answers),
        TEST(test_document_request),
        TEST(test_silent_connections),
        TEST(test_many_streams),
        TEST(test_parallel),
        TEST(test_many_connections),
        TEST(test_idle),
        TEST(test_round_trip),
        TEST(test_socket),
        TEST(test_start_fails),
        TEST(test_start_is_cancelled),
        TEST(test_start),
        TEST(test_locks),
        TEST(test_locks_of_the_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
