/* The doctor: what this host has and lacks for running guests, and what to do about it.
 *
 * Facts are gathered from the host (doctor_facts.c), judged purely by one table of checks
 * (doctor.c), and shown by `cunik doctor`.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What was found. Strings are "" when there is nothing to say; numbers of limits are UINT64_MAX
 * when there is none, 0 when it is not known. */
struct doctor_facts {
    bool may_make_links; /* CAP_NET_ADMIN */
    char *rootless;      /* without it: why there is no namespace to make them in */
    char *slirp;         /* "1.2.0", which an engine without rights needs */
    char *tun;           /* why /dev/net/tun cannot be used */
    char *nftables;      /* why rules cannot be set */
    char *forwarding;    /* why forwarding cannot be switched on for a link */
    char *qemu;          /* "7.2.15"; "" = there is none */
    char *dnsmasq;       /* "2.90" */
    int kvm_errno;       /* of opening /dev/kvm for reading and writing */
    bool kvm;            /* it has run a whole guest */
    char *kvm_reason;    /* one sentence */
    char *engine;        /* why it cannot be reached or started */
    char *connect;       /* libvirt's URI */
    char *libvirt;       /* "9.0.0" */
    uint64_t files;      /* open files that the engine may have */
    uint64_t processes;  /* processes and threads of the host or this control group */
    char *state;         /* the engine's folder */
    uint64_t disk_free;  /* bytes there */
    uint64_t disk_size;
    uint64_t memory_free; /* bytes */
};

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_NOTE,    /* it works, and could be better */
    DOCTOR_PROBLEM, /* guests cannot run */
    DOCTOR_LEVEL_MAX_,
};

struct doctor_finding {
    const char *check; /* "kvm" */
    enum doctor_level level;
    char *found;  /* one sentence */
    char *advice; /* what to do, "" when all is well */
};

struct doctor_report {
    struct doctor_finding *items; /* one for each check, in the order of the table */
    size_t n;
};

/* Reaches or starts the engine (`connect` as --connect), and looks at this process's host. Forks:
 * no other thread may exist. */
void cunik_doctor_look(const char *connect, struct doctor_facts *ret);
void cunik_doctor_facts_done(struct doctor_facts *f);

void cunik_doctor_judge(const struct doctor_facts *f, struct doctor_report *ret);
/* The worst level of all. */
enum doctor_level cunik_doctor_worst(const struct doctor_report *r);
/* A line for each check, with what to do below it. The caller frees it. */
char *cunik_doctor_text(const struct doctor_report *r);
/* {"status":"note","checks":[{"check","status","found","advice"}…]} */
json_t *cunik_doctor_json(const struct doctor_report *r);
void cunik_doctor_report_done(struct doctor_report *r);
