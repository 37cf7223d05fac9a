#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"

enum { GOLDEN_LIMIT = 64 << 20 };

void test_ok_(const char *file, int line, int r, const struct error *err)
{
    if (r < 0) {
        _cleanup_free_ char *text = err ? cunik_error_text(err) : cunik_strdup("no error given");
        print_error("%s:%d: %s\n", file, line, text);
    }
    _assert_true(r == 0, "succeeds", file, line);
}

char *test_read(const char *path)
{
    _cleanup_error_ struct error *err = NULL;
    char *text = NULL;

    test_ok(cunik_file_read(path, GOLDEN_LIMIT, &text, NULL, &err), err);
    return text;
}

void test_golden(const char *path, const char *text)
{
    _cleanup_error_ struct error *err = NULL;

    if (getenv("REGEN")) {
        test_ok(cunik_file_write(path, text, strlen(text), 0644, false, &err), err);
        return;
    }
    if (!cunik_file_exists(path))
        fail_msg("%s is missing; REGEN=1 writes it. The text was:\n%s", path, text);
    _cleanup_free_ char *expected = test_read(path);
    if (strcmp(expected, text) != 0)
        fail_msg("%s differs\n--- expected\n%s\n--- got\n%s\n---", path, expected, text);
}

void test_folders(const char *path, struct strv *ret)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_strv_ struct strv names = {0};

    test_ok(cunik_folder_list(path, 0, &names, &err), err);
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *one = cunik_path_join(path, names.items[i]);
        struct stat st;
        if (stat(one, &st) == 0 && S_ISDIR(st.st_mode))
            cunik_strv_add(ret, names.items[i]);
    }
}

char *test_temporary_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = cunik_asprintf("%s/cunik-test-XXXXXX", base && *base ? base : "/tmp");

    assert_non_null(mkdtemp(path));
    return path;
}

uint64_t test_seed(void)
{
    const char *given = getenv("SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
    print_message("# SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t test_random_below(uint64_t *state, uint64_t limit)
{
    return test_random(state) % limit;
}
