/* One cunik from the words of a command line: what `run` and `create` make, as a stack of one with
 * a network of its own. Pure, but for the environment that is handed in. */
#pragma once

#include "engine/world.h"

/* --health-* and --no-healthcheck, as given, or NULL. */
struct run_health {
    const char *command, *interval, *timeout, *start_period, *start_interval, *retries;
    bool none; /* not even that of the image */
};

struct run_options {
    const char *name;    /* of the cunik, its service and its stack */
    const char *called;  /* by people; NULL = so too */
    const char *kernel;  /* absolute; NULL = as the image has it */
    const char *image;   /* its name, or NULL */
    const char *initrd;  /* absolute, or NULL */
    const char *backend; /* NULL = by looking at the kernel */
    const char *cmdline, *hostname, *memory, *cpus, *restart, *network,
        *stop_timeout; /* as given, or NULL */
    struct run_health health;
    const struct strv *environment; /* "KEY=VALUE", or "KEY" of `environ` */
    const struct strv *labels;      /* "KEY=VALUE" or "KEY" */
    const struct strv *ports;       /* "[[IP:]HOST:]PORT[/udp]"; HOST may be empty: any */
    const struct strv *disks;       /* "PATH[:MOUNT][:ro]", absolute */
    const struct strv *volumes;     /* "[NAME|PATH:]TARGET[:ro]" */
    const struct strv *params;      /* "KEY=VALUE" of the backend */
    const struct strv *command;
    const char *folder; /* that paths of volumes are relative to; absolute */
    char *const *environ;
};

/* A desired world. ERROR_INVALID names the option. */
int cunik_run_world(const struct run_options *o, struct world *ret, struct error **err);

/* Parts that others need too. */
/* "[[IP:]HOST:]PORT[/udp]" of --publish. */
int cunik_run_port(struct world_cunik *c, const char *text, struct error **err);
int cunik_run_memory(const char *text, int64_t *ret, struct error **err);
int cunik_run_cpus(const char *text, double *ret, struct error **err);
/* "no", "always", "unless-stopped", "on-failure[:N]". */
int cunik_run_restart(const char *text, enum restart_policy *ret, int64_t *ret_max,
                      struct error **err);
