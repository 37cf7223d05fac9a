/* The table that describes a world, for records that hold one. */
#pragma once

#include "engine/record.h"

extern const struct record cunik_world_record;
