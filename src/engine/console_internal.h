/* What the files of consoles share; not for others. */
#pragma once

#include <pthread.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/time.h"
#include "engine/console.h"

struct consoles {
    char *folder;
    _Atomic uint64_t limit;
    int inotify, stop;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of the watchers, and of removal against the watcher's writing */
    int *watchers;
    size_t n_watchers;
    pthread_mutex_t telling; /* of the two below; taken without the other */
    cunik_console_grew *grew;
    void *grew_ctx;
};

static inline char *cunik_console_file(const struct consoles *c, const char *name,
                                       const char *suffix)
{
    return cunik_asprintf("%s/%s.%s", c->folder, name, suffix);
}

static inline int64_t cunik_console_changed(const struct stat *st)
{
    return cunik_time_ms(&st->st_mtim);
}
