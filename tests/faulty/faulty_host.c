/* A cunikd whose host fails, or which dies, at one operation: the real engine with this file's
 * function in place of cunik_host_real_table() (ld's --wrap).
 *
 *     CUNIK_FAULT=WAY:K     at the K-th changing operation: "fails", "fails-after" (it has had its
 *                           effect), "dies" or "dies-after" (SIGKILL)
 *     CUNIK_FAULT_COUNT=F   the number of operations so far is kept in that file
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real.h"

enum way { FAILS, FAILS_AFTER, DIES, DIES_AFTER, WAY_MAX_ };

static const char *const ways[] = {"fails", "fails-after", "dies", "dies-after"};
_Static_assert(ARRAY_SIZE(ways) == WAY_MAX_, "every way has its name");

static const struct host *real;
static enum way way = WAY_MAX_;
static uint64_t at;
static atomic_ullong count;
static int count_file = -1;

const struct host *__real_cunik_host_real_table(struct host_real *h);
const struct host *__wrap_cunik_host_real_table(struct host_real *h);

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Whether it is this operation's turn. */
static bool is_due(void)
{
    uint64_t n = atomic_fetch_add(&count, 1) + 1;
    char text[32];

    if (count_file >= 0) {
        int size = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)n);
        (void)!pwrite(count_file, text, (size_t)size, 0);
    }
    return n == at;
}

static int finish(int r, bool due, const char *operation, struct error **err)
{
    if (!due)
        return r;
    if (way == DIES_AFTER)
        die();
    if (r < 0)
        return r;
    return cunik_error_set(err, ERROR_FAILED, "%s: injected failure", operation);
}

#define OPERATION(name, parameters, ...)                                                           \
    static int name parameters                                                                     \
    {                                                                                              \
        bool due = is_due();                                                                       \
                                                                                                   \
        if (due && way == DIES)                                                                    \
            die();                                                                                 \
        if (due && way == FAILS)                                                                   \
            return cunik_error_set(err, ERROR_FAILED, "%s: injected failure", #name);              \
        return finish(real->ops->name(ctx, __VA_ARGS__, err), due, #name, err);                    \
    }

OPERATION(network_create, (void *ctx, const struct world_network *n, struct error **err), n)
OPERATION(network_remove, (void *ctx, const struct world_network *n, struct error **err), n)
OPERATION(names_start, (void *ctx, const struct world_network *n, struct error **err), n)
OPERATION(names_stop, (void *ctx, const struct world_network *n, struct error **err), n)
OPERATION(names_add, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(names_remove, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(links_create,
          (void *ctx, const struct world_cunik *c, const struct world *w, struct error **err), c, w)
OPERATION(links_remove, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(links_remove_stack, (void *ctx, const char *stack, struct error **err), stack)
OPERATION(rules_replace, (void *ctx, const struct world *w, struct error **err), w)
OPERATION(domain_define,
          (void *ctx, const struct world_cunik *c, const struct world *w, struct error **err), c, w)
OPERATION(domain_start, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(domain_relabel, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(domain_restore, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(domain_shutdown,
          (void *ctx, const struct world_cunik *c, int64_t deadline, struct error **err), c,
          deadline)
OPERATION(domain_destroy, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(domain_undefine, (void *ctx, const struct world_cunik *c, struct error **err), c)
OPERATION(state_write, (void *ctx, const char *stack, const struct world *w, struct error **err),
          stack, w)

/* Without a fault it is told how many operations there are. */
static void read_settings(void)
{
    const char *fault = getenv("CUNIK_FAULT"), *file = getenv("CUNIK_FAULT_COUNT");

    if (file)
        count_file = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (!fault)
        return;
    const char *colon = strchr(fault, ':');
    for (size_t i = 0; colon && i < WAY_MAX_; i++)
        if (strlen(ways[i]) == (size_t)(colon - fault) &&
            strncmp(ways[i], fault, strlen(ways[i])) == 0)
            way = (enum way)i;
    if (way == WAY_MAX_ || cunik_text_to_uint(colon + 1, 1, UINT64_MAX, &at) < 0) {
        fprintf(stderr, "CUNIK_FAULT is WAY:K, not '%s'\n", fault);
        exit(2);
    }
}

const struct host *__wrap_cunik_host_real_table(struct host_real *h)
{
    static struct host_ops ops;
    static struct host table;

    real = __real_cunik_host_real_table(h);
    read_settings();
    ops = *real->ops;
    ops.network_create = network_create;
    ops.network_remove = network_remove;
    ops.names_start = names_start;
    ops.names_stop = names_stop;
    ops.names_add = names_add;
    ops.names_remove = names_remove;
    ops.links_create = links_create;
    ops.links_remove = links_remove;
    ops.links_remove_stack = links_remove_stack;
    ops.rules_replace = rules_replace;
    ops.domain_define = domain_define;
    ops.domain_start = domain_start;
    ops.domain_relabel = domain_relabel;
    ops.domain_restore = domain_restore;
    ops.domain_shutdown = domain_shutdown;
    ops.domain_destroy = domain_destroy;
    ops.domain_undefine = domain_undefine;
    ops.state_write = state_write;
    table = (struct host){.ops = &ops, .ctx = real->ctx};
    return &table;
}
