#include "tcp.h"

#include "cpu.h"
#include "memory.h"
#include "tcp_internal.h"
#include "text.h"

enum {
    SLOTS_LEAST = 32,
    SLOTS_MOST = 128,
    MEMORY_KEPT = 256 * 1024, /* for disks */
    IDLE_MS = 5000, /* a connection that owes something and did not move for so long may be ended */
    FIRST_PORT = 49152,
    PORTS = 16384,
};

const struct tcp_user *tcp_listener;
uint16_t tcp_listening_port;
struct tcp *tcp_current;
struct tcp_counts tcp_counts;

static struct tcp *slots;
static uint32_t touches;

bool tcp_init(void)
{
    size_t each = sizeof(struct tcp) + TCP_IN + TCP_OUT;
    size_t room = memory_left() > MEMORY_KEPT ? (memory_left() - MEMORY_KEPT) / each : 0;
    size_t count = room > SLOTS_MOST ? SLOTS_MOST : room;

    if (count < SLOTS_LEAST)
        return false;
    slots = memory_take(count * sizeof(struct tcp));
    uint8_t *buffers = memory_take_raw(count * (TCP_IN + TCP_OUT));
    if (!slots || !buffers)
        return false;
    for (size_t i = 0; i < count; i++) {
        slots[i].in = buffers;
        slots[i].out = (char *)buffers + TCP_IN;
        buffers += TCP_IN + TCP_OUT;
    }
    tcp_counts.slots = count;
    return true;
}

void tcp_listen(uint16_t port, const struct tcp_user *user)
{
    tcp_listening_port = port;
    tcp_listener = user;
}

struct tcp *tcp_find(const struct interface *interface, uint32_t peer, uint16_t peer_port,
                     uint16_t port)
{
    for (struct tcp *tcp = slots; tcp < slots + tcp_counts.slots; tcp++)
        if (tcp->state != TCP_FREE && tcp->peer == peer && tcp->peer_port == peer_port &&
            tcp->port == port && tcp->interface == interface)
            return tcp;
    return NULL;
}

void tcp_touch(struct tcp *tcp)
{
    tcp->touched = touches++;
    tcp->moved_at = clock_now();
}

void tcp_free(struct tcp *tcp)
{
    timer_stop(&tcp->timer);
    if (tcp->state != TCP_FREE)
        tcp_counts.active--;
    tcp->state = TCP_FREE;
    tcp->user = NULL;
}

void tcp_fail(struct tcp *tcp, const char *why)
{
    const struct tcp_user *user = tcp->user;

    tcp_free(tcp);
    if (user)
        user->closed(tcp, why);
}

void tcp_abort(struct tcp *tcp)
{
    tcp_send_abort(tcp);
    tcp_free(tcp);
}

/* Whether this connection may make room for a new one. */
static bool is_spare(const struct tcp *tcp)
{
    if (tcp == tcp_current)
        return false;
    if (tcp->state == TCP_TIME_WAIT || tcp->state == TCP_SYN_RECEIVED)
        return true;
    if (!tcp->busy && tcp->state == TCP_OPEN && tcp->acked == tcp_out_end(tcp))
        return true;
    return clock_now() - tcp->moved_at >= IDLE_MS;
}

static struct tcp *find_slot(void)
{
    struct tcp *spare = NULL;

    for (struct tcp *tcp = slots; tcp < slots + tcp_counts.slots; tcp++) {
        if (tcp->state == TCP_FREE && tcp != tcp_current)
            return tcp;
        if (is_spare(tcp) && (!spare || tcp_before(tcp->touched, spare->touched)))
            spare = tcp;
    }
    if (spare && spare->state != TCP_TIME_WAIT)
        tcp_send_abort(spare);
    if (spare)
        tcp_fail(spare, "no room for more connections");
    return spare;
}

struct tcp *tcp_take(enum tcp_state state, const struct interface *interface, uint32_t peer,
                     uint16_t peer_port, uint16_t port)
{
    struct tcp *tcp = find_slot();

    if (!tcp || tcp->state != TCP_FREE)
        return NULL;
    uint32_t first = cpu_cycles() ^ peer ^ (uint32_t)peer_port << 16;
    *tcp = (struct tcp){
        .state = state,
        .interface = interface,
        .peer = peer,
        .port = port,
        .peer_port = peer_port,
        .in = tcp->in,
        .out = tcp->out,
        .out_start = first + 1,
        .acked = first,
        .sent = first + 1,
        .sent_most = first + 1,
        .segment = TCP_SEGMENT_DEFAULT,
    };
    tcp_counts.active++;
    tcp_touch(tcp);
    return tcp;
}

static uint16_t free_port(const struct interface *interface, uint32_t peer, uint16_t peer_port)
{
    static uint16_t next;

    if (next == 0)
        next = (uint16_t)(cpu_cycles() >> 8);
    do
        next++;
    while (tcp_find(interface, peer, peer_port, (uint16_t)(FIRST_PORT + next % PORTS)));
    return (uint16_t)(FIRST_PORT + next % PORTS);
}

struct tcp *tcp_connect(uint32_t peer, uint16_t port, const struct tcp_user *user, void *data,
                        const char **ret_why)
{
    const struct interface *interface = ip_route(peer);
    struct tcp *tcp = NULL;

    if (!interface)
        *ret_why = "no route";
    else if (!(tcp =
                   tcp_take(TCP_SYN_SENT, interface, peer, port, free_port(interface, peer, port))))
        *ret_why = "no room for more connections";
    if (!tcp)
        return NULL;
    tcp->user = user;
    tcp->data = data;
    tcp->busy = true;
    tcp_counts.opened++;
    tcp_send_control(tcp, TCP_SYN, tcp->acked);
    tcp_start_timer(tcp);
    return tcp;
}

bool tcp_write(struct tcp *tcp, const char *bytes, size_t length)
{
    if (tcp->filler || length > TCP_OUT - tcp->out_length)
        return false;
    memcpy(tcp->out + tcp->out_length, bytes, length);
    tcp->out_length += length;
    return true;
}

void tcp_fill(struct tcp *tcp, uint32_t count)
{
    tcp->filler = count;
}

void tcp_end(struct tcp *tcp)
{
    tcp->ending = true;
}

void tcp_consume(struct tcp *tcp, size_t length)
{
    tcp->in_length -= length;
    memmove(tcp->in, tcp->in + length, tcp->in_length);
    /* A window that was nearly shut and is open again must be told, or the peer waits. */
    if (tcp->in_next + tcp_window(tcp) - tcp->in_promised >= TCP_IN / 2)
        tcp->owes_ack = true;
}
