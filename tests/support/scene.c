#include "tests/support/scene.h"

#include "base/memory.h"
#include "tests/support/demo_world.h"
#include "tests/support/test.h"

int scene_setup(void **state)
{
    struct scene *s = cunik_calloc(1, sizeof(*s));

    fake_engine_init(&s->f);
    cunik_request_init(&s->up);
    cunik_request_init(&s->other);
    cunik_replace(&s->up.stack, "demo");
    cunik_replace(&s->other.stack, "demo");
    demo_add_network(&s->up.desired, "default");
    *state = s;
    return 0;
}

int scene_setup_web(void **state)
{
    scene_setup(state);
    struct scene *s = *state;
    s->web = demo_add_cunik(&s->up.desired, "web", 1, "default");
    demo_add_port(s->web, 8080, 80);
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *s = *state;

    fake_engine_assert_well(&s->f);
    cunik_request_done(&s->up);
    cunik_request_done(&s->other);
    fake_engine_done(&s->f);
    free(s);
    return 0;
}

void scene_apply(struct scene *s, const struct request *r)
{
    _cleanup_error_ struct error *err = fake_engine_apply(&s->f, r);

    if (err)
        fail_msg("%s", err->message);
}
