/* Which of several things are wanted: "KEY=VALUE", as the option --filter takes them. Several
 * values of one key: any of them; several keys: all of them, as in docker. Pure.
 *
 * What can be asked of one kind of thing is a table of its own:
 *
 *     const struct filter_kind cunik_filter_cuniks = {"cuniks", n, name, matches, NULL};
 *     struct filter f = {.kind = &cunik_filter_cuniks};
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

struct filter_kind {
    const char *things; /* "cuniks", for messages */
    size_t n;           /* keys, by number from here on */
    const char *(*name)(size_t key);
    bool (*matches)(const void *thing, size_t key, const char *value);
    /* Whether there can be such a value; NULL = any. */
    int (*check)(size_t key, const char *value, struct error **err);
};

struct filter {
    const struct filter_kind *kind;
    struct {
        size_t key;
        char *value;
    } * items;
    size_t n;
};

/* ERROR_INVALID for what is no KEY=VALUE, an unknown key, and what the kind's check says. */
int cunik_filter_add(struct filter *f, const char *text, struct error **err);
int cunik_filter_add_all(struct filter *f, const struct strv *texts, struct error **err);
bool cunik_filter_matches(const struct filter *f, const void *thing);
void cunik_filter_done(struct filter *f);
#define _cleanup_filter_ _cleanup_(cunik_filter_done)
