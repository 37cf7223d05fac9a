/* Any text as a template: the result or an error, and what has no dollar stays as it is. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "compose/interpolate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names that start with a lower-case letter are unset, "E…" is empty, the rest is set. */
static const char *get(const void *context, const char *name)
{
    (void)context;
    return *name >= 'a' ? NULL : *name == 'E' ? "" : "$A${B:?c}";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lookup lookup = {.get = get};
    _cleanup_map_ struct map missing = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *template = cunik_strndup((const char *)data, size), *result = NULL;

    int r = cunik_substitute(template, &lookup, size && data[0] & 1, &missing, &result, &err);
    if (r == 0 ? !result || err : result || !err || (r != -EINVAL && r != -ENODATA && r != -E2BIG))
        abort();
    if (!strchr(template, '$') && strcmp(template, result) != 0)
        abort();
    return 0;
}
