/* The short form of a volume, "[SOURCE:]TARGET[:OPTION,…]", in stack files and on command lines.
 * Pure; what it is taken for is what compose-go takes it for. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct volume_form {
    char *source; /* a name or a path; NULL = a volume without a name */
    char *target;
    bool is_path;      /* the source is a path of the host */
    bool readonly;     /* "ro", unless "rw" comes after it */
    bool nocopy;       /* "nocopy" */
    char *selinux;     /* "z" or "Z"; NULL */
    char *propagation; /* "rprivate", "shared", …; NULL */
    char *unknown;     /* the first option that is none of these; NULL */
};

void cunik_volume_form_done(struct volume_form *f);
#define _cleanup_volume_form_ _cleanup_(cunik_volume_form_done)

/* Options that nobody knows are left to the caller; whether name, path and target are good ones is
 * as well. ERROR_INVALID with the bare reason. */
int cunik_volume_form_parse(const char *text, struct volume_form *ret, struct error **err);
