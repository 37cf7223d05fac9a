/* `extends`: a service starts from another one, of this file or of another, and is merged over it.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/load_context.h"
#include "compose/merge.h"

enum { EXTENDS_DEPTH = 64 };

/* A service on the way that led here. */
struct link {
    const struct link *before;
    const char *file, *service;
};

struct extending {
    struct load_context *c;
    const struct lookup *lookup;
};

static bool resolve(const struct extending *e, struct node *services, const char *file,
                    const char *name, const struct link *before);

static void mistake(const struct extending *e, const struct node *n, const char *service,
                    const char *format, ...) _printf_(4, 5);

static void mistake(const struct extending *e, const struct node *n, const char *service,
                    const char *format, ...)
{
    _cleanup_free_ char *path = cunik_asprintf("services.%s.extends", service), *message = NULL;
    va_list args;

    va_start(args, format);
    message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_diagnostics_error(e->c->d, &n->place, path, "%s", message);
}

static void describe(struct buffer *b, const struct link *l)
{
    if (l->before) {
        describe(b, l->before);
        cunik_buffer_printf(b, "\n  extends %s in %s", l->service, l->file);
    } else {
        cunik_buffer_printf(b, "  %s in %s", l->service, l->file);
    }
}

/* False after naming the circle. */
static bool check_circle(const struct extending *e, const struct node *n, const struct link *at)
{
    size_t depth = 0;

    for (const struct link *l = at->before; l; l = l->before) {
        if (depth++ >= EXTENDS_DEPTH) {
            mistake(e, n, at->service, "extends nest deeper than %d services", EXTENDS_DEPTH);
            return false;
        }
        if (strcmp(l->service, at->service) == 0 && strcmp(l->file, at->file) == 0) {
            _cleanup_buffer_ struct buffer b = {0};
            describe(&b, at);
            mistake(e, n, at->service, "Circular reference:\n%s", cunik_buffer_text(&b));
            return false;
        }
    }
    return true;
}

/* The services of another file, in long form; each file is read once. NULL after naming a mistake.
 */
static struct node *services_of(const struct extending *e, const struct node *n,
                                const char *service, const char *path)
{
    struct load_context *c = e->c;
    struct node *known = cunik_map_get(&c->extended, path), **documents, *merged = NULL;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *folder = cunik_path_folder(path);
    size_t n_documents;

    if (known)
        return known;
    if (cunik_load_parse(c, path, folder, "extended by", &n->place, &documents, &n_documents,
                         &err) < 0) {
        if (err->file)
            cunik_diagnostics_take(c->d, &err);
        else
            mistake(e, n, service, "%s", err->message);
        return NULL;
    }
    for (size_t i = 0; i < n_documents; i++) {
        if (documents[i]->kind == NODE_NULL)
            continue;
        cunik_load_read(c, documents[i], folder, folder, e->lookup);
        /* The first one keeps its tags: they are for what its services extend. */
        merged = merged ? cunik_merge(c->l->tree, merged, documents[i], c->d) : documents[i];
    }
    struct node *services = cunik_node_get(merged, "services");
    if (!services || services->kind != NODE_MAP) {
        mistake(e, n, service, "cannot extend service \"%s\" in %s: no services section", service,
                path);
        return NULL;
    }
    cunik_map_add(&c->extended, path, services);
    return services;
}

/* Puts the service merged over its base in its place; false when a mistake kept it from that. */
static bool resolve(const struct extending *e, struct node *services, const char *file,
                    const char *name, const struct link *before)
{
    struct node *service = cunik_node_get(services, name);
    struct node *extends = cunik_node_get(service, "extends");
    struct link at = {before, file, name};

    if (!extends)
        return true;
    if (extends->kind != NODE_MAP)
        return false;
    const struct node *other = cunik_node_get(extends, "file");
    const struct node *base_name = cunik_node_get(extends, "service");
    /* What stays when it fails says that the service is not whole, and is not tried again. */
    struct node *tried = cunik_node_null(e->c->l->tree, &extends->place);
    tried->key_place = extends->key_place;
    cunik_node_set(e->c->l->tree, service, "extends", tried);
    if (!base_name) {
        mistake(e, extends, name, "missing property 'service'");
        return false;
    }
    const char *base_file = other ? other->text : file;
    if (!cunik_load_has_room(e->c, extends))
        return false;
    struct node *from = other ? services_of(e, extends, name, base_file) : services;
    if (!from)
        return false;
    struct node *base = cunik_node_get(from, base_name->text);
    if (!base) {
        mistake(e, extends, name,
                "cannot extend service \"%s\" in %s: service \"%s\" not found%s%s", name, file,
                base_name->text, other ? " in " : "", other ? base_file : "");
        return false;
    }
    struct link next = {&at, base_file, base_name->text};
    if (!check_circle(e, extends, &next) || !resolve(e, from, base_file, base_name->text, &at))
        return false;
    base = cunik_node_copy(e->c->l->tree, cunik_node_get(from, base_name->text));
    if (base->kind != NODE_MAP)
        return false;
    base->place = service->place;
    cunik_merge_clean(base);
    cunik_node_remove(service, "extends");
    struct node *merged = cunik_merge_service(e->c->l->tree, name, base, service, e->c->d);
    merged->key_place = service->key_place;
    cunik_node_set(e->c->l->tree, services, name, merged);
    return true;
}

void cunik_load_extends(struct load_context *c, struct node *root, const char *path,
                        const struct lookup *lookup)
{
    struct extending e = {c, lookup};
    struct node *services = cunik_node_get(root, "services");

    for (size_t i = 0; services && services->kind == NODE_MAP && i < services->n; i++)
        resolve(&e, services, path ? path : "-", services->items[i]->key, NULL);
}
