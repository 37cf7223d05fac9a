#include "engine/domain_xml.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    PERIOD_US = 100000, /* of the CPU quota, libvirt's and the kernel's default */
    FIRST_SLOT = 2,     /* on q35's root bus; 0 is the host bridge, 1 QEMU's usual VGA */
    FIRST_SLOT_PC = 3,  /* 1 is the chipset's other half, 2 is kept for a VGA by libvirt */
    DEBUG_EXIT_PORT = 0x501,
};

#define QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* One element with escaped text; nothing when the text is empty. */
static void add_text(struct buffer *x, const char *indent, const char *element, const char *text)
{
    if (!*text)
        return;
    cunik_buffer_printf(x, "%s<%s>", indent, element);
    cunik_buffer_xml(x, text);
    cunik_buffer_printf(x, "</%s>\n", element);
}

static void add_attribute(struct buffer *x, const char *name, const char *value)
{
    cunik_buffer_printf(x, " %s='", name);
    cunik_buffer_xml(x, value);
    cunik_buffer_char(x, '\'');
}

char *cunik_domain_metadata(const char *label)
{
    _cleanup_buffer_ struct buffer x = {0};

    cunik_buffer_text_append(&x, "<" DOMAIN_PREFIX ">");
    cunik_buffer_xml(&x, label);
    cunik_buffer_text_append(&x, "</" DOMAIN_PREFIX ">");
    return cunik_buffer_take(&x);
}

/* What a reference such as "&lt;" or "&#10;" at *p stands for, moving *p behind it; 0 when it is
 * none that a serialised XML text of ASCII references has. */
static char reference(const char **p)
{
    static const struct {
        const char *text;
        char c;
    } names[] = {{"&amp;", '&'},   {"&lt;", '<'},   {"&gt;", '>'},  {"&quot;", '"'},
                 {"&apos;", '\''}, {"&#10;", '\n'}, {"&#9;", '\t'}, {"&#13;", '\r'}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (cunik_text_starts(*p, names[i].text)) {
            *p += strlen(names[i].text);
            return names[i].c;
        }
    return '\0';
}

char *cunik_domain_label(const char *metadata)
{
    _cleanup_buffer_ struct buffer b = {0};
    const char *p = strchr(metadata, '>');

    if (metadata[0] != '<' || !p)
        return NULL;
    for (p++; *p && *p != '<';) {
        char c = *p == '&' ? reference(&p) : *p++;
        if (!c)
            return NULL;
        cunik_buffer_char(&b, c);
    }
    return cunik_text_starts(p, "</") ? cunik_buffer_take(&b) : NULL;
}

static void add_identity(struct buffer *x, const struct world_cunik *c, const char *label)
{
    add_text(x, "  ", "name", c->name);
    add_text(x, "  ", "uuid", c->uuid);
    cunik_buffer_text_append(x, "  <metadata>\n    <" DOMAIN_PREFIX ":" DOMAIN_PREFIX
                                " xmlns:" DOMAIN_PREFIX "='" DOMAIN_NAMESPACE "'>");
    cunik_buffer_xml(x, label);
    cunik_buffer_text_append(x, "</" DOMAIN_PREFIX ":" DOMAIN_PREFIX ">\n  </metadata>\n");
}

/* A part of a CPU is a quota of time for each of the whole CPUs. */
static void add_size(struct buffer *x, const struct world_cunik *c, const struct boot *b,
                     bool quota)
{
    cunik_buffer_printf(x, "  <memory unit='b'>%" PRId64 "</memory>\n", b->memory);
    cunik_buffer_printf(x, "  <vcpu>%u</vcpu>\n", b->vcpus);
    if (!quota || !(c->cpus > 0) || c->cpus >= b->vcpus)
        return;
    cunik_buffer_printf(x,
                        "  <cputune>\n    <period>%d</period>\n    <quota>%.0f</quota>\n"
                        "  </cputune>\n",
                        PERIOD_US, fmax(1000, round(c->cpus / b->vcpus * PERIOD_US)));
}

static void add_os(struct buffer *x, const struct boot *b)
{
    cunik_buffer_text_append(x, "  <os>\n    <type arch='x86_64'");
    add_attribute(x, "machine", b->machine);
    cunik_buffer_printf(x, ">%s</type>\n", b->xen ? "linux" : "hvm");
    if (*b->firmware) {
        cunik_buffer_text_append(x, "    <loader readonly='yes' type='rom'>");
        cunik_buffer_xml(x, b->firmware);
        cunik_buffer_text_append(x, "</loader>\n");
    }
    add_text(x, "    ", "kernel", b->kernel);
    add_text(x, "    ", "initrd", b->initrd);
    if (!b->cmdline_on_disk)
        add_text(x, "    ", "cmdline", b->cmdline);
    if (!*b->kernel)
        cunik_buffer_text_append(x, "    <boot dev='hd'/>\n");
    cunik_buffer_text_append(x, "  </os>\n");
}

/* The host's own CPU exists under KVM only; libvirt's default elsewhere is what QEMU has. */
static void add_cpu(struct buffer *x, const struct boot *b, bool kvm)
{
    if (strcmp(b->cpu, "host-passthrough") == 0) {
        if (kvm)
            cunik_buffer_text_append(x, "  <cpu mode='host-passthrough'/>\n");
    } else if (strcmp(b->cpu, "max") == 0) {
        cunik_buffer_text_append(x, "  <cpu mode='maximum'/>\n");
    } else if (*b->cpu) {
        cunik_buffer_text_append(x, "  <cpu mode='custom'>\n");
        add_text(x, "    ", "model", b->cpu);
        cunik_buffer_text_append(x, "  </cpu>\n");
    }
}

/* Where the device number `index` stands; libvirt's own choice is right on the other machines. */
static void add_address(struct buffer *x, const struct boot *b, size_t index)
{
    bool q35 = cunik_text_starts(b->machine, "q35") || cunik_text_starts(b->machine, "pc-q35");

    if (strcmp(b->machine, "microvm") == 0)
        cunik_buffer_text_append(x, "      <address type='virtio-mmio'/>\n");
    else if (q35 || (b->order && *b->order))
        cunik_buffer_printf(x,
                            "      <address type='pci' domain='0x0000' bus='0x00' slot='0x%02zx' "
                            "function='0x0'/>\n",
                            (q35 ? FIRST_SLOT : FIRST_SLOT_PC) + index);
}

/* The place on the bus of interface ('n') or disk ('d') number `index`, which is `otherwise` where
 * the boot has no order. */
static size_t place_of(const struct boot *b, char kind, size_t index, size_t otherwise)
{
    for (size_t i = 0; b->order && b->order[i]; i++)
        if (b->order[i] == kind && index-- == 0)
            return i;
    return otherwise;
}

/* Some drivers ask the device. The link has the same MTU already, from its network. */
static void add_mtu(struct buffer *x, const struct world_interface *n, const struct boot *b,
                    const struct world *w)
{
    const struct world_network *network = w ? cunik_world_network(w, n->network) : NULL;

    if (b->mtu_by_device && network && network->mtu)
        cunik_buffer_printf(x, "      <mtu size='%" PRId64 "'/>\n", network->mtu);
}

static void add_interface(struct buffer *x, const struct world_interface *n, const struct boot *b,
                          const struct world *w, size_t index)
{
    cunik_buffer_text_append(x, "    <interface type='ethernet'>\n      <mac");
    add_attribute(x, "address", n->mac);
    cunik_buffer_text_append(x, "/>\n      <target");
    add_attribute(x, "dev", n->link);
    cunik_buffer_text_append(x, " managed='no'/>\n      <model");
    add_attribute(x, "type", b->nic_model);
    cunik_buffer_text_append(x, "/>\n");
    if (strcmp(b->machine, "microvm") != 0 && strcmp(b->machine, "isapc") != 0)
        cunik_buffer_text_append(x, "      <rom enabled='no'/>\n");
    add_mtu(x, n, b, w);
    add_address(x, b, index);
    cunik_buffer_text_append(x, "    </interface>\n");
}

/* "vda", "sdb", "hdc", …: libvirt wants a name by bus and order. */
static char *target_name(const char *bus, size_t index)
{
    char letters[16];
    size_t at = sizeof(letters);

    letters[--at] = '\0';
    for (size_t n = index + 1; n; n = (n - 1) / 26)
        letters[--at] = (char)('a' + (n - 1) % 26);
    return cunik_asprintf("%s%s",
                          strcmp(bus, "virtio") == 0 ? "vd"
                          : strcmp(bus, "xen") == 0  ? "xvd"
                          : strcmp(bus, "ide") == 0  ? "hd"
                                                     : "sd",
                          letters + at);
}

/* The format follows from the name alone: one that is probed from the content could be chosen by
 * the guest, which may write a header of another format into a raw image. */
static void add_disk(struct buffer *x, const struct world_disk *d, const struct boot *b,
                     size_t index, size_t device)
{
    _cleanup_free_ char *target = target_name(b->disk_bus, index);
    bool qcow2 = cunik_text_ends(d->path, ".qcow2");

    cunik_buffer_printf(x,
                        "    <disk type='file' device='disk'>\n      <driver name='qemu' "
                        "type='%s'/>\n      <source",
                        qcow2 ? "qcow2" : "raw");
    add_attribute(x, "file", d->path);
    cunik_buffer_text_append(x, "/>\n      <target");
    add_attribute(x, "dev", target);
    add_attribute(x, "bus", b->disk_bus);
    cunik_buffer_text_append(x, "/>\n");
    if (d->readonly)
        cunik_buffer_text_append(x, "      <readonly/>\n");
    if (strcmp(b->disk_bus, "virtio") == 0)
        add_address(x, b, device);
    cunik_buffer_text_append(x, "    </disk>\n");
}

/* A folder of the host. virtiofs needs memory that another process can map (add_memory()); 9p keeps
 * owners and permissions that the guest gives in extended attributes, so that QEMU's own user is
 * enough. */
static void add_share(struct buffer *x, const struct world_disk *d, const struct boot *b,
                      size_t index, size_t device)
{
    bool virtiofs = strcmp(d->filesystem, "virtiofs") == 0;

    cunik_buffer_printf(x, "    <filesystem type='mount' accessmode='%s'>\n",
                        virtiofs ? "passthrough" : "mapped");
    if (virtiofs)
        cunik_buffer_text_append(x, "      <driver type='virtiofs'/>\n");
    cunik_buffer_text_append(x, "      <source");
    add_attribute(x, "dir", d->path);
    cunik_buffer_printf(x, "/>\n      <target dir='fs%zu'/>\n", index);
    if (d->readonly)
        cunik_buffer_text_append(x, "      <readonly/>\n");
    add_address(x, b, device);
    cunik_buffer_text_append(x, "    </filesystem>\n");
}

static void add_storage(struct buffer *x, const struct world_cunik *c, const struct boot *b)
{
    size_t shares = 0;

    for (size_t i = 0; i < c->boot.n_disks; i++)
        if (c->boot.disks[i].shared)
            add_share(x, &c->boot.disks[i], b, shares++, c->n_interfaces + i);
        else
            add_disk(x, &c->boot.disks[i], b, i - shares,
                     place_of(b, 'd', i - shares, c->n_interfaces + i));
}

static void add_memory(struct buffer *x, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->boot.n_disks; i++)
        if (c->boot.disks[i].shared && strcmp(c->boot.disks[i].filesystem, "virtiofs") == 0) {
            cunik_buffer_text_append(x, "  <memoryBacking>\n    <source type='memfd'/>\n"
                                        "    <access mode='shared'/>\n  </memoryBacking>\n");
            return;
        }
}

/* libvirt's Xen driver makes the interface and puts it on the bridge. */
static void add_xen_interface(struct buffer *x, const struct world_interface *n,
                              const struct world *w)
{
    const struct world_network *network = w ? cunik_world_network(w, n->network) : NULL;

    cunik_buffer_text_append(x, "    <interface type='bridge'>\n      <mac");
    add_attribute(x, "address", n->mac);
    cunik_buffer_text_append(x, "/>\n      <source");
    add_attribute(x, "bridge", network ? network->link : "");
    cunik_buffer_text_append(x, "/>\n    </interface>\n");
}

static void add_xen_devices(struct buffer *x, const struct world_cunik *c, const struct boot *b,
                            const struct domain_settings *s)
{
    cunik_buffer_text_append(x, "  <devices>\n");
    for (size_t i = 0; i < c->n_interfaces; i++)
        add_xen_interface(x, &c->interfaces[i], s->world);
    for (size_t i = 0; i < c->boot.n_disks; i++)
        add_disk(x, &c->boot.disks[i], b, i, 0);
    cunik_buffer_text_append(x, "    <console type='pty'>\n      <log");
    add_attribute(x, "file", s->console);
    cunik_buffer_text_append(x, " append='on'/>\n      <target type='xen' port='0'/>\n"
                                "    </console>\n"
                                "    <memballoon model='none'/>\n  </devices>\n");
}

/* What libvirt has no element for. */
static void add_commandline(struct buffer *x, const struct boot *b)
{
    if (b->debug_exit)
        cunik_buffer_printf(x,
                            "  <qemu:commandline xmlns:qemu='" QEMU_NAMESPACE "'>\n"
                            "    <qemu:arg value='-device'/>\n"
                            "    <qemu:arg value='isa-debug-exit,iobase=0x%x,iosize=0x4'/>\n"
                            "  </qemu:commandline>\n",
                            DEBUG_EXIT_PORT);
}

static void add_devices(struct buffer *x, const struct world_cunik *c, const struct boot *b,
                        const struct domain_settings *s)
{
    cunik_buffer_text_append(x, "  <devices>\n");
    add_text(x, "    ", "emulator", s->emulator);
    for (size_t i = 0; i < c->n_interfaces; i++)
        add_interface(x, &c->interfaces[i], b, s->world, place_of(b, 'n', i, i));
    add_storage(x, c, b);
    cunik_buffer_text_append(x, "    <serial type='pty'>\n      <log");
    add_attribute(x, "file", s->console);
    cunik_buffer_text_append(x, " append='on'/>\n    </serial>\n"
                                "    <controller type='usb' model='none'/>\n"
                                "    <memballoon model='none'/>\n"
                                "    <audio id='1' type='none'/>\n");
    if (b->tells_panic && strcmp(b->machine, "microvm") != 0)
        cunik_buffer_text_append(x, "    <panic model='isa'/>\n");
    cunik_buffer_text_append(x, "  </devices>\n");
}

/* What the guest opens is not libvirt's to give to its user (access.h). */
static void add_user(struct buffer *x, const struct guest_user *u)
{
    if (*u->name)
        cunik_buffer_printf(x,
                            "  <seclabel type='static' model='dac' relabel='no'>\n"
                            "    <label>+%u:+%u</label>\n"
                            "  </seclabel>\n",
                            (unsigned)u->uid, (unsigned)u->gid);
}

char *cunik_domain_xml(const struct world_cunik *c, const struct boot *b,
                       const struct domain_settings *s)
{
    _cleanup_buffer_ struct buffer x = {0};
    bool kvm = strcmp(s->accel, "kvm") == 0;

    cunik_buffer_printf(&x, "<domain type='%s'>\n", b->xen ? "xen" : kvm ? "kvm" : "qemu");
    add_identity(&x, c, s->label);
    add_size(&x, c, b, s->quota);
    add_memory(&x, c);
    add_os(&x, b);
    if (b->acpi)
        cunik_buffer_text_append(&x, "  <features>\n    <acpi/>\n  </features>\n");
    add_cpu(&x, b, kvm);
    cunik_buffer_text_append(&x, "  <on_poweroff>destroy</on_poweroff>\n"
                                 "  <on_reboot>destroy</on_reboot>\n"
                                 "  <on_crash>destroy</on_crash>\n");
    if (b->xen)
        add_xen_devices(&x, c, b, s);
    else
        add_devices(&x, c, b, s);
    add_user(&x, s->user);
    add_commandline(&x, b);
    cunik_buffer_text_append(&x, "</domain>\n");
    return cunik_buffer_take(&x);
}
