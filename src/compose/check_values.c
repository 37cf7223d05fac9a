#include "compose/check_values.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/fields.h"
#include "compose/fields_parts.h"
#include "compose/volume_type.h"

/* A string that is known by now: a template is not. */
static const char *text_of(const struct diagnostics *d, const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    if (!n || n->kind != NODE_STRING || (d->templates && strchr(n->text, '$')))
        return NULL;
    return n->text;
}

static void mistake(struct diagnostics *d, const struct node *n, const struct field_path *path,
                    const char *message)
{
    _cleanup_free_ char *where = cunik_field_path_text(path);

    cunik_diagnostics_error(d, &n->place, where, "%s", message);
}

static void check_port(struct diagnostics *d, const struct node *map, const struct field_path *path)
{
    const char *address = text_of(d, map, "host_ip");
    unsigned char bytes[sizeof(struct in6_addr)];

    if (!address || !*address || inet_pton(AF_INET, address, bytes) == 1 ||
        inet_pton(AF_INET6, address, bytes) == 1)
        return;
    _cleanup_free_ char *message = cunik_asprintf("invalid ip address: %s", address);
    mistake(d, cunik_node_get(map, "host_ip"), path, message);
}

static void check_mount(struct diagnostics *d, const struct node *map,
                        const struct field_path *path)
{
    if (cunik_volume_type_of(map) == VOLUME_TYPE_BIND && !cunik_node_get(map, "source"))
        mistake(d, map, path,
                "invalid mount config for type \"bind\": field Source must not be empty");
}

static void check_device(struct diagnostics *d, const struct node *map,
                         const struct field_path *path)
{
    const struct node *count = cunik_node_get(map, "count");
    const struct node *ids = cunik_node_get(map, "device_ids");
    const char *text = text_of(d, map, "count");
    int64_t number;

    if (text && strcmp(text, "all") != 0 &&
        cunik_text_to_int(text, INT64_MIN, INT64_MAX, &number) < 0) {
        _cleanup_free_ char *message = cunik_asprintf(
            "invalid value \"%s\", the only value allowed is 'all' or a number", text);
        mistake(d, count, path, message);
    }
    if (count && ids && ids->n)
        mistake(d, count, path, "\"count\" and \"device_ids\" attributes are exclusive");
}

/* How many say where the content of a secret or config comes from. */
static size_t count_sources(struct diagnostics *d, const struct node *map,
                            const struct field_path *path)
{
    static const char *const keys[] = {"file", "environment", "content"};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        n += cunik_node_get(map, keys[i]) != NULL;
    if (n > 1)
        mistake(d, map, path, "file|environment|content attributes are mutually exclusive");
    return n;
}

static void check_secret(struct diagnostics *d, const struct node *map,
                         const struct field_path *path)
{
    count_sources(d, map, path);
}

static void check_config(struct diagnostics *d, const struct node *map,
                         const struct field_path *path)
{
    if (count_sources(d, map, path) == 0 && !cunik_node_get(map, "external"))
        mistake(d, map, path, "one of file|environment|content must be set");
}

/* What follows "every_": days and weeks are no units of durations. */
static bool is_age(const char *text)
{
    int64_t age;

    if (!*text)
        return false;
    for (const char *s = text; *s;) {
        size_t digits = strspn(s, "0123456789");
        if (!digits || !s[digits] || !strchr("wdhms", s[digits]))
            return cunik_text_to_duration(s, &age) == 0;
        s += digits + 1;
    }
    return true;
}

static void check_service(struct diagnostics *d, const struct node *map,
                          const struct field_path *path)
{
    const char *policy = text_of(d, map, "pull_policy");
    struct field_path inner = {.parent = path, .key = "pull_policy"};

    if (!policy || !cunik_text_starts(policy, "every_") || is_age(policy + strlen("every_")))
        return;
    _cleanup_free_ char *message =
        cunik_asprintf("'%s' says no time: write it as every_12h or every_3d", policy);
    mistake(d, cunik_node_get(map, "pull_policy"), &inner, message);
}

static void check_watch(struct diagnostics *d, const struct node *map,
                        const struct field_path *path)
{
    const struct node *watched = cunik_node_get(map, "path");
    struct field_path inner = {.parent = path, .key = "path"};

    if (watched && watched->kind == NODE_STRING && !*watched->text)
        mistake(d, watched, &inner, "value can't be blank");
}

static void check_object(void *context, const struct fields *table, struct node *map,
                         const struct field_path *path)
{
    static const struct {
        const struct fields *table;
        void (*check)(struct diagnostics *d, const struct node *map, const struct field_path *path);
    } checks[] = {
        {&cunik_fields_config, check_config},   {&cunik_fields_device_request, check_device},
        {&cunik_fields_gpu, check_device},      {&cunik_fields_mount, check_mount},
        {&cunik_fields_port, check_port},       {&cunik_fields_secret, check_secret},
        {&cunik_fields_service, check_service}, {&cunik_fields_watch, check_watch},
    };

    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (checks[i].table == table)
            checks[i].check(context, map, path);
}

void cunik_check_values(struct node *root, struct diagnostics *d)
{
    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){.object = check_object, .context = d});
}
