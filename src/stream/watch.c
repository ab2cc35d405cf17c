#include "stream/state.h"

void stream_watch(struct stream *stream, struct stream_watch *watch)
{
    stream_lock(stream);
    atomic_store(&watch->advanced, false);
    watch->next = stream->watches;
    stream->watches = watch;
    stream_unlock(stream);
}

void stream_unwatch(struct stream *stream, struct stream_watch *watch)
{
    stream_lock(stream);
    struct stream_watch **link = &stream->watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    stream_unlock(stream);
}

bool stream_watch_take(struct stream_watch *watch)
{
    return atomic_load_explicit(&watch->advanced, memory_order_relaxed) &&
           atomic_exchange_explicit(&watch->advanced, false, memory_order_acq_rel);
}

void stream_wake(struct stream *stream, const struct stream_watch *own)
{
    for (struct stream_watch *watch = stream->watches; watch; watch = watch->next)
        if (!atomic_exchange_explicit(&watch->advanced, true, memory_order_acq_rel) && watch != own)
            watch->wake(watch->arg);
}

/* Holds: whoever needs messages. The lock is held. */
static void find_lowest(struct stream *stream)
{
    uint64_t lowest = UINT64_MAX, before = atomic_load_explicit(&stream->held, memory_order_relaxed);
    for (const struct stream_hold *hold = stream->holds; hold; hold = hold->next)
        if (hold->floor < lowest)
            lowest = hold->floor;
    atomic_store_explicit(&stream->held, lowest, memory_order_release);
    if (lowest > before)
        stream_wake(stream, NULL);
}

void stream_hold(struct stream *stream, struct stream_hold *hold)
{
    stream_lock(stream);
    hold->next = stream->holds;
    stream->holds = hold;
    find_lowest(stream);
    stream_unlock(stream);
}

void stream_move_hold(struct stream *stream, struct stream_hold *hold, uint64_t floor)
{
    stream_lock(stream);
    hold->floor = floor;
    find_lowest(stream);
    stream_unlock(stream);
}

void stream_let_go(struct stream *stream, struct stream_hold *hold)
{
    stream_lock(stream);
    struct stream_hold **link = &stream->holds;
    while (*link != hold)
        link = &(*link)->next;
    *link = hold->next;
    find_lowest(stream);
    stream_unlock(stream);
}

uint64_t stream_held(const struct stream *stream)
{
    return atomic_load_explicit(&stream->held, memory_order_acquire);
}
