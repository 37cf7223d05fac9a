/* The keys that leave a console while its guest goes on: "ctrl-p,ctrl-q". */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

/* A search for them in what is typed, which may come in any pieces. */
struct detach_keys {
    struct buffer keys; /* as bytes */
    size_t seen;        /* how many of them the last input ended with, which are held back */
};

/* "KEY[,KEY]...": a KEY is one printable character (as it is) or ctrl- and one of a-z @ [ \ ] ^ _,
 * in the words of Docker. ERROR_INVALID, by the option's name. */
int cunik_detach_keys_init(struct detach_keys *k, const char *text, struct error **err);
void cunik_detach_keys_done(struct detach_keys *k);

/* Takes input; appends to *ret what of it is for the guest. True when the keys have come: what
 * stands behind them is dropped. */
bool cunik_detach_keys_pass(struct detach_keys *k, const char *data, size_t size,
                            struct buffer *ret);
