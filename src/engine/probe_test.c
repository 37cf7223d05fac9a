#include "engine/probe_test.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/health.h"

const struct world_health cunik_health_usual = {.interval_ns = 30 * NS_PER_SECOND,
                                                .timeout_ns = 30 * NS_PER_SECOND,
                                                .start_interval_ns = 5 * NS_PER_SECOND,
                                                .retries = 3};

void cunik_health_set_test(struct world_health *to, const struct strv *test)
{
    cunik_strv_done(&to->test);
    *to = cunik_health_usual;
    cunik_strv_copy(&to->test, test);
}

static int parse_port(const char *text, uint16_t *ret, struct error **err)
{
    uint64_t port;

    if (cunik_text_to_uint(text, 1, UINT16_MAX, &port) < 0)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no port (1 to 65535)", text);
    *ret = (uint16_t)port;
    return 0;
}

/* Stores a host; "" and "localhost" are the guest itself. */
static int parse_host(const char *text, size_t size, char **ret, struct error **err)
{
    _cleanup_free_ char *host = cunik_strndup(text, size);
    struct in_addr address;

    if (strcmp(host, "localhost") == 0)
        *host = '\0';
    if (*host && inet_pton(AF_INET, host, &address) != 1)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is no IPv4 address; leave the host out for the guest itself",
                               host);
    *ret = TAKE_PTR(host);
    return 0;
}

static int parse_tcp(const struct strv *test, struct probe_test *ret, struct error **err)
{
    const char *text = test->items[1], *colon = strrchr(text, ':');
    int r;

    r = parse_host(text, colon ? (size_t)(colon - text) : 0, &ret->host, err);
    if (r < 0)
        return r;
    return parse_port(colon ? colon + 1 : text, &ret->port, err);
}

/* Bytes that may not stand in a request line: blanks and control characters. */
static bool has_bad_byte(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return true;
    return false;
}

static int parse_status(const char *text, struct probe_test *ret, struct error **err)
{
    const char *dash = strchr(text, '-');
    _cleanup_free_ char *first = cunik_strndup(text, dash ? (size_t)(dash - text) : strlen(text));
    uint64_t min, max;

    if (cunik_text_to_uint(first, 100, 599, &min) < 0 ||
        cunik_text_to_uint(dash ? dash + 1 : first, min, 599, &max) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is no HTTP status (\"204\") or range of them (\"200-299\")",
                               text);
    ret->status_min = (unsigned)min;
    ret->status_max = (unsigned)max;
    return 0;
}

static int parse_http(const struct strv *test, struct probe_test *ret, struct error **err)
{
    static const char scheme[] = "http://";
    const char *url = test->items[1];
    int r;

    if (!cunik_text_starts(url, scheme))
        return cunik_error_set(err, ERROR_INVALID, "the URL '%s' does not begin with '%s'", url,
                               scheme);
    if (has_bad_byte(url))
        return cunik_error_set(err, ERROR_INVALID,
                               "the URL '%s' has a blank or control character; write it as %%20",
                               url);
    const char *host = url + strlen(scheme);
    size_t authority = strcspn(host, "/?#");
    const char *path = host + authority;
    const char *colon = memchr(host, ':', authority);
    size_t host_size = colon ? (size_t)(colon - host) : authority;

    r = parse_host(host, host_size, &ret->host, err);
    if (r < 0)
        return cunik_error_prefix(err, r, "the URL '%s'", url);
    ret->port = 80;
    if (colon) {
        _cleanup_free_ char *port = cunik_strndup(colon + 1, authority - host_size - 1);
        r = parse_port(port, &ret->port, err);
        if (r < 0)
            return cunik_error_prefix(err, r, "the URL '%s'", url);
    }
    ret->path = cunik_asprintf("%s%.*s", *path == '/' ? "" : "/", (int)strcspn(path, "#"), path);
    ret->status_min = 200;
    ret->status_max = 399;
    return test->n > 2 ? parse_status(test->items[2], ret, err) : 0;
}

static int parse_log(const struct strv *test, struct probe_test *ret, struct error **err)
{
    char words[256];
    int r;

    ret->pattern = cunik_strdup(test->items[1]);
    if (!*ret->pattern)
        return cunik_error_set(err, ERROR_INVALID, "an empty pattern matches everything");
    r = regcomp(&ret->regex, ret->pattern, REG_EXTENDED | REG_NOSUB);
    if (r != 0) {
        regerror(r, &ret->regex, words, sizeof(words));
        return cunik_error_set(err, ERROR_INVALID, "the regular expression '%s': %s", ret->pattern,
                               words);
    }
    ret->regex_set = true;
    return 0;
}

static int parse_command(const struct strv *test, struct probe_test *ret, struct error **err)
{
    if (cunik_text_blank(test->items[1]))
        return cunik_error_set(err, ERROR_INVALID, "the program is empty");
    for (size_t i = 1; i < test->n; i++)
        cunik_strv_add(&ret->command, test->items[i]);
    return 0;
}

static int parse_shell(const struct strv *test, struct probe_test *ret, struct error **err)
{
    if (cunik_text_blank(test->items[1]))
        return cunik_error_set(err, ERROR_INVALID, "the command is empty");
    cunik_strv_add(&ret->command, "/bin/sh");
    cunik_strv_add(&ret->command, "-c");
    cunik_strv_add(&ret->command, test->items[1]);
    return 0;
}

static const struct {
    const char *name;
    const char *needs; /* what stands behind the name, for messages */
    size_t min, max;   /* how many of it */
    int (*parse)(const struct strv *test, struct probe_test *ret, struct error **err);
} kinds[] = {
    [PROBE_NONE] = {"NONE", "nothing", 0, 0, NULL},
    [PROBE_TCP] = {"TCP", "a port", 1, 1, parse_tcp},
    [PROBE_HTTP] = {"HTTP", "a URL and perhaps a status", 1, 2, parse_http},
    [PROBE_LOG] = {"LOG", "one regular expression", 1, 1, parse_log},
    [PROBE_CMD] = {"CMD", "a program and its arguments", 1, SIZE_MAX, parse_command},
    [PROBE_CMD_SHELL] = {"CMD-SHELL", "one command for the shell", 1, 1, parse_shell},
};
_Static_assert(ARRAY_SIZE(kinds) == PROBE_KIND_MAX_, "every kind of probe has its row");

static int unknown_kind(const char *name, struct error **err)
{
    const char *names[PROBE_KIND_MAX_];

    for (size_t i = 0; i < PROBE_KIND_MAX_; i++)
        names[i] = kinds[i].name;
    _cleanup_free_ char *near = cunik_text_suggestion(name, names, PROBE_KIND_MAX_);
    return cunik_error_set(err, ERROR_INVALID,
                           "'%s' is no kind of health check (TCP, HTTP, LOG, CMD, CMD-SHELL, "
                           "NONE)%s",
                           name, near);
}

int cunik_probe_test_parse(const struct strv *test, struct probe_test *ret, struct error **err)
{
    _cleanup_probe_test_ struct probe_test parsed = {0};
    enum probe_kind kind = PROBE_NONE;
    int r = 0;

    while (test->n && kind < PROBE_KIND_MAX_ && strcmp(kinds[kind].name, test->items[0]) != 0)
        kind++;
    if (kind == PROBE_KIND_MAX_)
        return unknown_kind(test->items[0], err);
    if (test->n && (test->n - 1 < kinds[kind].min || test->n - 1 > kinds[kind].max))
        return cunik_error_set(err, ERROR_INVALID, "%s takes %s", kinds[kind].name,
                               kinds[kind].needs);
    parsed.kind = kind;
    if (kinds[kind].parse)
        r = kinds[kind].parse(test, &parsed, err);
    if (r < 0)
        return cunik_error_prefix(err, r, "%s", kinds[kind].name);
    *ret = parsed;
    parsed = (struct probe_test){0};
    return 0;
}

void cunik_probe_test_done(struct probe_test *t)
{
    free(t->host);
    free(t->path);
    free(t->pattern);
    if (t->regex_set)
        regfree(&t->regex);
    cunik_strv_done(&t->command);
    *t = (struct probe_test){0};
}
