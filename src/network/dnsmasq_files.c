#include "network/dnsmasq_files.h"

#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "network/dnsmasq.h"

enum { FILE_MOST = 4 << 20 };

/* Arguments */

static void add_leases(const struct dnsmasq_settings *s, struct strv *ret)
{
    for (size_t i = 0; i < s->n_subnets; i++) {
        struct cidr subnet = cunik_cidr_subnet(&s->subnets[i]);
        _cleanup_free_ char *first = cunik_address_text(subnet.address);
        _cleanup_free_ char *mask = cunik_address_text(cunik_cidr_mask(&subnet));
        /* Nobody whom we do not know gets one. */
        cunik_strv_addf(ret, "--dhcp-range=%s,static,%s,infinite", first, mask);
    }
    cunik_strv_addf(ret, "--dhcp-hostsdir=%s/dhcp", s->folder);
    cunik_strv_addf(ret, "--dhcp-leasefile=%s/leases", s->folder);
    cunik_strv_add(ret, "--dhcp-authoritative");
    cunik_strv_add(ret, "--dhcp-ignore-names");
    cunik_strv_add(ret, "--dhcp-option=tag:inner,option:router");
    cunik_strv_add(ret, "--dhcp-option=tag:mute,option:dns-server");
    for (size_t i = 0; s->resolvers && i < s->resolvers->n; i++)
        cunik_strv_addf(ret, "--dhcp-option=tag:%s,option:dns-server,%s", s->resolvers->items[i],
                        s->resolvers->items[i]);
    if (s->mtu)
        cunik_strv_addf(ret, "--dhcp-option=option:mtu,%u", s->mtu);
}

static void add_service(const struct dnsmasq_settings *s, struct strv *ret)
{
    for (size_t i = 0; s->folders && i < s->folders->n; i++)
        cunik_strv_addf(ret, "--hostsdir=%s/hosts", s->folders->items[i]);
    for (size_t i = 0; s->records && i < s->records->n; i++) {
        const char *record = s->records->items[i], *equals = strchr(record, '=');
        cunik_strv_addf(ret, "--host-record=%.*s,%s", (int)(equals - record), record, equals + 1);
    }
}

static void add_upstream(const struct dnsmasq_settings *s, struct strv *ret)
{
    bool own = s->upstream && s->upstream->n;

    if (s->internal || own)
        cunik_strv_add(ret, "--no-resolv");
    else if (s->servers)
        cunik_strv_addf(ret, "--resolv-file=%s", s->servers);
    for (size_t i = 0; own && !s->internal && i < s->upstream->n; i++)
        cunik_strv_addf(ret, "--server=%s", s->upstream->items[i]);
}

/* A network's name may be longer than DNS lets a label be; then names are served alone. */
static bool is_domain(const char *name)
{
    enum { LABEL_MOST = 63, NAME_MOST = 253 };
    size_t label = 0;

    for (const char *p = name; *p; p++) {
        label = *p == '.' ? 0 : label + 1;
        if (label > LABEL_MOST || (*p == '.' && (p == name || p[-1] == '.')))
            return false;
    }
    return label > 0 && strlen(name) <= NAME_MOST;
}

void cunik_dnsmasq_arguments(const struct dnsmasq_settings *s, const char *program,
                             enum dnsmasq_user user, struct strv *ret)
{
    _cleanup_free_ char *address = cunik_address_text(s->address);

    cunik_strv_add(ret, program);
    cunik_strv_add(ret, "--conf-file=/dev/null");
    cunik_strv_addf(ret, "--pid-file=%s/pid", s->folder);
    if (s->link)
        cunik_strv_addf(ret, "--interface=%s", s->link);
    else
        cunik_strv_addf(ret, "--listen-address=%s", address);
    cunik_strv_add(ret, "--except-interface=lo");
    cunik_strv_add(ret, "--bind-interfaces");
    cunik_strv_add(ret, "--no-hosts");
    cunik_strv_addf(ret, "--hostsdir=%s/hosts", s->folder);
    if (is_domain(s->domain)) {
        cunik_strv_addf(ret, "--domain=%s", s->domain);
        cunik_strv_addf(ret, "--local=/%s/", s->domain);
        cunik_strv_add(ret, "--expand-hosts");
    }
    cunik_strv_add(ret, "--domain-needed");
    cunik_strv_add(ret, "--bogus-priv");
    add_upstream(s, ret);
    if (s->link)
        add_leases(s, ret);
    add_service(s, ret);
    if (user != DNSMASQ_AS_ITS_OWN)
        cunik_strv_add(ret, "--user=root");
    if (user == DNSMASQ_AS_IT_IS) /* an empty name: it leaves the groups alone */
        cunik_strv_add(ret, "--group=");
}

/* Files */

char *cunik_dnsmasq_hosts_text(const struct dnsmasq_host *h)
{
    const char *const addresses[] = {h->address, h->address6};
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        if (!*addresses[i])
            continue;
        cunik_buffer_text_append(&b, addresses[i]);
        for (size_t k = 0; k < h->names->n; k++)
            cunik_buffer_printf(&b, " %s", h->names->items[k]);
        cunik_buffer_char(&b, '\n');
    }
    return cunik_buffer_take(&b);
}

char *cunik_dnsmasq_lease_text(const struct dnsmasq_host *h)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, h->mac);
    if (!h->way_out)
        cunik_buffer_text_append(&b, ",set:inner");
    if (!h->server || *h->server)
        cunik_buffer_printf(&b, ",set:%s", h->server ? h->server : "mute");
    cunik_buffer_printf(&b, ",%s\n", h->address);
    return cunik_buffer_take(&b);
}

char *cunik_dnsmasq_lease_of(const char *folder, const char *cunik)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/dhcp/%s", folder, cunik);
    char *text = NULL;

    return cunik_file_read(file, FILE_MOST, &text, NULL, NULL) == 0 ? text : NULL;
}

/* A line of it is "EXPIRY MAC ADDRESS NAME CLIENT-ID". */
static bool is_of(const char *line, const char *mac)
{
    const char *space = strchr(line, ' ');
    size_t size = strlen(mac);

    return space && strncasecmp(space + 1, mac, size) == 0 && space[1 + size] == ' ';
}

static bool read_leases(const char *folder, struct strv *ret)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/leases", folder), *text = NULL;

    if (cunik_file_read(file, FILE_MOST, &text, NULL, NULL) < 0)
        return false;
    cunik_strv_split(ret, text, "\n");
    return true;
}

bool cunik_dnsmasq_leased(const char *folder, const char *mac)
{
    _cleanup_strv_ struct strv lines = {0};

    read_leases(folder, &lines);
    for (size_t i = 0; i < lines.n; i++)
        if (is_of(lines.items[i], mac))
            return true;
    return false;
}

int cunik_dnsmasq_forget(const char *folder, const char *mac, struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/leases", folder);
    _cleanup_strv_ struct strv lines = {0};
    _cleanup_buffer_ struct buffer rest = {0};

    if (!read_leases(folder, &lines))
        return 0;
    for (size_t i = 0; i < lines.n; i++)
        if (!is_of(lines.items[i], mac))
            cunik_buffer_printf(&rest, "%s\n", lines.items[i]);
    return cunik_file_write(file, cunik_buffer_text(&rest), rest.size, 0644, false, err);
}
