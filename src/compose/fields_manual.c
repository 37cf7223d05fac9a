/* The table of fields as a part of the manual page. */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "compose/fields.h"

struct manual {
    struct buffer done, undone;
};

/* The stars of "services.*.image" mean themselves. */
static void append_escaped(struct buffer *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '*' || *s == '\\')
            cunik_buffer_char(b, '\\');
        cunik_buffer_char(b, *s);
    }
}

static void describe(struct manual *m, const struct field *f, const char *path)
{
    if (f->support == SUPPORT_FULL || f->support == SUPPORT_TRANSLATED) {
        cunik_buffer_text_append(&m->done, "*");
        append_escaped(&m->done, path);
        cunik_buffer_printf(&m->done, "*: %s\n\t", cunik_field_shape(f->type)->expected);
        append_escaped(&m->done, f->help);
        cunik_buffer_text_append(&m->done, "\n\n");
        return;
    }
    cunik_buffer_text_append(&m->undone, "- ");
    append_escaped(&m->undone, path);
    cunik_buffer_text_append(&m->undone, ": ");
    append_escaped(&m->undone, f->help);
    if (f->reason) {
        cunik_buffer_text_append(&m->undone, " (");
        append_escaped(&m->undone, f->reason);
        cunik_buffer_text_append(&m->undone, ")");
    }
    cunik_buffer_text_append(&m->undone, "\n");
}

/* What is within a key that is not carried out is not carried out either. */
static void describe_table(struct manual *m, const struct fields *table, const char *prefix)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct field *f = &table->rows[i];
        const struct field_shape *shape = cunik_field_shape(f->type);
        _cleanup_free_ char *path = cunik_asprintf("%s%s", prefix, f->name);
        describe(m, f, path);
        if (!f->sub || f->support != SUPPORT_FULL)
            continue;
        const char *within = shape->keys == KEYS_FIELDS ? "." : shape->keys ? ".*." : "[].";
        _cleanup_free_ char *inner = cunik_asprintf("%s%s", path, within);
        describe_table(m, f->sub, inner);
    }
}

char *cunik_fields_manual(void)
{
    struct manual m = {0};

    describe_table(&m, &cunik_fields, "");
    cunik_buffer_printf(&m.done,
                        "Keys that begin with *x-* are ignored wherever the specification has "
                        "them.\n\n## Known keys without effect\n\nEach gets a warning.\n\n%s",
                        cunik_buffer_text(&m.undone));
    cunik_buffer_done(&m.undone);
    return cunik_buffer_take(&m.done);
}
