/* The command line of cunik-compose. */
#pragma once

#include "base/verbs.h"

extern const struct program cunik_compose_program;
