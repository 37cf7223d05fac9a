/* The effect side of progress.h: a thread that redraws a terminal, or lines on a pipe. */
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/time.h"
#include "compose/progress.h"
#include "engine/clock.h"

enum { REDRAW_MS = 100 };

struct progress_display {
    enum progress_mode mode;
    int fd;
    bool color;
    struct progress progress;
    size_t drawn; /* lines of the last frame */
    bool changed, ending;
    struct strv verdicts; /* for the end */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void draw(struct progress_display *d)
{
    _cleanup_buffer_ struct buffer b = {0};
    struct winsize size = {0};

    if (!d->progress.n)
        return;
    if (ioctl(d->fd, TIOCGWINSZ, &size) < 0 || !size.ws_col) {
        size.ws_col = 80;
        size.ws_row = 24;
    }
    if (d->drawn)
        cunik_buffer_printf(&b, "\033[%zuA\r\033[J", d->drawn);
    _cleanup_free_ char *frame = cunik_progress_frame(&d->progress, cunik_clock_real.wall_ms(NULL),
                                                      size.ws_col, size.ws_row, d->color);
    cunik_buffer_text_append(&b, frame);
    d->drawn = 0;
    for (const char *p = frame; *p; p++)
        d->drawn += *p == '\n';
    /* A terminal that went away is no reason to end the work that is shown on it. */
    (void)cunik_write_all(d->fd, b.data, b.size);
    d->changed = false;
}

static bool works(const struct progress *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->rows[i].state == ROW_WORKING || p->rows[i].state == ROW_WAITING)
            return true;
    return false;
}

static void *redraw(void *arg)
{
    struct progress_display *d = arg;

    pthread_mutex_lock(&d->lock);
    while (!d->ending) {
        if (d->changed || works(&d->progress))
            draw(d);
        if (!works(&d->progress)) {
            if (!d->changed)
                pthread_cond_wait(&d->wake, &d->lock);
            continue;
        }
        /* Times tick on; changes wait for the tick as well, so that a burst is drawn once. */
        int64_t until = cunik_clock_real.now(NULL) + REDRAW_MS * NS_PER_MS;
        while (!d->ending && cunik_clock_real.now(NULL) < until)
            cunik_clock_real.wait(NULL, &d->wake, &d->lock, until);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void put_line(struct progress_display *d, char *line)
{
    _cleanup_free_ char *owned = line;
    _cleanup_free_ char *text = cunik_asprintf("%s\n", owned);

    (void)cunik_write_all(d->fd, text, strlen(text));
}

/* A line that stays: on a terminal the block of rows moves below it. */
static void put_above(struct progress_display *d, char *line)
{
    if (d->drawn) {
        _cleanup_free_ char *up = cunik_asprintf("\033[%zuA\r\033[J", d->drawn);
        (void)cunik_write_all(d->fd, up, strlen(up));
        d->drawn = 0;
    }
    put_line(d, line);
    d->changed = d->progress.n > 0;
}

static void put(void *ctx, const struct event *e)
{
    struct progress_display *d = ctx;

    if (d->mode == PROGRESS_QUIET)
        return;
    pthread_mutex_lock(&d->lock);
    if (d->mode == PROGRESS_JSON) {
        _cleanup_json_ json_t *json = cunik_event_to_json(e);
        put_line(d, cunik_json_text(json, JSON_COMPACT));
    } else {
        size_t row = cunik_progress_event(&d->progress, e);
        if (e->type == EVENT_WARNING)
            put_above(d, cunik_asprintf("warning: %s", e->message));
        if (e->type == EVENT_VERDICT)
            cunik_strv_take(&d->verdicts, cunik_progress_verdict(e));
        if (row != SIZE_MAX && d->mode == PROGRESS_PLAIN)
            put_line(d, cunik_progress_plain(&d->progress.rows[row]));
        d->changed = d->changed || row != SIZE_MAX;
        pthread_cond_signal(&d->wake);
    }
    pthread_mutex_unlock(&d->lock);
}

struct progress_display *cunik_progress_display_create(enum progress_mode mode, int fd, bool color)
{
    struct progress_display *d = cunik_calloc(1, sizeof(*d));

    d->mode = mode;
    d->fd = fd;
    d->color = color;
    pthread_mutex_init(&d->lock, NULL);
    cunik_clock_cond_init(&d->wake);
    if (mode == PROGRESS_TTY)
        d->has_thread = pthread_create(&d->thread, NULL, redraw, d) == 0;
    return d;
}

struct event_sink cunik_progress_display_sink(struct progress_display *d)
{
    return (struct event_sink){.put = put, .ctx = d};
}

void cunik_progress_display_destroy(struct progress_display *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->ending = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    if (d->has_thread)
        pthread_join(d->thread, NULL);
    if (d->mode == PROGRESS_TTY)
        draw(d);
    for (size_t i = 0; i < d->verdicts.n; i++)
        put_line(d, cunik_strdup(d->verdicts.items[i]));
    cunik_strv_done(&d->verdicts);
    cunik_progress_done(&d->progress);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
