#include "net/timer.h"

#include <errno.h>
#include <stdlib.h>

/* heap[place - 1] is the timer that says place; a parent is due no later than its children. */
static void put(struct timers *timers, struct timer *timer, size_t place)
{
    timers->heap[place - 1] = timer;
    timer->place = place;
}

static void sift_up(struct timers *timers, struct timer *timer, size_t place)
{
    for (; place > 1 && timers->heap[place / 2 - 1]->due_ms > timer->due_ms; place /= 2)
        put(timers, timers->heap[place / 2 - 1], place);
    put(timers, timer, place);
}

static void sift_down(struct timers *timers, struct timer *timer, size_t place)
{
    for (size_t child; (child = place * 2) <= timers->count; place = child) {
        if (child < timers->count && timers->heap[child]->due_ms < timers->heap[child - 1]->due_ms)
            child++;
        if (timers->heap[child - 1]->due_ms >= timer->due_ms)
            break;
        put(timers, timers->heap[child - 1], place);
    }
    put(timers, timer, place);
}

static void settle(struct timers *timers, struct timer *timer, size_t place)
{
    if (place > 1 && timers->heap[place / 2 - 1]->due_ms > timer->due_ms)
        sift_up(timers, timer, place);
    else
        sift_down(timers, timer, place);
}

int timer_set(struct timers *timers, struct timer *timer, uint64_t due_ms)
{
    if (!timer->place && timers->count == timers->room) {
        size_t room = timers->room ? timers->room * 2 : 64;
        struct timer **heap = realloc(timers->heap, room * sizeof(struct timer *));
        if (!heap)
            return -ENOMEM;
        timers->heap = heap;
        timers->room = room;
    }
    timer->due_ms = due_ms;
    settle(timers, timer, timer->place ? timer->place : ++timers->count);
    return 0;
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    if (!place)
        return;
    timer->place = 0;
    struct timer *last = timers->heap[--timers->count];
    if (last != timer)
        settle(timers, last, place);
}

uint64_t timers_next_ms(const struct timers *timers)
{
    return timers->count ? timers->heap[0]->due_ms : UINT64_MAX;
}

void timers_run(struct timers *timers, uint64_t now_ms)
{
    while (timers->count && timers->heap[0]->due_ms <= now_ms) {
        struct timer *timer = timers->heap[0];
        timer_clear(timers, timer);
        timer->fire(timer, now_ms);
    }
}

void timers_finish(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){ 0 };
}
