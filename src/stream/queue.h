/*
 * queue: requests that wait for a worker behind HTTP, and workers that wait for requests: first come, first served.
 *
 * What arrives under a pattern and a group on any thread reaches whoever asks next, on whichever thread that is. So
 * queues are shared: they are found by pattern and group in one registry for all threads, under one lock. A queue
 * lives while somebody holds it open, and its requests with it. Every function may be called from any thread, but for
 * queues_create and queues_destroy.
 */
#ifndef STREAM_QUEUE_H
#define STREAM_QUEUE_H

#include "core/sink.h"

struct queue;
struct queues;

/* What one queue holds in bytes, however few its requests. */
#define QUEUE_SIZE_MAX ((size_t)64 << 20)

/* A request, in one block. Whoever has taken it frees it by queue_item_destroy. */
struct queue_item {
    struct queue_item *next;
    uint64_t expires_ms;              /* nobody waits for an answer from then on */
    struct slice topic, reply, head, payload;
    char bytes[];
};

/* One thread's end: how its waiters hear that they are served. Embedded in its owner, who fills in wake and arg. */
struct queue_desk {
    void (*wake)(void *arg);          /* from another thread; once, until queue_served returns NULL. Must not block */
    void *arg;
    struct queue_waiter *served;      /* got a request, and have not been told */
};

/* Somebody who waits for a request. Embedded in its owner. */
struct queue_waiter {
    struct queue *queue;
    struct queue_desk *desk;
    struct queue_item *item;          /* what it got */
    struct queue_waiter *next, **link; /* of those who wait, or who are served */
};

/* NULL: out of memory. */
struct queues *queues_create(void);

/* After the last queue is closed. Takes NULL. */
void queues_destroy(struct queues *queues);

/* The queue of that pattern and group, made where there is none. Copies the slices. NULL: out of memory. */
struct queue *queue_open(struct queues *queues, struct slice pattern, struct slice group);

/* The last to close it drops the requests in it. Nobody waits through whoever closes it. */
void queue_close(struct queue *queue);

/* How many requests it would take now, where it may hold count_max. */
unsigned queue_room(struct queue *queue, unsigned count_max);

/*
 * Puts a copy of a message that asks for an answer behind the others, or hands it to the first who waits. own (may be
 * NULL) is the desk of the thread that calls: it is not woken, but asks queue_served by itself. False where the queue
 * is full or memory has run out.
 */
bool queue_put(struct queue *queue, struct slice topic, const struct message *message, uint64_t expires_ms,
               unsigned count_max, const struct queue_desk *own);

/* The oldest request that has not expired. NULL: none; then it waits in line, where waiter is not NULL. */
struct queue_item *queue_take(struct queue *queue, uint64_t now_ms, struct queue_waiter *waiter,
                              struct queue_desk *desk);

/* The next waiter of this desk that has been served: it waits no longer, and its item is its owner's. NULL: none. */
struct queue_waiter *queue_served(struct queues *queues, struct queue_desk *desk);

/* Ends a wait. Returns what it was given a moment ago, which is the caller's; NULL: nothing. */
struct queue_item *queue_leave(struct queue_waiter *waiter);

/* Gives back what was taken and cannot be used, in front of all others. Takes the item. */
void queue_return(struct queue *queue, struct queue_item *item, const struct queue_desk *own);

/* Takes NULL. */
void queue_item_destroy(struct queue_item *item);

#endif
