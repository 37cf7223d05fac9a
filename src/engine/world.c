#include "engine/world.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "engine/world_records.h"

void cunik_world_done(struct world *w)
{
    cunik_record_done(&cunik_world_record, w);
}

void cunik_world_cunik_done(struct world_cunik *c)
{
    cunik_record_done(&cunik_world_cunik_record, c);
}

void cunik_world_status_init(struct world_status *s)
{
    cunik_record_init(&cunik_world_status_record, s);
}

void cunik_world_status_done(struct world_status *s)
{
    cunik_record_done(&cunik_world_status_record, s);
}

void cunik_world_network_done(struct world_network *n)
{
    cunik_record_done(&cunik_world_network_record, n);
}

void cunik_world_volume_done(struct world_volume *v)
{
    cunik_record_done(&cunik_world_volume_record, v);
}

void cunik_world_copy(struct world *to, const struct world *from)
{
    cunik_record_copy(&cunik_world_record, to, from);
}

void cunik_world_cunik_copy(struct world_cunik *to, const struct world_cunik *from)
{
    cunik_record_copy(&cunik_world_cunik_record, to, from);
}

void cunik_world_network_copy(struct world_network *to, const struct world_network *from)
{
    cunik_record_copy(&cunik_world_network_record, to, from);
}

void cunik_world_volume_copy(struct world_volume *to, const struct world_volume *from)
{
    cunik_record_copy(&cunik_world_volume_record, to, from);
}

void cunik_world_keep(struct world *w, bool (*wanted)(const struct world_cunik *c, const void *ctx),
                      const void *ctx)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_cuniks; i++)
        if (wanted(&w->cuniks[i], ctx))
            w->cuniks[n++] = w->cuniks[i];
        else
            cunik_world_cunik_done(&w->cuniks[i]);
    w->n_cuniks = n;
}

bool cunik_world_has_volume(const struct world_cunik *c, const char *volume)
{
    for (size_t i = 0; i < c->n_mounts; i++)
        if (c->mounts[i].kind == MOUNT_VOLUME && strcmp(c->mounts[i].source, volume) == 0)
            return true;
    return false;
}

int cunik_world_cunik_check(const struct world_cunik *c, struct error **err)
{
    return cunik_record_check(&cunik_world_cunik_record, c, err);
}

int cunik_world_network_check(const struct world_network *n, struct error **err)
{
    return cunik_record_check(&cunik_world_network_record, n, err);
}

struct world_cunik *cunik_world_add_cunik(struct world *w)
{
    struct world_cunik *c = ARRAY_APPEND(w->cuniks, w->n_cuniks);

    cunik_record_init(&cunik_world_cunik_record, c);
    return c;
}

struct world_network *cunik_world_add_network(struct world *w)
{
    struct world_network *n = ARRAY_APPEND(w->networks, w->n_networks);

    cunik_record_init(&cunik_world_network_record, n);
    return n;
}

struct world_interface *cunik_world_add_interface(struct world_cunik *c)
{
    struct world_interface *i = ARRAY_APPEND(c->interfaces, c->n_interfaces);

    cunik_record_init(&cunik_world_interface_record, i);
    return i;
}

struct world_pool *cunik_world_add_pool(struct world_network *n)
{
    struct world_pool *p = ARRAY_APPEND(n->pools, n->n_pools);

    cunik_record_init(&cunik_world_pool_record, p);
    return p;
}

struct world_resolver *cunik_world_add_resolver(struct world_network *n)
{
    struct world_resolver *p = ARRAY_APPEND(n->resolvers, n->n_resolvers);

    cunik_record_init(&cunik_world_resolver_record, p);
    return p;
}

struct world_port *cunik_world_add_port(struct world_cunik *c)
{
    struct world_port *p = ARRAY_APPEND(c->ports, c->n_ports);

    cunik_record_init(&cunik_world_port_record, p);
    return p;
}

struct world_disk *cunik_world_add_disk(struct world_cunik *c)
{
    struct world_disk *d = ARRAY_APPEND(c->boot.disks, c->boot.n_disks);

    cunik_record_init(&cunik_world_disk_record, d);
    return d;
}

struct world_depend *cunik_world_add_depend(struct world_cunik *c)
{
    struct world_depend *d = ARRAY_APPEND(c->depends, c->n_depends);

    cunik_record_init(&cunik_world_depend_record, d);
    return d;
}

struct world_mount *cunik_world_add_mount(struct world_cunik *c)
{
    struct world_mount *m = ARRAY_APPEND(c->mounts, c->n_mounts);

    cunik_record_init(&cunik_world_mount_record, m);
    return m;
}

struct world_volume *cunik_world_add_volume(struct world *w)
{
    struct world_volume *v = ARRAY_APPEND(w->volumes, w->n_volumes);

    cunik_record_init(&cunik_world_volume_record, v);
    return v;
}

void cunik_world_pair_add(struct world_pairs *pairs, const char *key, const char *value)
{
    cunik_pairs_set(pairs, key, value);
}

struct world_cunik *cunik_world_cunik(const struct world *w, const char *name)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (strcmp(w->cuniks[i].name, name) == 0)
            return &w->cuniks[i];
    return NULL;
}

struct world_network *cunik_world_network(const struct world *w, const char *name)
{
    for (size_t i = 0; i < w->n_networks; i++)
        if (strcmp(w->networks[i].name, name) == 0)
            return &w->networks[i];
    return NULL;
}

struct world_volume *cunik_world_volume(const struct world *w, const char *name)
{
    for (size_t i = 0; i < w->n_volumes; i++)
        if (strcmp(w->volumes[i].name, name) == 0)
            return &w->volumes[i];
    return NULL;
}

json_t *cunik_world_to_json(const struct world *w)
{
    return cunik_record_to_json(&cunik_world_record, w);
}

json_t *cunik_world_cunik_to_json(const struct world_cunik *c)
{
    return cunik_record_to_json(&cunik_world_cunik_record, c);
}

json_t *cunik_world_network_to_json(const struct world_network *n)
{
    return cunik_record_to_json(&cunik_world_network_record, n);
}

json_t *cunik_world_volume_to_json(const struct world_volume *v)
{
    return cunik_record_to_json(&cunik_world_volume_record, v);
}

int cunik_world_volume_from_json(const json_t *json, struct world_volume *ret, struct error **err)
{
    struct world_volume v = {0};

    int r = cunik_record_from_json(&cunik_world_volume_record, json, "volume", &v, err);
    if (r == 0)
        *ret = v;
    return r;
}

int cunik_world_check(const struct world *w, struct error **err)
{
    _cleanup_map_ struct map cuniks = {0}, networks = {0};

    for (size_t i = 0; i < w->n_cuniks; i++)
        if (!cunik_map_add(&cuniks, w->cuniks[i].name, &w->cuniks[i]))
            return cunik_error_set(err, ERROR_INVALID, "two cuniks are named '%s'",
                                   w->cuniks[i].name);
    for (size_t i = 0; i < w->n_networks; i++)
        if (!cunik_map_add(&networks, w->networks[i].name, &w->networks[i]))
            return cunik_error_set(err, ERROR_INVALID, "two networks are named '%s'",
                                   w->networks[i].name);
    return 0;
}

typedef int read_record(const struct record *r, const json_t *json, const char *name, void *data,
                        struct error **err);

static int read_world(read_record *read, const json_t *json, struct world *ret, struct error **err)
{
    _cleanup_world_ struct world w = {0};

    int r = read(&cunik_world_record, json, "", &w, err);
    if (r == 0)
        r = cunik_world_check(&w, err);
    if (r < 0)
        return r;
    *ret = w;
    w = (struct world){0};
    return 0;
}

int cunik_world_from_json(const json_t *json, struct world *ret, struct error **err)
{
    return read_world(cunik_record_from_json, json, ret, err);
}

int cunik_world_from_kept(const json_t *json, struct world *ret, struct error **err)
{
    return read_world(cunik_record_from_kept, json, ret, err);
}

static int read_cunik(read_record *read, const json_t *json, struct world_cunik *ret,
                      struct error **err)
{
    struct world_cunik c = {0};

    int r = read(&cunik_world_cunik_record, json, "cunik", &c, err);
    if (r == 0)
        *ret = c;
    return r;
}

int cunik_world_cunik_from_json(const json_t *json, struct world_cunik *ret, struct error **err)
{
    return read_cunik(cunik_record_from_json, json, ret, err);
}

int cunik_world_cunik_from_kept(const json_t *json, struct world_cunik *ret, struct error **err)
{
    return read_cunik(cunik_record_from_kept, json, ret, err);
}

static int read_network(read_record *read, const json_t *json, struct world_network *ret,
                        struct error **err)
{
    struct world_network n = {0};

    int r = read(&cunik_world_network_record, json, "network", &n, err);
    if (r == 0)
        *ret = n;
    return r;
}

int cunik_world_network_from_json(const json_t *json, struct world_network *ret, struct error **err)
{
    return read_network(cunik_record_from_json, json, ret, err);
}

int cunik_world_network_from_kept(const json_t *json, struct world_network *ret, struct error **err)
{
    return read_network(cunik_record_from_kept, json, ret, err);
}

void cunik_world_cunik_diff(const struct world_cunik *actual, const struct world_cunik *desired,
                            struct strv *ret_recreate, struct strv *ret_update)
{
    cunik_record_diff(&cunik_world_cunik_record, actual, desired, ret_recreate, ret_update);
}

void cunik_world_network_diff(const struct world_network *actual,
                              const struct world_network *desired, struct strv *ret_recreate,
                              struct strv *ret_update)
{
    cunik_record_diff(&cunik_world_network_record, actual, desired, ret_recreate, ret_update);
}
