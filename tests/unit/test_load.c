/* Loading: golden folders of whole stack files, and what needs a world of its own.
 *
 * tests/golden/compose/CASE holds a stack file (and others), `options` (a line for each: -f NAME,
 * -p NAME, --profile NAME, --env-file NAME, --project-directory NAME, --strict, the --no-… of
 * `config`, --lists, SERVICE) and `env` (NAME=VALUE). What is expected stands in config.yaml or
 * error.txt, warnings.txt when there are any, and lists.txt (what `config` lists) for --lists; "@"
 * is the folder. Every configuration is loaded again and must give the same.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/canonical.h"
#include "compose/config_lists.h"

static const char golden[] = "tests/golden/compose";

/* The options of a case, and what owns their texts. */
struct given {
    struct load_options o;
    struct strv files, env_files, profiles, services, lines, environment;
    char *folder;
    char **environ;
    bool strict, lists;
};

static void read_lines(const char *folder, const char *name, struct strv *ret)
{
    _cleanup_free_ char *path = cunik_path_join(folder, name);

    if (cunik_file_exists(path)) {
        _cleanup_free_ char *text = test_read(path);
        cunik_strv_split(ret, text, "\n");
    }
}

static void take_option(struct given *g, char *line)
{
    char *value = strchr(line, ' ');

    if (value)
        *value++ = '\0';
    if (strcmp(line, "-f") == 0)
        cunik_strv_add(&g->files, value);
    else if (strcmp(line, "-p") == 0)
        g->o.project_name = value;
    else if (strcmp(line, "--profile") == 0)
        cunik_strv_add(&g->profiles, value);
    else if (strcmp(line, "--env-file") == 0)
        cunik_strv_add(&g->env_files, value);
    else if (strcmp(line, "--project-directory") == 0)
        g->o.project_directory = value;
    else if (strcmp(line, "--strict") == 0)
        g->strict = true;
    else if (strcmp(line, "--lists") == 0)
        g->lists = true;
    else if (strcmp(line, "--no-interpolate") == 0)
        g->o.no_interpolate = true;
    else if (strcmp(line, "--no-normalize") == 0)
        g->o.no_normalise = true;
    else if (strcmp(line, "--no-path-resolution") == 0)
        g->o.no_paths = true;
    else if (strcmp(line, "--no-consistency") == 0)
        g->o.no_consistency = true;
    else if (strcmp(line, "--only-services") == 0)
        g->o.only_services = true;
    else
        cunik_strv_add(&g->services, line);
}

static void given_init(struct given *g, const char *name)
{
    _cleanup_free_ char *here = get_current_dir_name();

    *g = (struct given){.folder = cunik_asprintf("%s/%s/%s", here, golden, name)};
    read_lines(g->folder, "options", &g->lines);
    read_lines(g->folder, "env", &g->environment);
    for (size_t i = 0; i < g->lines.n; i++)
        take_option(g, g->lines.items[i]);
    g->environ = cunik_strv_argv(&g->environment);
    g->o.working_dir = g->folder;
    g->o.environment = g->environ;
    g->o.files = &g->files;
    g->o.env_files = &g->env_files;
    g->o.profiles = &g->profiles;
    g->o.services = &g->services;
}

static void given_done(struct given *g)
{
    cunik_strv_done(&g->files);
    cunik_strv_done(&g->env_files);
    cunik_strv_done(&g->profiles);
    cunik_strv_done(&g->services);
    cunik_strv_done(&g->lines);
    cunik_strv_done(&g->environment);
    free(g->environ);
    free(g->folder);
}

/* Text with the folder's path as "@"; the caller frees it. */
static char *without_folder(const char *text, const char *folder)
{
    struct buffer b = {0};
    size_t length = strlen(folder);

    for (; *text; text++) {
        if (strncmp(text, folder, length) == 0) {
            cunik_buffer_char(&b, '@');
            text += length - 1;
        } else {
            cunik_buffer_char(&b, *text);
        }
    }
    cunik_buffer_text_append(&b, "");
    return cunik_buffer_take(&b);
}

static void compare(const struct given *g, const char *name, const char *text)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", g->folder, name);
    _cleanup_free_ char *portable = without_folder(text, g->folder);

    test_golden(path, portable);
}

static void compare_warnings(const struct given *g, const struct diagnostics *d)
{
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_free_ char *path = cunik_asprintf("%s/warnings.txt", g->folder);

    for (size_t i = 0; i < d->n; i++) {
        _cleanup_free_ char *text = cunik_diagnostic_text(&d->items[i]);
        if (!d->items[i].is_error)
            cunik_buffer_printf(&b, "%s\n", text);
    }
    if (b.size || cunik_file_exists(path))
        compare(g, "warnings.txt", cunik_buffer_text(&b));
}

/* The text of a configuration, loaded by itself, gives the same text. */
static void check_again(const struct given *g, const char *text)
{
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *path = cunik_path_join(folder, "again.yaml");
    _cleanup_strv_ struct strv files = {0};
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    struct load_options o = {
        .working_dir = folder,
        .files = &files,
        .profiles = &g->profiles,
        .no_interpolate = g->o.no_interpolate,
        .no_normalise = g->o.no_normalise,
        .no_paths = g->o.no_paths,
        .no_consistency = g->o.no_consistency,
    };

    cunik_strv_add(&files, path);
    test_ok(cunik_file_write(path, text, strlen(text), 0644, false, &err), err);
    struct load_options with_profiles = o;
    _cleanup_strv_ struct strv all = {0};
    cunik_strv_add(&all, "*");
    with_profiles.profiles = &all;
    test_ok(cunik_load_stack(&with_profiles, &l, &s, &d, &err), err);
    _cleanup_free_ char *again = cunik_canonical_yaml(&l);
    assert_string_equal(again, text);
    test_ok(cunik_file_remove_tree(folder, &err), err);
}

/* All that `config` lists, each under its option. */
static void compare_lists(const struct given *g, const struct loaded *l)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < CONFIG_LISTS; i++) {
        const struct config_list *list = &cunik_config_lists[i];
        _cleanup_free_ char *text = list->list(l);
        cunik_buffer_printf(&b, "--%s\n%s", list->option, text);
    }
    compare(g, "lists.txt", cunik_buffer_text(&b));
}

static void golden_case(void **state)
{
    struct given g;
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    _cleanup_error_ struct error *err = NULL;

    given_init(&g, *state);
    struct diagnostics d = {.strict = g.strict};
    if (cunik_load_stack(&g.o, &l, &s, &d, &err) < 0) {
        _cleanup_free_ char *text = cunik_asprintf("%s\n", err->message);
        assert_int_equal(cunik_error_exit_status(err->code), 2);
        compare(&g, "error.txt", text);
    } else {
        _cleanup_free_ char *text = cunik_canonical_yaml(&l);
        compare(&g, "config.yaml", text);
        check_again(&g, text);
        if (g.lists)
            compare_lists(&g, &l);
    }
    compare_warnings(&g, &d);
    cunik_diagnostics_done(&d);
    given_done(&g);
}

/* A folder of this test's own with one stack file. */
struct scratch {
    char *folder;
    struct strv files;
    struct load_options o;
};

static void scratch_init(struct scratch *s, const char *text, size_t size)
{
    _cleanup_error_ struct error *err = NULL;

    *s = (struct scratch){.folder = test_temporary_folder()};
    _cleanup_free_ char *path = cunik_path_join(s->folder, "compose.yaml");
    if (text)
        test_ok(cunik_file_write(path, text, size, 0644, false, &err), err);
    s->o = (struct load_options){.working_dir = s->folder, .files = &s->files};
}

static void scratch_done(struct scratch *s)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_file_remove_tree(s->folder, &err), err);
    cunik_strv_done(&s->files);
    free(s->folder);
}

static void expect_error(const struct scratch *s, const char *part)
{
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;

    assert_true(cunik_load_stack(&s->o, &l, &stack, &d, &err) < 0);
    assert_int_equal(cunik_error_exit_status(err->code), 2);
    if (!strstr(err->message, part))
        fail_msg("'%s' is not in '%s'", part, err->message);
}

/* The hash of one service of a file with one line more. */
static char *hash_with(const char *more)
{
    _cleanup_free_ char *text =
        cunik_asprintf("name: h\nservices:\n  other: {unikernel: {kernel: /k}}\n"
                       "  web:\n    unikernel: {kernel: /k}\n    %s\n",
                       more);
    struct scratch s;
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    char *hash;

    scratch_init(&s, text, strlen(text));
    test_ok(cunik_load_stack(&s.o, &l, &stack, &d, &err), err);
    test_ok(cunik_config_hashes(&l, "web", &hash, &err), err);
    assert_int_equal(cunik_config_hashes(&l, "web,absent", &hash, NULL), -EINVAL);
    scratch_done(&s);
    return hash;
}

/* It is about what a service has to be created anew for. */
static void hashes(void **state _unused_)
{
    static const char *const same[] = {"depends_on: [other]", "scale: 3", "pull_policy: always",
                                       "deploy: {replicas: 2}", "build: ."};
    static const char *const different[] = {"image: x", "environment: [A=1]", "mem_limit: 9m",
                                            "deploy: {resources: {limits: {cpus: '1'}}}"};
    _cleanup_free_ char *plain = hash_with("");

    assert_memory_equal(plain, "web ", 4);
    assert_int_equal(strlen(plain), 4 + 64 + 1);

    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        _cleanup_free_ char *hash = hash_with(same[i]);
        assert_string_equal(hash, plain);
    }
    for (size_t i = 0; i < ARRAY_SIZE(different); i++) {
        _cleanup_free_ char *hash = hash_with(different[i]);
        assert_string_not_equal(hash, plain);
    }
}

static void missing_file(void **state _unused_)
{
    struct scratch s;

    scratch_init(&s, NULL, 0);
    expect_error(&s, "no stack file found: there is no cunik-compose.yaml");
    cunik_strv_add(&s.files, "absent.yaml");
    expect_error(&s, "absent.yaml': No such file or directory");
    scratch_done(&s);
}

static void folder_as_file(void **state _unused_)
{
    struct scratch s;

    scratch_init(&s, NULL, 0);
    cunik_strv_add(&s.files, ".");
    expect_error(&s, "is a directory");
    scratch_done(&s);
}

/* 100 MB without being written out: a sparse file is as long as any. */
static void huge_file(void **state _unused_)
{
    struct scratch s;
    struct timespec begin, end;

    scratch_init(&s, "services: {}\n", 13);
    _cleanup_free_ char *path = cunik_path_join(s.folder, "compose.yaml");
    assert_int_equal(truncate(path, 100 << 20), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    expect_error(&s, "is larger than");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_true(end.tv_sec - begin.tv_sec < 2);
    scratch_done(&s);
}

static void binary_file(void **state _unused_)
{
    struct scratch s;

    scratch_init(&s,
                 "\x7f"
                 "ELF\x02\x01\x01\0\0\0",
                 10);
    expect_error(&s, "compose.yaml");
    scratch_done(&s);
}

/* The search goes upwards, and the override beside the file found is taken along. */
static void search_upwards(void **state _unused_)
{
    static const char main_text[] = "services: {web: {image: a, unikernel: {kernel: k}}}\n";
    static const char over_text[] = "services: {web: {image: b}}\n";
    struct scratch s;
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;

    scratch_init(&s, main_text, strlen(main_text));
    _cleanup_free_ char *over = cunik_path_join(s.folder, "compose.override.yaml");
    _cleanup_free_ char *below = cunik_path_join(s.folder, "a/b");
    _cleanup_free_ char *kernel = cunik_path_join(s.folder, "k");
    test_ok(cunik_file_write(over, over_text, strlen(over_text), 0644, false, &err), err);
    test_ok(cunik_file_make_folders(below, 0755, &err), err);
    s.o.working_dir = below;
    test_ok(cunik_load_stack(&s.o, &l, &stack, &d, &err), err);
    assert_string_equal(stack.services[0].image, "b");
    assert_string_equal(stack.services[0].unikernel.kernel, kernel);
    assert_string_equal(stack.working_dir, s.folder);
    assert_int_equal(l.files.n, 2);
    scratch_done(&s);
}

static void standard_input(void **state _unused_)
{
    static const char text[] = "name: piped\nservices: {web: {unikernel: {kernel: /k}}}\n";
    struct scratch s;
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    int pipes[2], saved = dup(STDIN_FILENO);

    scratch_init(&s, NULL, 0);
    cunik_strv_add(&s.files, "-");
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(cunik_write_all(pipes[1], text, strlen(text)), 0);
    close(pipes[1]);
    dup2(pipes[0], STDIN_FILENO);
    int r = cunik_load_stack(&s.o, NULL, &stack, &d, &err);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(pipes[0]);
    test_ok(r, err);
    assert_string_equal(stack.name, "piped");
    scratch_done(&s);
}

static void project_names(void **state _unused_)
{
    static char with_name[] = "COMPOSE_PROJECT_NAME=from-env", bad[] = "COMPOSE_PROJECT_NAME=Bad";
    char *named[] = {with_name, NULL}, *wrong[] = {bad, NULL};
    struct load_options o = {.working_dir = "/"};
    _cleanup_free_ char *name = NULL;
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_load_project_name(&o, &name, &err), err);
    assert_null(name);
    o.environment = named;
    test_ok(cunik_load_project_name(&o, &name, &err), err);
    assert_string_equal(name, "from-env");
    cunik_freep(&name);
    name = NULL;
    o.project_name = "given";
    test_ok(cunik_load_project_name(&o, &name, &err), err);
    assert_string_equal(name, "given");
    o.project_name = NULL;
    o.environment = wrong;
    char *none = NULL;
    assert_true(cunik_load_project_name(&o, &none, &err) < 0);
    assert_non_null(strstr(err->message, "invalid project name \"Bad\""));

    _cleanup_free_ char *normal = cunik_load_normalise_name("__My Stack-1.x");
    assert_string_equal(normal, "mystack-1x");
}

static const char *no_variable(const void *context _unused_, const char *name _unused_)
{
    return NULL;
}

/* Where a secret comes from is told as the file has it, not as the environment does. */
static void secrets_unread(void **state _unused_)
{
    static const char text[] =
        "services:\n"
        "  web: {unikernel: {kernel: /k}, secrets: [a, b, c], configs: [d]}\n"
        "secrets:\n"
        "  a: {file: '${FOLDER}/a'}\n"
        "  b: {environment: '${NAME}'}\n"
        "  c: {file: /absent/c}\n"
        "configs: {d: {file: '${FOLDER}/d'}}\n";
    static const char *const expected[] = {
        "secret 'a': '${FOLDER}/a': No such file or directory",
        "secret 'b': '${NAME}': the variable is not set",
        "secret 'c': opening '/absent/c': No such file or directory",
        "config 'd': opening '/hidden/d': No such file or directory",
    };
    static char folder[] = "FOLDER=/hidden", name[] = "NAME=HIDDEN";
    char *environment[] = {folder, name, NULL};
    const struct lookup none = {.get = no_variable};
    struct scratch s;
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0}, unread = {0};
    _cleanup_error_ struct error *err = NULL;

    scratch_init(&s, text, strlen(text));
    s.o.environment = environment;
    test_ok(cunik_load_stack(&s.o, NULL, &stack, &d, &err), err);
    cunik_stack_read_contents(&stack, &none, &unread);
    assert_true(cunik_diagnostics_fail(&unread, &err) < 0);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strstr(err->message, expected[i]))
            fail_msg("'%s' is not in:\n%s", expected[i], err->message);
    scratch_done(&s);
}

static bool is_remote(void *context _unused_, const char *name)
{
    return cunik_text_starts(name, "far:");
}

static int fetch(void *context, const char *name, char **ret, struct error **err)
{
    if (strcmp(name, "far:away") == 0)
        return cunik_error_set(err, ERROR_NOT_FOUND, "fetching '%s': it is nowhere", name);
    *ret = cunik_asprintf("%s/fetched/%s", (const char *)context, name + strlen("far:"));
    return 0;
}

/* Whoever can fetch is asked for what -f, include and extends name; the rest starts beside it. */
static void remote_files(void **state _unused_)
{
    static const char main_text[] = "include: [far:a.yaml]\n"
                                    "services: {web: {extends: {file: far:b.yaml, service: s}}}\n";
    static const char a_text[] = "services: {a: {unikernel: {kernel: k}}}\n";
    static const char b_text[] = "services: {s: {unikernel: {kernel: ./k}}}\n";
    static const char lost_text[] = "include: [far:away]\n";
    struct scratch s;
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;

    scratch_init(&s, lost_text, strlen(lost_text));
    _cleanup_free_ char *fetched = cunik_path_join(s.folder, "fetched");
    _cleanup_free_ char *a = cunik_path_join(fetched, "a.yaml");
    _cleanup_free_ char *b = cunik_path_join(fetched, "b.yaml");
    _cleanup_free_ char *whole = cunik_path_join(fetched, "main.yaml");
    _cleanup_free_ char *kernel = cunik_path_join(fetched, "k");
    const struct load_remote remote = {is_remote, fetch, s.folder};
    test_ok(cunik_file_make_folders(fetched, 0755, &err), err);
    test_ok(cunik_file_write(a, a_text, strlen(a_text), 0644, false, &err), err);
    test_ok(cunik_file_write(b, b_text, strlen(b_text), 0644, false, &err), err);
    test_ok(cunik_file_write(whole, main_text, strlen(main_text), 0644, false, &err), err);

    expect_error(&s, "far:away': No such file");
    s.o.remote = &remote;
    expect_error(&s, "compose.yaml:1:11: include: fetching 'far:away': it is nowhere");
    cunik_strv_add(&s.files, "far:main.yaml");
    test_ok(cunik_load_stack(&s.o, NULL, &stack, &d, &err), err);
    assert_string_equal(stack.working_dir, fetched);
    assert_int_equal(stack.n_services, 2);
    for (size_t i = 0; i < stack.n_services; i++)
        assert_string_equal(stack.services[i].unikernel.kernel, kernel);
    scratch_done(&s);
}

/* What multiplies by being named again and again is bounded, and said once. */
static void bombs(void **state _unused_)
{
    _cleanup_buffer_ struct buffer ports = {0}, extends = {0}, env_file = {0};
    struct scratch s;

    cunik_buffer_text_append(&ports, "services: {a: {ports: [80");
    cunik_buffer_text_append(&extends, "services:\n  base: {environment: [A0");
    cunik_buffer_text_append(&env_file, "services:\n");
    for (size_t i = 0; i < 1000; i++) {
        cunik_buffer_text_append(&ports, ", 0-65535");
        cunik_buffer_printf(&extends, ", A%zu=b", i);
        cunik_buffer_printf(&env_file, "  s%zu: {env_file: big.env}\n", i);
    }
    cunik_buffer_text_append(&ports, "]}}\n");
    cunik_buffer_text_append(&extends, "]}\n");
    for (size_t i = 0; i < 1000; i++)
        cunik_buffer_printf(&extends, "  s%zu: {extends: base}\n", i);

    scratch_init(&s, ports.data, ports.size);
    s.o.size_max = 64 << 20;
    expect_error(&s, "the lists of this stack grow too large");
    scratch_done(&s);

    scratch_init(&s, extends.data, extends.size);
    s.o.size_max = 64 << 20;
    expect_error(&s, "the stack grows too large by what its files repeat");
    scratch_done(&s);

    _cleanup_error_ struct error *err = NULL;
    scratch_init(&s, env_file.data, env_file.size);
    s.o.size_max = 4 << 20;
    _cleanup_free_ char *big = cunik_path_join(s.folder, "big.env");
    _cleanup_buffer_ struct buffer lines = {0};
    for (size_t i = 0; i < 1000; i++)
        cunik_buffer_printf(&lines, "VARIABLE_%zu=value\n", i);
    test_ok(cunik_file_write(big, lines.data, lines.size, 0644, false, &err), err);
    expect_error(&s, "the stack grows too large by what its files repeat");
    scratch_done(&s);
}

/* Each of 30 files includes the next one a few times: billions, if nobody counted. */
static void include_bomb(void **state _unused_)
{
    struct scratch s;
    _cleanup_error_ struct error *err = NULL;

    scratch_init(&s, "include: [f0.yaml, f0.yaml]\n", 28);
    for (size_t i = 0; i < 30; i++) {
        _cleanup_free_ char *name = cunik_asprintf("f%zu.yaml", i);
        _cleanup_free_ char *path = cunik_path_join(s.folder, name);
        _cleanup_free_ char *text =
            cunik_asprintf("include: [f%zu.yaml, f%zu.yaml, f%zu.yaml]\n", i + 1, i + 1, i + 1);
        test_ok(cunik_file_write(path, i < 29 ? text : "services: {}\n", i < 29 ? strlen(text) : 13,
                                 0644, false, &err),
                err);
    }
    expect_error(&s, "the stack has more than 10000 files");
    scratch_done(&s);
}

static void append_services(struct buffer *b, size_t n)
{
    cunik_buffer_text_append(b, "name: big\nservices:\n");
    for (size_t i = 0; i < n; i++) {
        cunik_buffer_printf(b,
                            "  s%zu:\n    image: i%zu\n    command: [serve, \"%zu\"]\n"
                            "    environment: {ID: \"%zu\"}\n    unikernel: {kernel: k.elf}\n",
                            i, i % 7, i, i);
        if (i)
            cunik_buffer_printf(b, "    depends_on: [s%zu]\n", i / 2);
    }
}

static double load_time(size_t n)
{
    _cleanup_buffer_ struct buffer b = {0};
    struct scratch s;
    _cleanup_stack_ struct stack stack = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    struct timespec begin, end;

    append_services(&b, n);
    scratch_init(&s, b.data, b.size);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    test_ok(cunik_load_stack(&s.o, NULL, &stack, &d, &err), err);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_int_equal(stack.n_services, n);
    scratch_done(&s);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* Ten times as much takes about ten times as long, not a hundred times. */
static void large_stack(void **state _unused_)
{
    double small = load_time(1000), large = load_time(10000);
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    print_message("# 1000 services %.3f s, 10000 services %.3f s, %ld KiB\n", small, large,
                  usage.ru_maxrss);
    assert_true(large < small * 40 + 0.1);
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(hashes),         cmocka_unit_test(missing_file),
        cmocka_unit_test(folder_as_file), cmocka_unit_test(huge_file),
        cmocka_unit_test(binary_file),    cmocka_unit_test(search_upwards),
        cmocka_unit_test(standard_input), cmocka_unit_test(project_names),
        cmocka_unit_test(bombs),          cmocka_unit_test(include_bomb),
        cmocka_unit_test(remote_files),   cmocka_unit_test(large_stack),
        cmocka_unit_test(secrets_unread),
    };
    _cleanup_strv_ struct strv folders = {0};

    if (cunik_file_exists(golden))
        test_folders(golden, &folders);
    size_t n = ARRAY_SIZE(own) + folders.n;
    _cleanup_free_ struct CMUnitTest *tests = cunik_calloc(n, sizeof(*tests));
    memcpy(tests, own, sizeof(own));
    for (size_t i = 0; i < folders.n; i++)
        tests[ARRAY_SIZE(own) + i] = (struct CMUnitTest){
            .name = folders.items[i],
            .test_func = golden_case,
            .initial_state = folders.items[i],
        };
    return _cmocka_run_group_tests("load", tests, n, NULL, NULL);
}
