/*
 * lanes: in which order the messages that a webhook has in hand are sent. Messages of one lane are sent one after the
 * other: the next begins when the one before is settled, however often that is tried. Lanes go beside one another.
 *
 *     parallel   each message has a lane of its own
 *     keyed      a lane for each key, in the order in which its messages were added
 *     ordered    keyed, with one key for all that must be in order
 *
 *     added --> queued --at the head of its lane--> ready --taken--> flying --> settled: removed
 *                                                     ^                 |
 *                                                     `-- returned -- waiting, until it is tried again
 *
 * Keys are hashes: two that collide share a lane, which costs time and no order. Belongs to its webhook. Entries are
 * their owner's, embedded in what he knows of the message.
 */
#ifndef PUSH_LANES_H
#define PUSH_LANES_H

#include "util/list.h"
#include "util/slice.h"

struct lane;

enum lane_state { LANE_QUEUED, LANE_FLYING, LANE_WAITING };

struct lane_entry {
    struct list member;              /* of its lane */
    struct list place;               /* among those that are ready */
    struct lane *lane;               /* NULL: its own */
    enum lane_state state;
};

struct lanes {
    struct lane **table;             /* by key: chained, a power of two of places */
    size_t table_size, lane_count;
    struct list ready;
    unsigned queued_count, flying_count, waiting_count;
};

void lanes_init(struct lanes *lanes);
/* The entries are forgotten. */
void lanes_finish(struct lanes *lanes);

/* Adds one in a lane of its own, queued. */
void lanes_add(struct lanes *lanes, struct lane_entry *entry);

/* Adds one behind all others of its key, queued, or waiting. 0 or -ENOMEM. */
int lanes_add_keyed(struct lanes *lanes, struct lane_entry *entry, uint64_t key, enum lane_state state);

/* Walks those of a key in order: from NULL. NULL: there is none, or no further one. */
struct lane_entry *lanes_next_of_key(const struct lanes *lanes, uint64_t key, const struct lane_entry *entry);

/* The one that has been ready for longest; NULL: none is. */
struct lane_entry *lanes_first(const struct lanes *lanes);

/* It is being sent. */
void lanes_start(struct lanes *lanes, struct lane_entry *entry);
/* That was in vain: it waits, and so do all behind it. */
void lanes_wait(struct lanes *lanes, struct lane_entry *entry);
/* It is to be sent again. Also one that flew, and need not wait. */
void lanes_return(struct lanes *lanes, struct lane_entry *entry);

/* It is settled: the next of its lane is ready, unless it waits. */
void lanes_remove(struct lanes *lanes, struct lane_entry *entry);

static inline unsigned lanes_count(const struct lanes *lanes)
{
    return lanes->queued_count + lanes->flying_count + lanes->waiting_count;
}

#endif
