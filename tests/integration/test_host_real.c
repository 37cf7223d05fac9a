/* The real host: real links, rules, names, libvirt and the probe guest, in a network namespace of
 * the test's own. */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/host_real.h"
#include "network/names.h"

#define PROBE "build/guests/probe.elf"

static char *root;
static struct hypervisor *hypervisor;
static struct consoles *consoles;
static struct host_real *real;
static const struct host *host;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned changes;

static void on_change(_unused_ void *ctx, _unused_ const char *name)
{
    pthread_mutex_lock(&lock);
    changes++;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void observe(struct world *w)
{
    _cleanup_error_ struct error *err = NULL;

    cunik_world_done(w);
    *w = (struct world){0};
    test_ok(host->ops->observe(host->ctx, w, &err), err);
}

/* Looks again at each change, until the cunik is in that state. */
static const struct world_cunik *wait_state(struct world *w, const char *name,
                                            enum cunik_state state)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    for (;;) {
        pthread_mutex_lock(&lock);
        unsigned before = changes;
        pthread_mutex_unlock(&lock);
        observe(w);
        const struct world_cunik *c = cunik_world_cunik(w, name);
        if (c && c->status.state == state)
            return c;
        pthread_mutex_lock(&lock);
        int r = 0;
        while (changes == before && r == 0)
            r = pthread_cond_timedwait(&moved, &lock, &end);
        pthread_mutex_unlock(&lock);
        if (r != 0)
            fail_msg("'%s' is not %s", name, cunik_state_name(state));
    }
}

/* A stack of one network and one cunik, with everything assigned. */
static void make_world(struct world *w, const char *command)
{
    _cleanup_free_ char *kernel = realpath(PROBE, NULL);
    const char *engine = cunik_host_real_engine(real);
    struct world_network *n = cunik_world_add_network(w);
    struct world_cunik *c = cunik_world_add_cunik(w);
    struct world_interface *i = cunik_world_add_interface(c);
    struct world_port *p = cunik_world_add_port(c);

    assert_non_null(kernel);
    cunik_replace(&n->name, "shop_default");
    cunik_replace(&n->stack, "shop");
    cunik_replace(&n->key, "default");
    cunik_replace(&n->subnet, "172.30.1.0/24");
    cunik_replace(&n->gateway, "172.30.1.1");
    free(n->link);
    n->link = cunik_network_link_name('b', engine, "shop", "shop_default");
    cunik_replace(&c->name, "shop-web-1");
    cunik_replace(&c->stack, "shop");
    cunik_replace(&c->service, "web");
    c->index = 1;
    free(c->uuid);
    c->uuid = cunik_network_uuid("shop", "web", 1);
    cunik_replace(&c->boot.kernel, kernel);
    cunik_replace(&c->boot.backend, "unikraft");
    cunik_strv_split(&c->command, command, " ");
    c->status.state = CUNIK_RUNNING;
    cunik_replace(&i->network, "shop_default");
    free(i->link);
    i->link = cunik_network_link_name('t', engine, "shop", "shop-web-1/shop_default");
    free(i->mac);
    i->mac = cunik_network_mac("shop", "web", 1, "shop_default");
    cunik_replace(&i->address, "172.30.1.2");
    p->host_port = 18080;
    p->port = 80;
    cunik_replace(&p->protocol, "tcp");
}

static void bring_up(const struct world *w)
{
    _cleanup_error_ struct error *err = NULL;
    const struct host_ops *o = host->ops;
    const struct world_network *n = &w->networks[0];
    const struct world_cunik *c = &w->cuniks[0];
    double t[8] = {now_ms()};

    test_ok(o->state_write(host->ctx, "shop", w, &err), err);
    t[1] = now_ms();
    test_ok(o->network_create(host->ctx, n, &err), err);
    t[2] = now_ms();
    test_ok(o->names_start(host->ctx, n, &err), err);
    t[3] = now_ms();
    test_ok(o->links_create(host->ctx, c, w, &err), err);
    test_ok(o->names_add(host->ctx, c, &err), err);
    t[4] = now_ms();
    test_ok(o->rules_replace(host->ctx, w, &err), err);
    t[5] = now_ms();
    test_ok(o->domain_define(host->ctx, c, w, &err), err);
    t[6] = now_ms();
    test_ok(o->domain_start(host->ctx, c, &err), err);
    t[7] = now_ms();
    print_message(
        "# ms: state %.1f, network %.1f, names %.1f, links %.1f, rules %.1f, define %.1f, "
        "start %.1f\n",
        t[1] - t[0], t[2] - t[1], t[3] - t[2], t[4] - t[3], t[5] - t[4], t[6] - t[5], t[7] - t[6]);
}

static void take_down(const struct world *w)
{
    _cleanup_error_ struct error *err = NULL;
    const struct host_ops *o = host->ops;
    const struct world nothing = {0};

    test_ok(o->domain_destroy(host->ctx, &w->cuniks[0], &err), err);
    test_ok(o->domain_undefine(host->ctx, &w->cuniks[0], &err), err);
    test_ok(o->names_remove(host->ctx, &w->cuniks[0], &err), err);
    test_ok(o->links_remove_stack(host->ctx, "shop", &err), err);
    test_ok(o->names_stop(host->ctx, &w->networks[0], &err), err);
    test_ok(o->rules_replace(host->ctx, &nothing, &err), err);
    test_ok(o->state_write(host->ctx, "shop", NULL, &err), err);
}

static int start(void **state);
static int stop(void **state);

static void assert_nothing_left(void)
{
    _cleanup_world_ struct world w = {0};

    observe(&w);
    assert_int_equal(w.n_cuniks, 0);
    assert_int_equal(w.n_networks, 0);
    assert_true(w.ports_published);
    must("test -z \"$(ip -o link | grep -E ' ck[bt]')\"");
    must("test -z \"$(nft list tables)\"");
    must("test -z \"$(find %s/stacks %s/images %s/networks %s/names %s/consoles %s/restarts -type "
         "f)\"",
         root, root, root, root, root, root);
}

/* The first line of what answers at 127.0.0.1:18080, waiting for the guest to be up. */
static bool fetch(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(18080), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char question[] = "GET / HTTP/1.0\r\n\r\n";
    struct timeval patience = {.tv_sec = 1};
    double begin = now_ms();
    char answer[16] = "";

    while (now_ms() - begin < 20000) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
            send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) > 0 &&
            recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0)
            return strncmp(answer, "HTTP/1.", 7) == 0 && strstr(answer, " 200");
        poll(NULL, 0, 10); /* refused: nothing tells when it will listen */
    }
    return false;
}

static void test_life(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0}, seen = {0};
    _cleanup_strv_ struct strv recreate = {0}, update = {0};
    _cleanup_error_ struct error *err = NULL;
    const struct host_ops *o = host->ops;

    make_world(&w, "echo hello");
    _cleanup_strv_ struct strv warnings = {0};
    test_ok(o->check(host->ctx, &w.cuniks[0], &w, &warnings, &err), err);
    bring_up(&w);
    bring_up(&w); /* every operation is idempotent */
    assert_true(fetch());

    const struct world_cunik *c = wait_state(&seen, "shop-web-1", CUNIK_RUNNING);
    assert_int_equal(seen.n_networks, 1);
    assert_true(seen.networks[0].up && seen.networks[0].names_served && seen.ports_published);
    assert_false(c->status.links_missing || c->status.links_lost);
    assert_true(c->status.pid > 0 && c->status.ended_ms == 0);
    assert_true(c->status.created_ms > 0 && c->status.started_ms > 0);
    /* What was made is what was wanted. */
    cunik_world_cunik_diff(c, &w.cuniks[0], &recreate, &update);
    cunik_world_network_diff(&seen.networks[0], &w.networks[0], &recreate, &update);
    assert_int_equal(recreate.n + update.n, 0);
    /* The guest runs as somebody without rights, and what it boots is a copy. */
    must("test \"$(stat -c %%u /proc/%d)\" != 0", (int)c->status.pid);
    must("test \"$(stat -c %%U %s)\" = root", w.cuniks[0].boot.kernel);

    double begin = now_ms();
    for (int i = 0; i < 20; i++)
        observe(&seen);
    print_message("# observe: %.2f ms\n", (now_ms() - begin) / 20);

    cunik_world_pair_add(&w.cuniks[0].labels, "tier", "front");
    test_ok(o->domain_relabel(host->ctx, &w.cuniks[0], &err), err);
    observe(&seen);
    assert_int_equal(seen.cuniks[0].labels.n, 1);
    assert_string_equal(seen.cuniks[0].labels.items[0].value, "front");

    _cleanup_world_ struct world kept = {0};
    test_ok(o->state_read(host->ctx, "shop", &kept, &err), err);
    assert_int_equal(kept.n_cuniks, 1);
    assert_string_equal(kept.cuniks[0].name, "shop-web-1");
    assert_int_equal(o->state_read(host->ctx, "none", &kept, NULL), -ENOENT);

    w.cuniks[0].status.restarts = 4;
    w.cuniks[0].status.attempts = 3;
    w.cuniks[0].status.crashes = 2;
    test_ok(o->restarts_keep(host->ctx, &w.cuniks[0], &err), err);
    o->restarts_recall(host->ctx, &seen.cuniks[0]);
    assert_int_equal(seen.cuniks[0].status.restarts, 4);
    assert_int_equal(seen.cuniks[0].status.attempts, 3);
    assert_int_equal(seen.cuniks[0].status.crashes, 2);

    /* The probe speaks Unikraft's dialect, which does not hear the power button. */
    assert_int_equal(o->domain_shutdown(host->ctx, &w.cuniks[0], INT64_MAX, NULL), -ETIME);
    test_ok(o->domain_destroy(host->ctx, &w.cuniks[0], &err), err);
    c = wait_state(&seen, "shop-web-1", CUNIK_EXITED);
    assert_int_equal(c->status.end, END_DESTROYED);
    assert_int_equal(c->status.exit_code, 137);
    assert_true(c->status.ended_ms >= c->status.created_ms && c->status.pid == 0);
    test_ok(o->domain_destroy(host->ctx, &w.cuniks[0], &err), err);
    take_down(&w);
    take_down(&w);
    assert_nothing_left();
}

/* What somebody changes by hand is seen, and each operation puts its part right again. */
static void test_drift(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0}, seen = {0};
    _cleanup_error_ struct error *err = NULL;
    const struct host_ops *o = host->ops;

    make_world(&w, "echo hello");
    bring_up(&w);
    const char *bridge = w.networks[0].link, *tap = w.cuniks[0].interfaces[0].link;

    must("ip link set %s nomaster", tap);
    observe(&seen);
    assert_true(seen.cuniks[0].status.links_missing && !seen.cuniks[0].status.links_lost);
    test_ok(o->links_create(host->ctx, &w.cuniks[0], &w, &err), err);
    observe(&seen);
    assert_false(seen.cuniks[0].status.links_missing || seen.cuniks[0].status.links_lost);

    must("nft flush ruleset");
    must("kill -9 $(cat %s/names/shop_default/pid)", root);
    must("ip address flush dev %s", bridge);
    for (int i = 0; i < 500; i++) {
        observe(&seen);
        if (!seen.networks[0].names_served)
            break;
        poll(NULL, 0, 10);
    }
    assert_false(seen.networks[0].names_served || seen.networks[0].up || seen.ports_published);
    test_ok(o->network_create(host->ctx, &w.networks[0], &err), err);
    test_ok(o->names_start(host->ctx, &w.networks[0], &err), err);
    test_ok(o->rules_replace(host->ctx, &w, &err), err);
    observe(&seen);
    assert_true(seen.networks[0].names_served && seen.networks[0].up && seen.ports_published);
    assert_true(fetch());

    must("ip link del %s", bridge);
    observe(&seen);
    assert_true(seen.n_networks == 1 && !seen.networks[0].up);
    assert_true(seen.cuniks[0].status.links_missing);
    test_ok(o->names_stop(host->ctx, &w.networks[0], &err), err);
    test_ok(o->network_create(host->ctx, &w.networks[0], &err), err);
    test_ok(o->names_start(host->ctx, &w.networks[0], &err), err);
    test_ok(o->links_create(host->ctx, &w.cuniks[0], &w, &err), err);
    assert_true(fetch());

    /* A tap that is deleted under its guest is lost to it, also when there is one again. */
    must("ip link del %s", tap);
    observe(&seen);
    assert_true(seen.cuniks[0].status.links_lost);
    test_ok(o->links_create(host->ctx, &w.cuniks[0], &w, &err), err);
    observe(&seen);
    assert_true(seen.cuniks[0].status.links_lost);
    test_ok(o->domain_destroy(host->ctx, &w.cuniks[0], &err), err);
    test_ok(o->domain_start(host->ctx, &w.cuniks[0], &err), err);
    observe(&seen);
    assert_false(seen.cuniks[0].status.links_lost || seen.cuniks[0].status.links_missing);
    assert_true(fetch());

    /* A network whose file is gone is known by its bridge. */
    must("rm %s/networks/shop_default.json", root);
    observe(&seen);
    assert_int_equal(seen.n_networks, 1);
    assert_string_equal(seen.networks[0].stack, "shop");
    assert_string_equal(seen.networks[0].subnet, "172.30.1.0/24");
    take_down(&w);
    assert_nothing_left();
}

/* Another engine takes over: it knows only what is on the host. */
static void come_back(void)
{
    assert_int_equal(stop(NULL), 0);
    assert_int_equal(start(NULL), 0);
}

/* A definition that somebody has changed is seen and put back, and the guest runs on. */
static void test_changed_definition(_unused_ void **state)
{
    static const char memory[] = "<vcpu placement='static'>1</vcpu>";
    _cleanup_world_ struct world w = {0}, seen = {0};
    _cleanup_free_ char *xml = NULL;
    _cleanup_error_ struct error *err = NULL;
    const struct host_ops *o = host->ops;

    make_world(&w, "echo hello");
    bring_up(&w);
    come_back();
    observe(&seen);
    assert_string_equal(seen.cuniks[0].status.definition, "");
    int64_t pid = seen.cuniks[0].status.pid;
    test_ok(cunik_hypervisor_definition(hypervisor, "shop-web-1", &xml, &err), err);
    char *at = strstr(xml, memory);
    assert_non_null(at);
    at[strlen("<vcpu placement='static'>")] = '2';
    test_ok(cunik_hypervisor_redefine(hypervisor, "shop-web-1", xml, &err), err);
    come_back();
    observe(&seen);
    assert_string_equal(seen.cuniks[0].status.definition,
                        "<vcpu placement='static'>1</vcpu> → <vcpu placement='static'>2</vcpu>");
    test_ok(o->domain_restore(host->ctx, &w.cuniks[0], &err), err);
    test_ok(o->domain_relabel(host->ctx, &w.cuniks[0], &err), err);
    observe(&seen);
    assert_string_equal(seen.cuniks[0].status.definition, "");
    assert_int_equal(seen.cuniks[0].status.pid, pid);
    come_back();
    observe(&seen);
    assert_string_equal(seen.cuniks[0].status.definition, "");
    /* Without knowing how it was made, nothing is compared. */
    must("echo torn >%s/images/shop-web-1/domain.xml", root);
    come_back();
    observe(&seen);
    assert_string_equal(seen.cuniks[0].status.definition, "");
    take_down(&w);
    assert_nothing_left();
}

/* A domain of ours is seen whatever its label says. */
static void test_unreadable_label(_unused_ void **state)
{
    static const char *const labels[] = {
        "garbage", "{}", "{\"engine\":\"%s\",\"cunik\":{\"stack\":\"shop\",\"index\":\"x\"}}",
        "{\"engine\":\"%s\"}"};
    _cleanup_world_ struct world w = {0}, seen = {0};
    _cleanup_error_ struct error *err = NULL;

    make_world(&w, "echo hello");
    bring_up(&w);
    for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
        const char *engine = cunik_host_real_engine(real), *mark = strstr(labels[i], "%s");
        _cleanup_free_ char *label =
            mark ? cunik_asprintf("%.*s%s%s", (int)(mark - labels[i]), labels[i], engine, mark + 2)
                 : cunik_strdup(labels[i]);
        test_ok(cunik_hypervisor_relabel(hypervisor, "shop-web-1", label, &err), err);
        observe(&seen);
        assert_int_equal(seen.n_cuniks, 1);
        assert_true(seen.cuniks[0].status.unreadable);
        assert_string_equal(seen.cuniks[0].stack, "shop");
        assert_string_equal(seen.cuniks[0].service, "web");
        assert_int_equal(seen.cuniks[0].index, 1);
        assert_int_equal(seen.cuniks[0].status.state, CUNIK_RUNNING);
        assert_int_equal(seen.cuniks[0].n_interfaces, 1);
        assert_string_equal(seen.cuniks[0].interfaces[0].network, "shop_default");
        test_ok(cunik_world_cunik_check(&seen.cuniks[0], &err), err);
    }
    /* Another engine's is not ours. */
    test_ok(cunik_hypervisor_relabel(hypervisor, "shop-web-1", "{\"engine\":\"other\"}", &err),
            err);
    observe(&seen);
    assert_int_equal(seen.n_cuniks, 0);
    test_ok(host->ops->domain_relabel(host->ctx, &w.cuniks[0], &err), err);
    observe(&seen);
    assert_false(seen.cuniks[0].status.unreadable);
    take_down(&w);
    assert_nothing_left();
}

/* What QEMU's end says of the guest's. */
static void test_ends(_unused_ void **state)
{
    static const struct {
        const char *command;
        enum cunik_end end;
        int64_t code;
    } cases[] = {{"exit=0", END_POWEROFF, 0}, {"crash", END_RESET, 134}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_world_ struct world w = {0}, seen = {0};

        make_world(&w, cases[i].command);
        bring_up(&w);
        const struct world_cunik *c = wait_state(&seen, "shop-web-1", CUNIK_EXITED);
        print_message("# %s: %s, code %lld\n", cases[i].command, cunik_end_name(c->status.end),
                      (long long)c->status.exit_code);
        assert_int_equal(c->status.exit_code, cases[i].code);
        take_down(&w);
    }
    assert_nothing_left();
}

static void assert_refused(const struct world *w, enum error_code code, const char *words)
{
    _cleanup_strv_ struct strv warnings = {0};
    struct error *err = NULL;
    int r = host->ops->check(host->ctx, &w->cuniks[0], w, &warnings, &err);

    if (r >= 0)
        fail_msg("nothing was said of '%s'", words);
    if (err->code != code || !strstr(err->message, words))
        fail_msg("'%s' is said in place of '%s'", err->message, words);
    cunik_error_destroy(err);
}

static void test_check(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv warnings = {0};

    make_world(&w, "echo hello");
    struct world_boot *b = &w.cuniks[0].boot;
    _cleanup_free_ char *kernel = cunik_strdup(b->kernel);
    cunik_replace(&b->kernel, "/does/not/exist");
    assert_refused(&w, ERROR_INVALID, "service 'web': unikernel.kernel: ");
    assert_refused(&w, ERROR_INVALID, "/does/not/exist");
    cunik_replace(&b->kernel, "/etc/passwd");
    assert_refused(&w, ERROR_INVALID, "/etc/passwd");
    cunik_replace(&b->kernel, kernel);
    cunik_replace(&b->initrd, "/");
    assert_refused(&w, ERROR_INVALID, "service 'web': unikernel.initrd: '/' is a folder");
    cunik_replace(&b->initrd, "");
    cunik_replace(&b->backend, "unikraff");
    assert_refused(&w, ERROR_INVALID, "did you mean 'unikraft'");
    cunik_replace(&b->backend, "unikraft");
    struct world_disk *d = cunik_world_add_disk(&w.cuniks[0]);
    cunik_replace(&d->path, "/no/such.img");
    assert_refused(&w, ERROR_INVALID, "unikernel.disks[0]: '/no/such.img'");
    cunik_replace(&d->path, "/dev/null");
    assert_refused(&w, ERROR_INVALID, "/dev/null");
}

/* Thousands of cuniks that share a kernel are checked fast. */
static void test_check_fast(_unused_ void **state)
{
    enum { CUNIKS = 10000 };
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv warnings = {0};
    _cleanup_error_ struct error *err = NULL;

    make_world(&w, "echo hello");
    double begin = now_ms();
    for (int i = 0; i < CUNIKS; i++)
        test_ok(host->ops->check(host->ctx, &w.cuniks[0], &w, &warnings, &err), err);
    print_message("# %d cuniks checked in %.0f ms\n", CUNIKS, now_ms() - begin);
    assert_true(now_ms() - begin < 20000);
}

/* What is wrong with a file says which one it is. */
static void test_broken_state(_unused_ void **state)
{
    static const char text[] = "{\"cuniks\": 1}";
    _cleanup_free_ char *file = cunik_asprintf("%s/stacks/broken.json", root);
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_file_write(file, text, sizeof(text) - 1, 0600, false, NULL), NULL);
    assert_int_equal(host->ops->state_read(host->ctx, "broken", &w, &err), -EINVAL);
    assert_non_null(strstr(err->message, file));
    test_ok(host->ops->state_write(host->ctx, "broken", NULL, NULL), NULL);
}

static bool has_route(const struct host_facts *f, const char *route)
{
    return cunik_strv_has(&f->routes, route);
}

static void test_facts(_unused_ void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_world_ struct world w = {0};
    struct host_facts f = {0};
    const struct host_ops *o = host->ops;

    make_world(&w, "echo hello");
    test_ok(o->network_create(host->ctx, &w.networks[0], &err), err);
    test_ok(o->names_start(host->ctx, &w.networks[0], &err), err);
    must("ip link add other0 type bridge && ip address add 10.77.0.1/16 dev other0 && "
         "ip link set other0 up && ip route add 10.78.0.0/16 via 10.77.0.2");
    test_ok(o->facts(host->ctx, &f, &err), err);
    must("ip link del other0");
    assert_true(has_route(&f, "10.77.0.0/16") && has_route(&f, "10.78.0.0/16"));
    assert_false(has_route(&f, "172.30.1.0/24")); /* ours */
    for (size_t i = 0; i < f.taken_ports.n; i++)
        assert_null(strstr(f.taken_ports.items[i], "172.30.1.1"));
    assert_true(f.pools.n > 0 && f.first_port < f.last_port);
    assert_string_equal(f.engine, cunik_host_real_engine(real));
    test_ok(o->network_remove(host->ctx, &w.networks[0], &err), err);
    test_ok(o->names_stop(host->ctx, &w.networks[0], &err), err);
    assert_nothing_left();
}

/* A stack's network that is external to this one: neither made nor removed here. */
static void test_external(_unused_ void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_world_ struct world w = {0}, seen = {0};
    const struct host_ops *o = host->ops;

    make_world(&w, "echo hello");
    must("ip link add other0 type bridge && ip link set other0 up");
    struct world_network *n = &w.networks[0];
    n->external = true;
    cunik_replace(&n->stack, "");
    cunik_replace(&n->link, "other0");
    test_ok(o->network_create(host->ctx, n, &err), err);
    test_ok(o->names_start(host->ctx, n, &err), err);
    test_ok(o->links_create(host->ctx, &w.cuniks[0], &w, &err), err);
    test_ok(o->names_add(host->ctx, &w.cuniks[0], &err), err);
    must("ip -o link show %s | grep -q 'master other0'", w.cuniks[0].interfaces[0].link);
    test_ok(o->links_remove_stack(host->ctx, "shop", &err), err);
    test_ok(o->names_stop(host->ctx, n, &err), err);
    test_ok(o->network_remove(host->ctx, n, &err), err);
    must("ip link del other0"); /* it is still there */
    assert_nothing_left();
}

/* Whether a name server watches a folder, by its number of today. */
static bool watches(const char *server, const char *folder)
{
    _cleanup_free_ char *pid_file = cunik_asprintf("%s/%s/pid", root, server), *pid = NULL;
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", root, folder);
    struct stat st;

    test_ok(cunik_file_read(pid_file, 64, &pid, NULL, NULL), NULL);
    assert_int_equal(stat(path, &st), 0);
    return shell("grep -qsh '^inotify .* ino:%lx ' /proc/%.*s/fdinfo/*", (unsigned long)st.st_ino,
                 (int)strcspn(pid, "\n"), pid) == 0;
}

/* A name server that knows the names of another network knows them also when that network's folder
 * goes and is made again, by whoever comes first. */
static void test_watching(_unused_ void **state)
{
    static const char own[] = "names/shop_default/resolvers/web", hosts[] = "names/shop_back/hosts";
    _cleanup_error_ struct error *err = NULL;
    _cleanup_world_ struct world w = {0};
    const struct host_ops *o = host->ops;

    make_world(&w, "echo hello");
    struct world_network *n = cunik_world_add_network(&w);
    cunik_replace(&n->name, "shop_back");
    cunik_replace(&n->stack, "shop");
    cunik_replace(&n->key, "back");
    cunik_replace(&n->subnet, "172.30.2.0/24");
    cunik_replace(&n->gateway, "172.30.2.1");
    free(n->link);
    n->link = cunik_network_link_name('b', cunik_host_real_engine(real), "shop", "shop_back");
    struct world_resolver *r = cunik_world_add_resolver(&w.networks[0]);
    cunik_replace(&r->service, "web");
    cunik_replace(&r->address, "172.30.1.53");
    cunik_strv_add(&r->networks, "shop_back");
    for (size_t i = 0; i < w.n_networks; i++)
        test_ok(o->network_create(host->ctx, &w.networks[i], &err), err);
    for (size_t i = 0; i < w.n_networks; i++)
        test_ok(o->names_start(host->ctx, &w.networks[i], &err), err);
    assert_true(watches(own, hosts));
    test_ok(o->names_stop(host->ctx, &w.networks[1], &err), err);
    test_ok(o->names_start(host->ctx, &w.networks[1], &err), err);
    assert_true(watches(own, hosts));
    test_ok(o->names_stop(host->ctx, &w.networks[1], &err), err);
    test_ok(o->names_start(host->ctx, &w.networks[0], &err), err);
    test_ok(o->names_start(host->ctx, &w.networks[1], &err), err);
    assert_true(watches(own, hosts));
    for (size_t i = 0; i < w.n_networks; i++) {
        test_ok(o->names_stop(host->ctx, &w.networks[i], &err), err);
        test_ok(o->network_remove(host->ctx, &w.networks[i], &err), err);
    }
    assert_nothing_left();
}

static int start(_unused_ void **state)
{
    struct host_real_settings settings = {
        .root = root, .run = root, .hypervisor = hypervisor, .consoles = consoles};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_host_real_create(&settings, &real, &err), err);
    host = cunik_host_real_table(real);
    return 0;
}

static int stop(_unused_ void **state)
{
    cunik_host_real_destroy(real);
    return 0;
}

/* The hypervisor comes first: nothing may have made a thread before. */
static int open_all(struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/consoles", root);
    const struct hypervisor_settings settings = {.uri = "", .root = root, .accel = "tcg"};
    int r = cunik_hypervisor_open(&settings, on_change, NULL, &hypervisor, err);

    return r < 0 ? r : cunik_consoles_create(folder, &consoles, err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_fast),
        cmocka_unit_test(test_broken_state),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_watching),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_changed_definition),
        cmocka_unit_test(test_unreadable_label),
    };
    struct error *err = NULL;

    if (!own_namespace())
        return 0;
#ifdef __SANITIZE_ADDRESS__
    /* libvirt's children allocate between fork and exec, where this AddressSanitizer can deadlock:
     * it does not hold its locks over fork. */
    printf("1..1\nok 1 - host # SKIP optional: not under AddressSanitizer\n");
    return 0;
#endif
    if (!cunik_file_exists(PROBE)) {
        printf("1..1\nok 1 - host # SKIP %s is not built\n", PROBE);
        return 0;
    }
    root = cunik_strdup("/tmp/ckXXXXXX");
    if (!mkdtemp(root) || chmod(root, 0755) < 0 || open_all(&err) < 0) {
        printf("not ok 1 - opening: %s\n", err ? err->message : strerror(errno));
        return 1;
    }
    int failed = cmocka_run_group_tests_name("host", tests, start, stop);
    cunik_consoles_destroy(consoles);
    cunik_hypervisor_close(hypervisor);
    if (!failed)
        cunik_file_remove_tree(root, NULL);
    free(root);
    return failed;
}
