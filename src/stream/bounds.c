/* What bounds a stream: the oldest messages make room for the newest. What has gone is still read by whoever holds its
 * block. */
#include "stream/state.h"

uint64_t stream_first_time(struct stream *stream)
{
    uint64_t first = log_first(stream->log);
    struct log_place place;
    if (!first)
        return 0;
    if (first == stream->first_time_sequence)
        return stream->first_time_ms;
    if (stream_find(stream, first, &place) != LOG_FOUND)
        return 0;
    stream->first_time_sequence = first;
    stream->first_time_ms = block_record(place.block, place.at)->time_ms;
    return stream->first_time_ms;
}

/* Of a message that goes. False where the record would have to be looked at, and is away. */
static bool forget_topic(struct stream *stream, uint64_t sequence)
{
    struct log_place place;
    if (!stream->has_topics)
        return true;
    if (stream_find(stream, sequence, &place) != LOG_FOUND)
        return false;
    struct topic_entry *entry = topics_find(&stream->topics, record_name(block_record(place.block, place.at)));
    if (entry)
        topics_drop(&stream->topics, entry, sequence);
    return true;
}

/* False: it is away, and goes when it has come. */
static bool forget_first(struct stream *stream)
{
    uint64_t first = log_first(stream->log);
    if (!forget_topic(stream, first))
        return false;
    log_kill_before(stream->log, first + 1);
    stream->lost_sequence = first;
    return true;
}

/* All of the oldest span at once. Record by record only where topics have to be told, or some are gone already: what was
 * written so long ago is in no cache, and to look at it would cost as much as to write it. */
static bool forget_span(struct stream *stream, const struct log_span_facts *span)
{
    if (!stream->has_topics && span->live_count == span->last_sequence - span->first_sequence + 1) {
        log_kill_before(stream->log, span->last_sequence + 1);
        stream->lost_sequence = span->last_sequence;
        return true;
    }
    for (uint64_t first; (first = log_first(stream->log)) && first <= span->last_sequence;)
        if (!forget_first(stream))
            return false;
    return true;
}

/* In memory the blocks count, and the last of them stays. */
static void trim_room(struct stream *stream)
{
    struct log_state state;
    struct log_span_facts span;
    for (;;) {
        log_get_state(stream->log, &state);
        if (state.room_count <= stream->limits.bytes_max || !log_first_span(stream->log, &span) ||
            span.last_sequence >= stream->appended_sequence || !forget_span(stream, &span))
            return;
    }
}

static void trim_messages(struct stream *stream)
{
    struct log_state state;
    log_get_state(stream->log, &state);
    for (uint64_t count = state.live_count; count > stream->limits.messages_max; count--)
        if (!forget_first(stream))
            return;
}

static bool is_too_old(struct stream *stream, uint64_t now_ms)
{
    uint64_t first_ms = stream_first_time(stream);
    return first_ms && first_ms < now_ms - stream->limits.age_max_ms;
}

void stream_trim_age(struct stream *stream, uint64_t now_ms)
{
    uint64_t age_max_ms = stream->limits.age_max_ms;
    while (age_max_ms && now_ms > age_max_ms && is_too_old(stream, now_ms))
        if (!forget_first(stream))
            return;
}

void stream_trim(struct stream *stream, uint64_t now_ms)
{
    trim_room(stream);
    if (stream->limits.messages_max)
        trim_messages(stream);
    stream_trim_age(stream, now_ms);
}

void stream_bound_topic(struct stream *stream, struct topic_entry *entry)
{
    uint64_t max = stream->limits.messages_per_topic_max;
    while (entry->count > max) {
        uint64_t oldest = topics_at(entry, 0);
        topics_drop(&stream->topics, entry, oldest);
        log_kill(stream->log, oldest);
    }
}

/* Other bounds. */

void stream_count_topics(struct stream *stream)
{
    struct log_place place;
    topics_finish(&stream->topics);
    stream->has_topics = stream->limits.messages_per_topic_max != 0;
    stream->topics.keeps_sequences = true;
    for (uint64_t next = 1; stream->has_topics && stream_find(stream, next, &place) == LOG_FOUND;) {
        const struct record *record = block_record(place.block, place.at);
        topics_add(&stream->topics, record_name(record), record->sequence);
        next = record->sequence + 1;
    }
}
