/* Finding: which files, which variables, which folder, which name. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/dotenv.h"
#include "compose/load_context.h"

/* What files are called, best first. */
static const char *const usual_names[] = {
    "cunik-compose.yaml", "cunik-compose.yml",   "compose.yaml",
    "compose.yml",        "docker-compose.yaml", "docker-compose.yml",
};

/* Overrides of these stems are found whatever the main file is called, as Docker Compose does. */
static const char *const shared_stems[] = {"compose", "docker-compose"};

char *cunik_load_normalise_name(const char *text)
{
    char *name = cunik_strdup(text);
    size_t n = 0;

    for (; *text; text++) {
        char c = (char)tolower((unsigned char)*text);
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (word || (n && (c == '_' || c == '-')))
            name[n++] = c;
    }
    name[n] = '\0';
    return name;
}

static int check_name(const char *name, char **ret, struct error **err)
{
    _cleanup_free_ char *normal = cunik_load_normalise_name(name);

    if (strcmp(normal, name) != 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "invalid project name \"%s\": must consist only of lowercase "
                               "alphanumeric characters, hyphens, and underscores as well as start "
                               "with a letter or number",
                               name);
    *ret = TAKE_PTR(normal);
    return 0;
}

static int given_name(const struct load_context *c, char **ret, struct error **err)
{
    const char *variable = cunik_variables_get(&c->l->environment, "COMPOSE_PROJECT_NAME");

    *ret = NULL;
    if (c->o->project_name && *c->o->project_name)
        return check_name(c->o->project_name, ret, err);
    if (variable && *variable)
        return cunik_error_prefix(err, check_name(variable, ret, err), "COMPOSE_PROJECT_NAME");
    return 0;
}

void cunik_load_warn_missing(struct diagnostics *d, const char *file, const struct map *missing)
{
    struct place place = {.file = file};

    for (size_t i = 0; i < missing->n; i++)
        cunik_diagnostics_warn(d, &place, NULL,
                               "The \"%s\" variable is not set. Defaulting to a blank string.",
                               missing->entries[i].key);
}

int cunik_load_env_files(const struct load_context *c, const struct strv *paths, const char *folder,
                         const struct lookup *lookup, struct variables *v, struct error **err)
{
    for (size_t i = 0; i < paths->n; i++) {
        _cleanup_free_ char *path = cunik_path_join(folder, paths->items[i]), *text = NULL;
        _cleanup_map_ struct map missing = {0};
        size_t size;
        if (!cunik_load_exists(c, path))
            return cunik_error_set(err, ERROR_INVALID, "couldn't find env file: %s", path);
        int r = cunik_load_file(c, path, &text, &size, err);
        if (r == 0)
            r = cunik_dotenv_parse(path, text, size, lookup, v, &missing, err);
        if (r < 0)
            return r;
        cunik_load_warn_missing(c->d, path, &missing);
    }
    return 0;
}

/* What Go's strconv.ParseBool takes for true and false. */
static int parse_switch(const char *name, const char *text, bool *ret, struct error **err)
{
    if (!strcmp(text, "1") || !strcasecmp(text, "t") || !strcasecmp(text, "true"))
        *ret = true;
    else if (!strcmp(text, "0") || !strcasecmp(text, "f") || !strcasecmp(text, "false"))
        *ret = false;
    else
        return cunik_error_set(err, ERROR_INVALID, "%s takes true or false, not '%s'", name, text);
    return 0;
}

/* Adds the variables of .env files to the environment, which wins over them. */
static int add_env_files(struct load_context *c, const struct strv *paths, const char *folder,
                         struct error **err)
{
    _cleanup_variables_ struct variables v = {0};
    int r = cunik_load_env_files(c, paths, folder, &c->lookup, &v, err);

    if (r == 0)
        cunik_variables_add(&c->l->environment, &v, false);
    return r;
}

/* Those that were asked for; *ret_default says whether `.env` is to be looked at instead. */
static int read_env_files(struct load_context *c, bool *ret_default, struct error **err)
{
    const char *list = cunik_variables_get(&c->l->environment, "COMPOSE_ENV_FILES");
    const char *off = cunik_variables_get(&c->l->environment, "COMPOSE_DISABLE_ENV_FILE");
    _cleanup_strv_ struct strv paths = {0};
    bool disabled = false;
    int r;

    *ret_default = false;
    if (c->o->env_files && c->o->env_files->n)
        return add_env_files(c, c->o->env_files, c->o->working_dir, err);
    if (list)
        cunik_strv_split(&paths, list, ",");
    if (paths.n)
        return add_env_files(c, &paths, c->o->working_dir, err);
    if (off && *off) {
        r = parse_switch("COMPOSE_DISABLE_ENV_FILE", off, &disabled, err);
        if (r < 0)
            return r;
    }
    *ret_default = !disabled;
    return 0;
}

static int read_default_env(struct load_context *c, const char *folder, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(folder, ".env");
    _cleanup_strv_ struct strv paths = {0};

    if (!cunik_load_exists(c, path) || cunik_load_is_folder(c, path))
        return 0;
    cunik_strv_add(&paths, path);
    return add_env_files(c, &paths, folder, err);
}

/* The folder of the first file that has one. */
static char *folder_of_files(const struct load_context *c, const struct strv *files)
{
    for (size_t i = 0; files && i < files->n; i++) {
        if (strcmp(files->items[i], "-") == 0)
            continue;
        _cleanup_free_ char *path = cunik_path_join(c->o->working_dir, files->items[i]);
        return cunik_path_folder(path);
    }
    return cunik_strdup(c->o->working_dir);
}

static char *project_dir(const struct load_context *c, const struct strv *files)
{
    if (c->o->project_directory && *c->o->project_directory)
        return cunik_path_join(c->o->working_dir, c->o->project_directory);
    return folder_of_files(c, files);
}

/* What a found file is called in messages: short where the command runs, else absolute. */
static void add_found(struct load_context *c, const char *folder, const char *name)
{
    if (strcmp(folder, c->o->working_dir) == 0)
        cunik_strv_add(&c->l->files, name);
    else
        cunik_strv_take(&c->l->files, cunik_path_join(folder, name));
}

static bool add_override(struct load_context *c, const char *folder, const char *stem,
                         const char *extension)
{
    _cleanup_free_ char *name = cunik_asprintf("%s.override.%s", stem, extension);
    _cleanup_free_ char *path = cunik_path_join(folder, name);

    if (!cunik_load_exists(c, path))
        return false;
    add_found(c, folder, name);
    return true;
}

static void find_override(struct load_context *c, const char *folder, const char *name)
{
    const char *dot = strrchr(name, '.');
    _cleanup_free_ char *stem = cunik_strndup(name, (size_t)(dot - name));
    const char *other = strcmp(dot, ".yaml") == 0 ? "yml" : "yaml";

    if (add_override(c, folder, stem, dot + 1) || add_override(c, folder, stem, other))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(shared_stems) && !cunik_text_starts(stem, "cunik"); i++)
        if (add_override(c, folder, shared_stems[i], "yml") ||
            add_override(c, folder, shared_stems[i], "yaml"))
            return;
}

static bool find_in(struct load_context *c, const char *folder)
{
    _cleanup_strv_ struct strv found = {0};

    for (size_t i = 0; i < ARRAY_SIZE(usual_names); i++) {
        _cleanup_free_ char *path = cunik_path_join(folder, usual_names[i]);
        if (cunik_load_exists(c, path))
            cunik_strv_add(&found, usual_names[i]);
    }
    if (!found.n)
        return false;
    if (found.n > 1) {
        _cleanup_free_ char *names = cunik_strv_join(&found, ", ");
        cunik_diagnostics_warn(c->d, NULL, NULL,
                               "Found multiple config files with supported names: %s. Using %s",
                               names, found.items[0]);
    }
    add_found(c, folder, found.items[0]);
    find_override(c, folder, found.items[0]);
    return true;
}

static int search(struct load_context *c, const char *folder, struct error **err)
{
    _cleanup_free_ char *at = cunik_path_join(folder, ".");

    while (!find_in(c, at)) {
        char *above = cunik_path_folder(at);
        bool top = strcmp(above, at) == 0;
        free(at);
        at = above;
        if (top)
            return cunik_error_set(err, ERROR_INVALID,
                                   "no stack file found: there is no %s (or compose.yaml) in '%s' "
                                   "or above it; name one by -f",
                                   usual_names[0], folder);
    }
    return 0;
}

/* COMPOSE_FILE, whose parts may be named in .env too. */
static void files_of_environment(struct load_context *c)
{
    const char *list = cunik_variables_get(&c->l->environment, "COMPOSE_FILE");
    const char *separator = cunik_variables_get(&c->l->environment, "COMPOSE_PATH_SEPARATOR");
    size_t length;

    if (!separator || !*separator)
        separator = ":";
    length = strlen(separator);
    while (list && *list) {
        const char *end = strstr(list, separator);
        size_t size = end ? (size_t)(end - list) : strlen(list);
        if (size)
            cunik_strv_take(&c->l->files, cunik_strndup(list, size));
        list = end ? end + length : NULL;
    }
}

/* The environment and the .env files known before any stack file is; *ret_folder is where the
 * default one was looked for, NULL when others were asked for. */
static int find_environment(struct load_context *c, char **ret_folder, struct error **err)
{
    _cleanup_free_ char *folder = project_dir(c, c->o->files);
    bool use_default;
    int r;

    *ret_folder = NULL;
    if (c->o->environment)
        cunik_variables_add_environment(&c->l->environment, c->o->environment);
    r = read_env_files(c, &use_default, err);
    if (r < 0 || !use_default)
        return r;
    r = read_default_env(c, folder, err);
    if (r == 0)
        *ret_folder = TAKE_PTR(folder);
    return r;
}

int cunik_load_find_name(struct load_context *c, char **ret_name, struct error **err)
{
    _cleanup_free_ char *folder = NULL;
    int r = find_environment(c, &folder, err);

    return r < 0 ? r : given_name(c, ret_name, err);
}

/* Remote files stand as what was fetched for them. */
static int fetch_files(struct load_context *c, struct error **err)
{
    for (size_t i = 0; i < c->l->files.n; i++) {
        char *local;
        int r = cunik_load_fetch(c, c->l->files.items[i], &local, err);
        if (r < 0)
            return r;
        if (!local)
            continue;
        free(c->l->files.items[i]);
        c->l->files.items[i] = local;
    }
    return 0;
}

int cunik_load_find(struct load_context *c, char **ret_name, struct error **err)
{
    _cleanup_free_ char *looked = NULL, *first = NULL;
    int r = find_environment(c, &looked, err);

    if (r < 0)
        return r;
    if (c->o->files && c->o->files->n)
        cunik_strv_copy(&c->l->files, c->o->files);
    else
        files_of_environment(c);
    r = fetch_files(c, err);
    if (r < 0)
        return r;
    first = project_dir(c, &c->l->files);
    if (!c->l->files.n) {
        r = search(c, first, err);
        if (r < 0)
            return r;
    }
    c->l->working_dir = project_dir(c, &c->l->files);
    if (looked && strcmp(c->l->working_dir, looked) != 0)
        r = read_default_env(c, c->l->working_dir, err);
    return r < 0 ? r : given_name(c, ret_name, err);
}
