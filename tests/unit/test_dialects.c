/* Whatever a service's arguments and environment hold, the guest reads the same or the backend
 * refuses it: random ones go through a dialect and back through a reader of it written here from
 * the guest's rules. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/backend.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

enum { ROUNDS = 20000 };

/* What a guest got to know. */
struct guest {
    struct strv arguments, environment, addresses;
};

static void guest_done(struct guest *g)
{
    cunik_strv_done(&g->arguments);
    cunik_strv_done(&g->environment);
    cunik_strv_done(&g->addresses);
}

/* Unikraft's words: quotes may stand anywhere in one; a backslash outside of '…' takes the special
 * meaning of what follows, within "…" only of '"' and '\'. Quotes alone make no word. */
static void unikraft_words(const char *line, struct strv *ret)
{
    _cleanup_buffer_ struct buffer word = {0};
    char mark = '\0';

    for (;; line++) {
        if (*line == '\0' || (!mark && strchr(" \t\n\r\v", *line))) {
            if (word.size)
                cunik_strv_take(ret, cunik_buffer_take(&word));
            if (*line == '\0')
                return;
        } else if (*line == '\\' && mark != '\'') {
            if (mark == '"' && line[1] != '"' && line[1] != '\\')
                cunik_buffer_char(&word, '\\');
            if (line[1])
                cunik_buffer_char(&word, *++line);
        } else if (mark ? *line == mark : (*line == '"' || *line == '\'')) {
            mark = mark ? '\0' : *line;
        } else {
            cunik_buffer_char(&word, *line);
        }
    }
}

static void unikraft_value(struct guest *g, const char *parameter, const char *value)
{
    if (cunik_text_starts(parameter, "env.vars="))
        cunik_strv_add(&g->environment, value);
    else if (cunik_text_starts(parameter, "netdev.ip="))
        cunik_strv_add(&g->addresses, value);
}

/* Parameters up to `--`, single or as lists; what follows goes to the application. */
static void unikraft_read(const char *line, struct guest *g)
{
    _cleanup_strv_ struct strv words = {0};
    const char *list = NULL;
    size_t i = 0;

    unikraft_words(line, &words);
    for (; i < words.n && (list || strcmp(words.items[i], "--") != 0); i++) {
        const char *word = words.items[i], *value = strchr(word, '=');
        if (!list && value && value[1] == '[') {
            list = word;
            word = value + 2;
        }
        if (!list) {
            assert_string_not_equal(word, "help");
            unikraft_value(g, word, value ? value + 1 : "");
            continue;
        }
        bool last = cunik_text_ends(word, "]");
        _cleanup_free_ char *element = cunik_strndup(word, strlen(word) - last);
        if (*element)
            unikraft_value(g, list, element);
        if (last)
            list = NULL;
    }
    assert_true(i > 0 && i < words.n);
    for (i++; i < words.n; i++)
        cunik_strv_add(&g->arguments, words.items[i]);
}

static char *percent_decode(const char *text)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (; *text; text++) {
        unsigned byte;
        if (*text == '%') {
            assert_int_equal(sscanf(text + 1, "%2X", &byte), 1);
            cunik_buffer_char(&b, (char)byte);
            text += 2;
        } else {
            cunik_buffer_char(&b, *text);
        }
    }
    return cunik_buffer_take(&b);
}

static void linux_read(const char *line, struct guest *g)
{
    _cleanup_strv_ struct strv words = {0};

    for (const char *p = line; *p; p++)
        assert_true(*p >= ' ' && *p <= '~');
    cunik_strv_split(&words, line, " ");
    for (size_t i = 0; i < words.n; i++) {
        if (cunik_text_starts(words.items[i], "arg="))
            cunik_strv_take(&g->arguments, percent_decode(words.items[i] + 4));
        else if (cunik_text_starts(words.items[i], "env="))
            cunik_strv_take(&g->environment, percent_decode(words.items[i] + 4));
        else if (cunik_text_starts(words.items[i], "ip="))
            cunik_strv_add(&g->addresses, words.items[i] + 3);
    }
}

/* Rumprun: jsmn's strings, in which an escape is checked and left as it is; `cmdline` is then taken
 * apart by a reader for which a backslash makes the next character plain, everywhere. */
static char *rumprun_string(const char **at)
{
    _cleanup_buffer_ struct buffer b = {0};

    assert_int_equal(*(*at)++, '"');
    for (; **at != '"'; (*at)++) {
        assert_true(**at != '\0');
        cunik_buffer_char(&b, **at);
        if (**at == '\\') {
            (*at)++;
            assert_non_null(strchr("\"/\\bfrnt", **at));
            assert_true(**at != '\0');
            cunik_buffer_char(&b, **at);
        }
    }
    (*at)++;
    return cunik_buffer_take(&b);
}

static void rumprun_words(const char *text, struct strv *ret)
{
    _cleanup_buffer_ struct buffer word = {0};
    int quote = -1; /* -1: outside of a word, 0: in one, else in a quote */

    for (;; text++) {
        bool escaped = *text == '\\';
        char c = escaped ? *++text : *text;
        bool delimiter = !c || (!escaped && strchr(" \n\t", c));
        if (delimiter && (!c || quote == 0)) {
            if (quote >= 0)
                cunik_strv_take(ret, cunik_buffer_take(&word));
            quote = -1;
        }
        if (!c)
            return;
        if (delimiter && quote < 0)
            continue;
        if (quote < 0)
            quote = 0;
        if (!escaped && quote > 0 && c == quote)
            quote = 0;
        else if (!escaped && (c == '\'' || c == '"'))
            quote = c;
        else
            cunik_buffer_char(&word, c);
    }
}

static void rumprun_object(const char **at, struct guest *g)
{
    _cleanup_free_ char *address = NULL;

    for (char before = '{'; **at != '}'; before = ',') {
        assert_int_equal(*(*at)++, before);
        _cleanup_free_ char *key = rumprun_string(at);
        assert_int_equal(*(*at)++, ':');
        _cleanup_free_ char *value = rumprun_string(at);
        if (strcmp(key, "addr") == 0)
            cunik_strv_add(&g->addresses, value);
    }
    (*at)++;
}

static void rumprun_read(const char *line, struct guest *g)
{
    _cleanup_strv_ struct strv words = {0};

    assert_null(strstr(line, "_RUMPRUN_ROOTFSCFG="));
    for (char before = '{'; *line != '}'; before = ',') {
        assert_int_equal(*line++, before);
        _cleanup_free_ char *key = rumprun_string(&line);
        assert_int_equal(*line++, ':');
        if (*line == '{') {
            rumprun_object(&line, g);
            continue;
        }
        _cleanup_free_ char *value = rumprun_string(&line);
        if (strcmp(key, "cmdline") == 0)
            rumprun_words(value, &words);
        else if (strcmp(key, "env") == 0)
            cunik_strv_add(&g->environment, value);
        else
            assert_string_equal(key, "hostname");
    }
    assert_string_equal(line, "}");
    assert_true(words.n > 0);
    for (size_t i = 1; i < words.n; i++)
        cunik_strv_add(&g->arguments, words.items[i]);
}

/* OSv: the loader's words, in which a backslash keeps what follows; then the command, of which a
 * grammar of ASCII is the reader. */
static const char *osv_options(const char *line, struct guest *g)
{
    while (*(line += strspn(line, " \t\n")) == '-') {
        _cleanup_buffer_ struct buffer word = {0};
        for (; *line && !strchr(" \t\n", *line); line++) {
            if (*line == '\\')
                line++;
            cunik_buffer_char(&word, *line);
        }
        const char *value = strchr(cunik_buffer_text(&word), '=');
        assert_true(!value || value[1] != '\0');
        if (cunik_text_starts(word.data, "--env="))
            cunik_strv_add(&g->environment, value + 1);
        else if (cunik_text_starts(word.data, "--ip="))
            cunik_strv_add(&g->addresses, value + 1);
    }
    return line;
}

static char osv_escape(const char **at)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char *found = **at == '\\' && (*at)[1] ? strchr(from, (*at)[1]) : NULL;

    *at += found ? 2 : 1;
    return found ? to[found - from] : (*at)[-1];
}

static void osv_read(const char *line, struct guest *g)
{
    _cleanup_strv_ struct strv words = {0};

    line = osv_options(line, g);
    while (*(line += strspn(line, " \t\n\v\f\r"))) {
        _cleanup_buffer_ struct buffer word = {0};
        bool quoted = *line == '"';
        line += quoted;
        while (quoted ? *line != '"' : *line && *line != ' ') {
            assert_true(*line > 0);
            assert_true(quoted || !strchr(";&!", *line));
            assert_true(*line != '$');
            cunik_buffer_char(&word, osv_escape(&line));
        }
        line += quoted;
        cunik_strv_take(&words, cunik_buffer_take(&word));
    }
    assert_true(words.n > 0);
    for (size_t i = 0; i < words.n; i++)
        cunik_strv_add(&g->arguments, words.items[i]);
}

/* Solo5 takes white space and its own options off the front; MirageOS's parse-argv makes the words,
 * and the application's own options are taken by it. */
static void solo5_read(const char *line, struct guest *g)
{
    _cleanup_buffer_ struct buffer word = {0};
    bool quoted = false, network = true;

    line += strspn(line, " \t\n\v\f\r");
    assert_false(cunik_text_starts(line, "--solo5:"));
    for (bool end = false; !end; line++) {
        end = *line == '\0';
        if (!quoted && (*line == ' ' || end)) {
            if (network && cunik_text_starts(cunik_buffer_text(&word), "--ipv4="))
                cunik_strv_add(&g->addresses, word.data);
            else if (network && cunik_text_starts(cunik_buffer_text(&word), "--ipv4-gateway="))
                network = false; /* what follows is the service's */
            else if (word.size)
                cunik_strv_add(&g->arguments, word.data);
            cunik_buffer_consume(&word, word.size);
        } else if (*line == '\\') {
            cunik_buffer_char(&word, *++line);
        } else if (*line == '"') {
            quoted = !quoted;
        } else {
            cunik_buffer_char(&word, *line);
        }
    }
    assert_false(quoted);
}

/* HaLVM's runtime: a mark opens anywhere, and ends the word where it closes. */
static void halvm_read(const char *line, struct guest *g)
{
    _cleanup_buffer_ struct buffer word = {0};
    char mark = '\0';

    for (;; line++) {
        bool end = *line == '\0' || (!mark && *line == ' ') || (mark && *line == mark);
        if (end && word.size) {
            assert_true(strcmp(word.data, "+RTS") != 0 && strcmp(word.data, "-RTS") != 0);
            cunik_strv_take(&g->arguments, cunik_buffer_take(&word));
        } else if (end) {
            assert_true(mark == '\0'); /* it would write through a null pointer */
        }
        if (*line == '\0')
            break;
        if (end)
            mark = '\0';
        else if (!mark && (*line == '\'' || *line == '"'))
            mark = *line;
        else
            cunik_buffer_char(&word, *line);
    }
    assert_true(mark == '\0');
    cunik_strv_add(&g->addresses, "the program's business");
}

/* LING: a mark counts at the beginning of a word only. */
static void ling_read(const char *line, struct guest *g)
{
    _cleanup_strv_ struct strv words = {0};
    size_t own = 0;

    while (*(line += strspn(line, " "))) {
        bool quoted = *line == '\'' || *line == '"';
        const char *end = quoted ? strchr(line + 1, *line) : line + strcspn(line, " ");
        assert_non_null(end);
        line += quoted;
        cunik_strv_take(&words, cunik_strndup(line, (size_t)(end - line)));
        line = end + quoted;
    }
    for (; own + 1 < words.n && own < 6; own += 2)
        if (strcmp(words.items[own], "-ipaddr") == 0)
            cunik_strv_add(&g->addresses, words.items[own + 1]);
    for (size_t i = own; i < words.n; i++)
        cunik_strv_add(&g->arguments, words.items[i]);
}

/* IncludeOS cuts at white space, runtime.js hands the text over as it is. */
static void plain_read(const char *line, struct guest *g)
{
    cunik_strv_split(&g->arguments, line, " \t\n\v\f\r");
    cunik_strv_add(&g->addresses, "by DHCP");
}

static char *random_text(uint64_t *seed)
{
    static const char *const pieces[] = {
        "a",
        "B",
        "7",
        "\"",
        "'",
        "\\",
        " ",
        "\t",
        "\n",
        "[",
        "]",
        "=",
        "-",
        "--",
        ":",
        ".",
        ",",
        "%",
        "%20",
        "/",
        "é",
        "help",
        "$",
        "\r",
        "\x7f",
        "{",
        "=[",
        "~",
        "\\\\",
        "\\\"",
        "\xff",
        "ip=1",
        "env.vars=",
        ";",
        "&",
        "!",
        "}",
        "+RTS",
        "--solo5:debug",
        "_RUMPRUN_ROOTFSCFG=",
    };
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t n = test_random_below(seed, 6); n; n--)
        cunik_buffer_text_append(&b, pieces[test_random_below(seed, ARRAY_SIZE(pieces))]);
    return cunik_buffer_take(&b);
}

static void equal(const struct strv *got, const struct strv *wanted, const char *line)
{
    if (!cunik_strv_equal(got, wanted)) {
        _cleanup_free_ char *a = cunik_strv_join(got, "|"), *b = cunik_strv_join(wanted, "|");
        fail_msg("`%s` was read as `%s`, not as `%s`", line, a, b);
    }
}

/* One random service; gives whether the backend said it. */
static bool round_trip(const char *backend, void (*read)(const char *, struct guest *),
                       bool variables, uint64_t *seed)
{
    _cleanup_strv_ struct strv command = {0}, keys = {0}, values = {0}, pairs = {0};
    const struct boot_interface interface = {
        .address = "10.1.2.3", .prefix_length = 24, .gateway = "10.1.2.1", .dns = ""};
    _cleanup_(cunik_boot_done) struct boot boot = {0};
    _cleanup_(guest_done) struct guest guest = {0};
    _cleanup_error_ struct error *err = NULL;
    struct boot_pair environment[3];
    const struct backend *b = NULL;

    for (size_t n = test_random_below(seed, 4); n; n--)
        cunik_strv_take(&command, random_text(seed));
    for (size_t n = variables ? test_random_below(seed, 3) : 0; n; n--) {
        cunik_strv_take(&keys, random_text(seed));
        cunik_strv_take(&values, random_text(seed));
        cunik_strv_addf(&pairs, "%s=%s", keys.items[keys.n - 1], values.items[keys.n - 1]);
        environment[keys.n - 1] =
            (struct boot_pair){keys.items[keys.n - 1], values.items[keys.n - 1]};
    }
    struct boot_settings s = {.name = "x",
                              .hostname = "web",
                              .domain = "",
                              .command = &command,
                              .environment = environment,
                              .n_environment = keys.n,
                              .interfaces = &interface,
                              .n_interfaces = 1,
                              .kernel = "/k",
                              .initrd = strcmp(backend, "runtimejs") == 0 ? "/i" : "",
                              .cmdline = "",
                              .machine = "",
                              .firmware = ""};
    assert_int_equal(cunik_backend_find(backend, NULL, &b, NULL), 0);
    int r = b->make(&s, NULL, &boot, &err);
    if (r < 0) {
        assert_int_equal(r, -EINVAL);
        assert_non_null(err);
        return false;
    }
    read(boot.cmdline, &guest);
    equal(&guest.arguments, &command, boot.cmdline);
    equal(&guest.environment, &pairs, boot.cmdline);
    assert_int_equal(guest.addresses.n, 1);
    return true;
}

static void run(const char *backend, void (*read)(const char *, struct guest *), bool variables)
{
    uint64_t seed = test_seed();
    size_t said = 0;

    for (size_t i = 0; i < ROUNDS; i++)
        said += round_trip(backend, read, variables, &seed);
    print_message("# %s: %zu of %d said\n", backend, said, ROUNDS);
    assert_true(said > ROUNDS / 10);
}

static void test_round_trips(void **state)
{
    static const struct {
        const char *backend;
        void (*read)(const char *, struct guest *);
        bool variables;
    } dialects[] = {
        {"unikraft", unikraft_read, true}, {"linux", linux_read, true},
        {"rumprun", rumprun_read, true},   {"osv", osv_read, true},
        {"solo5", solo5_read, false},      {"halvm", halvm_read, false},
        {"ling", ling_read, false},        {"includeos", plain_read, false},
        {"runtimejs", plain_read, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(dialects); i++)
        run(dialects[i].backend, dialects[i].read, dialects[i].variables);
}

/* Names of variables apart, the linux dialect refuses nothing. */
static void test_linux_says_every_byte(void **state)
{
    _cleanup_(cunik_boot_done) struct boot boot = {0};
    _cleanup_(guest_done) struct guest guest = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_strv_ struct strv command = {0};
    const struct backend *b = NULL;
    char all[256];

    (void)state;
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = '\0';
    cunik_strv_add(&command, all);
    cunik_strv_add(&command, "");
    struct boot_settings s = {.name = "x",
                              .hostname = "",
                              .domain = "",
                              .command = &command,
                              .kernel = "/k",
                              .initrd = "",
                              .cmdline = "",
                              .machine = "",
                              .firmware = ""};
    assert_int_equal(cunik_backend_find("linux", NULL, &b, NULL), 0);
    test_ok(b->make(&s, NULL, &boot, &err), err);
    linux_read(boot.cmdline, &guest);
    equal(&guest.arguments, &command, boot.cmdline);
}

/* The reader itself knows what Unikraft does with escapes and lists. */
static void test_reader(void **state)
{
    _cleanup_(guest_done) struct guest g = {0};
    _cleanup_strv_ struct strv words = {0}, arguments = {0}, environment = {0};

    (void)state;
    cunik_strv_split(&words, "a b|c\"d|e\\f|g", "|");
    unikraft_read("x env.vars=[ A=1 \"B=two words\"] env.vars=C=3 -- 'a b' \"c\\\"d\" 'e\\f' '' g",
                  &g);
    equal(&g.arguments, &words, "arguments");
    cunik_strv_split(&environment, "A=1|B=two words|C=3", "|");
    equal(&g.environment, &environment, "environment");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_linux_says_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
