/* What the arguments ask of the guest, in the words of README.md. */
#ifndef GUEST_ARGUMENTS_H
#define GUEST_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARGUMENTS_ACTIONS = 16, ARGUMENTS_GETS = 8 };

struct action {
    void (*run)(uint32_t number);
    uint32_t number;
};

struct arguments {
    uint16_t port;
    uint32_t delay_ms; /* before the guest answers anything */
    uint32_t after_ms; /* before the actions */
    bool dhcp;         /* ask for addresses */
    bool acpi;         /* heed the power button */
    bool echo;         /* answer what is typed */
    bool eject;        /* give up devices that are unplugged */
    bool debug_exit;   /* end through isa-debug-exit */
    bool unhealthy;
    uint32_t healthy_after_ms;                /* 0: never */
    struct action actions[ARGUMENTS_ACTIONS]; /* in this order */
    size_t action_count;
    const char *last_words;           /* of behave_halt() */
    const char *gets[ARGUMENTS_GETS]; /* addresses to fetch */
    size_t get_count;
};

extern struct arguments arguments;

/* Reads config.arguments. Words that are no request are left to /args; a request that makes no
 * sense is printed. What is to be printed (say=, disk=) is printed here. */
void arguments_read(void);

#endif
