/* What has become of each service when a request that waits has ended. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/engine_internal.h"

enum {
    LINES_MOST = 10,   /* of a console */
    TAIL_BYTES = 8192, /* looked through for them */
};

/* From the best to the worst: a service is what the worst of its copies is. */
enum verdict_word {
    WORD_HEALTHY,
    WORD_RUNNING,
    WORD_COMPLETED,
    WORD_WAITING, /* it may have come to be well later */
    WORD_STOPPED, /* it was never started, or is no more */
    WORD_FAILED,
    WORD_MAX_,
};

static const char *const words[] = {
    [WORD_HEALTHY] = "healthy", [WORD_RUNNING] = "running",     [WORD_COMPLETED] = "completed",
    [WORD_WAITING] = "waiting", [WORD_STOPPED] = "not started", [WORD_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(words) == WORD_MAX_, "every verdict has its word");

static enum verdict_word word_of(const struct live *l)
{
    if (cunik_registry_completed(l))
        return WORD_COMPLETED;
    switch (l->state) {
    case CUNIK_RUNNING:
        if (!l->checked)
            return WORD_RUNNING;
        return l->health == HEALTH_HEALTHY     ? WORD_HEALTHY
               : l->health == HEALTH_UNHEALTHY ? WORD_FAILED
                                               : WORD_WAITING;
    case CUNIK_PAUSED:
        return WORD_WAITING;
    case CUNIK_RESTARTING:
        return l->crashes >= CRASH_LOOP ? WORD_FAILED : WORD_WAITING;
    case CUNIK_EXITED:
        return WORD_FAILED;
    case CUNIK_ABSENT:
    case CUNIK_CREATED:
    case CUNIK_STATE_MAX_:
        break;
    }
    return WORD_STOPPED;
}

/* The last lines of what a file holds, cut into lines as they were written. */
static json_t *last_lines(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *tail = cunik_malloc(TAIL_BYTES);
    json_t *lines = json_array();
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return lines;
    off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    ssize_t n = pread(fd, tail, TAIL_BYTES, from);
    for (ssize_t end = n; end > 0 && json_array_size(lines) < LINES_MOST;) {
        end -= tail[end - 1] == '\n';
        ssize_t begin = end;
        while (begin > 0 && tail[begin - 1] != '\n')
            begin--;
        ssize_t size = end - begin;
        size -= size > 0 && tail[end - 1] == '\r';
        json_array_insert_new(lines, 0, cunik_json_string(tail + begin, (size_t)size));
        end = begin;
    }
    return lines;
}

static json_t *console_of(struct engine *e, const struct world_cunik *c)
{
    _cleanup_free_ char *path = NULL;
    uint64_t size = 0;

    if (!e->host.ops->console || e->host.ops->console(e->host.ctx, c, &path, &size, NULL) < 0)
        return json_array();
    return last_lines(path);
}

static json_t *cunik_of(struct engine *e, const struct world_cunik *c, const struct live *l,
                        enum verdict_word word)
{
    json_t *o = json_object();

    cunik_json_set_string(o, "name", c->name);
    cunik_json_set_string(o, "verdict", words[word]);
    cunik_json_set_string(o, "state", cunik_state_name(l->state));
    if (l->checked)
        cunik_json_set_string(o, "health", cunik_health_name(l->health));
    if (l->state == CUNIK_EXITED || l->state == CUNIK_RESTARTING) {
        cunik_json_set_string(o, "end", cunik_end_name(l->end));
        cunik_json_set_int(o, "exit_code", l->exit_code);
    }
    cunik_json_set_int(o, "restarts", l->restarts);
    if (l->reason && *l->reason)
        cunik_json_set_string(o, "reason", l->reason);
    if (word >= WORD_WAITING && word != WORD_STOPPED)
        cunik_json_set(o, "console", console_of(e, c));
    return o;
}

/* "demo-web-1 has ended (killed, status 1)" and the like; the caller frees it. */
static char *why_of(const struct world_cunik *c, const struct live *l, enum verdict_word word)
{
    bool reason = l->reason && *l->reason;
    _cleanup_free_ char *what = NULL;

    if (word < WORD_WAITING)
        return NULL;
    if (l->state == CUNIK_EXITED)
        what = cunik_asprintf("has ended (%s, status %lld)", cunik_end_name(l->end),
                              (long long)l->exit_code);
    else if (l->state == CUNIK_RUNNING)
        what = cunik_asprintf("is %s",
                              l->health == HEALTH_UNHEALTHY ? "unhealthy" : "not healthy yet");
    else
        what = cunik_asprintf("is %s", cunik_state_name(l->state));
    return cunik_asprintf("%s %s%s%s", c->name, what, reason ? ": " : "", reason ? l->reason : "");
}

/* The copies of the service of cunik `first`, from there on; those seen are marked in `done`. */
static void tell_service(struct engine *e, const char *stack, const struct world *w, const bool *in,
                         size_t first, bool *done, const struct event_sink *sink)
{
    enum verdict_word worst = WORD_HEALTHY;
    _cleanup_strv_ struct strv why = {0};
    json_t *cuniks = json_array();

    for (size_t i = first; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        struct live l;
        if ((in && !in[i]) || strcmp(c->service, w->cuniks[first].service) != 0)
            continue;
        done[i] = true;
        cunik_registry_look(&e->registry, c->name, &l);
        enum verdict_word word = word_of(&l);
        char *text = why_of(c, &l, word);
        if (text)
            cunik_strv_take(&why, text);
        cunik_json_append(cuniks, cunik_of(e, c, &l, word));
        worst = word > worst ? word : worst;
        free(l.reason);
    }
    _cleanup_free_ char *message = why.n ? cunik_strv_join(&why, "; ") : cunik_strdup("");
    _cleanup_json_ json_t *data = json_object();
    cunik_json_set(data, "cuniks", cuniks);
    const struct event event = {.type = EVENT_VERDICT,
                                .stack = stack,
                                .service = w->cuniks[first].service,
                                .state = words[worst],
                                .message = message,
                                .exit_code = -1,
                                .data = data};
    cunik_engine_emit(e, sink, &event);
}

void cunik_engine_verdicts(struct engine *e, const char *stack, const struct world *desired,
                           const bool *in, const struct event_sink *sink)
{
    _cleanup_free_ bool *done = cunik_calloc(desired->n_cuniks, sizeof(*done));

    for (size_t i = 0; i < desired->n_cuniks; i++)
        if (!done[i] && (!in || in[i]))
            tell_service(e, stack, desired, in, i, done, sink);
}
