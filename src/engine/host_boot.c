/* How a cunik boots, and whether it could be made here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real_internal.h"
#include "engine/world_boot.h"

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

static bool has_files(const struct backend *backend, const struct world_cunik *c)
{
    for (size_t i = 0; backend->files == FILES_INITRD && i < c->n_mounts; i++)
        if (c->mounts[i].kind == MOUNT_FILE)
            return true;
    return false;
}

/* The kernel is looked at under the lock, the rest takes its time. */
int cunik_host_backend(struct host_real *h, const struct world_cunik *c, const struct backend **ret,
                       struct error **err)
{
    const struct kernel *kernel = NULL;
    int r = 0;

    pthread_mutex_lock(&h->lock);
    if (*c->boot.kernel)
        r = know_kernel(h, c->boot.kernel, &kernel, err);
    if (r == 0)
        r = cunik_backend_find(c->boot.backend, kernel, ret, err);
    pthread_mutex_unlock(&h->lock);
    return r;
}

static int boot_attached(struct host_real *h, const struct backend *backend,
                         const struct world_cunik *c, const struct world *w, struct boot *ret,
                         struct error **err)
{
    const char *kind = has_files(backend, c) ? HOST_INITRD_WITH_FILES : "initrd";
    _cleanup_free_ char *image = cunik_host_image_path(h, c->name, "kernel");
    _cleanup_free_ char *initrd = cunik_host_image_path(h, c->name, kind);
    const struct kernel *kernel = NULL;
    int r = 0;

    pthread_mutex_lock(&h->lock);
    if (*c->boot.kernel)
        r = know_kernel(h, c->boot.kernel, &kernel, err);
    if (r == 0)
        r = cunik_world_boot(c, w, kernel, image, initrd, ret, err);
    pthread_mutex_unlock(&h->lock);
    return r;
}

int cunik_host_boot(struct host_real *h, const struct world_cunik *c, const struct world *w,
                    bool make, struct world_cunik *ret_attached, struct boot *ret,
                    struct error **err)
{
    struct world_cunik attached = {0};
    const struct backend *backend;
    int r = cunik_host_backend(h, c, &backend, err);

    if (r == 0)
        r = cunik_host_attach(h, c, w, backend, make, &attached, err);
    if (r == 0)
        r = boot_attached(h, backend, &attached, w, ret, err);
    if (r == 0 && make && ret->cmdline_on_disk)
        r = cunik_host_cover_cmdline(h, &attached, ret->cmdline, err);
    if (r < 0)
        cunik_boot_done(ret);
    if (r == 0 && ret_attached)
        *ret_attached = attached;
    else
        cunik_world_cunik_done(&attached);
    return r;
}

bool cunik_host_takes_ipv6(struct host_real *h, const struct world_cunik *c)
{
    const struct backend *backend;

    return cunik_host_backend(h, c, &backend, NULL) == 0 && backend->ipv6;
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
        if (r == 0 && !d->shared)
            r = cunik_host_check_format(d->path, err);
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

/* What QEMU could never get; short of that it is a matter of what else runs at that moment. */
static int check_memory(const struct boot *b, struct error **err)
{
    struct sysinfo host;

    if (sysinfo(&host) < 0)
        return 0;
    int64_t has = (int64_t)(host.totalram + host.totalswap) * host.mem_unit;
    if (b->memory <= has)
        return 0;
    _cleanup_free_ char *wanted = cunik_text_from_bytes(b->memory);
    _cleanup_free_ char *most = cunik_text_from_bytes(has);
    return cunik_error_set(err, ERROR_INVALID, "%s of memory are more than the host has, %s",
                           wanted, most);
}

/* libvirt's Xen driver is another connection than QEMU's. */
static int check_xen(const struct host_real *h, const struct boot *boot, struct error **err)
{
    const char *uri = cunik_hypervisor_uri(h->hypervisor);

    if (!boot->xen || cunik_text_starts(uri, "xen:"))
        return 0;
    return cunik_error_set(err, ERROR_UNAVAILABLE,
                           "unikernel: a guest of backend '%s' needs an engine that is connected "
                           "to Xen (cunikd --connect xen:///system); this one is to %s",
                           boot->backend->name, uri);
}

static int check_service(struct host_real *h, const struct world_cunik *c, const struct world *w,
                         struct strv *ret_warnings, struct error **err)
{
    struct world_cunik attached = {0};
    struct boot boot = {0};
    int r;

    if ((r = check_kernel(h, c, err)) < 0 || (r = check_files(c, err)) < 0 ||
        (r = cunik_host_boot(h, c, w, false, &attached, &boot, err)) < 0)
        return r;
    cunik_host_warn_folders(h, &attached, ret_warnings);
    cunik_world_cunik_done(&attached);
    for (size_t i = 0; i < boot.warnings.n; i++)
        cunik_strv_addf(ret_warnings, "service '%s': %s", c->service, boot.warnings.items[i]);
    if ((r = check_xen(h, &boot, err)) == 0)
        r = check_memory(&boot, err);
    cunik_boot_done(&boot);
    if (r < 0 || (r = cunik_host_check_writers(h, c, w, err)) < 0)
        return r;
    return check_accel(h, c, err);
}

/* What is wrong with a service names it; copies of one service say the same. */
int cunik_host_check(void *ctx, const struct world_cunik *c, const struct world *w,
                     struct strv *ret_warnings, struct error **err)
{
    struct host_real *h = ctx;
    int r = check_service(h, c, w, ret_warnings, err);

    if (r == 0)
        r = cunik_host_check_name(h, c, err);
    if (r < 0)
        return cunik_error_prefix(err, r, "service '%s'", c->service);
    return cunik_host_prerequisites(h, err);
}
