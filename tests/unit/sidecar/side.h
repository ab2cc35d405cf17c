/*
 * side: a sidecar's way to the broker on a loop of the test's, and at its other end a peer that plays the broker by a
 * script (libposthorn/peer.h).
 */
#ifndef TESTS_SIDECAR_SIDE_H
#define TESTS_SIDECAR_SIDE_H

#include "../libposthorn/peer.h"
#include "broker/broker.h"
#include "net/loop.h"
#include "sidecar/spool.h"
#include "sidecar/uplink.h"

struct config;
struct stream;

struct side {
    struct loop loop;
    struct counters counters;
    struct broker broker;
    struct config *config;
    struct uplink *uplink;
    struct stream *kept, *refused;   /* in memory, for topics under s.; NULL: without a spool */
    struct spool *spool;
    bool (*is_done)(struct side *side);
};

/* An uplink to the peer, with these lines of configuration besides; and a spool before it. Not connected yet. */
void side_open(struct side *side, const struct peer *peer, const char *options, bool with_spool);
void side_close(struct side *side);

/* Turns until that holds. */
void side_run(struct side *side, bool (*is_done)(struct side *side));

bool side_is_up(struct side *side);
bool side_is_down(struct side *side);
bool side_has_sent_all(struct side *side); /* nothing waits in the spool */

#endif
