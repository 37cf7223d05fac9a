#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "network.h"
#include "say.h"

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "we");

    if (!file)
        give_up("writing %s: %s", path, strerror(errno));
    return file;
}

static void close_file(FILE *file, const char *path)
{
    if (fclose(file) < 0)
        give_up("writing %s: %s", path, strerror(errno));
}

static bool is_set(struct in_addr address)
{
    return address.s_addr != INADDR_ANY;
}

static void set_sockaddr(struct sockaddr *to, struct in_addr address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};

    memcpy(to, &in, sizeof in);
}

static void request(int fd, unsigned long number, struct ifreq *ifr, const char *doing)
{
    if (ioctl(fd, number, ifr) < 0)
        give_up("interface %s: %s: %s", ifr->ifr_name, doing, strerror(errno));
}

static struct ifreq request_for(const char *name)
{
    struct ifreq ifr = {0};

    if (strlen(name) >= sizeof ifr.ifr_name)
        give_up("interface %s: the name is too long", name);
    memcpy(ifr.ifr_name, name, strlen(name) + 1);
    return ifr;
}

static void bring_up(int fd, const char *name)
{
    struct ifreq ifr = request_for(name);

    request(fd, SIOCGIFFLAGS, &ifr, "reading its flags");
    ifr.ifr_flags |= IFF_UP;
    request(fd, SIOCSIFFLAGS, &ifr, "bringing it up");
}

static void set_address(int fd, const struct interface *interface)
{
    struct ifreq ifr = request_for(interface->name);

    if (interface->mtu) {
        ifr.ifr_mtu = interface->mtu;
        request(fd, SIOCSIFMTU, &ifr, "setting the MTU");
    }
    set_sockaddr(&ifr.ifr_addr, interface->address);
    request(fd, SIOCSIFADDR, &ifr, "setting the address");
    set_sockaddr(&ifr.ifr_netmask, interface->mask);
    request(fd, SIOCSIFNETMASK, &ifr, "setting the netmask");
}

/* What <linux/ipv6.h> calls in6_ifreq; that header and <netinet/in.h> do not go together. */
struct request6 {
    struct in6_addr address;
    uint32_t length;
    int index;
};

/* The host has seen to it that nobody else has the address, so it is not asked for first: that
 * takes a second. */
static void set_address6(const struct interface *interface)
{
    char path[64 + IFNAMSIZ];
    struct request6 request = {.address = interface->address6, .length = interface->length6};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        give_up("interface %s: IPv6: %s", interface->name, strerror(errno));
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_dad", interface->name);
    FILE *file = open_file(path);
    fputs("0\n", file);
    close_file(file, path);
    request.index = (int)if_nametoindex(interface->name);
    if (ioctl(fd, SIOCSIFADDR, &request) < 0)
        give_up("interface %s: setting the IPv6 address: %s", interface->name, strerror(errno));
    close(fd);
}

/* What <linux/ipv6_route.h> calls in6_rtmsg, for the same reason. */
struct route6 {
    struct in6_addr to, from, gateway;
    uint32_t type;
    uint16_t to_length, from_length;
    uint32_t metric;
    unsigned long info;
    uint32_t flags;
    int index;
};

static void add_default_route6(const struct interface *interface, uint32_t metric)
{
    struct route6 route = {.gateway = interface->gateway6,
                           .metric = metric + 1,
                           .flags = RTF_UP | RTF_GATEWAY,
                           .index = (int)if_nametoindex(interface->name)};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ioctl(fd, SIOCADDRT, &route) < 0)
        give_up("interface %s: setting the IPv6 gateway: %s", interface->name, strerror(errno));
    close(fd);
}

static void rename_interface(int fd, const char *from, const char *to)
{
    struct ifreq ifr = request_for(from);

    memcpy(ifr.ifr_newname, to, strlen(to) + 1); /* it has room: see settings.c */
    request(fd, SIOCSIFNAME, &ifr, "giving it another name");
}

/* In two rounds: one may get a name that another has had. */
static void rename_interfaces(int fd, const struct settings *settings)
{
    char between[IFNAMSIZ];

    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < settings->n_interfaces; i++) {
            struct interface *interface = &settings->interfaces[i];
            if (!interface->new_name)
                continue;
            snprintf(between, sizeof between, "cunik%zu", i % 1000);
            rename_interface(fd, round ? between : interface->name,
                             round ? interface->new_name : between);
            if (round)
                interface->name = interface->new_name;
        }
}

/* With several gateways the first interface's wins; the others stand by with a higher METRIC. */
static void add_default_route(int fd, const struct interface *interface, short metric)
{
    struct rtentry route = {
        .rt_flags = RTF_UP | RTF_GATEWAY,
        .rt_metric = (short)(metric + 1), /* this call counts from one */
        .rt_dev = interface->name,
    };

    set_sockaddr(&route.rt_dst, (struct in_addr){INADDR_ANY});
    set_sockaddr(&route.rt_genmask, (struct in_addr){INADDR_ANY});
    set_sockaddr(&route.rt_gateway, interface->gateway);
    if (ioctl(fd, SIOCADDRT, &route) < 0)
        give_up("interface %s: setting gateway %s: %s", interface->name,
                inet_ntoa(interface->gateway), strerror(errno));
}

static void write_resolv_conf(const struct settings *settings)
{
    static const char path[] = "/etc/resolv.conf";
    FILE *file = open_file(path);

    for (size_t i = 0; i < settings->n_interfaces; i++)
        for (size_t j = 0; j < 2; j++)
            if (is_set(settings->interfaces[i].dns[j]))
                fprintf(file, "nameserver %s\n", inet_ntoa(settings->interfaces[i].dns[j]));
    for (size_t i = 0; i < settings->n_domains; i++)
        fprintf(file, "%s%s", i == 0 ? "search " : " ", settings->domains[i]);
    if (settings->n_domains)
        fputc('\n', file);
    close_file(file, path);
}

static void write_hosts(const struct settings *settings, const char *hostname)
{
    static const char path[] = "/etc/hosts";
    FILE *file = open_file(path);

    fputs("127.0.0.1 localhost\n::1 localhost\n", file);
    for (size_t i = 0; i < settings->n_interfaces; i++)
        fprintf(file, "%s %s\n", inet_ntoa(settings->interfaces[i].address), hostname);
    close_file(file, path);
}

static void set_hostname(const char *hostname)
{
    static const char path[] = "/etc/hostname";
    FILE *file = open_file(path);

    fprintf(file, "%s\n", hostname);
    close_file(file, path);
    if (sethostname(hostname, strlen(hostname)) < 0)
        give_up("setting host name '%s': %s", hostname, strerror(errno));
}

/* Has the kernel announce an address when its interface comes up. The host has most likely asked
 * for it while this guest was booting, and without an announcement asks again only a second later.
 */
static void announce_addresses(void)
{
    static const char path[] = "/proc/sys/net/ipv4/conf/all/arp_notify";
    FILE *file = open_file(path);

    fputs("1\n", file);
    close_file(file, path);
}

void network_configure(const struct settings *settings)
{
    const char *hostname = settings->hostname ? settings->hostname : "localhost";
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        give_up("opening a socket: %s", strerror(errno));
    bring_up(fd, "lo");
    announce_addresses();
    rename_interfaces(fd, settings);
    for (size_t i = 0; i < settings->n_interfaces; i++) {
        set_address(fd, &settings->interfaces[i]);
        bring_up(fd, settings->interfaces[i].name);
        if (settings->interfaces[i].length6)
            set_address6(&settings->interfaces[i]);
        if (!IN6_IS_ADDR_UNSPECIFIED(&settings->interfaces[i].gateway6))
            add_default_route6(&settings->interfaces[i], (uint32_t)i);
        if (is_set(settings->interfaces[i].gateway))
            add_default_route(fd, &settings->interfaces[i], (short)i);
    }
    close(fd);

    set_hostname(hostname);
    write_hosts(settings, hostname);
    write_resolv_conf(settings);
}
