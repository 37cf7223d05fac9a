/* Whether others have changed a domain. libvirt keeps more of it than it was given (addresses,
 * controllers, defaults), so what it makes of a definition is kept beside the cunik's images and
 * compared with what it has later. That is done once, and again whenever libvirt tells that the
 * domain was defined anew by somebody else. The guest that runs is compared with it at every look
 * where others can change it: libvirt does not tell of all that can be done to one. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/domain_diff.h"
#include "engine/host_real_internal.h"

enum { DEFINITION_LIMIT = 4 << 20 };

static char *file_of(const struct host_real *h, const char *cunik)
{
    return cunik_host_image_path(h, cunik, "domain.xml");
}

/* Another version of libvirt may write the same in another way: its first line is the version. */
static char *first_line(void)
{
    _cleanup_free_ char *version = cunik_hypervisor_version();

    return cunik_asprintf("<!-- libvirt %s -->\n", version);
}

static void keep(const char *path, const char *xml)
{
    _cleanup_free_ char *version = first_line();
    _cleanup_free_ char *text = cunik_asprintf("%s%s", version, xml);

    if (cunik_file_write(path, text, strlen(text), 0600, false, NULL) < 0)
        unlink(path);
}

bool cunik_host_definition_is_of(struct host_real *h, const char *cunik, const char *uuid)
{
    _cleanup_free_ char *path = file_of(h, cunik), *text = NULL;
    _cleanup_free_ char *element = cunik_asprintf("<uuid>%s</uuid>", uuid);

    return cunik_file_read(path, DEFINITION_LIMIT, &text, NULL, NULL) == 0 && strstr(text, element);
}

/* What was kept and can be compared; NULL otherwise. The caller frees it. */
static char *kept(const char *path)
{
    _cleanup_free_ char *version = first_line(), *text = NULL;

    if (cunik_file_read(path, DEFINITION_LIMIT, &text, NULL, NULL) < 0 ||
        !cunik_text_starts(text, version) || !strstr(text, "</domain>"))
        return NULL;
    return cunik_strdup(text + strlen(version));
}

void cunik_host_definition_keep(struct host_real *h, const char *cunik)
{
    _cleanup_free_ char *path = file_of(h, cunik), *xml = NULL;

    if (cunik_hypervisor_definition(h->hypervisor, cunik, &xml, NULL) == 0 && xml)
        keep(path, xml);
    else
        unlink(path); /* of the domain before */
}

/* What asking libvirt came to. That the domain goes at this moment is no error, *ret_gone. */
static int judge(int r, struct error *why, bool *ret_gone, struct error **err)
{
    *ret_gone = r < 0 && why && why->code == ERROR_NOT_FOUND;
    if (!*ret_gone)
        return cunik_error_pass(err, r, &why);
    cunik_error_destroy(why);
    return 0;
}

/* One with another UUID is another domain, which the plan sees by itself. */
static int compare(struct host_real *h, const char *name, const char *uuid, char **ret,
                   struct error **err)
{
    _cleanup_free_ char *path = file_of(h, name), *before = kept(path), *now = NULL;
    struct error *why = NULL;
    bool gone;
    int r = cunik_hypervisor_definition(h->hypervisor, name, &now, &why);

    *ret = NULL;
    r = judge(r, why, &gone, err);
    if (r < 0 || gone)
        return r;
    if (!now)
        *ret = cunik_strdup("it was undefined");
    else if (before && !strstr(before, uuid))
        return 0;
    else if (before)
        *ret = cunik_domain_diff(before, now);
    else
        keep(path, now);
    return 0;
}

int cunik_host_guest_see(struct host_real *h, struct world_cunik *c, struct error **err)
{
    _cleanup_free_ char *path = NULL, *definition = NULL, *guest = NULL;
    struct error *why = NULL;
    bool gone;

    if (!cunik_state_is_up(c->status.state) || cunik_hypervisor_is_alone(h->hypervisor) ||
        !cunik_text_starts(cunik_hypervisor_uri(h->hypervisor), "qemu"))
        return 0;
    path = file_of(h, c->name);
    definition = kept(path);
    if (!definition)
        return 0;
    int r = cunik_hypervisor_guest(h->hypervisor, c->name, &guest, &why);
    r = judge(r, why, &gone, err);
    if (r < 0 || gone)
        return r;
    char *changed = cunik_domain_guest_diff(definition, guest);
    if (changed) {
        free(c->status.guest);
        c->status.guest = changed;
    }
    return 0;
}

int cunik_host_definition_see(struct host_real *h, const struct hypervisor_domain *d,
                              struct world_cunik *c, struct error **err)
{
    char *changed = NULL;

    pthread_mutex_lock(&h->lock);
    const struct seen_cunik *s = cunik_host_seen(h, c->name);
    bool known = s->compared && s->definition == d->definition;
    if (known && s->changed)
        cunik_replace(&c->status.definition, s->changed);
    pthread_mutex_unlock(&h->lock);
    if (known)
        return 0;
    int r = compare(h, c->name, d->uuid, &changed, err);
    if (r < 0)
        return r;
    if (changed)
        cunik_replace(&c->status.definition, changed);
    pthread_mutex_lock(&h->lock);
    struct seen_cunik *seen = cunik_host_seen(h, c->name);
    free(seen->changed);
    seen->changed = changed;
    seen->compared = true;
    seen->definition = d->definition;
    pthread_mutex_unlock(&h->lock);
    return 0;
}

int cunik_host_domain_restore(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct host_real *h = ctx;
    _cleanup_free_ char *path = file_of(h, c->name), *xml = kept(path);

    if (!xml)
        return cunik_error_set(err, ERROR_NOT_FOUND, "how '%s' was defined is not known any more",
                               c->name);
    int r = cunik_hypervisor_redefine(h->hypervisor, c->name, xml, err);
    pthread_mutex_lock(&h->lock);
    cunik_host_seen(h, c->name)->compared = false;
    pthread_mutex_unlock(&h->lock);
    return r;
}
