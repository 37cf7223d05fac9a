#include "base/digest.h"

#include <openssl/evp.h>

#include "base/memory.h"

void cunik_digest(const void *data, size_t size, uint8_t ret[DIGEST_SIZE])
{
    if (!EVP_Digest(data, size, ret, NULL, EVP_sha256(), NULL))
        abort();
}

char *cunik_digest_hex(const void *data, size_t size, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[DIGEST_SIZE];

    if (digits > 2 * DIGEST_SIZE)
        digits = 2 * DIGEST_SIZE;
    cunik_digest(data, size, digest);
    char *text = cunik_malloc(digits + 1);
    for (size_t i = 0; i < digits; i++)
        text[i] = hex[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    text[digits] = '\0';
    return text;
}
