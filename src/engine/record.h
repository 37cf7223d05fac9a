/* Records described by tables: one table of fields gives a record its start, its end, copies, JSON
 * both ways, and the list of differences with their reasons. A member that is added to a struct is
 * one line more in its table, and nothing else.
 *
 * JSON: members that are empty, zero or false are left out, and reading one that is left out gives
 * the same. Reading is meant for untrusted input: types, counts, lengths, characters and unknown
 * keys are all checked, and an error names the place (`cuniks[3].networks[0].address`).
 *
 * Strings are never NULL in a record that was made here; NULL is taken for "" where it is met.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

enum field_kind {
    FIELD_STRING,   /* char * */
    FIELD_INT,      /* int64_t, within [min, max] */
    FIELD_PORT,     /* uint16_t */
    FIELD_BYTES,    /* int64_t; reasons say "64M" */
    FIELD_DURATION, /* int64_t in ns; "1m30s" in JSON and reasons */
    FIELD_DOUBLE,
    FIELD_BOOL,
    FIELD_ENUM,   /* any enum, by the table `enumeration` */
    FIELD_STRV,   /* struct strv */
    FIELD_PAIRS,  /* struct world_pairs: a JSON object */
    FIELD_RECORD, /* a struct within, `of` describes it; with offset 0 it only groups members */
    FIELD_LIST,   /* a pointer at `offset` and a size_t at `count` */
    FIELD_KIND_MAX_,
};

/* What a difference asks for. */
enum field_effect {
    EFFECT_NONE,   /* not compared: what identifies the record, and what was seen */
    EFFECT_UPDATE, /* can be changed in place */
    EFFECT_RECREATE,
};

enum field_flag {
    FIELD_OPEN = 1,     /* the desired side's "" or 0 is to be assigned: it differs from nothing */
    FIELD_REQUIRED = 2, /* reading: must be there and not empty */
    FIELD_SET = 4,      /* strv: sorted, order means nothing */
    FIELD_TRUE = 8,     /* bool: true when left out */
    FIELD_ORDERED = 16, /* list: the order of its elements means something */
    FIELD_UNSET = 32,   /* int, duration: -1, and left out, when nothing is said */
};

/* Which characters and how many bytes a string may have. */
enum text_kind {
    TEXT_ANY,     /* up to 128 KiB */
    TEXT_LINE,    /* up to 4 KiB without control characters */
    TEXT_NAME,    /* of a cunik or network: becomes a file name */
    TEXT_STACK,   /* [a-z0-9][a-z0-9_-]* */
    TEXT_SERVICE, /* [a-zA-Z0-9._-]+ */
    TEXT_LINK,    /* of a network interface */
    TEXT_PATH,    /* absolute */
    TEXT_ADDRESS, /* IPv4 */
    TEXT_SUBNET,  /* IPv4 with length, no bits behind it */
    TEXT_HOST_IP, /* IPv4 or IPv6 */
    TEXT_ADDRESS6,
    TEXT_SUBNET6, /* IPv6 with length, no bits behind it */
    TEXT_MAC,     /* lower case, unicast */
    TEXT_UUID,
    TEXT_PROTOCOL, /* tcp or udp */
    TEXT_HOSTNAME,
    TEXT_KEY, /* of a pair: no "=" and no control characters */
    TEXT_KIND_MAX_,
};

enum { RECORD_LIST_MOST = 4096 };

struct enumeration {
    const char *const *names;
    size_t n;
};

struct record;

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    enum field_effect effect;
    unsigned flags;
    enum text_kind text; /* of strings, and of a strv's elements */
    const struct enumeration *enumeration;
    const struct record *of;
    size_t count;     /* list: offset of the number of elements */
    size_t most;      /* list, strv, pairs: the most elements; 0 = RECORD_LIST_MOST */
    int64_t min, max; /* int, bytes, duration; both 0: not negative */
};

struct record {
    size_t size;
    const struct field *fields;
    size_t n_fields;
    /* Of a list's element: what tells it from others, for reasons (`networks.LABEL.address`); the
     * caller frees it. context is the outermost record. NULL: elements are numbered. */
    char *(*label)(const void *element, const void *context);
};

/* Gives an all-zero record its empty strings. */
void cunik_record_init(const struct record *r, void *data);
/* Frees all it owns and makes it all zero. */
void cunik_record_done(const struct record *r, void *data);
/* A deep copy into the all-zero *to. Lists can be appended to with ARRAY_APPEND. */
void cunik_record_copy(const struct record *r, void *to, const void *from);
bool cunik_record_equal(const struct record *r, const void *actual, const void *desired);
/* One line for each difference, by its effect. */
void cunik_record_diff(const struct record *r, const void *actual, const void *desired,
                       struct strv *ret_recreate, struct strv *ret_update);

json_t *cunik_record_to_json(const struct record *r, const void *data);
/* *data is all zero before, and again after an error. `name` is the outermost place for errors,
 * "" = none. */
int cunik_record_from_json(const struct record *r, const json_t *json, const char *name, void *data,
                           struct error **err);
/* The same of what an engine wrote itself, perhaps one of a newer version: keys that it does not
 * know are passed over. */
int cunik_record_from_kept(const struct record *r, const json_t *json, const char *name, void *data,
                           struct error **err);

/* Whether what reading its JSON asks of texts and counts holds of a record that was filled by hand:
 * ERROR_INVALID with the same words otherwise. */
int cunik_record_check(const struct record *r, const void *data, struct error **err);

/* Whether a text is of a kind; *ret_expected, when not NULL, is then what the kind allows. */
bool cunik_record_text_ok(enum text_kind kind, const char *s, size_t size,
                          const char **ret_expected);

int cunik_enumeration_parse(const struct enumeration *e, const char *name, unsigned *ret);

/* Adds or replaces a pair, keeping the order by key; takes value when `take`. */
struct world_pairs;
void cunik_pairs_set(struct world_pairs *pairs, const char *key, const char *value);
