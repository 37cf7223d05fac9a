#include "network/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "network/netlink.h"

enum {
    QUIET_MS = 50,    /* what one command does is one change */
    REST_MS = 500,    /* from one call to the next */
    BUFFER = 1 << 20, /* a rule set is told rule by rule */
};

struct watched {
    pid_t pid;
    int fd; /* a pidfd */
};

struct watch {
    cunik_watch_changed *changed;
    void *ctx;
    pthread_t thread;
    bool started;
    int epoll, stop;
    struct nl_sock *links, *filters;
    int64_t due_ms, told_ms; /* due 0: nothing to tell */
    pthread_mutex_t lock;    /* of all below */
    struct watched *processes;
    size_t n_processes;
};

static int64_t now_ms(void)
{
    return cunik_time_now(CLOCK_MONOTONIC) / NS_PER_MS;
}

static void note(struct watch *w)
{
    int64_t soon = now_ms() + QUIET_MS, rested = w->told_ms + REST_MS;

    if (!w->due_ms)
        w->due_ms = soon > rested ? soon : rested;
}

/* Of links that come or change only those of engines that do not work: all the rest is us. */
static bool is_broken(struct nlmsghdr *h)
{
    struct nlattr *parts[IFLA_MAX + 1];
    const struct ifinfomsg *link = nlmsg_data(h);

    if (nlmsg_parse(h, sizeof(*link), parts, IFLA_MAX, NULL) < 0 || !parts[IFLA_IFALIAS] ||
        !cunik_text_starts(nla_get_string(parts[IFLA_IFALIAS]), "cunik "))
        return false;
    return !(link->ifi_flags & IFF_UP) ||
           (!parts[IFLA_MASTER] && !cunik_text_starts(nla_get_string(parts[IFLA_IFNAME]), "ckb"));
}

static int on_link(struct nl_msg *m, void *arg)
{
    struct nlmsghdr *h = nlmsg_hdr(m);

    if (h->nlmsg_type != RTM_NEWLINK || is_broken(h))
        note(arg);
    return NL_OK;
}

/* A change of any filter ends with a message that says who made it. */
static int on_filter(struct nl_msg *m, void *arg)
{
    struct nlmsghdr *h = nlmsg_hdr(m);
    struct nlattr *parts[NFTA_GEN_MAX + 1];

    if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
        nlmsg_parse(h, sizeof(struct nfgenmsg), parts, NFTA_GEN_MAX, NULL) < 0)
        return NL_OK;
    if (!parts[NFTA_GEN_PROC_PID] ||
        ntohl(nla_get_u32(parts[NFTA_GEN_PROC_PID])) != (uint32_t)getpid())
        note(arg);
    return NL_OK;
}

/* What overflows its buffer was something as well. */
static void hear(struct watch *w, struct nl_sock *s)
{
    int r = nl_recvmsgs_default(s);

    if (r < 0 && r != -NLE_AGAIN)
        note(w);
}

static void see_end(struct watch *w, int fd)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->n_processes; i++) {
        if (w->processes[i].fd != fd)
            continue;
        w->processes[i] = w->processes[--w->n_processes];
        close(fd);
        break;
    }
    pthread_mutex_unlock(&w->lock);
    note(w);
}

static void tell(struct watch *w)
{
    w->due_ms = 0;
    w->told_ms = now_ms();
    w->changed(w->ctx);
}

static void *run(void *arg)
{
    struct watch *w = arg;
    struct epoll_event e;

    for (;;) {
        int64_t left = w->due_ms ? w->due_ms - now_ms() : -1;
        if (w->due_ms && left <= 0) {
            tell(w);
            continue;
        }
        int n = epoll_wait(w->epoll, &e, 1, (int)left);
        if (n <= 0)
            continue;
        if (e.data.fd == w->stop)
            return NULL;
        if (e.data.fd == nl_socket_get_fd(w->links))
            hear(w, w->links);
        else if (e.data.fd == nl_socket_get_fd(w->filters))
            hear(w, w->filters);
        else
            see_end(w, e.data.fd);
    }
}

static int add(struct watch *w, int fd, struct error **err)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) < 0
               ? cunik_error_errno(err, errno, "watching the host")
               : 0;
}

static int listen_to(struct watch *w, struct nl_sock **s, int protocol, const int *groups,
                     nl_recvmsg_msg_cb_t on, struct error **err)
{
    int r = cunik_netlink_open(protocol, s, err);

    if (r < 0)
        return r;
    nl_socket_disable_seq_check(*s);
    nl_socket_set_nonblocking(*s);
    (void)nl_socket_set_buffer_size(*s, BUFFER, 0);
    nl_socket_modify_cb(*s, NL_CB_VALID, NL_CB_CUSTOM, on, w);
    for (; *groups; groups++)
        if ((r = nl_socket_add_membership(*s, *groups)) < 0)
            return cunik_error_set(err, ERROR_FAILED, "watching the host: %s", nl_geterror(r));
    return add(w, nl_socket_get_fd(*s), err);
}

static int open_all(struct watch *w, struct error **err)
{
    static const int links[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, 0};
    static const int filters[] = {NFNLGRP_NFTABLES, 0};
    int r;

    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->stop = eventfd(0, EFD_CLOEXEC);
    if (w->epoll < 0 || w->stop < 0)
        return cunik_error_errno(err, errno, "watching the host");
    if ((r = add(w, w->stop, err)) < 0 ||
        (r = listen_to(w, &w->links, NETLINK_ROUTE, links, on_link, err)) < 0 ||
        (r = listen_to(w, &w->filters, NETLINK_NETFILTER, filters, on_filter, err)) < 0)
        return r;
    if ((r = pthread_create(&w->thread, NULL, run, w)))
        return cunik_error_errno(err, r, "watching the host");
    w->started = true;
    return 0;
}

int cunik_watch_create(cunik_watch_changed *changed, void *ctx, struct watch **ret,
                       struct error **err)
{
    struct watch *w = cunik_calloc(1, sizeof(*w));

    *w = (struct watch){.changed = changed, .ctx = ctx, .epoll = -1, .stop = -1};
    pthread_mutex_init(&w->lock, NULL);
    w->told_ms = -REST_MS;
    int r = open_all(w, err);
    if (r < 0) {
        cunik_watch_destroy(w);
        return r;
    }
    *ret = w;
    return 0;
}

void cunik_watch_destroy(struct watch *w)
{
    const uint64_t one = 1;

    if (!w)
        return;
    if (w->started && write(w->stop, &one, sizeof(one)) == sizeof(one))
        pthread_join(w->thread, NULL);
    for (size_t i = 0; i < w->n_processes; i++)
        close(w->processes[i].fd);
    free(w->processes);
    nl_socket_free(w->links);
    nl_socket_free(w->filters);
    if (w->stop >= 0)
        close(w->stop);
    if (w->epoll >= 0)
        close(w->epoll);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static bool is_watched(const struct watch *w, pid_t pid)
{
    for (size_t i = 0; i < w->n_processes; i++)
        if (w->processes[i].pid == pid)
            return true;
    return false;
}

void cunik_watch_process(struct watch *w, pid_t pid)
{
    if (!w || pid <= 0)
        return;
    pthread_mutex_lock(&w->lock);
    int fd = is_watched(w, pid) ? -1 : pidfd_open(pid, 0);
    if (fd >= 0 && add(w, fd, NULL) == 0)
        *ARRAY_APPEND(w->processes, w->n_processes) = (struct watched){pid, fd};
    else if (fd >= 0)
        close(fd);
    pthread_mutex_unlock(&w->lock);
}
