/* The topics of a stream. */
#include <limits.h>

#include "core/topic.h"
#include "stream/state.h"

enum {
    VISIT_SLICE = 1024, /* chains that are walked before others are let at the stream */
};

/* Counting. */

static void end_counting(struct stream *stream)
{
    topics_finish(&stream->counted);
    stream->is_counting = false;
}

static void unmark_all(struct stream *stream)
{
    for (size_t i = 0; i < stream->excess_count; i++)
        topics_unmark(&stream->topics, stream->excess[i]);
    stream->excess_count = 0;
}

void stream_forget_topics(struct stream *stream)
{
    unmark_all(stream);
    topics_finish(&stream->topics);
    end_counting(stream);
}

/* Whoever has sequences has the ends. */
static void forget_sequences(struct stream *stream)
{
    end_counting(stream);
    unmark_all(stream);
    topics_forget_sequences(&stream->topics);
}

void stream_index_topics(struct stream *stream)
{
    bool keeps_sequences = stream->limits.messages_per_topic_max != 0;
    bool has_topics = (stream->has_settings && !stream->counts_none) || keeps_sequences;
    unsigned budget = UINT_MAX;
    if (has_topics == stream->has_topics && keeps_sequences == stream->topics.keeps_sequences)
        return;
    end_counting(stream);
    stream->counted.keeps_sequences = keeps_sequences;
    stream->counted_sequence = 0;
    stream->is_counting = has_topics;
    stream->has_topics |= has_topics;
    if (!has_topics) {
        stream_forget_topics(stream);
        stream->topics.keeps_sequences = stream->has_topics = false;
    } else if (stream->topics.keeps_sequences) {
        forget_sequences(stream);
    } else if (!stream->in_files) {
        stream_count_topics(stream, &budget);
    }
}

void stream_count_no_topics(struct stream *stream)
{
    stream_lock(stream);
    stream->counts_none = true;
    stream_index_topics(stream);
    stream_unlock(stream);
}

/* All are counted. */
static void change_over(struct stream *stream)
{
    struct topics counted = stream->counted;
    stream->counted = (struct topics){ .table = NULL };
    stream_forget_topics(stream);
    stream->topics = counted;
    if (stream->has_settings)
        stream_bound_topics(stream);
}

/* From the place to the end of its block. Without memory a message goes uncounted. */
static void count_block(struct stream *stream, struct log_place place, unsigned *budget)
{
    do {
        const struct record *record = block_record(place.block, place.at);
        topics_add(&stream->counted, record_name(record), record->sequence);
        stream->counted_sequence = record->sequence;
        --*budget;
    } while (*budget && place_next(&place));
}

bool stream_count_topics(struct stream *stream, unsigned *budget)
{
    enum log_found found = LOG_FOUND;
    struct log_place place;
    while (stream->is_counting && *budget && found == LOG_FOUND) {
        found = stream_find(stream, stream->counted_sequence + 1, &place);
        if (found == LOG_FOUND)
            count_block(stream, place, budget);
        else if (found == LOG_ABSENT)
            change_over(stream);
    }
    return !stream->is_counting;
}

static void forget_in(struct topics *topics, const struct record *record)
{
    struct topic_entry *entry = topics_find(topics, record_name(record));
    if (entry)
        topics_drop(topics, entry, record->sequence);
}

void stream_forget_topic(struct stream *stream, const struct record *record)
{
    if (!stream->has_topics)
        return;
    forget_in(&stream->topics, record);
    if (stream->is_counting && record->sequence <= stream->counted_sequence)
        forget_in(&stream->counted, record);
}

/* Asking. */

/* The last message of the topic in a block, up to the place; 0: it has none. */
static uint64_t search_block(struct log_place place, uint64_t floor, struct slice topic)
{
    const struct block *block = place.block;
    uint64_t found = 0, first = block->first_sequence > floor ? block->first_sequence : floor;
    for (uint32_t at = block_find(block, first); at <= place.at; at += block_record(block, at)->size) {
        const struct record *record = block_record(block, at);
        if (slice_equal(record_name(record), topic) && !block_is_dead(block, record->sequence))
            found = record->sequence;
    }
    return found;
}

/* The last live message of a topic up to *last, which is moved along from block to block, towards the beginning. */
static enum stream_found search_back(struct stream *stream, struct slice topic, uint64_t *last, uint64_t *ret_sequence)
{
    struct log_place place;
    for (;;) {
        enum log_found found = stream_find_back(stream, *last, &place);
        if (found != LOG_FOUND)
            return found == LOG_AWAY ? STREAM_AWAY : STREAM_NONE;
        *ret_sequence = search_block(place, log_first(stream->log), topic);
        if (*ret_sequence)
            return STREAM_FOUND;
        *last = place.block->first_sequence - 1;
    }
}

enum stream_found stream_search_last(struct stream *stream, struct topic_entry *entry)
{
    uint64_t last = entry->last, sequence = 0;
    enum stream_found found = search_back(stream, topic_entry_name(entry), &last, &sequence);
    entry->last = found == STREAM_FOUND ? sequence : last; /* it goes on from there */
    entry->last_is_ceiling = found != STREAM_FOUND;
    return found;
}

enum stream_found stream_find_last(struct stream *stream, struct slice topic, uint64_t *ret_sequence)
{
    uint64_t shown = stream_shown(stream);
    struct topic_entry *entry = topics_find(&stream->topics, topic);
    if (!entry)
        return STREAM_NONE;
    if (stream->is_counting || stream_next_purged(stream, entry->last) == entry->last)
        return STREAM_AWAY;
    if (entry->last_is_ceiling) {
        enum stream_found found = stream_search_last(stream, entry);
        if (found != STREAM_FOUND)
            return found;
    }
    *ret_sequence = topics_last_up_to(entry, shown);
    if (*ret_sequence)
        return STREAM_FOUND;
    if (entry->count == 1)
        return STREAM_NONE; /* it is not to be seen yet */
    if (stream->health == STREAM_WELL)
        return STREAM_AWAY; /* the newest will be in a moment, and the one before it is not known */
    return search_back(stream, topic, &shown, ret_sequence);
}

enum stream_found stream_last_of_topic(struct stream *stream, struct slice topic, uint64_t *ret_sequence)
{
    uint64_t sequence = 0;
    stream_lock(stream);
    stream_refresh(stream);
    enum stream_found found = stream_find_last(stream, topic, &sequence);
    stream_unlock(stream);
    *ret_sequence = sequence;
    return found;
}

static bool show_topic(const struct stream *stream, const struct topic_entry *entry,
                       bool (*visit)(void *arg, const struct stream_topic *topic), void *arg)
{
    uint64_t last = topics_last_up_to(entry, stream_shown(stream));
    const struct stream_topic topic = {
        .topic = topic_entry_name(entry),
        .first_sequence = entry->first,
        .last_sequence = last ? last : entry->last,
        .message_count = entry->count,
        .last_is_sure = last && !entry->last_is_ceiling,
    };
    return !entry->count || visit(arg, &topic);
}

/* Chains from a place on, as many as are walked at once. False where visit says stop. */
static bool visit_chains(const struct stream *stream, size_t place, struct slice pattern,
                         bool (*visit)(void *arg, const struct stream_topic *topic), void *arg)
{
    for (size_t i = place; i < stream->topics.size && i < place + VISIT_SLICE; i++)
        for (const struct topic_entry *entry = stream->topics.table[i]; entry; entry = entry->next)
            if (pattern_matches(pattern, topic_entry_name(entry)) && !show_topic(stream, entry, visit, arg))
                return false;
    return true;
}

bool stream_has_topics(struct stream *stream)
{
    stream_lock(stream);
    bool has_topics = stream->has_topics;
    stream_unlock(stream);
    return has_topics;
}

/* Chains are split while others are at the stream: a topic may come twice then. */
void stream_visit_topics(struct stream *stream, struct slice pattern,
                         bool (*visit)(void *arg, const struct stream_topic *topic), void *arg)
{
    bool go_on = true;
    stream_lock(stream);
    stream_refresh(stream);
    if (!pattern_has_wildcard(pattern)) {
        const struct topic_entry *entry = topics_find(&stream->topics, pattern);
        go_on = false;
        if (entry)
            show_topic(stream, entry, visit, arg);
    }
    for (size_t place = 0; go_on && place < stream->topics.size; place += VISIT_SLICE) {
        go_on = visit_chains(stream, place, pattern, visit, arg);
        stream_unlock(stream);
        stream_lock(stream);
    }
    stream_unlock(stream);
}
