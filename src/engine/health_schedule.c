#include "engine/health_internal.h"

#include <sys/timerfd.h>
#include <time.h>

#include "base/time.h"

static const int64_t REAP_MIN = 1 * NS_PER_MS, REAP_MAX = 100 * NS_PER_MS;

static const int64_t RETRY_PART = 16;
/* A process for each attempt: that is work. */
static const int64_t COMMAND_RETRY_MIN = 50 * NS_PER_MS, COMMAND_RETRY_PART = 4;

int64_t cunik_prober_retry_wait(int64_t elapsed_ns, bool command, int64_t start_interval_ns)
{
    int64_t wait = command ? at_least(elapsed_ns / COMMAND_RETRY_PART, COMMAND_RETRY_MIN)
                           : at_least(elapsed_ns / RETRY_PART, RETRY_MIN);

    return at_most(wait, start_interval_ns);
}

int64_t cunik_prober_now(void)
{
    return cunik_time_now(CLOCK_MONOTONIC);
}

/* The heap: the target that is due first is at the top. */

static void heap_put(struct prober *p, size_t slot, struct target *t)
{
    p->heap[slot] = t;
    t->slot = slot;
}

static void settle(struct prober *p, struct target *t)
{
    size_t i = t->slot;

    for (; i && p->heap[(i - 1) / 2]->due > t->due; i = (i - 1) / 2)
        heap_put(p, i, p->heap[(i - 1) / 2]);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < p->n && p->heap[child + 1]->due < p->heap[child]->due)
            child++;
        if (child >= p->n || p->heap[child]->due >= t->due)
            break;
        heap_put(p, i, p->heap[child]);
        i = child;
    }
    heap_put(p, i, t);
}

void cunik_prober_schedule(struct prober *p, struct target *t)
{
    t->slot = p->n;
    *ARRAY_APPEND(p->heap, p->n) = t;
    settle(p, t);
}

void cunik_prober_set_due(struct prober *p, struct target *t, int64_t due)
{
    t->due = due;
    settle(p, t);
}

void cunik_prober_unschedule(struct prober *p, struct target *t)
{
    struct target *last = p->heap[--p->n];

    if (last == t)
        return;
    last->slot = t->slot;
    settle(p, last);
}

void cunik_prober_arm(struct prober *p)
{
    int64_t due = at_most(p->n ? p->heap[0]->due : NEVER, p->graves.n ? p->graves.due : NEVER);
    struct itimerspec t = {0};

    if (due != NEVER)
        t.it_value = cunik_time_spec(at_least(due, 1)); /* 0 would mean "never" */
    timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

void cunik_prober_bury(struct prober *p, pid_t group)
{
    if (!group || cunik_probe_reap(group))
        return;
    *ARRAY_APPEND(p->graves.items, p->graves.n) = group;
    p->graves.wait = REAP_MIN;
    p->graves.due = cunik_prober_now() + REAP_MIN;
}

/* A grandchild that became ours tells nobody of its end but by SIGCHLD, which others handle: those
 * few milliseconds are looked at by the clock. */
void cunik_prober_visit_graves(struct prober *p, int64_t now)
{
    struct graves *g = &p->graves;
    size_t kept = 0;

    if (!g->n || g->due > now)
        return;
    for (size_t i = 0; i < g->n; i++)
        if (!cunik_probe_reap(g->items[i]))
            g->items[kept++] = g->items[i];
    g->n = kept;
    g->wait = at_most(2 * g->wait, REAP_MAX);
    g->due = after(now, g->wait);
}
