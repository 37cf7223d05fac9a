#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

enum { LIST_MOST = 4096 };

void cunik_image_config_done(struct image_config *c)
{
    free(c->backend);
    free(c->cmdline);
    cunik_strv_done(&c->command);
    cunik_strv_done(&c->environment);
    cunik_strv_done(&c->ports);
    cunik_strv_done(&c->volumes);
    cunik_strv_done(&c->health);
    cunik_strv_done(&c->labels);
    *c = (struct image_config){0};
}

void cunik_image_config_copy(struct image_config *to, const struct image_config *from)
{
    *to = (struct image_config){.backend = cunik_strdup(from->backend ? from->backend : ""),
                                .cmdline = cunik_strdup(from->cmdline ? from->cmdline : ""),
                                .memory = from->memory};
    cunik_strv_copy(&to->command, &from->command);
    cunik_strv_copy(&to->environment, &from->environment);
    cunik_strv_copy(&to->ports, &from->ports);
    cunik_strv_copy(&to->volumes, &from->volumes);
    cunik_strv_copy(&to->health, &from->health);
    cunik_strv_copy(&to->labels, &from->labels);
}

/* {"6379/tcp": {}} */
static void set_keys(json_t *to, const char *key, const struct strv *list)
{
    json_t *keys = json_object();

    for (size_t i = 0; i < list->n; i++)
        cunik_json_set(keys, list->items[i], json_object());
    if (list->n)
        cunik_json_set(to, key, keys);
    else
        json_decref(keys);
}

static json_t *labels_json(const struct image_config *c)
{
    json_t *labels = json_object();

    for (size_t i = 0; i < c->labels.n; i++) {
        _cleanup_free_ char *key =
            cunik_strndup(c->labels.items[i], strcspn(c->labels.items[i], "="));
        const char *value = strchr(c->labels.items[i], '=');
        cunik_json_set_string(labels, key, value ? value + 1 : "");
    }
    if (c->backend && *c->backend)
        cunik_json_set_string(labels, IMAGE_LABEL_BACKEND, c->backend);
    if (c->cmdline && *c->cmdline)
        cunik_json_set_string(labels, IMAGE_LABEL_CMDLINE, c->cmdline);
    if (c->memory) {
        _cleanup_free_ char *bytes = cunik_asprintf("%lld", (long long)c->memory);
        cunik_json_set_string(labels, IMAGE_LABEL_MEMORY, bytes);
    }
    if (c->health.n) {
        _cleanup_json_ json_t *test = json_array();
        for (size_t i = 0; i < c->health.n; i++)
            cunik_json_append(test, json_string(c->health.items[i]));
        _cleanup_free_ char *text = cunik_json_text(test, JSON_COMPACT);
        cunik_json_set_string(labels, IMAGE_LABEL_HEALTH, text);
    }
    return labels;
}

json_t *cunik_image_config_to_json(const struct image_config *c, const char *created,
                                   const struct strv *diff_ids)
{
    json_t *json = json_object(), *config = json_object(), *rootfs = json_object();

    cunik_json_set_string(json, "created", created);
    cunik_json_set_string(json, "architecture", "amd64");
    cunik_json_set_string(json, "os", "linux");
    cunik_json_set_strv(config, "Env", &c->environment);
    cunik_json_set_strv(config, "Cmd", &c->command);
    set_keys(config, "ExposedPorts", &c->ports);
    set_keys(config, "Volumes", &c->volumes);
    cunik_json_set(config, "Labels", labels_json(c));
    cunik_json_set(json, "config", config);
    cunik_json_set_string(rootfs, "type", "layers");
    cunik_json_set_strv(rootfs, "diff_ids", diff_ids);
    cunik_json_set(json, "rootfs", rootfs);
    return json;
}

static int get_keys(const json_t *from, const char *key, struct strv *ret, struct error **err)
{
    const json_t *keys = json_object_get(from, key);
    const char *name;
    json_t *value;

    if (keys && !json_is_null(keys) &&
        (!json_is_object(keys) || json_object_size(keys) > LIST_MOST))
        return cunik_error_set(err, ERROR_INVALID, "%s is no object", key);
    json_object_foreach ((json_t *)keys, name, value)
        cunik_strv_add(ret, name);
    cunik_strv_sort(ret);
    return 0;
}

static int take_label(struct image_config *c, const char *key, const char *value,
                      struct error **err)
{
    _cleanup_json_ json_t *test = NULL;
    _cleanup_json_ json_t *holder = json_object();
    int r = 0;

    if (strcmp(key, IMAGE_LABEL_BACKEND) == 0) {
        cunik_replace(&c->backend, value);
    } else if (strcmp(key, IMAGE_LABEL_CMDLINE) == 0) {
        cunik_replace(&c->cmdline, value);
    } else if (strcmp(key, IMAGE_LABEL_MEMORY) == 0) {
        if (cunik_text_to_bytes(value, &c->memory) < 0)
            r = cunik_error_set(err, ERROR_INVALID, "'%s' is no size", value);
    } else if (strcmp(key, IMAGE_LABEL_HEALTH) == 0) {
        r = cunik_json_parse(value, strlen(value), key, &test, err);
        if (r == 0)
            cunik_json_set(holder, "test", TAKE_PTR(test));
        if (r == 0)
            r = cunik_json_get_strv(holder, "test", &c->health, err);
    } else {
        cunik_strv_addf(&c->labels, "%s=%s", key, value);
    }
    return cunik_error_prefix(err, r, "label %s", key);
}

static int get_labels(const json_t *config, struct image_config *c, struct error **err)
{
    json_t *labels = json_object_get(config, "Labels"), *value;
    const char *key;
    int r = 0;

    if (labels && !json_is_null(labels) && !json_is_object(labels))
        return cunik_error_set(err, ERROR_INVALID, "Labels is no object");
    json_object_foreach (labels, key, value) {
        if (!json_is_string(value))
            return cunik_error_set(err, ERROR_INVALID, "label %s is no string", key);
        if ((r = take_label(c, key, json_string_value(value), err)) < 0)
            return r;
    }
    cunik_strv_sort(&c->labels);
    return 0;
}

int cunik_image_config_from_json(const json_t *json, struct image_config *ret, char **ret_created,
                                 struct error **err)
{
    _cleanup_image_config_ struct image_config c = {.backend = cunik_strdup(""),
                                                    .cmdline = cunik_strdup("")};
    const json_t *config = json_object_get(json, "config");
    _cleanup_free_ char *created = cunik_strdup("");
    struct strv entrypoint = {0}, cmd = {0};
    int r;

    if (!json_is_object(json) || (config && !json_is_null(config) && !json_is_object(config)))
        return cunik_error_set(err, ERROR_INVALID, "the image's configuration is no object");
    if ((r = cunik_json_get_string(json, "created", &created, err)) == 0 &&
        (r = cunik_json_get_strv(config, "Env", &c.environment, err)) == 0 &&
        (r = cunik_json_get_strv(config, "Entrypoint", &entrypoint, err)) == 0 &&
        (r = cunik_json_get_strv(config, "Cmd", &cmd, err)) == 0 &&
        (r = get_keys(config, "ExposedPorts", &c.ports, err)) == 0 &&
        (r = get_keys(config, "Volumes", &c.volumes, err)) == 0)
        r = get_labels(config, &c, err);
    cunik_strv_copy(&c.command, &entrypoint);
    cunik_strv_copy(&c.command, &cmd);
    cunik_strv_sort(&c.environment);
    cunik_strv_done(&entrypoint);
    cunik_strv_done(&cmd);
    if (r < 0)
        return cunik_error_prefix(err, r, "the image's configuration");
    *ret = c;
    c = (struct image_config){0};
    *ret_created = TAKE_PTR(created);
    return 0;
}
