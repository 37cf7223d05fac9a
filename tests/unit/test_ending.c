/* What consoles say of their guests' ends. The lines are those of the real kernels' sources. */
#include "tests/support/test.h"

#include <string.h>

#include "backends/backend.h"
#include "base/memory.h"

static const struct ending_rule *rules_of(const char *name)
{
    const struct backend *b = NULL;

    assert_int_equal(cunik_backend_find(name, NULL, &b, NULL), 0);
    assert_non_null(b->endings);
    return b->endings;
}

static const struct test_case {
    const char *backend, *console;
    int status; /* -1 = it says nothing */
    bool still;
    const char *reason;
} cases[] = {
    {"rumprun", "hello\n", -1, false, NULL},
    {"rumprun", "", -1, false, NULL},
    {"rumprun",
     "x\n=== main() of \"web\" returned 3 ===\n\n=== ERROR: _exit(3) called ===\nhalted\n", 3, true,
     "=== ERROR: _exit(3) called ==="},
    {"rumprun", "\n=== _exit(0) called ===\nhalted\n\n", 0, true, "=== _exit(0) called ==="},
    {"rumprun", "\n=== _exit(0) called ===\r\nhalted\r\n", 0, true, "=== _exit(0) called ==="},
    /* An application that only says these words. */
    {"rumprun", "halted\n", -1, false, NULL},
    {"rumprun", "=== _exit(0) called ===\nhalted\nand goes on\n", 0, false,
     "=== _exit(0) called ==="},
    /* Not all of the line is there yet. */
    {"rumprun", "=== _exit(0) called ===\nhalted", 0, false, "=== _exit(0) called ==="},
    {"rumprun", "FATAL TRAP: page fault at 0x15a873 (0x10)\n", 134, true,
     "FATAL TRAP: page fault at 0x15a873 (0x10)"},
    {"rumprun", "PANIC: out of pages\nhalted\n", 134, true, "PANIC: out of pages"},
    {"rumprun", "=== ERROR: _exit(-1) called ===\nhalted\n", 255, true,
     "=== ERROR: _exit(-1) called ==="},
    {"rumprun", "=== ERROR: _exit() called ===\n", -1, false, NULL},
    {"osv", "program /tests/fail.so returned 7\n", 7, false, "program /tests/fail.so returned 7"},
    {"osv", "program exited with status 2\nPower down\n", 2, false, "program exited with status 2"},
    {"osv", "Aborted\n\n[backtrace]\n0x0000000040000000 <main+1>\n", 134, false, "Aborted"},
    {"osv", "Assertion failed: x == y (f.cc: g: 12)\n", 134, false,
     "Assertion failed: x == y (f.cc: g: 12)"},
    {"solo5", "Solo5: solo5_exit(0) called\n", 0, false, "Solo5: solo5_exit(0) called"},
    {"solo5", "Solo5: solo5_exit(64) called\n", 64, false, "Solo5: solo5_exit(64) called"},
    {"solo5", "Solo5: ABORT: mem.c:54: Not enough memory\n", 134, false,
     "Solo5: ABORT: mem.c:54: Not enough memory"},
    {"solo5", "Solo5: PCI enumeration failed. Aborting.\nSolo5: solo5_exit(255) called\n", 255,
     false, "Solo5: solo5_exit(255) called"},
    {"includeos", "       [ main ] returned with status 5\n", 5, false,
     "[ main ] returned with status 5"},
    {"includeos", "\x15\x07\t**** PANIC **** CPU: 0\nwhy\n\x04\n", 134, true,
     "**** PANIC **** CPU: 0"},
    {"unikraft",
     "[    0.16] CRIT: [libvfscore] <automount.c @  426> Failed to extract cpio archive to /: -2\n"
     "[    0.16] ERR:  [libukboot] <boot.c @  405> Init function at 0x14dd70 returned error -5\n"
     "[    0.16] Info: [libukboot] <boot.c @  440> Halting system (3)\n",
     134, false,
     "[    0.16] ERR:  [libukboot] <boot.c @  405> Init function at 0x14dd70 returned error -5"},
    {"unikraft", "[    0.1] Info: [libukboot] <boot.c @  503> main returned 9\n", 9, false,
     "[    0.1] Info: [libukboot] <boot.c @  503> main returned 9"},
    {"linux", "init: redis exited with status 1\n", 1, false, "init: redis exited with status 1"},
    {"linux", "init: redis killed by signal 11\n", 139, false, "init: redis killed by signal 11"},
    {"linux", "init: cannot run 'nosuch': No such file or directory; exited with status 127\n", 127,
     false, "init: cannot run 'nosuch': No such file or directory; exited with status 127"},
    {"linux", "[ 1.0] Kernel panic - not syncing: VFS: no root\n", 134, false,
     "[ 1.0] Kernel panic - not syncing: VFS: no root"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct test_case *c = &cases[i];
        struct ending e = {.status = -1};
        bool found = cunik_ending_read(rules_of(c->backend), c->console, strlen(c->console), &e);

        print_message("# %s: %s\n", c->backend, c->reason ? c->reason : "nothing");
        assert_int_equal(found, c->status >= 0);
        assert_int_equal(e.status, c->status);
        assert_int_equal(e.still, c->still);
        if (c->reason)
            assert_string_equal(e.reason, c->reason);
        free(e.reason);
    }
}

/* Any bytes, and lines that never end: an answer without reading outside (ASan watches). */
static void test_noise(void **state)
{
    uint64_t seed = test_seed();
    static const char *const pieces[] = {"===",  "_exit(", "1",    ") called", "\n", "halted", "%d",
                                         "main", "\xff",   "\x04", " ",        "-",  "PANIC: "};
    char text[512];

    (void)state;
    for (int round = 0; round < 3000; round++) {
        size_t size = 0;
        while (size < sizeof(text) - 16 && test_random_below(&seed, 60)) {
            const char *piece = pieces[test_random_below(&seed, ARRAY_SIZE(pieces))];
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
        }
        char *exact = cunik_malloc(size + 1);
        memcpy(exact, text, size);
        exact = cunik_realloc(exact, size ? size : 1, 1);
        for (size_t i = 0; i < cunik_n_backends; i++) {
            struct ending e = {0};
            if (cunik_ending_read(cunik_backends[i]->endings, exact, size, &e)) {
                assert_in_range(e.status, 0, 255);
                assert_non_null(e.reason);
            }
            free(e.reason);
        }
        free(exact);
    }
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < cunik_n_backends; i++)
        for (const struct ending_rule *r = cunik_backends[i]->endings; r && r->pattern; r++) {
            assert_in_range(r->status + 3, 0, 258);
            /* A number has to be there to be read. */
            if (r->status == ENDING_NUMBER || r->status == ENDING_SIGNAL)
                assert_non_null(strstr(r->pattern, "%d"));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
