/* A stack as a picture. */
#include "tests/support/test.h"

#include <string.h>

#include "base/memory.h"
#include "compose/picture.h"

static void attach(struct stack_service *s, const char *network)
{
    struct stack_attachment *at = ARRAY_APPEND(s->networks, s->n_networks);

    at->network = cunik_strdup(network);
    at->ipv4_address = cunik_strdup("");
    at->mac_address = cunik_strdup("");
}

static void depend(struct stack_service *s, const char *on, enum depend_condition condition,
                   bool required)
{
    *ARRAY_APPEND(s->depends, s->n_depends) = (struct stack_depend){
        .service = cunik_strdup(on), .condition = condition, .required = required};
}

static void publish(struct stack_service *s, const char *ip, uint16_t first, uint16_t last,
                    uint16_t target, const char *protocol)
{
    *ARRAY_APPEND(s->ports, s->n_ports) = (struct stack_port){.host_ip = cunik_strdup(ip),
                                                              .host_first = first,
                                                              .host_last = last,
                                                              .target = target,
                                                              .protocol = cunik_strdup(protocol)};
}

static void sample(struct stack *s)
{
    cunik_replace(&s->name, "my \"shop\"");
    cunik_stack_add_network(s, "front");
    cunik_stack_add_network(s, "back")->internal = true;
    cunik_stack_add_network(s, "company")->external = true;
    struct stack_service *web = cunik_stack_add_service(s, "web");
    web->scale = 3;
    attach(web, "front");
    attach(web, "back");
    depend(web, "db", DEPEND_HEALTHY, true);
    depend(web, "job", DEPEND_COMPLETED, true);
    depend(web, "cache", DEPEND_STARTED, false);
    depend(web, "absent", DEPEND_STARTED, false);
    publish(web, "127.0.0.1", 8080, 8082, 80, "tcp");
    publish(web, "", 0, 0, 81, "udp");
    struct stack_service *db = cunik_stack_add_service(s, "db");
    db->scale = 1;
    attach(db, "back");
    attach(db, "company");
    publish(db, "", 5432, 5432, 5432, "tcp");
    cunik_stack_add_service(s, "job")->scale = 1;
    cunik_stack_add_service(s, "cache")->scale = 1;
}

static void dot(void **state _unused_)
{
    _cleanup_stack_ struct stack s = {0};

    sample(&s);
    _cleanup_free_ char *text = cunik_picture_dot(&s);
    test_golden("tests/golden/picture/shop.dot", text);
}

static void mermaid(void **state _unused_)
{
    _cleanup_stack_ struct stack s = {0};

    sample(&s);
    _cleanup_free_ char *text = cunik_picture_mermaid(&s);
    test_golden("tests/golden/picture/shop.mermaid", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dot), cmocka_unit_test(mermaid)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
