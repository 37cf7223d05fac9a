/* What the HTTP server answers: one function per path, and the table of them. */
#include "http.h"

#include "behave.h"
#include "config.h"
#include "console.h"
#include "cpu.h"
#include "disk.h"
#include "ip.h"
#include "nic.h"
#include "text.h"

enum {
    GET_PATIENCE_MS = 5000,
    BIG_MOST = 1 << 30,
};

static uint32_t bad_request(struct http_body *body, const char *wanted)
{
    out_print(&body->text, "wanted: %s\n", wanted);
    return 400;
}

static uint32_t handle_root(struct http *http, struct http_body *body)
{
    (void)http;
    out_print(&body->text, "hello from %s\n", config.hostname ? config.hostname : "probe");
    return 200;
}

static uint32_t handle_args(struct http *http, struct http_body *body)
{
    (void)http;
    for (size_t i = 0; i < config.argument_count; i++)
        out_print(&body->text, "%s\n", config.arguments[i]);
    return 200;
}

static uint32_t handle_env(struct http *http, struct http_body *body)
{
    (void)http;
    for (size_t i = 0; i < config.environment_count; i++)
        out_print(&body->text, "%s\n", config.environment[i]);
    return 200;
}

static uint32_t handle_net(struct http *http, struct http_body *body)
{
    struct out *text = &body->text;

    (void)http;
    for (size_t i = 0; i < ip_count(); i++) {
        const struct interface *interface = ip_interface(i);
        out_print(text, "eth%u address %i/%u mask %i gateway %i mac %m mtu %u\n",
                  (uint32_t)(interface->nic - nic_at(0)), interface->address, interface->length,
                  interface->mask, interface->gateway, interface->nic->mac,
                  (uint32_t)interface->mtu);
    }
    for (size_t i = 0; i < config.server_count; i++)
        out_print(text, "dns %i\n", config.servers[i]);
    if (config.hostname)
        out_print(text, "hostname %s\n", config.hostname);
    if (config.domain)
        out_print(text, "domain %s\n", config.domain);
    return 200;
}

static uint32_t handle_health(struct http *http, struct http_body *body)
{
    if (text_equal(http->query, "ill") || text_equal(http->query, "well"))
        behave_become(text_equal(http->query, "well"));
    else if (*http->query != '\0')
        return bad_request(body, "/health, /health?ill or /health?well");
    bool healthy = behave_is_healthy();
    out_print(&body->text, "%s\n", healthy ? "healthy" : "unhealthy");
    return healthy ? 200 : 503;
}

static uint32_t handle_echo(struct http *http, struct http_body *body)
{
    if (!text_percent_decode(http->query))
        return bad_request(body, "/echo?TEXT with %XX of two hexadecimal digits");
    out_print(&body->text, "%s\n", http->query);
    return 200;
}

static void fetched(void *data, const struct fetch_result *result)
{
    struct http *http = data;
    struct http_body *body = http_begin_body();
    bool worked = result->status / 100 == 2;

    http->fetch = NULL;
    if (worked)
        out_bytes(&body->text, result->body, result->length);
    else if (result->status != 0)
        out_print(&body->text, "it answered %u\n", result->status);
    else
        out_print(&body->text, "%s\n", result->why);
    http_answer(http, worked ? 200 : 502, body);
}

static uint32_t handle_get(struct http *http, struct http_body *body)
{
    const char *why;

    http->fetch = fetch_begin(http->query, GET_PATIENCE_MS, fetched, http, &why);
    if (http->fetch)
        return HTTP_DEFERRED;
    out_print(&body->text, "%s\n", why);
    return 502;
}

static void resolved(void *data, const uint32_t *addresses, size_t count, const char *why)
{
    struct http *http = data;
    struct http_body *body = http_begin_body();

    http->lookup = NULL;
    for (size_t i = 0; i < count; i++)
        out_print(&body->text, "%i\n", addresses[i]);
    if (count == 0)
        out_print(&body->text, "%s\n", why);
    http_answer(http, count > 0 ? 200 : 404, body);
}

static uint32_t handle_resolve(struct http *http, struct http_body *body)
{
    const char *why;

    http->lookup = dns_ask(http->query, resolved, http, &why);
    if (http->lookup)
        return HTTP_DEFERRED;
    out_print(&body->text, "%s\n", why);
    return 404;
}

static uint32_t handle_exit(struct http *http, struct http_body *body)
{
    uint32_t code = 0;

    if (*http->query != '\0' && !text_number(http->query, 255, &code))
        return bad_request(body, "/exit?N with N up to 255");
    http_then(http, behave_exit, code);
    out_print(&body->text, "exiting with %u\n", code);
    return 200;
}

static uint32_t handle_crash(struct http *http, struct http_body *body)
{
    http_then(http, behave_crash, 0);
    out_print(&body->text, "crashing\n");
    return 200;
}

static uint32_t handle_hang(struct http *http, struct http_body *body)
{
    http_then(http, behave_hang, 0);
    out_print(&body->text, "hanging\n");
    return 200;
}

static uint32_t handle_disk(struct http *http, struct http_body *body)
{
    uint32_t index;
    const char *why;

    if (!text_number(http->query, DISK_MOST - 1, &index))
        return bad_request(body, "/disk?N");
    const char *sector = disk_first_sector(index, &why);
    if (sector)
        out_visible(&body->text, sector, DISK_SECTOR, false);
    else
        out_print(&body->text, "%s\n", why);
    return sector ? 200 : 404;
}

static uint32_t handle_write(struct http *http, struct http_body *body)
{
    const char *why = disk_write(0, http->query);

    out_print(&body->text, "%s\n", why ? why : "written");
    return why ? 404 : 200;
}

static uint32_t handle_big(struct http *http, struct http_body *body)
{
    if (!text_number(http->query, BIG_MOST, &body->filler))
        return bad_request(body, "/big?N with N up to 2^30");
    return 200;
}

static uint32_t handle_stats(struct http *http, struct http_body *body)
{
    struct out *text = &body->text;

    (void)http;
    out_print(text, "dialect %s\nrequests %u\nwakeups %u\nconsole_lost %u\ndisks %u\n",
              config.dialect, http_count(), cpu_wakeups(), console_lost(), (uint32_t)disk_count());
    out_print(text,
              "tcp_slots %u\ntcp_active %u\ntcp_accepted %u\ntcp_opened %u\ntcp_resent "
              "%u\ntcp_refused %u\n",
              tcp_counts.slots, tcp_counts.active, tcp_counts.accepted, tcp_counts.opened,
              tcp_counts.resent, tcp_counts.refused);
    for (size_t i = 0; i < nic_count(); i++) {
        const struct nic *nic = nic_at(i);
        out_print(text, "eth%u_received %u\neth%u_sent %u\neth%u_full %u\n", (uint32_t)i,
                  nic->received, (uint32_t)i, nic->sent, (uint32_t)i, nic->full);
    }
    return 200;
}

static const struct route {
    const char *path;
    uint32_t (*handle)(struct http *http, struct http_body *body);
} routes[] = {
    {"/", handle_root},           {"/args", handle_args},     {"/big", handle_big},
    {"/crash", handle_crash},     {"/disk", handle_disk},     {"/echo", handle_echo},
    {"/env", handle_env},         {"/exit", handle_exit},     {"/get", handle_get},
    {"/hang", handle_hang},       {"/health", handle_health}, {"/net", handle_net},
    {"/resolve", handle_resolve}, {"/stats", handle_stats},   {"/write", handle_write},
};

uint32_t routes_handle(struct http *http, const char *path, struct http_body *body)
{
    for (size_t i = 0; i < COUNT(routes); i++)
        if (text_equal(routes[i].path, path))
            return routes[i].handle(http, body);
    out_print(&body->text, "no such path; there are:");
    for (size_t i = 0; i < COUNT(routes); i++)
        out_print(&body->text, " %s", routes[i].path);
    out_print(&body->text, "\n");
    return 404;
}
