#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

enum { NAME_MOST = 255, TAG_MOST = 128 };

const char *cunik_image_name_digest(const char *name)
{
    const char *at = strrchr(name, '@');
    const char *digest = at ? at + 1 : name;

    return cunik_image_is_digest(digest) ? digest : NULL;
}

/* Parts between slashes: lower-case letters and digits with single separators between; the first
 * may be a host with a port, in any case. */
static bool is_part(const char *s, size_t n, bool host)
{
    for (size_t i = 0; i < n; i++) {
        bool plain = islower((unsigned char)s[i]) || isdigit((unsigned char)s[i]) ||
                     (host && isupper((unsigned char)s[i]));
        bool separator = strchr("._-", s[i]) || (host && s[i] == ':');
        if (!plain && (!separator || i == 0 || i == n - 1))
            return false;
    }
    return n > 0;
}

static bool is_path(const char *s, size_t n)
{
    bool first = true;

    for (size_t start = 0; start <= n;) {
        const char *slash = memchr(s + start, '/', n - start);
        size_t end = slash ? (size_t)(slash - s) : n;
        if (!is_part(s + start, end - start, first && slash))
            return false;
        first = false;
        start = end + 1;
    }
    return true;
}

static bool is_tag(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_' && (i == 0 || !strchr(".-", s[i])))
            return false;
    return n > 0 && n <= TAG_MOST;
}

int cunik_image_name(const char *text, char **ret, struct error **err)
{
    const char *at = strchr(text, '@');
    size_t n = at ? (size_t)(at - text) : strlen(text);
    const char *slash = memrchr(text, '/', n);
    const char *colon = memrchr(text, ':', n);
    size_t path = n;

    if (colon && (!slash || colon > slash))
        path = (size_t)(colon - text);
    if (strlen(text) > NAME_MOST || !is_path(text, path) ||
        (path < n && !is_tag(text + path + 1, n - path - 1)) ||
        (at && !cunik_image_is_digest(at + 1)))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no name of an image", text);
    *ret = cunik_asprintf("%s%s", text, path == n && !at ? ":latest" : "");
    return 0;
}
