/* Any bytes as a kernel file, and as what every backend makes of it. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/backend.h"
#include "base/file.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A service with a network and a disk: the manifest of the kernel may ask for others. */
static void make_boots(const struct kernel *k)
{
    static const struct boot_interface interface = {
        .address = "10.1.2.3", .prefix_length = 24, .gateway = "10.1.2.1", .dns = ""};
    static const struct boot_disk disk = {.path = "/d", .mount = "", .filesystem = ""};
    static const struct strv command = {0};
    const struct boot_settings settings = {.name = "x",
                                           .hostname = "x",
                                           .domain = "",
                                           .command = &command,
                                           .interfaces = &interface,
                                           .n_interfaces = 1,
                                           .disks = &disk,
                                           .n_disks = 1,
                                           .kernel = "/k",
                                           .initrd = "",
                                           .cmdline = "",
                                           .machine = "",
                                           .firmware = ""};

    for (size_t i = 0; i < cunik_n_backends; i++) {
        struct boot boot = {0};
        int r = cunik_backends[i]->make(&settings, k, &boot, NULL);
        if (r == 0 && !boot.cmdline)
            abort();
        cunik_boot_done(&boot);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_close_ int fd = memfd_create("kernel", MFD_CLOEXEC);
    const struct backend *backend;
    struct kernel k = {0};

    if (fd < 0 || cunik_write_all(fd, data, size) < 0)
        abort();
    _cleanup_free_ char *path = cunik_asprintf("/proc/self/fd/%d", fd);
    if (cunik_kernel_read(path, &k, NULL) < 0)
        return 0;
    if (k.elf ? k.elf_class != 32 && k.elf_class != 64 : k.elf_class != 0)
        abort();
    if (cunik_backend_find("", &k, &backend, NULL) == 0 && !backend->claims(&k))
        abort();
    for (size_t i = 0; i < k.n_devices; i++)
        if (!*k.devices[i].name)
            abort();
    make_boots(&k);
    cunik_kernel_done(&k);
    return 0;
}
