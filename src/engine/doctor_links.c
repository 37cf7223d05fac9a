/* What the doctor looks at where links would be made: here, or for a user without rights in a
 * namespace of its own, which a child makes and which ends with it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/doctor_parts.h"
#include "engine/host_prerequisites.h"
#include "engine/rootless.h"
#include "network/rules.h"

enum { ANSWER_LIMIT = 64 << 10 };

static char *check_forwarding(void)
{
    static const char path[] = "/proc/sys/net/ipv4/conf/default/forwarding";
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 ? cunik_strdup("")
                   : cunik_asprintf("'%s' cannot be written: %s", path, strerror(errno));
}

static void look_here(struct doctor_facts *f)
{
    struct error *err = NULL;

    cunik_host_check_tun(&err);
    f->tun = cunik_doctor_words(TAKE_PTR(err));
    cunik_rules_check(&err);
    f->nftables = cunik_doctor_words(TAKE_PTR(err));
    f->forwarding = check_forwarding();
}

/* In the child, which never returns. */
_Noreturn static void look_inside(int answer)
{
    struct doctor_facts f = {0};
    struct error *err = NULL;
    json_t *json = json_object();
    bool refused;

    cunik_rootless_unshare(&refused, &err);
    f.rootless = cunik_doctor_words(err);
    look_here(&f);
    cunik_json_set_string(json, "rootless", f.rootless);
    cunik_json_set_string(json, "tun", f.tun);
    cunik_json_set_string(json, "nftables", f.nftables);
    cunik_json_set_string(json, "forwarding", f.forwarding);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);
    _exit(cunik_write_all(answer, text, strlen(text)) < 0);
}

static int ask_child(struct doctor_facts *f, struct error **err)
{
    _cleanup_json_ json_t *json = NULL;
    _cleanup_free_ char *text = NULL;
    int ends[2], r;
    size_t size;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    _cleanup_close_ int in = ends[0], out = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return cunik_error_errno(err, errno, "starting a process");
    if (pid == 0)
        look_inside(out);
    close(TAKE_FD(out));
    r = cunik_file_read_fd(in, "what was found", ANSWER_LIMIT, &text, &size, err);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (r < 0 || (r = cunik_json_parse(text, size, "what was found", &json, err)) < 0 ||
        (r = cunik_json_get_string(json, "rootless", &f->rootless, err)) < 0 ||
        (r = cunik_json_get_string(json, "tun", &f->tun, err)) < 0 ||
        (r = cunik_json_get_string(json, "nftables", &f->nftables, err)) < 0)
        return r;
    return cunik_json_get_string(json, "forwarding", &f->forwarding, err);
}

void cunik_doctor_look_at_links(struct doctor_facts *f)
{
    struct error *err = NULL;

    f->may_make_links = !cunik_rootless_needed();
    if (f->may_make_links) {
        f->rootless = cunik_strdup("");
        look_here(f);
        return;
    }
    if (ask_child(f, &err) < 0) {
        free(f->rootless);
        f->rootless = cunik_doctor_words(err);
    }
    char **const texts[] = {&f->rootless, &f->tun, &f->nftables, &f->forwarding};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (!*texts[i])
            *texts[i] = cunik_strdup("");
}
