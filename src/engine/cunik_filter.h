/* By what cuniks are filtered: a table for base/filter.h; the things are struct world_cunik. Pure.
 */
#pragma once

#include "base/filter.h"
#include "engine/world.h"

extern const struct filter_kind cunik_filter_cuniks;
