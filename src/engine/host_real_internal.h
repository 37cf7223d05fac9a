/* What the files of the real host share; not for others. */
#pragma once

#include <pthread.h>
#include <sys/stat.h>

#include "backends/backend.h"
#include "base/map.h"
#include "engine/host_real.h"
#include "engine/world_network.h"
#include "network/rules.h"

struct host_real {
    struct host table;
    char *root, *run, *engine;
    struct hypervisor *hypervisor;
    struct consoles *consoles;
    struct watch *watch;
    struct outside *outside; /* NULL = links are made on the host itself */
    char *resolv;            /* where names are asked that are not ours; NULL = as the host does */
    struct host_endings *endings;
    struct strv pools;
    pthread_key_t facts; /* struct facts of each thread that asked */

    pthread_mutex_t images_lock; /* ROOT/images */
    pthread_mutex_t opened_lock; /* ROOT/opened, and the access to what is listed there */

    /* All that follows belongs to the lock. */
    pthread_mutex_t lock;
    struct map kernels;       /* path → struct known_kernel */
    int64_t prerequisites_ns; /* when they were last found to be there; 0 = never */
    struct map seen;          /* cunik's name → struct seen_cunik */
    struct strv others;       /* the names of domains that are not ours, as seen last */
    char *rules;              /* the rule set as put in force last; NULL = not by this process */
};

/* What is remembered of a cunik from one look to the next. */
struct seen_cunik {
    bool deaf;                     /* does not hear a request to power off */
    const struct backend *backend; /* NULL = not known */
    uint64_t console_start;        /* what its console held when it was started last, */
    bool console_known; /* if this process has seen that, or looked whether it spoke since */
    bool ran;           /* it ran when it was looked at last */
    int64_t ended_ms;   /* when it was first seen not to run any more; 0 = not seen */
    bool compared;      /* its definition, when it had this number, with what was found: */
    uint64_t definition;
    char *changed; /* see world_status.definition; NULL = nothing */
};

/* The caller holds the lock; made when it is not there. */
struct seen_cunik *cunik_host_seen(struct host_real *h, const char *name);

/* host_images.c. Where a cunik's kernel ("kernel") or initrd ("initrd") is or would be; the caller
 * frees it. */
char *cunik_host_image_path(const struct host_real *h, const char *cunik, const char *kind);
/* Keeps them beyond the cunik (host.h), or forgets them; NULL: of all cuniks. */
int cunik_host_images_keep(struct host_real *h, const char *cunik, bool keep, struct error **err);
/* *ret becomes a copy of it that is made of what is kept, where anything is and host.h says so. */
void cunik_host_images_kept(struct host_real *h, const struct world_cunik *c,
                            struct world_cunik *ret);
/* From what is kept: shares it. */
int cunik_host_image_restore(struct host_real *h, const char *cunik, const char *kind,
                             struct error **err);
/* Puts a file there, as it is now. */
int cunik_host_image_put(struct host_real *h, const char *cunik, const char *kind,
                         const char *source, struct error **err);
/* Whether the source is another version than the cunik boots. False when either is not there. */
bool cunik_host_image_changed(const struct host_real *h, const char *cunik, const char *kind,
                              const char *source);
/* Removes a cunik's, and copies that nobody uses any more. */
int cunik_host_images_remove(struct host_real *h, const char *cunik, struct error **err);

/* host_boot.c */
int cunik_host_check(void *ctx, const struct world_cunik *c, const struct world *w,
                     struct strv *ret_warnings, struct error **err);
/* How a cunik boots, with the paths of its images; `make`: what it has of the host's is made as
 * well. ret_attached, which may be NULL, is the cunik with that among its disks. */
int cunik_host_boot(struct host_real *h, const struct world_cunik *c, const struct world *w,
                    bool make, struct world_cunik *ret_attached, struct boot *ret,
                    struct error **err);
/* Of which backend a cunik is, by its name or its kernel. */
int cunik_host_backend(struct host_real *h, const struct world_cunik *c, const struct backend **ret,
                       struct error **err);
void cunik_host_kernels_done(struct host_real *h);

/* host_attach.c. A copy of a cunik whose mounts stand among its disks; `make`: volumes that are not
 * there and what is made for it alone are made, otherwise nothing is changed. */
#define HOST_INITRD_WITH_FILES "initrd.files"
int cunik_host_attach(struct host_real *h, const struct world_cunik *c, const struct world *w,
                      const struct backend *backend, bool make, struct world_cunik *ret,
                      struct error **err);

/* host_attach_files.c: the part of it that brings single files. */
int cunik_host_attach_files(struct host_real *h, const struct backend *backend, bool make,
                            struct world_cunik *to, struct error **err);

/* Whether a file is of an unpacked image: nobody writes to it, cuniks do to a file over it. */
bool cunik_host_is_of_image(const struct host_real *h, const char *path);

/* host_cover.c. Whether nobody writes to disk `index` of c and its guest gets a file over it: one
 * of an image, and one whose guest is told its command line there. */
bool cunik_host_covers(const struct host_real *h, const struct world_cunik *c, size_t index);
/* Puts the paths of these files in the place of what they cover; `make`: makes them. */
int cunik_host_cover(const struct host_real *h, struct world_cunik *c, bool make,
                     struct error **err);
/* Writes the command line onto the first disk of an `attached` cunik. */
int cunik_host_cover_cmdline(const struct host_real *h, const struct world_cunik *attached,
                             const char *cmdline, struct error **err);
/* A disk is of the format that its name says, see domain_xml.c; ERROR_INVALID for one that is
 * qcow2 by another name, as which a guest would find nothing on it. */
int cunik_host_check_format(const char *path, struct error **err);

/* host_restarts.c, as host.h has them. */
int cunik_host_restarts_keep(void *ctx, const struct world_cunik *c, struct error **err);
void cunik_host_restarts_recall(void *ctx, struct world_cunik *c);
int cunik_host_restarts_remove(const struct host_real *h, const char *cunik, struct error **err);

/* host_files.c. What a cunik's guest opens, and as whom (access.h). Files of the engine's own,
 * `attached` as host_attach makes it; and those that the stack file names, before each start and
 * when the cunik goes. */
int cunik_host_files_own(const struct host_real *h, const struct world_cunik *c,
                         const struct world_cunik *attached, struct error **err);
/* Warns of folders of the stack file that it could not. */
void cunik_host_warn_folders(const struct host_real *h, const struct world_cunik *attached,
                             struct strv *ret_warnings);
int cunik_host_files_open(struct host_real *h, const struct world_cunik *c, struct error **err);
int cunik_host_files_close(struct host_real *h, const struct world_cunik *c, struct error **err);

/* host_opened.c. From before the files that these paths lead to are opened to a cunik's guest until
 * what it had opened is closed, but for what others have open. `paths` of the end: for what was
 * opened by an engine that kept no record. */
int cunik_host_opened_begin(struct host_real *h, const char *cunik, const struct strv *paths,
                            struct error **err);
int cunik_host_opened_end(struct host_real *h, const char *cunik, const struct strv *paths,
                          struct error **err);

/* host_writers.c: ERROR_CONFLICT when two cuniks would have a disk to which one of them writes. */
int cunik_host_check_writers(struct host_real *h, const struct world_cunik *c,
                             const struct world *w, struct error **err);

/* host_store.c */
int cunik_host_image(void *ctx, const char *name, struct world_cunik *ret, struct error **err);

/* host_volumes.c */
int cunik_host_volume_list(void *ctx, json_t **ret, struct error **err);
int cunik_host_volume_create(void *ctx, const struct world_volume *v, json_t **ret,
                             struct error **err);
int cunik_host_volume_ensure(void *ctx, const struct world_volume *v, const struct world_cunik *c,
                             struct error **err);
int cunik_host_volume_remove(void *ctx, const char *name, struct error **err);
int cunik_host_file_put(void *ctx, const void *data, size_t size, struct error **err);
int cunik_host_file_sweep(void *ctx,
                          int (*users)(void *users_ctx, struct strv *ret, struct error **err),
                          void *users_ctx, struct error **err);

/* host_prerequisites.c. Rights, devices and programs; each missing one is an error naming it. */
int cunik_host_prerequisites(struct host_real *h, struct error **err);

/* host_definition.c. Remembers how libvirt keeps a domain that was just defined. What is not known
 * later is only not compared. */
void cunik_host_definition_keep(struct host_real *h, const char *cunik);
/* Fills status.definition. */
int cunik_host_definition_see(struct host_real *h, const struct hypervisor_domain *d,
                              struct world_cunik *c, struct error **err);
/* Fills status.guest. */
int cunik_host_guest_see(struct host_real *h, struct world_cunik *c, struct error **err);
/* Whether a cunik of this name was defined by this engine, with that UUID. */
bool cunik_host_definition_is_of(struct host_real *h, const char *cunik, const char *uuid);
int cunik_host_domain_restore(void *ctx, const struct world_cunik *c, struct error **err);

/* host_unreadable.c. Whether a domain whose label cunik_host_label_parse() cannot read, or that has
 * none, is this engine's all the same; then *ret is as much as is known of its cunik. */
bool cunik_host_unreadable(struct host_real *h, const struct hypervisor_domain *d,
                           struct world_cunik *ret);

/* host_label.c. The label of a domain; the caller frees it. */
struct host_guest {
    bool deaf;
    const struct backend *backend; /* NULL = not known */
};
char *cunik_host_label(const struct host_real *h, const struct world_cunik *c,
                       struct host_guest guest);
enum label_kind { LABEL_OURS, LABEL_OTHERS, LABEL_UNREADABLE };
/* *ret is filled when it is ours. */
enum label_kind cunik_host_label_parse(const struct host_real *h, const char *label,
                                       struct world_cunik *ret, struct host_guest *ret_guest);

/* host_network.c */
/* What it was made from; false when there is no file, or none that can be read. */
bool cunik_host_network_read(const struct host_real *h, const char *name,
                             struct world_network *ret);
char *cunik_host_names_folder(const struct host_real *h, const char *network);
/* The names of all networks that have a file. */
int cunik_host_network_names(const struct host_real *h, struct strv *ret, struct error **err);
int cunik_host_network_create(void *ctx, const struct world_network *n, struct error **err);
int cunik_host_network_remove(void *ctx, const struct world_network *n, struct error **err);
/* Whether a cunik's guest takes an IPv6 address. */
bool cunik_host_takes_ipv6(struct host_real *h, const struct world_cunik *c);
/* Removes a network's file: with the last of its bridge and its names. */
int cunik_host_network_forget(const struct host_real *h, const char *network, struct error **err);
/* Whether all its name servers run. */
bool cunik_host_names_served(const struct host_real *h, const struct world_network *n);
int cunik_host_names_start(void *ctx, const struct world_network *n, struct error **err);
int cunik_host_names_stop(void *ctx, const struct world_network *n, struct error **err);
int cunik_host_names_add(void *ctx, const struct world_cunik *c, struct error **err);
int cunik_host_names_remove(void *ctx, const struct world_cunik *c, struct error **err);
int cunik_host_links_create(void *ctx, const struct world_cunik *c, const struct world *w,
                            struct error **err);
int cunik_host_links_remove(void *ctx, const struct world_cunik *c, struct error **err);
int cunik_host_links_remove_stack(void *ctx, const char *stack, struct error **err);
int cunik_host_rules_replace(void *ctx, const struct world *w, struct error **err);

/* host_network.c: the rule set as world_rules.h makes it, with the networks that are ours. */
int cunik_host_rules(const struct host_real *h, const struct world *w, bool running_only,
                     struct rules *ret, struct error **err);

/* host_record.c. A record in RUN of what was done to the host; none is an empty one. */
int cunik_host_record_read(const struct host_real *h, const char *name, struct strv *ret,
                           struct error **err);
int cunik_host_record_write(const struct host_real *h, const char *name, const struct strv *lines,
                            struct error **err);
int cunik_host_record_remove(const struct host_real *h, const char *name, struct error **err);

/* host_forward.c. Lets the host's links with addresses forward, or undoes what this engine did. */
int cunik_host_forward(const struct host_real *h, bool open, struct error **err);
/* Whether all of them do. */
struct links;
int cunik_host_forwards(const struct links *links, bool *ret, struct error **err);
/* host_forward6.c. The same for IPv6: by a switch of each link, or where the kernel has none by
 * that of the whole host, which is thrown only when the rules are in force that keep packets of
 * others where they were. */
enum host_forward6 { FORWARD6_EACH, FORWARD6_WHOLE };
enum host_forward6 cunik_host_forward6_kind(void);
/* Before the rules; *ret_shut is for rules.shut. */
int cunik_host_open6(const struct host_real *h, enum host_forward6 kind, struct strv *ret_shut,
                     struct error **err);
/* Behind them. */
int cunik_host_forward6(const struct host_real *h, struct error **err);
/* Undoes what this engine did. */
int cunik_host_close6(const struct host_real *h, struct error **err);
int cunik_host_forwards6(enum host_forward6 kind, const struct links *links, bool *ret,
                         struct error **err);
/* Others' packet filters: have them let guests' packets pass, or take that away (gates.h). */
int cunik_host_gates(const struct host_real *h, bool open, struct error **err);
/* Whether they do. */
int cunik_host_gates_open(const struct host_real *h, bool *ret, struct error **err);
/* For rules.ways. */
int cunik_host_ways(struct strv *ret, struct error **err);

/* host_observe.c: ERROR_CONFLICT when somebody else's domain has the name of a cunik. */
int cunik_host_check_name(struct host_real *h, const struct world_cunik *c, struct error **err);

/* host_outside.c. All do nothing when there is no outside. */
int cunik_host_outside_open(struct host_real *h, struct outside *outside, struct error **err);
/* The ports of rules as they come in from outside; they are to be made after this, and done with
 * before it is. */
struct outside_ports {
    struct strv forwards; /* slirp.h */
    struct strv doubles;  /* what rules borrow from */
};
void cunik_host_outside_ports(const struct host_real *h, struct rules *rules,
                              struct outside_ports *ret);
void cunik_host_outside_ports_done(struct outside_ports *p);
/* open: the way out is there, with these ports and no other; else it is taken away. */
int cunik_host_outside_set(const struct host_real *h, bool open, const struct outside_ports *p,
                           struct error **err);
/* Clears *ret when it is not there, or one of the ports is not. */
int cunik_host_outside_check(const struct host_real *h, const struct outside_ports *p, bool *ret,
                             struct error **err);
/* What the host has, in place of what the namespace has. */
int cunik_host_outside_facts(const struct host_real *h, struct host_facts *f, struct error **err);

/* host_observe.c, host_facts.c */
int cunik_host_observe(void *ctx, struct world *ret, struct error **err);
int cunik_host_facts(void *ctx, struct host_facts *ret, struct error **err);
void cunik_host_facts_free(void *facts);

/* host_hold.c: volumes of a cunik that is being started. ERROR_CONFLICT while one is copied. */
struct host_holds {
    int *fds;
    size_t n;
};
int cunik_host_hold_volumes(const struct host_real *h, const struct world_cunik *c,
                            struct host_holds *ret, struct error **err);
void cunik_host_holds_done(struct host_holds *holds);
