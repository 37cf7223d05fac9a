#include "backends/backend.h"

#include <string.h>

#include "backends/table.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

const struct backend *const cunik_backends[] = {
    &cunik_backend_linux,     &cunik_backend_unikraft,  &cunik_backend_rumprun,
    &cunik_backend_osv,       &cunik_backend_solo5,     &cunik_backend_nanos,
    &cunik_backend_includeos, &cunik_backend_runtimejs, &cunik_backend_clickos,
    &cunik_backend_halvm,     &cunik_backend_ling,      &cunik_backend_raw,
};
const size_t cunik_n_backends = ARRAY_SIZE(cunik_backends);

static int unknown(const char *name, struct error **err)
{
    const char *names[ARRAY_SIZE(cunik_backends)];
    _cleanup_buffer_ struct buffer list = {0};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        names[i] = cunik_backends[i]->name;
        cunik_buffer_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = cunik_text_nearest(name, names, ARRAY_SIZE(names));
    if (near)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.backend: there is no '%s'; did you mean '%s'?", name,
                               near);
    return cunik_error_set(err, ERROR_INVALID, "unikernel.backend: there is no '%s', only %s", name,
                           cunik_buffer_text(&list));
}

static int find_by_name(const char *name, const struct backend **ret, struct error **err)
{
    for (size_t i = 0; i < cunik_n_backends; i++)
        if (strcmp(cunik_backends[i]->name, name) == 0) {
            *ret = cunik_backends[i];
            return 0;
        }
    return unknown(name, err);
}

/* For the error when no backend claims a kernel: what it looks like. */
static const char *looks_like(const struct kernel *k)
{
    return k->multiboot ? "a multiboot kernel" : k->pvh ? "a PVH kernel" : "a guest of Xen";
}

static int find_by_probing(const struct kernel *k, const struct backend **ret, struct error **err)
{
    const struct backend *found = NULL;

    for (size_t i = 0; i < cunik_n_backends; i++) {
        const struct backend *b = cunik_backends[i];

        if (!b->claims || !b->claims(k))
            continue;
        if (found)
            return cunik_error_set(err, ERROR_INVALID,
                                   "kernel '%s' looks like both %s and %s; say which by "
                                   "unikernel.backend, or by --backend",
                                   k->path, found->name, b->name);
        found = b;
    }
    if (!found)
        return cunik_error_set(err, ERROR_INVALID,
                               "kernel '%s' is %s that no backend claims; say which it is by "
                               "unikernel.backend, or by --backend ('raw' takes any)",
                               k->path, looks_like(k));
    *ret = found;
    return 0;
}

int cunik_backend_find(const char *name, const struct kernel *k, const struct backend **ret,
                       struct error **err)
{
    if (*name)
        return find_by_name(name, ret, err);
    if (!k)
        return cunik_error_set(err, ERROR_INVALID,
                               "without unikernel.kernel, unikernel.backend has to say what the "
                               "guest is");
    return find_by_probing(k, ret, err);
}

void cunik_boot_done(struct boot *b)
{
    free(b->kernel);
    free(b->initrd);
    free(b->cmdline);
    free(b->machine);
    free(b->firmware);
    free(b->cpu);
    free(b->nic_model);
    free(b->disk_bus);
    free(b->order);
    cunik_strv_done(&b->warnings);
    *b = (struct boot){0};
}
