/* What the doctor looks at. Nothing is changed but that the engine may be started. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/accel.h"
#include "engine/client.h"
#include "engine/doctor_parts.h"
#include "engine/host_prerequisites.h"
#include "engine/paths.h"
#include "network/dnsmasq.h"
#include "network/slirp.h"

enum { PROC_LIMIT = 64 << 10 };

char *cunik_doctor_words(struct error *err)
{
    char *text = err ? cunik_error_text(err) : cunik_strdup("");

    cunik_error_destroy(err);
    return text;
}

/* What stands behind "version " in what `PROGRAM --version` prints; "" when nothing does. */
static char *version_of(const char *program)
{
    _cleanup_strv_ struct strv argv = {0};
    _cleanup_free_ char *output = NULL;

    cunik_strv_add(&argv, program);
    cunik_strv_add(&argv, "--version");
    if (cunik_process_run(&argv, &output, NULL) < 0)
        return cunik_strdup("");
    const char *version = strstr(output, "ersion ");
    if (!version)
        return cunik_strdup("");
    version += strlen("ersion ");
    return cunik_strndup(version, strcspn(version, " \t\n("));
}

static char *dnsmasq_version(void)
{
    _cleanup_free_ char *path = NULL;

    return cunik_dnsmasq_find(&path, NULL) < 0 ? cunik_strdup("") : version_of(path);
}

static char *slirp_version(void)
{
    _cleanup_free_ char *path = NULL;

    return cunik_slirp_find(&path, NULL) < 0 ? cunik_strdup("") : version_of(path);
}

/* A number in a file such as pids.max: UINT64_MAX for "max", or when there is no such file. */
static uint64_t number_in(const char *path)
{
    _cleanup_free_ char *text = NULL;
    uint64_t value;

    if (cunik_file_read(path, PROC_LIMIT, &text, NULL, NULL) < 0)
        return UINT64_MAX;
    text[strcspn(text, "\n")] = '\0';
    return cunik_text_to_uint(text, 0, UINT64_MAX, &value) < 0 ? UINT64_MAX : value;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of this process's control group and those above it, in version 2's hierarchy. */
static uint64_t group_processes(void)
{
    _cleanup_free_ char *text = NULL;
    uint64_t most = UINT64_MAX;

    if (cunik_file_read("/proc/self/cgroup", PROC_LIMIT, &text, NULL, NULL) < 0)
        return most;
    char *path = cunik_text_starts(text, "0::/") ? text + strlen("0::") : strstr(text, "\n0::/");
    if (!path)
        return most;
    path += *path == '\n' ? strlen("\n0::") : 0;
    path[strcspn(path, "\n")] = '\0';
    for (char *slash; (slash = strrchr(path, '/')); *slash = '\0') {
        _cleanup_free_ char *file = cunik_asprintf("/sys/fs/cgroup%s/pids.max", path);
        most = least(most, number_in(file));
    }
    return most;
}

static uint64_t processes(void)
{
    uint64_t most =
        least(number_in("/proc/sys/kernel/pid_max"), number_in("/proc/sys/kernel/threads-max"));

    return least(most, group_processes());
}

/* The engine raises its own limit to the hard one. */
static uint64_t files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    return limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max;
}

static uint64_t available_memory(void)
{
    _cleanup_free_ char *text = NULL;
    uint64_t kib;

    if (cunik_file_read("/proc/meminfo", PROC_LIMIT, &text, NULL, NULL) < 0)
        return 0;
    const char *line = strstr(text, "MemAvailable:");
    return line && sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1 ? kib << 10 : 0;
}

/* The folder may not be there yet: then of the nearest one above it. */
static void look_at_disk(struct doctor_facts *f)
{
    _cleanup_free_ char *path = cunik_strdup(f->state);
    struct statvfs st;

    while (statvfs(path, &st) < 0) {
        char *above = cunik_path_folder(path);
        bool top = strcmp(above, path) == 0;
        free(path);
        path = above;
        if (top)
            return;
    }
    f->disk_free = (uint64_t)st.f_bavail * st.f_frsize;
    f->disk_size = (uint64_t)st.f_blocks * st.f_frsize;
}

static void look_at_kvm(struct doctor_facts *f)
{
    _cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    f->kvm_errno = fd < 0 ? errno : 0;
}

/* The engine has tried KVM. */
static int ask_engine(struct doctor_facts *f, const char *connect, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const char *accel = getenv("CUNIK_ACCEL");
    const struct client_settings settings = {
        .connect = connect, .accel = accel ? accel : "", .cancel_fd = -1};
    _cleanup_json_ json_t *version = NULL;
    int r = cunik_client_create(&settings, &client, err);

    if (r == 0)
        r = cunik_client_version(client, &version, err);
    if (r < 0)
        return r;
    const char *mode = json_string_value(json_object_get(version, "accel"));
    f->kvm = cunik_text_equal(mode, "kvm");
    if ((r = cunik_json_get_string(version, "accel_reason", &f->kvm_reason, err)) < 0 ||
        (r = cunik_json_get_string(version, "connect", &f->connect, err)) < 0)
        return r;
    return cunik_json_get_string(version, "libvirt", &f->libvirt, err);
}

/* Without an engine that could tell. */
static void try_kvm(struct doctor_facts *f)
{
    const struct accel_settings settings = {.forced = "",
                                            .device = "/dev/kvm",
                                            .emulator = cunik_host_emulator,
                                            .memory = "",
                                            .user = "",
                                            .uid = (uid_t)-1,
                                            .gid = (gid_t)-1};
    struct accel accel = {0};

    if (cunik_accel_decide(&settings, &accel, NULL) < 0)
        return;
    f->kvm = accel.kvm;
    cunik_replace(&f->kvm_reason, accel.reason);
    cunik_accel_done(&accel);
}

void cunik_doctor_look(const char *connect, struct doctor_facts *ret)
{
    struct doctor_facts f = {.kvm_reason = cunik_strdup(""),
                             .connect = cunik_strdup(""),
                             .libvirt = cunik_strdup(""),
                             .state = cunik_paths_state()};
    struct error *err = NULL;

    cunik_doctor_look_at_links(&f);
    f.slirp = slirp_version();
    f.qemu = version_of(cunik_host_emulator);
    f.dnsmasq = dnsmasq_version();
    look_at_kvm(&f);
    if (ask_engine(&f, connect, &err) < 0 && f.kvm_errno == 0 && *f.qemu)
        try_kvm(&f);
    f.engine = cunik_doctor_words(TAKE_PTR(err));
    f.files = files();
    f.processes = processes();
    f.memory_free = available_memory();
    look_at_disk(&f);
    *ret = f;
}
