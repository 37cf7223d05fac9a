/* Tables of what stands within services, and beside them, for the tables alone. */
#pragma once

#include "compose/fields.h"

extern const struct fields cunik_fields_blkio;
extern const struct fields cunik_fields_credential;
extern const struct fields cunik_fields_depend;
extern const struct fields cunik_fields_device;
extern const struct fields cunik_fields_env_file;
extern const struct fields cunik_fields_extends;
extern const struct fields cunik_fields_provider;
extern const struct fields cunik_fields_healthcheck;
extern const struct fields cunik_fields_logging;
extern const struct fields cunik_fields_service_model;
extern const struct fields cunik_fields_attachment;
extern const struct fields cunik_fields_port;
extern const struct fields cunik_fields_mount;
extern const struct fields cunik_fields_develop;
extern const struct fields cunik_fields_watch;
extern const struct fields cunik_fields_external;
