/* Where an engine keeps its things, for each kind of user. */
#include "tests/support/test.h"

#include "base/memory.h"
#include "engine/paths.h"

static void expect(struct paths_facts f, const char *folder)
{
    _cleanup_free_ char *got = cunik_paths_choose(&f);

    assert_string_equal(got, folder);
}

static void given(void **state _unused_)
{
    expect((struct paths_facts){.root = "/srv/c", .here = "/x", .home = "/home/u"}, "/srv/c");
    expect((struct paths_facts){.root = "c", .here = "/x", .is_root = true}, "/x/c");
    expect((struct paths_facts){.root = "c"}, "/c");
}

static void root(void **state _unused_)
{
    const struct paths_facts f = {
        .root = "", .is_root = true, .data_home = "/root/d", .home = "/root"};

    expect(f, "/var/lib/cunik");
}

static void others(void **state _unused_)
{
    expect((struct paths_facts){.home = "/home/u"}, "/home/u/.local/share/cunik");
    expect((struct paths_facts){.home = "/home/u", .data_home = "/data"}, "/data/cunik");
    expect((struct paths_facts){.home = "/home/u", .data_home = "data"},
           "/home/u/.local/share/cunik");
    /* Without a home there is only the host's, of which the engine says that it is not theirs. */
    expect((struct paths_facts){.home = ""}, "/var/lib/cunik");
}

static void of_the_group(void **state _unused_)
{
    const struct paths_facts f = {.host_engine = true, .home = "/home/u"};

    expect(f, "/var/lib/cunik");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given),
        cmocka_unit_test(root),
        cmocka_unit_test(others),
        cmocka_unit_test(of_the_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
