/* Runs of messages, and positions. */
#include "stream/state.h"

/* Says what of the messages in (after, next) is gone. */
static void tell_gap(const struct stream *stream, uint64_t after, uint64_t next, struct stream_run *run)
{
    struct log_findings findings;
    if (after < stream->lost_sequence) {
        run->gap_first = after + 1;
        run->gap_last = stream->lost_sequence;
    }
    log_get_findings(stream->log, &findings);
    for (size_t i = 0; i < findings.damage_count; i++) {
        const struct log_damage *damage = &findings.damages[i];
        if (damage->last <= after || damage->last <= run->gap_last || damage->first >= next)
            continue;
        if (!run->gap_first)
            run->gap_first = damage->first > after ? damage->first : after + 1;
        run->gap_last = damage->last < next ? damage->last : next - 1;
    }
}

/* From the place to the end of the block, or of what readers may see: that is before a sequence. */
static void hold(struct log_place place, uint64_t end, struct stream_run *run)
{
    bool is_whole = place.block->last_sequence < end;
    run->block = block_ref(place.block);
    run->at = place.at;
    run->first_sequence = block_record(place.block, place.at)->sequence;
    run->end = is_whole ? place.block->used : block_find(place.block, end);
    run->last_sequence = is_whole ? place.block->last_sequence : end - 1;
}

/* Holds what is from the sequence on. *next is the first that is there, or one behind the last that may be seen; 0: it
 * is not known. */
static enum stream_found find_run(struct stream *stream, uint64_t sequence, struct stream_run *run, uint64_t *next)
{
    struct log_place place;
    uint64_t shown = stream_shown(stream);
    enum log_found found = sequence <= shown ? stream_find(stream, sequence, &place) : LOG_ABSENT;
    *next = 0;
    if (found == LOG_AWAY)
        return STREAM_AWAY;
    *next = found == LOG_FOUND ? block_record(place.block, place.at)->sequence : shown + 1;
    if (found == LOG_ABSENT || *next > shown) {
        *next = shown + 1;
        return STREAM_NONE;
    }
    uint64_t purged = stream_next_purged(stream, *next);
    if (purged == *next)
        return STREAM_AWAY;
    hold(place, purged <= shown ? purged : shown + 1, run);
    return STREAM_FOUND;
}

enum stream_found stream_read(struct stream *stream, uint64_t after, uint64_t now_ms, struct stream_run *ret_run)
{
    struct stream_run run = { .block = NULL };
    uint64_t next;
    stream_lock(stream);
    stream_trim_age(stream, now_ms);
    enum stream_found found = after == UINT64_MAX ? STREAM_NONE : find_run(stream, after + 1, &run, &next);
    if (after != UINT64_MAX)
        tell_gap(stream, after, next, &run);
    stream_unlock(stream);
    *ret_run = run;
    return found;
}

/* The message of that sequence, and no other. */
static enum stream_found find_at(struct stream *stream, uint64_t sequence, struct stream_run *run)
{
    uint64_t next;
    if (!sequence || !stream_has(stream, sequence))
        return STREAM_NONE;
    enum stream_found found = find_run(stream, sequence, run, &next);
    if (found != STREAM_FOUND || !stream_is_expired(stream, block_record(run->block, run->at)))
        return found;
    stream_release(run);
    return STREAM_NONE;
}

enum stream_found stream_read_at(struct stream *stream, uint64_t sequence, struct stream_run *ret_run)
{
    struct stream_run run = { .block = NULL };
    stream_lock(stream);
    stream_refresh(stream);
    enum stream_found found = find_at(stream, sequence, &run);
    stream_unlock(stream);
    *ret_run = run;
    return found;
}

enum stream_found stream_read_last(struct stream *stream, struct slice topic, struct stream_run *ret_run)
{
    struct stream_run run = { .block = NULL };
    uint64_t sequence = 0;
    stream_lock(stream);
    stream_refresh(stream);
    enum stream_found found = stream_find_last(stream, topic, &sequence);
    if (found == STREAM_FOUND)
        found = find_at(stream, sequence, &run);
    stream_unlock(stream);
    *ret_run = run;
    return found;
}

bool stream_run_next(struct stream_run *run, struct stream_message *ret_message)
{
    while (run->at < run->end) {
        const struct record *record = block_record(run->block, run->at);
        run->at += record->size;
        if (block_is_dead(run->block, record->sequence) && record->sequence != run->first_sequence)
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
    if (cursor->epoch == stream->epoch)
        return true;
    stream_lock(stream);
    bool found = past_locate(&stream->past, cursor);
    stream_unlock(stream);
    return found;
}

/* Times ascend as sequences do, as far as the clock has not been set back. */
uint64_t stream_sequence_before(struct stream *stream, uint64_t time_ms)
{
    stream_lock(stream);
    uint64_t sequence = log_sequence_before_time(stream->log, time_ms), first = log_first(stream->log);
    uint64_t shown = stream_shown(stream);
    if (sequence < first)
        sequence = first;
    stream_unlock(stream);
    return sequence && sequence <= shown ? sequence - 1 : shown;
}
