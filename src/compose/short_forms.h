/* Short forms: one string that stands for a mapping or a list. Pure; each gives what compose-go
 * makes of it. Errors are ERROR_INVALID with the bare reason; the caller knows the place. */
#pragma once

#include "base/error.h"
#include "base/strv.h"
#include "compose/tree.h"

/* "[HOST_IP:][PUBLISHED:]TARGET[/PROTOCOL]", PUBLISHED and TARGET a port or a range: appends a
 * mapping for each port of TARGET, with the keys host_ip, mode, protocol, published and target.
 * Nothing is appended on failure. */
int cunik_short_port(struct tree *t, const struct place *place, const char *text, struct node *list,
                     struct error **err);

/* "[SOURCE:]TARGET[:OPTION,…]": a mapping with type, source, target, read_only, bind, volume. */
int cunik_short_volume(struct tree *t, const struct place *place, const char *text,
                       struct node **ret, struct error **err);

/* "SOURCE[:TARGET[:PERMISSIONS]]". */
int cunik_short_device(struct tree *t, const struct place *place, const char *text,
                       struct node **ret, struct error **err);

/* Splits a line into words as a shell does: blanks separate, quotes and backslashes keep. As with
 * compose-go an unquoted operator of the shell (; & | < >) ends the line; *ret_rest is then where
 * (within text), else NULL. */
int cunik_short_words(const char *text, struct strv *ret, const char **ret_rest,
                      struct error **err);
