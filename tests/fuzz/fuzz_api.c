/* The API over its socket: the real server and the real engine, on the host in memory. The first
 * line is method and target ("GET /v1/world?stack=s"), all behind it the body. Whatever they are,
 * the connection ends with an answer, or none for what is no HTTP, and an error is one that a
 * client can read. What a body of /v1/plan is taken for is sent on as the same.
 *
 * Nothing is carried out: /v1/apply is left out, for it reads what /v1/plan does, and so are
 * archives, which have tests of their own. */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/server.h"
#include "tests/support/fake_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ANSWER_MS = 60000, /* longest time until an answer begins: much, for it may run slowly */
    SILENCE_MS = 20,   /* a stream that says nothing for so long is left */
};

static struct fake_engine engine;
static struct server *server;
static char *root, *path;

static void clean_up(void)
{
    cunik_server_destroy(server);
    fake_engine_done(&engine);
    cunik_file_remove_tree(root, NULL);
    free(root);
    free(path);
}

static void begin(void)
{
    _cleanup_json_ json_t *version = json_pack("{s:s}", "version", "0");
    struct server_settings settings = {.version = version};
    char folder[] = "/tmp/cunik-fuzz-XXXXXX";

    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder))
        abort();
    root = cunik_strdup(folder);
    path = cunik_path_join(root, "sock");
    fake_engine_init(&engine);
    settings.engine = engine.engine;
    settings.images = root;
    if (cunik_server_listen(path, &settings.listen_fd, NULL) < 0 ||
        cunik_server_create(&settings, &server, NULL) < 0)
        abort();
    atexit(clean_up);
}

/* Whether a line asks for what is left out, or could under another spelling. */
static bool is_left_out(const char *line, size_t size)
{
    static const char *const words[] = {"apply", "image", "%"};
    _cleanup_free_ char *where = cunik_strndup(line, size);

    where[strcspn(where, "?")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strstr(where, words[i]))
            return true;
    return strlen(where) != strcspn(where, "\r");
}

static int connect_to(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        abort();
    return fd;
}

/* All that comes until the other side closes, or says nothing more of a stream. */
static void read_answer(int fd, struct buffer *ret)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char chunk[4096];
    ssize_t got = 1;

    while (got > 0) {
        const char *text = cunik_buffer_text(ret);
        bool streams = strstr(text, "application/x-ndjson") || strstr(text, "octet-stream");
        int n = poll(&ready, 1, streams ? SILENCE_MS : ANSWER_MS);
        if (n == 0 && !streams)
            abort();
        got = n > 0 ? recv(fd, chunk, sizeof(chunk), 0) : 0;
        if (got > 0)
            cunik_buffer_append(ret, chunk, (size_t)got);
    }
}

/* {"error":{"code","message"}} for all but success and what is no HTTP for libmicrohttpd. */
static void check_answer(const char *text)
{
    const char *body = strstr(text, "\r\n\r\n");
    const char *code, *message;

    if (!*text || cunik_text_starts(text, "HTTP/1.1 200 "))
        return;
    if (!cunik_text_starts(text, "HTTP/1.") || !body)
        abort();
    if (!strstr(text, "application/json"))
        return;
    _cleanup_json_ json_t *json = json_loads(body + 4, 0, NULL);
    if (json_unpack(json, "{s:{s:s, s:s}}", "error", "code", &code, "message", &message) < 0)
        abort();
}

/* What has been taken for a request is the same request when it is sent on. */
static void check_request(const char *body, size_t size)
{
    _cleanup_request_ struct request r = {0}, again = {0};
    _cleanup_json_ json_t *json = NULL;

    if (cunik_json_parse(body, size, "the request", &json, NULL) < 0 ||
        cunik_request_from_json(json, &r, NULL) < 0)
        return;
    _cleanup_json_ json_t *sent = cunik_request_to_json(&r);
    if (cunik_request_from_json(sent, &again, NULL) < 0)
        abort();
    _cleanup_json_ json_t *back = cunik_request_to_json(&again);
    if (!json_equal(sent, back))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buffer_ struct buffer request = {0}, answer = {0};

    if (!server)
        begin();
    const char *line = (const char *)data, *end = memchr(line, '\n', size);
    size_t line_size = end ? (size_t)(end - line) : size;
    const char *body = line + line_size + (end != NULL);
    size_t body_size = (size_t)(line + size - body);
    if (is_left_out(line, line_size))
        return 0;
    if (line_size == strlen("POST /v1/plan") && memcmp(line, "POST /v1/plan", line_size) == 0)
        check_request(body, body_size);
    cunik_buffer_append(&request, line, line_size);
    cunik_buffer_printf(&request,
                        " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                        body_size);
    cunik_buffer_append(&request, body, body_size);
    int fd = connect_to();
    (void)cunik_write_all(fd, request.data, request.size);
    shutdown(fd, SHUT_WR);
    read_answer(fd, &answer);
    close(fd);
    check_answer(cunik_buffer_text(&answer));
    return 0;
}
