/* What is appended, and who is told. */
#include "stream/state.h"
#include "wire/headers.h"

static bool has_id(const struct stream *stream, const struct message *message, struct slice *ret_id)
{
    return message->head_size && stream->limits.duplicate_window_ms && stream->limits.duplicate_ids_max &&
           headers_find(slice_make(message->body, message->head_size), "Nats-Msg-Id", ret_id) && ret_id->size;
}

/* Keeps one message. Returns its sequence; 0: out of memory. */
static uint64_t keep(struct stream *stream, struct slice topic, const struct message *message, uint64_t now_ms)
{
    uint64_t sequence = stream->appended_sequence + 1;
    struct topic_entry *entry = NULL;
    if (stream->has_topics && !(entry = topics_add(&stream->topics, topic, sequence)))
        return 0;
    if (!log_append(stream->log, sequence, now_ms, topic, message)) {
        if (entry)
            topics_drop(&stream->topics, entry, sequence);
        return 0;
    }
    stream->appended_sequence = sequence;
    stream->last_time_ms = now_ms;
    atomic_store_explicit(&stream->last_sequence, sequence, memory_order_release);
    if (entry && stream->limits.messages_per_topic_max)
        stream_bound_topic(stream, entry);
    return sequence;
}

static struct receipt append_one(struct stream *stream, struct slice topic, const struct message *message,
                                 uint64_t now_ms)
{
    struct receipt receipt = { .stream = stream->name, .epoch = stream->epoch };
    struct slice id;
    bool identified = has_id(stream, message, &id);
    if (identified) {
        duplicates_expire(&stream->duplicates, now_ms, stream->limits.duplicate_window_ms);
        receipt.sequence = duplicates_find(&stream->duplicates, id);
        receipt.duplicate = receipt.sequence != 0;
        stream->duplicate_count += receipt.duplicate;
    }
    if (!receipt.duplicate)
        receipt.sequence = keep(stream, topic, message, now_ms);
    if (!receipt.sequence)
        receipt.verdict = RECEIPT_NO_MEMORY;
    if (identified && !receipt.duplicate && receipt.sequence)
        duplicates_add(&stream->duplicates, id, receipt.sequence, now_ms,
                       stream->limits.duplicate_ids_max); /* without memory for it, it may be kept twice */
    return receipt;
}

static void wake(struct stream *stream, const struct stream_watch *own)
{
    for (struct stream_watch *watch = stream->watches; watch; watch = watch->next)
        if (!atomic_exchange_explicit(&watch->advanced, true, memory_order_acq_rel) && watch != own)
            watch->wake(watch->arg);
}

unsigned stream_append(struct stream *stream, const struct batch *batch, uint64_t now_ms, struct stream_watch *own)
{
    unsigned kept = 0;
    stream_lock(stream);
    for (unsigned i = 0; i < batch->count; i++) {
        struct receipt receipt = append_one(stream, batch->topic, &batch->messages[i], now_ms);
        kept += receipt.sequence && !receipt.duplicate;
        if (batch->receipts)
            batch->receipts[i] = receipt;
    }
    stream_trim(stream, now_ms);
    if (kept)
        wake(stream, own);
    stream_unlock(stream);
    return kept;
}

/* Watching. */

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
