#include "engine/run_volumes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/volume_form.h"
#include "engine/file_store.h"
#include "engine/record.h"
#include "engine/world_image.h"

static int wrong(struct error **err, const char *text, const char *why)
{
    return cunik_error_set(err, ERROR_INVALID,
                           "option '--volume' takes [NAME|PATH:]TARGET[:ro], not '%s': %s", text,
                           why);
}

/* Why not, or NULL. `~` is for the shell to replace. */
static const char *form_mistake(const struct volume_form *f)
{
    if (f->target[0] != '/')
        return "the target must be an absolute path";
    if (f->unknown || f->selinux || f->propagation)
        return "the options are ro, rw and nocopy";
    if (f->is_path && f->source[0] != '/' && f->source[0] != '.')
        return "a path begins with '/' or '.'";
    if (f->source && !f->is_path &&
        !cunik_record_text_ok(TEXT_NAME, f->source, strlen(f->source), NULL))
        return "a name has letters, digits, '.', '_' and '-', and a path begins with '/' or '.'";
    return NULL;
}

static bool is_taken(const struct world_cunik *c, const char *target)
{
    for (size_t i = 0; i < c->n_mounts; i++)
        if (strcmp(c->mounts[i].target, target) == 0)
            return true;
    for (size_t i = 0; i < c->boot.n_disks; i++)
        if (strcmp(c->boot.disks[i].mount, target) == 0)
            return true;
    return false;
}

int cunik_run_volume_add(struct world *w, struct world_cunik *c, const char *folder,
                         const char *text, struct error **err)
{
    _cleanup_volume_form_ struct volume_form f = {0};
    _cleanup_error_ struct error *why = NULL;

    if (cunik_volume_form_parse(text, &f, &why) < 0)
        return wrong(err, text, why->message);
    const char *mistake = form_mistake(&f);
    if (mistake)
        return wrong(err, text, mistake);
    if (is_taken(c, f.target))
        return cunik_error_set(err, ERROR_INVALID, "two things are to be at '%s'", f.target);
    struct world_mount *m = cunik_world_add_mount(c);
    m->kind = f.is_path ? MOUNT_BIND : MOUNT_VOLUME;
    cunik_replace(&m->target, f.target);
    m->readonly = f.readonly;
    if (f.is_path) {
        free(m->source);
        m->source = cunik_path_join(folder, f.source);
    } else if (!f.source) {
        cunik_world_own_volume(w, c, m);
    } else {
        cunik_replace(&m->source, f.source);
        if (!cunik_world_volume(w, f.source))
            cunik_replace(&cunik_world_add_volume(w)->name, f.source);
    }
    return 0;
}

static int use_file(struct client *client, struct world_mount *m, const struct stat *st,
                    struct error **err)
{
    char *data = NULL;
    size_t size = 0;
    int r = cunik_file_read(m->source, FILE_STORE_MAX, &data, &size, err);

    if (r < 0)
        return r;
    r = cunik_client_file_put(client, data, size, err);
    if (r == 0) {
        free(m->digest);
        m->digest = cunik_digest_hex(data, size, 2 * DIGEST_SIZE);
        char *name = cunik_asprintf("file '%s'", m->source);
        free(m->source);
        m->source = name;
        m->kind = MOUNT_FILE;
        m->mode = st->st_mode & 0777;
        m->readonly = true;
    }
    explicit_bzero(data, size); /* it may be a secret */
    free(data);
    return r;
}

int cunik_run_volume_files(struct client *client, struct world_cunik *c, const char **ret_writable,
                           struct error **err)
{
    const char *writable = NULL;
    struct stat st;

    for (size_t i = 0; i < c->n_mounts; i++) {
        struct world_mount *m = &c->mounts[i];
        bool readonly = m->readonly;
        if (m->kind != MOUNT_BIND || stat(m->source, &st) < 0 || !S_ISREG(st.st_mode))
            continue; /* what is not there the engine complains of */
        int r = use_file(client, m, &st, err);
        if (r < 0)
            return r;
        if (!readonly && !writable)
            writable = m->source;
    }
    *ret_writable = writable;
    return 0;
}
