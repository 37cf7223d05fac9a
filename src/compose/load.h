/* Loading: from files and the environment to one canonical tree and the typed stack.
 *
 * Phases, for each document of each file: YAML to a tree, interpolation, casts and validation,
 * short forms to long ones, relative paths, `include`, `extends`; then merging in the order of the
 * files, unicity, defaults, profiles, `env_file`. Mistakes are collected in a struct diagnostics
 * and the load goes on, so that one run names them all; only what leaves nothing to go on with (no
 * file, no YAML) is an error at once.
 *
 * The rules are Docker Compose's:
 *   files        -f, else COMPOSE_FILE (separated by COMPOSE_PATH_SEPARATOR, ":"), else the first
 *                of the usual names (load_find.c) in the working directory or above it, with its
 *                `.override.` sibling over it
 *   variables    --env-file, else COMPOSE_ENV_FILES (separated by ","), else `.env` of the project
 *                directory unless COMPOSE_DISABLE_ENV_FILE; the environment wins over them
 *   name         -p, COMPOSE_PROJECT_NAME, `name` of the file, the project directory's name
 *   directory    --project-directory, else the folder of the first file
 *   profiles     --profile, else COMPOSE_PROFILES (separated by ","); "*" is all; services named on
 *                the command line enable their own
 *
 * Only this module reads files, through load_files.h; what it reads from besides is in struct
 * load_options.
 */
#pragma once

#include <stdbool.h>

#include "base/strv.h"
#include "compose/diagnostics.h"
#include "compose/load_files.h"
#include "compose/stack.h"
#include "compose/tree.h"
#include "compose/variables.h"

/* All borrowed; zero is the default of everything but working_dir. */
struct load_options {
    const char *working_dir;       /* where the command runs, absolute */
    char *const *environment;      /* "NAME=VALUE" up to NULL, as environ; NULL = none */
    const struct strv *files;      /* -f; "-" is standard input */
    const struct strv *env_files;  /* --env-file */
    const struct strv *profiles;   /* --profile */
    const struct strv *services;   /* named on the command line: their profiles are enabled */
    bool only_services;            /* nothing but these and what they depend on is enabled */
    const char *project_name;      /* -p */
    const char *project_directory; /* --project-directory */
    bool no_interpolate;           /* templates stay as they are; no typed stack can be made */
    bool no_normalise;   /* without what is filled in (see normalise.h); no typed stack either */
    bool no_paths;       /* relative paths stay relative to the project directory */
    bool no_consistency; /* without the checks between fields; no typed stack is made */
    size_t size_max;     /* bytes a stack may take (see tree.h); 0 = the default */
    const struct load_files *from;    /* NULL = the disk */
    const struct load_remote *remote; /* NULL = nothing is fetched, and a remote name a mistake */
};

struct loaded {
    struct tree *tree;
    struct node *root;   /* canonical: long forms, defaults, absolute paths; all services */
    char *name;          /* of the stack */
    char *working_dir;   /* the project directory, absolute */
    struct strv files;   /* what was read, in order, as named in places */
    struct strv enabled; /* names of the enabled services, in the order of the files */
    struct variables environment;    /* what interpolation saw */
    bool templates;                  /* was not interpolated */
    struct unsupported *unsupported; /* values that are not carried out, when a stack was made */
    size_t n_unsupported;
};

struct unsupported {
    char *path, *why, *place; /* "services.web.network_mode", …, "compose.yaml:3" */
};

enum {
    LOAD_FILE_LIMIT = 16 << 20, /* bytes of one stack file */
    LOAD_FILES_MAX = 10000,     /* stack files, those included and extended from */
};

/* Loads. 0 with mistakes in d is possible: ask cunik_diagnostics_fail() before using the result.
 * ERROR_INVALID when a file is no stack file at all, ERROR_NOT_FOUND when there is none. */
int cunik_load(const struct load_options *o, struct loaded *ret, struct diagnostics *d,
               struct error **err);
/* The same and the typed stack, and every mistake of both in one error. Warnings are in d. *loaded
 * may be NULL when the caller does not want it; the stack does not need it. The stack stays empty
 * when an option says that none can be made. */
int cunik_load_stack(const struct load_options *o, struct loaded *ret_loaded, struct stack *ret,
                     struct diagnostics *d, struct error **err);

/* The stack's name as far as it is known without a stack file (-p, COMPOSE_PROJECT_NAME in the
 * environment or .env): NULL in *ret when neither says it. A name that cannot be is ERROR_INVALID.
 */
int cunik_load_project_name(const struct load_options *o, char **ret, struct error **err);
/* What Docker Compose makes of a folder's name: lower case, only [a-z0-9_-], no leading "_-". */
char *cunik_load_normalise_name(const char *text);

void cunik_loaded_done(struct loaded *l);
#define _cleanup_loaded_ _cleanup_(cunik_loaded_done)
