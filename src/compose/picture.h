/* A stack as a picture: services with their dependencies, networks and published ports, as text for
 * Graphviz (DOT) or Mermaid. Pure; the order is that of the stack file. The caller frees it. */
#pragma once

#include "compose/stack.h"

char *cunik_picture_dot(const struct stack *s);
char *cunik_picture_mermaid(const struct stack *s);
