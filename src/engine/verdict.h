/* What a cunik has come to: well, on its way there, or not to be. One judgement for all who wait
 * for it: `up --wait`, the words at its end, and updates of one copy after another. Pure.
 */
#pragma once

#include "engine/registry.h"

/* From the best to the worst: a service is what the worst of its copies is. */
enum verdict {
    VERDICT_HEALTHY,
    VERDICT_RUNNING, /* nobody checks it, and it has stayed up */
    VERDICT_COMPLETED,
    VERDICT_WAITING, /* it may come to be well later */
    VERDICT_STOPPED, /* it was never started, or is no more */
    VERDICT_FAILED,
    VERDICT_MAX_,
};

const char *cunik_verdict_name(enum verdict v); /* "healthy" */

static inline bool cunik_verdict_is_well(enum verdict v)
{
    return v <= VERDICT_COMPLETED;
}

/* monitor_ns: how long it has to have run, beside being well; one that nobody checks has to for a
 * moment at least. *ret_why, the caller's, says what is missing unless it is well ("is unhealthy:
 * …"). *due_ns becomes when time alone may change the verdict, if that is sooner. */
enum verdict cunik_verdict(const struct live *l, int64_t now_ns, int64_t monitor_ns, char **ret_why,
                           int64_t *due_ns);
