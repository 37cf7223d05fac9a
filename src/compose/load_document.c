/* One document of one file: from text to a long form that can be merged. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/interpolate.h"
#include "compose/load_context.h"
#include "compose/long_form.h"
#include "compose/validate.h"
#include "compose/yaml.h"

/* What cannot be read is a mistake of the command line or the file, not of the run. */
static int mistaken(struct error **err, int r)
{
    if (r < 0 && err && *err)
        (*err)->code = ERROR_INVALID;
    return r;
}

int cunik_load_parse(struct load_context *c, const char *name, const char *folder, const char *how,
                     const struct place *by, struct node ***ret_documents, size_t *ret_n,
                     struct error **err)
{
    _cleanup_free_ char *text = NULL, *path = NULL;
    size_t size;
    int r;

    r = cunik_load_refuse_remote(name, err);
    if (r < 0)
        return r;
    if (strcmp(name, "-") == 0) {
        r = cunik_file_read_fd(STDIN_FILENO, "standard input", LOAD_FILE_LIMIT, &text, &size, err);
    } else {
        path = cunik_path_join(folder, name);
        r = cunik_load_file(c, path, &text, &size, err);
    }
    if (r < 0)
        return mistaken(err, r);
    c->n_files++;
    cunik_diagnostics_source(c->d, name, text, size);
    /* An error knows its file by name, and nodes by the name that they share. */
    if (how)
        cunik_diagnostics_origin(c->d, name, how, by);
    r = cunik_yaml_parse(c->l->tree, name, text, size, NULL, ret_documents, ret_n, err);
    if (r == 0 && how && *ret_n)
        cunik_diagnostics_origin(c->d, (*ret_documents)[0]->place.file, how, by);
    return r;
}

char *cunik_load_base(const struct load_context *c, const char *folder)
{
    size_t length = strlen(c->l->working_dir);

    if (!c->o->no_paths || strncmp(folder, c->l->working_dir, length) != 0 ||
        (folder[length] && folder[length] != '/'))
        return cunik_strdup(folder);
    if (folder[length] == '/')
        length++;
    return cunik_strdup(folder + length);
}

void cunik_load_read(struct load_context *c, struct node *root, const char *project_dir,
                     const char *file_dir, const struct lookup *lookup)
{
    _cleanup_free_ char *project_base = cunik_load_base(c, project_dir),
                        *file_base = cunik_load_base(c, file_dir);
    const char *home = cunik_lookup(lookup, "HOME");

    if (!c->o->no_interpolate)
        cunik_interpolate(c->l->tree, root, "", lookup, &c->warned, c->d);
    cunik_validate(c->l->tree, root, c->d);
    cunik_long_form(c->l->tree, root, c->d);
    cunik_load_fetch_all(c, root);
    /* Files that are to be read are always looked for. */
    cunik_long_form_files(c->l->tree, root, project_dir, home);
    cunik_long_form_paths(c->l->tree, root, project_base, file_base, home);
}

struct node *cunik_load_document(struct load_context *c, struct node *root, const char *path,
                                 const char *project_dir, const struct lookup *lookup)
{
    _cleanup_free_ char *folder = path ? cunik_path_folder(path) : cunik_strdup(c->o->working_dir);

    cunik_load_read(c, root, project_dir, folder, lookup);
    root = cunik_load_include(c, root, path, project_dir, lookup);
    cunik_load_extends(c, root, path, lookup);
    return root;
}
