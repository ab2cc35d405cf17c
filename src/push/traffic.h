/*
 * traffic: how many requests are under way, and whether one more may begin. Those that have just begun are young, and
 * there are only so many of them: receivers that answer at once are then served by few connections, again and again,
 * which the processor's caches hold; those that take their time grow old, and hold up nobody but by their number.
 *
 * Belongs to its world's thread.
 */
#ifndef PUSH_TRAFFIC_H
#define PUSH_TRAFFIC_H

#include "net/timer.h"
#include "util/list.h"

struct loop;

enum { TRAFFIC_YOUNG_MAX = 64, TRAFFIC_YOUNG_MS = 5 };

struct traffic {
    struct loop *loop;
    unsigned max;                    /* under way at once; may change at any time */
    unsigned count;
    uint64_t begun;                  /* ever */
    struct list young;               /* in the order in which they began */
    unsigned young_count;
    struct timer timer;              /* brings about a turn when the first of them grows old, while that is awaited */
};

/* Of one request. Embedded in its owner. */
struct traffic_part {
    struct list place;               /* among the young */
    uint64_t began_ms;
};

/* Borrows the loop. */
void traffic_init(struct traffic *traffic, struct loop *loop, unsigned max);
/* Without requests. */
void traffic_finish(struct traffic *traffic);

void traffic_begin(struct traffic *traffic, struct traffic_part *part);
void traffic_end(struct traffic *traffic, struct traffic_part *part);

/* How many may begin now. Where that is none for a while, there is a turn when it may be some. */
unsigned traffic_room(struct traffic *traffic);

#endif
