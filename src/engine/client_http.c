#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/client_internal.h"

enum {
    ANSWER_MAX = 256 << 20,
    RECEIVE_BUFFER = 256 << 10,
    SEND_BUFFER = 1 << 20,
    ATTEMPTS = 3,        /* to reach an engine that is just ending */
    POLL_MS = 60 * 1000, /* nothing happens then; libcurl wants a number */
    HTTP_OK = 200,
};

/* A call on its way. */
struct transfer {
    struct call *call;
    CURL *easy;
    struct buffer part; /* of a line, or of an error's text */
    bool heard;         /* something of an answer has come */
    int result;         /* of call->line */
    struct error *err;
};

static long status_of(CURL *easy)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Gives out the whole lines that have come. */
static int take_lines(struct transfer *t, const char *data, size_t size)
{
    struct call *call = t->call;
    int r = 0;

    while (size && r >= 0) {
        const char *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        if (!end) {
            cunik_buffer_append(&t->part, data, size);
            return 0;
        }
        if (t->part.size) {
            cunik_buffer_append(&t->part, data, length);
            r = call->line(call->ctx, t->part.data, t->part.size, &t->err);
            t->part.size = 0;
        } else if (length) {
            r = call->line(call->ctx, data, length, &t->err);
        }
        data += length + 1;
        size -= length + 1;
    }
    return r;
}

static size_t take_answer(char *data, size_t one, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t size = one * n;

    t->heard = true;
    if (t->part.size + t->call->answer.size + size > ANSWER_MAX) {
        t->result = cunik_error_set(&t->err, ERROR_FAILED,
                                    "the engine's answer is larger than %d bytes", ANSWER_MAX);
        return 0;
    }
    if (status_of(t->easy) != HTTP_OK)
        cunik_buffer_append(&t->part, data, size);
    else if (t->call->take)
        t->result = t->call->take(t->call->ctx, data, size, &t->err);
    else if (!t->call->line)
        cunik_buffer_append(&t->call->answer, data, size);
    else
        t->result = take_lines(t, data, size);
    return t->result < 0 ? 0 : size;
}

static size_t give_body(char *to, size_t one, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    ssize_t size = t->call->source->read(t->call->source->ctx, to, one * n, &t->err);

    if (size >= 0)
        return (size_t)size;
    t->result = (int)size;
    return CURL_READFUNC_ABORT;
}

static int rewind_body(void *ctx, curl_off_t offset, int origin)
{
    const struct transfer *t = ctx;

    if (offset != 0 || origin != SEEK_SET || !t->call->source->rewind)
        return CURL_SEEKFUNC_FAIL;
    t->call->source->rewind(t->call->source->ctx);
    return CURL_SEEKFUNC_OK;
}

/* The empty line behind the headers of what is no error. */
static size_t take_header(char *data, size_t one, size_t n, void *ctx)
{
    const struct transfer *t = ctx;

    if (one * n == 2 && memcmp(data, "\r\n", 2) == 0 && status_of(t->easy) == HTTP_OK)
        t->call->begun(t->call->ctx);
    return one * n;
}

/* {"error":{"code","message"}} becomes what it was at the other end. */
static int remote_error(const struct transfer *t, long status, struct error **err)
{
    _cleanup_json_ json_t *json = NULL;
    const char *code = NULL, *message = NULL;

    if (cunik_json_parse(cunik_buffer_text(&t->part), t->part.size, "", &json, NULL) == 0 &&
        json_unpack(json, "{s:{s:s, s:s}}", "error", "code", &code, "message", &message) == 0)
        return cunik_error_set(err, cunik_error_from_name(code), "%s", message);
    return cunik_error_set(err, ERROR_FAILED, "the engine answered %s with status %ld",
                           t->call->path, status);
}

static struct channel take_channel(struct client *c)
{
    struct channel ch = {0};

    pthread_mutex_lock(&c->lock);
    if (c->n_idle)
        ch = c->idle[--c->n_idle];
    pthread_mutex_unlock(&c->lock);
    if (!ch.multi)
        ch = (struct channel){curl_multi_init(), curl_easy_init()};
    if (!ch.multi || !ch.easy)
        abort(); /* out of memory */
    return ch;
}

static void put_channel(struct client *c, struct channel ch)
{
    pthread_mutex_lock(&c->lock);
    *ARRAY_APPEND(c->idle, c->n_idle) = ch;
    pthread_mutex_unlock(&c->lock);
}

void cunik_client_close_channel(struct channel *ch)
{
    curl_easy_cleanup(ch->easy);
    curl_multi_cleanup(ch->multi);
}

static void set_options(const struct client *c, struct transfer *t, struct curl_slist *headers)
{
    const struct call *call = t->call;
    CURL *easy = t->easy;
    _cleanup_free_ char *url = cunik_asprintf("http://cunik%s", call->path);

    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    if (call->begun) {
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    }
    if (call->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
    }
    if (call->source) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->source->size);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(easy, CURLOPT_READDATA, t);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
        if (call->source->rewind)
            call->source->rewind(call->source->ctx);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

/* Makes the cancel_fd wait for the next one. */
static void take_interrupt(const struct client *c)
{
    uint64_t count;

    while (read(c->cancel_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

/* Runs until the transfer has ended (0, and its code) or the user cancels. */
static int run(const struct client *c, CURLM *multi, struct transfer *t, CURLcode *ret,
               struct error **err)
{
    struct call *call = t->call;
    struct curl_waitfd cancel = {.fd = c->cancel_fd, .events = CURL_WAIT_POLLIN};
    unsigned n_extra = c->cancel_fd >= 0;
    CURLMcode code;
    int running, left;

    for (;;) {
        code = curl_multi_perform(multi, &running);
        const CURLMsg *message = curl_multi_info_read(multi, &left);
        if (message && message->msg == CURLMSG_DONE) {
            *ret = message->data.result;
            return 0;
        }
        cancel.revents = 0;
        if (code == CURLM_OK)
            code = curl_multi_poll(multi, &cancel, n_extra, POLL_MS, NULL);
        if (code != CURLM_OK)
            return cunik_error_set(err, ERROR_FAILED, "talking to the engine: %s",
                                   curl_multi_strerror(code));
        if (!cancel.revents)
            continue;
        if (!call->interrupt || call->interrupted || c->impatient)
            return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
        call->interrupted = true;
        take_interrupt(c);
        if (call->interrupt(call->ctx, t->heard) < 0)
            return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    }
}

/* What the end of a transfer means. *ret_again: it was not heard, and may be tried again. */
static int judge(const struct client *c, struct transfer *t, CURLcode code, bool *ret_again,
                 struct error **err)
{
    long status = status_of(t->easy);

    if (t->result < 0)
        return cunik_error_pass(err, t->result, &t->err);
    if (code == CURLE_OK)
        return status == HTTP_OK ? 0 : remote_error(t, status, err);
    *ret_again =
        code == CURLE_COULDNT_CONNECT ||
        (!t->heard && !t->call->once &&
         (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR));
    return cunik_error_set(err, ERROR_UNAVAILABLE, "talking to the engine at '%s': %s", c->socket,
                           t->heard || code == CURLE_GOT_NOTHING ? "it has ended"
                                                                 : curl_easy_strerror(code));
}

static int attempt(struct client *c, struct call *call, bool *ret_again, struct error **err)
{
    struct channel ch = take_channel(c);
    struct transfer t = {.call = call, .easy = ch.easy};
    struct curl_slist *headers =
        call->body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
    CURLcode code = CURLE_OK;
    int r;

    set_options(c, &t, headers);
    curl_multi_add_handle(ch.multi, t.easy);
    r = run(c, ch.multi, &t, &code, err);
    if (r == 0)
        r = judge(c, &t, code, ret_again, err);
    /* A transfer that has not ended is cut off here: its connection is closed. */
    curl_multi_remove_handle(ch.multi, t.easy);
    curl_slist_free_all(headers);
    cunik_buffer_done(&t.part);
    cunik_error_destroy(t.err);
    if (r == 0)
        put_channel(c, ch);
    else
        cunik_client_close_channel(&ch);
    return r;
}

/* Whether somebody answers at the socket: 0 or negative errno. */
static int knock(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
}

static int ensure_engine(const struct client *c, struct error **err)
{
    int r = knock(c->socket);

    if (r == 0)
        return 0;
    if (r == -ENOENT || r == -ECONNREFUSED)
        return cunik_client_start(c, err);
    cunik_error_errno(err, r, "connecting to the engine at '%s'", c->socket);
    if (r == -EACCES && err)
        cunik_error_set(err, ERROR_PERMISSION,
                        "connecting to the engine at '%s': Permission denied; it is for root and "
                        "the members of the group 'cunik'",
                        c->socket);
    return r;
}

int cunik_client_call(struct client *c, struct call *call, struct error **err)
{
    int r = 0;

    for (int i = 0; i < ATTEMPTS; i++) {
        struct error *why = NULL;
        bool again = false;
        call->answer.size = 0;
        r = attempt(c, call, &again, &why);
        if (r < 0 && again && i + 1 < ATTEMPTS) {
            cunik_error_destroy(why);
            r = ensure_engine(c, err);
            if (r < 0)
                return r;
            continue;
        }
        return cunik_error_pass(err, r, &why);
    }
    return r;
}

int cunik_client_json(struct client *c, struct call *call, json_t **ret, struct error **err)
{
    int r = cunik_client_call(c, call, err);

    if (r == 0 && ret)
        r = cunik_json_parse(cunik_buffer_text(&call->answer), call->answer.size,
                             "the engine's answer", ret, err);
    cunik_buffer_done(&call->answer);
    return r;
}
