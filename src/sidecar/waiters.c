#include "sidecar/waiters.h"

#include "util/list.h"

void waiters_init(struct waiters *waiters)
{
    *waiters = (struct waiters){ .last = &waiters->first };
}

/* Most come behind all others; of a duplicate, which waits for the first of it, he may not. */
void waiters_add(struct waiters *waiters, struct outlet_waiter *waiter, uint64_t sequence)
{
    struct outlet_waiter **link = waiters->last;
    if (waiters->first && sequence < LIST_OWNER(link, struct outlet_waiter, next)->sequence)
        for (link = &waiters->first; (*link)->sequence <= sequence;)
            link = &(*link)->next;
    waiter->sequence = sequence;
    waiter->next = *link;
    waiter->link = link;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    else
        waiters->last = &waiter->next;
    *link = waiter;
}

void waiters_remove(struct waiters *waiters, struct outlet_waiter *waiter)
{
    if (!waiter->link)
        return;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        waiters->last = waiter->link;
    waiter->link = NULL;
}

void waiters_tell(struct waiters *waiters, uint64_t after, uint64_t last, struct slice answer)
{
    struct outlet_waiter *waiter = waiters->first, *next;
    for (; waiter && waiter->sequence <= last; waiter = next) {
        next = waiter->next;
        if (waiter->sequence <= after)
            continue;
        waiters_remove(waiters, waiter);
        waiter->told(waiter, answer);
    }
}
