/* Words to write a record's table with (see record.h). */
#pragma once

#include "base/macros.h"
#include "engine/record.h"

#define ENUM_NAMES(enumeration_, max_, ...)                                                        \
    static const char *const enumeration_##_names[] = {__VA_ARGS__};                               \
    _Static_assert(ARRAY_SIZE(enumeration_##_names) == (max_), "every value has its name");        \
    static const struct enumeration enumeration_ = {enumeration_##_names, (max_)}

#define RECORD_FIELDS(storage_, name_, type_, label_, ...)                                         \
    static const struct field name_##_fields[] = {__VA_ARGS__};                                    \
    storage_ const struct record name_ = {.size = sizeof(type_),                                   \
                                          .fields = name_##_fields,                                \
                                          .n_fields = ARRAY_SIZE(name_##_fields),                  \
                                          .label = (label_)}

/* A row: key, kind, member, effect, and what else there is to say of it. */
#define ROW(key_, kind_, type_, member_, effect_, ...)                                             \
    {                                                                                              \
        .key = (key_), .kind = FIELD_##kind_, .offset = offsetof(type_, member_),                  \
        .effect = EFFECT_##effect_, ##__VA_ARGS__                                                  \
    }
#define LIST(key_, type_, member_, effect_, of_, ...)                                              \
    ROW(key_, LIST, type_, member_, effect_, .count = offsetof(type_, n_##member_), .of = &(of_),  \
        ##__VA_ARGS__)
#define GROUP(key_, of_)                                                                           \
    {                                                                                              \
        .key = (key_), .kind = FIELD_RECORD, .effect = EFFECT_NONE, .of = &(of_)                   \
    }
