/*
 * keeper: how one worker's publications come to the streams that keep their topics, and how publishers hear of it.
 *
 *   session_publish -> keeper's sink -> stream_append        at once, ahead of the live sinks
 *                            `- notes {sequence, reply}, or {refused, reply}
 *   keepers_turn    -> what is committed by now is answered on its reply topic (PubAck); waiters are called
 *
 * Each worker has keepers of its own for the streams that all share, so that no message passes through another worker
 * on its way to the log. A stream with settings has one keeper a worker, with a sink for each of its topics; it refuses
 * what its settings do not allow, and answers messages that ask for it. `recent` has a plain one that answers nobody,
 * and keeps what the others have accepted or did not want.
 *
 * Topics that begin with "$" or "_INBOX." are kept by nobody who did not ask for them by name: they are the server's
 * own words, and answers that one client waits for. Belongs to the worker's thread.
 */
#ifndef BROKER_KEEPER_H
#define BROKER_KEEPER_H

#include "broker/broker.h"
#include "stream/registry.h"

/* The plain one. Embedded in its owner. */
struct keeper_recent {
    struct sink sink;
    struct broker *broker;
    struct stream *stream;
    struct stream_watch *own; /* of this worker's readers; NULL: it has none */
};

/* Keeps what is published under a pattern. Borrows stream and own. 0 or -ENOMEM. */
int keeper_recent_init(struct keeper_recent *keeper, struct broker *broker, struct stream *stream,
                       struct slice pattern, struct stream_watch *own);

/* Nothing happens where keeper_recent_init has not succeeded. */
void keeper_recent_finish(struct keeper_recent *keeper);

struct keeper;
struct keepers;

/* The keepers of all streams in a registry, none at first. wake is called from any thread when a stream has advanced
 * for which somebody waits: it brings about a turn. registry is borrowed. NULL: out of memory. */
struct keepers *keepers_create(struct broker *broker, struct stream_registry *registry, void (*wake)(void *arg),
                               void *arg);

/* Nobody waits any more. Takes NULL. */
void keepers_destroy(struct keepers *keepers);

/*
 * Ties the streams that have come and unties those that are gone, where the registry has changed. Not from within a
 * delivery. 0; -ENOMEM: some are not tied, and the next call tries again. A survey that visits every worker with this
 * makes sure that a change is known everywhere.
 */
int keepers_sync(struct keepers *keepers);

/* What has been published in this turn is to be committed. At the end of each turn, and sooner. */
void keepers_commit(struct keepers *keepers);

/* Answers a publisher who asks the broker (reply_asks_broker), in keepers_turn, for a message that has come to no
 * stream. RECEIPT_KEPT: none keeps its topic, and it has been handed to whoever was subscribed. Where memory is short,
 * he hears nothing. */
void keepers_answer(struct keepers *keepers, struct slice reply, enum receipt_verdict verdict);

/* Once a turn: syncs, answers, and calls those who wait. */
void keepers_turn(struct keepers *keepers);

/* The keeper of a stream; NULL: none. */
struct keeper *keepers_find(struct keepers *keepers, struct slice stream);

/* For whoever has something of his own for each stream, his guest: called from keepers_sync, when a keeper has come,
 * and before it goes; and from keepers_turn when the stream has gone on, and somebody attends. May be NULL. */
struct keepers_hooks {
    void *arg;
    void (*tied)(void *arg, struct keeper *keeper);
    void (*untied)(void *arg, struct keeper *keeper);
    void (*advanced)(void *arg, struct keeper *keeper);
};
void keepers_set_hooks(struct keepers *keepers, const struct keepers_hooks *hooks);
void keeper_set_guest(struct keeper *keeper, void *guest);
void *keeper_guest(const struct keeper *keeper);

/* True where a publisher waits to hear what became of a message. */
bool keepers_have_waiting(const struct keepers *keepers);

/* Answers a publisher whose message the keeper has not been shown to ask: at the next turn, whatever is committed by
 * then. Where memory is short he hears nothing. */
void keeper_answer(struct keeper *keeper, struct slice reply, const struct receipt *receipt);

/* Borrowed while the keeper is tied. */
struct stream *keeper_stream(const struct keeper *keeper);

/* Somebody who has published and waits until that is committed. Embedded in its owner, who fills in done. */
struct keeper_waiter {
    /* From keepers_turn: it is committed, or never will be (the stream has failed, or is gone). */
    void (*done)(struct keeper_waiter *waiter, bool committed);
    uint64_t sequence;
    struct keeper *keeper;           /* NULL: it does not wait */
    struct keeper_waiter *next, **link;
};

/* Waits for what a receipt tells of. False where there is nothing to wait for: it is committed already, and done will
 * not be called. */
bool keeper_wait(struct keepers *keepers, struct keeper_waiter *waiter, const struct receipt *receipt);

/* Waits no more; nothing happens where it does not. */
void keeper_unwait(struct keeper_waiter *waiter);

/* Somebody who reads the stream on this worker: until he is gone, each advance of it brings about a turn. */
void keeper_attend(struct keeper *keeper, int delta);

#endif
