/*
 * peer: another worker, as this one sees it: sinks in the local router that stand for the other's subscriptions. To the
 * router a peer is a sink like any other; what it is given it mails.
 *
 *   worker A: a publisher's batch -> router -> peer B's sink -> post
 *   worker B: post -> its own router -> its own subscriptions, but never on to other peers
 *
 * For a group the publishing worker picks: a member of its own, or another worker by the number of members there, which
 * then picks among its own. Belongs to the thread of the worker that sees it.
 */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include "core/sink.h"

struct broker;
struct mail_batch;
struct mail_interest;
struct post_office;
struct shared_message;

enum { PEER_SHARED_COUNT = 8 };

/* Large messages of the batch that is being mailed, so that several peers get the same copy. One for each worker. */
struct peer_copies {
    uint64_t serial;
    unsigned count;
    const char *bodies[PEER_SHARED_COUNT];
    struct shared_message *shared[PEER_SHARED_COUNT];
};

struct peer {
    struct sink sink; /* the target of all interests of this peer */
    unsigned number;
    struct broker *broker;
    struct post_office *office;
    struct peer_copies *copies;
    struct interest *interests; /* a list, for the end */
};

/* The peer of that number. Borrows the others. */
void peer_init(struct peer *peer, unsigned number, struct broker *broker, struct post_office *office,
               struct peer_copies *copies);

/* Takes the peer's sinks out of the router. */
void peer_finish(struct peer *peer);

void peer_copies_clear(struct peer_copies *copies);

/* Tells the peer that a subscription of ours has come (+1) or gone (-1). */
void peer_announce(struct peer *peer, struct slice pattern, struct slice group, int delta);

/* What the peer announced. 0 or -ENOMEM. */
int peer_read_interest(struct peer *peer, const struct mail_interest *mail);

/* Delivers what the peer mailed. */
void peer_read_batch(struct peer *peer, const struct mail_batch *mail);

#endif
