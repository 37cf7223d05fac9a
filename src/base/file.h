/* Files: whole reads with a bound, atomic writes, folders, paths. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Reads a regular file (or pipe) whole, at most `limit` bytes: more is ERROR_INVALID, as is a
 * folder. *ret is NUL-terminated and the caller's. */
int cunik_file_read(const char *path, size_t limit, char **ret, size_t *ret_size,
                    struct error **err);
int cunik_file_read_fd(int fd, const char *name, size_t limit, char **ret, size_t *ret_size,
                       struct error **err);

/* Replaces a file whole: temporary file beside it, fsync when `durable`, rename. */
int cunik_file_write(const char *path, const void *data, size_t size, mode_t mode, bool durable,
                     struct error **err);

/* The same for a file that a user named: what is no regular file (a device, a pipe, a link) stays
 * what it is and is written to. */
int cunik_file_write_output(const char *path, const void *data, size_t size, mode_t mode,
                            struct error **err);

/* Makes a folder and its parents. */
int cunik_file_make_folders(const char *path, mode_t mode, struct error **err);
/* Removes a file or a folder with all in it; a missing one is no error. Symbolic links are not
 * followed. */
int cunik_file_remove_tree(const char *path, struct error **err);
bool cunik_file_exists(const char *path);

/* path itself when absolute, else folder/path; "." and ".." parts and doubled slashes resolved by
 * text alone. The caller frees it. */
char *cunik_path_join(const char *folder, const char *path);
char *cunik_path_folder(const char *path);     /* what stands before the last slash, "." if none */
const char *cunik_path_name(const char *path); /* what stands after the last slash */
/* Whether it is relative and has no part "..": joined to a folder it lies below that. By text. */
bool cunik_path_stays(const char *path);

/* All of data, also over short writes and EINTR; 0 or negative errno. */
int cunik_write_all(int fd, const void *data, size_t size);
