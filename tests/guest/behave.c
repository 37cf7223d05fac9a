#include "behave.h"

#include "arguments.h"
#include "clock.h"
#include "console.h"
#include "cpu.h"
#include "fetch.h"
#include "http.h"
#include "ip.h"
#include "out.h"
#include "power.h"
#include "text.h"

enum {
    GET_TRIES = 50,
    GET_RETRY_MS = 200,
    GET_PATIENCE_MS = 1000,
    FLOOD_PART = 128, /* lines at once */
    FIRST_LINE_SHOWN = 200,
    TYPED_LONGEST = 1024,
    TYPED_PAUSE_MS = 1,
    /* Hot-plug of machine pc: the slots whose devices are asked back, and giving them up. */
    PLUG_DOWN = 0xAE04,
    PLUG_EJECT = 0xAE08,
    PLUG_BUS = 0xAE10,
    PLUG_PAUSE_MS = 10,
};

static struct get {
    const char *url;
    uint32_t tries;
    struct timer retry;
} gets[ARGUMENTS_GETS];

static struct timer serve_timer, act_timer, flood_timer, healthy_timer, typed_timer, plug_timer;
static size_t next_action;
static uint32_t flood_done, flood_lines;
static bool healthy = true;

bool behave_is_healthy(void)
{
    return healthy;
}

void behave_exit(uint32_t code)
{
    console_print("exiting with %u\n", code);
    if (arguments.debug_exit)
        power_debug_exit((uint8_t)code);
    power_off();
}

void behave_crash(uint32_t unused)
{
    (void)unused;
    cpu_triple_fault();
}

void behave_hang(uint32_t unused)
{
    (void)unused;
    cpu_stop();
}

void behave_halt(uint32_t unused)
{
    (void)unused;
    console_print("%s\n", arguments.last_words);
    cpu_stop();
}

void behave_reset(uint32_t unused)
{
    (void)unused;
    power_reset();
}

_Noreturn void behave_power_button(void)
{
    console_print("power button\n");
    power_off();
}

static void start_timer(struct timer *timer, void (*run)(void *data), void *data,
                        uint32_t milliseconds)
{
    timer->run = run;
    timer->data = data;
    timer_start(timer, milliseconds);
}

static void act(void *data)
{
    (void)data;
    while (next_action < arguments.action_count && !flood_timer.running) {
        const struct action *action = &arguments.actions[next_action++];
        action->run(action->number);
    }
}

static void flood(void *data)
{
    for (uint32_t i = 0; i < FLOOD_PART && flood_done < flood_lines; i++) {
        flood_done++;
        console_print("flood %u of %u\n", flood_done, flood_lines);
    }
    if (flood_done < flood_lines)
        start_timer(&flood_timer, flood, data, 1);
    else
        act(data);
}

void behave_flood(uint32_t lines)
{
    flood_done = 0;
    flood_lines = lines;
    start_timer(&flood_timer, flood, NULL, 1);
}

static void get(void *data);

static void got(void *data, const struct fetch_result *result)
{
    static char line[FIRST_LINE_SHOWN + 1];
    struct get *self = data;
    bool worked = result->status / 100 == 2;
    struct out out;

    if (!worked && self->tries < GET_TRIES) {
        start_timer(&self->retry, get, self, GET_RETRY_MS);
        return;
    }
    out_init(&out, line, sizeof(line) - 1);
    if (result->status != 0)
        out_visible(&out, result->body, result->length, true);
    line[out.used] = '\0';
    if (result->status != 0)
        console_print("get %s: %u %s\n", self->url, result->status, line);
    else
        console_print("get %s: failed: %s\n", self->url, result->why);
}

static void get(void *data)
{
    struct get *self = data;
    struct fetch_result failure = {0};

    self->tries++;
    if (!fetch_begin(self->url, GET_PATIENCE_MS, got, self, &failure.why))
        got(self, &failure);
}

static void serve(void *data)
{
    (void)data;
    http_listen(arguments.port);
    ip_up();
    console_print("probe: ready\n");
    for (size_t i = 0; i < arguments.get_count; i++) {
        gets[i].url = arguments.gets[i];
        get(&gets[i]);
    }
}

void behave_become(bool well)
{
    healthy = well;
}

static void recover(void *unused)
{
    (void)unused;
    behave_become(true);
}

static void start_health(void)
{
    healthy = !arguments.unhealthy;
    if (arguments.healthy_after_ms)
        start_timer(&healthy_timer, recover, NULL, arguments.healthy_after_ms);
}

static void take_line(const char *line)
{
    uint32_t code;

    console_print("echo: %s\n", line);
    if (text_starts(line, "exit ") && text_number(line + strlen("exit "), 255, &code))
        behave_exit(code);
}

/* What is typed is answered by lines; what is too long for one is cut. */
static void read_typed(void *data)
{
    static char line[TYPED_LONGEST + 1];
    static size_t length;
    int byte;

    while ((byte = console_read()) >= 0) {
        if (byte != '\n' && byte != '\r') {
            if (length < TYPED_LONGEST)
                line[length++] = (char)byte;
            continue;
        }
        line[length] = '\0';
        length = 0;
        take_line(line);
    }
    start_timer(&typed_timer, read_typed, data, TYPED_PAUSE_MS);
}

/* Whatever the host asks for: it is not asked whether anybody uses it. */
static void eject(void *data)
{
    port_write32(PLUG_BUS, 0);
    uint32_t slots = port_read32(PLUG_DOWN);

    if (slots && slots != UINT32_MAX) {
        port_write32(PLUG_EJECT, slots);
        console_print("probe: a device is given up\n");
    }
    start_timer(&plug_timer, eject, data, PLUG_PAUSE_MS);
}

void behave_start(void)
{
    if (arguments.acpi)
        power_listen();
    start_health();
    if (arguments.echo)
        read_typed(NULL);
    if (arguments.eject)
        eject(NULL);
    if (arguments.after_ms)
        start_timer(&act_timer, act, NULL, arguments.after_ms);
    else
        act(NULL);
    if (ip_count() == 0)
        console_print("probe: no network: serving nothing\n");
    else if (arguments.delay_ms)
        start_timer(&serve_timer, serve, NULL, arguments.delay_ms);
    else
        serve(NULL);
}
