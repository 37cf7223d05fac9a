/* The tables that describe a world and its parts: JSON both ways, copies and the reasons of a plan
 * follow from them. A new field is a row here and a member in world.h. */
#pragma once

#include "engine/record.h"

extern const struct enumeration cunik_world_conditions;

extern const struct record cunik_world_record;
extern const struct record cunik_world_cunik_record;
extern const struct record cunik_world_status_record;
extern const struct record cunik_world_network_record;
extern const struct record cunik_world_volume_record;
extern const struct record cunik_world_interface_record;
extern const struct record cunik_world_pool_record;
extern const struct record cunik_world_resolver_record;
extern const struct record cunik_world_port_record;
extern const struct record cunik_world_disk_record;
extern const struct record cunik_world_depend_record;
extern const struct record cunik_world_mount_record;
