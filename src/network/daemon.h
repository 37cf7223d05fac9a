/* Programs that put themselves into the background: starting one, finding it again, ending it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strv.h"

/* Runs a program until it has put its daemon into the background, which it does when that is ready.
 * What it wrote on standard error is in the error when it failed. The daemon inherits no signal
 * mask and nothing open. argv[0] is an absolute path; pid_file is where the daemon leaves its
 * number. */
int cunik_daemon_start(const struct strv *argv, const char *pid_file, struct error **err);

/* The process whose number is in a file and whose command line has `argument`, exactly, as one of
 * its arguments: 0 when there is none (any more). ret_argv, when not NULL, gets its whole command
 * line.
 */
pid_t cunik_daemon_find(const char *pid_file, const char *argument, struct strv *ret_argv);

/* Asks it to end, waits, kills it when it does not within two seconds. It need not be there. One
 * that is just ending, under the name `name` (as /proc/PID/comm has it), is waited for: until then
 * it has its addresses. */
int cunik_daemon_stop(const char *pid_file, const char *argument, const char *name,
                      struct error **err);
