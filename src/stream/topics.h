/*
 * topics: of each topic in a stream, the sequences under which its messages are kept, so that their number can be
 * bounded. Belongs to a stream, under its lock.
 */
#ifndef STREAM_TOPICS_H
#define STREAM_TOPICS_H

#include "util/slice.h"

struct topic_entry;

/* Zero knows no topic. */
struct topics {
    struct topic_entry **table; /* a power of two of places, chained */
    size_t table_size, count;
    uint64_t seed;
};

/* Notes a message behind all others of its topic. False: out of memory. */
bool topics_add(struct topics *topics, struct slice topic, uint64_t sequence);

/* Forgets the oldest message of a topic, if it has this sequence. */
void topics_drop(struct topics *topics, struct slice topic, uint64_t sequence);

/* Where the topic has more than max messages, the oldest; 0: it has not. */
uint64_t topics_excess(const struct topics *topics, struct slice topic, uint64_t max);

void topics_finish(struct topics *topics);

#endif
