/* Feeds files, or all files of a folder, to a fuzz target and says so, one line for each: an
 * ordinary build runs the corpus with this in place of libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add_files(const char *path, struct strv *files)
{
    struct stat st;
    _cleanup_strv_ struct strv names = {0};
    _cleanup_error_ struct error *err = NULL;

    if (stat(path, &st) < 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        cunik_strv_add(files, path);
        return 0;
    }
    if (cunik_folder_list(path, 0, &names, &err) < 0) {
        fprintf(stderr, "%s\n", err->message);
        return -1;
    }
    for (size_t i = 0; i < names.n; i++)
        cunik_strv_take(files, cunik_path_join(path, names.items[i]));
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_strv_ struct strv files = {0};

    for (int i = 1; i < argc; i++)
        if (add_files(argv[i], &files) < 0)
            return 1;
    for (size_t i = 0; i < files.n; i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (cunik_file_read(files.items[i], 64 << 20, &text, &size, &err) < 0) {
            fprintf(stderr, "%s\n", err->message);
            return 1;
        }
        /* A copy of the exact size, so that a read past its end is seen. */
        _cleanup_free_ uint8_t *data = cunik_malloc(size ? size : 1);
        for (size_t j = 0; j < size; j++)
            data[j] = (uint8_t)text[j];
        LLVMFuzzerTestOneInput(data, size);
        printf("ok %zu - %s\n", i + 1, cunik_path_name(files.items[i]));
        fflush(stdout);
    }
    if (!files.n)
        fprintf(stderr, "%s: no file to replay\n", argv[0]);
    return files.n ? 0 : 1;
}
