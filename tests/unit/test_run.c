/* What `run` makes of its options, and which cuniks a filter means. */
#include "tests/support/test.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/cunik_filter.h"
#include "engine/health.h"
#include "engine/request.h"
#include "engine/run_options.h"
#include "engine/world_image.h"

struct words {
    struct strv environment, labels, ports, disks, volumes, params, command;
};

static void words_done(struct words *w)
{
    cunik_strv_done(&w->environment);
    cunik_strv_done(&w->labels);
    cunik_strv_done(&w->ports);
    cunik_strv_done(&w->disks);
    cunik_strv_done(&w->volumes);
    cunik_strv_done(&w->params);
    cunik_strv_done(&w->command);
}

static char *const some_environment[] = {"HOME=/root", "GREETING=hello world", NULL};

static struct run_options options(const struct words *w)
{
    return (struct run_options){
        .name = "web",
        .kernel = "/images/web.elf",
        .environment = &w->environment,
        .labels = &w->labels,
        .ports = &w->ports,
        .disks = &w->disks,
        .volumes = &w->volumes,
        .folder = "/home/me",
        .params = &w->params,
        .command = &w->command,
        .environ = some_environment,
    };
}

static void whole(void **state _unused_)
{
    _cleanup_(words_done) struct words v = {0};
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_split(&v.environment, "PORT=80 GREETING MISSING EMPTY=", " ");
    cunik_strv_split(&v.labels, "tier=front odd", " ");
    cunik_strv_split(&v.ports, "8080:80 127.0.0.1::53/udp 81", " ");
    cunik_strv_split(&v.disks, "/data.img:/data:ro /raw.img", " ");
    cunik_strv_split(&v.command, "-v --port 80", " ");
    struct run_options o = options(&v);
    o.memory = "64m";
    o.cpus = "0.5";
    o.restart = "on-failure:3";
    o.health = (struct run_health){.command = "true", .interval = "2s", .retries = "5"};
    test_ok(cunik_run_world(&o, &w, &err), err);
    _cleanup_json_ json_t *json = cunik_world_to_json(&w);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(2));
    _cleanup_free_ char *line = cunik_asprintf("%s\n", text);
    test_golden("tests/golden/run/whole.json", line);
}

static void networks(void **state _unused_)
{
    _cleanup_(words_done) struct words v = {0};
    _cleanup_world_ struct world own = {0}, other = {0}, none = {0};
    struct run_options o = options(&v);

    test_ok(cunik_run_world(&o, &own, NULL), NULL);
    assert_int_equal(own.n_networks, 1);
    assert_string_equal(own.networks[0].name, "web_default");
    o.network = "shop_default";
    test_ok(cunik_run_world(&o, &other, NULL), NULL);
    assert_true(other.networks[0].external);
    assert_string_equal(other.cuniks[0].interfaces[0].network, "shop_default");
    o.network = "none";
    test_ok(cunik_run_world(&o, &none, NULL), NULL);
    assert_int_equal(none.n_networks, 0);
    assert_int_equal(none.cuniks[0].n_interfaces, 0);
}

/* What boots its image's disk is filled in once: `update` sends what is there. */
static void image(void **state _unused_)
{
    _cleanup_(words_done) struct words v = {0};
    _cleanup_world_ struct world w = {0}, given = {0};
    struct run_options o = options(&v);

    o.kernel = NULL;
    o.image = "team/web:1";
    test_ok(cunik_run_world(&o, &w, NULL), NULL);
    struct world_cunik *c = &w.cuniks[0], *of_image = cunik_world_add_cunik(&given);
    assert_string_equal(c->image, "team/web:1");
    assert_string_equal(c->boot.kernel, "");
    assert_true(cunik_world_wants_image(c));
    cunik_replace(&of_image->image_digest, "sha256:1");
    cunik_replace(&cunik_world_add_disk(of_image)->path, "/unpacked/1/disk.raw");
    cunik_world_use_image(&w, c, of_image);
    assert_int_equal(c->boot.n_disks, 1);
    assert_false(cunik_world_wants_image(c));
}

/* The test of an image holds unless it is refused. */
static void image_health(void **state _unused_)
{
    for (int refused = 0; refused < 2; refused++) {
        _cleanup_(words_done) struct words v = {0};
        _cleanup_world_ struct world w = {0}, given = {0};
        struct run_options o = options(&v);
        o.kernel = NULL;
        o.image = "team/web:1";
        o.health.none = refused;
        test_ok(cunik_run_world(&o, &w, NULL), NULL);
        struct world_cunik *of_image = cunik_world_add_cunik(&given);
        cunik_strv_add(&of_image->health.test, "CMD-SHELL");
        cunik_strv_add(&of_image->health.test, "true");
        cunik_world_use_image(&w, &w.cuniks[0], of_image);
        assert_int_equal(w.cuniks[0].health.test.n, refused ? 0 : 2);
    }
}

static void expect(const struct run_options *o, const char *message)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_world_ struct world w = {0};

    assert_true(cunik_run_world(o, &w, &err) < 0);
    assert_string_equal(err->message, message);
    assert_int_equal(err->code, ERROR_INVALID);
}

/* What is said of health goes before the image's; times alone, as a stack file may have them, are
 * for the image's test. */
static void health_of_image(void **state _unused_)
{
    _cleanup_(words_done) struct words v = {0};
    _cleanup_world_ struct world given = {0};
    struct world_cunik *of_image = cunik_world_add_cunik(&given);
    struct run_options o = options(&v);

    cunik_strv_add(&of_image->health.test, "TCP");
    cunik_strv_add(&of_image->health.test, "80");
    o.kernel = NULL;
    o.image = "web";
    for (int i = 0; i < 4; i++) {
        _cleanup_world_ struct world w = {0};
        o.health = (struct run_health){.command = i == 1 ? "true" : NULL, .none = i == 2};
        test_ok(cunik_run_world(&o, &w, NULL), NULL);
        struct world_health *h = &w.cuniks[0].health;
        if (i == 3)
            h->interval_ns = 7;
        cunik_world_use_image(&w, &w.cuniks[0], of_image);
        if (i == 2) {
            assert_int_equal(h->test.n, 0);
            assert_int_equal(h->interval_ns, 0);
            continue;
        }
        assert_string_equal(h->test.items[0], i == 1 ? "CMD-SHELL" : "TCP");
        assert_int_equal(h->interval_ns, i == 3 ? 7 : cunik_health_usual.interval_ns);
    }
}

static void mistakes(void **state _unused_)
{
    static const char *const ports[] = {
        "",        "0",        "65536", "a:80",  "80:", "1:2:80",    "1.2.3:1:80",
        "80/sctp", "1:1:1:80", "-1:80", "8080:", "::",  "80/tcp/udp"};
    _cleanup_(words_done) struct words none = {0};
    struct run_options o = options(&none);

    o.memory = "much";
    expect(&o, "option '--memory' takes a size such as 64m, not 'much'");
    o = options(&none);
    o.cpus = "0";
    expect(&o, "option '--cpus' takes a number above 0, not '0'");
    o = options(&none);
    o.restart = "always:3";
    expect(&o, "option '--restart' takes no, always, unless-stopped or on-failure[:N], not "
               "'always:3'");
    o = options(&none);
    o.stop_timeout = "soon";
    expect(&o, "option '--stop-timeout' takes seconds, not 'soon'");
    o = options(&none);
    o.health.interval = "2s";
    expect(&o, "option '--health-interval' wants '--health-cmd'");
    o.health.command = "true";
    o.health.interval = "-2s";
    expect(&o, "option '--health-interval' takes a time such as 30s, not '-2s'");
    o.health = (struct run_health){.command = "true", .retries = "0"};
    expect(&o, "option '--health-retries' takes a number from 1 to 1000, not '0'");
    o.health = (struct run_health){.command = "true", .none = true};
    expect(&o, "options '--no-healthcheck' and '--health-cmd' exclude each other");
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        _cleanup_(words_done) struct words v = {0};
        _cleanup_free_ char *message = cunik_asprintf(
            "option '--publish' takes [[IP:]HOST:]PORT[/tcp|/udp], not '%s'", ports[i]);
        cunik_strv_add(&v.ports, ports[i]);
        o = options(&v);
        expect(&o, message);
    }
    _cleanup_(words_done) struct words v = {0};
    cunik_strv_add(&v.disks, "/data.img:data");
    o = options(&v);
    expect(&o, "option '--disk' takes PATH[:MOUNT][:ro], not '/data.img:data'");
}

/* A name is a volume's, of no stack; a path a folder's; neither a volume of its own. */
static void volumes(void **state _unused_)
{
    _cleanup_(words_done) struct words v = {0};
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_split(
        &v.volumes, "notes:/a notes:/b:ro ./site:/c:ro ../up:/d /e:/e:ro,rw /f e.g:/g:nocopy", " ");
    struct run_options o = options(&v);
    test_ok(cunik_run_world(&o, &w, &err), err);
    _cleanup_json_ json_t *json = cunik_world_to_json(&w);
    const json_t *cunik = json_array_get(json_object_get(json, "cuniks"), 0);
    _cleanup_json_ json_t *both =
        json_pack("{s:O, s:O}", "mounts", json_object_get(cunik, "volumes"), "volumes",
                  json_object_get(json, "volumes"));
    _cleanup_free_ char *text = cunik_json_text(both, JSON_INDENT(2));
    _cleanup_free_ char *line = cunik_asprintf("%s\n", text);
    test_golden("tests/golden/run/volumes.json", line);
}

static void volume_mistakes(void **state _unused_)
{
    static const char name[] = "a name has letters, digits, '.', '_' and '-', and a path begins "
                               "with '/' or '.'";
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "invalid empty volume spec"},
        {"a", "the target must be an absolute path"},
        {"a:", "the target must be an absolute path"},
        {"notes", "the target must be an absolute path"},
        {"notes:data", "the target must be an absolute path"},
        {"/a:/b:/c", "the options are ro, rw and nocopy"},
        {"/a:/b:ro:", "invalid spec: /a:/b:ro:: too many colons"},
        {":/data", "invalid spec: :/data: empty section between colons"},
        {"notes::ro", "invalid spec: notes::ro: empty section between colons"},
        {"/a:/b:r", "the options are ro, rw and nocopy"},
        {"/a:/b:ro,z", "the options are ro, rw and nocopy"},
        {"/a:/b:rshared", "the options are ro, rw and nocopy"},
        {"~/a:/b", "a path begins with '/' or '.'"},
        {"C:\\a:/b", "a path begins with '/' or '.'"},
        {"a/b:/c", name},
        {"-a:/c", name},
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(words_done) struct words v = {0};
        _cleanup_free_ char *message =
            cunik_asprintf("option '--volume' takes [NAME|PATH:]TARGET[:ro], not '%s': %s",
                           bad[i].text, bad[i].why);
        cunik_strv_add(&v.volumes, bad[i].text);
        struct run_options o = options(&v);
        expect(&o, message);
    }
    _cleanup_(words_done) struct words v = {0};
    cunik_strv_split(&v.volumes, "one:/data two:/data", " ");
    struct run_options o = options(&v);
    expect(&o, "two things are to be at '/data'");
    cunik_strv_done(&v.volumes);
    cunik_strv_add(&v.disks, "/disk.img:/data");
    cunik_strv_add(&v.volumes, "one:/data");
    expect(&o, "two things are to be at '/data'");
}

static bool matches(const struct world_cunik *c, const char *filters)
{
    _cleanup_filter_ struct filter f = {.kind = &cunik_filter_cuniks};
    _cleanup_free_ char *text = cunik_strdup(filters);
    char *rest = text;

    for (char *one; (one = strsep(&rest, " "));)
        test_ok(cunik_filter_add(&f, one, NULL), NULL);
    return cunik_filter_matches(&f, c);
}

static void filters(void **state _unused_)
{
    _cleanup_(words_done) struct words v = {0};
    _cleanup_world_ struct world w = {0};
    _cleanup_filter_ struct filter f = {.kind = &cunik_filter_cuniks};
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_add(&v.labels, "tier=front");
    cunik_strv_add(&v.ports, "8080:80");
    struct run_options o = options(&v);
    test_ok(cunik_run_world(&o, &w, NULL), NULL);
    struct world_cunik *c = &w.cuniks[0];
    c->status.state = CUNIK_EXITED;
    c->status.exit_code = 3;
    assert_true(matches(c, "name=we"));
    assert_false(matches(c, "name=db"));
    assert_true(matches(c, "name=db name=web stack=web service=web"));
    assert_false(matches(c, "stack=shop service=web"));
    assert_true(matches(c, "status=exited exited=3 health=none"));
    assert_false(matches(c, "status=running"));
    assert_false(matches(c, "exited=0"));
    assert_true(matches(c, "label=tier label=odd"));
    assert_true(matches(c, "label=tier=front"));
    assert_false(matches(c, "label=tier=back"));
    assert_false(matches(c, "label=tie"));
    assert_true(matches(c, "network=web_default publish=8080"));
    assert_false(matches(c, "publish=8080/udp"));
    assert_true(cunik_filter_add(&f, "colour=red", &err) < 0);
    assert_string_equal(err->message,
                        "cuniks are filtered by name, id, stack, service, status, health, exited, "
                        "label, network, publish, not by 'colour'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),           cmocka_unit_test(networks),
        cmocka_unit_test(image),           cmocka_unit_test(image_health),
        cmocka_unit_test(health_of_image), cmocka_unit_test(mistakes),
        cmocka_unit_test(volumes),         cmocka_unit_test(volume_mistakes),
        cmocka_unit_test(filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
