/* Records of what was changed of the host, a line each: they are written before it is done, so that
 * whoever comes after a death can undo it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"

enum { RECORD_LIMIT = 1 << 20 };

int cunik_host_record_read(const struct host_real *h, const char *name, struct strv *ret,
                           struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/%s", h->run, name), *text = NULL;
    _cleanup_error_ struct error *e = NULL;
    int r = cunik_file_read(file, RECORD_LIMIT, &text, NULL, &e);

    if (r == 0)
        cunik_strv_split(ret, text, "\n");
    return r == -ENOENT ? 0 : cunik_error_pass(err, r, &e);
}

int cunik_host_record_write(const struct host_real *h, const char *name, const struct strv *lines,
                            struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/%s", h->run, name);
    _cleanup_free_ char *text = cunik_strv_join(lines, "\n");

    return cunik_file_write(file, text, strlen(text), 0644, false, err);
}

int cunik_host_record_remove(const struct host_real *h, const char *name, struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/%s", h->run, name);

    if (unlink(file) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", file);
    return 0;
}
