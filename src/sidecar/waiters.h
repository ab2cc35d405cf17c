/*
 * waiters: those who wait for what the broker says to a message of the spool, by its sequence.
 */
#ifndef SIDECAR_WAITERS_H
#define SIDECAR_WAITERS_H

#include "broker/broker.h"

struct waiters {
    struct outlet_waiter *first, **last;
};

void waiters_init(struct waiters *waiters);

/* Borrows the waiter until it is told, or removed. */
void waiters_add(struct waiters *waiters, struct outlet_waiter *waiter, uint64_t sequence);

/* Nothing happens where it does not wait. */
void waiters_remove(struct waiters *waiters, struct outlet_waiter *waiter);

/* Tells those whose sequence is above after, and last at most: they wait no more. Empty: it has been given up. */
void waiters_tell(struct waiters *waiters, uint64_t after, uint64_t last, struct slice answer);

#endif
