/* The command line of cunik-compose. */
#pragma once

#include "base/verbs.h"

extern const struct program cunik_compose_program;

/* program_elsewhere.c: what Docker Compose has and cunik-compose has not. */
enum { PROGRAM_ELSEWHERE = 41 };
extern const struct elsewhere_row cunik_program_elsewhere[PROGRAM_ELSEWHERE];
