/*
 * What bounds a stream: the oldest messages make room for the newest. In files they do so when the newer ones have been
 * committed. What has gone is still read by whoever holds its block.
 */
#include <stdlib.h>

#include "stream/state.h"
#include "util/clock.h"

enum { AGE_STEP_MIN_MS = 250, AGE_STEP_MAX_MS = 60000 }; /* how soon and how late age is looked at again */

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

/* False: it would have to be looked at, is away, and goes when it has come. */
static bool forget_first(struct stream *stream)
{
    uint64_t first = log_first(stream->log);
    struct log_place place;
    if (stream->has_topics) {
        if (stream_find(stream, first, &place) != LOG_FOUND)
            return false;
        stream_forget_topic(stream, block_record(place.block, place.at));
    }
    log_kill_before(stream->log, first + 1);
    stream->lost_sequence = first;
    return true;
}

/* All of the oldest span at once. Record by record only where topics have to be told, or some are gone already: what
 * was written so long ago is in no cache, and to look at it would cost as much as to write it. */
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

/* Of a stream without settings the blocks count, and the last of them stays. */
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

/* The newest stays, however large it is. */
static void trim_bytes(struct stream *stream)
{
    uint64_t bytes_max = stream->limits.bytes_max + stream->appended_bytes - stream->shown_bytes;
    struct log_state state;
    for (log_get_state(stream->log, &state); state.byte_count > bytes_max; log_get_state(stream->log, &state))
        if (log_first(stream->log) >= stream_shown(stream) || !forget_first(stream))
            return;
}

static void trim_messages(struct stream *stream)
{
    for (uint64_t count = stream_count_shown(stream); count > stream->limits.messages_max; count--)
        if (!forget_first(stream))
            return;
}

/* What is away is known by its span alone, which may say that it is old already. */
static bool is_too_old(struct stream *stream, uint64_t before_ms)
{
    uint64_t first = log_first(stream->log);
    if (!first || first > stream_shown(stream))
        return false;
    uint64_t first_ms = stream_first_time(stream);
    return first_ms ? first_ms < before_ms : log_sequence_before_time(stream->log, before_ms) > first;
}

void stream_trim_age(struct stream *stream, uint64_t now_ms)
{
    uint64_t age_max_ms = stream->limits.age_max_ms;
    while (age_max_ms && now_ms > age_max_ms && is_too_old(stream, now_ms - age_max_ms))
        if (!forget_first(stream))
            return;
}

static bool has_clock(const struct stream *stream)
{
    return stream->limits.age_max_ms && stream->engine;
}

void stream_refresh(struct stream *stream)
{
    if (has_clock(stream))
        stream_trim_age(stream, engine_wall_ms(stream->engine));
}

bool stream_is_expired(const struct stream *stream, const struct record *record)
{
    return has_clock(stream) && record->time_ms + stream->limits.age_max_ms < engine_wall_ms(stream->engine);
}

uint64_t stream_age_due(struct stream *stream, uint64_t now_ms)
{
    uint64_t first = log_first(stream->log);
    if (!has_clock(stream) || !first || first > stream_shown(stream))
        return 0;
    uint64_t first_ms = stream_first_time(stream), wall_ms = engine_wall_ms(stream->engine);
    uint64_t end_ms = first_ms + stream->limits.age_max_ms + 1, left_ms = end_ms > wall_ms ? end_ms - wall_ms : 0;
    if (!first_ms || left_ms > AGE_STEP_MAX_MS)
        left_ms = AGE_STEP_MAX_MS; /* it is away, or the clock may be set meanwhile */
    return now_ms + (left_ms > AGE_STEP_MIN_MS ? left_ms : AGE_STEP_MIN_MS);
}

void stream_await_age(struct stream *stream)
{
    if (!has_clock(stream) || stream->awaits_age)
        return;
    stream->awaits_age = true;
    engine_commit_at(stream->engine, stream, stream_age_due(stream, clock_monotonic_ms()));
}

void stream_trim(struct stream *stream, uint64_t now_ms)
{
    if (!stream->has_settings)
        trim_room(stream);
    else if (stream->limits.bytes_max)
        trim_bytes(stream);
    if (stream->limits.messages_max)
        trim_messages(stream);
    stream_trim_age(stream, now_ms);
}

/* Messages of a topic. */

bool stream_reserve_excess(struct stream *stream)
{
    if (stream->excess_count < stream->excess_room)
        return true;
    size_t room = stream->excess_room ? 2 * stream->excess_room : 16;
    struct topic_entry **excess = malloc(room * sizeof *excess);
    if (!excess)
        return false;
    if (stream->excess_count)
        memcpy(excess, stream->excess, stream->excess_count * sizeof *excess);
    free(stream->excess);
    stream->excess = excess;
    stream->excess_room = room;
    return true;
}

static void supersede(struct stream *stream, struct topic_entry *entry)
{
    uint64_t max = stream->limits.messages_per_topic_max, shown = stream_shown(stream), behind;
    while (max && (behind = topics_at(entry, max)) && behind <= shown) {
        uint64_t oldest = topics_at(entry, 0);
        topics_drop(&stream->topics, entry, oldest);
        log_kill(stream->log, oldest);
    }
}

static bool is_excessive(const struct stream *stream, const struct topic_entry *entry)
{
    uint64_t max = stream->limits.messages_per_topic_max;
    return max && entry->count > max;
}

void stream_bound_topic(struct stream *stream, struct topic_entry *entry)
{
    supersede(stream, entry);
    if (entry->is_marked || !is_excessive(stream, entry) || !stream_reserve_excess(stream))
        return;
    entry->is_marked = true;
    stream->excess[stream->excess_count++] = entry;
}

void stream_bound_excess(struct stream *stream)
{
    size_t left = 0;
    for (size_t i = 0; i < stream->excess_count; i++) {
        struct topic_entry *entry = stream->excess[i];
        supersede(stream, entry);
        if (is_excessive(stream, entry))
            stream->excess[left++] = entry;
        else
            topics_unmark(&stream->topics, entry);
    }
    stream->excess_count = left;
}

void stream_bound_topics(struct stream *stream)
{
    for (size_t i = 0; i < stream->topics.size && stream->limits.messages_per_topic_max; i++)
        for (struct topic_entry *entry = stream->topics.table[i], *next; entry; entry = next) {
            next = entry->next;
            if (entry->count)
                stream_bound_topic(stream, entry);
        }
}
