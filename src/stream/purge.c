/*
 * What is taken out by hand: single messages, what matches a pattern, and what a message asks to be rolled up.
 *
 * What is in memory goes at once. What is on disk goes as it is fetched, the oldest first, and nobody reads where that
 * is still to be done: so it is gone for everybody but those who count.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "core/topic.h"
#include "stream/engine_state.h"
#include "stream/state.h"

enum { BUDGET = 50000 }; /* records that are looked at before others are let at the stream */

static struct slice text_of(const struct purge *purge)
{
    return slice_make(purge->text, purge->text_size);
}

/* NULL: out of memory. */
static struct purge *purge_create(struct slice text, bool is_topic, uint64_t below)
{
    struct purge *purge = malloc(sizeof *purge + text.size);
    if (!purge)
        return NULL;
    *purge = (struct purge){ .at = 1, .below = below, .left = UINT64_MAX, .is_topic = is_topic,
                             .text_size = (uint16_t)text.size };
    if (text.size)
        memcpy(purge->text, text.data, text.size);
    return purge;
}

static void push(struct purge *purge, struct purge ***last)
{
    purge->next = NULL;
    **last = purge;
    *last = &purge->next;
}

static struct purge *pop(struct purge **first, struct purge ***last)
{
    struct purge *purge = *first;
    *first = purge->next;
    if (!*first)
        *last = first;
    return purge;
}

static bool wants(const struct purge *purge, struct slice topic)
{
    if (purge->is_topic)
        return slice_equal(text_of(purge), topic);
    return !purge->text_size || pattern_matches(text_of(purge), topic);
}

/* One message. */

static void take_out(struct stream *stream, const struct record *record)
{
    uint64_t sequence = record->sequence; /* the record may go with its span */
    stream_forget_topic(stream, record);
    log_kill(stream->log, sequence);
}

/* False: it is away. */
static bool take_out_at(struct stream *stream, uint64_t sequence)
{
    struct log_place place;
    enum log_found found = stream_find(stream, sequence, &place);
    if (found == LOG_FOUND && block_record(place.block, place.at)->sequence == sequence)
        take_out(stream, block_record(place.block, place.at));
    return found != LOG_AWAY;
}

/* Where the sequences of a topic are known: at once. Those that are not are left. */
static void take_out_topic(struct stream *stream, struct topic_entry *entry, struct purge *purge)
{
    uint64_t oldest;
    while (purge->left && entry->count && (oldest = topics_at(entry, 0)) && oldest < purge->below) {
        bool is_last = entry->count == 1; /* the entry goes with it, unless it is marked */
        if (stream->is_counting)
            return;
        topics_drop(&stream->topics, entry, oldest);
        log_kill(stream->log, oldest);
        purge->left--;
        if (is_last)
            return;
    }
}

static bool remember_deletion(struct stream *stream, uint64_t sequence)
{
    if (stream->deletion_count == stream->deletion_room) {
        size_t room = stream->deletion_room ? 2 * stream->deletion_room : 16;
        uint64_t *deletions = realloc(stream->deletions, room * sizeof *deletions);
        if (!deletions)
            return false;
        stream->deletions = deletions;
        stream->deletion_room = room;
    }
    stream->deletions[stream->deletion_count++] = sequence;
    return true;
}

static int delete(struct stream *stream, uint64_t sequence)
{
    if (!sequence || sequence > stream_shown(stream) || !stream_has(stream, sequence))
        return -ENOENT;
    for (size_t i = 0; i < stream->deletion_count; i++)
        if (stream->deletions[i] == sequence)
            return -ENOENT; /* for everybody it has gone */
    return take_out_at(stream, sequence) || remember_deletion(stream, sequence) ? 0 : -ENOMEM;
}

int stream_delete(struct stream *stream, uint64_t sequence)
{
    stream_lock(stream);
    int error = delete(stream, sequence);
    stream_unlock(stream);
    if (!error && stream->in_files)
        engine_commit_later(stream->engine, stream);
    return error;
}

uint64_t stream_remember(struct stream *stream)
{
    stream_lock(stream);
    uint64_t number = ++stream->remember_count;
    if (!stream->in_files)
        atomic_store_explicit(&stream->remembered_count, number, memory_order_release);
    stream_unlock(stream);
    if (stream->in_files)
        engine_commit_soon(stream->engine, stream);
    return number;
}

uint64_t stream_remembered(const struct stream *stream)
{
    return atomic_load_explicit(&stream->remembered_count, memory_order_acquire);
}

static void run_deletions(struct stream *stream)
{
    size_t left = 0;
    if (stream->deletion_count)
        engine_commit_later(stream->engine, stream);
    for (size_t i = 0; i < stream->deletion_count; i++)
        if (!take_out_at(stream, stream->deletions[i]))
            stream->deletions[left++] = stream->deletions[i];
    stream->deletion_count = left;
}

/* Many. */

/* From the place to the end of its block, which is held meanwhile. */
static void purge_block(struct stream *stream, struct purge *purge, struct log_place place, unsigned *budget)
{
    block_ref(place.block);
    do {
        const struct record *record = block_record(place.block, place.at);
        if (record->sequence >= purge->below)
            break;
        purge->at = record->sequence + 1;
        --*budget;
        if (wants(purge, record_name(record))) {
            take_out(stream, record);
            purge->left--;
        }
    } while (*budget && purge->left && place_next(&place));
    block_unref(place.block);
}

/* True when it is done. False: what comes next is away, or the budget is used up. */
static bool purge_run(struct stream *stream, struct purge *purge, unsigned *budget)
{
    struct log_place place;
    while (purge->left && purge->at < purge->below && *budget) {
        enum log_found found = stream_find(stream, purge->at, &place);
        if (found == LOG_AWAY)
            return false;
        if (found == LOG_ABSENT || block_record(place.block, place.at)->sequence >= purge->below)
            return true;
        purge_block(stream, purge, place, budget);
    }
    return !purge->left || purge->at >= purge->below;
}

static void run_purges(struct stream *stream, unsigned *budget)
{
    bool was_one = stream->purges != NULL;
    while (stream->purges && purge_run(stream, stream->purges, budget))
        free(pop(&stream->purges, &stream->last_purge));
    if (!was_one || !stream->in_files)
        return;
    engine_commit_later(stream->engine, stream);
    if (!stream->purges)
        stream_arrive(stream); /* who wanted to read there may do so */
}

/* Where sequences are known, without looking at records; what is left is looked for. */
static void begin_purge(struct stream *stream, struct purge *purge)
{
    struct topic_entry *entry = purge->is_topic ? topics_find(&stream->topics, text_of(purge)) : NULL;
    if (entry)
        take_out_topic(stream, entry, purge);
    entry = purge->is_topic ? topics_find(&stream->topics, text_of(purge)) : NULL;
    if (purge->is_topic && (!entry || entry->first >= purge->below || !purge->left)) {
        free(purge);
        return;
    }
    if (entry) {
        purge->at = entry->first;
        purge->below = entry->last < purge->below ? entry->last + 1 : purge->below;
    }
    push(purge, &stream->last_purge);
}

/* Where nothing is to be told of single messages none is looked at. */
static uint64_t purge_before(struct stream *stream, uint64_t sequence)
{
    struct log_state before, after;
    log_get_state(stream->log, &before);
    log_take_before(stream->log, sequence);
    log_get_state(stream->log, &after);
    return before.live_count - after.live_count;
}

/* All there is. */
static uint64_t empty(struct stream *stream)
{
    uint64_t count = purge_before(stream, stream->appended_sequence + 1);
    stream_forget_topics(stream);
    while (stream->purges)
        free(pop(&stream->purges, &stream->last_purge));
    stream->deletion_count = 0;
    return count;
}

/* How many messages the pattern names. */
static uint64_t count_matching(const struct stream *stream, struct slice pattern)
{
    uint64_t count = 0;
    const struct topic_entry *entry = topics_find(&stream->topics, pattern);
    if (!pattern_has_wildcard(pattern))
        return entry ? entry->count : 0;
    for (size_t i = 0; i < stream->topics.size; i++)
        for (entry = stream->topics.table[i]; entry; entry = entry->next)
            if (pattern_matches(pattern, topic_entry_name(entry)))
                count += entry->count;
    return count;
}

/* What goes of `count`: what is not to be kept, and below the sequence, as far as that is known. */
static uint64_t purge_some(struct stream *stream, struct slice pattern, uint64_t below, uint64_t keep_count)
{
    struct log_state before, after;
    log_get_state(stream->log, &before);
    uint64_t count = pattern.size ? count_matching(stream, pattern) : before.live_count;
    if (count <= keep_count)
        return 0;
    bool is_topic = pattern.size && !pattern_has_wildcard(pattern);
    struct purge *purge = purge_create(pattern, is_topic, below ? below : stream->appended_sequence + 1);
    if (!purge)
        return 0;
    purge->left = keep_count ? count - keep_count : UINT64_MAX;
    begin_purge(stream, purge);
    if (stream_run_purges(stream))
        engine_fetch_soon(stream->engine, stream);
    log_get_state(stream->log, &after);
    return stream->purges && !below ? count - keep_count : before.live_count - after.live_count;
}

uint64_t stream_purge(struct stream *stream, struct slice pattern, uint64_t below_sequence, uint64_t keep_count)
{
    stream_lock(stream);
    bool is_all = (!pattern.size || slice_is(pattern, ">")) && !keep_count &&
                  (!below_sequence || below_sequence > stream->appended_sequence);
    bool is_front = !pattern.size && !keep_count && below_sequence && !stream->has_topics && !stream->purges;
    uint64_t first = log_first(stream->log);
    uint64_t count = is_all     ? empty(stream)
                     : is_front ? purge_before(stream, below_sequence)
                                : purge_some(stream, pattern, below_sequence, keep_count);
    stream->past_is_stale |= stream_is_bounded(stream) && log_first(stream->log) != first;
    stream_unlock(stream);
    if (stream->in_files)
        engine_commit_later(stream->engine, stream);
    return count;
}

uint64_t stream_next_purged(const struct stream *stream, uint64_t sequence)
{
    uint64_t next = UINT64_MAX;
    for (const struct purge *purge = stream->purges; purge; purge = purge->next) {
        uint64_t first = purge->at > sequence ? purge->at : sequence;
        if (first < purge->below && first < next)
            next = first;
    }
    return next;
}

/* Roll-ups. */

bool stream_add_rollup(struct stream *stream, struct slice topic, uint64_t sequence)
{
    struct purge *purge = purge_create(topic, topic.size > 0, sequence);
    if (purge)
        push(purge, &stream->last_rollup);
    return purge != NULL;
}

/* It is the last of them, where there is one. */
void stream_drop_rollup(struct stream *stream, uint64_t sequence)
{
    struct purge **link = &stream->rollups;
    while (*link && (*link)->below != sequence)
        link = &(*link)->next;
    free(*link);
    *link = NULL;
    stream->last_rollup = link;
}

static void run_rollups(struct stream *stream)
{
    while (stream->rollups && stream->rollups->below <= stream_shown(stream))
        begin_purge(stream, pop(&stream->rollups, &stream->last_rollup));
}

bool stream_run_purges(struct stream *stream)
{
    unsigned budget = stream->in_files ? BUDGET : UINT_MAX;
    run_rollups(stream);
    run_deletions(stream);
    run_purges(stream, &budget);
    stream_count_topics(stream, &budget);
    return !budget;
}

void stream_finish_purges(struct stream *stream)
{
    while (stream->purges)
        free(pop(&stream->purges, &stream->last_purge));
    while (stream->rollups)
        free(pop(&stream->rollups, &stream->last_rollup));
    free(stream->deletions);
}
