/* Between registries and this host, through skopeo: it knows registries, their logins, mirrors and
 * certificates (containers-registries.conf(5), containers-auth.json(5)). */

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "images/image.h"

static int copy(const char *from, const char *to, const char *option, bool quiet,
                struct error **err)
{
    _cleanup_strv_ struct strv argv = {0};

    cunik_strv_add(&argv, "skopeo");
    cunik_strv_add(&argv, "copy");
    if (quiet)
        cunik_strv_add(&argv, "--quiet");
    if (option)
        cunik_strv_add(&argv, option);
    cunik_strv_add(&argv, from);
    cunik_strv_add(&argv, to);
    return quiet ? cunik_process_run(&argv, NULL, err) : cunik_process_show(&argv, err);
}

int cunik_image_transfer_init(struct image_transfer *t, bool insecure, struct error **err)
{
    static const char *const words[][5] = {{"", "0", "false", "no", "off"},
                                           {"1", "true", "yes", "on"}};
    const char *said = getenv("CUNIK_INSECURE_REGISTRY");

    *t = (struct image_transfer){.insecure = insecure, .quiet = !isatty(STDERR_FILENO)};
    if (insecure || !said)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        for (size_t k = 0; k < ARRAY_SIZE(words[i]); k++)
            if (cunik_text_equal(said, words[i][k])) {
                t->insecure = i;
                return 0;
            }
    return cunik_error_set(err, ERROR_INVALID, "CUNIK_INSECURE_REGISTRY is '%s' and not 1 or 0",
                           said);
}

/* Of images for several machines skopeo would take that for this system, which images of unikernels
 * may not be for: we choose, and name what is chosen by its digest. */
static int choose(const char *name, const struct image_transfer *t, char **ret, struct error **err)
{
    _cleanup_free_ char *from = cunik_asprintf("docker://%s", name), *text = NULL;
    _cleanup_strv_ struct strv argv = {0};
    _cleanup_json_ json_t *json = NULL;
    const json_t *chosen = NULL;
    int r;

    cunik_strv_add(&argv, "skopeo");
    cunik_strv_add(&argv, "inspect");
    cunik_strv_add(&argv, "--raw");
    if (t->insecure)
        cunik_strv_add(&argv, "--tls-verify=false");
    cunik_strv_add(&argv, from);
    if ((r = cunik_process_run(&argv, &text, err)) < 0 ||
        (r = cunik_json_parse(text, strlen(text), "the image's manifest", &json, err)) < 0 ||
        (r = cunik_image_platform(json, &chosen, err)) < 0)
        return r;
    const char *digest = json_string_value(json_object_get(chosen, "digest"));
    const char *last = strrchr(name, '/');
    const char *end = strpbrk(last ? last : name, ":@");
    *ret = digest ? cunik_asprintf("docker://%.*s@%s", (int)(end - name), name, digest)
                  : TAKE_PTR(from);
    return 0;
}

int cunik_image_fetch(const char *name, const struct image_transfer *t, const char *layout,
                      struct error **err)
{
    _cleanup_free_ char *from = NULL, *to = cunik_asprintf("oci:%s:image", layout);
    int r = choose(name, t, &from, err);

    if (r < 0)
        return r;
    return copy(from, to, t->insecure ? "--src-tls-verify=false" : NULL, t->quiet, err);
}

int cunik_image_send(const char *layout, const char *name, const struct image_transfer *t,
                     struct error **err)
{
    _cleanup_free_ char *from = cunik_asprintf("oci:%s:%s", layout, name);
    _cleanup_free_ char *to = cunik_asprintf("docker://%s", name);

    return copy(from, to, t->insecure ? "--dest-tls-verify=false" : NULL, t->quiet, err);
}
