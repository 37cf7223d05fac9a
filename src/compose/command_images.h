/* Images of a stack's services: built or fetched before the engine is asked for them. */
#pragma once

#include "compose/command.h"

/* Of the named services; NULL or empty = all. */
int cunik_command_images(struct command *c, const struct stack *s, const struct strv *services,
                         enum image_action action, struct error **err);
int cunik_command_build(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_pull(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_push(void *context, const struct arguments *a, int *status, struct error **err);
