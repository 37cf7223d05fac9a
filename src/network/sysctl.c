#include "network/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { VALUE_LIMIT = 64 };

int cunik_sysctl_get(const char *path, int *ret, struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("/proc/sys/%s", path), *text = NULL;
    int r = cunik_file_read(file, VALUE_LIMIT, &text, NULL, err);

    if (r == 0)
        *ret = atoi(text);
    return r;
}

int cunik_sysctl_set(const char *path, int value, struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("/proc/sys/%s", path);
    _cleanup_free_ char *text = cunik_asprintf("%d\n", value);
    /* Read first: where /proc/sys cannot be written, what is right already is enough. */
    _cleanup_close_ int in = open(file, O_RDONLY | O_CLOEXEC);
    char old[16] = "";

    if (in < 0)
        return cunik_error_errno(err, errno, "opening '%s'", file);
    if (read(in, old, sizeof(old) - 1) < 0)
        return cunik_error_errno(err, errno, "reading '%s'", file);
    if (strcmp(old, text) == 0)
        return 0;
    _cleanup_close_ int out = open(file, O_WRONLY | O_CLOEXEC);
    if (out < 0)
        return cunik_error_errno(err, errno, "opening '%s'", file);
    int r = cunik_write_all(out, text, strlen(text));
    return r < 0 ? cunik_error_errno(err, -r, "writing %d to '%s'", value, file) : 0;
}
