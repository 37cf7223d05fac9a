#include "engine/world_records.h"

#include <string.h>

#include "base/memory.h"
#include "engine/record_table.h"
#include "engine/world.h"

ENUM_NAMES(states, CUNIK_STATE_MAX_, [CUNIK_ABSENT] = "absent", [CUNIK_CREATED] = "created",
           [CUNIK_RUNNING] = "running", [CUNIK_PAUSED] = "paused",
           [CUNIK_RESTARTING] = "restarting", [CUNIK_EXITED] = "exited");
ENUM_NAMES(healths, HEALTH_MAX_, [HEALTH_NONE] = "none", [HEALTH_STARTING] = "starting",
           [HEALTH_HEALTHY] = "healthy", [HEALTH_UNHEALTHY] = "unhealthy");
ENUM_NAMES(ends, END_MAX_, [END_NONE] = "none", [END_POWEROFF] = "poweroff", [END_RESET] = "reset",
           [END_DESTROYED] = "destroyed", [END_KILLED] = "killed", [END_PANICKED] = "panicked");
ENUM_NAMES(conditions,
           DEPEND_MAX_, [DEPEND_STARTED] = "service_started", [DEPEND_HEALTHY] = "service_healthy",
           [DEPEND_COMPLETED] = "service_completed_successfully");
ENUM_NAMES(restarts, RESTART_MAX_, [RESTART_NO] = "no", [RESTART_ALWAYS] = "always",
           [RESTART_ON_FAILURE] = "on-failure", [RESTART_UNLESS_STOPPED] = "unless-stopped");
ENUM_NAMES(mounts, MOUNT_KIND_MAX_, [MOUNT_VOLUME] = "volume", [MOUNT_BIND] = "bind",
           [MOUNT_FILE] = "file", [MOUNT_TMPFS] = "tmpfs");

const struct enumeration cunik_world_conditions = {conditions_names, DEPEND_MAX_};

/* "default" for the network "demo_default" of the stack "demo": as the stack file says it. */
static char *interface_label(const void *element, const void *context)
{
    const char *network = ((const struct world_interface *)element)->network;
    const char *stack = ((const struct world_cunik *)context)->stack;
    size_t n = stack ? strlen(stack) : 0;

    if (n && strncmp(network, stack, n) == 0 && network[n] == '_' && network[n + 1])
        network += n + 1;
    return cunik_strdup(network);
}

static char *port_label(const void *element, const void *context)
{
    const struct world_port *p = element;
    const char *ip = p->host_ip ? p->host_ip : "";
    bool six = strchr(ip, ':');

    (void)context;
    return cunik_asprintf("%s%s%s%s%u/%s", six ? "[" : "", ip, six ? "]" : "", *ip ? ":" : "",
                          p->port, p->protocol);
}

static char *depend_label(const void *element, const void *context)
{
    (void)context;
    return cunik_strdup(((const struct world_depend *)element)->service);
}

static char *mount_label(const void *element, const void *context)
{
    (void)context;
    return cunik_strdup(((const struct world_mount *)element)->target);
}

/* What is published and how the guests are reached is in the engine's rules and names; how they
 * boot is in the guest. That decides between an update in place and a new guest. */

RECORD_FIELDS(, cunik_world_interface_record, struct world_interface, interface_label,
              ROW("network", STRING, struct world_interface, network, RECREATE, .text = TEXT_NAME,
                  .flags = FIELD_REQUIRED),
              ROW("link", STRING, struct world_interface, link, RECREATE, .text = TEXT_LINK,
                  .flags = FIELD_OPEN),
              ROW("mac", STRING, struct world_interface, mac, RECREATE, .text = TEXT_MAC,
                  .flags = FIELD_OPEN),
              ROW("address", STRING, struct world_interface, address, RECREATE,
                  .text = TEXT_ADDRESS, .flags = FIELD_OPEN),
              ROW("address6", STRING, struct world_interface, address6, RECREATE,
                  .text = TEXT_ADDRESS6),
              ROW("dns", STRING, struct world_interface, dns, RECREATE, .text = TEXT_ADDRESS),
              ROW("fixed6", BOOL, struct world_interface, fixed6, UPDATE),
              ROW("interface_name", STRING, struct world_interface, name, RECREATE,
                  .text = TEXT_LINK),
              ROW("gw_priority", INT, struct world_interface, gw_priority, RECREATE,
                  .min = INT32_MIN, .max = INT32_MAX),
              ROW("aliases", STRV, struct world_interface, aliases, UPDATE, .text = TEXT_HOSTNAME,
                  .flags = FIELD_SET));

RECORD_FIELDS(, cunik_world_port_record, struct world_port, port_label,
              ROW("host_ip", STRING, struct world_port, host_ip, UPDATE, .text = TEXT_HOST_IP),
              ROW("published", PORT, struct world_port, host_port, UPDATE, .flags = FIELD_OPEN),
              ROW("target", PORT, struct world_port, port, UPDATE, .min = 1,
                  .flags = FIELD_REQUIRED),
              ROW("protocol", STRING, struct world_port, protocol, UPDATE, .text = TEXT_PROTOCOL,
                  .flags = FIELD_REQUIRED));

RECORD_FIELDS(, cunik_world_disk_record, struct world_disk, NULL,
              ROW("path", STRING, struct world_disk, path, RECREATE, .text = TEXT_PATH,
                  .flags = FIELD_REQUIRED),
              ROW("mount", STRING, struct world_disk, mount, RECREATE, .text = TEXT_PATH),
              ROW("readonly", BOOL, struct world_disk, readonly, RECREATE),
              ROW("root", BOOL, struct world_disk, root, RECREATE),
              ROW("filesystem", STRING, struct world_disk, filesystem, RECREATE, .text = TEXT_NAME),
              ROW("shared", BOOL, struct world_disk, shared, RECREATE));

RECORD_FIELDS(, cunik_world_mount_record, struct world_mount, mount_label,
              ROW("type", ENUM, struct world_mount, kind, RECREATE, .enumeration = &mounts,
                  .flags = FIELD_REQUIRED),
              ROW("source", STRING, struct world_mount, source, RECREATE, .text = TEXT_LINE),
              ROW("target", STRING, struct world_mount, target, RECREATE, .text = TEXT_PATH,
                  .flags = FIELD_REQUIRED),
              ROW("read_only", BOOL, struct world_mount, readonly, RECREATE),
              ROW("digest", STRING, struct world_mount, digest, RECREATE, .text = TEXT_NAME),
              ROW("mode", INT, struct world_mount, mode, RECREATE, .max = 07777),
              ROW("uid", INT, struct world_mount, uid, RECREATE, .max = UINT32_MAX),
              ROW("gid", INT, struct world_mount, gid, RECREATE, .max = UINT32_MAX),
              ROW("size", BYTES, struct world_mount, size, RECREATE));

RECORD_FIELDS(static, health, struct world_health, NULL,
              ROW("test", STRV, struct world_health, test, UPDATE, .text = TEXT_ANY, .most = 256),
              ROW("interval", DURATION, struct world_health, interval_ns, UPDATE),
              ROW("timeout", DURATION, struct world_health, timeout_ns, UPDATE),
              ROW("start_period", DURATION, struct world_health, start_period_ns, UPDATE),
              ROW("start_interval", DURATION, struct world_health, start_interval_ns, UPDATE),
              ROW("retries", INT, struct world_health, retries, UPDATE));

RECORD_FIELDS(, cunik_world_depend_record, struct world_depend, depend_label,
              ROW("service", STRING, struct world_depend, service, UPDATE, .text = TEXT_SERVICE,
                  .flags = FIELD_REQUIRED),
              ROW("condition", ENUM, struct world_depend, condition, UPDATE,
                  .enumeration = &conditions),
              ROW("restart", BOOL, struct world_depend, restart, UPDATE),
              ROW("required", BOOL, struct world_depend, required, UPDATE, .flags = FIELD_TRUE));

ENUM_NAMES(update_failures, UPDATE_MAX_, [UPDATE_PAUSE] = "pause", [UPDATE_CONTINUE] = "continue",
           [UPDATE_ROLLBACK] = "rollback");

RECORD_FIELDS(static, update, struct world_update, NULL,
              ROW("parallelism", INT, struct world_update, parallelism, NONE, .max = UPDATE_ALL),
              ROW("delay", DURATION, struct world_update, delay_ns, NONE),
              ROW("monitor", DURATION, struct world_update, monitor_ns, NONE),
              ROW("failure_action", ENUM, struct world_update, action, NONE,
                  .enumeration = &update_failures),
              ROW("max_failure_ratio", DOUBLE, struct world_update, max_failure_ratio, NONE));

RECORD_FIELDS(static, boot, struct world_boot, NULL,
              ROW("backend", STRING, struct world_boot, backend, RECREATE, .text = TEXT_NAME),
              ROW("kernel", STRING, struct world_boot, kernel, RECREATE, .text = TEXT_PATH),
              ROW("initrd", STRING, struct world_boot, initrd, RECREATE, .text = TEXT_PATH),
              LIST("disks", struct world_boot, disks, RECREATE, cunik_world_disk_record, .most = 64,
                   .flags = FIELD_ORDERED),
              ROW("cmdline", STRING, struct world_boot, cmdline, RECREATE, .text = TEXT_LINE),
              ROW("machine", STRING, struct world_boot, machine, RECREATE, .text = TEXT_NAME),
              ROW("firmware", STRING, struct world_boot, firmware, RECREATE, .text = TEXT_LINE),
              ROW("accel", STRING, struct world_boot, accel, RECREATE, .text = TEXT_NAME),
              ROW("params", PAIRS, struct world_boot, params, RECREATE, .most = 256));

RECORD_FIELDS(, cunik_world_status_record, struct world_status, NULL,
              ROW("state", ENUM, struct world_status, state, NONE, .enumeration = &states),
              ROW("health", ENUM, struct world_status, health, NONE, .enumeration = &healths),
              ROW("end", ENUM, struct world_status, end, NONE, .enumeration = &ends),
              ROW("exit_code", INT, struct world_status, exit_code, NONE, .min = INT32_MIN,
                  .max = INT32_MAX),
              ROW("created_ms", INT, struct world_status, created_ms, NONE),
              ROW("started_ms", INT, struct world_status, started_ms, NONE),
              ROW("ended_ms", INT, struct world_status, ended_ms, NONE),
              ROW("pid", INT, struct world_status, pid, NONE),
              ROW("memory", INT, struct world_status, memory, NONE),
              ROW("restarts", INT, struct world_status, restarts, NONE),
              ROW("attempts", INT, struct world_status, attempts, NONE),
              ROW("crashes", INT, struct world_status, crashes, NONE),
              ROW("reason", STRING, struct world_status, reason, NONE, .text = TEXT_ANY),
              ROW("links_missing", BOOL, struct world_status, links_missing, NONE),
              ROW("links_lost", BOOL, struct world_status, links_lost, NONE),
              ROW("files_changed", BOOL, struct world_status, files_changed, NONE),
              ROW("unreadable", BOOL, struct world_status, unreadable, NONE),
              ROW("definition", STRING, struct world_status, definition, NONE, .text = TEXT_ANY),
              ROW("guest", STRING, struct world_status, guest, NONE, .text = TEXT_ANY));

RECORD_FIELDS(
    , cunik_world_cunik_record, struct world_cunik, NULL,
    ROW("name", STRING, struct world_cunik, name, NONE, .text = TEXT_NAME, .flags = FIELD_REQUIRED),
    ROW("called", STRING, struct world_cunik, called, UPDATE, .text = TEXT_NAME),
    ROW("stack", STRING, struct world_cunik, stack, NONE, .text = TEXT_STACK,
        .flags = FIELD_REQUIRED),
    ROW("service", STRING, struct world_cunik, service, NONE, .text = TEXT_SERVICE,
        .flags = FIELD_REQUIRED),
    ROW("index", INT, struct world_cunik, index, NONE, .min = 1, .max = 1000000,
        .flags = FIELD_REQUIRED),
    ROW("one_off", STRING, struct world_cunik, one_off, NONE, .text = TEXT_SERVICE),
    ROW("uuid", STRING, struct world_cunik, uuid, RECREATE, .text = TEXT_UUID),
    ROW("image", STRING, struct world_cunik, image, RECREATE, .text = TEXT_LINE),
    ROW("image_digest", STRING, struct world_cunik, image_digest, RECREATE, .text = TEXT_LINE),
    ROW("hostname", STRING, struct world_cunik, hostname, RECREATE, .text = TEXT_HOSTNAME),
    ROW("dns", STRV, struct world_cunik, dns, UPDATE, .text = TEXT_HOST_IP, .most = 64),
    ROW("dns_search", STRV, struct world_cunik, dns_search, RECREATE, .text = TEXT_HOSTNAME,
        .most = 64),
    ROW("extra_hosts", STRV, struct world_cunik, extra_hosts, UPDATE, .text = TEXT_LINE,
        .most = 1024),
    ROW("command", STRV, struct world_cunik, command, RECREATE, .text = TEXT_ANY),
    ROW("environment", PAIRS, struct world_cunik, environment, RECREATE),
    ROW("unikernel", RECORD, struct world_cunik, boot, RECREATE, .of = &boot),
    ROW("mem_limit", BYTES, struct world_cunik, memory, RECREATE),
    ROW("cpus", DOUBLE, struct world_cunik, cpus, RECREATE),
    LIST("networks", struct world_cunik, interfaces, RECREATE, cunik_world_interface_record,
         .most = 64, .flags = FIELD_ORDERED),
    LIST("ports", struct world_cunik, ports, UPDATE, cunik_world_port_record, .most = 1024),
    LIST("volumes", struct world_cunik, mounts, RECREATE, cunik_world_mount_record, .most = 64),
    ROW("healthcheck", RECORD, struct world_cunik, health, UPDATE, .of = &health),
    ROW("restart", ENUM, struct world_cunik, restart, UPDATE, .enumeration = &restarts),
    ROW("restart_max", INT, struct world_cunik, restart_max, UPDATE),
    ROW("restart_delay", DURATION, struct world_cunik, restart_delay_ns, UPDATE),
    ROW("restart_window", DURATION, struct world_cunik, restart_window_ns, UPDATE),
    ROW("stop_grace_period", DURATION, struct world_cunik, stop_grace_ns, UPDATE),
    ROW("update_config", RECORD, struct world_cunik, update, NONE, .of = &update),
    ROW("rollback_config", RECORD, struct world_cunik, rollback, NONE, .of = &update),
    LIST("depends_on", struct world_cunik, depends, UPDATE, cunik_world_depend_record),
    ROW("labels", PAIRS, struct world_cunik, labels, UPDATE),
    ROW("status", RECORD, struct world_cunik, status, NONE, .of = &cunik_world_status_record));

RECORD_FIELDS(static, network_status, struct world_network, NULL,
              ROW("up", BOOL, struct world_network, up, NONE),
              ROW("names_served", BOOL, struct world_network, names_served, NONE));

enum { MTU_MOST = 65535 };

static char *pool_label(const void *element, const void *context)
{
    (void)context;
    return cunik_strdup(((const struct world_pool *)element)->subnet);
}

RECORD_FIELDS(, cunik_world_pool_record, struct world_pool, pool_label,
              ROW("subnet", STRING, struct world_pool, subnet, RECREATE, .text = TEXT_SUBNET,
                  .flags = FIELD_REQUIRED),
              ROW("gateway", STRING, struct world_pool, gateway, RECREATE, .text = TEXT_ADDRESS,
                  .flags = FIELD_OPEN),
              ROW("ip_range", STRING, struct world_pool, ip_range, UPDATE, .text = TEXT_SUBNET));

static char *resolver_label(const void *element, const void *context)
{
    (void)context;
    return cunik_strdup(((const struct world_resolver *)element)->service);
}

RECORD_FIELDS(, cunik_world_resolver_record, struct world_resolver, resolver_label,
              ROW("service", STRING, struct world_resolver, service, UPDATE, .text = TEXT_SERVICE,
                  .flags = FIELD_REQUIRED),
              ROW("address", STRING, struct world_resolver, address, UPDATE, .text = TEXT_ADDRESS,
                  .flags = FIELD_OPEN),
              ROW("networks", STRV, struct world_resolver, networks, UPDATE, .text = TEXT_NAME,
                  .most = 64, .flags = FIELD_SET),
              ROW("internal", BOOL, struct world_resolver, internal, UPDATE),
              ROW("dns", STRV, struct world_resolver, servers, UPDATE, .text = TEXT_HOST_IP,
                  .most = 64),
              ROW("extra_hosts", STRV, struct world_resolver, hosts, UPDATE, .text = TEXT_LINE,
                  .most = 1024));

RECORD_FIELDS(
    , cunik_world_network_record, struct world_network, NULL,
    ROW("name", STRING, struct world_network, name, NONE, .text = TEXT_NAME,
        .flags = FIELD_REQUIRED),
    ROW("stack", STRING, struct world_network, stack, NONE, .text = TEXT_STACK),
    ROW("key", STRING, struct world_network, key, NONE, .text = TEXT_SERVICE),
    ROW("link", STRING, struct world_network, link, RECREATE, .text = TEXT_LINK,
        .flags = FIELD_OPEN),
    ROW("subnet", STRING, struct world_network, subnet, RECREATE, .text = TEXT_SUBNET,
        .flags = FIELD_OPEN),
    ROW("gateway", STRING, struct world_network, gateway, RECREATE, .text = TEXT_ADDRESS,
        .flags = FIELD_OPEN),
    ROW("ip_range", STRING, struct world_network, ip_range, UPDATE, .text = TEXT_SUBNET),
    LIST("pools", struct world_network, pools, RECREATE, cunik_world_pool_record, .most = 64),
    ROW("reserved", STRV, struct world_network, reserved, UPDATE, .text = TEXT_HOST_IP,
        .flags = FIELD_SET),
    ROW("ipv6", BOOL, struct world_network, ipv6, RECREATE),
    ROW("subnet6", STRING, struct world_network, subnet6, RECREATE, .text = TEXT_SUBNET6,
        .flags = FIELD_OPEN),
    ROW("gateway6", STRING, struct world_network, gateway6, RECREATE, .text = TEXT_ADDRESS6,
        .flags = FIELD_OPEN),
    ROW("range6", STRING, struct world_network, range6, UPDATE, .text = TEXT_SUBNET6),
    ROW("mtu", INT, struct world_network, mtu, RECREATE, .max = MTU_MOST),
    ROW("hide_unhealthy", BOOL, struct world_network, hide_unhealthy, UPDATE),
    LIST("resolvers", struct world_network, resolvers, UPDATE, cunik_world_resolver_record),
    ROW("internal", BOOL, struct world_network, internal, RECREATE),
    ROW("external", BOOL, struct world_network, external, NONE),
    ROW("labels", PAIRS, struct world_network, labels, UPDATE), GROUP("status", network_status));

RECORD_FIELDS(, cunik_world_volume_record, struct world_volume, NULL,
              ROW("name", STRING, struct world_volume, name, NONE, .text = TEXT_NAME,
                  .flags = FIELD_REQUIRED),
              ROW("stack", STRING, struct world_volume, stack, NONE, .text = TEXT_STACK),
              ROW("key", STRING, struct world_volume, key, NONE, .text = TEXT_SERVICE),
              ROW("format", STRING, struct world_volume, format, NONE, .text = TEXT_NAME),
              ROW("filesystem", STRING, struct world_volume, filesystem, NONE, .text = TEXT_NAME),
              ROW("size", BYTES, struct world_volume, size, NONE),
              ROW("external", BOOL, struct world_volume, external, NONE),
              ROW("labels", PAIRS, struct world_volume, labels, NONE));

RECORD_FIELDS(static, world_status, struct world, NULL,
              ROW("ports_published", BOOL, struct world, ports_published, NONE));

enum { CUNIKS_MOST = 65536 };

RECORD_FIELDS(
    , cunik_world_record, struct world, NULL,
    LIST("networks", struct world, networks, NONE, cunik_world_network_record),
    LIST("cuniks", struct world, cuniks, NONE, cunik_world_cunik_record, .most = CUNIKS_MOST),
    LIST("volumes", struct world, volumes, NONE, cunik_world_volume_record),
    ROW("services", STRV, struct world, services, NONE, .text = TEXT_SERVICE, .most = CUNIKS_MOST),
    ROW("inactive", STRV, struct world, inactive, NONE, .text = TEXT_SERVICE, .most = CUNIKS_MOST),
    GROUP("status", world_status));

const char *cunik_state_name(enum cunik_state s)
{
    return states.names[s];
}

const char *cunik_health_name(enum cunik_health h)
{
    return healths.names[h];
}

const char *cunik_end_name(enum cunik_end e)
{
    return ends.names[e];
}

int cunik_end_parse(const char *name, enum cunik_end *ret)
{
    return cunik_enumeration_parse(&ends, name, ret);
}

int cunik_condition_parse(const char *name, enum depend_condition *ret)
{
    return cunik_enumeration_parse(&conditions, name, ret);
}

int cunik_update_failure_parse(const char *name, enum update_failure *ret)
{
    return cunik_enumeration_parse(&update_failures, name, ret);
}

int cunik_restart_parse(const char *name, enum restart_policy *ret)
{
    return cunik_enumeration_parse(&restarts, name, ret);
}

bool cunik_state_is_completed(enum cunik_state s, enum cunik_end end, int64_t exit_code,
                              enum restart_policy restart)
{
    return s == CUNIK_EXITED && exit_code == 0 && (end == END_POWEROFF || end == END_RESET) &&
           restart != RESTART_ALWAYS && restart != RESTART_UNLESS_STOPPED;
}

bool cunik_restart_keeps_up(enum restart_policy p)
{
    return p == RESTART_ALWAYS || p == RESTART_UNLESS_STOPPED;
}
