#include "engine/console.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "tests/support/test.h"

enum { DEADLINE_MS = 10000 };

struct fixture {
    char *folder;
    struct consoles *consoles;
    uint64_t offset;
    struct buffer got; /* "LINE|" for each line */
    int64_t last_time;
    int stop_after; /* lines; 0 = never */
    int n;
};

static int setup(void **state)
{
    struct fixture *f = cunik_calloc(1, sizeof(*f));
    _cleanup_error_ struct error *err = NULL;

    f->folder = test_temporary_folder();
    test_ok(cunik_consoles_create(f->folder, &f->consoles, &err), err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cunik_consoles_destroy(f->consoles);
    test_ok(cunik_file_remove_tree(f->folder, NULL), NULL);
    free(f->folder);
    cunik_buffer_done(&f->got);
    free(f);
    return 0;
}

static void write_console(struct fixture *f, const char *data, size_t size)
{
    _cleanup_free_ char *path = cunik_console_path(f->consoles, "web");
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    test_ok(cunik_write_all(fd, data, size), NULL);
}

static void say(struct fixture *f, const char *text)
{
    write_console(f, text, strlen(text));
}

static int put(void *ctx, const struct console_line *line)
{
    struct fixture *f = ctx;

    cunik_buffer_append(&f->got, line->text, line->size);
    cunik_buffer_char(&f->got, '|');
    f->last_time = line->time_ms;
    return ++f->n == f->stop_after ? 7 : 0;
}

/* Reads on from where the last call ended. */
static const char *read_on(struct fixture *f, bool all)
{
    _cleanup_error_ struct error *err = NULL;

    f->got.size = 0;
    cunik_buffer_text_append(&f->got, "");
    if (f->got.data)
        f->got.data[0] = '\0';
    test_ok(cunik_console_read(f->consoles, "web", all, &f->offset, put, f, &err), err);
    return cunik_buffer_text(&f->got);
}

static int64_t now_ms(void)
{
    return cunik_time_now(CLOCK_REALTIME) / NS_PER_MS;
}

static void wait_for_growth(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t count;

    assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
    assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

static void test_missing(void **state)
{
    struct fixture *f = *state;

    f->offset = 12;
    assert_string_equal(read_on(f, true), "");
    assert_int_equal(f->offset, 0);
    assert_int_equal(cunik_console_size(f->consoles, "web"), 0);
    assert_int_equal(cunik_console_tail(f->consoles, "web", 3), 0);
    test_ok(cunik_console_remove(f->consoles, "web", NULL), NULL);
}

static void test_lines(void **state)
{
    struct fixture *f = *state;

    say(f, "one\r\ntwo\n\nfour\r\r\nfi\rve\npart");
    assert_string_equal(read_on(f, false), "one|two||four|fi\rve|");
    assert_int_equal(f->offset, strlen("one\r\ntwo\n\nfour\r\r\nfi\rve\n"));
    assert_string_equal(read_on(f, false), "");
    say(f, "ial\nmore");
    assert_string_equal(read_on(f, false), "partial|");
    assert_string_equal(read_on(f, true), "more|");
    assert_int_equal(f->offset, cunik_console_size(f->consoles, "web"));
    assert_string_equal(read_on(f, true), "");
}

static void test_put_ends_reading(void **state)
{
    struct fixture *f = *state;

    say(f, "one\ntwo\nthree\n");
    f->stop_after = 2;
    assert_int_equal(cunik_console_read(f->consoles, "web", true, &f->offset, put, f, NULL), 7);
    assert_int_equal(f->offset, strlen("one\ntwo\n"));
    assert_string_equal(read_on(f, true), "three|");
}

static void test_binary(void **state)
{
    struct fixture *f = *state;
    static const char data[] = "\0\xff\xfe\n\x01\0\0\r\n";

    write_console(f, data, sizeof(data) - 1);
    read_on(f, false);
    assert_int_equal(f->got.size, 8);
    assert_memory_equal(f->got.data, "\0\xff\xfe|\x01\0\0|", 8);
}

static void test_long_lines(void **state)
{
    struct fixture *f = *state;
    const size_t size = 2 * CONSOLE_LINE_LIMIT + 10;
    _cleanup_free_ char *line = cunik_malloc(size);

    memset(line, 'x', size);
    line[size - 1] = '\n';
    write_console(f, line, size);
    say(f, "next\n");
    read_on(f, false);
    assert_int_equal(f->n, 4); /* two whole pieces, the rest, and the next line */
    assert_int_equal(f->got.size, size - 1 + 4 + 4);
    assert_int_equal(f->offset, size + 5);
    /* Its end is not there yet, and still it is bounded. */
    write_console(f, line, size - 1);
    read_on(f, false);
    assert_int_equal(f->n, 6);
}

static void test_tail(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        uint64_t lines;
        uint64_t expected;
    } cases[] = {
        {"a\nb\nc\n", 0, 6}, {"a\nb\nc\n", 1, 4}, {"a\nb\nc\n", 2, 2}, {"a\nb\nc\n", 3, 0},
        {"a\nb\nc\n", 9, 0}, {"a\nb\nc", 1, 4},   {"a\nb\nc", 2, 2},   {"\n\n\n", 1, 2},
        {"\n\n\n", 3, 0},    {"abc", 1, 0},       {"", 1, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        say(f, cases[i].text);
        assert_int_equal(cunik_console_tail(f->consoles, "web", cases[i].lines), cases[i].expected);
        test_ok(cunik_console_remove(f->consoles, "web", NULL), NULL);
    }
}

static void test_tail_over_chunks(void **state)
{
    struct fixture *f = *state;
    _cleanup_buffer_ struct buffer b = {0};

    for (int i = 0; i < 50000; i++)
        cunik_buffer_printf(&b, "line %d\n", i);
    write_console(f, b.data, b.size);
    f->offset = cunik_console_tail(f->consoles, "web", 49999);
    assert_int_equal(f->offset, strlen("line 0\n"));
    f->offset = cunik_console_tail(f->consoles, "web", 20000);
    read_on(f, false);
    assert_int_equal(f->n, 20000);
    assert_memory_equal(f->got.data, "line 30000|", 11);
}

static void test_follow(void **state)
{
    struct fixture *f = *state;
    int fd = cunik_consoles_watch(f->consoles);
    int64_t before = now_ms() - 20; /* the time of a file is that of the last tick of the clock */

    assert_true(fd >= 0);
    say(f, "first\n");
    wait_for_growth(fd);
    assert_string_equal(read_on(f, false), "first|");
    assert_in_range(f->last_time, before, now_ms());

    for (int i = 0; i < 5; i++) {
        before = now_ms();
        say(f, "again\n");
        for (int64_t end = before + DEADLINE_MS; !*read_on(f, false) && now_ms() < end;)
            wait_for_growth(fd);
        assert_string_equal(cunik_buffer_text(&f->got), "again|");
    }
    cunik_consoles_unwatch(f->consoles, fd);
}

static bool times_reach(struct fixture *f, uint64_t offset)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/web.times", f->folder);
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    uint64_t last = 0;

    if (cunik_file_read(path, 1 << 20, &text, &size, NULL) < 0 || size < 33)
        return false;
    return size % 33 == 0 && sscanf(text + size - 33, "%lu", &last) == 1 && last == offset;
}

static void wait_for_times(struct fixture *f, int fd)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (!times_reach(f, cunik_console_size(f->consoles, "web"))) {
        assert_true(now_ms() < end);
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10);
    }
}

/* Each line has the time of the growth that brought it, also when read all at once later. */
static void test_times(void **state)
{
    struct fixture *f = *state;
    int fd = cunik_consoles_watch(f->consoles);
    int64_t times[3][2];

    for (int i = 0; i < 3; i++) {
        times[i][0] = now_ms();
        say(f, "line\n");
        wait_for_times(f, fd);
        times[i][1] = now_ms();
        poll(NULL, 0, 30); /* so that no two lines can be of one millisecond */
    }
    for (int i = 0; i < 3; i++) {
        f->n = 0;
        f->stop_after = 1;
        assert_int_equal(cunik_console_read(f->consoles, "web", false, &f->offset, put, f, NULL),
                         7);
        assert_in_range(f->last_time, times[i][0], times[i][1]);
    }
    cunik_consoles_unwatch(f->consoles, fd);
}

/* What was written while nobody watched has the time of the file; a torn line is cut off. */
static void test_times_after_restart(void **state)
{
    struct fixture *f = *state;
    int fd = cunik_consoles_watch(f->consoles);

    say(f, "one\n");
    wait_for_times(f, fd);
    cunik_consoles_unwatch(f->consoles, fd);
    cunik_consoles_destroy(f->consoles);

    _cleanup_free_ char *log = cunik_asprintf("%s/web.log", f->folder);
    _cleanup_free_ char *torn = cunik_asprintf("%s/web.times", f->folder);
    FILE *times = fopen(torn, "a");
    fputs("          99", times);
    fclose(times);
    FILE *more = fopen(log, "a");
    fputs("two\n", more);
    fclose(more);
    struct timespec stamps[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000, .tv_nsec = 5000000}};
    assert_int_equal(utimensat(AT_FDCWD, log, stamps, 0), 0);

    test_ok(cunik_consoles_create(f->folder, &f->consoles, NULL), NULL);
    assert_true(times_reach(f, 8));
    assert_string_equal(read_on(f, false), "one|two|");
    assert_int_equal(f->last_time, 1000000005);
}

/* A console that was removed and made anew is read from its start, with times of its own. */
static void test_new_console(void **state)
{
    struct fixture *f = *state;
    int fd = cunik_consoles_watch(f->consoles);

    say(f, "a long line of the first life\n");
    wait_for_times(f, fd);
    read_on(f, false);
    test_ok(cunik_console_remove(f->consoles, "web", NULL), NULL);
    say(f, "second\n");
    wait_for_times(f, fd);
    int64_t before = now_ms() - DEADLINE_MS;
    assert_string_equal(read_on(f, false), "second|");
    assert_in_range(f->last_time, before, now_ms());
    cunik_consoles_unwatch(f->consoles, fd);
}

/* Blocks that a console takes, in bytes. */
static uint64_t taken(struct fixture *f)
{
    _cleanup_free_ char *path = cunik_console_path(f->consoles, "web");
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static int count_lines(void *ctx, const struct console_line *l)
{
    struct fixture *f = ctx;
    unsigned number;

    if (f->n == 0 && strstr(l->text, "bytes of older output are gone")) {
        f->n = -1;
        return 0;
    }
    _cleanup_free_ char *text = cunik_strndup(l->text, l->size);
    assert_int_equal(sscanf(text, "line %u of many", &number), 1);
    if (f->n > 0)
        assert_int_equal(number, f->n + 1); /* none is missing */
    f->n = (int)number;
    return 0;
}

static void flood(struct fixture *f, unsigned from, unsigned to)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (unsigned i = from; i <= to; i++)
        cunik_buffer_printf(&b, "line %06u of many\n", i);
    write_console(f, b.data, b.size);
}

/* A console that is bounded has the newest lines, whole and in order, at the offsets they had. */
static void test_bound(void **state)
{
    enum { LIMIT = 64 << 10, LINES = 20000, LINE = 20 };
    struct fixture *f = *state;
    uint64_t offset = 0;

    cunik_consoles_bound(f->consoles, LIMIT);
    for (unsigned i = 0; i < LINES; i += 1000)
        flood(f, i + 1, i + 1000);
    for (int tries = 0; tries < DEADLINE_MS / 10 && taken(f) > LIMIT * 3 / 2; tries++)
        poll(NULL, 0, 10);
    assert_true(taken(f) <= LIMIT * 3 / 2 && taken(f) >= LIMIT);
    f->n = 0;
    test_ok(cunik_console_read(f->consoles, "web", true, &offset, count_lines, f, NULL), NULL);
    assert_int_equal(f->n, LINES);
    assert_int_equal(offset, LINES * LINE);
    /* From the middle of what is left there is nothing to say of what is gone. */
    offset = (LINES - 1000) * LINE;
    f->n = LINES - 1000;
    test_ok(cunik_console_read(f->consoles, "web", true, &offset, count_lines, f, NULL), NULL);
    assert_int_equal(f->n, LINES);
    assert_int_equal(cunik_console_tail(f->consoles, "web", 3), (LINES - 3) * LINE);
    uint64_t first = cunik_console_tail(f->consoles, "web", UINT64_MAX);
    assert_true(first > 0 && first % LINE == 0);
    /* What comes while nobody watches is bounded by who comes back. */
    cunik_consoles_destroy(f->consoles);
    test_ok(cunik_consoles_create(f->folder, &f->consoles, NULL), NULL);
    flood(f, LINES + 1, 2 * LINES);
    cunik_consoles_bound(f->consoles, LIMIT);
    flood(f, 2 * LINES + 1, 2 * LINES + 1);
    for (int tries = 0; tries < DEADLINE_MS / 10 && taken(f) > LIMIT * 3 / 2; tries++)
        poll(NULL, 0, 10);
    assert_true(taken(f) <= LIMIT * 3 / 2);
    f->n = 0;
    offset = 0;
    test_ok(cunik_console_read(f->consoles, "web", true, &offset, count_lines, f, NULL), NULL);
    assert_int_equal(f->n, 2 * LINES + 1);
}

/* Appends to what virtlogd would write. */
static void write_source(struct fixture *f, const char *text)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/web.out", f->folder);
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* As virtlogd does, which keeps three. */
static void rotate(struct fixture *f)
{
    _cleanup_free_ char *source = cunik_asprintf("%s/web.out", f->folder);

    for (int i = 2; i >= 0; i--) {
        _cleanup_free_ char *to = cunik_asprintf("%s.%d", source, i);
        _cleanup_free_ char *from =
            i ? cunik_asprintf("%s.%d", source, i - 1) : cunik_strdup(source);
        if (rename(from, to) < 0)
            assert_false(cunik_file_exists(from));
    }
}

static void restart(struct fixture *f)
{
    cunik_consoles_destroy(f->consoles);
    test_ok(cunik_consoles_create(f->folder, &f->consoles, NULL), NULL);
}

static const char *read_all(struct fixture *f)
{
    f->offset = 0;
    return read_on(f, false);
}

/* What somebody else writes, and sets aside, is taken once and in order, also when there was nobody
 * for a while. */
static void test_gather(void **state)
{
    struct fixture *f = *state;
    char bytes[16];
    size_t size;

    write_source(f, "one\n");
    assert_string_equal(read_all(f), "one|");
    write_source(f, "two\n");
    rotate(f);
    write_source(f, "three\n");
    assert_int_equal(cunik_console_size(f->consoles, "web"), strlen("one\ntwo\nthree\n"));
    assert_string_equal(read_all(f), "one|two|three|");
    rotate(f);
    assert_string_equal(read_all(f), "one|two|three|");
    /* Who reads bytes has it too, before the watcher has looked. */
    uint64_t offset = strlen("one\ntwo\nthree\n");
    write_source(f, "bytes\n");
    test_ok(cunik_console_bytes(f->consoles, "web", &offset, bytes, sizeof(bytes), &size, NULL),
            NULL);
    assert_int_equal(size, strlen("bytes\n"));
    assert_memory_equal(bytes, "bytes\n", size);
    cunik_consoles_destroy(f->consoles);
    for (int i = 0; i < 3; i++) {
        rotate(f);
        write_source(f, i == 0 ? "four\n" : i == 1 ? "five\n" : "six\n");
    }
    test_ok(cunik_consoles_create(f->folder, &f->consoles, NULL), NULL);
    assert_string_equal(read_all(f), "one|two|three|bytes|four|five|six|");
    restart(f);
    assert_string_equal(read_all(f), "one|two|three|bytes|four|five|six|");
}

/* Somebody died between appending and noting it: what the log has grown by says how much. */
static void test_gather_again(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *taken = cunik_asprintf("%s/web.taken", f->folder), *note = NULL;
    _cleanup_free_ char *copy = NULL;
    size_t size;

    write_source(f, "one\n");
    assert_string_equal(read_all(f), "one|");
    test_ok(cunik_file_read(taken, 1000, &note, &size, NULL), NULL);
    write_source(f, "two\nthree\n");
    assert_string_equal(read_all(f), "one|two|three|");
    cunik_consoles_destroy(f->consoles);
    test_ok(cunik_file_write(taken, note, size, 0600, false, NULL), NULL);
    write_source(f, "four\n");
    test_ok(cunik_consoles_create(f->folder, &f->consoles, NULL), NULL);
    assert_string_equal(read_all(f), "one|two|three|four|");
    /* A note that is damaged: rather twice than never. */
    cunik_consoles_destroy(f->consoles);
    test_ok(cunik_file_write(taken, "", 0, 0600, false, NULL), NULL);
    test_ok(cunik_consoles_create(f->folder, &f->consoles, NULL), NULL);
    assert_string_equal(read_all(f), "one|two|three|four|one|two|three|four|");
}

/* All of it goes with the console. */
static void test_remove_rotated(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 4; i++) {
        write_source(f, "x\n");
        assert_int_equal(cunik_console_size(f->consoles, "web"), 2 * (i + 1));
        rotate(f);
    }
    write_source(f, "x\n");
    test_ok(cunik_console_remove(f->consoles, "web", NULL), NULL);
    _cleanup_free_ char *left = cunik_asprintf("ls -A '%s' | grep -q web", f->folder);
    assert_int_not_equal(system(left), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_ends_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_binary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tail_over_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_after_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_console, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gather, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gather_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove_rotated, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
