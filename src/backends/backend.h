/* Backends: one for each unikernel implementation, turning settings into a boot. Pure but for
 * cunik_kernel_read(), which looks at a kernel file.
 *
 * A backend knows its guest's dialect: how arguments, environment, host name, interfaces and disks
 * are said on the command line, which machine and devices it finds, how much memory it needs,
 * whether it hears a request to power off. What the dialect cannot say is refused with an error
 * that names the service's key; nothing is dropped in silence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/ending.h"
#include "base/error.h"
#include "base/strv.h"

/* A device that a Solo5 unikernel's manifest asks for. */
struct solo5_device {
    char *name;
    bool net; /* an interface; else a disk */
};

/* What can be seen of a kernel file without running it. */
struct kernel {
    char *path;
    bool multiboot; /* a multiboot 1 header in the first 8 KiB */
    bool bzimage;   /* Linux boot protocol, "HdrS" at 0x202 */
    bool pvh;       /* an ELF note Xen/PHYS32_ENTRY */
    bool xen; /* a paravirtualised guest of Xen: an ELF note Xen/XEN_VERSION, or __xen_guest */
    bool elf;
    unsigned elf_class;   /* 32 or 64; 0 = no ELF */
    unsigned elf_machine; /* EM_386, EM_X86_64, …; 0 = no ELF */
    /* Notes, sections or strings found that only these have. */
    bool unikraft, osv, rumprun, solo5, nanos, includeos, runtimejs, clickos, halvm, ling;
    bool manifest; /* of Solo5: what follows is known */
    struct solo5_device *devices;
    size_t n_devices;
    char *config; /* IncludeOS: the text of its section .config; NULL = none */
};

/* Reads headers, notes and section names with every offset checked. ERROR_NOT_FOUND for a missing
 * file, ERROR_INVALID for one that no x86 machine can boot (names what it is instead). */
int cunik_kernel_read(const char *path, struct kernel *ret, struct error **err);
void cunik_kernel_done(struct kernel *k);

struct boot_interface {
    const char *mac;
    const char *link;    /* the tap */
    const char *address; /* "10.1.2.3" */
    unsigned prefix_length;
    const char *gateway;  /* "" = none */
    const char *dns;      /* "" = none */
    unsigned mtu;         /* 0 = 1500 */
    const char *name;     /* "" = as the guest likes */
    const char *address6; /* "fd00:1::2"; "" = none */
    unsigned prefix_length6;
    const char *gateway6; /* "" = none */
    bool fixed6;          /* asked for in the file: who cannot take it must refuse it */
};

struct boot_disk {
    const char *path;
    const char *mount; /* "" = not mounted by us */
    bool readonly;
    bool root;
    const char *filesystem; /* "" = the backend's usual one */
    bool shared;            /* a folder; its tag on the virtual machine is "fsN", N its number
                               among those */
    const char *volume;     /* the name of the volume that it is; NULL = it is of unikernel.disks,
                               or of a folder */
};

struct boot_pair {
    const char *key, *value;
};

/* A file system of the guest's memory. */
struct boot_tmpfs {
    const char *mount; /* absolute */
    bool readonly;
    int64_t size; /* bytes, 0 = as the guest likes */
    unsigned mode, uid, gid;
};

/* What the service wants, in nobody's dialect. Borrowed strings. */
struct boot_settings {
    const char *name; /* of the cunik, for errors */
    const char *hostname;
    bool hostname_given;       /* by the file; else it is only the cunik's name */
    const char *domain;        /* DNS search domain, "" = none */
    const struct strv *search; /* the file's own ones, to be tried behind it; NULL = none */
    const struct strv *command;
    const struct boot_pair *environment;
    size_t n_environment;
    const struct boot_interface *interfaces;
    size_t n_interfaces;
    const struct boot_disk *disks;
    size_t n_disks;
    const struct boot_tmpfs *tmpfs; /* for backends that have `tmpfs` */
    size_t n_tmpfs;
    const char *kernel, *initrd;    /* initrd "" = none */
    const char *cmdline;            /* raw text of the file, "" = none */
    const char *machine, *firmware; /* "" = the backend's choice */
    const struct boot_pair *params;
    size_t n_params;
    int64_t memory; /* bytes, 0 = the backend's least */
    double cpus;    /* 0 = 1 */
};

struct backend;

/* How it boots. Owns its strings. */
struct boot {
    const struct backend *backend; /* whose words these are; filled by who has found it */
    char *kernel;                  /* "" = boots from its first disk */
    char *initrd;                  /* "" = none */
    char *cmdline;
    bool cmdline_on_disk; /* without a kernel: it stands on the first disk, from byte 512 on, and
                             ends with a NUL. That disk has to be a file of this guest's own */
    char *machine;        /* "pc", "q35", "microvm", "isapc" */
    char *firmware;       /* "" = QEMU's own for the machine, else an absolute path of a ROM */
    char *cpu;            /* "" = QEMU's default, "max", "host-passthrough" (KVM only), … */
    char *nic_model;      /* "virtio", "virtio-transitional", "e1000", … (libvirt's names) */
    char *disk_bus;       /* "virtio", "ide", … */
    char *order;    /* of the devices on the bus, 'n' for the next interface and 'd' for the next
                       disk; NULL or "" = all interfaces, then all disks, wherever they fall */
    int64_t memory; /* bytes */
    unsigned vcpus;
    bool xen; /* a paravirtualised guest of Xen: no machine, no firmware, no models */
    bool acpi;
    bool hears_poweroff; /* reacts to an ACPI power button */
    bool tells_panic;    /* through QEMU's pvpanic device */
    bool mtu_by_device;  /* its network driver asks the device for the MTU */
    bool debug_exit; /* tells its exit status through QEMU's isa-debug-exit device, port 0x501 */
    struct strv warnings;
};

/* How a guest is brought configs, secrets and single files of the host. */
enum backend_files {
    FILES_NONE,
    FILES_INITRD, /* a cpio archive behind its initrd (initrd.h), each file to its place */
    FILES_DISK,   /* a disk of the format `reads` for each folder that has some */
    FILES_SHARE,  /* such a folder by `shares`, which whoever shares it keeps read-only */
};

struct backend {
    const char *name;
    const char *help;                       /* one line */
    bool (*claims)(const struct kernel *k); /* probing; NULL = only by its name */
    const char *filesystem; /* what it mounts from a disk, for volumes that are made for it;
                               NULL = "ext2" */
    const char *reads;      /* what it mounts from a disk that is only read; NULL = the same */
    const char *shares;     /* how it mounts folders: "virtiofs" or "9p"; NULL = it cannot */
    bool boots_from_disk;   /* without a kernel, by a command line that is written onto its first
                               disk (boot.cmdline_on_disk) */
    enum backend_files files;
    const char *no_files;              /* FILES_NONE: why not, for errors */
    const struct ending_rule *endings; /* what its console says of its end; NULL = nothing */
    /* *ret is all zero before; the caller has to cunik_boot_done() it, also after an error. */
    int (*make)(const struct boot_settings *s, const struct kernel *k, struct boot *ret,
                struct error **err);
    bool ipv6;  /* its guests get their IPv6 addresses; of others (dialect.h) no names lead there */
    bool tmpfs; /* its guests mount the memory file systems that they are told; others have theirs
                   and are warned of */
};

/* The one table, in order. */
extern const struct backend *const cunik_backends[];
extern const size_t cunik_n_backends;

/* By explicit name (ERROR_INVALID with the nearest for an unknown one), or by probing when name is
 * "": none or two claims are ERROR_INVALID naming them. */
int cunik_backend_find(const char *name, const struct kernel *k, const struct backend **ret,
                       struct error **err);

/* What a volume for its guests holds unless somebody says so. */
static inline const char *cunik_backend_filesystem(const struct backend *b)
{
    return b->filesystem ? b->filesystem : "ext2";
}

void cunik_boot_done(struct boot *b);
