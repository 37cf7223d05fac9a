#include "base/volume_form.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"

void cunik_volume_form_done(struct volume_form *f)
{
    free(f->source);
    free(f->target);
    free(f->selinux);
    free(f->propagation);
    free(f->unknown);
}

/* "C:" is a drive of Windows, not a source. */
static bool is_drive(const char *start, const char *colon)
{
    return colon == start + 1 && isalpha((unsigned char)*start);
}

/* The colon that ends the part at s, or its end; "${…}" is left alone. */
static const char *part_end(const char *s)
{
    const char *start = s;
    int depth = 0;

    for (; *s; s++) {
        if (s[0] == '$' && s[1] == '{')
            depth++;
        else if (*s == '}' && depth)
            depth--;
        else if (*s == ':' && !depth && !is_drive(start, s))
            break;
    }
    return s;
}

static bool is_path(const char *source)
{
    return source[0] == '.' || source[0] == '/' || source[0] == '~' ||
           cunik_text_starts(source, "\\\\") ||
           (source[0] && is_drive(source, source + 1) && source[1] == ':');
}

static bool is_propagation(const char *option)
{
    static const char *const propagations[] = {"rprivate", "private", "rshared",
                                               "shared",   "rslave",  "slave"};

    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
        if (strcmp(option, propagations[i]) == 0)
            return true;
    return false;
}

static void set_option(struct volume_form *f, const char *option)
{
    if (strcmp(option, "ro") == 0)
        f->readonly = true;
    else if (strcmp(option, "rw") == 0)
        f->readonly = false;
    else if (strcmp(option, "nocopy") == 0)
        f->nocopy = true;
    else if (strcmp(option, "z") == 0 || strcmp(option, "Z") == 0)
        cunik_replace(&f->selinux, option);
    else if (is_propagation(option))
        cunik_replace(&f->propagation, option);
    else if (!f->unknown)
        f->unknown = cunik_strdup(option);
}

static int split(struct volume_form *f, const char *text, struct error **err)
{
    const char *rest = text;

    for (;;) {
        const char *end = part_end(rest);
        _cleanup_free_ char *part = cunik_strndup(rest, (size_t)(end - rest));
        bool last = !*end;
        if (!*part)
            return cunik_error_set(err, ERROR_INVALID,
                                   "invalid spec: %s: empty section between colons", text);
        if (f->target) {
            if (!last)
                return cunik_error_set(err, ERROR_INVALID, "invalid spec: %s: too many colons",
                                       text);
            _cleanup_strv_ struct strv options = {0};
            cunik_strv_split(&options, part, ",");
            for (size_t i = 0; i < options.n; i++)
                set_option(f, options.items[i]);
        } else if (f->source || last) {
            f->target = TAKE_PTR(part);
        } else {
            f->source = TAKE_PTR(part);
        }
        if (last)
            return 0;
        rest = end + 1;
    }
}

int cunik_volume_form_parse(const char *text, struct volume_form *ret, struct error **err)
{
    _cleanup_volume_form_ struct volume_form f = {0};
    size_t length = strlen(text);

    if (!length)
        return cunik_error_set(err, ERROR_INVALID, "invalid empty volume spec");
    if (length <= 2) { /* too short for two parts, whatever it is */
        f.target = cunik_strdup(text);
    } else {
        int r = split(&f, text, err);
        if (r < 0)
            return r;
    }
    f.is_path = f.source && is_path(f.source);
    *ret = f;
    f = (struct volume_form){0};
    return 0;
}
