/* The table of fields: every key that a stack file may hold, and what becomes of it.
 *
 * One constant table describes the whole language: the names and shapes of the Compose
 * Specification (and compose-go's schema, which is ahead of it), and our own `unikernel`. The
 * validator, the merger, the canonical form, the warnings and the manual page come out of it. A row
 * describes one key; a row whose value is a mapping points to the sub-table of that mapping. Rows
 * of a table are sorted by name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* The shapes of values; struct field_shape describes each. */
enum field_type {
    FIELD_ANY,
    FIELD_STRING,
    FIELD_BOOL,
    FIELD_INT,
    FIELD_FLOAT,
    FIELD_BYTES,         /* "64M" or a number */
    FIELD_DURATION,      /* "1m30s" */
    FIELD_STRING_INT,    /* a string, or a whole number in its place */
    FIELD_STRING_NUMBER, /* a string or a number */
    FIELD_MODE,          /* the same: permissions */
    FIELD_DEVICE_COUNT,  /* a whole number or "all"; canonical: a string */
    FIELD_STRING_BOOL,   /* a string or a boolean; canonical: a string */
    FIELD_STRINGS,       /* list of strings */
    FIELD_SCALARS,       /* list of strings or numbers */
    FIELD_STRING_LIST,   /* a string or a list of strings; canonical: a list */
    FIELD_PAIRS,         /* mapping of scalars, or list of "K=V"; canonical: a mapping */
    FIELD_MAPPING,       /* mapping of free keys to strings or numbers */
    FIELD_TEXTS,         /* mapping of free keys to strings */
    FIELD_OPTIONS,       /* mapping of free keys to scalars or lists; canonical: lists of strings */
    FIELD_HOSTS,         /* mapping, or list of "host=ip"; canonical: the list */
    FIELD_COMMAND,    /* a line for the shell's word rules, or a list of words; canonical: a list */
    FIELD_TEST,       /* healthcheck.test: as a command, but a line becomes ["CMD-SHELL", line] */
    FIELD_OBJECT,     /* mapping of the keys of `sub` */
    FIELD_MAP,        /* mapping of free names to mappings of `sub` */
    FIELD_LIST,       /* list of mappings of `sub` */
    FIELD_SHORT,      /* a mapping of `sub`, or a string for its key `short_key` */
    FIELD_SHORT_LIST, /* a list of these */
    FIELD_SHORT_LISTS, /* one of these, or a list of them; canonical: a list */
    FIELD_NAMES,       /* mapping of names to `sub` or nothing, or a list of names */
    FIELD_DEPENDS,     /* the same, and what is listed becomes the default mapping */
    FIELD_PORTS,       /* list of `sub`, "8080:80" or 80 */
    FIELD_VOLUMES,     /* list of `sub` or "source:target:mode" */
    FIELD_DEVICES,     /* list of `sub` or "source:target:permissions" */
    FIELD_GPUS,        /* "all" or a list of `sub` */
    FIELD_ULIMITS,     /* mapping of names to an int or a mapping of `sub` */
    FIELD_EXTERNAL,    /* a boolean, or (deprecated) a mapping of `sub` */
    FIELD_TYPE_MAX_
};

/* What the values of a type may look like, as sets of SHAPE_ bits. */
enum {
    SHAPE_NULL = 1 << 0,
    SHAPE_STRING = 1 << 1,
    SHAPE_INT = 1 << 2,
    SHAPE_FLOAT = 1 << 3,
    SHAPE_BOOL = 1 << 4,
    SHAPE_LIST = 1 << 5,
    SHAPE_MAP = 1 << 6,
};

/* What a string at a typed place is turned into after interpolation. */
enum field_cast { AS_IS, AS_BOOL, AS_INT, AS_FLOAT, AS_BYTES, AS_DURATION };

/* What stands in a mapping: the keys of `sub`, or names of the user's choice. */
enum field_keys { KEYS_NONE, KEYS_FIELDS, KEYS_FREE, KEYS_NAMES /* [a-zA-Z0-9._-]+ */ };

struct field_shape {
    const char *expected; /* "a string", for messages and the manual */
    unsigned value;       /* shapes of the value itself */
    unsigned items;       /* of a list's items; SHAPE_MAP: mappings of `sub` */
    unsigned members;     /* of a mapping's members when keys are free; SHAPE_MAP: of `sub` */
    unsigned inner;       /* of the items of members that are lists */
    enum field_keys keys;
    enum field_cast cast;
};

/* How a later file's value goes over an earlier one's, both canonical. */
enum field_merge {
    MERGE_DEFAULT, /* mappings by key, lists append, the rest is replaced; null changes nothing */
    MERGE_REPLACE, /* the later one as a whole */
    MERGE_PAIRS,   /* mapping by key, and null is a value */
    MERGE_HOSTS,   /* list of "host=ip": adds what is not there yet, after others of the host */
    MERGE_LOGGING, /* by key, unless both name a driver and not the same */
    MERGE_SUBNETS, /* list of mappings: by `subnet` */
};

/* The key by which items of a list are one and the same: the last one stays, at the first's place.
 */
enum field_unique {
    UNIQUE_NONE,
    UNIQUE_TEXT,     /* the item itself */
    UNIQUE_VARIABLE, /* what stands before "=" */
    UNIQUE_PATH,     /* its `path` */
    UNIQUE_TARGET,   /* its `target` */
    UNIQUE_CONFIG,   /* its `target`, or /SOURCE */
    UNIQUE_SECRET,   /* its `target`, or /run/secrets/SOURCE */
    UNIQUE_PORT,     /* host_ip, published, target and protocol */
};

/* What a number is at least and at most. */
struct field_range {
    int64_t min, max;
};

enum field_support {
    SUPPORT_NONE,       /* known, but not carried out: a warning names it, and why */
    SUPPORT_IDLE,       /* known, and without it nothing is missing: a warning says why */
    SUPPORT_TRANSLATED, /* turned into another key */
    SUPPORT_FULL,
};

/* What a relative path starts from. */
enum field_base {
    BASE_NONE,    /* no path */
    BASE_PROJECT, /* the folder of the first file, or --project-directory */
    BASE_FILE,    /* the folder of the file it stands in */
};

/* What the canonical output leaves out. Null is always left out, what is required never. */
enum field_omit {
    OMIT_ZERO,  /* false, 0, [], {}: the same as nothing */
    OMIT_NEVER, /* they are not the same as nothing */
    OMIT_TRUE,  /* true, which is the default */
};

struct fields;

struct field {
    const char *name;
    enum field_type type;
    const struct fields *sub;
    enum field_merge merge;
    enum field_unique unique;
    enum field_support support;
    enum field_base base;
    enum field_omit omit;
    bool nullable;       /* null is allowed where the type has it not */
    bool required;       /* in the merged canonical form */
    bool distinct;       /* no item stands twice in a list, but where `unique` makes one of two */
    const char *choices; /* "a|b*": the strings allowed, or NULL; "*" is any end */
    const struct field_range *range; /* or NULL */
    const char *short_key;           /* of FIELD_SHORT and its lists */
    const char *reason; /* why it is not supported; of what is within, its own row says it */
    const char *help;
};

struct fields {
    const struct field *rows; /* sorted by name */
    size_t n;
    bool extensions; /* "x-*" may stand beside them */
    const char
        *order; /* "a|b": keys that the canonical output has first, as Docker Compose's has */
};

/* The top level of a stack file, and the tables of its parts. */
extern const struct fields cunik_fields;
extern const struct fields cunik_fields_service;
extern const struct fields cunik_fields_network;
extern const struct fields cunik_fields_volume;
extern const struct fields cunik_fields_secret;
extern const struct fields cunik_fields_config;
extern const struct fields cunik_fields_model;
extern const struct fields cunik_fields_build;
extern const struct fields cunik_fields_deploy;
extern const struct fields cunik_fields_file_mount;
extern const struct fields cunik_fields_ulimit;
extern const struct fields cunik_fields_device_request;
extern const struct fields cunik_fields_gpu;
extern const struct fields cunik_fields_hook;
extern const struct fields cunik_fields_pre_start_hook;
extern const struct fields cunik_fields_unikernel;

extern const struct field_range cunik_field_from_zero;

#define FIELDS(r, x)                                                                               \
    {                                                                                              \
        .rows = (r), .n = ARRAY_SIZE(r), .extensions = (x)                                         \
    }

/* NULL when the table has no such key. */
const struct field *cunik_field_find(const struct fields *table, const char *key);
/* Whether the key is an extension ("x-*") that may stand in this table. */
bool cunik_field_is_extension(const struct fields *table, const char *key);
/* The known key nearest to a mistyped one, or NULL. */
const char *cunik_field_nearest(const struct fields *table, const char *key);
const struct field_shape *cunik_field_shape(enum field_type type);

/* Where a value stands, from the inside out; made on the stack while walking, turned into a text
 * only for a message. */
struct field_path {
    const struct field_path *parent; /* NULL at the root */
    const char *key;                 /* NULL: an item of a list */
    size_t index;
};

/* "services.web.ports[0]"; the caller frees it. NULL is "". */
char *cunik_field_path_text(const struct field_path *path);

struct node;

/* Walks a canonical tree along the table: `object` is called for each mapping that a table
 * describes, `value` for each of its members that has a row; when value returns false what is
 * within is left out. Either may be NULL. A value may be changed in place. */
struct field_visitor {
    void (*object)(void *context, const struct fields *table, struct node *map,
                   const struct field_path *path);
    bool (*value)(void *context, const struct field *field, struct node *value,
                  const struct field_path *path);
    void *context;
};

void cunik_fields_walk(const struct fields *table, struct node *map, const struct field_path *path,
                       const struct field_visitor *visitor);

/* The keys as scdoc source, for the manual page: those carried out with their help, then the names
 * of the others with the reason. */
char *cunik_fields_manual(void);

/* A JSON schema (draft 7) of stack files, for editors; the caller frees the text. */
char *cunik_fields_schema(void);
