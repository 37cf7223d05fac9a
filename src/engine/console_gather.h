/* Consoles that somebody else writes: under a libvirtd it is virtlogd, into NAME.out, which it sets
 * aside as NAME.out.0, .1 and so on as it grows, and of which it keeps few. What it has written is
 * moved to the end of NAME.log, byte by byte and once, over the death of anybody: NAME.taken says
 * which file was read up to where when NAME.log had which size, so that what was appended since
 * tells the rest. While there is no engine, virtlogd's files hold what comes (by its own
 * configuration 8 MiB).
 *
 * One at a time for each console.
 */
#pragma once

#include "base/error.h"

/* Moves what is there; nothing when there is no such file. What cannot be written now (a full disk)
 * comes with the next call. */
void cunik_console_gather(const char *folder, const char *name);
int cunik_console_gathered_remove(const char *folder, const char *name, struct error **err);
