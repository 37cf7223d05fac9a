/* Any bytes as a stack file: read, written and read again, which must give the same. */
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "compose/emit.h"
#include "compose/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct node *again(struct tree *t, const struct node *root)
{
    _cleanup_free_ char *text = cunik_emit_yaml(root);
    struct node **documents;
    size_t n;

    if (cunik_yaml_parse(t, "again", text, strlen(text), NULL, &documents, &n, NULL) < 0 || n != 1)
        abort();
    return documents[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct yaml_limits limits = {
        .size = 1 << 20, .nodes = 10000, .aliased = 5000, .depth = 64};
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_error_ struct error *err = NULL;
    struct node **documents;
    size_t n;

    if (cunik_yaml_parse(t, "in", (const char *)data, size, &limits, &documents, &n, &err) < 0) {
        if (err->code != ERROR_INVALID || !err->file)
            abort();
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if (!cunik_node_equal(documents[i], again(t, documents[i])))
            abort();
    return 0;
}
