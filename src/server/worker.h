/*
 * worker: a thread with a whole broker of its own: loop, router, sessions, timers, counters; and its peers.
 *
 * The supervisor creates all workers, ties them together, starts them, writes to them by mail, and destroys them when
 * their threads have ended. From start to join a worker belongs to its own thread.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "line/line.h"
#include "metrics/counters.h"

struct config;
struct post;
struct users;
struct worker;

/* The worker of that number out of so many; the post has one member more, the supervisor, who comes last. Borrows post,
 * identity, config and users. 0 or -errno. */
int worker_create(unsigned number, unsigned worker_count, struct post *post, const struct line_identity *identity,
                  const struct config *config, const struct users *users, struct worker **ret_worker);

/* Runs the thread. 0 or -errno. */
int worker_start(struct worker *worker);

/* Waits for the thread to end, as MAIL_STOP makes it. */
void worker_join(struct worker *worker);

/* What it counted; only when its thread has ended. */
const struct counters *worker_counters(const struct worker *worker);

/* Takes NULL. */
void worker_destroy(struct worker *worker);

#endif
