/* What a message must not show: the values of keys that hold secrets. Pure. */
#pragma once

#include <stdbool.h>

/* Whether a key or the name of a variable says that its value is a secret: it holds "password",
 * "secret", "token" or another such word. */
bool cunik_is_secret_name(const char *name);

/* The same for where a value stands ("services.web.environment.DB_PASSWORD"): one of the keys on
 * the way says so. The name of a service does not count; all in the section `secrets` does. */
bool cunik_is_secret_path(const char *path);

/* Whether a value is not to be shown: its path says so, or the template that it came from (or
 * NULL). */
bool cunik_is_secret_value(const char *path, const char *template);
