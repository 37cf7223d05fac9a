#include "compose/check_values.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/fields.h"
#include "compose/fields_parts.h"

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
    const char *type = text_of(d, map, "type");

    if (type && strcmp(type, "bind") == 0 && !cunik_node_get(map, "source"))
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

/* Where the content of a secret or config comes from. */
static void check_source(struct diagnostics *d, const struct fields *table, const struct node *map,
                         const struct field_path *path)
{
    static const char *const keys[] = {"file", "environment", "content"};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        n += cunik_node_get(map, keys[i]) != NULL;
    if (n > 1)
        mistake(d, map, path, "file|environment|content attributes are mutually exclusive");
    else if (n == 0 && table == &cunik_fields_config && !cunik_node_get(map, "external"))
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

static void check_object(void *context, const struct fields *table, struct node *map,
                         const struct field_path *path)
{
    struct diagnostics *d = context;

    if (table == &cunik_fields_port)
        check_port(d, map, path);
    else if (table == &cunik_fields_service)
        check_service(d, map, path);
    else if (table == &cunik_fields_mount)
        check_mount(d, map, path);
    else if (table == &cunik_fields_device_request || table == &cunik_fields_gpu)
        check_device(d, map, path);
    else if (table == &cunik_fields_secret || table == &cunik_fields_config)
        check_source(d, table, map, path);
}

void cunik_check_values(struct node *root, struct diagnostics *d)
{
    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){.object = check_object, .context = d});
}
