/* Temporary folders that go also when their process is killed: it holds a lock on its folder, and
 * whoever makes another one of that name removes those of its user that nobody locks. */
#pragma once

#include "base/error.h"

struct scratch {
    char *path; /* WHERE/cunik.NAME.XXXXXX, open to us alone; NULL = there is none */
    int lock;
};

int cunik_scratch_create(struct scratch *ret, const char *where, const char *name,
                         struct error **err);
/* With all that is in it. */
void cunik_scratch_remove(struct scratch *s);
#define _cleanup_scratch_ _cleanup_(cunik_scratch_remove)
