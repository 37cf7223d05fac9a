/* What the command line says, whichever dialect it speaks. */
#ifndef GUEST_CONFIG_H
#define GUEST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_LINE = 8192, /* longest command line */
    CONFIG_INTERFACES = 4,
    CONFIG_SERVERS = 4, /* for names */
    CONFIG_WORDS = 128, /* arguments, and as many variables */
    CONFIG_MOUNTS = 16,
};

struct config_interface {
    bool set;
    uint32_t address; /* the machine's byte order, as everywhere in this program */
    uint32_t length;  /* of the network's prefix */
    uint32_t gateway; /* 0: none */
    uint16_t mtu;     /* 0: the card's */
};

struct config_mount {
    const char *device, *path, *type, *mode;
};

struct config {
    const char *dialect;
    const char *hostname, *domain;                         /* NULL when not given */
    struct config_interface interfaces[CONFIG_INTERFACES]; /* eth0, eth1, … */
    uint32_t servers[CONFIG_SERVERS];
    size_t server_count;
    const char *arguments[CONFIG_WORDS];
    size_t argument_count;
    const char *environment[CONFIG_WORDS];
    size_t environment_count;
    struct config_mount mounts[CONFIG_MOUNTS];
    size_t mount_count;
    const char *error; /* the first thing wrong with the line; then nothing of it counts. NULL when
                          all is well */
};

extern struct config config;

/* Reads a multiboot command line, the kernel's path in front. */
void config_read(const char *line);

/* For the dialects: each notes an error by itself when the value is bad or there is no more room.
 */
void config_fail(const char *format, ...);
void config_argument(const char *value);
void config_variable(const char *value);
void config_server(const char *address);
void config_mount(const char *device, const char *path, const char *type, const char *mode);
/* The next interface that has no address yet, or NULL with an error. */
struct config_interface *config_next_interface(void);
/* An interface by the number behind `prefix` in its name, such as `eth` in `eth1`. */
struct config_interface *config_named_interface(const char *name, const char *prefix);
/* Sets address and prefix length; `length` is `24` or, where `dotted` allows it, `255.255.255.0`.
 */
enum config_masks { CONFIG_LENGTH = 1, CONFIG_DOTTED = 2 };
void config_address(struct config_interface *interface, const char *address, const char *length,
                    unsigned masks);
/* ADDR/LEN. */
void config_cidr(struct config_interface *interface, char *cidr);
/* An empty text is no gateway. */
void config_gateway(struct config_interface *interface, const char *address);

/* One way to write it all down. */
struct dialect {
    const char *name;
    bool (*claims)(const char *line); /* the line without the kernel's path, unchanged */
    void (*read)(char *line);         /* fills `config`; what it keeps are pointers into `line` */
};

extern const struct dialect dialect_rumprun, dialect_osv, dialect_unikraft, dialect_solo5,
    dialect_linux;

#endif
