/* What the parts of cunik_stack_from_tree() share; nothing here is for others. */
#pragma once

#include "base/map.h"
#include "compose/stack.h"

struct stack_maker {
    const struct node *root;
    struct stack *stack;
    struct diagnostics *d;
    const char **tree_files; /* file names of the tree's places; stack->files has the copies */
    size_t n_tree_files;
};

/* A tree's place with a file name that the stack owns. */
struct place cunik_stack_place(struct stack_maker *m, const struct place *place);

/* A mistake at services.SERVICE.KEY (key NULL: of the service itself). */
void cunik_stack_mistake(struct stack_maker *m, const struct place *place, const char *service,
                         const char *key, const char *format, ...) _printf_(5, 6);

/* A string member, "" when it is not there. */
const char *cunik_stack_text(const struct node *map, const char *key);
/* Where a member stands, else where the mapping does. */
struct place cunik_stack_key_place(struct stack_maker *m, const struct node *map, const char *key);
void cunik_stack_read_pairs(struct stack_maker *m, const struct node *map, struct stack_pairs *ret);
void cunik_stack_read_strings(const struct node *list, struct strv *ret);

/* stack_service.c: appends one service. */
void cunik_stack_read_service(struct stack_maker *m, const struct node *n);
/* stack_advice.c: warns of what one who knows containers would take for something else. */
void cunik_stack_advise(struct stack_maker *m, const struct node *n, const struct stack_service *s);
/* stack_attach.c: its networks and ports. */
void cunik_stack_read_attachments(struct stack_maker *m, const struct node *n,
                                  struct stack_service *s);
void cunik_stack_read_ports(struct stack_maker *m, const struct node *n, struct stack_service *s);
/* stack_update.c: how its copies are updated. */
void cunik_stack_read_updates(struct stack_maker *m, const struct node *n, struct stack_service *s);
/* stack_build.c: how its image is built, and when it is fetched. */
void cunik_stack_read_build(struct stack_maker *m, const struct node *n, struct stack_service *s);
/* stack_mounts.c: a service's volumes, configs and secrets. */
void cunik_stack_read_mounts(struct stack_maker *m, const struct node *n, struct stack_service *s);
void cunik_stack_mounts_done(struct stack_service *s);
/* stack_tmpfs.c: its memory file systems; and one that is among its volumes. */
void cunik_stack_read_tmpfs(struct stack_maker *m, const struct node *n, struct stack_service *s);
void cunik_stack_read_tmpfs_volume(struct stack_maker *m, const struct node *n,
                                   const struct node *entry, struct stack_service *s);
/* stack_contents.c: a new one, whose name is taken over; and that of a config or secret ("what"),
 * once however many services use it: its index. */
struct stack_content *cunik_stack_add_content(struct stack *s, char *name,
                                              const struct place *place);
size_t cunik_stack_find_content(struct stack_maker *m, const struct node *defined,
                                const char *what);
void cunik_stack_contents_done(struct stack *s);
/* stack_volumes.c: the volumes that services use. */
void cunik_stack_read_volumes(struct stack_maker *m);
void cunik_stack_volumes_done(struct stack *s);
void cunik_stack_pairs_done(struct stack_pairs *p);
/* stack_network.c: appends the networks that services are attached to. */
void cunik_stack_read_networks(struct stack_maker *m);
/* A mistake at networks.KEY. */
void cunik_stack_network_mistake(struct stack_maker *m, const struct place *place, const char *key,
                                 const char *format, ...) _printf_(4, 5);
/* stack_subnet.c: a network's ipam.config. */
void cunik_stack_read_subnets(struct stack_maker *m, const struct node *configs,
                              struct stack_network *ret);
/* stack_network_options.c: its driver_opts. */
void cunik_stack_read_network_options(struct stack_maker *m, const struct node *opts,
                                      struct stack_network *ret);
/* stack_resolver.c: a service's dns, dns_search and extra_hosts. */
void cunik_stack_read_resolver(struct stack_maker *m, const struct node *n,
                               struct stack_service *s);
/* stack_check_parts.c: what within one service contradicts itself. */
void cunik_stack_check_parts(struct stack_maker *m, const struct node *service);
/* stack_check_addresses.c: addresses and subnets that are in each other's way. */
void cunik_stack_check_addresses(struct stack_maker *m);
/* stack_check.c: what services and networks forbid each other. */
void cunik_stack_check(struct stack_maker *m);
