/* Images of a stack's services: built or fetched before the engine is asked for them. */
#pragma once

#include "compose/command.h"

enum image_action {
    IMAGES_NEED, /* as pull_policy says */
    IMAGES_BUILD,
    IMAGES_PULL,
    IMAGES_PUSH,
};

/* Of the services of the command line, or all. */
int cunik_command_images(struct command *c, const struct stack *s, enum image_action action,
                         struct error **err);
int cunik_command_build(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_pull(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_push(void *context, const struct arguments *a, int *status, struct error **err);
