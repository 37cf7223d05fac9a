/* Interrupts (SIGINT, SIGTERM) as a descriptor: one for each process, whoever asks for it. */
#pragma once

/* An eventfd that becomes readable at the first interrupt from the first call on, and stays so
 * until it is cleared; from then on they do not end the process. Aborts when there is none to be
 * had. */
int cunik_interrupt_fd(void);
/* Makes it unreadable again, so that it waits for the next one. */
void cunik_interrupt_clear(void);
