/*
 * door: where all that applications publish leaves this broker.
 *
 *   kept    what the spool keeps: first here, and then at the broker, where alone it is delivered
 *   live    what asks for a reply, what has a condition for a stream of the broker's, what is said under $ or _INBOX.,
 *           and what the spool does not keep: goes on at once. While the broker is away nobody takes it: requests are
 *           answered so, the rest is dropped and counted
 *
 * A message with a reply is kept where the sidecar is to answer it: its header Posthorn-Ack says when, or the
 * configuration says so of its topic (spool.acknowledge).
 */
#ifndef SIDECAR_DOOR_H
#define SIDECAR_DOOR_H

#include "core/router.h"

struct broker;
struct config;
struct spool;
struct uplink;

struct door {
    struct broker *broker;
    struct uplink *uplink;
    struct spool *spool;    /* NULL: nothing is kept */
    const struct config *config;
    uint64_t dropped_count; /* live messages that nobody took */
    uint64_t full_count;    /* messages that the spool refused */
    uint64_t told_ms;       /* when the log was last told of those dropped; 0: never */
    uint64_t full_told_ms;  /* and of those refused */
};

/* Borrows all. */
void door_init(struct door *door, struct broker *broker, struct uplink *uplink, struct spool *spool,
               const struct config *config);

/* What broker_outlet.publish does. */
unsigned door_publish(struct door *door, const struct match *match, struct batch *batch);

#endif
