/* The table of host operations: everything the engine does to the host goes through it.
 *
 * There are two implementations: the real one (host_real.c) and the recording one of the tests,
 * which plays a host in memory and can fail or die at operation k. Every operation is idempotent:
 * creating what is there as wanted, or removing what is not there, succeeds. All are safe to call
 * from several threads at once, for different things.
 */
#pragma once

#include "engine/assign.h"
#include "engine/world.h"

struct host_ops {
    /* Everything of ours that is on the host, with what was seen; sorted by name. */
    int (*observe)(void *ctx, struct world *ret, struct error **err);
    /* What is not ours: for cunik_assign(). The strings are the callee's until the next call. */
    int (*facts)(void *ctx, struct host_facts *ret, struct error **err);

    /* Whether a cunik could be made here: its kernel, disks and dialect, and the host itself (root,
     * /dev/net/tun, QEMU, dnsmasq). Changes nothing. Also fills the warnings of its backend. */
    int (*check)(void *ctx, const struct world_cunik *c, const struct world *w,
                 struct strv *ret_warnings, struct error **err);

    /* A bridge with its label, group, address and switches; up. */
    int (*network_create)(void *ctx, const struct world_network *n, struct error **err);
    int (*network_remove)(void *ctx, const struct world_network *n, struct error **err);
    /* The network's dnsmasq; names are added and removed without restarting it. */
    int (*names_start)(void *ctx, const struct world_network *n, struct error **err);
    int (*names_stop)(void *ctx, const struct world_network *n, struct error **err);
    /* The names of one cunik on all its networks; of one that is unhealthy (status.health) not on
     * networks that hide such, where they are taken away. */
    int (*names_add)(void *ctx, const struct world_cunik *c, struct error **err);
    int (*names_remove)(void *ctx, const struct world_cunik *c, struct error **err);

    /* The taps of one cunik, on their bridges and up. */
    int (*links_create)(void *ctx, const struct world_cunik *c, const struct world *w,
                        struct error **err);
    int (*links_remove)(void *ctx, const struct world_cunik *c, struct error **err);
    /* All links of a stack in one message: its taps and bridges. */
    int (*links_remove_stack)(void *ctx, const char *stack, struct error **err);

    /* The engine's one rule set, replaced whole: published ports and isolation for all running and
     * wanted cuniks of all stacks. */
    int (*rules_replace)(void *ctx, const struct world *w, struct error **err);

    /* The domain of a cunik: defined and not started; XML and console are made from it. */
    int (*domain_define)(void *ctx, const struct world_cunik *c, const struct world *w,
                         struct error **err);
    /* Keeps the kernel and initrd that a cunik was made with, for as long as it may have to be made
     * of them again, also when their files are others by then or gone; or forgets them. A cunik
     * that is defined with status.files_changed is made of what is kept, if anything is. May be
     * NULL. */
    int (*files_keep)(void *ctx, const struct world_cunik *c, bool keep, struct error **err);
    /* How often a cunik was started again (status.restarts, attempts and crashes), kept as long as
     * it is there, whichever engine looks after it; and the same recalled. May be NULL. */
    int (*restarts_keep)(void *ctx, const struct world_cunik *c, struct error **err);
    void (*restarts_recall)(void *ctx, struct world_cunik *c);
    int (*domain_start)(void *ctx, const struct world_cunik *c, struct error **err);
    /* Replaces the label in the domain's metadata: an update in place. */
    int (*domain_relabel)(void *ctx, const struct world_cunik *c, struct error **err);
    /* Puts back a definition that others have changed or removed (status.definition). A guest that
     * runs is not touched. */
    int (*domain_restore)(void *ctx, const struct world_cunik *c, struct error **err);
    /* Asks the guest to power off, waits until it has or the grace period is over (deadline in
     * nanoseconds of CLOCK_MONOTONIC); -ETIME when it has not. */
    int (*domain_shutdown)(void *ctx, const struct world_cunik *c, int64_t deadline_ns,
                           struct error **err);
    /* Holds a guest still, or lets it go on. May be NULL. */
    int (*domain_pause)(void *ctx, const struct world_cunik *c, bool pause, struct error **err);
    int (*domain_destroy)(void *ctx, const struct world_cunik *c, struct error **err);
    int (*domain_undefine)(void *ctx, const struct world_cunik *c, struct error **err);
    /* Where a cunik's console is written and how many bytes it has now, for LOG health checks; the
     * caller frees the path. May be NULL: no consoles. */
    int (*console)(void *ctx, const struct world_cunik *c, char **ret_path, uint64_t *ret_size,
                   struct error **err);

    /* The terminal that is a running cunik's serial port (terminal.h); the caller frees the path.
     * May be NULL: no consoles. */
    int (*terminal)(void *ctx, const struct world_cunik *c, char **ret_path, struct error **err);

    /* What an image of the store gives to a cunik that boots it: image_digest, boot, command,
     * environment, memory, health.test and, as mounts, where it wants volumes. May be NULL. */
    int (*image)(void *ctx, const char *name, struct world_cunik *ret, struct error **err);

    /* Volumes as JSON (volume.h), and what a file for a guest holds (file_store.h). */
    int (*volume_list)(void *ctx, json_t **ret, struct error **err);
    int (*volume_create)(void *ctx, const struct world_volume *v, json_t **ret, struct error **err);
    /* Makes one unless it is there, for that cunik: with the filesystem that its guest reads. */
    int (*volume_ensure)(void *ctx, const struct world_volume *v, const struct world_cunik *c,
                         struct error **err);
    int (*volume_remove)(void *ctx, const char *name, struct error **err);
    int (*file_put)(void *ctx, const void *data, size_t size, struct error **err);
    int (*file_sweep)(void *ctx,
                      int (*users)(void *users_ctx, struct strv *ret, struct error **err),
                      void *users_ctx, struct error **err);

    /* The last desired world of a stack, written whole and durably; NULL removes it. */
    int (*state_write)(void *ctx, const char *stack, const struct world *w, struct error **err);
    int (*state_read)(void *ctx, const char *stack, struct world *ret, struct error **err);
};

struct host {
    const struct host_ops *ops;
    void *ctx;
};
