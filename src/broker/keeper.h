/*
 * keeper: the sink through which one worker's publications come to a stream. Each worker has one of its own for a
 * stream that all share, so that no message passes through another worker on its way to the log.
 *
 * Topics that begin with "$" or "_INBOX." are kept by nobody who did not ask for them by name: they are the server's
 * own words, and answers that one client waits for.
 */
#ifndef BROKER_KEEPER_H
#define BROKER_KEEPER_H

#include "broker/broker.h"
#include "stream/stream.h"

struct keeper {
    struct sink sink;
    struct broker *broker;
    struct stream *stream;
    struct stream_watch *own; /* of this worker's readers; NULL: it has none */
};

/* Keeps what is published under a pattern. Borrows stream and own. 0 or -ENOMEM. */
int keeper_init(struct keeper *keeper, struct broker *broker, struct stream *stream, struct slice pattern,
                struct stream_watch *own);

/* Nothing happens where keeper_init has not succeeded. */
void keeper_finish(struct keeper *keeper);

/* True for topics that the stream `recent` leaves alone. */
static inline bool topic_is_private(struct slice topic)
{
    return (topic.size && topic.data[0] == '$') || slice_starts_with(topic, slice_make("_INBOX.", 7));
}

#endif
