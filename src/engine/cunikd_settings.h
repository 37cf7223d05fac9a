/* What cunikd is told, by its command line and its environment. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "base/verbs.h"

struct cunikd_settings {
    char *root, *run, *socket;
    const char *connect, *accel; /* borrowed from the arguments and the environment */
    struct strv pools;
    int64_t idle_ns; /* 0 = never */
    int ready_fd;    /* -1 = none */
};

extern const struct program cunik_cunikd_program;

/* Also sets how much is logged, and CUNIK_ROOT for whoever asks later. */
int cunik_cunikd_settings(struct cunikd_settings *s, const struct arguments *a, struct error **err);
void cunik_cunikd_settings_done(struct cunikd_settings *s);
