/* What a load reads from: the disk or, for tests, anything else that has paths; and who brings
 * what is named but lies elsewhere. Both are given by struct load_options.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Paths are absolute. */
struct load_files {
    bool (*exists)(void *context, const char *path);
    bool (*is_folder)(void *context, const char *path);
    /* As cunik_file_read(). */
    int (*read)(void *context, const char *path, size_t limit, char **ret, size_t *ret_size,
                struct error **err);
    void *context;
};

/* Brings remote resources (what -f, `include` and `extends` may name beside files) to this host. */
struct load_remote {
    /* Whether the name is one of its kind; it is a file's otherwise. */
    bool (*accepts)(void *context, const char *name);
    /* *ret is the absolute path of a file, the caller's; what its relative paths name lies beside
     * it. */
    int (*fetch)(void *context, const char *name, char **ret, struct error **err);
    void *context;
};
