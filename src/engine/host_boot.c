/* How a cunik boots, and whether it could be made here. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"
#include "network/address.h"

/* A kernel that was read, for as long as its file stays the same: thousands of cuniks share few. */
struct known_kernel {
    struct kernel kernel;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

static bool is_same(const struct known_kernel *k, const struct stat *st)
{
    return k->device == st->st_dev && k->inode == st->st_ino && k->size == st->st_size &&
           k->changed.tv_sec == st->st_mtim.tv_sec && k->changed.tv_nsec == st->st_mtim.tv_nsec;
}

/* The caller holds the lock for as long as it uses *ret. */
static int know_kernel(struct host_real *h, const char *path, const struct kernel **ret,
                       struct error **err)
{
    struct known_kernel *known = cunik_map_get(&h->kernels, path);
    struct kernel kernel = {0};
    struct stat st = {0};
    int r;

    if (stat(path, &st) == 0 && known && is_same(known, &st)) {
        *ret = &known->kernel;
        return 0;
    }
    if ((r = cunik_kernel_read(path, &kernel, err)) < 0)
        return r;
    if (!known) {
        known = cunik_calloc(1, sizeof(*known));
        cunik_map_set(&h->kernels, path, known);
    }
    cunik_kernel_done(&known->kernel);
    *known = (struct known_kernel){kernel, st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    *ret = &known->kernel;
    return 0;
}

void cunik_host_kernels_done(struct host_real *h)
{
    for (size_t i = 0; i < h->kernels.n; i++) {
        struct known_kernel *k = h->kernels.entries[i].value;
        cunik_kernel_done(&k->kernel);
        free(k);
    }
    cunik_map_done(&h->kernels);
}

/* A backend's settings with what they borrow. */
struct prepared {
    struct boot_settings settings;
    struct boot_interface *interfaces;
    struct boot_disk *disks;
    struct boot_pair *environment, *params;
    struct strv texts;
};

static void prepared_done(struct prepared *p)
{
    free(p->interfaces);
    free(p->disks);
    free(p->environment);
    free(p->params);
    cunik_strv_done(&p->texts);
}
#define _cleanup_prepared_ _cleanup_(prepared_done)

static const char *keep(struct prepared *p, char *text)
{
    cunik_strv_take(&p->texts, text);
    return text;
}

/* The gateway of the first network that has a way out is the guest's; names are asked for at the
 * gateway of its first network, unless that is someone else's. */
static int prepare_interfaces(struct prepared *p, const struct world_cunik *c,
                              const struct world *w, struct error **err)
{
    bool way_out = false;

    p->interfaces = cunik_calloc(c->n_interfaces, sizeof(*p->interfaces));
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_interface *in = &c->interfaces[i];
        const struct world_network *n = cunik_world_network(w, in->network);
        struct cidr subnet;
        uint32_t gateway;
        int r;

        if (!n)
            return cunik_error_set(err, ERROR_NOT_FOUND, "there is no network '%s'", in->network);
        if ((r = cunik_host_network_addresses(n, &subnet, &gateway, err)) < 0)
            return r;
        const char *way = keep(p, cunik_address_text(gateway));
        p->interfaces[i] = (struct boot_interface){
            .mac = in->mac,
            .link = in->link,
            .address = in->address,
            .prefix_length = subnet.length,
            .gateway = n->internal || way_out ? "" : way,
            .dns = i == 0 && !n->external ? way : "",
        };
        way_out = way_out || !n->internal;
    }
    p->settings.interfaces = p->interfaces;
    p->settings.n_interfaces = c->n_interfaces;
    return 0;
}

static struct boot_pair *prepare_pairs(const struct world_pairs *pairs)
{
    struct boot_pair *out = cunik_calloc(pairs->n, sizeof(*out));

    for (size_t i = 0; i < pairs->n; i++)
        out[i] = (struct boot_pair){pairs->items[i].key, pairs->items[i].value};
    return out;
}

static int prepare(const struct host_real *h, const struct world_cunik *c, const struct world *w,
                   struct prepared *p, struct error **err)
{
    p->disks = cunik_calloc(c->boot.n_disks, sizeof(*p->disks));
    for (size_t i = 0; i < c->boot.n_disks; i++) {
        const struct world_disk *d = &c->boot.disks[i];
        p->disks[i] = (struct boot_disk){d->path, d->mount, d->readonly, d->root};
    }
    p->environment = prepare_pairs(&c->environment);
    p->params = prepare_pairs(&c->boot.params);
    p->settings = (struct boot_settings){
        .name = c->name,
        .hostname = *c->hostname ? c->hostname : c->name,
        .domain = c->n_interfaces ? c->interfaces[0].network : "",
        .command = &c->command,
        .environment = p->environment,
        .n_environment = c->environment.n,
        .disks = p->disks,
        .n_disks = c->boot.n_disks,
        .kernel = *c->boot.kernel ? keep(p, cunik_host_image_path(h, c->name, "kernel")) : "",
        .initrd = *c->boot.initrd ? keep(p, cunik_host_image_path(h, c->name, "initrd")) : "",
        .cmdline = c->boot.cmdline,
        .machine = c->boot.machine,
        .firmware = c->boot.firmware,
        .params = p->params,
        .n_params = c->boot.params.n,
        .memory = c->memory,
        .cpus = c->cpus,
    };
    return prepare_interfaces(p, c, w, err);
}

int cunik_host_boot(struct host_real *h, const struct world_cunik *c, const struct world *w,
                    struct boot *ret, struct error **err)
{
    _cleanup_prepared_ struct prepared p = {0};
    const struct kernel *kernel = NULL;
    const struct backend *backend;
    struct boot boot = {0};
    int r;

    if ((r = prepare(h, c, w, &p, err)) < 0)
        return r;
    pthread_mutex_lock(&h->lock);
    if (*c->boot.kernel)
        r = know_kernel(h, c->boot.kernel, &kernel, err);
    if (r == 0)
        r = cunik_backend_find(c->boot.backend, kernel, &backend, err);
    if (r == 0)
        r = backend->make(&p.settings, kernel, &boot, err);
    pthread_mutex_unlock(&h->lock);
    if (r < 0) {
        cunik_boot_done(&boot);
        return r;
    }
    *ret = boot;
    return 0;
}

/* A file that the stack file names and that is not there is a mistake in that file. */
static int mistake(struct error **err, int r, const char *key)
{
    if (r >= 0)
        return 0;
    if (err && *err && (*err)->code == ERROR_NOT_FOUND)
        (*err)->code = ERROR_INVALID;
    return cunik_error_prefix(err, r, "%s", key);
}

static int check_file(const char *path, bool disk, struct error **err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return cunik_error_errno(err, errno, "'%s'", path);
    if (S_ISDIR(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a folder", path);
    if (!S_ISREG(st.st_mode) && !(disk && S_ISBLK(st.st_mode)))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no %s", path,
                               disk ? "disk image and no block device" : "file");
    if (access(path, R_OK) < 0)
        return cunik_error_errno(err, errno, "'%s'", path);
    return 0;
}

static int check_files(const struct world_cunik *c, struct error **err)
{
    int r = *c->boot.initrd ? check_file(c->boot.initrd, false, err) : 0;

    if (r < 0)
        return mistake(err, r, "unikernel.initrd");
    for (size_t i = 0; i < c->boot.n_disks; i++) {
        const struct world_disk *d = &c->boot.disks[i];
        _cleanup_free_ char *key = cunik_asprintf("unikernel.disks[%zu]", i);
        r = check_file(d->path, true, err);
        if (r == 0 && !d->readonly && access(d->path, W_OK) < 0)
            r = cunik_error_errno(err, errno, "'%s' cannot be written", d->path);
        if (r < 0)
            return mistake(err, r, key);
    }
    return 0;
}

/* Every `unikernel.` prefix stands where a mistake in the stack file is meant. */
static int check_kernel(struct host_real *h, const struct world_cunik *c, struct error **err)
{
    const struct kernel *kernel;

    if (!*c->boot.kernel)
        return 0;
    pthread_mutex_lock(&h->lock);
    int r = know_kernel(h, c->boot.kernel, &kernel, err);
    pthread_mutex_unlock(&h->lock);
    return mistake(err, r, "unikernel.kernel");
}

static int check_accel(const struct host_real *h, const struct world_cunik *c, struct error **err)
{
    const char *reason = "";
    const char *accel = cunik_hypervisor_accel(h->hypervisor, &reason);

    if (strcmp(c->boot.accel, "kvm") == 0 && strcmp(accel, "kvm") != 0)
        return cunik_error_set(err, ERROR_UNAVAILABLE, "unikernel.accel: kvm cannot be had: %s",
                               reason);
    return 0;
}

static int check_service(struct host_real *h, const struct world_cunik *c, const struct world *w,
                         struct strv *ret_warnings, struct error **err)
{
    struct boot boot = {0};
    int r;

    if ((r = check_kernel(h, c, err)) < 0 || (r = check_files(c, err)) < 0 ||
        (r = cunik_host_boot(h, c, w, &boot, err)) < 0)
        return r;
    for (size_t i = 0; i < boot.warnings.n; i++)
        cunik_strv_addf(ret_warnings, "service '%s': %s", c->service, boot.warnings.items[i]);
    cunik_boot_done(&boot);
    return check_accel(h, c, err);
}

/* What is wrong with a service names it; copies of one service say the same. */
int cunik_host_check(void *ctx, const struct world_cunik *c, const struct world *w,
                     struct strv *ret_warnings, struct error **err)
{
    struct host_real *h = ctx;
    int r = check_service(h, c, w, ret_warnings, err);

    if (r < 0)
        return cunik_error_prefix(err, r, "service '%s'", c->service);
    return cunik_host_prerequisites(h, err);
}
