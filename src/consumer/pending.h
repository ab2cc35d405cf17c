/*
 * pending: the messages that a consumer has delivered and that nobody has acknowledged. Each is found by its sequence
 * at once, all stand in the order of their sequences, and each is in one of three states:
 *
 *   out    with a client; a heap tells whose time is over first
 *   due    to be delivered again, in the order in which they became so
 *   dead   delivered too often, or terminated: to be told to the owner
 *
 * Belongs to its consumer. Entries stay where they are until they are removed.
 */
#ifndef CONSUMER_PENDING_H
#define CONSUMER_PENDING_H

#include "util/list.h"
#include "util/slice.h"

enum pending_state { PENDING_OUT, PENDING_DUE, PENDING_DEAD };

struct pending_entry {
    struct list order;          /* among all, by sequence */
    struct list line;           /* of those that are due, or dead */
    uint64_t sequence;
    uint64_t consumer_sequence; /* of the first delivery: it ascends with the sequence */
    uint64_t deadline_ms;       /* while it is out */
    uint32_t place;             /* in the heap, while it is out */
    uint32_t delivery_count;
    enum pending_state state;
    bool is_terminated;         /* and so dead */
    char *words;                /* of the client that terminated it; NULL: none */
};

struct pending_place;
struct pending_chunk;

struct pending {
    struct pending_entry **table; /* by sequence; linear probing, at most half full */
    struct pending_place *heap;   /* of those that are out */
    struct pending_chunk *chunks; /* where entries live */
    struct list order, due, dead, unused;
    size_t count, room;           /* entries there are, and that fit into table and heap */
    size_t out_count, due_count, dead_count;
    size_t redelivered_count;     /* delivered more than once */
};

void pending_init(struct pending *pending);
void pending_finish(struct pending *pending);

/* Moves all of another one to this, which holds nothing. */
void pending_move(struct pending *to, struct pending *from);

/* Makes room for one more. False: out of memory. */
bool pending_reserve(struct pending *pending);

/* Gives the room back where nothing is pending. */
void pending_rest(struct pending *pending);

/* Adds a message that has just been delivered. Room has been made; the sequence is above all others. */
struct pending_entry *pending_add(struct pending *pending, uint64_t sequence, uint64_t consumer_sequence,
                                  uint64_t deadline_ms);

/* NULL: it is not pending. */
struct pending_entry *pending_find(const struct pending *pending, uint64_t sequence);

void pending_remove(struct pending *pending, struct pending_entry *entry);

/* It is with a client, until then. */
void pending_set_out(struct pending *pending, struct pending_entry *entry, uint64_t deadline_ms);
/* It stands behind all others that are due, or dead. */
void pending_set_due(struct pending *pending, struct pending_entry *entry);
void pending_set_dead(struct pending *pending, struct pending_entry *entry);

/* It has been delivered so often. */
void pending_set_count(struct pending *pending, struct pending_entry *entry, uint32_t delivery_count);

/* The oldest by sequence, the one whose time is over first, the first that is due, or dead. NULL: none. */
struct pending_entry *pending_oldest(const struct pending *pending);
struct pending_entry *pending_next_out(const struct pending *pending);
struct pending_entry *pending_next_due(const struct pending *pending);
struct pending_entry *pending_next_dead(const struct pending *pending);

/* The next by sequence, and the next of those that are dead; NULL: it is the last. */
struct pending_entry *pending_after(const struct pending *pending, const struct pending_entry *entry);
struct pending_entry *pending_after_dead(const struct pending *pending, const struct pending_entry *entry);

#endif
