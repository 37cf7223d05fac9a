#include "arguments.h"

#include "behave.h"
#include "config.h"
#include "console.h"
#include "disk.h"
#include "out.h"
#include "text.h"

enum { MOST = 0x7FFFFFFF };

struct arguments arguments = {.port = 80};

static void add_action(void (*run)(uint32_t), uint32_t number)
{
    if (arguments.action_count < ARGUMENTS_ACTIONS)
        arguments.actions[arguments.action_count++] = (struct action){run, number};
    else
        console_print("probe: more than %u actions\n", ARGUMENTS_ACTIONS);
}

static void set_port(uint32_t number)
{
    arguments.port = (uint16_t)number;
}

static void set_delay(uint32_t number)
{
    arguments.delay_ms = number;
}

static void set_after(uint32_t number)
{
    arguments.after_ms = number;
}

static void set_acpi(uint32_t number)
{
    (void)number;
    arguments.acpi = true;
}

static void set_dhcp(uint32_t number)
{
    (void)number;
    arguments.dhcp = true;
}

static void set_debug_exit(uint32_t number)
{
    (void)number;
    arguments.debug_exit = true;
}

static void set_echo(uint32_t number)
{
    (void)number;
    arguments.echo = true;
}

static void set_unhealthy(uint32_t number)
{
    (void)number;
    arguments.unhealthy = true;
}

static void set_healthy_after(uint32_t number)
{
    arguments.healthy_after_ms = number;
}

static void set_eject(uint32_t number)
{
    (void)number;
    arguments.eject = true;
}

static void add_exit(uint32_t number)
{
    add_action(behave_exit, number);
}

static void add_crash(uint32_t number)
{
    add_action(behave_crash, number);
}

static void add_hang(uint32_t number)
{
    add_action(behave_hang, number);
}

static void add_reset(uint32_t number)
{
    add_action(behave_reset, number);
}

static void add_flood(uint32_t number)
{
    add_action(behave_flood, number);
}

static void print_disk(uint32_t number)
{
    static char room[DISK_SECTOR + 1];
    const char *why = NULL;
    const char *sector = disk_first_sector(number, &why);
    struct out out;

    out_init(&out, room, sizeof(room) - 1);
    if (sector)
        out_visible(&out, sector, DISK_SECTOR, true);
    room[out.used] = '\0';
    console_print("disk %u: %s\n", number, sector ? room : why);
}

static void say(const char *text)
{
    console_print("%s\n", text);
}

static void add_halt(const char *text)
{
    arguments.last_words = text;
    add_action(behave_halt, 0);
}

static void add_get(const char *text)
{
    if (arguments.get_count < ARGUMENTS_GETS)
        arguments.gets[arguments.get_count++] = text;
    else
        console_print("probe: more than %u addresses to get\n", ARGUMENTS_GETS);
}

/* Behind `name=` stands a number (`number`, at most `most`) or any text (`text`); without `=` the
 * word stands alone. */
static const struct request {
    const char *name;
    uint32_t least, most; /* most 0: the word stands alone */
    void (*number)(uint32_t number);
    void (*text)(const char *text);
} requests[] = {
    {"acpi", 0, 0, set_acpi, NULL},
    {"after=", 0, MOST, set_after, NULL},
    {"crash", 0, 0, add_crash, NULL},
    {"debugexit", 0, 0, set_debug_exit, NULL},
    {"delay=", 0, MOST, set_delay, NULL},
    {"dhcp", 0, 0, set_dhcp, NULL},
    {"disk=", 0, DISK_MOST - 1, print_disk, NULL},
    {"echo", 0, 0, set_echo, NULL},
    {"eject", 0, 0, set_eject, NULL},
    {"exit=", 0, 255, add_exit, NULL},
    {"flood=", 0, MOST, add_flood, NULL},
    {"get=", 0, 0, NULL, add_get},
    {"halt=", 0, 0, NULL, add_halt},
    {"hang", 0, 0, add_hang, NULL},
    {"healthy_after=", 1, MOST, set_healthy_after, NULL},
    {"port=", 1, 65535, set_port, NULL},
    {"reset", 0, 0, add_reset, NULL},
    {"say=", 0, 0, NULL, say},
    {"unhealthy", 0, 0, set_unhealthy, NULL},
};

static void read_word(const char *word)
{
    for (size_t i = 0; i < COUNT(requests); i++) {
        const struct request *request = &requests[i];
        const char *value = word + strlen(request->name);
        uint32_t number = 0;

        if (request->most == 0 && !request->text) {
            if (text_equal(word, request->name))
                request->number(0);
        } else if (!text_starts(word, request->name)) {
            continue;
        } else if (request->text) {
            request->text(value);
        } else if (!text_number(value, request->most, &number) || number < request->least) {
            console_print("probe: bad argument '%s'\n", word);
        } else {
            request->number(number);
        }
    }
}

void arguments_read(void)
{
    for (size_t i = 0; i < config.argument_count; i++)
        read_word(config.arguments[i]);
}
