#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "power.h"
#include "say.h"

/* What the kernel's drivers/acpi/event.c sends: attribute 1 holds a class, a device and two
 * numbers. */
enum { ACPI_EVENT_ATTRIBUTE = 1 };

struct acpi_event {
    char device_class[20];
    char bus_id[15];
    uint32_t type;
    uint32_t data;
};

struct message {
    struct nlmsghdr header;
    struct genlmsghdr generic;
    char attributes[4096];
};

/* The attribute TYPE among LENGTH bytes of attributes, or NULL; the length of its value goes to
 * RET_LENGTH. */
static const void *find(const void *attributes, size_t length, int type, size_t *ret_length)
{
    const char *at = attributes;

    while (length >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)at;
        if (attribute->nla_len < sizeof *attribute || attribute->nla_len > length)
            return NULL;
        if ((attribute->nla_type & NLA_TYPE_MASK) == type) {
            *ret_length = attribute->nla_len - sizeof *attribute;
            return attribute + 1;
        }
        size_t step = NLA_ALIGN(attribute->nla_len);
        if (step > length)
            return NULL;
        at += step;
        length -= step;
    }
    return NULL;
}

/* Receives one generic netlink message. The length of its attributes, or -1. */
static ssize_t receive(int fd, struct message *message, int flags)
{
    ssize_t n = recv(fd, message, sizeof *message, flags);

    if (n < (ssize_t)(NLMSG_HDRLEN + GENL_HDRLEN) || message->header.nlmsg_len > (size_t)n ||
        message->header.nlmsg_type == NLMSG_ERROR)
        return -1;
    return (ssize_t)message->header.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN;
}

/* Asks the kernel for the number of the family's one multicast group; 0 if it has none. */
static uint32_t find_group(int fd)
{
    static const char family[] = "acpi_event";
    struct nlattr name = {.nla_type = CTRL_ATTR_FAMILY_NAME, .nla_len = NLA_HDRLEN + sizeof family};
    struct message message = {
        .header = {.nlmsg_type = GENL_ID_CTRL, .nlmsg_flags = NLM_F_REQUEST},
        .generic = {.cmd = CTRL_CMD_GETFAMILY, .version = 1},
    };
    size_t length;

    memcpy(message.attributes, &name, sizeof name);
    memcpy(message.attributes + NLA_HDRLEN, family, sizeof family);
    message.header.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(name.nla_len);
    if (send(fd, &message, message.header.nlmsg_len, 0) < 0)
        return 0;

    ssize_t n = receive(fd, &message, 0);
    const void *groups =
        n < 0 ? NULL : find(message.attributes, (size_t)n, CTRL_ATTR_MCAST_GROUPS, &length);
    const void *group = groups ? find(groups, length, 1, &length) : NULL;
    const uint32_t *id = group ? find(group, length, CTRL_ATTR_MCAST_GRP_ID, &length) : NULL;
    return id && length == sizeof *id ? *id : 0;
}

int power_button_open(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    uint32_t group;

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        (group = find_group(fd)) != 0 &&
        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0)
        return fd;

    say("the power button will not be heard: no ACPI events from this kernel: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

bool power_button_pressed(int fd)
{
    struct message message;
    bool pressed = false;
    ssize_t n;

    while ((n = receive(fd, &message, MSG_DONTWAIT)) >= 0) {
        size_t length;
        const struct acpi_event *event =
            find(message.attributes, (size_t)n, ACPI_EVENT_ATTRIBUTE, &length);
        if (event && length >= sizeof *event &&
            strncmp(event->device_class, "button/power", sizeof event->device_class) == 0)
            pressed = true;
    }
    return pressed;
}
