/*
 * duplicates: the ids of messages seen lately, and under which sequence each was kept. Of an id its hash is kept, 120
 * bits under a secret key and its last byte, so that memory is bounded whatever ids look like. Belongs to a stream,
 * under its lock.
 */
#ifndef STREAM_DUPLICATES_H
#define STREAM_DUPLICATES_H

#include "util/slice.h"

struct duplicate_entry;
struct duplicate_place;

/* A ring in the order of time, and a table of places in it. Zero remembers nothing yet and has no memory. */
struct duplicates {
    struct duplicate_entry *ring;
    struct duplicate_place *table; /* linear probing */
    uint32_t ring_room, table_size;
    uint32_t head, count;
    uint64_t seeds[2];
};

/* Forgets what was seen window_ms ago or before. */
void duplicates_expire(struct duplicates *duplicates, uint64_t now_ms, uint64_t window_ms);

/* The sequence under which a message of this id was kept; 0: it has not been seen. */
uint64_t duplicates_find(const struct duplicates *duplicates, struct slice id);

/* Remembers an id that is not there; of count_max the oldest are forgotten for it. False: out of memory. */
bool duplicates_add(struct duplicates *duplicates, struct slice id, uint64_t sequence, uint64_t now_ms,
                    uint32_t count_max);

void duplicates_finish(struct duplicates *duplicates);

#endif
