/* The engine's process, put together: a hypervisor, a host on it, an engine on that, and the API in
 * front, each telling the next what has changed. They are made in this order and closed in the
 * other; cunikd.c does so. */
#pragma once

#include <pthread.h>

#include "engine/cunikd_settings.h"
#include "engine/engine_lock.h"
#include "engine/host_real.h"

struct cunikd {
    struct cunikd_settings set;
    char *netns;
    bool activated; /* the socket is systemd's */

    struct engine_lock lock;
    struct outside *outside; /* NULL = there are rights, and no need for it */
    struct hypervisor *hypervisor;
    struct consoles *consoles;
    struct host_real *host;
    struct watch *watch;
    pthread_mutex_t told; /* of `engine`, which the hypervisor's threads wake */
    struct engine *engine;
    struct event_log *log;
    struct server *server;
};

/* Before there is any thread. */
int cunik_cunikd_open_host(struct cunikd *d, struct error **err);
int cunik_cunikd_start_engine(struct cunikd *d, struct error **err);
int cunik_cunikd_start_server(struct cunikd *d, struct error **err);
/* As far as it was made. */
void cunik_cunikd_close(struct cunikd *d);
