#include "engine/exit_status.h"

enum { EXIT_SIGNALLED = 128, EXIT_CRASHED = 128 + 6 };

static struct exit_verdict decide_killed(int status)
{
    struct exit_verdict v = {.end = END_KILLED, .code = EXIT_KILLED, .reason = ""};

    if (status < 0)
        return v;
    v.code = status;
    if (status < EXIT_SIGNALLED && status % 2) {
        v.end = END_POWEROFF;
        v.code = status / 2;
    }
    return v;
}

struct exit_verdict cunik_exit_decide(const struct exit_facts *f)
{
    struct exit_verdict v = {.end = f->end, .reason = ""};
    const struct ending *said = f->said;

    switch (f->end) {
    case END_POWEROFF:
        v.code = said ? said->status : 0;
        break;
    case END_RESET:
    case END_PANICKED:
        v.code = said && said->status ? said->status : EXIT_CRASHED;
        break;
    case END_DESTROYED:
        if (!said || !said->still) {
            v.code = EXIT_KILLED;
            return v;
        }
        v.end = END_POWEROFF;
        v.code = said->status;
        break;
    case END_KILLED:
        return decide_killed(f->qemu_status);
    case END_NONE:
    case END_MAX_:
        return v;
    }
    if (said && v.code == said->status)
        v.reason = said->reason;
    return v;
}
