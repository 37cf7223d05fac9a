/* The way out of a namespace, as the process outside keeps it (outside.h): slirp4netns runs while
 * it is wanted, with the forwards that were asked for last, and is started again when it ends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/outside.h"

struct outside_slirp {
    char *api, *log;
    const struct namespaces *namespaces; /* into which it leads; borrowed */

    bool wanted; /* it is to run, so: */
    struct cidr subnet;
    struct strv forwards;

    pid_t pid; /* 0 = it does not run */
    int fd;    /* a pidfd: readable when it has ended; -1 = none */
    int leave;
    struct strv made; /* of the forwards */
    int64_t again_ns; /* when to start it again; 0 = not planned */
};

void cunik_outside_slirp_init(struct outside_slirp *s, const char *root,
                              const struct namespaces *namespaces);
/* Ends it, if it runs. */
void cunik_outside_slirp_done(struct outside_slirp *s);

/* Level, not edge: it runs with this subnet and these forwards and no other; NULL ends it. */
int cunik_outside_slirp_set(struct outside_slirp *s, const struct cidr *subnet,
                            const struct strv *forwards, struct error **err);

/* `fd` became readable. */
void cunik_outside_slirp_ended(struct outside_slirp *s);
/* How long nothing is to be done; -1 = until somebody asks. Then try_again() does it. */
int cunik_outside_slirp_wait_ms(const struct outside_slirp *s);
void cunik_outside_slirp_try_again(struct outside_slirp *s);
