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
