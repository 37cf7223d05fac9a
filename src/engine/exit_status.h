/* How a guest ended, from all that is known of it: what the hypervisor saw, the status of its QEMU,
 * and what its console says. Pure. */
#pragma once

#include "backends/ending.h"
#include "engine/world.h"

/* Of what was killed, as a shell would say it. */
enum { EXIT_KILLED = 128 + 9 };

struct exit_facts {
    enum cunik_end end;
    int qemu_status;           /* as cunik_hypervisor_exit_status() gives it; -1 = not seen */
    const struct ending *said; /* by the console; NULL = nothing */
};

struct exit_verdict {
    enum cunik_end end;
    int64_t code;       /* 0 to 255 */
    const char *reason; /* the line that said so, borrowed; "" = none did */
};

/* The console tells the status of a guest that powered off, panicked or reset itself; and a guest
 * that stood still for ever, so that the engine had to end it, counts as powered off. A guest says
 * its status through QEMU's isa-debug-exit device as 2 * status + 1. A crash is never a success,
 * whatever the console says. */
struct exit_verdict cunik_exit_decide(const struct exit_facts *f);
