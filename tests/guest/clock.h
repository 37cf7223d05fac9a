/* Time and timers.
 *
 * Time is read from the ACPI power management timer, which costs nothing while nobody looks. It
 * wraps every 4.7 s; the guest looks at least every 55 ms while a timer runs. While none runs it
 * may sleep through whole rounds, so the clock is exact between the start of a timer and its end
 * and not a measure of the guest's age. There is no tick: the interval timer is set, for one shot,
 * only when something waits for a time. */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Zero is a stopped timer; `run` and `data` are the owner's to set. The storage must outlive the
 * running timer. */
struct timer {
    struct timer *next;
    uint32_t due;
    bool running;
    void (*run)(void *data);
    void *data;
};

void clock_init(uint16_t power_management_timer);
/* Milliseconds, wrapping. */
uint32_t clock_now(void);
/* Starts it, or starts it again with another time. */
void timer_start(struct timer *timer, uint32_t milliseconds);
void timer_stop(struct timer *timer);
/* Runs what is due. */
void clock_run(void);
/* Waits for an interrupt, but not past the next timer. */
void clock_wait(void);

#endif
