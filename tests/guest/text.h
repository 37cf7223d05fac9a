/* Memory and strings, as a freestanding program has to bring them along, and numbers in text and in
 * packets. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);

bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);
/* Equal without regard to ASCII case, over `length` bytes. */
bool text_same_letters(const char *a, const char *b, size_t length);
/* The first `wanted` in `text`, or NULL. */
char *text_find(char *text, char wanted);
/* Cuts `text` at the first `mark` and returns what follows it, or NULL when there is no mark. */
char *text_cut(char *text, char mark);

/* Undoes %XX in place. False, with the text unusable, when a % is not followed by two hexadecimal
 * digits or means a NUL. */
bool text_percent_decode(char *text);

/* Decimal numbers: the whole text must be digits and the number no more than `most`. */
bool text_number(const char *text, uint32_t most, uint32_t *ret_number);
/* Dotted IPv4 address, in the machine's byte order. */
bool text_address(const char *text, uint32_t *ret_address);
/* Dotted mask with its ones in front, as a prefix length. */
bool text_mask(const char *text, uint32_t *ret_length);
/* The mask of a prefix length of 0 to 32. */
uint32_t text_mask_of(uint32_t length);

/* Numbers in packets: big-endian, at any alignment. */
static inline uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
