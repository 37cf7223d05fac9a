/* Memory: allocation that aborts when there is none. Inputs are bounded before they get here. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/macros.h"

/* For mains: small blocks are merged as they are freed. glibc otherwise collects them and merges
 * all at once at every large free, a fifth of the time that planning 10,000 services takes. */
void cunik_memory_init(void);

void *cunik_malloc(size_t size);
void *cunik_calloc(size_t n, size_t size);
void *cunik_realloc(void *p, size_t n, size_t size);

/* Copies; NULL stays NULL. */
char *cunik_strdup(const char *s);
char *cunik_strndup(const char *s, size_t n);
void *cunik_memdup(const void *p, size_t size);

char *cunik_asprintf(const char *format, ...) _printf_(1, 2);
char *cunik_vasprintf(const char *format, va_list args) _printf_(1, 0);

/* Frees *p and stores a copy of s there. */
void cunik_replace(char **p, const char *s);
