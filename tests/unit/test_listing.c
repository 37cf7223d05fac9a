#include "tests/support/test.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/listing.h"
#include "compose/log_printer.h"

enum { NOW = 1000000000 };

static struct world_cunik *add(struct world *w, const char *stack, const char *service,
                               enum cunik_state state)
{
    struct world_cunik *c = cunik_world_add_cunik(w);

    free(c->name);
    c->name = cunik_asprintf("%s-%s-1", stack, service);
    cunik_replace(&c->stack, stack);
    cunik_replace(&c->service, service);
    cunik_replace(&c->uuid, "0b6a1d5e-0000-5000-8000-000000000001");
    cunik_replace(&c->boot.kernel, "/images/web.elf");
    c->index = 1;
    c->status.state = state;
    c->status.created_ms = NOW - 7200000;
    c->status.started_ms = NOW - 180000;
    return c;
}

static void sample(struct world *w)
{
    struct world_cunik *c = add(w, "shop", "web", CUNIK_RUNNING);

    c->status.health = HEALTH_HEALTHY;
    cunik_strv_add(&c->command, "serve");
    cunik_strv_add(&c->command, "--a-long-option=1");
    c->ports = cunik_calloc(1, sizeof(*c->ports));
    c->n_ports = 1;
    c->ports[0] = (struct world_port){cunik_strdup("127.0.0.1"), 8080, 80, cunik_strdup("tcp")};
    c = add(w, "shop", "job", CUNIK_EXITED);
    c->status.exit_code = 3;
    c->status.ended_ms = NOW - 5000;
    add(w, "other", "db", CUNIK_RUNNING);
}

static void table(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};

    sample(&w);
    _cleanup_free_ char *running =
        cunik_listing_table(&w, &(struct listing_options){.now_ms = NOW});
    _cleanup_free_ char *all =
        cunik_listing_table(&w, &(struct listing_options){.now_ms = NOW, .all = true});
    _cleanup_free_ char *both = cunik_asprintf("%s\n%s", running, all);
    test_golden("tests/golden/listing/ps.txt", both);
}

static void json(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};

    sample(&w);
    _cleanup_json_ json_t *list =
        cunik_listing_json(&w, &(struct listing_options){.now_ms = NOW, .all = true});
    _cleanup_free_ char *text = cunik_json_text(list, JSON_INDENT(2));
    _cleanup_free_ char *line = cunik_asprintf("%s\n", text);
    test_golden("tests/golden/listing/ps.json", line);
}

/* A table keeps its width; nothing is lost for programs. */
static void long_reason(void **state _unused_)
{
    static const char reason[] = "starting 'redis-cli' on this host: No such file or directory "
                                 "\xe2\x80\x94 and much more";
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = add(&w, "shop", "web", CUNIK_RUNNING);

    c->status.health = HEALTH_UNHEALTHY;
    cunik_replace(&c->status.reason, reason);
    cunik_replace(&c->boot.initrd, "/images/web.cpio");
    const struct listing_options o = {.now_ms = NOW};
    _cleanup_free_ char *text = cunik_listing_table(&w, &o);
    assert_non_null(strstr(
        text,
        " Up 3 minutes (unhealthy: starting 'redis-\u2026le or directory \u2014 and much more)"));
    assert_non_null(strstr(text, " web.cpio "));
    _cleanup_json_ json_t *list = cunik_listing_json(&w, &o);
    const char *status = json_string_value(json_object_get(json_array_get(list, 0), "Status"));
    assert_non_null(strstr(status, reason));
}

static void stacks(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};

    sample(&w);
    _cleanup_free_ char *text = cunik_listing_stacks_table(&w, true);
    assert_string_equal(text, "NAME    STATUS\n"
                              "shop    exited(1), running(1)\n"
                              "other   running(1)\n");
    _cleanup_json_ json_t *list = cunik_listing_stacks_json(&w, false);
    assert_int_equal(json_array_size(list), 2);
}

static void ages(void **state _unused_)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "Less than a second"},   {999, "Less than a second"},   {1000, "1 second"},
        {59999, "59 seconds"},        {60000, "About a minute"},     {119999, "About a minute"},
        {120000, "2 minutes"},        {7200000, "2 hours"},          {172800000, "2 days"},
        {14 * 86400000LL, "2 weeks"}, {90 * 86400000LL, "3 months"}, {731 * 86400000LL, "2 years"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = cunik_listing_age(cases[i].ms);
        assert_string_equal(text, cases[i].text);
    }
}

static void log_lines(void **state _unused_)
{
    struct log_printer p = {.stack = "shop", .prefix = true, .timestamps = true};
    _cleanup_world_ struct world w = {0};
    _cleanup_buffer_ struct buffer b = {0};

    sample(&w);
    w.n_cuniks = 2;
    cunik_log_printer_expect(&p, &w);
    cunik_log_printer_format(
        &p, &(struct log_line){"shop-web-1", "web", "hi\033[2J\x07 there\t!", 86400123}, &b);
    assert_string_equal(cunik_buffer_text(&b),
                        "web-1  | 1970-01-02T00:00:00.123Z hi[2J there\t!\n");
    cunik_buffer_done(&b);
    p.color = true;
    p.timestamps = false;
    cunik_log_printer_format(&p, &(struct log_line){"shop-web-1", "web", "x", 0}, &b);
    assert_string_equal(cunik_buffer_text(&b), "\033[36mweb-1  | \033[0mx\n");
    cunik_log_printer_done(&p);
    cunik_world_cunik_done(&w.cuniks[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),  cmocka_unit_test(json), cmocka_unit_test(long_reason),
        cmocka_unit_test(stacks), cmocka_unit_test(ages), cmocka_unit_test(log_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
