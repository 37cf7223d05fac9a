#include "engine/domain_diff.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"

enum { LINE_MOST = 120 };

/* The lines less their indentation and the metadata. */
static void split(const char *xml, struct strv *ret)
{
    _cleanup_strv_ struct strv lines = {0};
    bool within = false;

    cunik_strv_split(&lines, xml, "\n");
    for (size_t i = 0; i < lines.n; i++) {
        const char *line = lines.items[i] + strspn(lines.items[i], " \t");
        if (strcmp(line, "<metadata>") == 0)
            within = true;
        if (!within && *line)
            cunik_strv_add(ret, line);
        if (strcmp(line, "</metadata>") == 0)
            within = false;
    }
}

static void say(struct buffer *b, const char *line)
{
    size_t size = strlen(line);

    cunik_buffer_printf(b, "%.*s%s", (int)(size < LINE_MOST ? size : LINE_MOST), line,
                        size < LINE_MOST ? "" : "…");
}

char *cunik_domain_diff(const char *before, const char *after)
{
    _cleanup_strv_ struct strv a = {0}, b = {0};
    _cleanup_buffer_ struct buffer text = {0};
    size_t first = 0, last = 0;

    split(before, &a);
    split(after, &b);
    while (first < a.n && first < b.n && strcmp(a.items[first], b.items[first]) == 0)
        first++;
    if (first == a.n && first == b.n)
        return NULL;
    while (last < a.n - first && last < b.n - first &&
           strcmp(a.items[a.n - 1 - last], b.items[b.n - 1 - last]) == 0)
        last++;
    size_t gone = a.n - first - last, come = b.n - first - last;
    size_t more = (gone > come ? gone : come) - 1;
    if (!gone)
        cunik_buffer_text_append(&text, "added ");
    else if (!come)
        cunik_buffer_text_append(&text, "removed ");
    if (gone)
        say(&text, a.items[first]);
    if (gone && come)
        cunik_buffer_text_append(&text, " → ");
    if (come)
        say(&text, b.items[first]);
    if (more)
        cunik_buffer_printf(&text, " (and %zu more line%s)", more, more == 1 ? "" : "s");
    return cunik_buffer_take(&text);
}
