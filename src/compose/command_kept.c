/* plan --out and up --plan: a plan in a file, with the request that it is for. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "compose/command.h"
#include "engine/plan_saved.h"

enum { VERSION = 1, FILE_MOST = 256 << 20 };

int cunik_command_keep_plan(const char *path, const struct request *r, const struct plan *plan,
                            struct error **err)
{
    _cleanup_json_ json_t *json = json_object();

    cunik_json_set_int(json, "version", VERSION);
    cunik_json_set(json, "request", cunik_request_to_json(r));
    cunik_json_set(json, "plan", cunik_plan_to_json(plan));
    _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(1));
    /* The environment of services may hold secrets. */
    return cunik_file_write_output(path, text, strlen(text), 0600, err);
}

static int read_parts(const json_t *json, struct request *ret, struct error **err)
{
    _cleanup_plan_ struct plan plan = {0};
    int64_t version = 0;
    int r = cunik_json_get_int(json, "version", &version, err);

    if (r == 0 && version != VERSION)
        r = cunik_error_set(err, ERROR_INVALID, "this is no plan that `plan --out` has written");
    if (r == 0)
        r = cunik_request_from_json(json_object_get(json, "request"), ret, err);
    if (r == 0)
        r = cunik_plan_from_json(json_object_get(json, "plan"), &plan, err);
    if (r < 0)
        return r;
    ret->planned = true;
    cunik_plan_lines(&plan, &ret->plan_lines);
    return 0;
}

/* What the plan was made of cannot be said again. */
static int check_alone(const struct arguments *a, struct error **err)
{
    static const char *const options[] = {
        "file",           "scale",   "force-recreate", "no-recreate",  "no-deps",
        "remove-orphans", "profile", "env-file",       "project-name", "project-directory"};

    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (cunik_arguments_given(a, options[i]))
            return cunik_error_set(err, ERROR_INVALID,
                                   "options '--plan' and '--%s' exclude each other", options[i]);
    if (cunik_arguments_positional(a)->n)
        return cunik_error_set(err, ERROR_INVALID, "option '--plan' takes no services");
    return 0;
}

int cunik_command_kept_plan(struct command *c, struct request *ret, struct error **err)
{
    const char *path = cunik_arguments_value(c->arguments, "plan");
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *json = NULL;
    size_t size;
    int r = check_alone(c->arguments, err);

    if (r == 0)
        r = cunik_file_read(path, FILE_MOST, &text, &size, err);
    if (r == 0)
        r = cunik_json_parse(text, size, path, &json, err);
    if (r < 0)
        return r;
    cunik_request_done(ret);
    return cunik_error_prefix(err, read_parts(json, ret, err), "%s", path);
}
