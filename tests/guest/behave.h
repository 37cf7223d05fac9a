/* What the guest does by itself, on request. */
#ifndef GUEST_BEHAVE_H
#define GUEST_BEHAVE_H

#include <stdbool.h>
#include <stdint.h>

/* Begins: serves (or, with no network, does not), and does what the arguments ask for. */
void behave_start(void);
/* The power button was pressed and the arguments say to heed it. */
_Noreturn void behave_power_button(void);
bool behave_is_healthy(void);
void behave_become(bool healthy);

void behave_exit(uint32_t code);
/* These take a number only to fit where behave_exit() fits. */
void behave_crash(uint32_t unused);
void behave_hang(uint32_t unused);
void behave_halt(uint32_t unused);
void behave_reset(uint32_t unused);
/* Prints that many lines, a part at a time: the network goes on meanwhile, the next action waits.
 */
void behave_flood(uint32_t lines);

#endif
