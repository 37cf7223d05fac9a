/* What the parts of cunik_load() share; nothing here is for others. */
#pragma once

#include "compose/load.h"

struct load_context {
    const struct load_options *o;
    struct loaded *l;
    struct diagnostics *d;
    struct lookup lookup;  /* in l->environment */
    struct map warned;     /* variables that were warned about */
    struct map extended;   /* absolute path → the services of a file that `extends` names */
    struct strv including; /* absolute paths of the files that are being included */
    size_t n_files;        /* that were read */
    bool full;             /* the stack has grown too large, which was said */
};

/* load_find.c: fills l->environment, l->files and l->working_dir; *ret_name is the name that the
 * command line or the environment gives, or NULL. */
int cunik_load_find(struct load_context *c, char **ret_name, struct error **err);
/* The same without looking for stack files. */
int cunik_load_find_name(struct load_context *c, char **ret_name, struct error **err);
/* Reads .env files into v; one that is missing is an error. Relative paths start at folder. */
int cunik_load_env_files(const struct load_context *c, const struct strv *paths, const char *folder,
                         const struct lookup *lookup, struct variables *v, struct error **err);
void cunik_load_warn_missing(struct diagnostics *d, const char *file, const struct map *missing);

/* load_files.c: what options say of where files are read from; LOAD_FILE_LIMIT bounds each. */
bool cunik_load_exists(const struct load_context *c, const char *path);
bool cunik_load_is_folder(const struct load_context *c, const char *path);
int cunik_load_file(const struct load_context *c, const char *path, char **ret, size_t *ret_size,
                    struct error **err);
/* *ret is the file that was fetched for a remote name, NULL when it is none. */
int cunik_load_fetch(const struct load_context *c, const char *name, char **ret,
                     struct error **err);
/* Puts the files that were fetched in the place of the remote ones that a document names. */
void cunik_load_fetch_all(struct load_context *c, struct node *root);
/* The error of a remote name that nobody fetches. */
int cunik_load_refuse_remote(const char *name, struct error **err);

/* False when the stack is larger than a stack may be; n is what would make it larger still, and is
 * named the first time. */
bool cunik_load_has_room(struct load_context *c, const struct node *n);

/* load_document.c: one document through all phases before merging. project_dir is where its
 * relative paths start, path its own absolute path. The result may be another node than root. */
struct node *cunik_load_document(struct load_context *c, struct node *root, const char *path,
                                 const char *project_dir, const struct lookup *lookup);
/* Its phases that need no other document: interpolation, validation, long forms, paths. */
void cunik_load_read(struct load_context *c, struct node *root, const char *project_dir,
                     const char *file_dir, const struct lookup *lookup);
/* Reads and parses one file (name "-" is standard input); folder is where name starts, `how` it
 * comes in ("included from", "extended by") by the place `by`, NULL when it was named itself. */
int cunik_load_parse(struct load_context *c, const char *name, const char *folder, const char *how,
                     const struct place *by, struct node ***ret_documents, size_t *ret_n,
                     struct error **err);

/* The folder that relative paths of a file in `folder` start from: itself, or its way from the
 * project directory when paths are to stay relative. The caller frees it. */
char *cunik_load_base(const struct load_context *c, const char *folder);

/* load_include.c, load_extends.c: carry them out on one document. Mistakes go to c->d. */
struct node *cunik_load_include(struct load_context *c, struct node *root, const char *path,
                                const char *project_dir, const struct lookup *lookup);
void cunik_load_extends(struct load_context *c, struct node *root, const char *path,
                        const struct lookup *lookup);

/* load_environment.c: env_file of the enabled services becomes environment, label_file labels. */
void cunik_load_environment(struct load_context *c);
