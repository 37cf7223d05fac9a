#include "http.h"

#include "text.h"

enum {
    CONNECTIONS = 128, /* as many as TCP has at most */
    BODY = TCP_OUT - 512,
    FAREWELL_MS = 300,
};

static struct http connections[CONNECTIONS];
static uint32_t answered;

static const struct status {
    uint32_t code;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
};

struct http_body *http_begin_body(void)
{
    static char room[BODY];
    static struct http_body body;

    out_init(&body.text, room, sizeof(room));
    body.filler = 0;
    return &body;
}

uint32_t http_count(void)
{
    return answered;
}

static const char *status_text(uint32_t code)
{
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].code == code)
            return statuses[i].text;
    return "Unknown";
}

void http_answer(struct http *http, uint32_t status, const struct http_body *body)
{
    static const char too_long[] = "the answer is too long\n";
    char header[256];
    struct out out;
    const char *text = body->text.base;
    size_t length = body->text.used;

    if (body->text.overflow) {
        status = 500;
        text = too_long;
        length = sizeof(too_long) - 1;
    }
    out_init(&out, header, sizeof(header));
    out_print(&out, "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n", status,
              status_text(status));
    out_print(&out, "Content-Length: %u\r\nConnection: %s\r\n\r\n", (uint32_t)length + body->filler,
              http->close ? "close" : "keep-alive");
    tcp_write(http->tcp, out.base, out.used);
    if (!http->head) {
        tcp_write(http->tcp, text, length);
        tcp_fill(http->tcp, body->filler);
    }
    if (http->close)
        tcp_end(http->tcp);
    http->tcp->busy = false;
    answered++;
    tcp_push(http->tcp);
}

static void answer_error(struct http *http, uint32_t status, const char *text)
{
    struct http_body *body = http_begin_body();

    http->close = true;
    http->head = false;
    out_print(&body->text, "%s\n", text);
    http_answer(http, status, body);
}

/* Length of the request's header with its empty line, or 0 when it is not there yet. */
static size_t header_length(const char *text, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] != '\n')
            continue;
        if (text[i + 1] == '\n')
            return i + 2;
        if (i + 2 < length && text[i + 1] == '\r' && text[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

/* Whether the header has `name` (in small letters, with its colon) with a value that begins with
 * `value`. */
static bool has_field(const char *text, size_t length, const char *name, const char *value)
{
    size_t name_length = strlen(name), value_length = strlen(value);

    for (size_t i = 0; i + 1 < length; i++) {
        size_t at = i + 1 + name_length;
        if (text[i] != '\n' || at >= length || !text_same_letters(text + i + 1, name, name_length))
            continue;
        while (at < length && text[at] == ' ')
            at++;
        return at + value_length <= length && text_same_letters(text + at, value, value_length);
    }
    return false;
}

/* Cuts the request line at its blanks; false when it has not exactly three parts. */
static bool cut_line(char *line, size_t length, char **ret_target, char **ret_version)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\r' || line[i] == '\n') {
            line[i] = '\0';
            break;
        }
        if (line[i] == '\0')
            return false;
    }
    *ret_target = text_cut(line, ' ');
    *ret_version = *ret_target ? text_cut(*ret_target, ' ') : NULL;
    return *ret_version && **ret_target == '/' && text_starts(*ret_version, "HTTP/1.") &&
           !text_find(*ret_version, ' ');
}

static void handle(struct http *http, char *request, size_t length)
{
    char *target, *version;
    bool keep = has_field(request, length, "connection:", "keep-alive");
    bool close = has_field(request, length, "connection:", "close");
    bool has_body = has_field(request, length, "transfer-encoding:", "") ||
                    (has_field(request, length, "content-length:", "") &&
                     !has_field(request, length, "content-length:", "0"));

    if (!cut_line(request, length, &target, &version)) {
        answer_error(http, 400, "not an HTTP request");
        return;
    }
    http->close = close || has_body || (text_equal(version, "HTTP/1.0") && !keep);
    http->head = text_equal(request, "HEAD");
    if (!http->head && !text_equal(request, "GET")) {
        answer_error(http, 405, "only GET and HEAD");
        return;
    }
    http->query = text_cut(target, '?');
    if (!http->query)
        http->query = "";
    struct http_body *body = http_begin_body();
    http->tcp->busy = true;
    uint32_t status = routes_handle(http, target, body);
    if (status != HTTP_DEFERRED)
        http_answer(http, status, body);
}

/* One request at a time: the next is looked at when the answer to this one has arrived. */
static void look(struct http *http)
{
    struct tcp *tcp = http->tcp;
    char *text = (char *)tcp->in;

    if (tcp->busy || tcp->ending || tcp->out_length > 0 || tcp->filler > 0) {
        if (tcp->ending)
            tcp_consume(tcp, tcp->in_length);
        return;
    }
    size_t length = header_length(text, tcp->in_length);
    if (length > 0) {
        text[length - 1] = '\0'; /* the end of the empty line */
        handle(http, text, length);
        if (http->tcp == tcp)
            tcp_consume(tcp, length);
    } else if (tcp->in_length == TCP_IN) {
        answer_error(http, 431, "the header is too long");
    } else if (tcp->in_ended) {
        tcp_end(tcp);
        tcp_push(tcp);
    }
}

static void forget(struct http *http)
{
    timer_stop(&http->farewell);
    fetch_cancel(http->fetch);
    dns_cancel(http->lookup);
    *http = (struct http){0};
}

static void say_farewell(void *data)
{
    struct http *http = data;

    http->after(http->number);
}

void http_then(struct http *http, void (*after)(uint32_t number), uint32_t number)
{
    http->close = true;
    http->after = after;
    http->number = number;
    http->farewell.run = say_farewell;
    http->farewell.data = http;
    timer_start(&http->farewell, FAREWELL_MS);
}

static void opened(struct tcp *tcp)
{
    struct http *http = connections;

    while (http < connections + CONNECTIONS && http->tcp)
        http++;
    if (http == connections + CONNECTIONS) {
        tcp_abort(tcp);
        return;
    }
    *http = (struct http){.tcp = tcp};
    tcp->data = http;
}

static void received(struct tcp *tcp)
{
    look(tcp->data);
}

static void drained(struct tcp *tcp)
{
    struct http *http = tcp->data;

    if (http->after)
        http->after(http->number);
    look(http);
}

static void closed(struct tcp *tcp, const char *why)
{
    struct http *http = tcp->data;

    (void)why;
    if (!http)
        return; /* never opened */
    void (*after)(uint32_t) = http->after;
    uint32_t number = http->number;
    forget(http);
    if (after)
        after(number);
}

static const struct tcp_user user = {opened, received, drained, closed};

void http_listen(uint16_t port)
{
    tcp_listen(port, &user);
}
