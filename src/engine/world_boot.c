#include "engine/world_boot.h"

#include <string.h>

#include "backends/backend.h"
#include "base/memory.h"
#include "engine/world_network.h"
#include "network/address6.h"

/* A backend's settings with what they borrow. */
struct prepared {
    struct boot_settings settings;
    struct boot_interface *interfaces;
    struct boot_disk *disks;
    struct boot_tmpfs *tmpfs;
    struct boot_pair *environment, *params;
    struct strv texts;
};

static void prepared_done(struct prepared *p)
{
    free(p->interfaces);
    free(p->disks);
    free(p->tmpfs);
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

static int prepare_interface(struct prepared *p, const struct world_cunik *c, size_t index,
                             const struct world *w, bool way, bool way6, struct error **err)
{
    const struct world_interface *in = &c->interfaces[index];
    const struct world_network *n = cunik_world_network(w, in->network);
    struct cidr6 six = {0};
    struct cidr subnet;
    uint32_t address;
    int r;

    if (!n)
        return cunik_error_set(err, ERROR_NOT_FOUND, "there is no network '%s'", in->network);
    if ((r = cunik_world_network_around(n, in->address, &subnet, &address, err)) < 0 ||
        (*in->address6 && (r = cunik_cidr6_parse_subnet(n->subnet6, &six, err)) < 0))
        return r;
    const char *gateway = keep(p, cunik_address_text(address));
    p->interfaces[index] = (struct boot_interface){
        .mac = in->mac,
        .link = in->link,
        .address = in->address,
        .prefix_length = subnet.length,
        .gateway = way ? gateway : "",
        .dns = cunik_world_name_server(c, index, n) ? *in->dns ? in->dns : gateway : "",
        .mtu = (unsigned)n->mtu,
        .name = in->name,
        .address6 = in->address6,
        .prefix_length6 = six.length,
        .gateway6 = way6 ? n->gateway6 : "",
        .fixed6 = in->fixed6,
    };
    return 0;
}

static int prepare_interfaces(struct prepared *p, const struct world_cunik *c,
                              const struct world *w, struct error **err)
{
    size_t way = cunik_world_way_out(c, w), way6 = cunik_world_way_out6(c, w);
    int r = 0;

    p->interfaces = cunik_calloc(c->n_interfaces, sizeof(*p->interfaces));
    for (size_t i = 0; r == 0 && i < c->n_interfaces; i++)
        r = prepare_interface(p, c, i, w, i == way, i == way6, err);
    p->settings.interfaces = p->interfaces;
    p->settings.n_interfaces = c->n_interfaces;
    return r;
}

static struct boot_pair *prepare_pairs(const struct world_pairs *pairs)
{
    struct boot_pair *out = cunik_calloc(pairs->n, sizeof(*out));

    for (size_t i = 0; i < pairs->n; i++)
        out[i] = (struct boot_pair){pairs->items[i].key, pairs->items[i].value};
    return out;
}

/* What says no mode is for everybody, as a /tmp is. */
static size_t prepare_tmpfs(struct prepared *p, const struct world_cunik *c)
{
    size_t n = 0;

    p->tmpfs = cunik_calloc(c->n_mounts, sizeof(*p->tmpfs));
    for (size_t i = 0; i < c->n_mounts; i++) {
        const struct world_mount *m = &c->mounts[i];
        if (m->kind == MOUNT_TMPFS)
            p->tmpfs[n++] = (struct boot_tmpfs){
                .mount = m->target,
                .readonly = m->readonly,
                .size = m->size,
                .mode = m->mode ? (unsigned)m->mode : 01777,
                .uid = (unsigned)m->uid,
                .gid = (unsigned)m->gid,
            };
    }
    return n;
}

/* The volume that is mounted there, or NULL: nothing else is. */
static const char *volume_at(const struct world_cunik *c, const char *target)
{
    for (size_t i = 0; i < c->n_mounts; i++)
        if (c->mounts[i].kind == MOUNT_VOLUME && strcmp(c->mounts[i].target, target) == 0)
            return c->mounts[i].source;
    return NULL;
}

static int prepare(const struct world_cunik *c, const struct world *w, const char *image,
                   const char *initrd, struct prepared *p, struct error **err)
{
    p->disks = cunik_calloc(c->boot.n_disks, sizeof(*p->disks));
    for (size_t i = 0; i < c->boot.n_disks; i++) {
        const struct world_disk *d = &c->boot.disks[i];
        p->disks[i] = (struct boot_disk){d->path,
                                         d->mount,
                                         d->readonly,
                                         d->root,
                                         d->filesystem ? d->filesystem : "",
                                         d->shared,
                                         volume_at(c, d->mount)};
    }
    p->environment = prepare_pairs(&c->environment);
    p->params = prepare_pairs(&c->boot.params);
    p->settings = (struct boot_settings){
        .name = c->name,
        .hostname = *c->hostname ? c->hostname : c->name,
        .hostname_given = *c->hostname && strcmp(c->hostname, c->name) != 0,
        .domain = c->n_interfaces ? c->interfaces[0].network : "",
        .search = &c->dns_search,
        .command = &c->command,
        .environment = p->environment,
        .n_environment = c->environment.n,
        .disks = p->disks,
        .n_disks = c->boot.n_disks,
        .kernel = *c->boot.kernel ? image : "",
        .initrd = *c->boot.initrd ? initrd : "",
        .cmdline = c->boot.cmdline,
        .machine = c->boot.machine,
        .firmware = c->boot.firmware,
        .params = p->params,
        .n_params = c->boot.params.n,
        .memory = c->memory,
        .cpus = c->cpus,
    };
    p->settings.n_tmpfs = prepare_tmpfs(p, c);
    p->settings.tmpfs = p->tmpfs;
    return prepare_interfaces(p, c, w, err);
}

/* Where nobody would answer, nothing is published on purpose. */
static int check_ports(const struct world_cunik *c, const struct backend *backend,
                       struct error **err)
{
    for (size_t i = 0; !backend->ipv6 && i < c->n_ports; i++)
        if (strchr(c->ports[i].host_ip, ':'))
            return cunik_error_set(err, ERROR_INVALID,
                                   "port %u/%s is to be published at %s, but %s cannot be told an "
                                   "IPv6 address",
                                   c->ports[i].port, c->ports[i].protocol, c->ports[i].host_ip,
                                   backend->name);
    return 0;
}

static void warn_tmpfs(const struct boot_settings *s, const struct backend *backend,
                       struct boot *boot)
{
    for (size_t i = 0; !backend->tmpfs && i < s->n_tmpfs; i++)
        cunik_strv_addf(&boot->warnings,
                        "tmpfs: '%s' has no effect: a guest of backend '%s' mounts its memory file "
                        "systems itself",
                        s->tmpfs[i].mount, backend->name);
}

int cunik_world_boot(const struct world_cunik *c, const struct world *w,
                     const struct kernel *kernel, const char *image, const char *initrd,
                     struct boot *ret, struct error **err)
{
    _cleanup_prepared_ struct prepared p = {0};
    const struct backend *backend;
    struct boot boot = {0};
    int r;

    if ((r = prepare(c, w, image, initrd, &p, err)) < 0 ||
        (r = cunik_backend_find(c->boot.backend, kernel, &backend, err)) < 0 ||
        (r = check_ports(c, backend, err)) < 0)
        return r;
    r = backend->make(&p.settings, kernel, &boot, err);
    if (r < 0) {
        cunik_boot_done(&boot);
        return r;
    }
    warn_tmpfs(&p.settings, backend, &boot);
    *ret = boot;
    ret->backend = backend;
    return 0;
}
