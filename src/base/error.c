#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

static const struct {
    const char *name;
    int exit_status;
    unsigned http_status;
} codes[] = {
    [ERROR_FAILED] = {"failed", 1, 500},         [ERROR_INVALID] = {"invalid", 2, 400},
    [ERROR_NOT_FOUND] = {"not-found", 1, 404},   [ERROR_CONFLICT] = {"conflict", 1, 409},
    [ERROR_PERMISSION] = {"permission", 1, 403}, [ERROR_UNAVAILABLE] = {"unavailable", 1, 503},
    [ERROR_TIMEOUT] = {"timeout", 1, 504},       [ERROR_CANCELLED] = {"cancelled", 130, 409},
};
_Static_assert(ARRAY_SIZE(codes) == ERROR_CODE_MAX_, "every error code has its row");

static enum error_code code_of_errno(int number)
{
    switch (number) {
    case EPERM:
    case EACCES:
        return ERROR_PERMISSION;
    case ENOENT:
        return ERROR_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE:
        return ERROR_CONFLICT;
    case ETIMEDOUT:
        return ERROR_TIMEOUT;
    case ECONNREFUSED:
        return ERROR_UNAVAILABLE;
    default:
        return ERROR_FAILED;
    }
}

static void store(struct error **err, enum error_code code, int number, char *message)
{
    if (!err) {
        free(message);
        return;
    }
    struct error *e = cunik_calloc(1, sizeof(*e));
    e->code = code;
    e->number = number;
    e->message = message;
    cunik_error_pass(err, 0, &e);
}

static int result_of(enum error_code code)
{
    return code == ERROR_INVALID ? -EINVAL : -EIO;
}

int cunik_error_set(struct error **err, enum error_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    store(err, code, 0, cunik_vasprintf(format, args));
    va_end(args);
    return result_of(code);
}

int cunik_error_errno(struct error **err, int number, const char *format, ...)
{
    va_list args;

    if (number < 0)
        number = -number;
    va_start(args, format);
    _cleanup_free_ char *text = cunik_vasprintf(format, args);
    va_end(args);
    store(err, code_of_errno(number), number, cunik_asprintf("%s: %s", text, strerror(number)));
    return number ? -number : -EIO;
}

int cunik_error_at(struct error **err, enum error_code code, const struct place *place,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    store(err, code, 0, cunik_vasprintf(format, args));
    va_end(args);
    if (err && place) {
        (*err)->file = cunik_strdup(place->file);
        (*err)->line = place->line;
        (*err)->column = place->column;
    }
    return result_of(code);
}

int cunik_error_prefix(struct error **err, int r, const char *format, ...)
{
    va_list args;

    if (!err || !*err)
        return r;
    va_start(args, format);
    _cleanup_free_ char *text = cunik_vasprintf(format, args);
    va_end(args);
    char *message = cunik_asprintf("%s: %s", text, (*err)->message);
    free((*err)->message);
    (*err)->message = message;
    return r;
}

int cunik_error_pass(struct error **err, int r, struct error **why)
{
    struct error *passed = TAKE_PTR(*why);

    if (!err || !passed) {
        cunik_error_destroy(passed);
        return r;
    }
    cunik_error_destroy(*err);
    *err = passed;
    return r;
}

void cunik_error_forget(struct error **err)
{
    if (err)
        cunik_error_destroy(TAKE_PTR(*err));
}

void cunik_error_destroy(struct error *err)
{
    if (!err)
        return;
    free(err->file);
    free(err->message);
    free(err);
}

char *cunik_error_text(const struct error *err)
{
    if (!err->file)
        return cunik_strdup(err->message);
    if (!err->line)
        return cunik_asprintf("%s: %s", err->file, err->message);
    return cunik_asprintf("%s:%u:%u: %s", err->file, err->line, err->column, err->message);
}

const char *cunik_error_name(enum error_code code)
{
    return codes[code].name;
}

enum error_code cunik_error_from_name(const char *name)
{
    for (enum error_code c = 0; c < ERROR_CODE_MAX_; c++)
        if (name && strcmp(codes[c].name, name) == 0)
            return c;
    return ERROR_FAILED;
}

int cunik_error_exit_status(enum error_code code)
{
    return codes[code].exit_status;
}

unsigned cunik_error_http_status(enum error_code code)
{
    return codes[code].http_status;
}
