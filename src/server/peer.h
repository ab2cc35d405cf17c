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
struct mail_slow;
struct loop;
struct post_office;
struct shared_message;

enum { PEER_SHARED_COUNT = 8, PEER_SLOW_COUNT = 64 };

/* Large messages of the batch that is being mailed, so that several peers get the same copy. One for each worker. */
struct peer_copies {
    uint64_t serial;
    unsigned count;
    const char *bodies[PEER_SHARED_COUNT];
    struct shared_message *shared[PEER_SHARED_COUNT];
};

/* Topics whose subscribers at a peer cannot take so much, by hash; a newer one takes an older one's place. */
struct peer_slow {
    uint64_t hash;
    uint64_t until_ms;      /* of the loop's clock */
    uint64_t full_until_ms; /* for those who can wait: twice as long each time that they come too early */
    unsigned level;
};

struct peer {
    struct sink sink; /* the target of all interests of this peer */
    unsigned number;
    struct loop *loop;
    struct broker *broker;
    struct post_office *office;
    struct peer_copies *copies;
    struct interest *interests; /* a list, for the end */
    uint64_t slow_until_ms;     /* the latest of: */
    struct peer_slow slow[PEER_SLOW_COUNT];
};

/* The peer of that number. Borrows the others. */
void peer_init(struct peer *peer, unsigned number, struct loop *loop, struct broker *broker,
               struct post_office *office, struct peer_copies *copies);

/* Takes the peer's sinks out of the router. */
void peer_finish(struct peer *peer);

void peer_copies_clear(struct peer_copies *copies);

/* Tells the peer that a subscription of ours has come (+1) or gone (-1). */
void peer_announce(struct peer *peer, struct slice pattern, struct slice group, int delta);

/* What the peer announced. 0 or -ENOMEM. */
int peer_read_interest(struct peer *peer, const struct mail_interest *mail);

/* The peer asks that publishers of a topic be held back for a while. */
void peer_read_slow(struct peer *peer, const struct mail_slow *mail);

/* Delivers what the peer mailed, and asks it to hold the publishers back where a subscriber cannot take so much. */
void peer_read_batch(struct peer *peer, const struct mail_batch *mail);

#endif
