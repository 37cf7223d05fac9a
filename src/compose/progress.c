#include "compose/progress.h"

#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/plan.h"

/* What a step is called while it runs and when it is done; Docker Compose's words. */
static const struct {
    const char *doing, *done;
} words[] = {
    [PLAN_CREATE] = {"Creating", "Created"},     [PLAN_UPDATE] = {"Updating", "Updated"},
    [PLAN_RECREATE] = {"Recreating", "Started"}, [PLAN_START] = {"Starting", "Started"},
    [PLAN_STOP] = {"Stopping", "Stopped"},       [PLAN_KILL] = {"Killing", "Killed"},
    [PLAN_RESTART] = {"Restarting", "Started"},  [PLAN_REMOVE] = {"Removing", "Removed"},
};
_Static_assert(ARRAY_SIZE(words) == PLAN_VERB_MAX_, "every verb of a plan has its words");

static struct progress_row *row_of(struct progress *p, const struct event *e)
{
    const char *kind = cunik_text_equal(e->kind, "network")  ? "Network"
                       : cunik_text_equal(e->kind, "volume") ? "Volume"
                                                             : "Cunik";
    _cleanup_free_ char *id = cunik_asprintf("%s %s", kind, e->name);

    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->rows[i].id, id) == 0)
            return &p->rows[i];
    struct progress_row *row = ARRAY_APPEND(p->rows, p->n);
    row->id = TAKE_PTR(id);
    row->text = cunik_strdup("");
    row->detail = cunik_strdup("");
    row->begin_ms = e->time_ms;
    return row;
}

static void set(struct progress_row *row, enum progress_row_state state, const char *text,
                const char *detail, int64_t now_ms)
{
    row->state = state;
    cunik_replace(&row->text, text);
    cunik_replace(&row->detail, detail ? detail : "");
    row->end_ms = state == ROW_DONE || state == ROW_FAILED ? now_ms : 0;
}

static enum plan_verb verb_of(const struct event *e)
{
    for (enum plan_verb v = 0; v < PLAN_VERB_MAX_; v++)
        if (cunik_text_equal(e->verb, cunik_plan_verb_name(v)))
            return v;
    return PLAN_UPDATE;
}

static const char *done_word(const struct event *e)
{
    enum plan_verb verb = verb_of(e);

    /* Creating a cunik includes its start, when it is wanted running. */
    if (verb == PLAN_CREATE && cunik_text_equal(e->state, "running"))
        return "Started";
    return words[verb].done;
}

static bool step_event(struct progress *p, const struct event *e, struct progress_row **ret)
{
    if (e->phase == PHASE_NONE || !e->name)
        return false;
    struct progress_row *row = row_of(p, e);
    *ret = row;
    switch (e->phase) {
    case PHASE_BEGIN:
        set(row, ROW_WORKING, words[verb_of(e)].doing, "", e->time_ms);
        break;
    case PHASE_WAITING:
        set(row, ROW_WAITING, "Waiting", e->message, e->time_ms);
        break;
    case PHASE_DONE:
        /* It may have been healthy before its start was reported. */
        set(row, ROW_DONE, strcmp(row->text, "Healthy") == 0 ? "Healthy" : done_word(e), "",
            e->time_ms);
        break;
    case PHASE_FAILED:
        set(row, ROW_FAILED, "Error", e->message, e->time_ms);
        break;
    case PHASE_SKIPPED:
        set(row, ROW_FAILED, "Skipped", e->message, e->time_ms);
        break;
    case PHASE_NONE:
    case PHASE_MAX_:
        break;
    }
    return true;
}

size_t cunik_progress_event(struct progress *p, const struct event *e)
{
    struct progress_row *row = NULL;

    if (e->type == EVENT_STEP && step_event(p, e, &row))
        return (size_t)(row - p->rows);
    if (e->type == EVENT_HEALTH && e->name && cunik_text_equal(e->state, "healthy")) {
        row = row_of(p, e);
        if (row->state == ROW_FAILED)
            return SIZE_MAX;
        set(row, ROW_DONE, "Healthy", "", e->time_ms);
        return (size_t)(row - p->rows);
    }
    return SIZE_MAX;
}

static const char *const marks[] = {[ROW_WORKING] = "\u2827",
                                    [ROW_WAITING] = "\u2827",
                                    [ROW_DONE] = "\u2714",
                                    [ROW_FAILED] = "\u2718"};
static const char *const colors[] = {[ROW_WORKING] = "\033[33m",
                                     [ROW_WAITING] = "\033[33m",
                                     [ROW_DONE] = "\033[32m",
                                     [ROW_FAILED] = "\033[31m"};

/* Appends at most `columns` code points of s; control characters become blanks. */
static size_t put_clipped(struct buffer *b, const char *s, size_t columns)
{
    size_t used = 0;

    for (; *s; s++) {
        bool begins = ((unsigned char)*s & 0xc0) != 0x80;
        if (begins && used == columns)
            break;
        used += begins;
        cunik_buffer_char(b, (unsigned char)*s < ' ' ? ' ' : *s);
    }
    return used;
}

static void put_padded(struct buffer *b, const char *s, size_t width)
{
    for (size_t n = put_clipped(b, s, width); n < width; n++)
        cunik_buffer_char(b, ' ');
}

static void put_row(struct buffer *b, const struct progress_row *row, int64_t now_ms, size_t width,
                    size_t columns, bool color)
{
    int64_t ms = (row->end_ms ? row->end_ms : now_ms) - row->begin_ms;
    _cleanup_free_ char *time = cunik_asprintf("%.1fs", (double)(ms > 0 ? ms : 0) / 1000);
    size_t fixed = 3 + width + 2 + 10 + 2 + 8;

    if (color)
        cunik_buffer_text_append(b, colors[row->state]);
    cunik_buffer_printf(b, " %s ", marks[row->state]);
    if (color)
        cunik_buffer_text_append(b, "\033[0m");
    put_padded(b, row->id, width);
    cunik_buffer_text_append(b, "  ");
    put_padded(b, row->text, 10);
    cunik_buffer_printf(b, "  %8s", time);
    if (*row->detail && fixed + 2 < columns) {
        cunik_buffer_text_append(b, "  ");
        put_clipped(b, row->detail, columns - fixed - 2);
    }
    cunik_buffer_char(b, '\n');
}

char *cunik_progress_frame(const struct progress *p, int64_t now_ms, size_t columns, size_t lines,
                           bool color)
{
    _cleanup_buffer_ struct buffer b = {0};
    size_t done = 0, width = 0, room = lines > 2 ? lines - 2 : 1;

    for (size_t i = 0; i < p->n; i++) {
        size_t size = cunik_text_columns(p->rows[i].id);
        done += p->rows[i].state == ROW_DONE;
        width = size > width ? size : width;
    }
    size_t most = columns > 40 ? columns - 28 : 12;
    width = width > most ? most : width;
    size_t hidden = p->n > room ? p->n - room : 0;
    cunik_buffer_printf(&b, "[+] Running %zu/%zu\n", done, p->n);
    for (size_t i = 0; i < p->n; i++) {
        if (hidden && p->rows[i].state == ROW_DONE) {
            hidden--;
            continue;
        }
        if (room == 0)
            break;
        room--;
        put_row(&b, &p->rows[i], now_ms, width, columns, color);
    }
    return cunik_buffer_take(&b);
}

char *cunik_progress_plain(const struct progress_row *row)
{
    return cunik_asprintf(" %s  %s%s%s", row->id, row->text, *row->detail ? ": " : "", row->detail);
}

static void put_console(struct buffer *b, const json_t *cunik)
{
    const char *name = cunik_json_string_at(cunik, "name");
    const json_t *lines = json_object_get(cunik, "console"), *line;
    size_t i;

    json_array_foreach (lines, i, line) {
        cunik_buffer_printf(b, "\n   %s | ", name);
        put_clipped(b, json_string_value(line) ? json_string_value(line) : "", SIZE_MAX);
    }
}

char *cunik_progress_verdict(const struct event *e)
{
    const json_t *cuniks = json_object_get(e->data, "cuniks"), *cunik;
    _cleanup_buffer_ struct buffer b = {0};
    bool why = !cunik_text_blank(e->message);
    size_t i;

    cunik_buffer_printf(&b, " Service %s  %s%s%s", e->service ? e->service : "",
                        e->state ? e->state : "", why ? ": " : "", why ? e->message : "");
    json_array_foreach (cuniks, i, cunik)
        put_console(&b, cunik);
    return cunik_buffer_take(&b);
}

void cunik_progress_done(struct progress *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->rows[i].id);
        free(p->rows[i].text);
        free(p->rows[i].detail);
    }
    free(p->rows);
    *p = (struct progress){0};
}
