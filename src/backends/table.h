/* The backends, each in the file of its name; the table is in backend.c. */
#pragma once

#include "backends/backend.h"

extern const struct backend cunik_backend_clickos;
extern const struct backend cunik_backend_halvm;
extern const struct backend cunik_backend_includeos;
extern const struct backend cunik_backend_ling;
extern const struct backend cunik_backend_linux;
extern const struct backend cunik_backend_nanos;
extern const struct backend cunik_backend_osv;
extern const struct backend cunik_backend_raw;
extern const struct backend cunik_backend_rumprun;
extern const struct backend cunik_backend_runtimejs;
extern const struct backend cunik_backend_solo5;
extern const struct backend cunik_backend_unikraft;
