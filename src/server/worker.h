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

struct bell;
struct config;
struct mailbox;
struct users;
struct worker;

/* Workers and the supervisor are members of the post; the supervisor's number is the last. */
struct post {
    unsigned member_count;
    struct bell **bells;         /* one a member */
    struct mailbox **mailboxes;  /* [from * member_count + to] */
};

static inline struct mailbox *post_mailbox(const struct post *post, unsigned from, unsigned to)
{
    return post->mailboxes[from * post->member_count + to];
}

/* Makes the worker and its bell; the mailboxes may come later. Borrows post, identity, config and users. 0 or -errno. */
int worker_create(unsigned number, struct post *post, const struct line_identity *identity,
                  const struct config *config, const struct users *users, struct worker **ret_worker);

/* Runs the thread, when the post is complete. 0 or -errno. */
int worker_start(struct worker *worker);

/* Waits for the thread to end, as MAIL_STOP makes it. */
void worker_join(struct worker *worker);

/* What it counted; only when its thread has ended. */
const struct counters *worker_counters(const struct worker *worker);

/* Takes NULL. */
void worker_destroy(struct worker *worker);

#endif
