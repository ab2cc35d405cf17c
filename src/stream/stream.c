#include "stream/stream.h"

#include <stdlib.h>

#include "stream/state.h"
#include "util/random.h"

struct stream *stream_create(const char *name, const struct stream_limits *limits)
{
    struct stream *stream = calloc(1, sizeof *stream + strlen(name) + 1);
    struct log *log = stream ? log_create_memory() : NULL;
    if (!log) {
        free(stream);
        return NULL;
    }
    strcpy(stream->name, name);
    stream->log = log;
    atomic_init(&stream->reference_count, 1);
    while (!stream->epoch)
        random_bytes(&stream->epoch, sizeof stream->epoch);
    pthread_mutex_init(&stream->lock, NULL);
    stream->limits = *limits;
    stream_count_topics(stream);
    return stream;
}

struct stream *stream_ref(struct stream *stream)
{
    atomic_fetch_add_explicit(&stream->reference_count, 1, memory_order_relaxed);
    return stream;
}

void stream_destroy(struct stream *stream)
{
    if (!stream || atomic_fetch_sub_explicit(&stream->reference_count, 1, memory_order_acq_rel) != 1)
        return;
    log_close(stream->log);
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

uint64_t stream_arrivals(const struct stream *stream)
{
    return atomic_load_explicit(&stream->arrivals, memory_order_acquire);
}

enum log_found stream_find(struct stream *stream, uint64_t sequence, struct log_place *ret_place)
{
    return log_find(stream->log, sequence, ret_place);
}

void stream_set_limits(struct stream *stream, const struct stream_limits *limits)
{
    stream_lock(stream);
    bool had_topics = stream->limits.messages_per_topic_max;
    stream->limits = *limits;
    if (had_topics != (limits->messages_per_topic_max != 0))
        stream_count_topics(stream);
    stream_unlock(stream);
}

void stream_get_state(struct stream *stream, struct stream_state *ret_state)
{
    struct log_state log;
    stream_lock(stream);
    log_get_state(stream->log, &log);
    *ret_state = (struct stream_state){
        .epoch = stream->epoch,
        .first_sequence = log.live_count ? log_first(stream->log) : stream->appended_sequence + 1,
        .last_sequence = stream_shown(stream),
        .lost_sequence = stream->lost_sequence,
        .message_count = log.live_count,
        .byte_count = log.byte_count,
        .duplicate_count = stream->duplicate_count,
        .topic_count = stream->topics.count,
        .first_time_ms = log.live_count ? stream_first_time(stream) : 0,
        .last_time_ms = log.live_count ? stream->last_time_ms : 0,
    };
    stream_unlock(stream);
}
