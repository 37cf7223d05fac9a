/* SHA-256 (libcrypto) for names and hashes derived from content. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32 };

void cunik_digest(const void *data, size_t size, uint8_t ret[DIGEST_SIZE]);
/* The first `digits` lower-case hexadecimal digits of the SHA-256 of data; the caller frees it. */
char *cunik_digest_hex(const void *data, size_t size, size_t digits);
/* All digits, of a file from its beginning, wherever its descriptor stands, and how many bytes it
 * has; 0 or negative errno. */
int cunik_digest_fd(int fd, char ret_hex[2 * DIGEST_SIZE + 1], int64_t *ret_size);
