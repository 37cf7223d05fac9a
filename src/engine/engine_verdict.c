/* What has become of each service when a request that waits has ended. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/verdict.h"

enum {
    LINES_MOST = 10,   /* of a console */
    TAIL_BYTES = 8192, /* looked through for them */
};

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
                        enum verdict v)
{
    json_t *o = json_object();

    cunik_json_set_string(o, "name", c->name);
    cunik_json_set_string(o, "verdict", cunik_verdict_name(v));
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
    if (v == VERDICT_WAITING || v == VERDICT_FAILED)
        cunik_json_set(o, "console", console_of(e, c));
    return o;
}

/* The copies of the service of cunik `first`, from there on; those seen are marked in `done`. */
static void tell_service(struct engine *e, const char *stack, const struct world *w, const bool *in,
                         size_t first, bool *done, const struct event_sink *sink)
{
    enum verdict worst = VERDICT_HEALTHY;
    _cleanup_strv_ struct strv why = {0};
    json_t *cuniks = json_array();

    for (size_t i = first; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        _cleanup_free_ char *what = NULL;
        int64_t due = CLOCK_NEVER;
        struct live l;
        if ((in && !in[i]) || strcmp(c->service, w->cuniks[first].service) != 0)
            continue;
        done[i] = true;
        cunik_registry_look(&e->registry, c->name, &l);
        enum verdict v = cunik_verdict(&l, cunik_engine_now(e), 0, &what, &due);
        if (what)
            cunik_strv_addf(&why, "%s %s", c->name, what);
        cunik_json_append(cuniks, cunik_of(e, c, &l, v));
        worst = v > worst ? v : worst;
        free(l.reason);
    }
    _cleanup_free_ char *message = why.n ? cunik_strv_join(&why, "; ") : cunik_strdup("");
    _cleanup_json_ json_t *data = json_object();
    cunik_json_set(data, "cuniks", cuniks);
    const struct event event = {.type = EVENT_VERDICT,
                                .stack = stack,
                                .service = w->cuniks[first].service,
                                .state = cunik_verdict_name(worst),
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
