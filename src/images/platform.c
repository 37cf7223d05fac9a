#include "base/text.h"
#include "images/image.h"

/* Unikraft's tools say "x86_64" and, as the system, what the kernel is to run on. */
static bool is_ours(const json_t *entry)
{
    static const char *const machines[] = {"amd64", "x86_64"};
    static const char *const systems[] = {"linux", "qemu", "kvm"};
    const json_t *platform = json_object_get(entry, "platform");
    const char *machine = json_string_value(json_object_get(platform, "architecture"));
    const char *system = json_string_value(json_object_get(platform, "os"));
    bool found = false;

    for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
        for (size_t k = 0; k < ARRAY_SIZE(systems); k++)
            found = found || (cunik_text_equal(machine, machines[i]) &&
                              cunik_text_equal(system, systems[k]));
    return found;
}

int cunik_image_platform(const json_t *manifest, const json_t **ret, struct error **err)
{
    json_t *list = json_object_get(manifest, "manifests"), *entry;
    size_t i;

    *ret = NULL;
    json_array_foreach (list, i, entry)
        if (!*ret && is_ours(entry))
            *ret = entry;
    if (list && !*ret)
        return cunik_error_set(err, ERROR_INVALID, "it holds images for other machines only");
    return 0;
}
