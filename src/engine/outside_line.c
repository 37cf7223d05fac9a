/* Lines of JSON, and descriptors beside them. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/outside.h"

enum { N_NAMESPACES = 2 };

/* cmsg(3) wants it aligned. */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(N_NAMESPACES * sizeof(int))];
};

void cunik_namespaces_done(struct namespaces *n)
{
    if (n->user >= 0)
        close(n->user);
    if (n->net >= 0)
        close(n->net);
    *n = (struct namespaces){-1, -1};
}

/* The descriptors go with the first bytes. */
int cunik_outside_send(int fd, const json_t *what, const struct namespaces *n)
{
    _cleanup_free_ char *json = cunik_json_text(what, JSON_COMPACT);
    _cleanup_free_ char *line = cunik_asprintf("%s\n", json);
    union control control = {0};
    struct iovec part = {.iov_base = line, .iov_len = strlen(line)};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (n && n->user >= 0) {
        const int fds[N_NAMESPACES] = {n->user, n->net};
        m.msg_control = &control;
        m.msg_controllen = sizeof(control.space);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(c), fds, sizeof(fds));
    }
    while ((sent = sendmsg(fd, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return sent < 0 ? -errno : cunik_write_all(fd, line + sent, strlen(line) - (size_t)sent);
}

static void take(struct msghdr *m, struct namespaces *n)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            c->cmsg_len != CMSG_LEN(N_NAMESPACES * sizeof(int)))
            continue;
        cunik_namespaces_done(n);
        memcpy(&n->user, CMSG_DATA(c), sizeof(int));
        memcpy(&n->net, CMSG_DATA(c) + sizeof(int), sizeof(int));
    }
}

ssize_t cunik_outside_receive(int fd, struct buffer *b, struct namespaces *n)
{
    char chunk[16384];
    union control control = {0};
    struct iovec part = {.iov_base = chunk, .iov_len = sizeof(chunk)};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control.space)};
    ssize_t got;

    while ((got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (got < 0)
        return -errno;
    take(&m, n);
    cunik_buffer_append(b, chunk, (size_t)got);
    return got;
}
