#include "arp.h"
#include "cpu.h"
#include "tcp_internal.h"
#include "text.h"

enum {
    FIRST_WAIT_MS = 250,
    LONGEST_WAIT_MS = 4000,
    CARD_FULL_MS = 5,
    TRIES = 8,
    TRIES_UNOPENED = 5,
    FORGET_AFTER = 3, /* tries, before the neighbour's address is asked anew */
    LINE = 64,
};

char tcp_filler(uint32_t at)
{
    return at % LINE == LINE - 1 ? '\n' : (char)('0' + at / LINE % 10);
}

uint32_t tcp_out_end(const struct tcp *tcp)
{
    return tcp->out_start + (uint32_t)tcp->out_length + tcp->filler;
}

uint32_t tcp_window(const struct tcp *tcp)
{
    return TCP_IN - (uint32_t)tcp->in_length;
}

static void copy_out(const struct tcp *tcp, uint8_t *to, uint32_t at, uint32_t length)
{
    uint32_t written = at < tcp->out_length ? (uint32_t)tcp->out_length - at : 0;

    if (written > length)
        written = length;
    memcpy(to, tcp->out + at, written);
    at -= (uint32_t)tcp->out_length; /* as seen from the filler */
    for (uint32_t i = written; i < length; i++)
        to[i] = (uint8_t)tcp_filler(at + i);
}

/* Writes a header with everything but the checksum. */
static void write_header(uint8_t *at, uint16_t port, uint16_t peer_port, uint32_t sequence,
                         uint32_t acknowledged, size_t header, uint8_t flags, uint32_t window)
{
    put16(at, port);
    put16(at + 2, peer_port);
    put32(at + 4, sequence);
    put32(at + 8, acknowledged);
    at[12] = (uint8_t)(header / 4 << 4);
    at[13] = flags;
    put16(at + 14, window);
    put32(at + 16, 0); /* checksum, urgent pointer */
}

static void send_segment(const struct interface *interface, uint32_t to, uint8_t *segment,
                         size_t length)
{
    put16(segment + 16, ip_checksum(segment, length, interface->address, to, IP_TCP));
    ip_send(interface, to, IP_TCP, length);
}

/* False when the card is full. */
static bool emit(struct tcp *tcp, uint8_t flags, uint32_t sequence, uint32_t length)
{
    uint8_t *segment = ip_payload(tcp->interface);
    size_t header = flags & TCP_SYN ? TCP_HEADER + 4 : TCP_HEADER;

    if (!segment)
        return false;
    write_header(segment, tcp->port, tcp->peer_port, sequence, flags & TCP_ACK ? tcp->in_next : 0,
                 header, flags, tcp_window(tcp));
    if (flags & TCP_SYN) {
        segment[TCP_HEADER] = TCP_OPTION_SEGMENT;
        segment[TCP_HEADER + 1] = 4;
        put16(segment + TCP_HEADER + 2, tcp->interface->mtu - IP_HEADER - TCP_HEADER);
    }
    if (length > 0)
        copy_out(tcp, segment + header, sequence - tcp->out_start, length);
    tcp->in_promised = tcp->in_next + tcp_window(tcp);
    tcp->owes_ack = false;
    send_segment(tcp->interface, tcp->peer, segment, header + length);
    return true;
}

void tcp_send_control(struct tcp *tcp, uint8_t flags, uint32_t sequence)
{
    emit(tcp, flags, sequence, 0);
}

void tcp_send_ack(struct tcp *tcp)
{
    tcp_send_control(tcp, TCP_ACK, tcp->sent_most);
}

void tcp_send_abort(struct tcp *tcp)
{
    tcp_send_control(tcp, TCP_RST | TCP_ACK, tcp->sent_most);
}

void tcp_send_reset(const struct interface *interface, uint32_t to, const uint8_t *segment,
                    size_t data_length)
{
    uint8_t *reply = ip_payload(interface);
    uint8_t flags = segment[13];
    uint32_t behind =
        get32(segment + 4) + (uint32_t)data_length + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    bool has_ack = flags & TCP_ACK;

    if (!reply)
        return;
    write_header(reply, get16(segment + 2), get16(segment), has_ack ? get32(segment + 8) : 0,
                 has_ack ? 0 : behind, TCP_HEADER, has_ack ? TCP_RST : TCP_RST | TCP_ACK, 0);
    send_segment(interface, to, reply, TCP_HEADER);
    tcp_counts.refused++;
}

static void resend(struct tcp *tcp)
{
    /* From the first lost byte again; slowly, and one byte even into a closed window, to learn when
     * it opens. */
    tcp->sent = tcp->acked;
    tcp->congestion = tcp->segment;
    if (tcp->window == 0)
        tcp->window = 1;
    tcp_push(tcp);
}

static void out_of_time(void *data)
{
    struct tcp *tcp = data;
    bool open = tcp->state == TCP_OPEN;

    if (open && tcp->ending && tcp->acked == tcp_out_end(tcp) + 1) {
        tcp_fail(tcp, "the peer does not end"); /* we ended long ago */
        return;
    }
    if (tcp->tries++ == (open ? TRIES : TRIES_UNOPENED)) {
        tcp_send_abort(tcp);
        tcp_fail(tcp, "no answer");
        return;
    }
    if (tcp->tries == FORGET_AFTER)
        arp_forget(tcp->interface, tcp->peer);
    tcp_counts.resent++;
    if (tcp->state == TCP_SYN_SENT)
        tcp_send_control(tcp, TCP_SYN, tcp->acked);
    else if (tcp->state == TCP_SYN_RECEIVED)
        tcp_send_control(tcp, TCP_SYN | TCP_ACK, tcp->acked);
    else
        resend(tcp);
    tcp_start_timer(tcp);
}

void tcp_start_timer(struct tcp *tcp)
{
    uint32_t wait = FIRST_WAIT_MS << tcp->tries;

    tcp->timer.run = out_of_time;
    tcp->timer.data = tcp;
    timer_start(&tcp->timer, wait < LONGEST_WAIT_MS ? wait : LONGEST_WAIT_MS);
}

static void push_again(void *data)
{
    tcp_push(data);
}

/* How much of what is left may go out in one segment now; 0: nothing. */
static uint32_t next_length(const struct tcp *tcp, uint32_t left)
{
    uint32_t under_way = tcp->sent - tcp->acked;
    uint32_t room = tcp->window < tcp->congestion ? tcp->window : tcp->congestion;
    uint32_t length = left < tcp->segment ? left : tcp->segment;

    if (under_way + length <= room)
        return length;
    return under_way == 0 ? room : 0; /* no crumbs while something is under way */
}

void tcp_push(struct tcp *tcp)
{
    uint32_t end = tcp_out_end(tcp);

    if (tcp->state != TCP_OPEN)
        return;
    while (tcp_before(tcp->sent, end + tcp->ending)) {
        uint32_t left = end - tcp->sent;
        uint32_t length = next_length(tcp, left);
        bool last = tcp->ending && length == left;
        if (length == 0 && !last)
            break;
        uint8_t flags = TCP_ACK | (length == left ? TCP_PUSH : 0) | (last ? TCP_FIN : 0);
        if (!emit(tcp, flags, tcp->sent, length)) {
            tcp->timer.run = push_again;
            tcp->timer.data = tcp;
            timer_start(&tcp->timer, CARD_FULL_MS);
            return;
        }
        if (last && !tcp->in_ended)
            tcp->ended_first = true;
        tcp->sent += length + last;
        if (tcp_before(tcp->sent_most, tcp->sent))
            tcp->sent_most = tcp->sent;
    }
    if (tcp->acked != end + tcp->ending && (!tcp->timer.running || tcp->timer.run == push_again))
        tcp_start_timer(tcp);
}
