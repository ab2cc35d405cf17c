/*
 * topics: the topics of a stream: of each how many messages are kept, and between which sequences; where their number
 * is bounded, all their sequences. Belongs to a stream, under its lock.
 *
 * A topic takes 56 bytes, its name, what malloc adds, and 8 to 16 in the table: 80 in all for a name of ten bytes.
 * Where sequences are kept, one of more than two messages takes 8 to 16 bytes more for each.
 */
#ifndef STREAM_TOPICS_H
#define STREAM_TOPICS_H

#include "util/slice.h"

struct topic_ring;

struct topic_entry {
    struct topic_entry *next;
    uint64_t first, last;       /* the oldest and the newest, but for what the flags say */
    uint64_t count;
    struct topic_ring *ring;    /* sequences, the oldest first; NULL: there are few, or they are not kept */
    uint32_t hash;
    uint16_t name_size;
    bool first_is_floor;        /* the oldest may be a later one: others have gone, and nobody has looked */
    bool last_is_ceiling;       /* the newest may be an earlier one */
    bool is_marked;             /* the stream's own, which points to it: it stays, even without messages */
    char name[];
};

/* Zero knows no topic. */
struct topics {
    struct topic_entry **table; /* chains; [0, size) are in use, and grow one by one, so that nobody waits for it */
    size_t size, room;
    size_t count;
    uint64_t seed;
    bool keeps_sequences;       /* to be set before the first comes */
};

/* Notes a message behind all others of its topic. NULL: out of memory. */
struct topic_entry *topics_add(struct topics *topics, struct slice topic, uint64_t sequence);

/* NULL: it has no messages. */
struct topic_entry *topics_find(const struct topics *topics, struct slice topic);

/* Forgets a message; with the last one the entry goes. */
void topics_drop(struct topics *topics, struct topic_entry *entry, uint64_t sequence);

/* Nobody points to it any more: it goes where it has no messages. */
void topics_unmark(struct topics *topics, struct topic_entry *entry);

/* The sequence of the place-th oldest message, from 0; 0: there are fewer, or it is not known. */
uint64_t topics_at(const struct topic_entry *entry, uint64_t place);

/* The newest message up to a sequence; 0: there is none, or it is not known. */
uint64_t topics_last_up_to(const struct topic_entry *entry, uint64_t sequence);

/* Keeps the ends of each topic alone from now on. */
void topics_forget_sequences(struct topics *topics);

/* No entry may be marked. */
void topics_finish(struct topics *topics);

static inline struct slice topic_entry_name(const struct topic_entry *entry)
{
    return slice_make(entry->name, entry->name_size);
}

#endif
