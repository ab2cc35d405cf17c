/*
 * reload: the configuration that holds, and how another takes its place. The file is loaded whole beside the old one,
 * or refused, and then nothing has changed. The old one lives until every worker has let go of it.
 *
 * Belongs to the supervisor, and to its thread.
 */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct tls;
struct users;

/* How the configuration was loaded, to load it again. */
struct reload_source {
    const char *path;           /* NULL: none */
    const char *const *overrides;
    size_t override_count;
};

enum { RELOAD_SENTENCE_SIZE = 1024 };

struct reload_hooks {
    void *arg;
    /* Looks at what is to hold, and does of it what may fail. Not 0: it is refused, and sentence says why. */
    int (*accept)(void *arg, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE]);
    /* It holds from now on: tells all workers, and returns how many will confirm (reload_confirmed). */
    unsigned (*install)(void *arg);
    /* What came of it is to be told; why NULL: it holds. */
    void (*tell)(void *arg, const char *action, const char *why);
};

struct reload {
    struct config *config;      /* what holds, whom it lets in, and by which certificates */
    struct users *users;
    struct tls *tls;            /* NULL: there are none */
    const struct reload_source *source;
    struct reload_hooks hooks;
    unsigned worker_count;
    unsigned confirmations_left; /* of workers that still have the old ones */
    struct config *old_config;
    struct users *old_users;
    struct tls *old_tls;
    bool again;                  /* it was asked for while one was under way */
};

/* Takes the configuration; borrows the source. 0, -ENOMEM, or -EINVAL where a user or a certificate is bad, and the
 * sentence says why; reload_finish is to be called in any case. */
int reload_init(struct reload *reload, struct config *config, const struct reload_source *source,
                char sentence[RELOAD_SENTENCE_SIZE]);
void reload_finish(struct reload *reload);

/* Loads the configuration again. Logs what comes of it, and tells the service manager. */
void reload_run(struct reload *reload);

/* A worker has let go of the old configuration. */
void reload_confirmed(struct reload *reload);

#endif
