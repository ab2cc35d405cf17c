/*
 * worker: a thread with a whole broker of its own: loop, router, sessions, timers, counters; and its peers.
 *
 * The supervisor creates all workers, ties them together, starts them, writes to them by mail, and destroys them when
 * their threads have ended. From start to join a worker belongs to its own thread.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "http/http.h"
#include "line/line.h"
#include "metrics/counters.h"

struct clerk;
struct config;
struct jetstream_stored;
struct meta;
struct post;
struct stream;
struct stream_registry;
struct users;
struct worker;

/* What a worker is made of. It borrows all that is pointed to: config and users until it has been told of others, the
 * rest for its life. */
struct worker_setup {
    unsigned number, worker_count;
    struct post *post; /* has one member more than there are workers: the supervisor, who comes last */
    const struct line_identity *line_identity;
    const struct http_identity *http_identity;
    const struct config *config;
    const struct users *users;
    struct stream *recent; /* NULL: off */
    struct stream_registry *registry;
    struct meta *meta;     /* NULL: nothing outlives the daemon. Closed between worker_join and worker_destroy */
    struct clerk *clerk;   /* ended before meta is closed */
    const struct jetstream_stored *stored; /* consumers; NULL: none. Until worker_start */
};

/* 0 or -errno. */
int worker_create(const struct worker_setup *setup, struct worker **ret_worker);

/* Runs the thread. 0 or -errno. */
int worker_start(struct worker *worker);

/* Waits for the thread to end, as MAIL_STOP makes it. */
void worker_join(struct worker *worker);

/* What it counted; only when its thread has ended. */
const struct counters *worker_counters(const struct worker *worker);

/* Takes NULL. */
void worker_destroy(struct worker *worker);

#endif
