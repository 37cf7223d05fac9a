/* What is carried out, but not as those expect who know it from containers. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"

/* The engine tells commands the guest's address and more in variables that begin so. */
static const char own_variables[] = "CUNIK_";

static bool mentions_this_host(const char *text)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strstr(text, names[i]))
            return true;
    return false;
}

/* One who names the program by its whole path, or asks for the guest's address, knows where it
 * runs; who asks this host for the guest's port does not. */
static bool is_meant_for_guest(const struct strv *test)
{
    bool knows = test->items[1][0] == '/';

    for (size_t i = 1; i < test->n; i++) {
        if (mentions_this_host(test->items[i]))
            return true;
        knows |= strstr(test->items[i], own_variables) != NULL;
    }
    return !knows;
}

static void advise_on_health(struct stack_maker *m, const struct stack_service *s)
{
    const struct strv *test = &s->health.test;

    if (test->n < 2 || !cunik_text_starts(test->items[0], "CMD") || !is_meant_for_guest(test))
        return;
    _cleanup_free_ char *path = cunik_asprintf("services.%s.healthcheck.test", s->name);
    _cleanup_free_ char *program =
        cunik_strndup(test->items[1], strcspn(test->items[1], " \t\n;|&"));
    cunik_diagnostics_warn(m->d, &s->health.place, path,
                           "'%s' runs on this host, not in the guest: use [\"HTTP\", "
                           "\"http://:PORT/PATH\"] or [\"TCP\", \"PORT\"], which ask the guest, or "
                           "have the command ask $CUNIK_ADDRESS",
                           program);
}

/* All services of a network hear the same names, so that an alias for one alone cannot be. */
static void advise_on_links(struct stack_maker *m, const struct node *n,
                            const struct stack_service *s)
{
    const struct node *links = cunik_node_get(n, "links");

    for (size_t i = 0; links && i < links->n; i++) {
        const char *text = links->items[i]->text, *colon = strchr(text, ':');
        if (!colon || !colon[1])
            continue;
        _cleanup_free_ char *service = cunik_strndup(text, (size_t)(colon - text));
        if (strcmp(service, colon + 1) == 0)
            continue;
        _cleanup_free_ char *path = cunik_asprintf("services.%s.links[%zu]", s->name, i);
        cunik_diagnostics_unsupported(m->d, &links->items[i]->place, path,
                                      "the alias '%s' is not made: give it to '%s', as one of the "
                                      "aliases of its network",
                                      colon + 1, service);
    }
}

void cunik_stack_advise(struct stack_maker *m, const struct node *n, const struct stack_service *s)
{
    advise_on_health(m, s);
    advise_on_links(m, n, s);
}
