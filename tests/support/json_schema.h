/* Whether a value is as a schema says: as much of JSON Schema as OpenAPI documents of ours use
 * ($ref within the document, type, enum, properties, required, additionalProperties, items). */
#pragma once

#include <jansson.h>

/* NULL, or where and what does not fit (the caller frees it). */
char *test_schema_mismatch(const json_t *document, const json_t *schema, const json_t *value);
