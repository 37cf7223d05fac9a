#include "engine/stats.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/clock.h"

enum { PROC_LIMIT = 1 << 20 };

bool cunik_stats_parse_stat(const char *text, int64_t *ret_ticks, int64_t *ret_threads)
{
    const char *rest = strrchr(text, ')'); /* the name may hold anything */
    int64_t user, system, threads;

    if (!rest || sscanf(rest,
                        ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNd64 " %" SCNd64
                        " %*d %*d %*d %*d %" SCNd64,
                        &user, &system, &threads) != 3)
        return false;
    *ret_ticks = user + system;
    *ret_threads = threads;
    return true;
}

int64_t cunik_stats_number(const char *text, const char *key)
{
    size_t size = strlen(key);
    int64_t value = 0;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, size) != 0 || line[size] != ':')
            continue;
        char unit[3] = "";
        if (sscanf(line + size + 1, "%" SCNd64 " %2s", &value, unit) < 1)
            return 0;
        return strcmp(unit, "kB") == 0 ? value * 1024 : value;
    }
    return 0;
}

void cunik_stats_add_link(const char *text, const char *link, struct stats_sample *s)
{
    size_t size = strlen(link);
    int64_t received, sent;

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += strspn(line, " \n");
        if (strncmp(line, link, size) != 0 || line[size] != ':')
            continue;
        if (sscanf(line + size + 1, "%" SCNd64 " %*d %*d %*d %*d %*d %*d %*d %" SCNd64, &received,
                   &sent) == 2) {
            s->rx += sent;
            s->tx += received;
        }
        return;
    }
}

static char *read_proc(int64_t pid, const char *name)
{
    _cleanup_free_ char *path = cunik_asprintf("/proc/%" PRId64 "/%s", pid, name);
    char *text = NULL;

    return cunik_file_read(path, PROC_LIMIT, &text, NULL, NULL) < 0 ? NULL : text;
}

static int64_t ticks_to_ns(int64_t ticks)
{
    return ticks * (NS_PER_SECOND / sysconf(_SC_CLK_TCK));
}

bool cunik_stats_take(const struct world_cunik *c, struct stats_sample *ret)
{
    int64_t pid = c->status.pid, ticks;
    _cleanup_free_ char *stat = pid ? read_proc(pid, "stat") : NULL, *links = NULL;
    _cleanup_free_ char *status = pid ? read_proc(pid, "status") : NULL;
    _cleanup_free_ char *io = pid ? read_proc(pid, "io") : NULL;
    struct stats_sample s = {.time_ns = cunik_clock_real.now(NULL)};

    if (!stat || !cunik_stats_parse_stat(stat, &ticks, &s.threads))
        return false;
    s.cpu_ns = ticks_to_ns(ticks);
    s.memory = status ? cunik_stats_number(status, "VmRSS") : 0;
    s.read = io ? cunik_stats_number(io, "read_bytes") : 0;
    s.written = io ? cunik_stats_number(io, "write_bytes") : 0;
    /* A thread's own: the network namespace is the engine's. */
    if (cunik_file_read("/proc/thread-self/net/dev", PROC_LIMIT, &links, NULL, NULL) == 0)
        for (size_t i = 0; i < c->n_interfaces; i++)
            cunik_stats_add_link(links, c->interfaces[i].link, &s);
    *ret = s;
    return true;
}

json_t *cunik_stats_threads(const struct world_cunik *c)
{
    _cleanup_free_ char *folder = cunik_asprintf("/proc/%" PRId64 "/task", c->status.pid);
    DIR *dir = c->status.pid ? opendir(folder) : NULL;
    json_t *list = json_array();
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        int64_t tid, ticks, threads;
        if (cunik_text_to_int(entry->d_name, 1, INT32_MAX, &tid) < 0)
            continue;
        _cleanup_free_ char *stat = read_proc(tid, "stat"), *name = read_proc(tid, "comm");
        if (!stat || !name || !cunik_stats_parse_stat(stat, &ticks, &threads))
            continue;
        name[strcspn(name, "\n")] = '\0';
        cunik_json_append(list, json_pack("{s:I, s:s, s:I}", "tid", (json_int_t)tid, "name", name,
                                          "cpu_ns", (json_int_t)ticks_to_ns(ticks)));
    }
    if (dir)
        closedir(dir);
    return list;
}

json_t *cunik_stats_to_json(const struct world_cunik *c, const struct stats_sample *s)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cunik", c->name, "stack",
        c->stack, "service", c->service, "time_ns", (json_int_t)s->time_ns, "cpu_ns",
        (json_int_t)s->cpu_ns, "memory", (json_int_t)s->memory, "memory_limit",
        (json_int_t)c->status.memory, "rx", (json_int_t)s->rx, "tx", (json_int_t)s->tx, "read",
        (json_int_t)s->read, "written", (json_int_t)s->written, "threads", (json_int_t)s->threads);

    if (c->called && *c->called)
        cunik_json_set_string(json, "called", c->called);
    return json;
}
