#include "engine/verb.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/when.h"
#include "engine/clock.h"

enum { UUID_LEAST = 4 /* digits of it that name a cunik */ };

static const char *first_set(const char *a, const char *b, const char *c)
{
    if (!cunik_text_blank(a))
        return a;
    if (!cunik_text_blank(b))
        return b;
    return cunik_text_blank(c) ? "" : c;
}

struct client_settings cunik_verb_client_settings(const struct arguments *a, int cancel_fd)
{
    return (struct client_settings){
        .connect = first_set(cunik_arguments_value(a, "connect"), getenv("CUNIK_CONNECT"),
                             getenv("LIBVIRT_DEFAULT_URI")),
        .accel = first_set(getenv("CUNIK_ACCEL"), NULL, NULL),
        .cancel_fd = cancel_fd,
    };
}

int cunik_verb_reach_with(const struct arguments *a, int cancel_fd, struct client **ret,
                          struct error **err)
{
    const struct client_settings settings = cunik_verb_client_settings(a, cancel_fd);

    return cunik_client_create(&settings, ret, err);
}

/* An interrupt ends the process, which is all there is to cancel. */
int cunik_verb_reach(const struct arguments *a, struct client **ret, struct error **err)
{
    return cunik_verb_reach_with(a, -1, ret, err);
}

int cunik_verb_world(const struct arguments *a, struct client **ret_client, struct world *ret,
                     struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = cunik_client_world(client, "", ret, err);
    if (r == 0 && ret_client)
        *ret_client = TAKE_PTR(client);
    return r;
}

static struct world_cunik *by_uuid(const struct world *w, const char *text)
{
    struct world_cunik *found = NULL;

    if (strlen(text) < UUID_LEAST)
        return NULL;
    for (size_t i = 0; i < w->n_cuniks; i++) {
        if (!cunik_text_starts(w->cuniks[i].uuid, text))
            continue;
        if (found)
            return NULL; /* it may be this one or that one */
        found = &w->cuniks[i];
    }
    return found;
}

int cunik_verb_find(const struct world *w, const char *name, struct world_cunik **ret,
                    struct error **err)
{
    _cleanup_free_ const char **names = NULL;
    size_t n = 0;

    *ret = NULL;
    for (size_t i = 0; i < w->n_cuniks && !*ret; i++)
        if (strcmp(cunik_world_called(&w->cuniks[i]), name) == 0)
            *ret = &w->cuniks[i];
    if (!*ret)
        *ret = by_uuid(w, name);
    if (*ret)
        return 0;
    for (size_t i = 0; i < w->n_cuniks; i++)
        *ARRAY_APPEND(names, n) = cunik_world_called(&w->cuniks[i]);
    _cleanup_free_ char *near = cunik_text_suggestion(name, names, n);
    return cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s%s", name, near);
}

char *cunik_verb_any_name(const char *prefix)
{
    uint32_t number = 0;

    (void)!getrandom(&number, sizeof(number), 0);
    return cunik_asprintf("%s-%06x", prefix, number & 0xffffff);
}

static void print_warning(void *ctx _unused_, const struct event *e)
{
    if (e->type == EVENT_WARNING && e->message)
        fprintf(stderr, "warning: %s\n", e->message);
}

int cunik_verb_apply(struct client *client, const struct request *r, struct error **err)
{
    return cunik_client_apply(client, r, &(struct event_sink){print_warning, NULL}, err);
}

int cunik_verb_apply_stack(struct client *client, const char *stack, enum request_action action,
                           struct error **err)
{
    _cleanup_request_ struct request r;

    cunik_request_init(&r);
    cunik_replace(&r.stack, stack);
    r.action = action;
    return cunik_verb_apply(client, &r, err);
}

int cunik_verb_grace(const struct arguments *a, int64_t *ret_ns, struct error **err)
{
    return cunik_arguments_seconds(a, "time", 0, ret_ns, err);
}

bool cunik_verb_agrees(const struct arguments *a, const char *question)
{
    char answer[16];

    if (cunik_arguments_flag(a, "force"))
        return true;
    fprintf(stderr, "%s [y/N] ", question);
    return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

bool cunik_verb_wants_json(const struct arguments *a)
{
    return cunik_text_equal(cunik_arguments_value(a, "format"), "json");
}

void cunik_verb_print_json(const json_t *value, size_t flags)
{
    _cleanup_free_ char *text = cunik_json_text(value, flags);

    puts(text);
}

int cunik_verb_time(const struct arguments *a, const char *option, int64_t *ret, struct error **err)
{
    const char *text = cunik_arguments_value(a, option);

    if (text && cunik_when_parse(text, cunik_clock_real.wall_ms(NULL), ret) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--%s' takes a time (2026-01-02T15:04:05Z, seconds since "
                               "1970, or how long ago: 10m), not '%s'",
                               option, text);
    return 0;
}

void cunik_verb_print_text(const char *text)
{
    for (const char *p = text; *p; p++)
        putchar(((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f ? '?' : *p);
    putchar('\n');
}

/* Local time with milliseconds. */
void cunik_verb_print_time(int64_t ms)
{
    _cleanup_free_ char *text = cunik_when_local(ms);

    if (ms)
        printf("%s ", text);
}

int cunik_verb_find_all(struct client *client, const struct strv *given, struct strv *ret,
                        struct error **err)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = cunik_client_world(client, "", &w, err);

    for (size_t i = 0; r == 0 && i < given->n; i++) {
        r = cunik_verb_find(&w, given->items[i], &c, err);
        if (r == 0)
            cunik_strv_add(ret, c->name);
    }
    return r;
}
