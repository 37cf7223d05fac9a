#include "network/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

enum { TRIES = 1000 }; /* at a list that changes as it is read */

int cunik_netlink_open(int protocol, struct nl_sock **ret, struct error **err)
{
    struct nl_sock *s = nl_socket_alloc();
    int on = 1;
    int r;

    if (!s)
        abort();
    if ((r = nl_connect(s, protocol)) < 0) {
        nl_socket_free(s);
        return cunik_error_set(err, ERROR_FAILED, "opening a netlink socket: %s", nl_geterror(r));
    }
    /* The kernel's own words, without the request repeated before them. Kernels that know neither
     * answer as well, with the number alone. */
    (void)setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    *ret = s;
    return 0;
}

struct nl_msg *cunik_netlink_message(int type, int flags)
{
    struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

    if (!m)
        abort();
    return m;
}

static void must(int r)
{
    if (r < 0) /* out of memory, or a message beyond a page: bounds are ours to keep */
        abort();
}

void cunik_netlink_append(struct nl_msg *m, const void *header, size_t size)
{
    must(nlmsg_append(m, (void *)header, size, NLMSG_ALIGNTO));
}

void cunik_netlink_string(struct nl_msg *m, int attribute, const char *value)
{
    must(nla_put_string(m, attribute, value));
}

void cunik_netlink_u32(struct nl_msg *m, int attribute, uint32_t value)
{
    must(nla_put_u32(m, attribute, value));
}

void cunik_netlink_bytes(struct nl_msg *m, int attribute, const void *data, size_t size)
{
    must(nla_put(m, attribute, (int)size, data));
}

struct nlattr *cunik_netlink_nest(struct nl_msg *m, int attribute)
{
    struct nlattr *nest = nla_nest_start(m, attribute);

    if (!nest)
        abort();
    return nest;
}

struct answer {
    int number; /* the kernel's errno, positive */
    char *words;
};

static int on_error(_unused_ struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
    struct answer *a = arg;
    struct nlmsghdr *h = (struct nlmsghdr *)((char *)e - NLMSG_HDRLEN);

    a->number = -e->error;
    if ((h->nlmsg_flags & NLM_F_ACK_TLVS) && h->nlmsg_len >= NLMSG_HDRLEN + sizeof(*e)) {
        size_t used = sizeof(*e);
        if (!(h->nlmsg_flags & NLM_F_CAPPED))
            used += NLMSG_ALIGN(e->msg.nlmsg_len - NLMSG_HDRLEN);
        if (h->nlmsg_len > NLMSG_HDRLEN + used) {
            struct nlattr *words =
                nla_find((struct nlattr *)((char *)e + used),
                         (int)(h->nlmsg_len - NLMSG_HDRLEN - used), NLMSGERR_ATTR_MSG);
            if (words)
                a->words = nla_strdup(words);
        }
    }
    return NL_STOP;
}

int cunik_netlink_send(struct nl_sock *s, struct nl_msg *m, struct error **err, const char *format,
                       ...)
{
    struct answer a = {0};
    va_list args;
    int r;

    nl_socket_modify_err_cb(s, NL_CB_CUSTOM, on_error, &a);
    r = nl_send_sync(s, m);
    nl_socket_modify_err_cb(s, NL_CB_DEFAULT, NULL, NULL);
    _cleanup_free_ char *words = a.words;
    if (r >= 0 && !a.number)
        return 0;
    va_start(args, format);
    _cleanup_free_ char *text = cunik_vasprintf(format, args);
    va_end(args);
    if (!a.number)
        return cunik_error_set(err, ERROR_FAILED, "%s: %s", text, nl_geterror(r));
    r = cunik_error_errno(err, a.number, "%s", text);
    if (words && err) {
        char *message = cunik_asprintf("%s (%s)", (*err)->message, words);
        free((*err)->message);
        (*err)->message = message;
    }
    return r;
}

struct heard {
    struct nl_msg **items;
    size_t n;
};

static int hear(struct nl_msg *m, void *arg)
{
    struct heard *h = arg;

    nlmsg_get(m);
    *ARRAY_APPEND(h->items, h->n) = m;
    return NL_OK;
}

static void heard_done(struct heard *h)
{
    for (size_t i = 0; i < h->n; i++)
        nlmsg_free(h->items[i]);
    free(h->items);
    *h = (struct heard){0};
}

static int ask(struct nl_sock *s, struct nl_msg *m, struct heard *ret)
{
    nlmsg_hdr(m)->nlmsg_seq = NL_AUTO_SEQ;
    nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, hear, ret);
    int r = nl_send_auto(s, m);
    return r < 0 ? r : nl_recvmsgs_default(s);
}

int cunik_netlink_dump(struct nl_sock *s, struct nl_msg *m, void (*on)(struct nl_msg *, void *),
                       void *ctx, struct error **err, const char *format, ...)
{
    struct heard heard = {0};
    va_list args;
    int r = -NLE_DUMP_INTR;

    for (int i = 0; r == -NLE_DUMP_INTR && i < TRIES; i++) {
        heard_done(&heard);
        r = ask(s, m, &heard);
    }
    nlmsg_free(m);
    for (size_t i = 0; r >= 0 && i < heard.n; i++)
        on(heard.items[i], ctx);
    heard_done(&heard);
    if (r >= 0)
        return 0;
    va_start(args, format);
    _cleanup_free_ char *text = cunik_vasprintf(format, args);
    va_end(args);
    return cunik_error_set(err, ERROR_FAILED, "%s: %s", text, nl_geterror(r));
}
