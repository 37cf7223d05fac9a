/* system df: what the engine's folder takes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"

enum { DEPTH_MOST = 16 };

struct usage {
    uint64_t files, bytes;
};

/* Files with several names count once for each; what cannot be read counts nothing. */
static void add_folder(int above, const char *name, int depth, struct usage *u)
{
    _cleanup_close_ int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_strv_ struct strv names = {0};
    struct stat st;

    if (fd < 0 || cunik_folder_list_fd(fd, name, FOLDER_DOTTED, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        if (fstatat(fd, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MOST) {
            add_folder(fd, names.items[i], depth + 1, u);
        } else if (S_ISREG(st.st_mode)) {
            u->files++;
            u->bytes += (uint64_t)st.st_blocks * 512;
        }
    }
}

static const struct {
    const char *what, *folder;
} parts[] = {
    {"images", "store"},      {"unpacked", "unpacked"}, /* images that cuniks boot */
    {"cuniks", "images"},                               /* what each of them boots */
    {"volumes", "volumes"},   {"files", "files"},
    {"consoles", "consoles"}, {"stacks", "stacks"},
};

int cunik_verb_system_df(void *context _unused_, const struct arguments *a,
                         int *ret_status _unused_, struct error **err)
{
    static const char *const headings[] = {"TYPE", "FILES", "SIZE"};
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_json_ json_t *version = NULL, *list = json_array();
    _cleanup_table_ struct table t = {0};
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = cunik_client_version(client, &version, err);
    if (r < 0)
        return r;
    const char *root = json_string_value(json_object_get(version, "root"));
    _cleanup_close_ int fd = open(root ? root : "", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cunik_error_errno(err, errno, "reading '%s'", root ? root : "");
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        struct usage u = {0};
        add_folder(fd, parts[i].folder, 0, &u);
        cunik_table_cell(&t, parts[i].what);
        cunik_table_cellf(&t, "%" PRIu64, u.files);
        _cleanup_free_ char *size = cunik_text_from_bytes((int64_t)u.bytes);
        cunik_table_cell(&t, size);
        cunik_json_append(list, json_pack("{s:s, s:I, s:I}", "type", parts[i].what, "files",
                                          (json_int_t)u.files, "size", (json_int_t)u.bytes));
    }
    if (cunik_verb_wants_json(a)) {
        cunik_verb_print_json(list, JSON_COMPACT);
        return 0;
    }
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
    return 0;
}
