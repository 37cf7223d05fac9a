#include "clock.h"

#include <stddef.h>

#include "cpu.h"

enum {
    TIMER_TICKS_PER_MS = 3580, /* 3.579545 MHz */
    TIMER_BITS = 0xFFFFFF,
    PIT_DATA = 0x40,
    PIT_CONTROL = 0x43,
    PIT_ONE_SHOT = 0x30, /* counter 0, both bytes, interrupt on terminal count */
    PIT_TICKS_PER_MS = 1193,
    PIT_LONGEST_MS = 54,
};

static uint16_t port;
static uint32_t last_ticks, spare_ticks, now;
static struct timer *timers;

void clock_init(uint16_t power_management_timer)
{
    port = power_management_timer;
    last_ticks = port_read32(port) & TIMER_BITS;
    port_write8(PIT_CONTROL, PIT_ONE_SHOT); /* the firmware's tick ends here */
    cpu_enable_line(0, 0);
}

uint32_t clock_now(void)
{
    uint32_t ticks = port_read32(port) & TIMER_BITS;

    spare_ticks += (ticks - last_ticks) & TIMER_BITS;
    last_ticks = ticks;
    now += spare_ticks / TIMER_TICKS_PER_MS;
    spare_ticks %= TIMER_TICKS_PER_MS;
    return now;
}

void timer_stop(struct timer *timer)
{
    if (!timer->running)
        return;
    for (struct timer **at = &timers; *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    }
    timer->running = false;
}

void timer_start(struct timer *timer, uint32_t milliseconds)
{
    timer_stop(timer);
    timer->due = clock_now() + milliseconds;
    timer->running = true;
    timer->next = timers;
    timers = timer;
}

static struct timer *first_due(void)
{
    struct timer *first = timers;

    for (struct timer *timer = timers; timer; timer = timer->next)
        if ((int32_t)(timer->due - first->due) < 0)
            first = timer;
    return first;
}

void clock_run(void)
{
    if (!timers)
        return;
    uint32_t moment = clock_now();
    for (;;) {
        struct timer *timer = first_due();
        if (!timer || (int32_t)(timer->due - moment) > 0)
            return;
        timer_stop(timer);
        timer->run(timer->data);
    }
}

void clock_wait(void)
{
    struct timer *timer = first_due();

    if (timer) {
        int32_t left = (int32_t)(timer->due - clock_now());
        if (left <= 0)
            return;
        uint32_t ticks =
            (uint32_t)(left < PIT_LONGEST_MS ? left : PIT_LONGEST_MS) * PIT_TICKS_PER_MS;
        port_write8(PIT_CONTROL, PIT_ONE_SHOT);
        port_write8(PIT_DATA, (uint8_t)ticks);
        port_write8(PIT_DATA, (uint8_t)(ticks >> 8));
    }
    cpu_wait();
}
