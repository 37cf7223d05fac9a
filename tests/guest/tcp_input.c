#include "tcp_internal.h"
#include "text.h"

enum {
    BURST = 10,     /* segments that may be under way at first */
    DUPLICATES = 3, /* answers to the same place that mean a loss */
    CONGESTION_MOST = 65535,
    END_WAIT_TRIES = 4, /* as if so many tries were over: 4 s for the peer to end after we did */
};

/* A segment taken apart. */
struct segment {
    const struct interface *interface;
    uint32_t from;
    uint16_t from_port, port;
    const uint8_t *bytes;
    uint32_t sequence, acknowledged, window;
    uint8_t flags;
    const uint8_t *options, *data;
    size_t option_length, length; /* of options and data */
};

static bool take_apart(struct segment *segment, const struct interface *interface, uint32_t from,
                       const uint8_t *bytes, size_t length)
{
    if (length < TCP_HEADER)
        return false;
    size_t header = (bytes[12] >> 4) * 4u;
    if (header < TCP_HEADER || header > length)
        return false;
    if (ip_checksum(bytes, length, from, interface->address, IP_TCP) != 0)
        return false;
    *segment = (struct segment){
        .interface = interface,
        .from = from,
        .from_port = get16(bytes),
        .port = get16(bytes + 2),
        .bytes = bytes,
        .sequence = get32(bytes + 4),
        .acknowledged = get32(bytes + 8),
        .window = get16(bytes + 14),
        .flags = bytes[13],
        .options = bytes + TCP_HEADER,
        .option_length = header - TCP_HEADER,
        .data = bytes + header,
        .length = length - header,
    };
    return segment->from_port != 0;
}

static void read_options(struct tcp *tcp, const struct segment *segment)
{
    uint32_t most = tcp->interface->mtu - IP_HEADER - TCP_HEADER;
    const uint8_t *at = segment->options;
    size_t left = segment->option_length;

    while (left > 0 && at[0] != TCP_OPTION_END) {
        size_t length = at[0] == TCP_OPTION_NONE ? 1 : left > 1 ? at[1] : 0;
        if (length == 0 || length > left || (at[0] != TCP_OPTION_NONE && length < 2))
            break;
        if (at[0] == TCP_OPTION_SEGMENT && length == 4)
            tcp->segment = get16(at + 2);
        at += length;
        left -= length;
    }
    if (tcp->segment < TCP_SEGMENT_LEAST)
        tcp->segment = TCP_SEGMENT_LEAST;
    if (tcp->segment > most)
        tcp->segment = most;
    tcp->congestion = BURST * tcp->segment;
}

static void accept_connection(const struct segment *segment)
{
    struct tcp *tcp = tcp_take(TCP_SYN_RECEIVED, segment->interface, segment->from,
                               segment->from_port, segment->port);

    if (!tcp)
        return; /* the peer asks again */
    tcp->user = tcp_listener;
    tcp->in_next = segment->sequence + 1;
    tcp->window = segment->window;
    read_options(tcp, segment);
    tcp_send_control(tcp, TCP_SYN | TCP_ACK, tcp->acked);
    tcp_start_timer(tcp);
}

static void input_nowhere(const struct segment *segment)
{
    if (segment->flags & TCP_RST)
        return;
    bool wanted = tcp_listener && segment->port == tcp_listening_port;
    if (wanted && (segment->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN)
        accept_connection(segment);
    else
        tcp_send_reset(segment->interface, segment->from, segment->bytes, segment->length);
}

static void input_syn_sent(struct tcp *tcp, const struct segment *segment)
{
    bool acks = segment->flags & TCP_ACK && segment->acknowledged == tcp->sent;

    if (segment->flags & TCP_ACK && !acks) {
        if ((segment->flags & TCP_RST) == 0)
            tcp_send_reset(segment->interface, segment->from, segment->bytes, segment->length);
        return;
    }
    if (segment->flags & TCP_RST && acks) {
        tcp_fail(tcp, "refused");
        return;
    }
    if ((segment->flags & (TCP_SYN | TCP_RST)) != TCP_SYN || !acks)
        return;
    tcp->state = TCP_OPEN;
    tcp->acked = tcp->sent;
    tcp->tries = 0;
    timer_stop(&tcp->timer);
    tcp->in_next = segment->sequence + 1;
    tcp->window = segment->window;
    tcp->owes_ack = true;
    read_options(tcp, segment);
    tcp->user->opened(tcp);
}

static void input_time_wait(struct tcp *tcp, const struct segment *segment)
{
    if (segment->flags & TCP_RST) {
        tcp_free(tcp);
    } else if (segment->flags & TCP_SYN && tcp_before(tcp->in_next - 1, segment->sequence)) {
        tcp_free(tcp);
        tcp_current = NULL;
        input_nowhere(segment);
    } else if (segment->length > 0 || segment->flags & (TCP_FIN | TCP_SYN)) {
        tcp_send_ack(tcp);
    }
}

/* Cuts off what came before and what does not fit. False when it has nothing to do with what we
 * expect next. */
static bool trim(struct tcp *tcp, struct segment *segment)
{
    uint32_t early = tcp->in_next - segment->sequence; /* how much we have already */
    size_t space = segment->length + !!(segment->flags & TCP_FIN);

    if (tcp_before(tcp->in_next, segment->sequence) || early > space ||
        (early == space && early > 0)) {
        segment->flags &= (uint8_t)~TCP_FIN;
        segment->length = 0;
        return false;
    }
    segment->data += early;
    segment->length -= early;
    if (segment->length > tcp_window(tcp)) {
        segment->length = tcp_window(tcp);
        segment->flags &= (uint8_t)~TCP_FIN;
    }
    return true;
}

/* In the window, and so worth an answer? Only an exact match ends a connection (RFC 5961). */
static void input_reset(struct tcp *tcp, const struct segment *segment)
{
    if (segment->sequence == tcp->in_next)
        tcp_fail(tcp, "reset by the peer");
    else if (segment->sequence - tcp->in_next < tcp_window(tcp))
        tcp_send_ack(tcp);
}

/* New data arrived at the peer. */
static void acknowledge(struct tcp *tcp, uint32_t acknowledged)
{
    uint32_t end = tcp_out_end(tcp);

    tcp->congestion += acknowledged - tcp->acked;
    if (tcp->congestion > CONGESTION_MOST)
        tcp->congestion = CONGESTION_MOST;
    tcp->acked = acknowledged;
    if (tcp_before(tcp->sent, acknowledged))
        tcp->sent = acknowledged;
    tcp->tries = 0;
    tcp->duplicates = 0;
    timer_stop(&tcp->timer);
    if (acknowledged != end + tcp->ending)
        tcp_start_timer(tcp);
}

static void input_ack(struct tcp *tcp, const struct segment *segment)
{
    uint32_t acknowledged = segment->acknowledged;

    if (tcp_before(tcp->sent_most, acknowledged)) {
        tcp->owes_ack = true; /* of something never sent */
        return;
    }
    if (tcp_before(acknowledged, tcp->acked))
        return;
    bool same =
        acknowledged == tcp->acked && segment->length == 0 && segment->window == tcp->window;
    tcp->window = segment->window;
    if (acknowledged != tcp->acked) {
        acknowledge(tcp, acknowledged);
    } else if (same && tcp->sent != tcp->acked && ++tcp->duplicates == DUPLICATES) {
        tcp_counts.resent++;
        tcp->sent = tcp->acked;
        tcp->congestion = 2 * tcp->segment;
    } else if (segment->window == 0 && tcp->state == TCP_OPEN) {
        tcp->tries = 0; /* it lives, and has no room yet */
    }
}

static void input_data(struct tcp *tcp, const struct segment *segment)
{
    memcpy(tcp->in + tcp->in_length, segment->data, segment->length);
    tcp->in_length += segment->length;
    tcp->in_next += (uint32_t)segment->length;
    if (segment->length > 0)
        tcp->owes_ack = true;
    if (segment->flags & TCP_FIN) {
        tcp->in_next++;
        tcp->in_ended = true;
        tcp->owes_ack = true;
    }
}

/* The user's turn, in the order of what happened. It may end the connection in any of these. */
static void call_user(struct tcp *tcp, bool opened, bool received)
{
    const struct tcp_user *user = tcp->user;

    if (opened)
        user->opened(tcp);
    bool drained = tcp->state == TCP_OPEN && (tcp->out_length > 0 || tcp->filler > 0) &&
                   !tcp_before(tcp->acked, tcp_out_end(tcp));
    if (drained) {
        tcp->out_start = tcp_out_end(tcp);
        tcp->out_length = 0;
        tcp->filler = 0;
        user->drained(tcp);
    }
    if (received && tcp->state == TCP_OPEN)
        user->received(tcp);
}

/* Both sides ended? Then the user is done, and whoever ended first remembers it for late segments.
 */
static void finish_if_ended(struct tcp *tcp)
{
    const struct tcp_user *user = tcp->user;
    bool out_ended = tcp->ending && tcp->acked == tcp_out_end(tcp) + 1;

    if (out_ended && !tcp->in_ended && !tcp->timer.running) {
        tcp->tries = END_WAIT_TRIES;
        tcp_start_timer(tcp);
    }
    if (!out_ended || !tcp->in_ended)
        return;
    if (!tcp->ended_first) {
        tcp_fail(tcp, NULL);
        return;
    }
    timer_stop(&tcp->timer);
    tcp->state = TCP_TIME_WAIT;
    tcp->user = NULL;
    user->closed(tcp, NULL);
}

static void input_open(struct tcp *tcp, struct segment *segment)
{
    bool opened = false;

    if (segment->flags & TCP_RST) {
        input_reset(tcp, segment);
        return;
    }
    if (segment->flags & TCP_SYN) {
        if (tcp->state == TCP_SYN_RECEIVED && segment->sequence + 1 == tcp->in_next)
            tcp_send_control(tcp, TCP_SYN | TCP_ACK, tcp->acked);
        else
            tcp_send_ack(tcp);
        return;
    }
    if ((segment->flags & TCP_ACK) == 0)
        return;
    bool occupies =
        segment->length > 0 || segment->flags & TCP_FIN || segment->sequence != tcp->in_next;
    bool fits = trim(tcp, segment);
    if (occupies)
        tcp->owes_ack = true;
    if (tcp->state == TCP_SYN_RECEIVED) {
        if (segment->acknowledged != tcp->sent) {
            tcp_send_reset(segment->interface, segment->from, segment->bytes, segment->length);
            return;
        }
        tcp->state = TCP_OPEN;
        tcp_counts.accepted++;
        opened = true;
    }
    input_ack(tcp, segment);
    if (fits && !tcp->in_ended)
        input_data(tcp, segment);
    call_user(tcp, opened, fits && (segment->length > 0 || segment->flags & TCP_FIN));
}

void tcp_input(const struct interface *interface, uint32_t from, const uint8_t *bytes,
               size_t length)
{
    struct segment segment;

    if (!take_apart(&segment, interface, from, bytes, length))
        return;
    struct tcp *tcp = tcp_find(interface, from, segment.from_port, segment.port);
    tcp_current = tcp;
    if (!tcp) {
        input_nowhere(&segment);
        return;
    }
    if (tcp->state == TCP_TIME_WAIT) {
        input_time_wait(tcp, &segment);
    } else {
        tcp_touch(tcp);
        if (tcp->state == TCP_SYN_SENT)
            input_syn_sent(tcp, &segment);
        else
            input_open(tcp, &segment);
        if (tcp->state == TCP_OPEN) {
            tcp_push(tcp);
            if (tcp->owes_ack)
                tcp_send_ack(tcp);
            finish_if_ended(tcp);
        }
    }
    tcp_current = NULL;
}
