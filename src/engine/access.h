/* What the user that guests run as may open.
 *
 * QEMU runs as an unprivileged user and opens its kernel and its disks itself. libvirt could make
 * every such file that user's for as long as the guest runs (dynamic ownership), but then the files
 * of the stack's author change hands, and each change is a process. So files of the engine's own
 * are made the user's once, and a file of somebody else's gets one more entry in its access control
 * list (acl(5)) while a cunik has it; its owner and mode stay.
 *
 * Questions are answered by opening the file as that user does: folders on the way, groups and
 * lists are the kernel's to judge.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct guest_user {
    const char *name, *group; /* static; "" when guests run as we do, and everything is allowed */
    uid_t uid;
    gid_t gid;
};

/* 0, or the negative errno of opening it. Only for a user that we can become (we are root). */
int cunik_access_try(const struct guest_user *u, const char *path, bool write);

/* The same for a folder: whether the user could list and enter it, and `write` to it. */
int cunik_access_try_folder(const struct guest_user *u, const char *path, bool write);

/* A file of ours becomes the user's, when it cannot open it anyway. */
int cunik_access_own(const struct guest_user *u, const char *path, bool write, struct error **err);
/* The same for a folder, without what is in it. */
int cunik_access_own_folder(const struct guest_user *u, const char *path, struct error **err);

/* Somebody else's file is opened to the user, when it is not already. ERROR_PERMISSION when that
 * would not do (a folder on the way, a file system without lists, a mask that forbids it). */
int cunik_access_grant(const struct guest_user *u, const char *path, bool write,
                       struct error **err);
/* Takes away what grant gave, and nothing that was there before. A file that is not there any more
 * has nothing to take. */
int cunik_access_revoke(const struct guest_user *u, const char *path, struct error **err);
