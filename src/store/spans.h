/*
 * spans: the spans of a log, the oldest first: what is known of the records in each without looking at them, and where
 * their bytes are. Belongs to a log, under its lock.
 */
#ifndef STORE_SPANS_H
#define STORE_SPANS_H

#include "store/block.h"

/* Records with contiguous sequences, one at least. */
struct span {
    uint64_t first_sequence, last_sequence;
    uint64_t live_bytes;
    uint32_t live_count;
    uint64_t time_max_ms;       /* of its records, and of all before them: it ascends from span to span */
    struct block *block;        /* one reference; NULL: its bytes are on disk alone */
};

/* The first live record of this sequence or a later one; last_sequence + 1: there is none. */
uint64_t span_next_live(const struct span *span, uint64_t sequence);

/* How many records are live in [from, to), which the span has. */
uint32_t span_count_live(const struct span *span, uint64_t from, uint64_t to);

/* A queue in a ring: spans[(head + place) % room]. Zero is the empty one. */
struct spans {
    struct span **ring;
    size_t head, count, room;   /* room: a power of two */
};

/* Room for one more. False: out of memory. */
bool spans_reserve(struct spans *spans);

/* Behind all others; there is room. Takes the span. */
void spans_push(struct spans *spans, struct span *span);

/* Takes one out, wherever it stands. It is the caller's. */
struct span *spans_take(struct spans *spans, size_t place);

/* The place of the first that ends with this sequence or a later one; count: there is none. */
size_t spans_find(const struct spans *spans, uint64_t sequence);

/* The place of the first whose time_max_ms is this or later; count: there is none. */
size_t spans_find_time(const struct spans *spans, uint64_t time_ms);

/* Frees the ring; the spans are to be taken out before. */
void spans_finish(struct spans *spans);

/* NULL: there are fewer. */
static inline struct span *spans_at(const struct spans *spans, size_t place)
{
    return place < spans->count ? spans->ring[(spans->head + place) & (spans->room - 1)] : NULL;
}

static inline struct span *spans_last(const struct spans *spans)
{
    return spans_at(spans, spans->count - 1);
}

#endif
