/* A guest's console and this program's terminal, or its standard input and output, made one. */
#pragma once

#include "engine/client.h"
#include "engine/verb.h"

#define ATTACH_DETACH_KEYS "ctrl-p,ctrl-q"

struct attach_options {
    const char
        *detach_keys; /* NULL = ATTACH_DETACH_KEYS; heeded when standard input is a terminal */
    bool input;       /* standard input is typed into the console */
    bool raw;         /* and, when it is a terminal, key by key: interrupts too are typed */
    bool proxy;       /* an interrupt stops the guest, and a second one kills it; else it
                         leaves the guest alone */
    bool from_start;  /* also what was written since its start */
    bool *ret_ended;  /* set to whether the guest has ended; NULL = no matter */
};

/* --detach-keys, --no-stdin and --sig-proxy, for the tables of `attach`; and what they say. */
#define ATTACH_OPTIONS                                                                             \
    {"detach-keys", 0,                                                                             \
     "KEYS",        "Keys that leave it, at a terminal; " ATTACH_DETACH_KEYS " otherwise",         \
     NULL,          false},                                                                        \
        {"no-stdin", 0, NULL, "Type nothing into it", NULL, false},                                \
    {                                                                                              \
        "sig-proxy", 0, "BOOL", "Whether an interrupt stops the guest, as it does otherwise",      \
            "true|false", false                                                                    \
    }
void cunik_attach_read_options(const struct arguments *a, struct attach_options *ret);

/* Returns when the guest has ended, which sets *ret_status to what it ended with, or when the user
 * has left it (which says so on standard error, and leaves *ret_status). `how` is how the engine is
 * reached. Sets the terminal back in every case. The end of standard input ends nothing: a console
 * has no way to say it. */
int cunik_attach(const struct client_settings *how, const char *name,
                 const struct attach_options *o, int *ret_status, struct error **err);
