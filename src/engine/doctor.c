#include "engine/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

/* What a hundred small guests take, with room: a few files and threads of QEMU for each. */
enum { FILES_LEAST = 4096, PROCESSES_LEAST = 2048, QEMU_MAJOR_LEAST = 6 };
static const uint64_t disk_least = UINT64_C(256) << 20, disk_good = UINT64_C(2) << 30;
static const uint64_t memory_least = UINT64_C(128) << 20;

static const char *const levels[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_PROBLEM] = "problem"};
_Static_assert(ARRAY_SIZE(levels) == DOCTOR_LEVEL_MAX_, "every level has its name");

/* What a check says; its texts are copied. */
struct verdict {
    enum doctor_level level;
    char *found;
    const char *advice;
};

static struct verdict verdict(enum doctor_level level, const char *advice, const char *format, ...)
    _printf_(3, 4);

static struct verdict verdict(enum doctor_level level, const char *advice, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct verdict v = {level, cunik_vasprintf(format, args), advice};
    va_end(args);
    return v;
}

static struct verdict check_rights(const struct doctor_facts *f)
{
    if (f->may_make_links)
        return verdict(DOCTOR_OK, "", "network links may be made");
    if (*f->rootless)
        return verdict(DOCTOR_PROBLEM,
                       "run the engine as root or with CAP_NET_ADMIN, and whoever is in the group "
                       "'cunik' may use it; or let users make namespaces "
                       "(user.max_user_namespaces, kernel.unprivileged_userns_clone, "
                       "kernel.apparmor_restrict_unprivileged_userns)",
                       "network links may not be made by this user: %s", f->rootless);
    if (!*f->slirp)
        return verdict(DOCTOR_PROBLEM, "install slirp4netns (Debian: apt install slirp4netns)",
                       "there is no slirp4netns, without which guests of a user without rights "
                       "have no way out");
    return verdict(DOCTOR_OK, "",
                   "network links may be made in a namespace of this user's own; slirp4netns %s",
                   f->slirp);
}

static struct verdict check_tun(const struct doctor_facts *f)
{
    if (!*f->tun)
        return verdict(DOCTOR_OK, "", "/dev/net/tun can be opened");
    return verdict(DOCTOR_PROBLEM,
                   "load the module (modprobe tun) and let users open it (chmod 0666, as udev "
                   "does); in a container, pass the device on (--device /dev/net/tun)",
                   "%s", f->tun);
}

static struct verdict check_nftables(const struct doctor_facts *f)
{
    if (!*f->nftables)
        return verdict(DOCTOR_OK, "", "rules can be set");
    return verdict(DOCTOR_PROBLEM,
                   "ports are published by nftables: load the module (modprobe nf_tables), and run "
                   "with CAP_NET_ADMIN",
                   "%s", f->nftables);
}

static struct verdict check_forwarding(const struct doctor_facts *f)
{
    if (!*f->forwarding)
        return verdict(DOCTOR_OK, "", "it can be switched on for each link");
    return verdict(DOCTOR_PROBLEM,
                   "guests get out and published ports in by forwarding: make /proc/sys/net "
                   "writable (in a container: --privileged, or switch net.ipv4.ip_forward on "
                   "outside)",
                   "%s", f->forwarding);
}

static struct verdict check_names(const struct doctor_facts *f)
{
    if (*f->dnsmasq)
        return verdict(DOCTOR_OK, "", "dnsmasq %s", f->dnsmasq);
    return verdict(DOCTOR_PROBLEM, "install dnsmasq (Debian: apt install dnsmasq-base)",
                   "there is no dnsmasq, which serves names to guests");
}

static struct verdict check_qemu(const struct doctor_facts *f)
{
    int major = 0;

    if (!*f->qemu)
        return verdict(DOCTOR_PROBLEM, "install QEMU (Debian: apt install qemu-system-x86)",
                       "there is no qemu-system-x86_64, which runs guests");
    if (sscanf(f->qemu, "%d", &major) != 1 || major < QEMU_MAJOR_LEAST)
        return verdict(DOCTOR_NOTE, "it has been tried with QEMU 7.2; take that or a later one",
                       "QEMU %s is older than what guests have been tried with", f->qemu);
    return verdict(DOCTOR_OK, "", "QEMU %s", f->qemu);
}

static struct verdict check_kvm(const struct doctor_facts *f)
{
    static const char rights[] = "let the user that guests run as open /dev/kvm (group kvm, mode "
                                 "0660); without it guests run under emulation, many times slower";
    const char *reason = *f->kvm_reason ? f->kvm_reason : "it does not run guests";

    if (f->kvm)
        return verdict(DOCTOR_OK, "", "it runs whole guests");
    if (f->kvm_errno == ENOENT || f->kvm_errno == ENODEV || f->kvm_errno == ENXIO)
        return verdict(DOCTOR_NOTE,
                       "load kvm_intel or kvm_amd, switch virtualisation on in the firmware, or, "
                       "in a virtual machine, nested virtualisation on its host; without it guests "
                       "run under emulation, many times slower",
                       "there is no /dev/kvm");
    if (f->kvm_errno)
        return verdict(DOCTOR_NOTE, rights, "/dev/kvm cannot be opened: %s",
                       strerror(f->kvm_errno));
    /* QEMU's last words, as another user than the one who asks. */
    if (cunik_text_ends(reason, strerror(EACCES)))
        return verdict(DOCTOR_NOTE, rights, "%s", reason);
    return verdict(DOCTOR_NOTE,
                   "/dev/kvm opens and does not run guests, as under some nested virtualisations: "
                   "guests run under emulation, many times slower; CUNIK_ACCEL=kvm insists",
                   "%s", reason);
}

static struct verdict check_engine(const struct doctor_facts *f)
{
    if (!*f->engine)
        return verdict(DOCTOR_OK, "", "libvirt %s at %s", f->libvirt, f->connect);
    return verdict(DOCTOR_PROBLEM,
                   "cunikd.log in the engine's folder says more; libvirt's QEMU driver has to be "
                   "there (Debian: apt install libvirt-daemon)",
                   "%s", f->engine);
}

static struct verdict check_files(const struct doctor_facts *f)
{
    if (!f->files)
        return verdict(DOCTOR_NOTE, "", "the limit is not known");
    if (f->files == UINT64_MAX)
        return verdict(DOCTOR_OK, "", "no limit");
    if (f->files < FILES_LEAST)
        return verdict(DOCTOR_NOTE,
                       "raise it (ulimit -Hn, LimitNOFILE= in the unit): an engine has a few files "
                       "open for each guest",
                       "at most %" PRIu64 " open files", f->files);
    return verdict(DOCTOR_OK, "", "at most %" PRIu64 " open files", f->files);
}

static struct verdict check_processes(const struct doctor_facts *f)
{
    if (!f->processes)
        return verdict(DOCTOR_NOTE, "", "the limit is not known");
    if (f->processes == UINT64_MAX)
        return verdict(DOCTOR_OK, "", "no limit");
    if (f->processes < PROCESSES_LEAST)
        return verdict(DOCTOR_NOTE,
                       "raise it (kernel.pid_max, kernel.threads-max, pids.max of the control "
                       "group, TasksMax= in the unit): a guest takes several threads",
                       "at most %" PRIu64 " processes and threads", f->processes);
    return verdict(DOCTOR_OK, "", "at most %" PRIu64 " processes and threads", f->processes);
}

static struct verdict check_disk(const struct doctor_facts *f)
{
    static const char advice[] = "make room there, or move the engine's folder (CUNIK_ROOT): "
                                 "kernels are copied and consoles kept in it";

    _cleanup_free_ char *left = cunik_text_from_bytes((int64_t)f->disk_free);
    _cleanup_free_ char *size = cunik_text_from_bytes((int64_t)f->disk_size);

    if (!f->disk_size)
        return verdict(DOCTOR_NOTE, "", "what is free in %s is not known", f->state);
    return verdict(f->disk_free < disk_least  ? DOCTOR_PROBLEM
                   : f->disk_free < disk_good ? DOCTOR_NOTE
                                              : DOCTOR_OK,
                   f->disk_free < disk_good ? advice : "", "%s of %s are free in %s", left, size,
                   f->state);
}

static struct verdict check_memory(const struct doctor_facts *f)
{
    _cleanup_free_ char *left = cunik_text_from_bytes((int64_t)f->memory_free);

    if (!f->memory_free)
        return verdict(DOCTOR_NOTE, "", "what is free is not known");
    if (f->memory_free < memory_least)
        return verdict(DOCTOR_NOTE, "end something: a guest that finds no memory does not start",
                       "%s are free", left);
    return verdict(DOCTOR_OK, "", "%s are free", left);
}

static const struct {
    const char *name;
    struct verdict (*judge)(const struct doctor_facts *f);
} checks[] = {
    {"rights", check_rights},         {"tun", check_tun},     {"nftables", check_nftables},
    {"forwarding", check_forwarding}, {"names", check_names}, {"qemu", check_qemu},
    {"engine", check_engine},         {"kvm", check_kvm},     {"files", check_files},
    {"processes", check_processes},   {"disk", check_disk},   {"memory", check_memory},
};

void cunik_doctor_judge(const struct doctor_facts *f, struct doctor_report *ret)
{
    *ret = (struct doctor_report){0};
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        struct verdict v = checks[i].judge(f);
        *ARRAY_APPEND(ret->items, ret->n) =
            (struct doctor_finding){checks[i].name, v.level, v.found, cunik_strdup(v.advice)};
    }
}

enum doctor_level cunik_doctor_worst(const struct doctor_report *r)
{
    enum doctor_level worst = DOCTOR_OK;

    for (size_t i = 0; i < r->n; i++)
        worst = r->items[i].level > worst ? r->items[i].level : worst;
    return worst;
}

char *cunik_doctor_text(const struct doctor_report *r)
{
    struct buffer b = {0};

    for (size_t i = 0; i < r->n; i++) {
        const struct doctor_finding *f = &r->items[i];
        cunik_buffer_printf(&b, "%-8s %-11s %s\n", levels[f->level], f->check, f->found);
        if (*f->advice)
            cunik_buffer_printf(&b, "%20s → %s\n", "", f->advice);
    }
    return cunik_buffer_take(&b);
}

json_t *cunik_doctor_json(const struct doctor_report *r)
{
    json_t *json = json_object(), *list = json_array();

    cunik_json_set_string(json, "status", levels[cunik_doctor_worst(r)]);
    for (size_t i = 0; i < r->n; i++) {
        const struct doctor_finding *f = &r->items[i];
        json_t *one = json_object();
        cunik_json_set_string(one, "check", f->check);
        cunik_json_set_string(one, "status", levels[f->level]);
        cunik_json_set_string(one, "found", f->found);
        if (*f->advice)
            cunik_json_set_string(one, "advice", f->advice);
        cunik_json_append(list, one);
    }
    cunik_json_set(json, "checks", list);
    return json;
}

void cunik_doctor_report_done(struct doctor_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->items[i].found);
        free(r->items[i].advice);
    }
    free(r->items);
    *r = (struct doctor_report){0};
}

void cunik_doctor_facts_done(struct doctor_facts *f)
{
    free(f->rootless);
    free(f->slirp);
    free(f->tun);
    free(f->nftables);
    free(f->forwarding);
    free(f->qemu);
    free(f->dnsmasq);
    free(f->kvm_reason);
    free(f->engine);
    free(f->connect);
    free(f->libvirt);
    free(f->state);
    *f = (struct doctor_facts){0};
}
