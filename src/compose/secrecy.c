#include "compose/secrecy.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const char *const words[] = {
    "password",   "passwd",      "passphrase", "secret",     "token",
    "credential", "private_key", "api_key",    "access_key", "apikey",
};

bool cunik_is_secret_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

bool cunik_is_secret_path(const char *path)
{
    static const char services[] = "services.";
    const char *within = path;

    if (cunik_text_starts(path, services)) {
        within = strchr(path + strlen(services), '.');
        if (!within)
            return false;
    }
    return cunik_is_secret_name(within);
}

bool cunik_is_secret_value(const char *path, const char *template)
{
    return cunik_is_secret_path(path) || (template && cunik_is_secret_name(template));
}
