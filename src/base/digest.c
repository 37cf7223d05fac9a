#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/memory.h"

enum { CHUNK = 1 << 18 };

static void write_hex(char *to, const uint8_t *digest, size_t digits)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < digits; i++)
        to[i] = hex[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    to[digits] = '\0';
}

void cunik_digest(const void *data, size_t size, uint8_t ret[DIGEST_SIZE])
{
    if (!EVP_Digest(data, size, ret, NULL, EVP_sha256(), NULL))
        abort();
}

char *cunik_digest_hex(const void *data, size_t size, size_t digits)
{
    uint8_t digest[DIGEST_SIZE];

    if (digits > 2 * DIGEST_SIZE)
        digits = 2 * DIGEST_SIZE;
    cunik_digest(data, size, digest);
    char *text = cunik_malloc(digits + 1);
    write_hex(text, digest, digits);
    return text;
}

int cunik_digest_fd(int fd, char ret_hex[2 * DIGEST_SIZE + 1], int64_t *ret_size)
{
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t digest[DIGEST_SIZE];
    off_t at = 0;
    ssize_t n;

    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
        abort();
    while ((n = pread(fd, chunk, CHUNK, at)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0 && !EVP_DigestUpdate(hash, chunk, (size_t)n))
            abort();
        at += n > 0 ? n : 0;
    }
    int r = n < 0 ? -errno : 0;
    if (!EVP_DigestFinal_ex(hash, digest, NULL))
        abort();
    EVP_MD_CTX_free(hash);
    write_hex(ret_hex, digest, 2 * DIGEST_SIZE);
    *ret_size = at;
    return r;
}
