/* The tables that describe a world, for records that hold one or a part of it. */
#pragma once

#include "engine/record.h"

extern const struct record cunik_world_record;
extern const struct enumeration cunik_world_conditions;
