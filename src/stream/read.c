/* Runs of messages, and positions. */
#include "stream/state.h"

/* Says what of the messages behind `after` is gone. */
static void tell_gap(const struct stream *stream, uint64_t after, struct stream_run *run)
{
    if (after >= stream->lost_sequence)
        return;
    run->gap_first = after + 1;
    run->gap_last = stream->lost_sequence;
}

/* From the place to the end of the block, or of what readers may see. */
static void hold(const struct stream *stream, struct log_place place, struct stream_run *run)
{
    uint64_t shown = stream_shown(stream);
    bool is_whole = place.block->last_sequence <= shown;
    run->block = block_ref(place.block);
    run->at = place.at;
    run->end = is_whole ? place.block->used : block_find(place.block, shown + 1);
    run->last_sequence = is_whole ? place.block->last_sequence : shown;
}

static enum stream_found find_run(struct stream *stream, uint64_t sequence, struct stream_run *run)
{
    struct log_place place;
    enum log_found found = stream_find(stream, sequence, &place);
    if (found == LOG_AWAY)
        return STREAM_AWAY;
    if (found == LOG_ABSENT || block_record(place.block, place.at)->sequence > stream_shown(stream))
        return STREAM_NONE;
    hold(stream, place, run);
    return STREAM_FOUND;
}

enum stream_found stream_read(struct stream *stream, uint64_t after, uint64_t now_ms, struct stream_run *ret_run)
{
    struct stream_run run = { .block = NULL };
    enum stream_found found = STREAM_NONE;
    stream_lock(stream);
    stream_trim_age(stream, now_ms);
    tell_gap(stream, after, &run);
    if (after < stream_shown(stream))
        found = find_run(stream, after + 1, &run);
    stream_unlock(stream);
    *ret_run = run;
    return found;
}

bool stream_run_next(struct stream_run *run, struct stream_message *ret_message)
{
    while (run->at < run->end) {
        const struct record *record = block_record(run->block, run->at);
        run->at += record->size;
        if (block_is_dead(run->block, record->sequence))
            continue;
        const char *topic = record_topic(record), *body = topic + record->topic_size;
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
    block_unref(run->block);
    run->block = NULL;
}

bool stream_locate(struct stream *stream, struct cursor *cursor)
{
    return cursor->epoch == stream->epoch;
}

/* The first sequence in the block from the place on that was appended at this time or later; one behind its last: none. */
static uint64_t find_time(struct log_place place, uint64_t time_ms)
{
    for (uint32_t at = place.at; at < place.block->used; at += block_record(place.block, at)->size)
        if (block_record(place.block, at)->time_ms >= time_ms)
            return block_record(place.block, at)->sequence;
    return place.block->last_sequence + 1;
}

/* Times ascend as sequences do, as far as the clock has not been set back. */
uint64_t stream_sequence_before(struct stream *stream, uint64_t time_ms)
{
    struct log_place place;
    stream_lock(stream);
    uint64_t sequence = log_sequence_before_time(stream->log, time_ms), first = log_first(stream->log);
    if (!first || sequence > stream->appended_sequence)
        sequence = stream->appended_sequence + 1;
    else if (sequence < first)
        sequence = first;
    while (stream_find(stream, sequence, &place) == LOG_FOUND) {
        sequence = find_time(place, time_ms);
        if (sequence <= place.block->last_sequence)
            break;
    }
    stream_unlock(stream);
    return sequence - 1;
}
