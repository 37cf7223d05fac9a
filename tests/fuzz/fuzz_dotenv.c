/* Any bytes as a .env file: variables with a name, or a mistake with its place; and every value
 * that was read, written in single quotes, is read again. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "compose/dotenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(const void *context, const char *name)
{
    (void)context;
    return *name >= 'a' ? NULL : *name == 'E' ? "" : "$A${B:?c}";
}

static void append_quoted(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            cunik_buffer_char(b, '\\');
        cunik_buffer_char(b, *s);
    }
    cunik_buffer_text_append(b, "'\n");
}

/* A backslash before a quote, or at the end, cannot be said in single quotes. */
static bool can_quote(const char *s)
{
    for (; *s; s++)
        if (*s == '\\' && (s[1] == '\'' || !s[1] || s[1] == '\\'))
            return false;
    return true;
}

/* "export" and a blank before a name are no part of it. */
static bool can_name(const char *name)
{
    return strncmp(name, "export", 6) != 0 || !isspace((unsigned char)name[6]);
}

static void read_again(const struct variables *v)
{
    _cleanup_variables_ struct variables again = {0};
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_char(&b, '\n'); /* a name may begin with what would be a byte order mark */
    for (size_t i = 0; i < cunik_variables_count(v); i++)
        if (can_name(cunik_variables_name(v, i)) && can_quote(cunik_variables_value(v, i))) {
            cunik_buffer_printf(&b, "%s=", cunik_variables_name(v, i));
            append_quoted(&b, cunik_variables_value(v, i));
        }
    if (cunik_dotenv_parse("again", cunik_buffer_text(&b), b.size, NULL, &again, NULL, NULL) < 0)
        abort();
    for (size_t i = 0; i < cunik_variables_count(&again); i++)
        if (strcmp(cunik_variables_value(&again, i),
                   cunik_variables_get(v, cunik_variables_name(&again, i))) != 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lookup lookup = {.get = get};
    _cleanup_variables_ struct variables v = {0};
    _cleanup_map_ struct map missing = {0};
    _cleanup_error_ struct error *err = NULL;
    int r = cunik_dotenv_parse("fuzz", (const char *)data, size, &lookup, &v, &missing, &err);

    if (r < 0 ? !err || err->code != ERROR_INVALID || !err->line : err != NULL)
        abort();
    for (size_t i = 0; i < cunik_variables_count(&v); i++)
        if (!*cunik_variables_name(&v, i) || isdigit((unsigned char)*cunik_variables_name(&v, i)))
            abort();
    read_again(&v);
    return 0;
}
