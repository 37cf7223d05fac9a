/* One more cunik of a service, for one purpose: what `cunik-compose run` makes. It is like a copy
 * of the service, with its disks, volumes and networks, but has a service's name of its own, no
 * addresses that the file gives, no aliases, no published ports unless they are asked for, and is
 * not started again when it has ended. Pure, but for the environment that is handed in. */
#pragma once

#include "compose/stack.h"
#include "engine/world.h"

struct one_off {
    const char *of;   /* the service */
    const char *as;   /* what its own one is called */
    const char *name; /* of the cunik; NULL = STACK-AS */
    const char *entrypoint;
    const struct strv *command;     /* in place of the service's, unless both are empty */
    const struct strv *environment; /* "KEY=VALUE", or "KEY" of `environ`, over the service's */
    const struct strv *labels;      /* "KEY=VALUE" or "KEY" */
    const struct strv *publish;     /* "[[IP:]HOST:]PORT[/udp]" */
    bool service_ports;             /* those of the file as well */
    char *const *environ;
};

/* Adds it to the world that the stack was lowered to. The stack is good for nothing else then: its
 * service has become the one-off. ERROR_INVALID for a service that is not there and for what an
 * engine would not read. */
int cunik_one_off_add(struct stack *s, const struct one_off *o, struct world *w,
                      struct error **err);
