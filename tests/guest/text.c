#include "text.h"

void *memcpy(void *to, const void *from, size_t length)
{
    void *start = to;
    size_t words = length / 4, rest = length % 4;

    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if (target <= source || target >= source + length)
        return memcpy(to, from, length);
    while (length-- > 0)
        target[length] = source[length];
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    void *start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(byte) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *left = a, *right = b;

    for (size_t i = 0; i < length; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0')
        length++;
    return length;
}

bool text_equal(const char *a, const char *b)
{
    size_t length = strlen(a);

    return length == strlen(b) && memcmp(a, b, length) == 0;
}

bool text_starts(const char *text, const char *prefix)
{
    while (*prefix != '\0')
        if (*text++ != *prefix++)
            return false;
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool text_same_letters(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

char *text_find(char *text, char wanted)
{
    for (; *text != '\0'; text++)
        if (*text == wanted)
            return text;
    return NULL;
}

char *text_cut(char *text, char mark)
{
    char *at = text_find(text, mark);

    if (!at)
        return NULL;
    *at = '\0';
    return at + 1;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_percent_decode(char *text)
{
    char *to = text;

    while (*text != '\0') {
        if (*text != '%') {
            *to++ = *text++;
            continue;
        }
        int high = hex_digit(text[1]);
        int low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *to++ = (char)(high * 16 + low);
        text += 3;
    }
    *to = '\0';
    return true;
}

/* A run of digits at the start of `text`; returns what follows it, or NULL. */
static const char *take_number(const char *text, uint32_t most, uint32_t *ret_number)
{
    uint32_t number = 0;
    const char *start = text;

    for (; *text >= '0' && *text <= '9'; text++) {
        uint32_t digit = (uint32_t)(*text - '0');
        if (number > most / 10 || digit > most - number * 10)
            return NULL;
        number = number * 10 + digit;
    }
    if (text == start)
        return NULL;
    *ret_number = number;
    return text;
}

bool text_number(const char *text, uint32_t most, uint32_t *ret_number)
{
    uint32_t number;
    const char *end = take_number(text, most, &number);

    if (!end || *end != '\0')
        return false;
    *ret_number = number;
    return true;
}

bool text_address(const char *text, uint32_t *ret_address)
{
    uint32_t address = 0;

    for (int part = 0; part < 4; part++) {
        uint32_t number;
        if (part > 0 && *text++ != '.')
            return false;
        text = take_number(text, 255, &number);
        if (!text)
            return false;
        address = address << 8 | number;
    }
    if (*text != '\0')
        return false;
    *ret_address = address;
    return true;
}

uint32_t text_mask_of(uint32_t length)
{
    return length == 0 ? 0 : ~0u << (32 - length);
}

bool text_mask(const char *text, uint32_t *ret_length)
{
    uint32_t mask;

    if (!text_address(text, &mask))
        return false;
    for (uint32_t length = 0; length <= 32; length++) {
        if (mask == text_mask_of(length)) {
            *ret_length = length;
            return true;
        }
    }
    return false;
}
