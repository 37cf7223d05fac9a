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

static char *diff(const struct strv *a, const struct strv *b)
{
    _cleanup_buffer_ struct buffer text = {0};
    size_t first = 0, last = 0;

    while (first < a->n && first < b->n && strcmp(a->items[first], b->items[first]) == 0)
        first++;
    if (first == a->n && first == b->n)
        return NULL;
    while (last < a->n - first && last < b->n - first &&
           strcmp(a->items[a->n - 1 - last], b->items[b->n - 1 - last]) == 0)
        last++;
    size_t gone = a->n - first - last, come = b->n - first - last;
    size_t more = (gone > come ? gone : come) - 1;
    if (!gone)
        cunik_buffer_text_append(&text, "added ");
    else if (!come)
        cunik_buffer_text_append(&text, "removed ");
    if (gone)
        say(&text, a->items[first]);
    if (gone && come)
        cunik_buffer_text_append(&text, " → ");
    if (come)
        say(&text, b->items[first]);
    if (more)
        cunik_buffer_printf(&text, " (and %zu more line%s)", more, more == 1 ? "" : "s");
    return cunik_buffer_take(&text);
}

char *cunik_domain_diff(const char *before, const char *after)
{
    _cleanup_strv_ struct strv a = {0}, b = {0};

    split(before, &a);
    split(after, &b);
    return diff(&a, &b);
}

/* Which lines tell of what can be changed under a guest that runs. A link that is up is what it is
 * when nothing is said. */
static bool can_change(const char *line)
{
    static const char *const starts[] = {
        "<vcpu",         "<period>",       "<quota>",     "<interface", "<mac address=",
        "<target dev=",  "<link state='d", "<inbound",    "<outbound",  "<disk",
        "<source file=", "<source dev=",   "<source dir", "<readonly",  "<filesystem",
        "<hostdev",      "<redirdev",      "<watchdog",   "<rng",       "<shmem",
        "<memory model", "<graphics",      "<channel",    "<vsock",     "<video",
        "<shares>",      "<emulator_",     "<iothread_",  "<global_",   "<hard_limit",
        "<soft_limit",   "<swap_hard",     "<weight>",    "<total_",    "<read_",
        "<write_",
    };

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        if (cunik_text_starts(line, starts[i]))
            return true;
    return false;
}

/* A line as it is compared: libvirt numbers the sources of a guest's disks, and elements that have
 * got something inside end in another way. */
static char *plain(const char *line)
{
    const char *number = strstr(line, " index='");
    const char *rest = number ? strchr(number + strlen(" index='"), '\'') : NULL;
    size_t size = rest ? (size_t)(number - line) : strlen(line);
    _cleanup_free_ char *head = cunik_strndup(line, size);
    char *text = cunik_asprintf("%s%s", head, rest ? rest + 1 : "");

    if (cunik_text_ends(text, "/>"))
        memcpy(text + strlen(text) - 2, ">", 2);
    return text;
}

static void split_guest(const char *xml, struct strv *ret)
{
    _cleanup_strv_ struct strv lines = {0};

    split(xml, &lines);
    for (size_t i = 0; i < lines.n; i++)
        if (can_change(lines.items[i]))
            cunik_strv_take(ret, plain(lines.items[i]));
}

char *cunik_domain_guest_diff(const char *definition, const char *guest)
{
    _cleanup_strv_ struct strv a = {0}, b = {0};

    split_guest(definition, &a);
    split_guest(guest, &b);
    return diff(&a, &b);
}
