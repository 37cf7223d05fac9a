#include "engine/detach_keys.h"

#include <string.h>

#include "base/strv.h"
#include "base/text.h"

enum { CONTROL = 0x1f /* what the control key leaves of a letter */ };

/* The byte of one key, or -1. */
static int key_byte(const char *text)
{
    static const char control[] = "abcdefghijklmnopqrstuvwxyz@[\\]^_";

    if (text[0] && !text[1])
        return text[0] > ' ' && text[0] < 0x7f ? text[0] : -1;
    if (!cunik_text_starts(text, "ctrl-"))
        return -1;
    text += strlen("ctrl-");
    return text[0] && !text[1] && strchr(control, text[0]) ? text[0] & CONTROL : -1;
}

int cunik_detach_keys_init(struct detach_keys *k, const char *text, struct error **err)
{
    _cleanup_strv_ struct strv keys = {0};
    struct buffer bytes = {0};

    cunik_strv_split(&keys, text, ",");
    for (size_t i = 0; i < keys.n; i++) {
        int byte = key_byte(keys.items[i]);
        if (byte < 0) {
            cunik_buffer_done(&bytes);
            return cunik_error_set(err, ERROR_INVALID,
                                   "option '--detach-keys' takes keys such as ctrl-p,ctrl-q or x, "
                                   "not '%s'",
                                   keys.items[i]);
        }
        cunik_buffer_char(&bytes, (char)byte);
    }
    if (!bytes.size)
        return cunik_error_set(err, ERROR_INVALID, "option '--detach-keys' takes a key at least");
    *k = (struct detach_keys){.keys = bytes};
    return 0;
}

void cunik_detach_keys_done(struct detach_keys *k)
{
    cunik_buffer_done(&k->keys);
}

/* How much of the keys stands at the end of what was held back and `byte`, when it is not the next
 * key: "aab" is still found in "aaab". */
static size_t fall_back(const struct detach_keys *k, char byte)
{
    for (size_t n = k->seen; n > 0; n--)
        if (k->keys.data[n - 1] == byte &&
            memcmp(k->keys.data, k->keys.data + k->seen - (n - 1), n - 1) == 0)
            return n;
    return 0;
}

bool cunik_detach_keys_pass(struct detach_keys *k, const char *data, size_t size,
                            struct buffer *ret)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == k->keys.data[k->seen]) {
            if (++k->seen == k->keys.size) {
                k->seen = 0;
                return true;
            }
            continue;
        }
        /* Of what was held back and this byte, all that can no longer be the keys goes on. */
        size_t still = fall_back(k, data[i]), held = k->seen;
        cunik_buffer_append(ret, k->keys.data, held + 1 > still ? held + 1 - still : 0);
        if (!still)
            ret->data[ret->size - 1] = data[i];
        k->seen = still;
    }
    return false;
}
