#include "engine/health_internal.h"

#include <string.h>
#include <sys/inotify.h>

#include "base/memory.h"
#include "base/text.h"

/* How often a target that is starting is asked is a part of the time it has taken so far: what is
 * ready after 0.1 s is known within a few milliseconds, and what takes a minute is not asked a
 * thousand times. The same goes for an attempt to connect that hangs, for the guest has no address
 * yet. A program on the host costs more than a packet. */
static const int64_t CONNECT_MIN = 20 * NS_PER_MS, CONNECT_PART = 8;

enum { COMMANDS_MAX = 32 }; /* CMD probes that run at once; others wait for their turn */

static bool is_command(const struct target *t)
{
    return t->probe.test.kind == PROBE_CMD || t->probe.test.kind == PROBE_CMD_SHELL;
}

static void unqueue(struct prober *p, const struct target *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n_queue; i++)
        if (p->queue[i] != t)
            p->queue[kept++] = p->queue[i];
    p->n_queue = kept;
}

static void end_attempt(struct prober *p, struct target *t)
{
    if (is_command(t) && t->pending) {
        p->n_commands--;
        if (p->n_queue) {
            cunik_prober_set_due(p, p->queue[0], 0);
            p->queue[0]->queued = false;
            unqueue(p, p->queue[0]);
        }
    }
    t->pending = false;
    cunik_prober_bury(p, cunik_probe_end(&t->probe));
}

static void set_health(struct prober *p, struct target *t, enum cunik_health health,
                       const char *reason)
{
    if (t->health == health && strcmp(t->reason, reason) == 0)
        return;
    t->health = health;
    cunik_replace(&t->reason, reason);
    *ARRAY_APPEND(p->notices, p->n_notices) =
        (struct notice){cunik_strdup(t->name), health, cunik_strdup(reason)};
}

/* When a target that is starting is asked again. */
static int64_t next_retry(const struct target *t, int64_t now)
{
    /* What the console gets is told by inotify. */
    if (t->probe.test.kind == PROBE_LOG && t->probe.watch >= 0)
        return t->counts_at;
    int64_t wait =
        cunik_prober_retry_wait(now - t->started, is_command(t), t->times.start_interval_ns);
    return at_most(after(now, wait), at_least(t->counts_at, now + RETRY_MIN));
}

static void succeeded(struct prober *p, struct target *t, int64_t now)
{
    t->failures = 0;
    t->once = t->probe.test.kind == PROBE_LOG;
    if (t->once && t->probe.watch >= 0)
        inotify_rm_watch(p->inotify, t->probe.watch);
    set_health(p, t, HEALTH_HEALTHY, "");
    cunik_prober_set_due(p, t, t->once ? NEVER : after(now, t->times.interval_ns));
}

static void failed(struct prober *p, struct target *t, const char *reason, int64_t now)
{
    enum cunik_health health = t->health;

    if (health != HEALTH_STARTING) {
        t->failures++;
    } else if (now >= t->counts_at) {
        t->failures++;
        t->counts_at = after(now, t->times.interval_ns);
    }
    if (t->failures >= t->times.retries)
        health = HEALTH_UNHEALTHY;
    set_health(p, t, health, reason);
    cunik_prober_set_due(
        p, t, health == HEALTH_STARTING ? next_retry(t, now) : after(now, t->times.interval_ns));
}

/* What an attempt has come to. */
static void take_outcome(struct prober *p, struct target *t, enum probe_outcome outcome)
{
    int64_t now = cunik_prober_now();

    if (outcome == OUTCOME_PENDING) {
        if (t->probe.test.kind == PROBE_LOG)
            cunik_prober_set_due(p, t, now); /* there is more to read */
        else if (t->probe.connected)
            cunik_prober_set_due(p, t, after(t->began, t->times.timeout_ns));
        return;
    }
    if (outcome == OUTCOME_HEALTHY) {
        if (t->probe.test.kind == PROBE_HTTP)
            t->pending = false; /* the rest of the reply is read in passing */
        else
            end_attempt(p, t);
        succeeded(p, t, now);
        return;
    }
    end_attempt(p, t);
    failed(p, t, t->probe.reason, now);
}

static int64_t attempt_limit(const struct target *t, int64_t now)
{
    int64_t limit = t->times.timeout_ns;

    if (t->health == HEALTH_STARTING && !is_command(t))
        limit = at_most(limit, at_least(CONNECT_MIN, (now - t->started) / CONNECT_PART));
    return after(now, limit);
}

static bool has_no_address(const struct target *t)
{
    enum probe_kind kind = t->probe.test.kind;

    return (kind == PROBE_TCP || kind == PROBE_HTTP) && !*t->probe.test.host && !*t->probe.address;
}

static void begin_attempt(struct prober *p, struct target *t, int64_t now)
{
    if (has_no_address(t)) {
        t->once = true;
        set_health(p, t, HEALTH_UNHEALTHY, "it has no address to connect to");
        cunik_prober_set_due(p, t, NEVER);
        return;
    }
    if (is_command(t) && p->n_commands == COMMANDS_MAX) {
        *ARRAY_APPEND(p->queue, p->n_queue) = t;
        t->queued = true;
        cunik_prober_set_due(p, t, NEVER);
        return;
    }
    end_attempt(p, t); /* what the last one left: the rest of a reply */
    p->n_commands += is_command(t);
    t->pending = true;
    t->began = now;
    cunik_prober_set_due(p, t, attempt_limit(t, now));
    take_outcome(p, t, cunik_probe_begin(&t->probe));
}

static char *no_answer(const struct target *t)
{
    const struct probe_test *test = &t->probe.test;
    _cleanup_free_ char *limit = cunik_text_from_duration(t->times.timeout_ns);

    if (is_command(t))
        return cunik_asprintf("it did not end within %s", limit);
    if (t->probe.connected)
        return cunik_asprintf("no answer within %s", limit);
    return cunik_asprintf("connecting to %s port %u: no answer",
                          *test->host ? test->host : t->probe.address, test->port);
}

static void give_up_attempt(struct prober *p, struct target *t, int64_t now)
{
    _cleanup_free_ char *reason = no_answer(t);

    end_attempt(p, t);
    failed(p, t, reason, now);
}

void cunik_prober_due(struct prober *p, struct target *t, int64_t now)
{
    if (t->pending && t->probe.test.kind == PROBE_LOG)
        take_outcome(p, t, cunik_probe_proceed(&t->probe));
    else if (t->pending)
        give_up_attempt(p, t, now);
    else
        begin_attempt(p, t, now);
}

void cunik_prober_ready(struct prober *p, struct target *t)
{
    if (t->pending)
        take_outcome(p, t, cunik_probe_proceed(&t->probe));
    else if (t->probe.settled)
        cunik_probe_proceed(&t->probe); /* the rest of a reply */
}

void cunik_prober_give_up(struct prober *p, struct target *t)
{
    unqueue(p, t);
    end_attempt(p, t);
}

/* That nothing matches yet is no failure. */
void cunik_prober_console_grew(struct prober *p, int watch)
{
    for (size_t i = 0; i < p->n; i++) {
        struct target *t = p->heap[i];
        if (t->probe.test.kind != PROBE_LOG || t->probe.watch != watch || t->once || t->pending)
            continue;
        enum probe_outcome outcome = cunik_probe_proceed(&t->probe);
        t->pending = outcome == OUTCOME_PENDING;
        if (outcome == OUTCOME_FAILED)
            continue;
        take_outcome(p, t, outcome);
        i = (size_t)-1; /* the heap has changed: once more from its beginning */
    }
}
