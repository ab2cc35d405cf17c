/*
 * subs: the subscriptions of a connection, found by the number (sid) that the server calls them by, and the queue of
 * each.
 */
#ifndef PH_SUBS_H
#define PH_SUBS_H

#include <stdint.h>

#include "message.h"

struct ph_sub {
    struct ph_conn *conn;
    char *pattern;          /* with the group behind it, one allocation */
    const char *group;      /* "": none */
    uintptr_t sid;
    ph_message_fn *on_message; /* NULL: pull */
    void *arg;

    /* how it stands */
    uint64_t max;           /* received at which it ends; 0: none */
    uint64_t received;      /* by the connection, dropped ones included */
    bool ended;             /* not in the table any more: nothing will come */
    bool draining;          /* unsubscribed; ends at the PONG behind it */
    bool full;              /* drops, and the event was told */
    bool doomed;            /* destroyed while it was held: freed when it is let go */
    unsigned hold_count;    /* calls that are at work on it and may run callbacks, which may destroy it */

    /* what waits in it */
    struct ph_stored *first, **last;
    size_t queue_length, queue_size;

    /* counters */
    uint64_t delivered, dropped;

    struct ph_sub *newer, *older; /* all that the user holds, in the order of making */
    struct ph_sub *next;          /* in its bucket */
};

struct ph_subs {
    struct ph_sub **buckets;
    size_t bucket_count;     /* a power of two, or 0 */
    size_t count;            /* in the table */
    struct ph_sub *oldest, *newest;
    uintptr_t sid_last;
};

/* A subscription with a new sid, in the table. NULL: no memory. */
struct ph_sub *ph_subs_add(struct ph_subs *subs, const char *pattern, const char *group);

/* NULL where none of that number is to be given messages. */
struct ph_sub *ph_subs_find(const struct ph_subs *subs, uintptr_t sid);

/* Takes it out of the table: it has ended. */
void ph_subs_end(struct ph_subs *subs, struct ph_sub *sub);

/* Takes it out of everything and frees it with its queue. */
void ph_subs_remove(struct ph_subs *subs, struct ph_sub *sub);

/* Removes all of them. */
void ph_subs_finish(struct ph_subs *subs);

/* The queue of a pull subscription. Push takes the message. */
void ph_sub_push(struct ph_sub *sub, struct ph_stored *stored);
struct ph_stored *ph_sub_pop(struct ph_sub *sub);
void ph_sub_discard(struct ph_sub *sub);

#endif
