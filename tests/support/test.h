/* What the unit tests share: golden files and folders of cases.
 *
 * Include this in place of cmocka.h. Golden files live under tests/golden (found through the
 * working directory: tests run at the root of the project); REGEN=1 in the environment rewrites
 * them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/strv.h"

/* Compares text with the file; shows both and fails the test when they differ. */
void test_golden(const char *path, const char *text);

/* The names of the folders in `path`, sorted. */
void test_folders(const char *path, struct strv *ret);

/* Reads a file that must be there; the caller frees it. */
char *test_read(const char *path);

/* Asserts that r is 0, or prints the error and fails. */
#define test_ok(r, err)                                                                            \
    ({                                                                                             \
        int r_ = (r); /* first: it is what sets err */                                             \
        test_ok_(__FILE__, __LINE__, r_, (err));                                                   \
    })
void test_ok_(const char *file, int line, int r, const struct error *err);

/* A folder of this test's own under the temporary folder, removed with cunik_file_remove_tree. */
char *test_temporary_folder(void);

/* A small deterministic random number generator (SplitMix64) for property tests. The seed comes
 * from SEED in the environment or is new; it is printed, so that a failure can be run again. */
uint64_t test_seed(void);
uint64_t test_random(uint64_t *state);
uint64_t test_random_below(uint64_t *state, uint64_t limit);
