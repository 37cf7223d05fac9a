/* Consoles the other way: what is typed, on its way to guests.
 *
 * A guest's serial port is a pseudo terminal that QEMU holds one end of. All who are attached to a
 * guest share one opened other end. What the guest writes comes out there as well, beside the
 * console's file (console.h), which is what readers read; one thread empties it and drops it, so
 * that a guest never stands still for somebody who is attached and does not read. While nobody is
 * attached nothing is open, and QEMU has nobody to wait for.
 *
 * QEMU notices within a second that somebody has come; what is typed before waits for it in the
 * terminal.
 *
 * All functions may be called from any thread.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

enum { TERMINAL_TYPED_MAX = 64 << 10 }; /* bytes that one request types */

struct terminals;
struct terminal;

int cunik_terminals_create(struct terminals **ret, struct error **err);
/* All have been closed before. */
void cunik_terminals_destroy(struct terminals *t);

/* Opens the terminal at `path` of the cunik `name`, or joins those that have it open.
 * ERROR_CONFLICT when its guest has ended. */
int cunik_terminal_open(struct terminals *t, const char *name, const char *path,
                        struct terminal **ret, struct error **err);
/* The last one closes it. NULL is none. */
void cunik_terminal_close(struct terminals *t, struct terminal *terminal);

/* Types `data` into the terminal of `name`, as much as its guest takes within `wait_ms`, and says
 * how much that was. ERROR_CONFLICT when nobody has it open or the guest has ended. */
int cunik_terminal_type(struct terminals *t, const char *name, const void *data, size_t size,
                        int wait_ms, size_t *ret_taken, struct error **err);
