#include "compose/command_images.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "compose/cunikfile.h"

struct images {
    struct client *client;
    struct image_transfer transfer;
};

static int build(const struct images *i, const struct stack_service *s, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(s->build, s->cunikfile), *digest = NULL;

    fprintf(stderr, "building image '%s'\n", s->image);
    return cunik_cunikfile_build(path, s->build, i->client, s->image, &digest, err);
}

static int pull(const struct images *i, const struct stack_service *s, struct error **err)
{
    _cleanup_free_ char *digest = NULL;

    fprintf(stderr, "pulling image '%s'\n", s->image);
    return cunik_client_image_pull(i->client, s->image, &i->transfer, &digest, err);
}

static int push(const struct images *i, const struct stack_service *s, struct error **err)
{
    fprintf(stderr, "pushing image '%s'\n", s->image);
    return cunik_client_image_push(i->client, s->image, &i->transfer, err);
}

static int need(const struct images *i, const struct stack_service *s, struct error **err)
{
    bool there = false;
    int r = 0;

    if (!*s->build)
        return cunik_client_image_need(i->client, s->image, s->pull_policy, &i->transfer, err);
    if (strcmp(s->pull_policy, "never") == 0)
        return 0;
    if (strcmp(s->pull_policy, "missing") == 0)
        r = cunik_client_image_there(i->client, s->image, &there, err);
    return r < 0 || there ? r : build(i, s, err);
}

static int act(const struct images *i, const struct stack_service *s, enum image_action action,
               struct error **err)
{
    switch (action) {
    case IMAGES_NONE:
        return 0;
    case IMAGES_NEED:
        return need(i, s, err);
    case IMAGES_ANEW:
        return *s->build ? build(i, s, err) : need(i, s, err);
    case IMAGES_BUILD:
        return *s->build ? build(i, s, err) : 0;
    case IMAGES_PULL:
        return *s->build ? 0 : pull(i, s, err);
    case IMAGES_PUSH:
        return *s->build ? push(i, s, err) : 0;
    }
    return 0;
}

int cunik_command_images(struct command *c, const struct stack *s, const struct strv *services,
                         enum image_action action, struct error **err)
{
    struct images i = {0};
    int r = cunik_image_transfer_init(&i.transfer, false, err);

    i.transfer.quiet |= c->quiet_pull;
    for (size_t k = 0; k < s->n_services && r == 0; k++) {
        const struct stack_service *service = &s->services[k];
        if (!*service->image || *service->unikernel.kernel ||
            (services && services->n && !cunik_strv_has(services, service->name)))
            continue;
        if ((r = cunik_command_client(c, &i.client, err)) == 0)
            r = cunik_error_prefix(err, act(&i, service, action, err), "service '%s'",
                                   service->name);
    }
    return r;
}

static int run(void *context, enum image_action action, struct error **err)
{
    struct command *c = context;
    _cleanup_stack_ struct stack s = {0};
    int r;

    c->load.no_warnings = action != IMAGES_BUILD;
    r = cunik_command_load(c, &s, err);
    return r < 0
               ? r
               : cunik_command_images(c, &s, cunik_arguments_positional(c->arguments), action, err);
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
