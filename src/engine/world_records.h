/* The tables that describe a world, for others that hold one within records of their own. */
#pragma once

#include "engine/record.h"

extern const struct record *const cunik_world_record;
extern const struct enumeration *const cunik_world_conditions;
