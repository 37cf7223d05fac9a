#include "engine/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    LIMIT_MS = 1500, /* a guest that runs is done in a tenth of that */
    MEMORY_LIMIT = 4096,
    EXIT_VALUE = 0x31,
    EXIT_STATUS = EXIT_VALUE << 1 | 1, /* what isa-debug-exit makes of it */
    OUTPUT_LIMIT = 65536,
};

/* A flat multiboot kernel: the header with its load addresses, then the whole program. It is
 * reached through the firmware, so that much of real mode has run before it.
 *
 *     .long 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
 *     .long 0x100000          # this header lies here,
 *     .long 0x100000          # the file is loaded here
 *     .long 0, 0              # whole, with no bss,
 *     .long 0x100020          # and entered here:
 *     mov $0x31, %al
 *     out %al, $0xf4          # isa-debug-exit
 *  1: hlt
 *     jmp 1b
 */
static const uint8_t trial_kernel[] = {
    0x02, 0xb0, 0xad, 0x1b, 0x00, 0x00, 0x01, 0x00,       0xfe, 0x4f, 0x51, 0xe4, 0x00,
    0x00, 0x10, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00,       0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x20, 0x00, 0x10, 0x00, 0xb0, EXIT_VALUE, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd,
};

static int set(struct accel *ret, bool kvm, char *reason)
{
    *ret = (struct accel){.kvm = kvm, .reason = reason};
    return 0;
}

/* What an answer holds for: this boot of the host, this QEMU, this user, and who may open the
 * device. */
static char *identity(const struct accel_settings *s)
{
    _cleanup_free_ char *boot = NULL;
    struct stat st, device;

    if (cunik_file_read("/proc/sys/kernel/random/boot_id", MEMORY_LIMIT, &boot, NULL, NULL) < 0 ||
        stat(s->emulator, &st) < 0 || stat(s->device, &device) < 0)
        return NULL;
    bool opens = faccessat(AT_FDCWD, s->device, R_OK | W_OK, AT_EACCESS) == 0; /* by groups too */
    boot[strcspn(boot, "\n")] = '\0';
    return cunik_asprintf("%s %s %llu %lld.%09ld %lld %o:%u:%u %d", boot, s->emulator,
                          (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
                          st.st_mtim.tv_nsec, (long long)s->uid, device.st_mode, device.st_uid,
                          device.st_gid, opens);
}

static bool recall(const struct accel_settings *s, const char *key, struct accel *ret)
{
    _cleanup_free_ char *text = NULL, *held_for = NULL, *reason = NULL;
    _cleanup_json_ json_t *json = NULL;
    bool kvm = false;
    size_t size;

    if (!key || !*s->memory || cunik_file_read(s->memory, MEMORY_LIMIT, &text, &size, NULL) < 0 ||
        cunik_json_parse(text, size, s->memory, &json, NULL) < 0 ||
        cunik_json_get_string(json, "for", &held_for, NULL) < 0 ||
        cunik_json_get_string(json, "reason", &reason, NULL) < 0 ||
        cunik_json_get_bool(json, "kvm", &kvm, NULL) < 0 || !cunik_text_equal(held_for, key) ||
        !reason)
        return false;
    set(ret, kvm, TAKE_PTR(reason));
    return true;
}

/* Not being able to write only means trying again next time. */
static void remember(const struct accel_settings *s, const char *key, const struct accel *a)
{
    _cleanup_json_ json_t *json = json_object();

    if (!key || !*s->memory)
        return;
    cunik_json_set_string(json, "for", key);
    cunik_json_set_bool(json, "kvm", a->kvm);
    cunik_json_set_string(json, "reason", a->reason);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(2));
    cunik_file_write(s->memory, text, strlen(text), 0644, false, NULL);
}

/* In the child, which never returns. */
static void run_trial(const struct accel_settings *s, int kernel, int output)
{
    char path[32];

    signal(SIGCHLD, SIG_DFL);
    if (s->uid != (uid_t)-1 && s->uid != geteuid() &&
        (initgroups(s->user, s->gid) < 0 || setgid(s->gid) < 0 || setuid(s->uid) < 0)) {
        dprintf(output, "becoming user '%s': %s\n", s->user, strerror(errno));
        _exit(127);
    }
    snprintf(path, sizeof(path), "/dev/fd/%d", kernel);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execl(s->emulator, s->emulator, "-accel", "kvm", "-machine", "pc", "-m", "16", "-nodefaults",
          "-no-user-config", "-display", "none", "-no-reboot", "-device",
          "isa-debug-exit,iobase=0xf4,iosize=1", "-kernel", path, (char *)NULL);
    dprintf(output, "running %s: %s\n", s->emulator, strerror(errno));
    _exit(127);
}

/* Waits for the child; false when the time is over (it is killed then). */
static bool wait_for(pid_t pid, int *ret_status)
{
    _cleanup_close_ int fd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ended = fd >= 0 && poll(&p, 1, LIMIT_MS) > 0;

    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    return ended;
}

/* The last line of what QEMU said, without its name in front. */
static char *last_words(int output)
{
    _cleanup_free_ char *text = NULL;

    if (lseek(output, 0, SEEK_SET) < 0 ||
        cunik_file_read_fd(output, "QEMU's output", OUTPUT_LIMIT, &text, NULL, NULL) < 0)
        return cunik_strdup("");
    for (size_t n = strlen(text); n && strchr("\n\r ", text[n - 1]); n--)
        text[n - 1] = '\0';
    char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    char *colon = strstr(line, ": ");
    return cunik_strdup(colon && cunik_text_starts(line, "qemu-system") ? colon + 2 : line);
}

static void try_kvm(const struct accel_settings *s, struct accel *ret)
{
    _cleanup_close_ int kernel = memfd_create("trial-kernel", 0);
    _cleanup_close_ int output = memfd_create("trial-output", 0);
    int status;

    if (kernel < 0 || output < 0 ||
        cunik_write_all(kernel, trial_kernel, sizeof(trial_kernel)) < 0 ||
        fchmod(kernel, 0444) < 0) {
        set(ret, false, cunik_strdup("KVM could not be tried: no memory files"));
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        run_trial(s, kernel, output);
    if (pid < 0) {
        set(ret, false, cunik_asprintf("KVM could not be tried: %s", strerror(errno)));
        return;
    }
    if (!wait_for(pid, &status)) {
        set(ret, false,
            cunik_asprintf("a guest under KVM did not get through within %d ms", LIMIT_MS));
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STATUS) {
        set(ret, true, cunik_strdup("a whole guest has been seen to run under KVM"));
        return;
    }
    _cleanup_free_ char *words = last_words(output);
    set(ret, false,
        cunik_asprintf("QEMU does not run a guest under KVM%s%s", *words ? ": " : "", words));
}

int cunik_accel_force(const char *forced, struct accel *ret, struct error **err)
{
    bool kvm = strcmp(forced, "kvm") == 0;

    if (!*forced)
        return 0;
    if (!kvm && strcmp(forced, "tcg") != 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "the accelerator is 'kvm' or 'tcg', not '%s' (CUNIK_ACCEL)", forced);
    set(ret, kvm, cunik_asprintf("%s was asked for", kvm ? "KVM" : "TCG"));
    return 1;
}

int cunik_accel_decide(const struct accel_settings *s, struct accel *ret, struct error **err)
{
    int r = cunik_accel_force(s->forced, ret, err);

    if (r != 0)
        return r < 0 ? r : 0;
    if (!cunik_file_exists(s->device))
        return set(ret, false, cunik_asprintf("this host has no %s", s->device));

    _cleanup_free_ char *key = identity(s);
    if (recall(s, key, ret))
        return 0;
    try_kvm(s, ret);
    remember(s, key, ret);
    return 0;
}

void cunik_accel_done(struct accel *a)
{
    free(a->reason);
    *a = (struct accel){0};
}
