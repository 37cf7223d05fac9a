/* An archive of tar.h's kind taken apart while it comes: plain files, into a folder of ours. Who
 * sends it is trusted with what is in it, not with where it goes. For those of strangers there is
 * images/store.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct untar {
    const char *folder; /* borrowed */
    char header[512];
    size_t have;           /* of the next header */
    int fd;                /* the member's that is being written, or -1 */
    int64_t left, padding; /* of it */
    bool ended;
};

void cunik_untar_init(struct untar *u, const char *folder);
/* ERROR_INVALID for what is no such archive. */
int cunik_untar_feed(struct untar *u, const char *data, size_t size, struct error **err);
/* Whether that was all: ERROR_INVALID for one that was cut short. */
int cunik_untar_end(const struct untar *u, struct error **err);
void cunik_untar_done(struct untar *u);
