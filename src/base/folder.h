/* The names in a folder: the one way to list them. */
#pragma once

#include "base/error.h"
#include "base/strv.h"

enum folder_list {
    FOLDER_DOTTED = 1, /* also names that begin with a dot, but for "." and ".." */
    FOLDER_MAYBE = 2,  /* a folder that is not there has none, and is no error */
};

/* Appends the names, sorted by their bytes; `flags`: a sum of enum folder_list. What cannot be
 * opened or read to its end is an error that names the folder, and nothing is appended. */
int cunik_folder_list(const char *path, int flags, struct strv *ret, struct error **err);
/* The same of an open folder, which stays open; `name` is for the error. */
int cunik_folder_list_fd(int fd, const char *name, int flags, struct strv *ret, struct error **err);
