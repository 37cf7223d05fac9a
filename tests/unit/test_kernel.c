/* What cunik_kernel_read() sees in files made byte by byte. */
#include "tests/support/test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/backend.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

static char *folder;

static char *write_file(const void *data, size_t size)
{
    _cleanup_error_ struct error *err = NULL;
    char *path = cunik_asprintf("%s/kernel", folder);

    test_ok(cunik_file_write(path, data, size, 0644, false, &err), err);
    return path;
}

static void refused(const void *data, size_t size, const char *words)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *path = write_file(data, size);
    struct kernel k;

    assert_int_equal(cunik_kernel_read(path, &k, &err), -EINVAL);
    assert_int_equal(err->code, ERROR_INVALID);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
}

static struct kernel accepted(const void *data, size_t size)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *path = write_file(data, size);
    struct kernel k;

    test_ok(cunik_kernel_read(path, &k, &err), err);
    assert_string_equal(k.path, path);
    return k;
}

/* An ELF of two program headers (a load and notes) and the named sections. */
struct maker {
    struct buffer file;
    struct buffer notes, names;
    bool wide, interpreted;
    uint16_t machine;
    size_t n_sections;
    uint32_t section_names[8];
    uint32_t multiboot_flags; /* without bit 0: none */
};

static void maker_done(struct maker *m)
{
    cunik_buffer_done(&m->file);
    cunik_buffer_done(&m->notes);
    cunik_buffer_done(&m->names);
}

static void add_note(struct maker *m, const char *name, uint32_t type, uint32_t value)
{
    uint32_t head[3] = {(uint32_t)strlen(name) + 1, 4, type};
    char padded[16] = "";

    memcpy(padded, name, strlen(name));
    cunik_buffer_append(&m->notes, head, sizeof(head));
    cunik_buffer_append(&m->notes, padded, (head[0] + 3) / 4 * 4);
    cunik_buffer_append(&m->notes, &value, sizeof(value));
}

static void add_note_data(struct maker *m, const char *name, uint32_t type, const void *data,
                          size_t size)
{
    uint32_t head[3] = {(uint32_t)strlen(name) + 1, (uint32_t)size, type};
    char padded[16] = "";

    memcpy(padded, name, strlen(name));
    cunik_buffer_append(&m->notes, head, sizeof(head));
    cunik_buffer_append(&m->notes, padded, (head[0] + 3) / 4 * 4);
    cunik_buffer_append(&m->notes, data, size);
    while (m->notes.size % 4)
        cunik_buffer_char(&m->notes, '\0');
}

static void add_section(struct maker *m, const char *name)
{
    if (!m->names.size)
        cunik_buffer_char(&m->names, '\0');
    m->section_names[m->n_sections++] = (uint32_t)m->names.size;
    cunik_buffer_append(&m->names, name, strlen(name) + 1);
}

static void put_multiboot(struct maker *m)
{
    uint32_t header[3] = {0x1badb002, m->multiboot_flags, 0 - 0x1badb002 - m->multiboot_flags};

    while (m->file.size % 4)
        cunik_buffer_char(&m->file, '\0');
    if (m->multiboot_flags)
        cunik_buffer_append(&m->file, header, sizeof(header));
}

#define MAKE(bits)                                                                                 \
    static void make##bits(struct maker *m)                                                        \
    {                                                                                              \
        size_t notes_at = sizeof(Elf##bits##_Ehdr) + 2 * sizeof(Elf##bits##_Phdr);                 \
        size_t names_at = notes_at + m->notes.size;                                                \
        size_t sections_at = (names_at + m->names.size + 7) / 8 * 8;                               \
        Elf##bits##_Ehdr h = {                                                                     \
            .e_ident = {0x7f, 'E', 'L', 'F', bits / 32, ELFDATA2LSB, 1},                           \
            .e_type = ET_EXEC,                                                                     \
            .e_machine = m->machine,                                                               \
            .e_phoff = sizeof(h),                                                                  \
            .e_shoff = m->n_sections ? sections_at : 0,                                            \
            .e_phentsize = sizeof(Elf##bits##_Phdr),                                               \
            .e_phnum = 2,                                                                          \
            .e_shentsize = sizeof(Elf##bits##_Shdr),                                               \
            .e_shnum = (uint16_t)m->n_sections,                                                    \
        };                                                                                         \
        Elf##bits##_Phdr p[2] = {                                                                  \
            {.p_type = m->interpreted ? PT_INTERP : PT_LOAD},                                      \
            {.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = m->notes.size},                  \
        };                                                                                         \
        cunik_buffer_append(&m->file, &h, sizeof(h));                                              \
        cunik_buffer_append(&m->file, p, sizeof(p));                                               \
        cunik_buffer_append(&m->file, m->notes.data, m->notes.size);                               \
        cunik_buffer_append(&m->file, m->names.data, m->names.size);                               \
        while (m->file.size < sections_at)                                                         \
            cunik_buffer_char(&m->file, '\0');                                                     \
        for (size_t i = 0; i < m->n_sections; i++) {                                               \
            Elf##bits##_Shdr s = {.sh_name = m->section_names[i]};                                 \
            if (i == 0) {                                                                          \
                s.sh_offset = names_at;                                                            \
                s.sh_size = m->names.size;                                                         \
            }                                                                                      \
            cunik_buffer_append(&m->file, &s, sizeof(s));                                          \
        }                                                                                          \
        put_multiboot(m);                                                                          \
    }
MAKE(32)
MAKE(64)

static void make(struct maker *m)
{
    if (m->wide)
        make64(m);
    else
        make32(m);
}

static void test_multiboot(void **state)
{
    _cleanup_(maker_done) struct maker m = {.machine = EM_386, .multiboot_flags = 3};

    (void)state;
    make(&m);
    struct kernel k = accepted(m.file.data, m.file.size);
    assert_true(k.multiboot && k.elf && !k.pvh && !k.bzimage && !k.unikraft);
    assert_int_equal(k.elf_class, 32);
    assert_int_equal(k.elf_machine, EM_386);
    cunik_kernel_done(&k);
}

static void test_multiboot_checksum(void **state)
{
    _cleanup_(maker_done) struct maker m = {.machine = EM_386, .multiboot_flags = 3};

    (void)state;
    make(&m);
    m.file.data[m.file.size - 1] ^= 1;
    refused(m.file.data, m.file.size, "neither a multiboot header nor a PVH entry");
}

/* QEMU boots a 64-bit one only when the header has addresses. */
static void test_multiboot_64(void **state)
{
    _cleanup_(maker_done) struct maker m = {
        .machine = EM_X86_64, .wide = true, .multiboot_flags = 3};
    _cleanup_(maker_done) struct maker addressed = {
        .machine = EM_X86_64, .wide = true, .multiboot_flags = 0x10003};

    (void)state;
    make(&m);
    refused(m.file.data, m.file.size, "64-bit multiboot kernel");
    make(&addressed);
    struct kernel k = accepted(addressed.file.data, addressed.file.size);
    assert_true(k.multiboot && k.elf_class == 64);
    cunik_kernel_done(&k);
}

static void test_pvh(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        _cleanup_(maker_done) struct maker m = {.machine = wide ? EM_X86_64 : EM_386, .wide = wide};
        add_note(&m, "GNU", 3, 7);
        add_note(&m, "Xen", 18, 0x100000);
        add_section(&m, ".shstrtab");
        add_section(&m, ".tracepoint_patch_sites");
        make(&m);
        struct kernel k = accepted(m.file.data, m.file.size);
        assert_true(k.pvh && k.osv && !k.multiboot && !k.solo5);
        cunik_kernel_done(&k);
    }
}

static void test_sections(void **state)
{
    _cleanup_(maker_done) struct maker m = {.machine = EM_386, .multiboot_flags = 3};

    (void)state;
    add_section(&m, ".shstrtab");
    add_section(&m, ".uk_bootinfo");
    make(&m);
    struct kernel k = accepted(m.file.data, m.file.size);
    assert_true(k.unikraft && !k.osv && !k.rumprun);
    cunik_kernel_done(&k);
}

/* A manifest of a version and a number of entries, of which these are there; "n:NAME" is an
 * interface, "d:NAME" a disk, "" the entry that Solo5 has for itself. */
static void add_manifest(struct maker *m, uint32_t version, uint32_t n, const char *const *entries)
{
    _cleanup_buffer_ struct buffer b = {0};
    uint32_t head[3] = {0, version, n};

    cunik_buffer_append(&b, head, sizeof(head));
    for (size_t i = 0; entries && entries[i]; i++) {
        uint8_t entry[104] = {0};
        uint32_t type = entries[i][0] == 'n'   ? 2
                        : entries[i][0] == 'd' ? 1
                        : entries[i][0] == '?' ? 9
                                               : 1u << 30;
        if (entries[i][0])
            memcpy(entry, entries[i] + 2, strlen(entries[i] + 2));
        memcpy(entry + 68, &type, sizeof(type));
        cunik_buffer_append(&b, entry, sizeof(entry));
    }
    add_note_data(m, "Solo5", 0x3154464d, b.data, b.size);
}

static void test_solo5(void **state)
{
    static const char *const entries[] = {"", "n:service", "d:storage", "n:management", NULL};
    _cleanup_(maker_done) struct maker hvt = {.machine = EM_X86_64, .wide = true};
    _cleanup_(maker_done) struct maker other = {.machine = EM_386, .multiboot_flags = 3};
    /* Its linker is nowhere, lest Linux run it. */
    _cleanup_(maker_done) struct maker virtio = {
        .machine = EM_386, .multiboot_flags = 3, .interpreted = true};

    (void)state;
    add_manifest(&hvt, 1, 4, entries);
    make(&hvt);
    refused(hvt.file.data, hvt.file.size, "a Solo5 unikernel for another target");
    add_note(&other, "Solo5", 0x31494241, 1);
    make(&other);
    refused(other.file.data, other.file.size, "for target 'hvt'; build it for 'virtio'");
    add_note(&virtio, "Solo5", 0x31494241, 3);
    add_manifest(&virtio, 1, 4, entries);
    make(&virtio);
    struct kernel k = accepted(virtio.file.data, virtio.file.size);
    assert_true(k.solo5 && k.manifest);
    assert_int_equal(k.n_devices, 3);
    assert_string_equal(k.devices[0].name, "service");
    assert_string_equal(k.devices[1].name, "storage");
    assert_string_equal(k.devices[2].name, "management");
    assert_true(k.devices[0].net && !k.devices[1].net && k.devices[2].net);
    cunik_kernel_done(&k);
}

static void test_bad_manifests(void **state)
{
    static const char *const none[] = {NULL}, *const first[] = {"", NULL},
                             *const wrong_first[] = {"n:a", NULL},
                             *const nameless[] = {"", "n:", NULL},
                             *const odd[] = {"", "?:odd", NULL};
    static const struct {
        uint32_t version, n;
        const char *const *entries;
        const char *words;
    } cases[] = {
        {1, 0, none, "has 0 entries"},
        {1, 65, none, "has 65 entries"},
        {1, UINT32_MAX, first, "has 4294967295 entries"},
        {1, 2, first, "is cut off"},
        {2, 1, first, "is of version 2"},
        {1, 1, wrong_first, "does not begin with the reserved entry"},
        {1, 2, nameless, "a device without a name"},
        {1, 2, odd, "a device of the unknown type 9"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(maker_done) struct maker m = {.machine = EM_386, .multiboot_flags = 3};
        add_manifest(&m, cases[i].version, cases[i].n, cases[i].entries);
        make(&m);
        refused(m.file.data, m.file.size, cases[i].words);
    }
    _cleanup_(maker_done) struct maker twice = {.machine = EM_386, .multiboot_flags = 3};
    add_manifest(&twice, 1, 1, first);
    add_manifest(&twice, 1, 1, first);
    make(&twice);
    refused(twice.file.data, twice.file.size, "is there twice");
}

/* Sizes that no note can have: the block ends there, nothing outside is read. */
static void test_absurd_notes(void **state)
{
    static const uint32_t sizes[] = {0, 5, 7, 0x7fffffff, 0x80000000, 0xfffffffd, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(sizes); i++) {
        _cleanup_(maker_done) struct maker m = {.machine = EM_386, .multiboot_flags = 3};
        uint32_t head[3] = {sizes[i % ARRAY_SIZE(sizes)], sizes[i / ARRAY_SIZE(sizes)], 18};
        cunik_buffer_append(&m.notes, head, sizeof(head));
        cunik_buffer_append(&m.notes, "Xen", 4);
        make(&m);
        struct kernel k = accepted(m.file.data, m.file.size);
        assert_true(k.multiboot && !k.pvh);
        cunik_kernel_done(&k);
    }
    _cleanup_(maker_done) struct maker large = {.machine = EM_386, .multiboot_flags = 3};
    make(&large);
    Elf32_Phdr *p = (Elf32_Phdr *)(void *)(large.file.data + sizeof(Elf32_Ehdr)) + 1;
    p->p_filesz = 0xffffffff;
    refused(large.file.data, large.file.size, "its notes are larger than");
    p->p_filesz = 4096;
    refused(large.file.data, large.file.size, "its notes lie outside of it");
}

static void test_xen(void **state)
{
    _cleanup_(maker_done) struct maker halvm = {.machine = EM_X86_64, .wide = true};
    _cleanup_(maker_done) struct maker ling = {.machine = EM_X86_64, .wide = true};
    _cleanup_(maker_done) struct maker clickos = {.machine = EM_X86_64, .wide = true};
    static const char guest[] = "__xen_guest\0GUEST_OS=Ling,XEN_VER=xen-3.0,LOADER=generic";

    (void)state;
    add_note_data(&halvm, "Xen", 6, "HaLVM", 6);
    add_note_data(&halvm, "Xen", 5, "xen-3.0", 8);
    make(&halvm);
    struct kernel k = accepted(halvm.file.data, halvm.file.size);
    assert_true(k.xen && k.halvm && !k.ling && !k.clickos && !k.pvh && !k.multiboot);
    cunik_kernel_done(&k);

    /* The section's text is the table of names, of which its own name is the first. */
    add_section(&ling, "");
    cunik_buffer_append(&ling.names, guest, sizeof(guest));
    ling.section_names[ling.n_sections++] = 2;
    make64(&ling);
    Elf64_Shdr *s = (Elf64_Shdr *)(void *)(ling.file.data + ling.file.size) - 1;
    s->sh_offset = ((Elf64_Shdr *)(void *)(ling.file.data + ling.file.size) - 2)->sh_offset + 14;
    s->sh_size = sizeof(guest) - 12;
    k = accepted(ling.file.data, ling.file.size);
    assert_true(k.xen && k.ling && !k.halvm);
    cunik_kernel_done(&k);

    add_note_data(&clickos, "Xen", 6, "Mini-OS", 8);
    add_note_data(&clickos, "Xen", 5, "xen-3.0", 8);
    make(&clickos);
    cunik_buffer_append(&clickos.file, "data/clickos", 13);
    k = accepted(clickos.file.data, clickos.file.size);
    assert_true(k.xen && k.clickos && !k.halvm);
    cunik_kernel_done(&k);
}

/* Known by a string, wherever it stands, also over the border of what is read at once. */
static void test_marks(void **state)
{
    static const char mark[] = "#include<os> // Literally";
    static const size_t places[] = {0, 100, (1 << 20) - 10 - 300, (1 << 20) - 310, (2 << 20) + 5};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_(maker_done) struct maker m = {.machine = EM_386, .multiboot_flags = 3};
        make(&m);
        while (m.file.size < places[i])
            cunik_buffer_char(&m.file, '\0');
        cunik_buffer_append(&m.file, mark, sizeof(mark));
        struct kernel k = accepted(m.file.data, m.file.size);
        assert_true(k.includeos && !k.runtimejs && !k.rumprun);
        cunik_kernel_done(&k);
    }
}

static void test_other_machines(void **state)
{
    _cleanup_(maker_done) struct maker m = {.machine = EM_AARCH64, .wide = true};
    _cleanup_(maker_done) struct maker odd = {.machine = 4711, .wide = true};
    _cleanup_(maker_done) struct maker program = {
        .machine = EM_X86_64, .wide = true, .interpreted = true};

    (void)state;
    make(&m);
    refused(m.file.data, m.file.size, "is an ELF for aarch64");
    make(&odd);
    refused(odd.file.data, odd.file.size, "is an ELF for machine 4711");
    make(&program);
    refused(program.file.data, program.file.size, "is a program for Linux");
}

/* Cut at every length: an answer or an error, never a read outside (ASan watches). */
static void test_cut_off(void **state)
{
    _cleanup_(maker_done) struct maker m = {.machine = EM_X86_64, .wide = true};

    (void)state;
    add_note(&m, "Xen", 18, 0x100000);
    add_section(&m, ".shstrtab");
    add_section(&m, ".uk_bootinfo");
    make(&m);
    for (size_t size = 1; size < m.file.size; size++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *path = write_file(m.file.data, size);
        struct kernel k = {0};
        int r = cunik_kernel_read(path, &k, &err);

        assert_true(r == 0 || (r == -EINVAL && err));
        cunik_kernel_done(&k);
    }
}

static void test_bzimage(void **state)
{
    char data[1024] = "MZ";

    (void)state;
    memcpy(data + 0x1fe, "\x55\xaa", 2);
    memcpy(data + 0x202, "HdrS", 4);
    struct kernel k = accepted(data, sizeof(data));
    assert_true(k.bzimage && !k.elf && !k.multiboot);
    cunik_kernel_done(&k);
}

static void test_foreign_files(void **state)
{
    static const char script[] = "#!/bin/sh\necho hello\n", text[] = "just words\n";
    char disk[1024] = "", noise[64] = "\1\2\3";

    (void)state;
    memcpy(disk + 510, "\x55\xaa", 2);
    refused(script, sizeof(script) - 1, "is a script");
    refused(text, sizeof(text) - 1, "is a text file");
    refused(disk, sizeof(disk), "is a disk image");
    refused(noise, sizeof(noise), "no ELF, no multiboot header, no bzImage");
    refused("\x1f\x8b\x08", 3, "gzip-compressed");
    refused("QFI\xfb", 4, "a qcow2 disk image");
    refused("070701", 6, "a cpio archive");
    refused("\177ELF", 4, "a cut-off ELF");
    refused("", 0, "is empty");
}

static void test_no_files(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *missing = cunik_asprintf("%s/missing", folder);
    _cleanup_free_ char *pipe = cunik_asprintf("%s/pipe", folder);
    struct kernel k;

    (void)state;
    assert_true(cunik_kernel_read(missing, &k, &err) < 0);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    assert_non_null(strstr(err->message, missing));
    assert_true(cunik_kernel_read(folder, &k, &err) < 0);
    assert_non_null(strstr(err->message, "is a directory"));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_true(cunik_kernel_read(pipe, &k, &err) < 0);
    assert_non_null(strstr(err->message, "is not a regular file"));
}

static int set_up(void **state)
{
    (void)state;
    folder = test_temporary_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cunik_file_remove_tree(folder, NULL);
    free(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiboot),      cmocka_unit_test(test_multiboot_checksum),
        cmocka_unit_test(test_multiboot_64),   cmocka_unit_test(test_pvh),
        cmocka_unit_test(test_sections),       cmocka_unit_test(test_solo5),
        cmocka_unit_test(test_other_machines), cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_bzimage),        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_no_files),       cmocka_unit_test(test_bad_manifests),
        cmocka_unit_test(test_absurd_notes),   cmocka_unit_test(test_xen),
        cmocka_unit_test(test_marks),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
