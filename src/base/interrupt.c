#include "base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/macros.h"

static int event_fd = -1;

static void on_signal(int signal_number _unused_)
{
    int saved = errno;
    uint64_t one = 1;

    if (write(event_fd, &one, sizeof(one)) < 0) {
        /* The counter is full: it is readable already. */
    }
    errno = saved;
}

int cunik_interrupt_fd(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (event_fd >= 0)
        return event_fd;
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        abort();
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return event_fd;
}

void cunik_interrupt_clear(void)
{
    uint64_t value;

    while (read(event_fd, &value, sizeof(value)) < 0 && errno == EINTR)
        ;
}
