#include "fetch.h"

#include <stdbool.h>

#include "clock.h"
#include "dns.h"
#include "out.h"
#include "tcp.h"
#include "text.h"

enum { FETCHES = 48, HTTP_PORT = 80 };

struct fetch {
    bool running;
    char url[FETCH_URL]; /* cut into its parts */
    const char *host, *path;
    uint16_t port;
    struct dns_query *query;
    struct tcp *tcp;
    struct timer timer;
    fetch_done *done;
    void *data;
};

static struct fetch fetches[FETCHES];

void fetch_cancel(struct fetch *fetch)
{
    if (!fetch)
        return;
    timer_stop(&fetch->timer);
    dns_cancel(fetch->query);
    fetch->query = NULL;
    if (fetch->tcp)
        tcp_abort(fetch->tcp);
    fetch->tcp = NULL;
    fetch->running = false;
}

static void finish(struct fetch *fetch, const struct fetch_result *result)
{
    fetch->done(fetch->data, result);
}

static void fail(struct fetch *fetch, const char *why)
{
    fetch_cancel(fetch);
    finish(fetch, &(struct fetch_result){.why = why});
}

static void out_of_time(void *data)
{
    fail(data, "no answer in time");
}

static void opened(struct tcp *tcp)
{
    struct fetch *fetch = tcp->data;
    char request[2 * FETCH_URL + 64];
    struct out out;

    out_init(&out, request, sizeof(request));
    out_print(&out, "GET /%s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", fetch->path,
              fetch->host);
    tcp_write(tcp, out.base, out.used);
}

/* Behind the empty line that ends the header, or 0 when it is not there yet. */
static size_t header_end(const char *text, size_t length)
{
    for (size_t i = 3; i < length; i++)
        if (memcmp(text + i - 3, "\r\n\r\n", 4) == 0)
            return i + 1;
    return 0;
}

/* The number behind `Content-Length:`; false when there is none. */
static bool content_length(const char *text, size_t header, uint32_t *ret_length)
{
    static const char name[] = "\ncontent-length:";
    size_t size = sizeof(name) - 1;

    for (size_t i = 0; i + size < header; i++) {
        if (!text_same_letters(text + i, name, size))
            continue;
        uint32_t length = 0;
        for (i += size; text[i] == ' '; i++)
            ;
        for (; text[i] >= '0' && text[i] <= '9' && length < 1000000; i++)
            length = length * 10 + (uint32_t)(text[i] - '0');
        *ret_length = length;
        return true;
    }
    return false;
}

static bool read_status(const char *text, size_t header, uint32_t *ret_status)
{
    uint32_t status = 0;

    if (header < 13 || memcmp(text, "HTTP/1.", 7) != 0 || text[8] != ' ')
        return false;
    for (size_t i = 9; i < 12; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        status = status * 10 + (uint32_t)(text[i] - '0');
    }
    *ret_status = status;
    return true;
}

/* The connection of a fetch that has its answer: it only ends in order, and nobody waits for it. */
static void discard(struct tcp *tcp)
{
    tcp_consume(tcp, tcp->in_length);
}

static void ignore(struct tcp *tcp)
{
    (void)tcp;
}

static void ended(struct tcp *tcp, const char *why)
{
    (void)tcp;
    (void)why;
}

static const struct tcp_user leaver = {ignore, discard, ignore, ended};

static void leave(struct tcp *tcp)
{
    tcp->user = &leaver;
    tcp->busy = false;
    discard(tcp);
    tcp_end(tcp);
    tcp_push(tcp);
}

/* Whether the answer is there as a whole; then or when it never will be, the fetch is finished. */
static void look(struct fetch *fetch, const char *text, size_t length, bool ended)
{
    size_t header = header_end(text, length);
    uint32_t wanted, status;

    if (header == 0 && !ended && length < TCP_IN)
        return;
    if (header == 0 || !read_status(text, header, &status)) {
        fail(fetch, "not an HTTP answer");
        return;
    }
    bool told = content_length(text, header, &wanted);
    size_t got = length - header;
    if (!ended && length == TCP_IN && (!told || got < wanted)) {
        fail(fetch, "the answer is too long");
    } else if (told && got < wanted && ended) {
        fail(fetch, "the answer is cut short");
    } else if (ended || (told && got >= wanted)) {
        struct tcp *tcp = fetch->tcp;
        fetch->tcp = NULL;
        fetch_cancel(fetch);
        finish(fetch, &(struct fetch_result){status, NULL, text + header, told ? wanted : got});
        leave(tcp); /* after the call: the text stands in its buffer */
    }
}

static void received(struct tcp *tcp)
{
    look(tcp->data, (const char *)tcp->in, tcp->in_length, tcp->in_ended);
}

static void closed(struct tcp *tcp, const char *why)
{
    struct fetch *fetch = tcp->data;

    fetch->tcp = NULL;
    fail(fetch, why ? why : "closed without an answer");
}

static const struct tcp_user user = {opened, received, ignore, closed};

static void connect_to(struct fetch *fetch, uint32_t address)
{
    const char *why;

    fetch->tcp = tcp_connect(address, fetch->port, &user, fetch, &why);
    if (!fetch->tcp)
        fail(fetch, why);
}

static void resolved(void *data, const uint32_t *addresses, size_t count, const char *why)
{
    struct fetch *fetch = data;

    fetch->query = NULL;
    if (count == 0)
        fail(fetch, why);
    else
        connect_to(fetch, addresses[0]);
}

/* Cuts fetch->url. */
static bool read_url(struct fetch *fetch, const char *url)
{
    static const char scheme[] = "http://";
    uint32_t port = HTTP_PORT;
    size_t length = strlen(url);

    if (length >= FETCH_URL || !text_starts(url, scheme))
        return false;
    memcpy(fetch->url, url, length + 1);
    char *host = fetch->url + sizeof(scheme) - 1;
    for (const char *at = host; *at != '\0'; at++)
        if (*at <= ' ')
            return false;
    char *path = text_cut(host, '/');
    char *number = text_cut(host, ':');
    if (number && (!text_number(number, 65535, &port) || port == 0))
        return false;
    fetch->host = host;
    fetch->path = path ? path : "";
    fetch->port = (uint16_t)port;
    return *host != '\0';
}

struct fetch *fetch_begin(const char *url, uint32_t patience_ms, fetch_done *done, void *data,
                          const char **ret_why)
{
    struct fetch *fetch = fetches;
    uint32_t address;

    while (fetch < fetches + FETCHES && fetch->running)
        fetch++;
    if (fetch == fetches + FETCHES) {
        *ret_why = "too many calls at once";
        return NULL;
    }
    if (!read_url(fetch, url)) {
        *ret_why = "not an http:// address";
        return NULL;
    }
    fetch->query = NULL;
    fetch->tcp = NULL;
    if (!text_address(fetch->host, &address)) {
        fetch->query = dns_ask(fetch->host, resolved, fetch, ret_why);
        if (!fetch->query)
            return NULL;
    } else {
        fetch->tcp = tcp_connect(address, fetch->port, &user, fetch, ret_why);
        if (!fetch->tcp)
            return NULL;
    }
    fetch->running = true;
    fetch->done = done;
    fetch->data = data;
    fetch->timer.run = out_of_time;
    fetch->timer.data = fetch;
    timer_start(&fetch->timer, patience_ms);
    return fetch;
}
