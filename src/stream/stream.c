#include "stream/stream.h"

#include <pthread.h>
#include <stdlib.h>

#include "stream/duplicates.h"
#include "stream/topics.h"
#include "util/random.h"
#include "wire/headers.h"

struct stream {
    pthread_mutex_t lock;         /* of all that follows, but last_sequence for reading */
    struct stream_limits limits;
    struct memory memory;
    struct duplicates duplicates;
    struct topics topics;         /* only where messages of a topic are bounded */
    uint64_t epoch;
    uint64_t first_sequence;      /* of the oldest kept; last_sequence + 1 where there is none */
    uint32_t first_at;            /* its place in the oldest block; what is before it there is gone */
    atomic_uint_fast64_t last_sequence;
    uint64_t lost_sequence;       /* the last that made room for newer ones; superseded messages are not lost */
    uint64_t first_time_ms, last_time_ms; /* of the oldest and the newest kept, where there is one */
    uint64_t message_count, byte_count, duplicate_count;
    struct stream_watch *watches;
    char name[];
};

struct stream *stream_create(const char *name, const struct stream_limits *limits)
{
    struct stream *stream = calloc(1, sizeof *stream + strlen(name) + 1);
    if (!stream)
        return NULL;
    strcpy(stream->name, name);
    stream->limits = *limits;
    stream->first_sequence = 1;
    while (!stream->epoch)
        random_bytes(&stream->epoch, sizeof stream->epoch);
    pthread_mutex_init(&stream->lock, NULL);
    return stream;
}

void stream_destroy(struct stream *stream)
{
    if (!stream)
        return;
    memory_finish(&stream->memory);
    duplicates_finish(&stream->duplicates);
    topics_finish(&stream->topics);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

const char *stream_name(const struct stream *stream)
{
    return stream->name;
}

uint64_t stream_epoch(const struct stream *stream)
{
    return stream->epoch;
}

uint64_t stream_last(const struct stream *stream)
{
    return atomic_load_explicit(&stream->last_sequence, memory_order_acquire);
}

static uint64_t last_of(const struct stream *stream)
{
    return atomic_load_explicit(&stream->last_sequence, memory_order_relaxed);
}

/* Forgetting. What is forgotten is not marked: whoever holds its block still reads it. */

/* The record is kept no more. */
static void discount(struct stream *stream, struct memory_block *block, const struct memory_record *record)
{
    block->live_count--;
    stream->message_count--;
    stream->byte_count -= record->size;
}

/* What is oldest now: the first live record from first_at on. Blocks before it go. */
static void find_first(struct stream *stream)
{
    struct memory_block *block;
    while ((block = memory_block_at(&stream->memory, 0))) {
        stream->first_at = memory_next_live(block, stream->first_at);
        if (stream->first_at < block->used) {
            const struct memory_record *record = memory_record_at(block, stream->first_at);
            stream->first_sequence = record->sequence;
            stream->first_time_ms = record->time_ms;
            return;
        }
        memory_drop_block(&stream->memory, block);
        stream->first_at = 0; /* of the next block, also where it is still to come */
    }
    stream->first_sequence = last_of(stream) + 1;
}

static void forget_first(struct stream *stream)
{
    struct memory_block *block = memory_block_at(&stream->memory, 0);
    const struct memory_record *record = memory_record_at(block, stream->first_at);
    if (stream->limits.messages_per_topic_max)
        topics_drop(&stream->topics, slice_make(memory_record_topic(record), record->topic_size), record->sequence);
    discount(stream, block, record);
    stream->lost_sequence = record->sequence;
    stream->first_at += record->size;
    find_first(stream);
}

/* All of the oldest block at once. Record by record only where topics have to be told, or some are gone already: what
 * was written so long ago is in no cache, and to look at it would cost as much as to write it. */
static void forget_block(struct stream *stream)
{
    struct memory_block *block = memory_block_at(&stream->memory, 0);
    if (stream->limits.messages_per_topic_max || block->live_count < block->record_count) {
        while (memory_block_at(&stream->memory, 0) == block)
            forget_first(stream);
        return;
    }
    stream->message_count -= block->record_count;
    stream->byte_count -= block->used;
    stream->lost_sequence = block->last_sequence;
    memory_drop_block(&stream->memory, block);
    find_first(stream);
}

static bool is_too_old(const struct stream *stream, uint64_t now_ms)
{
    uint64_t age_max_ms = stream->limits.age_max_ms;
    return age_max_ms && now_ms > age_max_ms && stream->first_time_ms < now_ms - age_max_ms;
}

static void trim_age(struct stream *stream, uint64_t now_ms)
{
    while (stream->message_count && is_too_old(stream, now_ms))
        forget_first(stream);
}

static void trim(struct stream *stream, uint64_t now_ms)
{
    const struct stream_limits *limits = &stream->limits;
    while (stream->memory.block_bytes > limits->bytes_max && stream->memory.count > 1)
        forget_block(stream);
    while (limits->messages_max && stream->message_count > limits->messages_max)
        forget_first(stream);
    trim_age(stream, now_ms);
}

/* Other bounds. */

static void count_topics_anew(struct stream *stream)
{
    topics_finish(&stream->topics);
    for (size_t i = 0; stream->limits.messages_per_topic_max && i < stream->memory.count; i++) {
        const struct memory_block *block = memory_block_at(&stream->memory, i);
        uint32_t at = memory_next_live(block, i ? 0 : stream->first_at);
        while (at < block->used) {
            const struct memory_record *record = memory_record_at(block, at);
            topics_add(&stream->topics, slice_make(memory_record_topic(record), record->topic_size), record->sequence);
            at = memory_next_live(block, at + record->size);
        }
    }
}

void stream_set_limits(struct stream *stream, const struct stream_limits *limits)
{
    pthread_mutex_lock(&stream->lock);
    bool had_topics = stream->limits.messages_per_topic_max;
    stream->limits = *limits;
    if (had_topics != (limits->messages_per_topic_max != 0))
        count_topics_anew(stream);
    pthread_mutex_unlock(&stream->lock);
}

/* Appending. */

/* Its block goes with the last record kept in it, or rare topics among frequent ones would fill the stream with what is
 * superseded. */
static void supersede(struct stream *stream, uint64_t sequence)
{
    struct memory_block *block;
    struct memory_record *record = memory_find(&stream->memory, sequence, &block);
    atomic_store_explicit(&record->is_superseded, true, memory_order_relaxed);
    discount(stream, block, record);
    if (sequence == stream->first_sequence)
        find_first(stream);
    else if (!block->live_count)
        memory_drop_block(&stream->memory, block);
}

/* Where the topic has too many, its oldest are superseded. */
static void bound_topic(struct stream *stream, struct slice topic, uint64_t sequence)
{
    uint64_t oldest;
    topics_add(&stream->topics, topic, sequence); /* without memory for it, it goes by the other bounds */
    while ((oldest = topics_excess(&stream->topics, topic, stream->limits.messages_per_topic_max))) {
        topics_drop(&stream->topics, topic, oldest);
        supersede(stream, oldest);
    }
}

static bool has_id(const struct stream *stream, const struct message *message, struct slice *ret_id)
{
    return message->head_size && stream->limits.duplicate_window_ms && stream->limits.duplicate_ids_max &&
           headers_find(slice_make(message->body, message->head_size), "Nats-Msg-Id", ret_id) && ret_id->size;
}

/* Keeps one message. Returns its sequence; 0: out of memory. */
static uint64_t keep(struct stream *stream, struct slice topic, const struct message *message, uint64_t now_ms)
{
    uint64_t sequence = last_of(stream) + 1;
    struct memory_record *record = memory_append(&stream->memory, sequence, now_ms, topic, message);
    if (!record)
        return 0;
    if (!stream->message_count) {
        stream->first_sequence = sequence;
        stream->first_time_ms = now_ms;
    }
    stream->last_time_ms = now_ms;
    stream->message_count++;
    stream->byte_count += record->size;
    atomic_store_explicit(&stream->last_sequence, sequence, memory_order_release);
    if (stream->limits.messages_per_topic_max)
        bound_topic(stream, topic, sequence);
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
    pthread_mutex_lock(&stream->lock);
    for (unsigned i = 0; i < batch->count; i++) {
        struct receipt receipt = append_one(stream, batch->topic, &batch->messages[i], now_ms);
        kept += receipt.sequence && !receipt.duplicate;
        if (batch->receipts)
            batch->receipts[i] = receipt;
    }
    trim(stream, now_ms);
    if (kept)
        wake(stream, own);
    pthread_mutex_unlock(&stream->lock);
    return kept;
}

/* Watching. */

void stream_watch(struct stream *stream, struct stream_watch *watch)
{
    pthread_mutex_lock(&stream->lock);
    atomic_store(&watch->advanced, false);
    watch->next = stream->watches;
    stream->watches = watch;
    pthread_mutex_unlock(&stream->lock);
}

void stream_unwatch(struct stream *stream, struct stream_watch *watch)
{
    pthread_mutex_lock(&stream->lock);
    struct stream_watch **link = &stream->watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    pthread_mutex_unlock(&stream->lock);
}

bool stream_watch_take(struct stream_watch *watch)
{
    return atomic_load_explicit(&watch->advanced, memory_order_relaxed) &&
           atomic_exchange_explicit(&watch->advanced, false, memory_order_acq_rel);
}

/* Reading. */

/* Says what of the messages behind `after` is gone. */
static void tell_gap(const struct stream *stream, uint64_t after, struct stream_run *run)
{
    if (after >= stream->lost_sequence)
        return;
    run->gap_first = after + 1;
    run->gap_last = stream->lost_sequence;
}

bool stream_read(struct stream *stream, uint64_t after, uint64_t now_ms, struct stream_run *ret_run)
{
    struct stream_run run = { .block = NULL };
    pthread_mutex_lock(&stream->lock);
    trim_age(stream, now_ms);
    tell_gap(stream, after, &run);
    uint64_t from = after + 1 > stream->first_sequence ? after + 1 : stream->first_sequence;
    struct memory_block *block;
    struct memory_record *record = after < last_of(stream) ? memory_find_live(&stream->memory, from, &block) : NULL;
    if (record) {
        run.block = memory_block_hold(block);
        run.at = (uint32_t)((char *)record - block->bytes);
        run.end = block->used;
        run.last_sequence = block->last_sequence;
    }
    pthread_mutex_unlock(&stream->lock);
    *ret_run = run;
    return record != NULL;
}

bool stream_run_next(struct stream_run *run, struct stream_message *ret_message)
{
    while (run->at < run->end) {
        const struct memory_record *record = memory_record_at(run->block, run->at);
        run->at += record->size;
        if (memory_is_superseded(record))
            continue;
        const char *topic = memory_record_topic(record), *body = topic + record->topic_size;
        *ret_message = (struct stream_message){
            .sequence = record->sequence,
            .time_ms = record->time_ms,
            .topic = slice_make(topic, record->topic_size),
            .head = slice_make(body, record->head_size),
            .payload = slice_make(body + record->head_size, record->body_size - record->head_size),
        };
        return true;
    }
    return false;
}

void stream_release(struct stream_run *run)
{
    memory_block_release(run->block);
    run->block = NULL;
}

/* Times ascend as sequences do, as far as the clock has not been set back. */
uint64_t stream_sequence_before(struct stream *stream, uint64_t time_ms)
{
    pthread_mutex_lock(&stream->lock);
    uint64_t low = stream->first_sequence, high = last_of(stream) + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct memory_record *record = memory_find(&stream->memory, middle, NULL);
        if (record && record->time_ms < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    pthread_mutex_unlock(&stream->lock);
    return low - 1;
}

void stream_get_state(struct stream *stream, struct stream_state *ret_state)
{
    pthread_mutex_lock(&stream->lock);
    *ret_state = (struct stream_state){
        .epoch = stream->epoch,
        .first_sequence = stream->first_sequence,
        .last_sequence = last_of(stream),
        .lost_sequence = stream->lost_sequence,
        .message_count = stream->message_count,
        .byte_count = stream->byte_count,
        .duplicate_count = stream->duplicate_count,
        .first_time_ms = stream->message_count ? stream->first_time_ms : 0,
        .last_time_ms = stream->message_count ? stream->last_time_ms : 0,
    };
    pthread_mutex_unlock(&stream->lock);
}
