/* wait: until cuniks have ended; prints what each ended with. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/memory.h"
#include "engine/clock.h"
#include "engine/verb.h"

/* What is waited for. The client is told through the descriptor that it has come. */
struct ending {
    int fd;
    bool over;
};

static void look(void *ctx, const struct event *e)
{
    struct ending *w = ctx;
    const uint64_t one = 1;

    if (!e->state || (strcmp(e->state, "exited") != 0 && strcmp(e->state, "absent") != 0) ||
        w->over)
        return;
    w->over = true;
    (void)!write(w->fd, &one, sizeof(one));
}

/* From the time before it was looked at, so that no end is missed. */
static int await_end(struct client *client, struct ending *w, const char *name, int64_t since_ms,
                     struct error **err)
{
    _cleanup_strv_ struct strv filters = {0};
    struct event_query q = {.stack = "", .since_ms = since_ms, .until_ms = -1};
    uint64_t count;

    w->over = false;
    cunik_strv_add(&filters, "type=state");
    cunik_strv_addf(&filters, "cunik=%s", name);
    q.filters = filters;
    int r = cunik_client_events(client, &q, &(struct event_sink){look, w}, err);
    (void)!read(w->fd, &count, sizeof(count));
    if (!w->over)
        return r;
    cunik_error_forget(err);
    return 0;
}

int cunik_verb_await(struct client *client, int cancel_fd, const char *name, int64_t *ret_code,
                     struct error **err)
{
    struct ending w = {.fd = cancel_fd};

    for (;;) {
        _cleanup_world_ struct world world = {0};
        struct world_cunik *c;
        int64_t since_ms = cunik_clock_real.wall_ms(NULL);
        int r = cunik_client_world(client, "", &world, err);
        if (r == 0)
            r = cunik_verb_find(&world, name, &c, err);
        if (r < 0)
            return r;
        if (!cunik_state_is_active(c->status.state) && c->status.state != CUNIK_CREATED) {
            *ret_code = c->status.exit_code;
            return 0;
        }
        r = await_end(client, &w, c->name, since_ms, err);
        if (r < 0)
            return r;
    }
}

int cunik_verb_wait(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_close_ int cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int64_t code;
    int r = cunik_verb_reach_with(a, cancel, &client, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = cunik_verb_await(client, cancel, names->items[i], &code, err);
        if (r == 0)
            printf("%" PRId64 "\n", code);
    }
    return r;
}
