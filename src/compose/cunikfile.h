/* Cunikfiles: how an image is built.
 *
 *     backend: linux                  as in unikernel.backend; by probing the kernel otherwise
 *     kernel: ./kernel.elf            paths are relative to the folder that is built, and within it
 *     initrd: ./fs.cpio               or a folder, which is packed as one
 *     disks: [./data.raw]             .qcow2 or anything else, which is raw
 *     packages: [redis-server]        of Debian, with the libraries they need (linux)
 *     take: [/usr/bin/redis-server]   what of the packages goes in
 *     files: ["./redis.conf:/etc/redis.conf"]   links in a folder stay links, within it
 *     directories: [/var/lib/redis]
 *     modules: [virtiofs]
 *     command: [redis-server]         what follows are defaults of services
 *     environment: {A: b}             or a list of A=b
 *     cmdline: …
 *     memory: 64M
 *     ports: ["6379/tcp"]
 *     volumes: [/data]
 *     healthcheck: [TCP, "6379"]
 *     labels: {a: b}
 *
 * With packages, files or directories the initrd is packed by guests/linux/pack, whose init and
 * kernel it gets; a kernel that is named as well is booted instead.
 */
#pragma once

#include "engine/client.h"

struct cunikfile {
    struct image_build build; /* without what is packed */
    struct strv pack;         /* arguments of guests/linux/pack but --out, --init, --kernel */
    bool packs;
    char *initrd; /* the folder that becomes it, or NULL */
    bool has_kernel;
};

/* Reads one, for a folder: ERROR_INVALID with file, line and column. */
int cunik_cunikfile_read(const char *path, const char *folder, struct cunikfile *ret,
                         struct error **err);
void cunik_cunikfile_done(struct cunikfile *f);
#define _cleanup_cunikfile_ _cleanup_(cunik_cunikfile_done)

/* Has the engine build the image that the file says, of what this process may read; what is packed
 * says on standard error how it goes. The digest is the caller's. */
int cunik_cunikfile_build(const char *path, const char *folder, struct client *client,
                          const char *name, char **ret_digest, struct error **err);
