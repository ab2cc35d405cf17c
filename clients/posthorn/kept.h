/*
 * kept: where a message that a stream keeps stands in it. A consumer's delivery says so in its reply topic, to which it
 * is acknowledged: $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER_SEQUENCE.TIME.PENDING
 */
#ifndef POSTHORN_KEPT_H
#define POSTHORN_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "posthorn.h"

struct kept {
    struct ph_text stream;
    uint64_t sequence;
    uint64_t time_ns;   /* when it was kept, since 1970 */
    uint64_t delivered; /* how often, this time included; 0: not by a consumer */
};

/* False where the message comes from no consumer. ret_kept borrows from it. */
bool kept_read(const struct ph_message *message, struct kept *ret_kept);

#endif
