#include "compose/short_forms.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/volume_form.h"
#include "compose/volume_type.h"

static void set_string(struct tree *t, struct node *map, const char *key, const char *value)
{
    cunik_node_set(t, map, key, cunik_node_string(t, &map->place, value));
}

/* A port or a range of them, 0 to 65535 as Docker Compose allows it. */
struct range {
    uint64_t first, last;
};

/* The messages are Docker Compose's. */
static int parse_range(const char *what, const char *text, struct range *ret, struct error **err)
{
    _cleanup_free_ char *first = cunik_strdup(text);
    char *dash = strchr(first, '-');
    uint64_t a, b;

    if (dash)
        *dash++ = '\0';
    if (cunik_text_to_uint(first, 0, 65535, &a) < 0 ||
        cunik_text_to_uint(dash ? dash : first, 0, 65535, &b) < 0)
        return cunik_error_set(err, ERROR_INVALID, "Invalid %s: %s", what, text);
    if (b < a)
        return cunik_error_set(err, ERROR_INVALID, "Invalid %s: %s: the range is upside down", what,
                               text);
    *ret = (struct range){a, b};
    return 0;
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* The parts of a port: the last two colons count, since an IPv6 address has some of its own. */
struct port_parts {
    char *copy;
    char *address, *published, *target, *protocol; /* within copy; NULL when not given */
};

static void split_port(const char *text, struct port_parts *p)
{
    p->copy = cunik_strdup(text);
    char *slash = strrchr(p->copy, '/');
    if (slash) {
        *slash = '\0';
        p->protocol = slash + 1;
    }
    p->target = p->copy;
    char *colon = strrchr(p->copy, ':');
    if (!colon)
        return;
    *colon = '\0';
    p->target = colon + 1;
    p->published = p->copy;
    colon = strrchr(p->copy, ':');
    if (!colon)
        return;
    *colon = '\0';
    p->published = colon + 1;
    p->address = p->copy;
    size_t length = strlen(p->address);
    if (p->address[0] == '[' && length > 1 && p->address[length - 1] == ']') {
        p->address[length - 1] = '\0';
        p->address++;
    }
}

static int check_port(const struct port_parts *p, const char *text, struct range *target,
                      struct range *published, struct error **err)
{
    int r;

    if (!*p->target)
        return cunik_error_set(err, ERROR_INVALID, "No port specified: %s<empty>", text);
    if (p->address && *p->address && !is_address(p->address))
        return cunik_error_set(err, ERROR_INVALID, "Invalid ip address: %s", p->address);
    if (p->protocol && strcasecmp(p->protocol, "tcp") != 0 && strcasecmp(p->protocol, "udp") != 0 &&
        strcasecmp(p->protocol, "sctp") != 0)
        return cunik_error_set(err, ERROR_INVALID, "Invalid proto: %s", p->protocol);
    r = parse_range("containerPort", p->target, target, err);
    if (r < 0 || !p->published || !*p->published)
        return r;
    r = parse_range("hostPort", p->published, published, err);
    if (r < 0)
        return r;
    uint64_t n = target->last - target->first, m = published->last - published->first;
    if (n != m && n != 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "invalid ranges specified for container and host Ports: %s and %s",
                               p->target, p->published);
    return 0;
}

int cunik_short_port(struct tree *t, const struct place *place, const char *text, struct node *list,
                     struct error **err)
{
    struct port_parts p = {0};
    struct range target = {0}, published = {0};

    split_port(text, &p);
    _cleanup_free_ char *copy _unused_ = p.copy;
    int r = check_port(&p, text, &target, &published, err);
    if (r < 0)
        return r;
    bool has_published = p.published && *p.published;
    for (uint64_t i = 0; i <= target.last - target.first; i++) {
        struct node *map = cunik_node_map(t, place);
        if (p.address && *p.address)
            set_string(t, map, "host_ip", p.address);
        set_string(t, map, "mode", "ingress");
        cunik_node_set(t, map, "target", cunik_node_int(t, place, (int64_t)(target.first + i)));
        if (has_published && target.first == target.last && published.first != published.last) {
            set_string(t, map, "published", p.published);
        } else if (has_published) {
            _cleanup_free_ char *port =
                cunik_asprintf("%llu", (unsigned long long)(published.first + i));
            set_string(t, map, "published", port);
        }
        _cleanup_free_ char *protocol = cunik_strdup(p.protocol ? p.protocol : "tcp");
        for (char *c = protocol; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        set_string(t, map, "protocol", protocol);
        cunik_node_append(t, list, map);
    }
    return 0;
}

static struct node *section(struct tree *t, struct node *map, const char *key)
{
    struct node *n = cunik_node_get(map, key);

    if (!n) {
        n = cunik_node_map(t, &map->place);
        cunik_node_set(t, map, key, n);
    }
    return n;
}

int cunik_short_volume(struct tree *t, const struct place *place, const char *text,
                       struct node **ret, struct error **err)
{
    _cleanup_volume_form_ struct volume_form f = {0};
    int r = cunik_volume_form_parse(text, &f, err);

    if (r < 0)
        return r;
    struct node *map = cunik_node_map(t, place);
    if (f.source)
        set_string(t, map, "source", f.source);
    set_string(t, map, "target", f.target);
    if (f.readonly)
        cunik_node_set(t, map, "read_only", cunik_node_bool(t, place, true));
    if (f.nocopy)
        cunik_node_set(t, section(t, map, "volume"), "nocopy", cunik_node_bool(t, place, true));
    if (f.selinux)
        set_string(t, section(t, map, "bind"), "selinux", f.selinux);
    if (f.propagation)
        set_string(t, section(t, map, "bind"), "propagation", f.propagation);
    set_string(t, map, "type",
               cunik_volume_type_name(f.is_path ? VOLUME_TYPE_BIND : VOLUME_TYPE_VOLUME));
    if (f.is_path)
        cunik_node_set(t, section(t, map, "bind"), "create_host_path",
                       cunik_node_bool(t, place, true));
    else if (strlen(text) > 2) /* compose-go does not look into shorter ones */
        section(t, map, "volume");
    *ret = map;
    return 0;
}

int cunik_short_device(struct tree *t, const struct place *place, const char *text,
                       struct node **ret, struct error **err)
{
    _cleanup_free_ char *copy = cunik_strdup(text);
    char *parts[3] = {copy, NULL, NULL};
    size_t n = 1;

    for (char *colon = strchr(copy, ':'); colon; colon = strchr(colon, ':')) {
        *colon++ = '\0';
        if (n == ARRAY_SIZE(parts))
            return cunik_error_set(err, ERROR_INVALID,
                                   "confusing device mapping, please use long syntax: %s", text);
        parts[n++] = colon;
    }
    struct node *map = cunik_node_map(t, place);
    set_string(t, map, "source", parts[0]);
    set_string(t, map, "target", parts[1] && *parts[1] ? parts[1] : parts[0]);
    set_string(t, map, "permissions", parts[2] ? parts[2] : "rwm");
    *ret = map;
    return 0;
}

struct words {
    struct buffer word;
    bool in_word;
    char quote; /* ' or " or ` or ( for "$(", 0 outside */
};

static void end_word(struct words *w, struct strv *ret)
{
    if (!w->in_word)
        return;
    cunik_buffer_text_append(&w->word, "");
    cunik_strv_take(ret, w->word.data ? cunik_buffer_take(&w->word) : cunik_strdup(""));
    w->in_word = false;
}

/* A backslash and what follows it. */
static const char *take_escape(struct words *w, const char *s)
{
    char c = s[1] == 't' ? '\t' : s[1] == 'n' ? '\n' : s[1];

    cunik_buffer_char(&w->word, c);
    w->in_word = true;
    return s + 1;
}

int cunik_short_words(const char *text, struct strv *ret, const char **ret_rest, struct error **err)
{
    struct words w = {0};
    _cleanup_strv_ struct strv words = {0};
    const char *s = text;
    bool good = true;

    for (; *s && good; s++) {
        if (*s == '\\' && w.quote != '\'') {
            good = s[1] != '\0';
            if (good)
                s = take_escape(&w, s);
        } else if (!w.quote && strchr(" \t\r\n", *s)) {
            end_word(&w, &words);
        } else if (!w.quote && strchr(";&|<>", *s)) {
            break;
        } else if ((*s == '"' || *s == '\'') && (!w.quote || w.quote == *s)) {
            w.quote = w.quote ? 0 : *s;
            w.in_word = true;
        } else {
            if (*s == '`' && (!w.quote || w.quote == '`'))
                w.quote = w.quote ? 0 : '`';
            else if (*s == '(' && !w.quote && (good = s > text && s[-1] == '$'))
                w.quote = '(';
            else if (*s == ')' && (!w.quote || w.quote == '('))
                good = w.quote == '(', w.quote = 0;
            cunik_buffer_char(&w.word, *s);
            w.in_word = true;
        }
    }
    good = good && !w.quote;
    if (good)
        end_word(&w, &words);
    cunik_buffer_done(&w.word);
    if (!good)
        return cunik_error_set(err, ERROR_INVALID, "invalid command line string");
    *ret_rest = *s ? s : NULL;
    cunik_strv_copy(ret, &words);
    return 0;
}
