/* Where groups cannot be changed, as in a user namespace of one user, libvirt would start no QEMU:
 * in each child it sets the groups of the user that it is to become, also when it is that user
 * already. There is no setting against that; so this program's own setgroups(2) stands in for the C
 * library's (a program's symbols come first), and leaves there the groups as they are. They are the
 * user's own: with them QEMU may open /dev/kvm when the user may. */
#include <grp.h>
#include <sys/syscall.h>

#include "engine/hypervisor_internal.h"

static bool kept;

void cunik_hypervisor_keep_groups(bool keep)
{
    kept = keep;
}

/* Of this thread alone, unlike the C library's: it is only called between fork and exec. */
int setgroups(size_t n, const gid_t *groups)
{
    return kept ? 0 : (int)syscall(SYS_setgroups, n, groups);
}
