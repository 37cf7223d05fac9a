/* Memory file systems of a service: its `tmpfs` and the volumes of that type. */
#include <string.h>

#include "backends/backend.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"

enum { MODE = 01777, MODE_MOST = 07777 }; /* as Docker has it where nothing is said */

/* Whether its guest can be told. A backend that only the kernel shows, or the image, the engine
 * judges (world_boot.c); a name that nobody has is a mistake said elsewhere. */
static bool can_be_told(struct stack_maker *m, const struct node *service, const struct place *at,
                        const char *key, const char *target)
{
    const char *backend = cunik_stack_text(cunik_node_get(service, "unikernel"), "backend");

    for (size_t i = 0; i < cunik_n_backends; i++)
        if (strcmp(cunik_backends[i]->name, backend) == 0 && !cunik_backends[i]->tmpfs) {
            _cleanup_free_ char *path = cunik_asprintf("services.%s.%s", service->key, key);
            cunik_diagnostics_unsupported(
                m->d, at, path,
                "'%s' has no effect: a guest of backend '%s' mounts its memory file systems itself",
                target, backend);
            return false;
        }
    return true;
}

/* That no two are at one place is for stack_check_parts.c and, among volumes, merging. */
static struct stack_mount *add(struct stack_maker *m, struct stack_service *s,
                               const struct node *entry, const char *key, char *target)
{
    struct stack_mount *to = ARRAY_APPEND(s->mounts, s->n_mounts);

    to->kind = MOUNT_TMPFS;
    to->source = cunik_strdup("");
    to->target = target;
    to->mode = MODE;
    to->place = cunik_stack_place(m, &entry->place);
    if (target[0] != '/')
        cunik_stack_mistake(m, &entry->place, s->name, key,
                            "the target '%s' must be an absolute path", target);
    else if (!target[strspn(target, "/")])
        cunik_stack_mistake(m, &entry->place, s->name, key,
                            "'%s' is the guest's root, which no tmpfs can be", target);
    return to;
}

/* A number from 0 to most; with a mistake it stays as it is. */
static void read_number(struct stack_maker *m, const struct stack_service *s,
                        const struct node *entry, const char *key, const char *word,
                        const char *text, int base, int64_t most, int64_t *ret)
{
    char *end = NULL;
    long long value = *text >= '0' && *text <= '9' ? strtoll(text, &end, base) : -1;

    if (value < 0 || *end || value > most)
        cunik_stack_mistake(m, &entry->place, s->name, key, "%s: '%s' is no number up to %s", word,
                            text, base == 8 ? "7777" : "4294967295");
    else
        *ret = value;
}

static void read_word(struct stack_maker *m, const struct stack_service *s,
                      const struct node *entry, char *word, struct stack_mount *mount)
{
    /* What every such mount is in any case. */
    static const char *const usual[] = {"rw", "exec", "nosuid", "nodev"};
    char *value = strchr(word, '=');

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (strcmp(word, usual[i]) == 0)
            return;
    if (value)
        *value++ = '\0';
    if (strcmp(word, "ro") == 0 && !value) {
        mount->readonly = true;
    } else if (strcmp(word, "size") == 0 && value) {
        if (cunik_text_to_bytes(value, &mount->size) < 0)
            cunik_stack_mistake(m, &entry->place, s->name, "tmpfs", "'%s' is no size", value);
    } else if (strcmp(word, "mode") == 0 && value) {
        read_number(m, s, entry, "tmpfs", word, value, 8, MODE_MOST, &mount->mode);
    } else if (strcmp(word, "uid") == 0 && value) {
        read_number(m, s, entry, "tmpfs", word, value, 10, UINT32_MAX, &mount->uid);
    } else if (strcmp(word, "gid") == 0 && value) {
        read_number(m, s, entry, "tmpfs", word, value, 10, UINT32_MAX, &mount->gid);
    } else {
        _cleanup_free_ char *path = cunik_asprintf("services.%s.tmpfs", s->name);
        cunik_diagnostics_unsupported(m->d, &entry->place, path,
                                      "'%s' is not supported and has no effect, only size, mode, "
                                      "uid, gid and ro have",
                                      word);
    }
}

void cunik_stack_read_tmpfs(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *list = cunik_node_get(n, "tmpfs");

    for (size_t i = 0; list && i < list->n; i++) {
        const struct node *entry = list->items[i];
        size_t length = strcspn(entry->text, ":");
        _cleanup_free_ char *target = cunik_strndup(entry->text, length);
        _cleanup_strv_ struct strv words = {0};
        if (!can_be_told(m, n, &entry->place, "tmpfs", target))
            continue;
        struct stack_mount *mount = add(m, s, entry, "tmpfs", TAKE_PTR(target));
        if (entry->text[length])
            cunik_strv_split(&words, entry->text + length + 1, ",");
        for (size_t k = 0; k < words.n; k++)
            if (*words.items[k])
                read_word(m, s, entry, words.items[k], mount);
    }
}

void cunik_stack_read_tmpfs_volume(struct stack_maker *m, const struct node *n,
                                   const struct node *entry, struct stack_service *s)
{
    const struct node *options = cunik_node_get(entry, "tmpfs");
    const struct node *mode = cunik_node_get(options, "mode");
    const struct node *size = cunik_node_get(options, "size");
    const char *target = cunik_stack_text(entry, "target");

    if (!can_be_told(m, n, &entry->place, "volumes", target))
        return;
    struct stack_mount *mount = add(m, s, entry, "volumes", cunik_strdup(target));
    mount->readonly = cunik_node_is_true(entry, "read_only");
    mount->size = size ? size->integer : 0;
    if (mode && mode->kind == NODE_STRING)
        read_number(m, s, mode, "volumes", "tmpfs.mode", mode->text, 8, MODE_MOST, &mount->mode);
    else if (mode && (mode->kind != NODE_INT || mode->integer < 0 || mode->integer > MODE_MOST))
        cunik_stack_mistake(m, &mode->place, s->name, "volumes",
                            "tmpfs.mode: permissions are a whole number from 0 to 0%o", MODE_MOST);
    else if (mode && mode->integer) /* 0 says nothing, as with Docker */
        mount->mode = mode->integer;
}
