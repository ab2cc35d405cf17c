/*
 * spans: the spans of a log, the oldest first: what is known of the records in each without looking at them, and where
 * their bytes are. Belongs to a log, under its lock.
 */
#ifndef STORE_SPANS_H
#define STORE_SPANS_H

#include "store/block.h"
#include "util/list.h"

struct segment;

/* Records with contiguous sequences, one at least. */
struct span {
    uint64_t first_sequence, last_sequence;
    uint64_t live_bytes;        /* guessed, as soon as one was killed while the block was away */
    uint32_t live_count;        /* changed by spans_discount, and by appending to the last */
    bool is_closed;             /* it does not grow any more */
    uint64_t time_max_ms;       /* of its records, and of all before them: it ascends from span to span */
    struct block *block;        /* one reference; NULL: its bytes are on disk alone */
    uint32_t *marks;            /* where there is no block: its dead records, as in block->dead */
    size_t number;              /* its place in sums */
    /* In files. */
    struct segment *segment;    /* NULL: it has no place yet */
    uint64_t at;                /* in the file */
    uint32_t size;              /* bytes that have been written there */
    bool is_behind_gap;         /* sequences are missing before it in the segment: a mark says that it knows */
    bool is_wanted, is_fetched; /* in the queue of those to be fetched; being fetched: it is not freed then */
    bool is_gone;               /* dropped while it was being fetched */
    struct list link;           /* of the wanted, or of those whose blocks may go: the least used first */
};

/* The first live record of this sequence or a later one; last_sequence + 1: there is none. */
uint64_t span_next_live(const struct span *span, uint64_t sequence);

/* The last live record of this sequence, which the span has, or an earlier one; 0: there is none. */
uint64_t span_last_live(const struct span *span, uint64_t sequence);

/* How many records are live in [from, to), which the span has. */
uint32_t span_count_live(const struct span *span, uint64_t from, uint64_t to);

/* Whether a record that the span has is dead, and kills it. */
bool span_is_dead(const struct span *span, uint64_t sequence);
void span_mark_dead(struct span *span, uint64_t sequence);

/* 32-bit words that marks take. */
size_t span_mark_count(const struct span *span);

/*
 * A queue in a ring: spans[(head + place) % room]; and sums of live records, so that how many there are behind a span
 * is known without visiting all of them: a tree in an array (Fenwick's), in which each span but the last has a place by
 * its number. Numbers ascend, and are given anew when they are used up. Zero is the empty one.
 */
struct spans {
    struct span **ring;
    size_t head, count, room;   /* room: a power of two */
    uint64_t *sums;             /* of 1 to number_max */
    size_t last_number, number_max;
    uint64_t summed_count;      /* live records of all spans but the last */
};

/* Room for one more. False: out of memory. */
bool spans_reserve(struct spans *spans);

/* Fewer of its records live. */
void spans_discount(struct spans *spans, struct span *span, uint32_t count);

/* How many records live in the spans from this place on. */
uint64_t spans_count_live(const struct spans *spans, size_t place);

/* Behind all others; there is room. Takes the span. */
void spans_push(struct spans *spans, struct span *span);

/* Takes one out, wherever it stands. It is the caller's. */
struct span *spans_take(struct spans *spans, size_t place);

/* The place of the first that ends with this sequence or a later one; count: there is none. */
size_t spans_find(const struct spans *spans, uint64_t sequence);

/* The place of the first whose time_max_ms is this or later; count: there is none. */
size_t spans_find_time(const struct spans *spans, uint64_t time_ms);

/* Frees what it has; the spans are to be taken out before. */
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
