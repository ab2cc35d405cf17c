/* What clients say of messages. */
#include <stdlib.h>

#include "consumer/state.h"

enum { WORDS_SIZE_MAX = 1024 };

void consumer_settle(struct consumer *consumer, struct pending_entry *entry, bool is_done)
{
    uint64_t sequence = entry->sequence;
    pending_remove(&consumer->pending, entry);
    consumer->is_dirty = true;
    if (is_done && consumer->ops->done_with)
        consumer->ops->done_with(consumer->arg, sequence);
}

/* True where the client speaks of the delivery that is the latest. */
static bool is_current(const struct consumer_ack *ack, const struct pending_entry *entry)
{
    return ack->delivery_count == 0 || ack->delivery_count >= entry->delivery_count;
}

static bool acknowledge_all(struct consumer *consumer, uint64_t sequence)
{
    struct pending_entry *entry;
    bool is_new = false;
    while ((entry = pending_oldest(&consumer->pending)) && entry->sequence <= sequence) {
        consumer_settle(consumer, entry, true);
        is_new = true;
    }
    return is_new;
}

/* Whoever acknowledges has done the work, whichever delivery it was. */
static bool acknowledge(struct consumer *consumer, const struct consumer_ack *ack, struct pending_entry *entry,
                        struct consumer_time time)
{
    (void)time;
    if (consumer->settings.ack_policy == CONSUMER_ACK_ALL)
        return ack->sequence <= consumer->position && acknowledge_all(consumer, ack->sequence);
    if (entry)
        consumer_settle(consumer, entry, true);
    return entry != NULL;
}

static bool refuse(struct consumer *consumer, const struct consumer_ack *ack, struct pending_entry *entry,
                   struct consumer_time time)
{
    if (!entry || entry->state != PENDING_OUT || !is_current(ack, entry))
        return false;
    if (ack->is_unbegun)
        pending_set_count(&consumer->pending, entry, entry->delivery_count - (entry->delivery_count > 0));
    if (consumer_is_exhausted(consumer, entry))
        pending_set_dead(&consumer->pending, entry);
    else if (ack->delay_ms)
        pending_set_out(&consumer->pending, entry, time.now_ms + ack->delay_ms);
    else
        pending_set_due(&consumer->pending, entry);
    return true;
}

/* Also where its time was over, and nobody else has got it yet. */
static bool progress(struct consumer *consumer, const struct consumer_ack *ack, struct pending_entry *entry,
                     struct consumer_time time)
{
    if (!entry || entry->state == PENDING_DEAD || !is_current(ack, entry))
        return false;
    pending_set_out(&consumer->pending, entry, time.now_ms + consumer_wait_ms(consumer, entry->delivery_count));
    return true;
}

static bool terminate(struct consumer *consumer, const struct consumer_ack *ack, struct pending_entry *entry,
                      struct consumer_time time)
{
    (void)time;
    if (!entry || entry->state == PENDING_DEAD)
        return false;
    size_t size = ack->words.size < WORDS_SIZE_MAX ? ack->words.size : WORDS_SIZE_MAX;
    entry->words = size ? strndup(ack->words.data, size) : NULL;
    entry->is_terminated = true;
    pending_set_dead(&consumer->pending, entry);
    return true;
}

bool consumer_acknowledge(struct consumer *consumer, const struct consumer_ack *ack, struct consumer_time time)
{
    static bool (*const kinds[])(struct consumer *consumer, const struct consumer_ack *ack,
                                 struct pending_entry *entry, struct consumer_time time) = {
        [CONSUMER_ACK] = acknowledge,
        [CONSUMER_NAK] = refuse,
        [CONSUMER_PROGRESS] = progress,
        [CONSUMER_TERM] = terminate,
    };
    consumer->used_ms = time.now_ms;
    struct pending_entry *entry = pending_find(&consumer->pending, ack->sequence);
    if (!kinds[ack->kind](consumer, ack, entry, time))
        return false;
    consumer->is_dirty = true;
    if (ack->kind == CONSUMER_ACK)
        consumer->acked_wall_ms = time.wall_ms;
    return true;
}

void consumer_visit_pending(const struct consumer *consumer, struct consumer_time time,
                            void (*visit)(void *arg, const struct consumer_pending *pending), void *arg)
{
    const struct pending_entry *entry = pending_oldest(&consumer->pending);
    for (; entry; entry = pending_after(&consumer->pending, entry)) {
        bool is_out = entry->state == PENDING_OUT && entry->deadline_ms > time.now_ms;
        const struct consumer_pending pending = {
            entry->sequence, entry->delivery_count, is_out ? entry->deadline_ms - time.now_ms : 0,
        };
        if (entry->state != PENDING_DEAD)
            visit(arg, &pending);
    }
}
