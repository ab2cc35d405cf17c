/*
 * delivery: messages that a consumer has delivered, and the topics on which they are acknowledged. Pure; any thread.
 *
 *     $JS.ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.CONSUMER-SEQUENCE.NANOSECONDS.PENDING
 */
#ifndef HTTP_DELIVERY_H
#define HTTP_DELIVERY_H

#include "util/slice.h"

/* What such a topic says. */
struct delivery {
    struct slice stream, consumer; /* within the topic */
    uint64_t count;                /* how often the message has been delivered, this time included */
    uint64_t sequence;             /* of the message, in the stream */
    uint64_t time_ms;              /* when the stream took it; wall clock */
};

/* False where the topic is none of these. */
bool delivery_read(struct slice topic, struct delivery *ret_delivery);

#endif
