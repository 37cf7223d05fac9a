#include <elf.h>
#include <string.h>

#include "backends/image.h"
#include "base/memory.h"
#include "base/text.h"

/* Bounds far above what any kernel has. */
enum {
    PROGRAM_HEADERS_MOST = 256,
    SECTIONS_MOST = 65535,
    NAMES_MOST = 4 << 20,
    NOTES_MOST = 1 << 20,
    TEXT_MOST = 64 << 10, /* of a section that is read for its text */
};

/* Where the members of the headers lie, by class. */
struct layout {
    size_t header, program, section; /* sizes */
    size_t phoff, shoff, phentsize;  /* in the file's header; phnum, shentsize, … follow on */
    size_t p_offset, p_filesz;
    size_t sh_offset, sh_size;
    bool wide;
};

static const struct layout layouts[] = {
    [ELFCLASS32] = {sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr), sizeof(Elf32_Shdr),
                    offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf32_Ehdr, e_shoff),
                    offsetof(Elf32_Ehdr, e_phentsize), offsetof(Elf32_Phdr, p_offset),
                    offsetof(Elf32_Phdr, p_filesz), offsetof(Elf32_Shdr, sh_offset),
                    offsetof(Elf32_Shdr, sh_size), false},
    [ELFCLASS64] = {sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), sizeof(Elf64_Shdr),
                    offsetof(Elf64_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_shoff),
                    offsetof(Elf64_Ehdr, e_phentsize), offsetof(Elf64_Phdr, p_offset),
                    offsetof(Elf64_Phdr, p_filesz), offsetof(Elf64_Shdr, sh_offset),
                    offsetof(Elf64_Shdr, sh_size), true},
};

struct elf {
    const struct image *image;
    const struct layout *layout;
    uint8_t header[sizeof(Elf64_Ehdr)];
    struct kernel *kernel;
    struct elf_facts facts;
};

static uint64_t number_at(const struct elf *e, const uint8_t *p)
{
    return e->layout->wide ? cunik_load64(p) : cunik_load32(p);
}

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},     {EM_RISCV, "riscv"},
        {EM_PPC, "powerpc"},     {EM_PPC64, "ppc64"}, {EM_S390, "s390x"},
        {EM_MIPS, "mips"},       {EM_SPARC, "sparc"}, {EM_SPARCV9, "sparc64"},
        {EM_68K, "m68k"},        {EM_BPF, "bpf"},     {EM_LOONGARCH, "loongarch"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return NULL;
}

static int broken(const struct elf *e, const char *what, struct error **err)
{
    return cunik_error_set(err, ERROR_INVALID, "'%s' is a damaged ELF file: its %s %s",
                           e->image->path, what, "lie outside of it");
}

static int read_notes(struct elf *e, uint64_t offset, uint64_t size, struct error **err)
{
    if (size > NOTES_MOST)
        return cunik_error_set(err, ERROR_INVALID, "'%s': its notes are larger than %d bytes",
                               e->image->path, NOTES_MOST);
    _cleanup_free_ uint8_t *data = cunik_malloc((size_t)size + 1);
    if (!cunik_image_read(e->image, offset, data, (size_t)size))
        return broken(e, "notes", err);
    return cunik_notes_read(e->image, e->kernel, data, (size_t)size, err);
}

static int read_program_headers(struct elf *e, struct error **err)
{
    const uint8_t *h = e->header + e->layout->phentsize;
    uint64_t offset = number_at(e, e->header + e->layout->phoff);
    size_t entry = cunik_load16(h), n = cunik_load16(h + 2);

    if (n == 0)
        return 0;
    if (n > PROGRAM_HEADERS_MOST || entry < e->layout->program)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is a damaged ELF file: %zu program headers of %zu bytes",
                               e->image->path, n, entry);
    for (size_t i = 0; i < n; i++) {
        uint8_t p[sizeof(Elf64_Phdr)];

        if (!cunik_image_read(e->image, offset + i * entry, p, e->layout->program))
            return broken(e, "program headers", err);
        uint32_t type = cunik_load32(p);
        e->facts.interpreted |= type == PT_INTERP;
        if (type != PT_NOTE)
            continue;
        int r = read_notes(e, number_at(e, p + e->layout->p_offset),
                           number_at(e, p + e->layout->p_filesz), err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The text of a section, up to its first NUL; NULL when it is not there or too long. */
static char *section_text(const struct elf *e, uint64_t header_at)
{
    uint8_t s[sizeof(Elf64_Shdr)];

    if (!cunik_image_read(e->image, header_at, s, e->layout->section))
        return NULL;
    uint64_t offset = number_at(e, s + e->layout->sh_offset);
    uint64_t size = number_at(e, s + e->layout->sh_size);
    if (size > TEXT_MOST)
        return NULL;
    char *text = cunik_malloc((size_t)size + 1);
    if (!cunik_image_read(e->image, offset, text, (size_t)size)) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

/* Sections that only one implementation has: Unikraft's tables of constructors, initialisers and
 * boot information, OSv's trace points, the components of a rump kernel; IncludeOS's configuration;
 * and what guests of Xen had before there were notes. */
static void look_at_section(struct elf *e, const char *name, uint64_t header_at)
{
    struct kernel *k = e->kernel;

    k->unikraft |= cunik_text_starts(name, ".uk_");
    k->osv |= cunik_text_equal(name, ".tracepoint_patch_sites");
    k->rumprun |= cunik_text_equal(name, "link_set_rump_components");
    if (cunik_text_equal(name, ".config") && !k->config)
        k->config = section_text(e, header_at);
    if (cunik_text_equal(name, "__xen_guest")) {
        _cleanup_free_ char *text = section_text(e, header_at);
        cunik_notes_read_guest(k, text ? text : "");
    }
}

/* The names of sections are hints only, and QEMU does not look at them: a table that makes no sense
 * is as good as none. */
static void read_sections(struct elf *e)
{
    const uint8_t *h = e->header + e->layout->phentsize;
    uint64_t offset = number_at(e, e->header + e->layout->shoff);
    size_t entry = cunik_load16(h + 4), n = cunik_load16(h + 6), names_index = cunik_load16(h + 8);
    uint8_t s[sizeof(Elf64_Shdr)];

    if (offset == 0 || n == 0 || n > SECTIONS_MOST || entry < e->layout->section ||
        names_index >= n ||
        !cunik_image_read(e->image, offset + names_index * entry, s, e->layout->section))
        return;
    uint64_t names_at = number_at(e, s + e->layout->sh_offset);
    uint64_t names_size = number_at(e, s + e->layout->sh_size);
    if (names_size == 0 || names_size > NAMES_MOST)
        return;
    _cleanup_free_ char *names = cunik_malloc((size_t)names_size + 1);
    if (!cunik_image_read(e->image, names_at, names, (size_t)names_size))
        return;
    names[names_size] = '\0';
    for (size_t i = 0; i < n; i++) {
        uint8_t name[4];

        if (!cunik_image_read(e->image, offset + i * entry, name, sizeof(name)))
            return;
        if (cunik_load32(name) < names_size)
            look_at_section(e, names + cunik_load32(name), offset + i * entry);
    }
}

static int check_machine(struct elf *e, struct error **err)
{
    const char *path = e->image->path;
    unsigned class = e->header[EI_CLASS], order = e->header[EI_DATA];

    if ((class != ELFCLASS32 && class != ELFCLASS64) ||
        (order != ELFDATA2LSB && order != ELFDATA2MSB))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a damaged ELF file", path);
    bool big = order == ELFDATA2MSB;
    unsigned machine =
        big ? (unsigned)e->header[18] << 8 | e->header[19] : cunik_load16(e->header + 18);
    const char *name = machine_name(machine);
    if (name)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is an ELF for %s, not for x86", path,
                               name);
    if (big || (machine != EM_386 && machine != EM_X86_64))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is an ELF for machine %u, not for x86",
                               path, machine);
    e->layout = &layouts[class];
    e->kernel->elf = true;
    e->kernel->elf_class = class == ELFCLASS64 ? 64 : 32;
    e->kernel->elf_machine = machine;
    return 0;
}

int cunik_elf_read(const struct image *image, struct kernel *k, struct elf_facts *ret,
                   struct error **err)
{
    struct elf e = {.image = image, .kernel = k};
    int r;

    if (!cunik_image_read(image, 0, e.header, sizeof(Elf32_Ehdr)))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a cut-off ELF file", image->path);
    if ((r = check_machine(&e, err)) < 0)
        return r;
    if (!cunik_image_read(image, 0, e.header, e.layout->header))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a cut-off ELF file", image->path);
    if ((r = read_program_headers(&e, err)) < 0)
        return r;
    read_sections(&e);
    *ret = e.facts;
    return 0;
}
