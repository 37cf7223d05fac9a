/* nftables as others use it too: chains are listed while somebody changes them. */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/integration/netns.h"

#include "base/buffer.h"
#include "network/nftables.h"

static atomic_bool over;

static void carry_out(const char *commands)
{
    _cleanup_free_ char *complaint = NULL;

    if (cunik_nftables_run(commands, false, &complaint) != 0)
        fail_msg("%s", complaint);
}

static void *keep_changing(_unused_ void *arg)
{
    while (!over)
        carry_out("add chain ip others x; delete chain ip others x");
    return NULL;
}

/* The kernel says of a list that it changed underway: then it is asked again. */
static void test_changing(_unused_ void **state)
{
    enum { CHAINS = 1500, ROUNDS = 40 };
    _cleanup_buffer_ struct buffer b = {0};
    pthread_t other;

    cunik_buffer_text_append(&b, "add table ip others; add table ip mine\n");
    for (int i = 0; i < CHAINS; i++)
        cunik_buffer_printf(&b, "add chain ip mine c%d\n", i);
    carry_out(cunik_buffer_text(&b));
    assert_int_equal(pthread_create(&other, NULL, keep_changing, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        _cleanup_nftables_chains_ struct nftables_chains all = {0}, mine = {0};
        _cleanup_error_ struct error *err = NULL;
        test_ok(cunik_nftables_chains(NULL, &all, &err), err);
        test_ok(cunik_nftables_chains("mine", &mine, &err), err);
        assert_true(all.n == CHAINS || all.n == CHAINS + 1);
        assert_int_equal(mine.n, CHAINS);
    }
    over = true;
    pthread_join(other, NULL);
    carry_out("delete table ip others; delete table ip mine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changing),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("nftables", tests, NULL, NULL);
}
