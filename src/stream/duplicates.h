/*
 * duplicates: the ids of messages seen lately, and under which sequence each was kept. Those of publishers who count
 * stand in families (counted.h); the others each by itself: of such an id its hash is kept, 120 bits under a secret key
 * and its last byte. So memory is bounded whatever ids look like. Belongs to a stream, under its lock.
 */
#ifndef STREAM_DUPLICATES_H
#define STREAM_DUPLICATES_H

#include "stream/counted.h"

struct duplicate_entry;
struct duplicate_place;

/* Families; and a ring in the order of time, and a table of places in it. Zero remembers nothing yet and has no memory.
 */
struct duplicates {
    uint32_t count;                  /* of all ids */
    uint64_t oldest_ms;              /* none was seen before */
    struct families families;
    struct duplicate_entry *ring;
    struct duplicate_place *table;   /* linear probing */
    uint32_t ring_room, table_size;
    uint32_t head, ring_count;
    uint64_t added_count, dropped_count; /* what has ever come into the ring, and gone at its head */
    uint64_t seeds[2];
    uint64_t last_number;            /* of the newest in the ring, and a hash of its name; 0: it has none */
    uint64_t last_name;
};

/* Forgets what was seen window_ms ago or before. */
void duplicates_expire(struct duplicates *duplicates, uint64_t now_ms, uint64_t window_ms);

/* The sequence under which a message of this id was kept; 0: it has not been seen. */
uint64_t duplicates_find(struct duplicates *duplicates, struct slice id);

/* Remembers an id that is not there; of count_max the oldest are forgotten for it. False: out of memory. */
bool duplicates_add(struct duplicates *duplicates, struct slice id, uint64_t sequence, uint64_t now_ms,
                    uint32_t count_max);

void duplicates_finish(struct duplicates *duplicates);

#endif
