#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/event.h"
#include "engine/request.h"

static int parse(const char *text, struct request *ret, struct error **err)
{
    _cleanup_json_ json_t *json = NULL;
    _cleanup_error_ struct error *e = NULL;

    test_ok(cunik_json_parse(text, strlen(text), "test", &json, &e), e);
    return cunik_request_from_json(json, ret, err);
}

static void test_round_trip(_unused_ void **state)
{
    static const char *const texts[] = {
        "{\"action\":\"up\",\"stack\":\"demo\",\"desired\":{\"networks\":[{\"name\":\"n\","
        "\"stack\":\"demo\"}],\"cuniks\":[{\"name\":\"a\",\"stack\":\"demo\",\"service\":\"s\","
        "\"index\":1}]},\"services\":[\"s\"],\"recreate\":\"always\",\"remove_orphans\":true,"
        "\"no_dependencies\":true,\"no_start\":true,\"only_new\":true,"
        "\"only_there\":true,\"wait\":true,"
        "\"wait_timeout\":\"1m0s\","
        "\"stop_grace_period\":\"0s\",\"parallel\":4}",
        "{\"action\":\"down\",\"stack\":\"demo\"}",
        "{\"action\":\"down\",\"stack\":\"demo\",\"spare\":\"running\"}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_request_ struct request r = {0};
        _cleanup_error_ struct error *err = NULL;
        test_ok(parse(texts[i], &r, &err), err);
        assert_int_equal(r.stop_grace_ns, i == 0 ? 0 : -1);
        _cleanup_json_ json_t *json = cunik_request_to_json(&r);
        _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);
        assert_string_equal(text, texts[i]);
    }
}

static void test_bad_requests(_unused_ void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "must be an object"},
        {"{\"stack\":\"x\"}", "'action' must be given"},
        {"{\"action\":\"up\"}", "'stack' must be given"},
        {"{\"action\":\"up\",\"stack\":\"../x\"}", "'stack' must be a name"},
        {"{\"action\":\"fly\",\"stack\":\"x\"}", "'action' must be one of up, down"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"paralel\":1}", "unknown key 'paralel'"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"parallel\":-1}", "'parallel' must be between"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"wait_timeout\":\"-1s\"}", "'wait_timeout' must be"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"desired\":{\"cuniks\":[{\"name\":\"a\",\"stack\":"
         "\"y\",\"service\":\"s\",\"index\":1}]}}",
         "'a' is of the stack 'y', not of 'x'"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"desired\":{\"networks\":[{\"name\":\"n\",\"stack\":"
         "\"y\"}]}}",
         "network 'n' is of the stack 'y', not of 'x'"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"desired\":{\"volumes\":[{\"name\":\"v\",\"stack\":"
         "\"y\"}]}}",
         "volume 'v' is of the stack 'y', not of 'x'"},
        {"{\"action\":\"up\",\"stack\":\"x\",\"desired\":{\"cuniks\":[{\"name\":\"a\"}]}}",
         "'desired.cuniks[0].stack' must be given"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_request_ struct request r = {0};
        _cleanup_error_ struct error *err = NULL;
        assert_int_equal(parse(cases[i].text, &r, &err), -EINVAL);
        if (!strstr(err->message, cases[i].message))
            fail_msg("'%s' does not have '%s'", err->message, cases[i].message);
    }
}

static void test_events(_unused_ void **state)
{
    static const char *const lines[] = {
        "{\"v\":1,\"time\":5,\"type\":\"step\",\"stack\":\"s\",\"kind\":\"cunik\",\"name\":\"n\","
        "\"service\":\"web\",\"verb\":\"create\",\"message\":\"why\",\"phase\":\"failed\"}",
        "{\"v\":1,\"time\":5,\"type\":\"state\",\"state\":\"exited\",\"exit_code\":0}",
        "{\"v\":1,\"time\":5,\"type\":\"done\",\"data\":{\"a\":1}}",
    };
    static const char *const bad[] = {"[]",
                                      "{\"v\":2,\"time\":5,\"type\":\"step\"}",
                                      "{\"v\":1,\"time\":5,\"type\":\"fly\"}",
                                      "{\"v\":1,\"time\":5,\"type\":\"step\",\"name\":1}",
                                      "{\"v\":1,\"time\":5,\"type\":\"step\",\"phase\":\"x\"}",
                                      "{\"v\":1,\"type\":\"step\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_json_ json_t *json = NULL;
        _cleanup_error_ struct error *err = NULL;
        struct event e;
        test_ok(cunik_json_parse(lines[i], strlen(lines[i]), "test", &json, &err), err);
        test_ok(cunik_event_from_json(json, &e, &err), err);
        _cleanup_json_ json_t *again = cunik_event_to_json(&e);
        _cleanup_free_ char *text = cunik_json_text(again, JSON_COMPACT);
        assert_string_equal(text, lines[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_json_ json_t *json = NULL;
        _cleanup_error_ struct error *err = NULL;
        struct event e;
        test_ok(cunik_json_parse(bad[i], strlen(bad[i]), "test", &json, &err), err);
        assert_int_equal(cunik_event_from_json(json, &e, &err), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
