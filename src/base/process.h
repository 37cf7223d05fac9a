/* Other programs, run to their end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

/* Runs argv[0], found in PATH (words KEY=VALUE in front of it go into its environment), with
 * nothing on its standard input and none of our descriptors. ERROR_UNAVAILABLE when it is not
 * there; ERROR_FAILED when it ends with anything but 0, with the last line that it wrote on
 * standard error. ret_output, when not NULL, gets what it wrote on standard output (at most
 * PROCESS_OUTPUT_MAX bytes; more is ERROR_FAILED) and is the caller's; else that goes nowhere. */
enum { PROCESS_OUTPUT_MAX = 16 << 20 };
int cunik_process_run(const struct strv *argv, char **ret_output, struct error **err);

/* The same for a handful of literal arguments: PROCESS_RUN(err, "mke2fs", "-q", path). */
#define PROCESS_RUN(err, ...)                                                                      \
    ({                                                                                             \
        const char *const words_[] = {__VA_ARGS__};                                                \
        cunik_process_run_words(words_, ARRAY_SIZE(words_), (err));                                \
    })
int cunik_process_run_words(const char *const *words, size_t n, struct error **err);

/* The same with its standard streams left as ours: what it says is for the user. */
int cunik_process_show(const struct strv *argv, struct error **err);

/* Between these two no other process begins: neither ours nor one that a library forks. A new
 * process has copies of all our descriptors until it becomes another program, and what such a copy
 * keeps busy (a tap takes one descriptor at a time) is not free when we close ours. For moments. */
void cunik_process_hold(void);
void cunik_process_release(void);

/* Whether nobody here can change their groups, not even root: in a user namespace that an ordinary
 * user has made, where root is that user and there is no other (user_namespaces(7)). */
bool cunik_process_keeps_groups(void);
