#include "engine/host_real.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/domain_xml.h"
#include "engine/host_endings.h"

enum { ENGINE_DIGITS = 12, STATE_LIMIT = 256 << 20 };

/* Networks get a /24 of these. Docker takes the first of 172.16.0.0/12, so these begin at its end.
 */
static const char *const usual_pools[] = {"172.30.0.0/16", "172.31.0.0/16", "10.180.0.0/14"};

struct seen_cunik *cunik_host_seen(struct host_real *h, const char *name)
{
    struct seen_cunik *s = cunik_map_get(&h->seen, name);

    if (!s) {
        s = cunik_calloc(1, sizeof(*s));
        cunik_map_set(&h->seen, name, s);
    }
    return s;
}

static struct seen_cunik *forget_seen(struct seen_cunik *s)
{
    free(s->changed);
    *s = (struct seen_cunik){0};
    return s;
}

static struct host_guest guest_of(struct host_real *h, const char *name)
{
    pthread_mutex_lock(&h->lock);
    const struct seen_cunik *s = cunik_host_seen(h, name);
    struct host_guest guest = {.deaf = s->deaf, .backend = s->backend};
    pthread_mutex_unlock(&h->lock);
    return guest;
}

static int put_image(struct host_real *h, const struct world_cunik *c, const char *kind,
                     const char *path, const char *kept, struct error **err)
{
    return strcmp(path, kept) == 0 ? cunik_host_image_put(h, c->name, kind, path, err)
                                   : cunik_host_image_restore(h, c->name, kind, err);
}

/* kept: the same, with the paths of what is kept of it. */
static int put_images(struct host_real *h, const struct world_cunik *c,
                      const struct world_cunik *kept, struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/images/%s", h->root, c->name);
    int r = cunik_file_make_folders(folder, 0755, err);

    if (r == 0 && *c->boot.kernel)
        r = put_image(h, c, "kernel", c->boot.kernel, kept->boot.kernel, err);
    if (r == 0 && *c->boot.initrd)
        r = put_image(h, c, "initrd", c->boot.initrd, kept->boot.initrd, err);
    return r;
}

static int define(struct host_real *h, const struct world_cunik *c, const struct world_cunik *kept,
                  const struct world *w, struct error **err)
{
    struct world_cunik attached = {0};
    struct boot boot = {0};
    int r;

    if ((r = put_images(h, c, kept, err)) < 0 ||
        (r = cunik_host_boot(h, kept, w, true, &attached, &boot, err)) < 0)
        return r;
    const struct host_guest guest = {.deaf = !boot.hears_poweroff, .backend = boot.backend};
    _cleanup_free_ char *label = cunik_host_label(h, c, guest);
    _cleanup_free_ char *console = cunik_hypervisor_is_alone(h->hypervisor)
                                       ? cunik_console_path(h->consoles, c->name)
                                       : cunik_console_source(h->consoles, c->name);
    const struct domain_settings settings = {
        .accel = *c->boot.accel ? c->boot.accel : cunik_hypervisor_accel(h->hypervisor, NULL),
        .emulator = "",
        .console = console,
        .label = label,
        .quota = cunik_hypervisor_has_quota(h->hypervisor),
        .user = cunik_hypervisor_user(h->hypervisor),
        .world = w,
    };
    r = cunik_host_files_own(h, kept, &attached, err);
    _cleanup_free_ char *xml = cunik_domain_xml(&attached, &boot, &settings);
    cunik_world_cunik_done(&attached);
    pthread_mutex_lock(&h->lock);
    struct seen_cunik *s = forget_seen(cunik_host_seen(h, c->name));
    s->deaf = guest.deaf;
    s->backend = guest.backend;
    pthread_mutex_unlock(&h->lock);
    cunik_boot_done(&boot);
    if (r == 0 && (r = cunik_hypervisor_define(h->hypervisor, c->name, xml, err)) == 0)
        cunik_host_definition_keep(h, c->name);
    return r;
}

static int domain_define(void *ctx, const struct world_cunik *c, const struct world *w,
                         struct error **err)
{
    struct world_cunik kept = {0};

    cunik_host_images_kept(ctx, c, &kept);
    int r = define(ctx, c, &kept, w, err);
    cunik_world_cunik_done(&kept);
    return r;
}

static int files_keep(void *ctx, const struct world_cunik *c, bool keep, struct error **err)
{
    return cunik_host_images_keep(ctx, c->name, keep, err);
}

static int domain_start(void *ctx, const struct world_cunik *c, struct error **err)
{
    _cleanup_(cunik_host_holds_done) struct host_holds holds = {0};
    struct host_real *h = ctx;

    int r = cunik_host_hold_volumes(h, c, &holds, err);
    if (r == 0)
        r = cunik_host_files_open(h, c, err);
    if (r < 0)
        return r;
    cunik_host_endings_started(h, c->name);
    r = cunik_hypervisor_start(h->hypervisor, c->name, err);
    if (r < 0)
        return r;
    /* One that ends at once was seen to run all the same. */
    pthread_mutex_lock(&h->lock);
    struct seen_cunik *s = cunik_host_seen(h, c->name);
    s->ran = true;
    s->ended_ms = 0;
    pthread_mutex_unlock(&h->lock);
    return 0;
}

static int domain_relabel(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct host_real *h = ctx;
    _cleanup_free_ char *label = cunik_host_label(h, c, guest_of(h, c->name));

    return cunik_hypervisor_relabel(h->hypervisor, c->name, label, err);
}

static int domain_shutdown(void *ctx, const struct world_cunik *c, int64_t deadline_ns,
                           struct error **err)
{
    struct host_real *h = ctx;

    /* Waiting for what cannot come would only make everybody wait. */
    if (guest_of(h, c->name).deaf) {
        cunik_error_set(err, ERROR_TIMEOUT, "the guest of '%s' does not hear requests to power off",
                        c->name);
        return -ETIME;
    }
    return cunik_hypervisor_shutdown(h->hypervisor, c->name, deadline_ns, err);
}

static int pause_domain(void *ctx, const struct world_cunik *c, bool pause, struct error **err)
{
    struct host_real *h = ctx;

    return cunik_hypervisor_pause(h->hypervisor, c->name, pause, err);
}

static int terminal(void *ctx, const struct world_cunik *c, char **ret_path, struct error **err)
{
    struct host_real *h = ctx;

    return cunik_hypervisor_terminal(h->hypervisor, c->name, ret_path, err);
}

static int domain_destroy(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct host_real *h = ctx;

    return cunik_hypervisor_destroy(h->hypervisor, c->name, err);
}

static int domain_undefine(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct host_real *h = ctx;
    int r;

    /* The domain goes last: as long as it is there, what is left of the rest is found again. */
    if ((r = cunik_console_remove(h->consoles, c->name, err)) < 0 ||
        (r = cunik_host_images_remove(h, c->name, err)) < 0 ||
        (r = cunik_host_files_close(h, c, err)) < 0 ||
        (r = cunik_host_restarts_remove(h, c->name, err)) < 0 ||
        (r = cunik_hypervisor_undefine(h->hypervisor, c->name, err)) < 0)
        return r;
    pthread_mutex_lock(&h->lock);
    forget_seen(cunik_host_seen(h, c->name));
    pthread_mutex_unlock(&h->lock);
    return 0;
}

static int console(void *ctx, const struct world_cunik *c, char **ret_path, uint64_t *ret_size,
                   _unused_ struct error **err)
{
    struct host_real *h = ctx;

    *ret_size = cunik_console_size(h->consoles, c->name);
    *ret_path = cunik_console_path(h->consoles, c->name);
    return 0;
}

static char *state_file(const struct host_real *h, const char *stack)
{
    return cunik_asprintf("%s/stacks/%s.json", h->root, stack);
}

static int state_write(void *ctx, const char *stack, const struct world *w, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *file = state_file(h, stack);

    if (!w) {
        if (unlink(file) < 0 && errno != ENOENT)
            return cunik_error_errno(err, errno, "removing '%s'", file);
        return 0;
    }
    _cleanup_json_ json_t *json = cunik_world_to_json(w);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);
    return cunik_file_write(file, text, strlen(text), 0600, true, err);
}

static int state_read(void *ctx, const char *stack, struct world *ret, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *file = state_file(h, stack), *text = NULL;
    _cleanup_json_ json_t *json = NULL;
    size_t size;
    int r;

    if ((r = cunik_file_read(file, STATE_LIMIT, &text, &size, err)) < 0 ||
        (r = cunik_json_parse(text, size, file, &json, err)) < 0)
        return r;
    r = cunik_world_from_kept(json, ret, err);
    return cunik_error_prefix(err, r, "'%s'", file);
}

static const struct host_ops operations = {
    .observe = cunik_host_observe,
    .facts = cunik_host_facts,
    .check = cunik_host_check,
    .network_create = cunik_host_network_create,
    .network_remove = cunik_host_network_remove,
    .names_start = cunik_host_names_start,
    .names_stop = cunik_host_names_stop,
    .names_add = cunik_host_names_add,
    .names_remove = cunik_host_names_remove,
    .links_create = cunik_host_links_create,
    .links_remove = cunik_host_links_remove,
    .links_remove_stack = cunik_host_links_remove_stack,
    .rules_replace = cunik_host_rules_replace,
    .domain_define = domain_define,
    .files_keep = files_keep,
    .restarts_keep = cunik_host_restarts_keep,
    .restarts_recall = cunik_host_restarts_recall,
    .domain_start = domain_start,
    .domain_relabel = domain_relabel,
    .domain_restore = cunik_host_domain_restore,
    .domain_shutdown = domain_shutdown,
    .domain_pause = pause_domain,
    .domain_destroy = domain_destroy,
    .domain_undefine = domain_undefine,
    .console = console,
    .terminal = terminal,
    .image = cunik_host_image,
    .volume_list = cunik_host_volume_list,
    .volume_create = cunik_host_volume_create,
    .volume_ensure = cunik_host_volume_ensure,
    .volume_remove = cunik_host_volume_remove,
    .file_put = cunik_host_file_put,
    .file_sweep = cunik_host_file_sweep,
    .state_write = state_write,
    .state_read = state_read,
};

static int make_folders(const struct host_real *h, struct error **err)
{
    const struct {
        const char *base, *name;
        mode_t mode;
    } folders[] = {
        {h->root, "stacks", 0700}, {h->root, "images", 0755},  {h->root, "restarts", 0700},
        {h->root, "opened", 0700}, {h->run, "networks", 0755}, {h->run, "names", 0755},
    };

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folders[i].base, folders[i].name);
        int r = cunik_file_make_folders(folders[i].base, 0755, err);
        if (r == 0)
            r = cunik_file_make_folders(path, folders[i].mode, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int cunik_host_real_create(const struct host_real_settings *settings, struct host_real **ret,
                           struct error **err)
{
    struct host_real *h = cunik_calloc(1, sizeof(*h));

    h->table = (struct host){.ops = &operations, .ctx = h};
    h->root = cunik_strdup(settings->root);
    h->run = cunik_strdup(settings->run);
    h->engine = cunik_digest_hex(h->root, strlen(h->root), ENGINE_DIGITS);
    h->hypervisor = settings->hypervisor;
    h->consoles = settings->consoles;
    h->watch = settings->watch;
    cunik_strv_copy(&h->pools, &settings->pools);
    for (size_t i = 0; !settings->pools.n && i < ARRAY_SIZE(usual_pools); i++)
        cunik_strv_add(&h->pools, usual_pools[i]);
    if (pthread_key_create(&h->facts, cunik_host_facts_free) != 0)
        abort();
    pthread_mutex_init(&h->images_lock, NULL);
    pthread_mutex_init(&h->opened_lock, NULL);
    pthread_mutex_init(&h->lock, NULL);
    int r = make_folders(h, err);
    if (r == 0) /* of an engine that was not able to end its request */
        r = cunik_host_images_keep(h, NULL, false, err);
    if (r == 0)
        r = cunik_host_outside_open(h, settings->outside, err);
    if (r == 0)
        r = cunik_host_endings_create(h, &h->endings, err);
    if (r < 0) {
        cunik_host_real_destroy(h);
        return r;
    }
    *ret = h;
    return 0;
}

void cunik_host_real_destroy(struct host_real *h)
{
    if (!h)
        return;
    cunik_host_endings_destroy(h->endings);
    void *facts = pthread_getspecific(h->facts);
    if (facts)
        cunik_host_facts_free(facts);
    pthread_key_delete(h->facts);
    cunik_host_kernels_done(h);
    for (size_t i = 0; i < h->seen.n; i++)
        free(forget_seen(h->seen.entries[i].value));
    cunik_map_done(&h->seen);
    cunik_strv_done(&h->pools);
    cunik_strv_done(&h->others);
    pthread_mutex_destroy(&h->images_lock);
    pthread_mutex_destroy(&h->opened_lock);
    pthread_mutex_destroy(&h->lock);
    free(h->rules);
    free(h->resolv);
    free(h->root);
    free(h->run);
    free(h->engine);
    free(h);
}

const struct host *cunik_host_real_table(struct host_real *h)
{
    return &h->table;
}

const char *cunik_host_real_engine(const struct host_real *h)
{
    return h->engine;
}
