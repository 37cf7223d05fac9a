#include "dns.h"

#include "clock.h"
#include "config.h"
#include "cpu.h"
#include "text.h"
#include "udp.h"

enum {
    QUERIES = 48,
    PORT = 53,
    FIRST_PORT = 40000, /* each query listens on a port of its own */
    HEADER = 12,
    NAME_MOST = 255, /* bytes of a name in a message */
    LABEL_MOST = 63,
    MESSAGE_MOST = HEADER + NAME_MOST + 4,
    ROUNDS = 3, /* through all servers */
    PATIENCE_MS = 700,
    TYPE_A = 1,
    CLASS_IN = 1,
    FLAG_RESPONSE = 0x8000,
    FLAG_RECURSE = 0x0100,
    CODE_BITS = 15,
    CODE_OK = 0,
    CODE_NO_NAME = 3,
};

struct dns_query {
    bool running;
    uint16_t id;
    uint8_t question[NAME_MOST + 4]; /* name, type, class, as in the message */
    size_t question_length;
    size_t asked; /* questions sent; names the next server, too */
    struct timer timer;
    dns_done *done;
    void *data;
};

static struct dns_query queries[QUERIES];

static uint16_t port_of(const struct dns_query *query)
{
    return (uint16_t)(FIRST_PORT + (query - queries));
}

void dns_cancel(struct dns_query *query)
{
    if (!query)
        return;
    timer_stop(&query->timer);
    query->running = false;
}

static void finish(struct dns_query *query, const uint32_t *addresses, size_t count,
                   const char *why)
{
    dns_cancel(query);
    query->done(query->data, addresses, count, why);
}

static void ask_next(void *data)
{
    struct dns_query *query = data;
    uint8_t message[MESSAGE_MOST];

    if (query->asked == ROUNDS * config.server_count) {
        finish(query, NULL, 0, "no answer from a name server");
        return;
    }
    memset(message, 0, HEADER);
    put16(message, query->id);
    put16(message + 2, FLAG_RECURSE);
    put16(message + 4, 1);
    memcpy(message + HEADER, query->question, query->question_length);
    /* Where it cannot be sent now the timer tries again. */
    udp_send(config.servers[query->asked++ % config.server_count], port_of(query), PORT, message,
             HEADER + query->question_length);
    timer_start(&query->timer, PATIENCE_MS);
}

/* The question for `name`, or 0 when it is no name. */
static size_t write_question(uint8_t *question, const char *name)
{
    size_t used = 0;

    while (*name != '\0') {
        size_t label = 0;
        while (name[label] != '\0' && name[label] != '.')
            label++;
        if (label == 0 || label > LABEL_MOST || used + 1 + label + 1 > NAME_MOST)
            return 0;
        question[used++] = (uint8_t)label;
        memcpy(question + used, name, label);
        used += label;
        name += label + (name[label] == '.');
    }
    if (used == 0)
        return 0;
    question[used++] = 0;
    put16(question + used, TYPE_A);
    put16(question + used + 2, CLASS_IN);
    return used + 4;
}

struct dns_query *dns_ask(const char *name, dns_done *done, void *data, const char **ret_why)
{
    struct dns_query *query = queries;

    while (query < queries + QUERIES && query->running)
        query++;
    if (query == queries + QUERIES || config.server_count == 0) {
        *ret_why = config.server_count == 0 ? "no name server" : "too many questions at once";
        return NULL;
    }
    query->question_length = write_question(query->question, name);
    if (query->question_length == 0) {
        *ret_why = "not a name";
        return NULL;
    }
    query->running = true;
    query->id = (uint16_t)(cpu_cycles() >> 4);
    query->asked = 0;
    query->done = done;
    query->data = data;
    query->timer.run = ask_next;
    query->timer.data = query;
    ask_next(query);
    return query;
}

/* Behind the name that begins at `at`: labels up to the empty one or to a reference. 0 when it runs
 * out. */
static size_t skip_name(const uint8_t *message, size_t length, size_t at)
{
    while (at < length) {
        if (message[at] >= 0xC0)
            return at + 2;
        if (message[at] == 0)
            return at + 1;
        at += message[at] + 1u;
    }
    return 0;
}

/* Every address among the answers; a chain of aliases ends in records of type A all the same. */
static size_t read_addresses(const uint8_t *message, size_t length, size_t at, uint32_t *addresses)
{
    uint32_t answers = get16(message + 6);
    size_t count = 0;

    while (answers-- > 0 && count < DNS_ADDRESSES) {
        at = skip_name(message, length, at);
        if (at == 0 || at + 10 > length)
            break;
        uint16_t type = get16(message + at), class = get16(message + at + 2);
        size_t data = get16(message + at + 8);
        at += 10;
        if (data > length - at)
            break;
        if (type == TYPE_A && class == CLASS_IN && data == 4)
            addresses[count++] = get32(message + at);
        at += data;
    }
    return count;
}

static bool is_answer(const struct dns_query *query, const uint8_t *message, size_t length)
{
    return length >= HEADER + query->question_length && get16(message) == query->id &&
           (get16(message + 2) & FLAG_RESPONSE) != 0 && get16(message + 4) == 1 &&
           text_same_letters((const char *)message + HEADER, (const char *)query->question,
                             query->question_length);
}

static bool is_server(uint32_t address)
{
    for (size_t i = 0; i < config.server_count; i++)
        if (config.servers[i] == address)
            return true;
    return false;
}

void dns_input(uint32_t from, uint16_t from_port, uint16_t to_port, const uint8_t *message,
               size_t length)
{
    uint32_t addresses[DNS_ADDRESSES];

    if (from_port != PORT || !is_server(from) || to_port < FIRST_PORT ||
        to_port >= FIRST_PORT + QUERIES)
        return;
    struct dns_query *query = &queries[to_port - FIRST_PORT];
    if (!query->running || !is_answer(query, message, length))
        return;
    uint16_t code = get16(message + 2) & CODE_BITS;
    if (code != CODE_OK && code != CODE_NO_NAME) {
        /* This server does not want to tell: the next one at once, and an end after all were asked.
         */
        if (query->asked >= config.server_count)
            finish(query, NULL, 0, "refused by the name server");
        else
            ask_next(query);
        return;
    }
    size_t count = code == CODE_OK
                       ? read_addresses(message, length, HEADER + query->question_length, addresses)
                       : 0;
    finish(query, addresses, count, count > 0 ? NULL : "no such name");
}
