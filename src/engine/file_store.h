/* Contents of files that guests are to find: configs, secrets and single files of the host.
 *
 *     ROOT/files/SHA256        each by the digest of its content; for root alone
 *
 * A client puts them there before it asks for the cunik that wants them; the cunik gets a copy of
 * its own when it is made (host_attach_files.c). What nobody put there for an hour and no cunik has
 * goes with the next that comes: a cunik that has it may have to be made of it again.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

enum { FILE_STORE_MAX = 8 << 20 }; /* bytes of one */

/* The digests of what is used. */
typedef int cunik_file_store_users(void *ctx, struct strv *ret, struct error **err);
/* Removes what is old and not used, asking for the users only when something is old. */
int cunik_file_store_sweep(const char *root, cunik_file_store_users *users, void *ctx,
                           struct error **err);
/* One that is there is new again. */
int cunik_file_store_put(const char *root, const void *data, size_t size, struct error **err);
/* ERROR_NOT_FOUND when it is not there; ERROR_FAILED when it is not what its name says. */
int cunik_file_store_get(const char *root, const char *digest, char **ret, size_t *ret_size,
                         struct error **err);
