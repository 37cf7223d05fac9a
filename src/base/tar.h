/* Tar archives that are made while they are read: headers are computed, files are read when their
 * turn comes, so that nothing is copied to a disk first. The format is ustar of POSIX.1-2017, pax;
 * a size of 8 GiB or more is written in base 256 as GNU tar and libarchive do.
 *
 * Modes, times and owners are the same for all members, so that the same members give the same
 * bytes. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum { TAR_NAME_MAX = 99 }; /* of a member */

struct tar_member {
    char *name;
    int fd;     /* -1 = what it holds is in `text` */
    char *path; /* of the file, for errors */
    char *text;
    int64_t size;
};

struct tar {
    struct tar_member *members;
    size_t n;
    size_t next;    /* the member that is being read */
    int64_t offset; /* in it, its header and padding counted */
};

/* A file, which is opened now and has to stay as long as it is: ERROR_INVALID for what is none. */
int cunik_tar_add_file(struct tar *t, const char *name, const char *path, struct error **err);
/* The same for one that is open; the descriptor is taken over. */
int cunik_tar_add_fd(struct tar *t, const char *name, const char *path, int fd, struct error **err);
void cunik_tar_add_text(struct tar *t, const char *name, const char *text);
/* Of the whole archive. */
int64_t cunik_tar_size(const struct tar *t);
/* The next bytes, at most `max`; 0 at the end, or negative errno. */
ssize_t cunik_tar_read(struct tar *t, void *to, size_t max, struct error **err);
/* From the beginning again. */
void cunik_tar_rewind(struct tar *t);
void cunik_tar_done(struct tar *t);
#define _cleanup_tar_ _cleanup_(cunik_tar_done)
