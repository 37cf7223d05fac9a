/* The backends, each in the file of its name; the table is in backend.c. */
#pragma once

#include "backends/backend.h"

extern const struct backend cunik_backend_linux;
extern const struct backend cunik_backend_raw;
extern const struct backend cunik_backend_unikraft;
