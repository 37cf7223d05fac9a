/* Building what a Cunikfile says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/scratch.h"
#include "compose/cunikfile.h"
#include "compose/cunikfile_cpio.h"

/* Where pack and what it packs with is: beside this program as it is built, or as it is installed.
 */
struct tools {
    char *pack, *guest, *cache;
};

static void tools_done(struct tools *t)
{
    free(t->pack);
    free(t->guest);
    free(t->cache);
}

static int find_tools(struct tools *ret, struct error **err)
{
    static const struct {
        const char *pack, *guest, *cache;
    } places[] = {
        {"../guests/linux/pack", "guests/linux", "guests/cache"},
        {"../share/cunik/linux/pack", "../share/cunik/linux/guest", NULL},
    };
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n < 0)
        return cunik_error_errno(err, errno, "finding this program");
    self[n] = '\0';
    _cleanup_free_ char *folder = cunik_path_folder(self);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *pack = cunik_path_join(folder, places[i].pack);
        if (access(pack, X_OK) < 0)
            continue;
        *ret = (struct tools){TAKE_PTR(pack), cunik_path_join(folder, places[i].guest),
                              cunik_path_join(places[i].cache ? folder : "/var/cache/cunik",
                                              places[i].cache ? places[i].cache : "packages")};
        return 0;
    }
    return cunik_error_set(err, ERROR_UNAVAILABLE,
                           "what packs guests of the backend linux is not installed");
}

static int check_guest(const struct tools *t, struct error **err)
{
    _cleanup_free_ char *kernel = cunik_asprintf("%s/vmlinux", t->guest);

    return cunik_file_exists(kernel)
               ? 0
               : cunik_error_set(err, ERROR_NOT_FOUND,
                                 "there is no kernel for guests of the backend linux in '%s': "
                                 "`make guests-linux` fetches it",
                                 t->guest);
}

static int pack(struct cunikfile *f, const struct tools *t, const char *out, struct error **err)
{
    _cleanup_strv_ struct strv argv = {0};
    const struct image_config *c = &f->build.config;

    cunik_strv_add(&argv, t->pack);
    cunik_strv_add(&argv, "--out");
    cunik_strv_add(&argv, out);
    cunik_strv_add(&argv, "--init");
    cunik_strv_addf(&argv, "%s/init", t->guest);
    cunik_strv_add(&argv, "--kernel");
    cunik_strv_add(&argv, t->guest);
    cunik_strv_copy(&argv, &f->pack);
    cunik_strv_add(&argv, "--");
    cunik_strv_copy(&argv, &c->command);
    /* Kept from one build to the next, unless somebody says where. */
    setenv("GUEST_CACHE", t->cache, 0);
    return cunik_process_run(&argv, NULL, err);
}

static int pack_initrd(struct cunikfile *f, const char *folder, struct error **err)
{
    _cleanup_(tools_done) struct tools t = {0};
    _cleanup_free_ char *out = cunik_asprintf("%s/initrd", folder);
    int r;

    if ((r = find_tools(&t, err)) < 0 || (r = check_guest(&t, err)) < 0 ||
        (r = pack(f, &t, out, err)) < 0)
        return r;
    if (!f->has_kernel) {
        _cleanup_free_ char *kernel = cunik_asprintf("%s/vmlinux", t.guest);
        cunik_image_build_add(&f->build, "cunik/kernel", kernel);
    }
    cunik_image_build_add(&f->build, "cunik/initrd", out);
    if (!f->build.config.backend)
        f->build.config.backend = cunik_strdup("linux");
    return 0;
}

int cunik_cunikfile_build(const char *path, const char *from, struct client *client,
                          const char *name, char **ret_digest, struct error **err)
{
    _cleanup_cunikfile_ struct cunikfile f = {0};
    _cleanup_scratch_ struct scratch folder = {0};
    int r = cunik_cunikfile_read(path, from, &f, err);

    if (r == 0 && (f.packs || f.initrd))
        r = cunik_scratch_create(&folder, "/tmp", "build", err);
    if (r == 0 && f.packs)
        r = cunik_error_prefix(err, pack_initrd(&f, folder.path, err), "'%s'", path);
    if (r == 0 && f.initrd) {
        _cleanup_free_ char *out = cunik_asprintf("%s/initrd", folder.path);
        r = cunik_error_prefix(err, cunik_cunikfile_cpio(f.initrd, out, err), "'%s'", path);
        cunik_image_build_add(&f.build, "cunik/initrd", out);
    }
    if (r == 0)
        r = cunik_client_image_build(client, &f.build, name, ret_digest, err);
    return r;
}
