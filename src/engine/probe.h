/* One target's probe: an attempt begins, goes on as its descriptors become ready, and ends.
 *
 * Nothing here blocks or knows a clock: the prober (health.h) sleeps, keeps the times and gives up
 * what takes too long. Descriptors are put into its epoll set with `tag` as their data.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "engine/probe_test.h"
#include "engine/world.h"

enum probe_outcome {
    OUTCOME_PENDING,
    OUTCOME_HEALTHY,
    OUTCOME_FAILED, /* why is in probe.reason */
};

struct probe {
    /* Set by init. */
    struct probe_test test;
    int epoll;
    void *tag;
    int inotify;             /* for LOG: of the prober, shared by all */
    char *address;           /* the guest's */
    char *console;           /* LOG: the file */
    uint64_t offset;         /* LOG: what of it has been looked at */
    struct strv environment; /* CMD: whole, "NAME=value" */

    /* Of the attempt. */
    char *reason;   /* a sentence, for OUTCOME_FAILED */
    bool settled;   /* its outcome has been told; what is left only has to be let go */
    int fd;         /* socket, or console; -1 = none */
    bool connected; /* TCP, HTTP */
    struct buffer request;
    struct buffer reply;
    size_t drained; /* HTTP: bytes read after the status */
    int watch;      /* LOG: of inotify, -1 = none */
    pid_t pid;      /* CMD: leader of its process group, 0 = none */
    int pidfd, output;
};

/* `test` must be one that cunik_probe_test_parse() accepted (a broken one is PROBE_NONE). */
void cunik_probe_init(struct probe *p, const struct world_cunik *c, const char *address,
                      const char *console, uint64_t console_offset);
/* Gives up the attempt and frees everything. */
pid_t cunik_probe_done(struct probe *p);

enum probe_outcome cunik_probe_begin(struct probe *p);
/* After epoll (LOG: inotify) has said that something happened. An HTTP probe that was found healthy
 * may be called on after that, to read the rest of the reply; any other settled one must be ended
 * first. LOG says PENDING when there is more to read at once. */
enum probe_outcome cunik_probe_proceed(struct probe *p);
/* Ends the attempt, however far it is. Returns the process group of a command that has just been
 * killed, to be given to cunik_probe_reap() until that says true; 0 = none. */
pid_t cunik_probe_end(struct probe *p);

/* Collects the ended processes of a killed group that are our children: its leader, and what it
 * left behind when this process is a subreaper. True when none is left. */
bool cunik_probe_reap(pid_t group);

/* For the kinds' files. */
enum probe_outcome cunik_probe_fail(struct probe *p, const char *format, ...) _printf_(2, 3);
int cunik_probe_watch_fd(struct probe *p, int fd, uint32_t events);

struct probe_kind_ops {
    enum probe_outcome (*begin)(struct probe *p);
    enum probe_outcome (*proceed)(struct probe *p);
};
extern const struct probe_kind_ops cunik_probe_tcp, cunik_probe_http, cunik_probe_log,
    cunik_probe_command;
