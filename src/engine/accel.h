/* KVM or software emulation (TCG)?
 *
 * That /dev/kvm opens proves nothing, and neither does a vCPU that runs a few instructions: on some
 * nested KVMs those work while firmware and every ordinary kernel hang. What tells is QEMU itself,
 * run as the user that guests run as, with the machine in use, SeaBIOS and a minimal kernel of
 * ours, under a time limit. That is done once per boot of the host and version of QEMU, and
 * remembered in a file.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct accel_settings {
    const char *forced;   /* "kvm", "tcg", or "" = try */
    const char *device;   /* "/dev/kvm" */
    const char *emulator; /* path of QEMU */
    const char *memory;   /* the file that remembers; "" = none */
    /* Who guests run as; uid -1 = whoever we are. The name is for messages. */
    const char *user;
    uid_t uid;
    gid_t gid;
};

struct accel {
    bool kvm;
    char *reason; /* one sentence */
};

/* What was asked for by hand ("kvm" or "tcg"): 1; 0, and nothing stored, for "". ERROR_INVALID for
 * another name. */
int cunik_accel_force(const char *forced, struct accel *ret, struct error **err);
/* Forks: no other thread may exist. ERROR_INVALID for an unknown `forced`; not being able to try is
 * no error but a reason for TCG. */
int cunik_accel_decide(const struct accel_settings *settings, struct accel *ret,
                       struct error **err);
void cunik_accel_done(struct accel *a);
