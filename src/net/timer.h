/*
 * timer: moments at which something is to be looked at, in a heap. A timer is embedded in its owner, costs nothing
 * while it is not set, and is meant to be set seldom: owners that are busy let it fire and then see what is due.
 *
 * Times are milliseconds of the loop's monotonic clock. Belongs to one loop and its thread.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t due_ms;
    void (*fire)(struct timer *timer, uint64_t now_ms);
    size_t place; /* in the heap, from 1; 0: not set */
};

/* Zero is an empty heap. */
struct timers {
    struct timer **heap;
    size_t count, room;
};

/* Sets or moves a timer. 0 or -ENOMEM. */
int timer_set(struct timers *timers, struct timer *timer, uint64_t due_ms);

/* Unsets it; nothing happens where it is not set. */
void timer_clear(struct timers *timers, struct timer *timer);

/* When the first is due; UINT64_MAX: none is set. */
uint64_t timers_next_ms(const struct timers *timers);

/* Unsets and fires what is due, earliest first. What fires may set and clear any timer. */
void timers_run(struct timers *timers, uint64_t now_ms);

/* Frees the heap; the timers are their owners'. */
void timers_finish(struct timers *timers);

#endif
