#include "engine/apply.h"

#include <string.h>

#include "base/memory.h"
#include "engine/apply_internal.h"

enum { PARALLEL_USUAL = 32 };

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
    const char *why;

    if (cunik_apply_update_stopped(a, job, &why)) {
        a->jobs[job].state = JOB_BLOCKED;
        cunik_apply_skip(a, job, why);
        return;
    }
    a->jobs[job].state = JOB_RUNNING;
    a->n_running++;
    cunik_apply_tell(a, job, PHASE_BEGIN, NULL, NULL);
    pthread_mutex_unlock(&a->lock);
    int r = run_job(a, job, &err);
    pthread_mutex_lock(&a->lock);
    a->n_running--;
    if (r < 0) {
        const char *message = err ? err->message : "failed";
        enum error_code code = err ? err->code : ERROR_FAILED;
        cunik_apply_tell(a, job, PHASE_FAILED, message, cunik_error_name(code));
        cunik_apply_fail(a, job, code, message);
    } else {
        cunik_apply_tell(a, job, PHASE_DONE, NULL, NULL);
    }
    cunik_error_destroy(err);
    cunik_apply_settle(a, job, r < 0 ? JOB_FAILED : JOB_DONE);
}

static void *work(void *arg)
{
    struct apply *a = arg;

    pthread_mutex_lock(&a->lock);
    while (!a->over) {
        if (a->n_ready)
            do_job(a, cunik_apply_pop(a));
        else
            pthread_cond_wait(&a->work, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Setting up */

static void place_rules(struct apply *a)
{
    const struct plan *p = a->s->plan;
    bool any = false;

    for (size_t i = 0; i < p->n; i++)
        any |= starts_guest(a, i);
    for (size_t i = 0; i < p->n; i++) {
        bool network = p->steps[i].kind == PLAN_NETWORK && p->steps[i].verb != PLAN_REMOVE;
        if (starts_guest(a, i))
            cunik_apply_precede(a, a->rules, i, DEPEND_STARTED, true);
        else if (!any || network)
            /* What a failed removal leaves is told by its own error. */
            cunik_apply_precede(a, i, a->rules, DEPEND_STARTED, false);
    }
    if (!any && a->links != SIZE_MAX)
        cunik_apply_precede(a, a->links, a->rules, DEPEND_STARTED, false);
}

static void place_links(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < p->n; i++) {
        if (p->steps[i].kind == PLAN_CUNIK)
            cunik_apply_precede(a, i, a->links, DEPEND_STARTED, true);
        else
            cunik_apply_precede(a, a->links, i, DEPEND_STARTED, true);
    }
}

static void place_steps(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->steps[i].n_after; k++) {
            const struct plan_edge *e = &p->steps[i].after[k];
            if (e->turn && a->turn_of[e->step])
                continue;
            cunik_apply_precede(a, e->step, i, e->condition, e->required);
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
    a->first_turn = settings->plan->n + 1 + settings->whole;
    cunik_apply_updates_init(a);
    a->n_jobs = a->n_left = a->first_turn + a->n_turns;
    a->jobs = cunik_calloc(a->n_jobs, sizeof(*a->jobs));
    a->ready = cunik_malloc(a->n_jobs * sizeof(*a->ready));
    a->settled = cunik_malloc(a->n_jobs * sizeof(*a->settled));
    place_steps(a);
    cunik_apply_updates_place(a);
    if (settings->whole)
        place_links(a);
    place_rules(a);
    return a;
}

static void begin(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < a->first_turn; i++)
        if (!a->jobs[i].pending)
            cunik_apply_push(a, i);
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->steps[i].n_waits; k++) {
            const struct plan_wait *w = &p->steps[i].waits[k];
            cunik_apply_await(a, i, w->cunik, w->condition, w->required);
        }
}

/* Nothing new begins; what runs is finished. */
static void abandon(struct apply *a, const char *why)
{
    a->abandoned = true;
    while (a->n_ready) {
        size_t job = cunik_apply_pop(a);
        a->jobs[job].state = JOB_BLOCKED;
        cunik_apply_skip(a, job, why);
    }
    for (size_t i = 0; i < a->n_jobs; i++)
        cunik_apply_skip(a, i, why);
}

static void check_deadline(struct apply *a)
{
    if (a->timed_out || a->s->clock->now(a->s->clock->ctx) < a->s->deadline_ns)
        return;
    a->timed_out = true;
    cunik_apply_conditions_end(a);
    cunik_apply_updates_end(a);
}

static void supervise(struct apply *a)
{
    while (!a->over) {
        if (a->s->cancel && *a->s->cancel && !a->cancelled) {
            a->cancelled = true;
            cunik_apply_warn(a, "cancelled: what has begun is finished, nothing else begins");
            abandon(a, "cancelled");
            continue;
        }
        check_deadline(a);
        int64_t due = cunik_apply_updates_look(a);
        if (!a->timed_out && a->s->deadline_ns < due)
            due = a->s->deadline_ns;
        if (!a->over)
            a->s->clock->wait(a->s->clock->ctx, &a->ended, &a->lock, due);
    }
}

static int by_job(const void *x, const void *y)
{
    size_t a = ((const struct failure *)x)->job, b = ((const struct failure *)y)->job;

    return a < b ? -1 : a > b;
}

static char *describe_cancelled(const struct apply *a)
{
    size_t done = 0;

    for (size_t i = 0; i < a->s->plan->n; i++)
        done += a->jobs[i].state == JOB_DONE;
    return cunik_asprintf("cancelled: %zu of %zu steps done", done, a->s->plan->n);
}

/* All failures, in the order of the plan. */
static int result(const struct apply *a, struct error **err)
{
    _cleanup_strv_ struct strv messages = {0};
    enum error_code code = ERROR_CANCELLED;

    if (a->cancelled)
        cunik_strv_take(&messages, describe_cancelled(a));
    else if (!a->n_failures)
        return 0;
    if (a->n_failures)
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
        cunik_apply_fail(a, 0, ERROR_FAILED, "starting a thread: no room for one");
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
    if (name) {
        cunik_apply_conditions_poke(a, name);
        cunik_apply_updates_poke(a, name);
    }
    pthread_cond_signal(&a->ended);
    pthread_mutex_unlock(&a->lock);
}

void cunik_apply_destroy(struct apply *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_jobs; i++)
        free(a->jobs[i].followers);
    cunik_apply_conditions_done(a);
    cunik_apply_updates_done(a);
    free(a->jobs);
    free(a->ready);
    free(a->settled);
    for (size_t i = 0; i < a->n_failures; i++)
        free(a->failures[i].message);
    free(a->failures);
    cunik_apply_things_done(&a->things);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->ended);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
