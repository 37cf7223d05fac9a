#include "engine/plan_saved.h"

#include "base/map.h"
#include "base/memory.h"

void cunik_plan_lines(const struct plan *p, struct strv *ret)
{
    _cleanup_free_ char *text = cunik_plan_text(p);

    if (!p->n)
        return;
    cunik_strv_split(ret, text, "\n");
    free(ret->items[--ret->n]); /* the counts */
}

/* The lines of `of` that are not in `in`. */
static void add_missing(const struct strv *of, const struct strv *in, const char *what,
                        struct strv *ret)
{
    _cleanup_map_ struct map known = {0};

    for (size_t i = 0; i < in->n; i++)
        cunik_map_add(&known, in->items[i], ret);
    for (size_t i = 0; i < of->n; i++)
        if (!cunik_map_has(&known, of->items[i]))
            cunik_strv_addf(ret, "%s: %s", what, of->items[i]);
}

void cunik_plan_changes(const struct strv *kept, const struct strv *now, struct strv *ret)
{
    add_missing(kept, now, "no longer", ret);
    add_missing(now, kept, "now", ret);
}
