#include "network/dnsmasq.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "network/address.h"
#include "network/daemon.h"

static const char program_name[] = "dnsmasq";

int cunik_dnsmasq_find(char **ret, struct error **err)
{
    const char *path = getenv("PATH");
    _cleanup_strv_ struct strv folders = {0};

    if (path)
        cunik_strv_split(&folders, path, ":");
    /* A user's PATH has no sbin. */
    cunik_strv_split(&folders, "/usr/local/sbin:/usr/sbin:/sbin", ":");
    for (size_t i = 0; i < folders.n; i++) {
        _cleanup_free_ char *file = cunik_asprintf("%s/%s", folders.items[i], program_name);
        if (*file == '/' && access(file, X_OK) == 0) {
            *ret = TAKE_PTR(file);
            return 0;
        }
    }
    return cunik_error_set(err, ERROR_NOT_FOUND,
                           "there is no dnsmasq, which serves names to guests (Debian's package "
                           "dnsmasq-base)");
}

static char *pid_file_of(const char *folder)
{
    return cunik_asprintf("%s/pid", folder);
}

static char *pid_argument_of(const char *folder)
{
    return cunik_asprintf("--pid-file=%s/pid", folder);
}

/* Whether any user can get at a folder; dnsmasq's own has no rights of its own there. */
static bool is_reachable(const char *folder)
{
    _cleanup_free_ char *path = cunik_strdup(folder);
    struct stat st;

    for (;;) {
        if (stat(*path ? path : "/", &st) < 0 || !(st.st_mode & S_IXOTH))
            return false;
        if (!*path)
            return true;
        *strrchr(path, '/') = '\0';
    }
}

static int make_folder(const char *folder, struct error **err)
{
    _cleanup_free_ char *hosts = cunik_asprintf("%s/hosts", folder);
    int r = cunik_file_make_folders(hosts, 0755, err);

    if (r < 0)
        return r;
    /* Whatever the umask: dnsmasq's user reads both. */
    if (chmod(folder, 0755) < 0 || chmod(hosts, 0755) < 0)
        return cunik_error_errno(err, errno, "opening '%s' to dnsmasq", folder);
    return 0;
}

static void make_arguments(const struct dnsmasq_settings *s, const char *program, struct strv *ret)
{
    _cleanup_free_ char *address = cunik_address_text(s->address);

    cunik_strv_add(ret, program);
    cunik_strv_add(ret, "--conf-file=/dev/null");
    cunik_strv_take(ret, pid_argument_of(s->folder));
    cunik_strv_addf(ret, "--listen-address=%s", address);
    cunik_strv_add(ret, "--bind-interfaces");
    cunik_strv_add(ret, "--no-hosts");
    cunik_strv_addf(ret, "--hostsdir=%s/hosts", s->folder);
    cunik_strv_addf(ret, "--domain=%s", s->domain);
    cunik_strv_addf(ret, "--local=/%s/", s->domain);
    cunik_strv_add(ret, "--expand-hosts");
    cunik_strv_add(ret, "--domain-needed");
    cunik_strv_add(ret, "--bogus-priv");
    if (s->internal)
        cunik_strv_add(ret, "--no-resolv");
    else if (s->servers)
        cunik_strv_addf(ret, "--resolv-file=%s", s->servers);
    if (!is_reachable(s->folder))
        cunik_strv_add(ret, "--user=root");
}

static int start(const struct dnsmasq_settings *s, struct error **err)
{
    _cleanup_strv_ struct strv wanted = {0}, found = {0};
    _cleanup_free_ char *program = NULL, *pid_file = pid_file_of(s->folder);
    _cleanup_free_ char *pid_argument = pid_argument_of(s->folder);
    int r;

    if ((r = cunik_dnsmasq_find(&program, err)) < 0 || (r = make_folder(s->folder, err)) < 0)
        return r;
    make_arguments(s, program, &wanted);
    if (cunik_daemon_find(pid_file, pid_argument, &found) && cunik_strv_equal(&wanted, &found))
        return 0;
    if ((r = cunik_daemon_stop(pid_file, pid_argument, program_name, err)) < 0)
        return r;
    return cunik_daemon_start(&wanted, pid_file, err);
}

int cunik_dnsmasq_start(const struct dnsmasq_settings *s, struct error **err)
{
    int r = start(s, err);

    return r < 0 ? cunik_error_prefix(err, r, "serving names for network '%s'", s->domain) : 0;
}

int cunik_dnsmasq_stop(const char *folder, struct error **err)
{
    _cleanup_free_ char *pid_file = pid_file_of(folder), *pid_argument = pid_argument_of(folder);
    int r = cunik_daemon_stop(pid_file, pid_argument, program_name, err);

    return r < 0 ? r : cunik_file_remove_tree(folder, err);
}

bool cunik_dnsmasq_runs(const char *folder)
{
    _cleanup_free_ char *pid_file = pid_file_of(folder), *pid_argument = pid_argument_of(folder);

    return cunik_daemon_find(pid_file, pid_argument, NULL) != 0;
}

/* dnsmasq passes over files whose names look like an editor's; a slash would leave the folder. */
static int check_file(const char *cunik, struct error **err)
{
    if (!*cunik || strchr(cunik, '/') || *cunik == '.' || *cunik == '#' ||
        cunik_text_ends(cunik, "~"))
        return cunik_error_set(err, ERROR_INVALID, "'%s' cannot be the name of a cunik", cunik);
    return 0;
}

int cunik_dnsmasq_add(const char *folder, const char *cunik, uint32_t address,
                      const struct strv *names, struct error **err)
{
    _cleanup_free_ char *text = cunik_address_text(address);
    _cleanup_free_ char *file = cunik_asprintf("%s/hosts/%s", folder, cunik);
    _cleanup_free_ char *staged = cunik_asprintf("%s/new-%s", folder, cunik);
    _cleanup_buffer_ struct buffer line = {0};
    int r;

    if ((r = check_file(cunik, err)) < 0 || (r = make_folder(folder, err)) < 0)
        return r;
    cunik_buffer_text_append(&line, text);
    for (size_t i = 0; i < names->n; i++)
        cunik_buffer_printf(&line, " %s", names->items[i]);
    cunik_buffer_char(&line, '\n');
    /* Written outside the folder that dnsmasq watches: it would serve the temporary file as well.
     */
    if ((r = cunik_file_write(staged, line.data, line.size, 0644, false, err)) < 0)
        return r;
    if (rename(staged, file) < 0)
        return cunik_error_errno(err, errno, "renaming '%s' to '%s'", staged, file);
    return 0;
}

int cunik_dnsmasq_remove(const char *folder, const char *cunik, struct error **err)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/hosts/%s", folder, cunik);
    int r = check_file(cunik, err);

    if (r < 0)
        return r;
    if (unlink(file) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", file);
    return 0;
}
