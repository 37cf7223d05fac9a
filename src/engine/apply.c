#include "engine/apply.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/apply_parts.h"

enum { PARALLEL_USUAL = 32 };

enum job_state {
    JOB_BLOCKED, /* something it waits for is not so far */
    JOB_READY,
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,
    JOB_SKIPPED,
};

/* Who waits for a job, and for what of it. */
struct follower {
    size_t job;
    enum depend_condition condition;
    bool required;
};

struct job {
    enum job_state state;
    size_t pending; /* edges and conditions */
    struct follower *followers;
    size_t n_followers;
    bool told_waiting;
};

/* A condition on a cunik that is waited for now. */
struct waiting {
    char *cunik;
    size_t job;
    enum depend_condition condition;
    bool required, over;
};

struct failure {
    size_t job;
    enum error_code code;
    char *message;
};

struct apply {
    const struct apply_settings *s;
    struct apply_things things;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* for workers: something is ready, or all is over */
    pthread_cond_t ended; /* for the runner: look again */
    struct job *jobs;     /* the plan's steps, then the rules, then the links */
    size_t n_jobs, n_left, n_running;
    size_t rules, links; /* their places; SIZE_MAX = there is none */
    size_t *ready;       /* a heap: the earliest first */
    size_t n_ready;
    struct waiting *waitings;
    size_t n_waitings;
    struct map waiting_for; /* name → place + 1 in heads */
    struct {
        size_t *items;
        size_t n;
    } * heads; /* places in waitings, by name */
    size_t n_heads;
    size_t *settled; /* jobs whose followers are still to be told: a chain may be long */
    size_t n_settled;
    bool draining;
    bool abandoned, cancelled, timed_out, over;
    struct failure *failures;
    size_t n_failures;
};

/* The heap */

static void push(struct apply *a, size_t job)
{
    size_t i = a->n_ready++;

    a->jobs[job].state = JOB_READY;
    while (i && a->ready[(i - 1) / 2] > job) {
        a->ready[i] = a->ready[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    a->ready[i] = job;
    pthread_cond_signal(&a->work);
}

static size_t pop(struct apply *a)
{
    size_t first = a->ready[0], last = a->ready[--a->n_ready], i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= a->n_ready)
            break;
        if (child + 1 < a->n_ready && a->ready[child + 1] < a->ready[child])
            child++;
        if (a->ready[child] >= last)
            break;
        a->ready[i] = a->ready[child];
        i = child;
    }
    a->ready[i] = last;
    return first;
}

/* Telling. Events go out with the lock held, so that those of one step are in order. */

/* What a step has made of its cunik. */
static const char *state_after(const struct apply *a, const struct plan_step *step)
{
    const struct world_cunik *c = cunik_map_get(&a->things.desired_cuniks, step->name);

    if (step->kind != PLAN_CUNIK)
        return NULL;
    return cunik_state_name(c ? c->status.state : CUNIK_ABSENT);
}

static void tell(const struct apply *a, size_t job, enum event_phase phase, const char *message,
                 const char *code)
{
    if (job >= a->s->plan->n)
        return;
    const struct plan_step *step = &a->s->plan->steps[job];
    const struct event e = {
        .type = EVENT_STEP,
        .time_ms = a->s->clock->wall_ms(a->s->clock->ctx),
        .stack = a->s->stack,
        .kind = step->kind == PLAN_NETWORK ? "network" : "cunik",
        .name = step->name,
        .service = step->service,
        .verb = cunik_plan_verb_name(step->verb),
        .phase = phase,
        .state = phase == PHASE_DONE ? state_after(a, step) : NULL,
        .message = message,
        .code = code,
        .exit_code = -1,
    };
    a->s->emit(a->s->ctx, &e);
}

static void warn(const struct apply *a, const char *message)
{
    const struct event e = {.type = EVENT_WARNING,
                            .time_ms = a->s->clock->wall_ms(a->s->clock->ctx),
                            .stack = a->s->stack,
                            .message = message,
                            .exit_code = -1};

    a->s->emit(a->s->ctx, &e);
}

static void note_failure(struct apply *a, size_t job, enum error_code code, const char *message)
{
    *ARRAY_APPEND(a->failures, a->n_failures) =
        (struct failure){.job = job, .code = code, .message = cunik_strdup(message)};
}

/* Ends of jobs */

static void settle(struct apply *a, size_t job, enum job_state state);

static void skip(struct apply *a, size_t job, const char *why)
{
    if (a->jobs[job].state != JOB_BLOCKED)
        return;
    tell(a, job, PHASE_SKIPPED, why, NULL);
    settle(a, job, JOB_SKIPPED);
}

static void release(struct apply *a, size_t job)
{
    if (a->jobs[job].state != JOB_BLOCKED || --a->jobs[job].pending)
        return;
    if (a->abandoned)
        skip(a, job, "cancelled");
    else
        push(a, job);
}

static const char *const wishes[] = {
    [DEPEND_STARTED] = "be started",
    [DEPEND_HEALTHY] = "be healthy",
    [DEPEND_COMPLETED] = "complete",
};
_Static_assert(ARRAY_SIZE(wishes) == DEPEND_MAX_, "every condition has its words");

/* 1: so far; 0: not yet; -1: it cannot come any more, *ret_why says why. */
static int judge(struct apply *a, const struct waiting *w, char **ret_why)
{
    struct live l;
    int verdict = 0;

    cunik_registry_look(a->s->registry, w->cunik, &l);
    bool ended = l.state == CUNIK_EXITED || l.state == CUNIK_CREATED || l.state == CUNIK_ABSENT;
    if (w->condition == DEPEND_STARTED && !ended)
        verdict = 1;
    else if (w->condition == DEPEND_HEALTHY && l.state == CUNIK_RUNNING &&
             (l.health == HEALTH_HEALTHY || !l.checked))
        verdict = 1;
    else if (w->condition != DEPEND_HEALTHY && cunik_registry_completed(&l))
        verdict = 1;
    else if (w->condition == DEPEND_HEALTHY && l.health == HEALTH_UNHEALTHY)
        *ret_why =
            cunik_asprintf("'%s' is unhealthy%s%s", w->cunik, *l.reason ? ": " : "", l.reason);
    else if (ended)
        *ret_why = cunik_asprintf("'%s' has ended (%s, status %lld)", w->cunik,
                                  cunik_end_name(l.end), (long long)l.exit_code);
    free(l.reason);
    return *ret_why ? -1 : verdict;
}

static void step_name(const struct apply *a, size_t job, struct buffer *b)
{
    if (job < a->s->plan->n)
        cunik_buffer_printf(b, "'%s'", a->s->plan->steps[job].name);
}

/* A condition that cannot be met any more. */
static void give_up(struct apply *a, struct waiting *w, enum error_code code, const char *why)
{
    _cleanup_buffer_ struct buffer b = {0};

    w->over = true;
    if (a->jobs[w->job].state != JOB_BLOCKED)
        return;
    step_name(a, w->job, &b);
    cunik_buffer_printf(&b, " waits for '%s' to %s: %s", w->cunik, wishes[w->condition], why);
    if (!w->required) {
        warn(a, cunik_buffer_text(&b));
        release(a, w->job);
        return;
    }
    note_failure(a, w->job, code, cunik_buffer_text(&b));
    skip(a, w->job, cunik_buffer_text(&b));
}

static void look_at(struct apply *a, size_t i)
{
    struct waiting *w = &a->waitings[i];
    _cleanup_free_ char *why = NULL;

    if (w->over)
        return;
    int verdict = judge(a, w, &why);
    if (verdict < 0) {
        give_up(a, w, ERROR_FAILED, why);
    } else if (verdict > 0) {
        w->over = true;
        release(a, w->job);
    } else if (!a->jobs[w->job].told_waiting && a->jobs[w->job].state == JOB_BLOCKED) {
        _cleanup_free_ char *text = cunik_asprintf("'%s' to %s", w->cunik, wishes[w->condition]);
        a->jobs[w->job].told_waiting = true;
        tell(a, w->job, PHASE_WAITING, text, NULL);
    }
}

static void await(struct apply *a, size_t job, const char *cunik, enum depend_condition condition,
                  bool required)
{
    size_t head = (size_t)(uintptr_t)cunik_map_get(&a->waiting_for, cunik);
    struct waiting *w = ARRAY_APPEND(a->waitings, a->n_waitings);

    *w = (struct waiting){
        .cunik = cunik_strdup(cunik), .job = job, .condition = condition, .required = required};
    if (!head) {
        (void)ARRAY_APPEND(a->heads, a->n_heads);
        head = a->n_heads;
        cunik_map_add(&a->waiting_for, cunik, (void *)(uintptr_t)head);
    }
    *ARRAY_APPEND(a->heads[head - 1].items, a->heads[head - 1].n) = a->n_waitings - 1;
    look_at(a, a->n_waitings - 1);
}

static void follow(struct apply *a, size_t job, const struct follower *f)
{
    enum job_state state = a->jobs[job].state;

    if (state == JOB_DONE && f->condition != DEPEND_STARTED)
        await(a, f->job, a->s->plan->steps[job].name, f->condition, f->required);
    else if (state == JOB_DONE || !f->required)
        release(a, f->job);
    else
        skip(a, f->job, "something it needs failed");
}

static void drain(struct apply *a)
{
    a->draining = true;
    while (a->n_settled) {
        size_t job = a->settled[--a->n_settled];
        for (size_t i = 0; i < a->jobs[job].n_followers; i++)
            follow(a, job, &a->jobs[job].followers[i]);
    }
    a->draining = false;
}

static void settle(struct apply *a, size_t job, enum job_state state)
{
    a->jobs[job].state = state;
    a->n_left--;
    if (job < a->s->plan->n && a->s->plan->steps[job].kind == PLAN_CUNIK)
        a->s->released(a->s->ctx, a->s->plan->steps[job].name);
    a->settled[a->n_settled++] = job;
    if (!a->draining)
        drain(a);
    if (!a->n_left) {
        a->over = true;
        pthread_cond_broadcast(&a->work);
        pthread_cond_signal(&a->ended);
    }
}

/* Workers */

static int run_job(struct apply *a, size_t job, struct error **err)
{
    if (job == a->rules) {
        int r = a->s->rules(a->s->ctx, err);
        return cunik_error_prefix(err, r, "publishing ports");
    }
    if (job == a->links)
        return cunik_apply_remove_links(&a->things, err);
    return cunik_apply_step(&a->things, &a->s->plan->steps[job], err);
}

static bool starts_guest(const struct apply *a, size_t job)
{
    if (job >= a->s->plan->n || a->s->plan->steps[job].kind != PLAN_CUNIK)
        return false;
    enum plan_verb v = a->s->plan->steps[job].verb;
    return v == PLAN_CREATE || v == PLAN_RECREATE || v == PLAN_START || v == PLAN_RESTART;
}

/* One job, with the lock held before and after. */
static void do_job(struct apply *a, size_t job)
{
    struct error *err = NULL;

    a->jobs[job].state = JOB_RUNNING;
    a->n_running++;
    tell(a, job, PHASE_BEGIN, NULL, NULL);
    pthread_mutex_unlock(&a->lock);
    int r = run_job(a, job, &err);
    pthread_mutex_lock(&a->lock);
    a->n_running--;
    if (r < 0) {
        const char *message = err ? err->message : "failed";
        enum error_code code = err ? err->code : ERROR_FAILED;
        tell(a, job, PHASE_FAILED, message, cunik_error_name(code));
        note_failure(a, job, code, message);
    } else {
        tell(a, job, PHASE_DONE, NULL, NULL);
    }
    cunik_error_destroy(err);
    settle(a, job, r < 0 ? JOB_FAILED : JOB_DONE);
}

static void *work(void *arg)
{
    struct apply *a = arg;

    pthread_mutex_lock(&a->lock);
    while (!a->over) {
        if (a->n_ready)
            do_job(a, pop(a));
        else
            pthread_cond_wait(&a->work, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Setting up */

static void precede(struct apply *a, size_t first, size_t then, enum depend_condition condition,
                    bool required)
{
    struct job *j = &a->jobs[first];

    *ARRAY_APPEND(j->followers, j->n_followers) =
        (struct follower){.job = then, .condition = condition, .required = required};
    a->jobs[then].pending++;
}

static void place_rules(struct apply *a)
{
    const struct plan *p = a->s->plan;
    bool any = false;

    for (size_t i = 0; i < p->n; i++)
        any |= starts_guest(a, i);
    for (size_t i = 0; i < p->n; i++) {
        bool network = p->steps[i].kind == PLAN_NETWORK && p->steps[i].verb != PLAN_REMOVE;
        if (starts_guest(a, i))
            precede(a, a->rules, i, DEPEND_STARTED, true);
        else if (!any || network)
            /* What a failed removal leaves is told by its own error. */
            precede(a, i, a->rules, DEPEND_STARTED, false);
    }
    if (!any && a->links != SIZE_MAX)
        precede(a, a->links, a->rules, DEPEND_STARTED, false);
}

static void place_links(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < p->n; i++) {
        if (p->steps[i].kind == PLAN_CUNIK)
            precede(a, i, a->links, DEPEND_STARTED, true);
        else
            precede(a, a->links, i, DEPEND_STARTED, true);
    }
}

static void place_steps(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->steps[i].n_after; k++) {
            const struct plan_edge *e = &p->steps[i].after[k];
            precede(a, e->step, i, e->condition, e->required);
        }
        /* Conditions count as pending until they are looked at, when everything is in place. */
        a->jobs[i].pending += p->steps[i].n_waits;
    }
}

struct apply *cunik_apply_create(const struct apply_settings *settings)
{
    struct apply *a = cunik_calloc(1, sizeof(*a));

    a->s = settings;
    cunik_apply_things_init(&a->things, settings);
    pthread_mutex_init(&a->lock, NULL);
    cunik_clock_cond_init(&a->work);
    cunik_clock_cond_init(&a->ended);
    a->rules = settings->plan->n;
    a->links = settings->whole ? settings->plan->n + 1 : SIZE_MAX;
    a->n_jobs = a->n_left = settings->plan->n + 1 + settings->whole;
    a->jobs = cunik_calloc(a->n_jobs, sizeof(*a->jobs));
    a->ready = cunik_malloc(a->n_jobs * sizeof(*a->ready));
    a->settled = cunik_malloc(a->n_jobs * sizeof(*a->settled));
    place_steps(a);
    if (settings->whole)
        place_links(a);
    place_rules(a);
    return a;
}

static void begin(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < a->n_jobs; i++)
        if (!a->jobs[i].pending)
            push(a, i);
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->steps[i].n_waits; k++) {
            const struct plan_wait *w = &p->steps[i].waits[k];
            await(a, i, w->cunik, w->condition, w->required);
        }
}

/* Nothing new begins; what runs is finished. */
static void abandon(struct apply *a, const char *why)
{
    a->abandoned = true;
    while (a->n_ready) {
        size_t job = pop(a);
        a->jobs[job].state = JOB_BLOCKED;
        skip(a, job, why);
    }
    for (size_t i = 0; i < a->n_jobs; i++)
        skip(a, i, why);
}

static void check_deadline(struct apply *a)
{
    if (a->timed_out || a->s->clock->now(a->s->clock->ctx) < a->s->deadline_ns)
        return;
    a->timed_out = true;
    for (size_t i = 0; i < a->n_waitings; i++) {
        struct live l;
        if (a->waitings[i].over)
            continue;
        cunik_registry_look(a->s->registry, a->waitings[i].cunik, &l);
        _cleanup_free_ char *reason = l.reason;
        _cleanup_free_ char *why =
            cunik_asprintf("not in time%s%s", reason && *reason ? ": " : "", reason ? reason : "");
        give_up(a, &a->waitings[i], ERROR_TIMEOUT, why);
    }
}

static void supervise(struct apply *a)
{
    while (!a->over) {
        if (a->s->cancel && *a->s->cancel && !a->cancelled) {
            a->cancelled = true;
            abandon(a, "cancelled");
            continue;
        }
        check_deadline(a);
        if (!a->over)
            a->s->clock->wait(a->s->clock->ctx, &a->ended, &a->lock,
                              a->timed_out ? CLOCK_NEVER : a->s->deadline_ns);
    }
}

static int by_job(const void *x, const void *y)
{
    size_t a = ((const struct failure *)x)->job, b = ((const struct failure *)y)->job;

    return a < b ? -1 : a > b;
}

/* All failures, in the order of the plan. */
static int result(const struct apply *a, struct error **err)
{
    _cleanup_strv_ struct strv messages = {0};
    enum error_code code = ERROR_CANCELLED;

    if (!a->n_failures)
        return a->cancelled ? cunik_error_set(err, ERROR_CANCELLED, "cancelled") : 0;
    qsort(a->failures, a->n_failures, sizeof(*a->failures), by_job);
    for (size_t i = 0; i < a->n_failures; i++) {
        cunik_strv_add(&messages, a->failures[i].message);
        if (!a->cancelled)
            code = i == 0 || a->failures[i].code == code ? a->failures[i].code : ERROR_FAILED;
    }
    _cleanup_free_ char *text = cunik_strv_join(&messages, "\n");
    return cunik_error_set(err, code, "%s", text);
}

int cunik_apply_run(struct apply *a, struct error **err)
{
    size_t n = a->s->parallel ? a->s->parallel : PARALLEL_USUAL;

    if (n > a->n_jobs)
        n = a->n_jobs;
    _cleanup_free_ pthread_t *threads = cunik_malloc(n * sizeof(*threads));
    pthread_mutex_lock(&a->lock);
    begin(a);
    size_t made = 0;
    while (made < n && pthread_create(&threads[made], NULL, work, a) == 0)
        made++;
    if (!made) {
        note_failure(a, 0, ERROR_FAILED, "starting a thread: no room for one");
        abandon(a, "no thread to do it");
    }
    supervise(a);
    pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    return result(a, err);
}

void cunik_apply_poke(struct apply *a, const char *name)
{
    pthread_mutex_lock(&a->lock);
    size_t head = name ? (size_t)(uintptr_t)cunik_map_get(&a->waiting_for, name) : 0;
    if (head)
        for (size_t i = 0; i < a->heads[head - 1].n; i++)
            look_at(a, a->heads[head - 1].items[i]);
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
}

void cunik_apply_destroy(struct apply *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_jobs; i++)
        free(a->jobs[i].followers);
    for (size_t i = 0; i < a->n_waitings; i++)
        free(a->waitings[i].cunik);
    for (size_t i = 0; i < a->n_heads; i++)
        free(a->heads[i].items);
    free(a->jobs);
    free(a->ready);
    free(a->settled);
    free(a->waitings);
    free(a->heads);
    cunik_map_done(&a->waiting_for);
    for (size_t i = 0; i < a->n_failures; i++)
        free(a->failures[i].message);
    free(a->failures);
    cunik_apply_things_done(&a->things);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->ended);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
