/* Any bytes as a kernel file, and as what every backend that claims it makes of it. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/backend.h"
#include "base/file.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    cunik_kernel_done(&k);
    return 0;
}
