/* Tests of health checks, as the stack file writes them, checked and taken apart.
 *
 *     ["TCP", "6379"]                 a connection is accepted; also "HOST:PORT"
 *     ["HTTP", URL]                   GET answers with a status from 200 to 399
 *     ["HTTP", URL, "204"]            … with this one; "200-299": within this range
 *     ["LOG", "regex"]                a line of the console matches (POSIX extended)
 *     ["CMD", "program", "arg"…]      a program on the host ends with 0
 *     ["CMD-SHELL", "text"]           likewise, through /bin/sh -c
 *     ["NONE"]                        no health check
 *
 * HOST is an IPv4 address; nothing ("http://:8080/ok") or "localhost" is the guest itself. Names
 * are not looked up: that could block, and a guest has its address before its name is of any use.
 * Everything here is pure.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

enum probe_kind {
    PROBE_NONE,
    PROBE_TCP,
    PROBE_HTTP,
    PROBE_LOG,
    PROBE_CMD,
    PROBE_CMD_SHELL,
    PROBE_KIND_MAX_
};

struct probe_test {
    enum probe_kind kind;
    char *host; /* TCP, HTTP: "" = the guest's address */
    uint16_t port;
    char *path;                      /* HTTP: with its query, from the slash on */
    unsigned status_min, status_max; /* HTTP: what counts as healthy */
    char *pattern;                   /* LOG: as written */
    regex_t regex;                   /* LOG: compiled, when regex_set */
    bool regex_set;
    struct strv command; /* CMD, CMD-SHELL: the arguments, from the program on */
};

/* Fills *ret, which is to be released with done; ERROR_INVALID says what is wrong. An empty list is
 * PROBE_NONE. */
int cunik_probe_test_parse(const struct strv *test, struct probe_test *ret, struct error **err);
void cunik_probe_test_done(struct probe_test *t);
#define _cleanup_probe_test_ _cleanup_(cunik_probe_test_done)
