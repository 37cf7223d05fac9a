#include "compose/command_images.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "compose/cunikfile.h"
#include "engine/paths.h"

static bool is_stored(const char *root, const char *name)
{
    _cleanup_image_ struct image image = {0};

    return cunik_image_find(root, name, &image, NULL) == 0;
}

static int build(const char *root, const struct stack_service *s, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(s->build, s->cunikfile), *digest = NULL;

    fprintf(stderr, "building image '%s'\n", s->image);
    return cunik_cunikfile_build(path, root, s->image, &digest, err);
}

static int pull(const char *root, const struct stack_service *s, struct error **err)
{
    const struct image_transfer t = {.insecure = getenv("CUNIK_INSECURE_REGISTRY") != NULL};
    _cleanup_free_ char *digest = NULL;

    fprintf(stderr, "pulling image '%s'\n", s->image);
    return cunik_image_pull(root, s->image, &t, &digest, err);
}

static int push(const char *root, const struct stack_service *s, struct error **err)
{
    const struct image_transfer t = {.insecure = getenv("CUNIK_INSECURE_REGISTRY") != NULL};

    fprintf(stderr, "pushing image '%s'\n", s->image);
    return cunik_image_push(root, s->image, &t, err);
}

static int need(const char *root, const struct stack_service *s, struct error **err)
{
    bool missing = strcmp(s->pull_policy, "missing") == 0;

    if (strcmp(s->pull_policy, "never") == 0 || (missing && is_stored(root, s->image)))
        return 0;
    return *s->build ? build(root, s, err) : pull(root, s, err);
}

int cunik_command_images(struct command *c, const struct stack *s, enum image_action action,
                         struct error **err)
{
    const struct strv *named = cunik_arguments_positional(c->arguments);
    _cleanup_free_ char *root = cunik_paths_state();
    int r = 0;

    for (size_t i = 0; i < s->n_services && r == 0; i++) {
        const struct stack_service *service = &s->services[i];
        if (!*service->image || *service->unikernel.kernel ||
            (action != IMAGES_NEED && named->n && !cunik_strv_has(named, service->name)))
            continue;
        if (action == IMAGES_NEED)
            r = need(root, service, err);
        else if (action == IMAGES_BUILD && *service->build)
            r = build(root, service, err);
        else if (action == IMAGES_PULL && !*service->build)
            r = pull(root, service, err);
        else if (action == IMAGES_PUSH && *service->build)
            r = push(root, service, err);
        r = cunik_error_prefix(err, r, "service '%s'", service->name);
    }
    return r;
}

static int run(void *context, enum image_action action, struct error **err)
{
    struct command *c = context;
    _cleanup_stack_ struct stack s = {0};
    int r = cunik_command_load(c, &s, err);

    return r < 0 ? r : cunik_command_images(c, &s, action, err);
}

int cunik_command_build(void *context, const struct arguments *a _unused_, int *status _unused_,
                        struct error **err)
{
    return run(context, IMAGES_BUILD, err);
}

int cunik_command_pull(void *context, const struct arguments *a _unused_, int *status _unused_,
                       struct error **err)
{
    return run(context, IMAGES_PULL, err);
}

int cunik_command_push(void *context, const struct arguments *a _unused_, int *status _unused_,
                       struct error **err)
{
    return run(context, IMAGES_PUSH, err);
}
