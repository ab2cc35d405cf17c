#include "feed/channel.h"

#include <stdlib.h>

#include "core/topic.h"
#include "feed/state.h"
#include "util/hash.h"

enum {
    TABLE_SIZE_MIN = 64,
    EMPTY_MAX = 256,          /* channels without members that are kept, since polls come and go */
    EMPTY_MS = 2000,          /* and for how long */
    FEED_SIZE_MAX = 64 << 20, /* frames of all channels; from here on each holds one message at most */
};

/* The table. */

static uint64_t channel_hash(const struct feed *feed, struct slice patterns, bool is_formatted,
                             struct feed_format format)
{
    uint64_t kind = is_formatted ? 1u + format.shape * 8u + format.data * 2u + format.event_is_topic : 0;
    return hash_bytes(hash_mix(feed->seed ^ kind, HASH_PRIME_B), patterns.data, patterns.size);
}

static struct channel *table_find(const struct feed *feed, uint64_t hash, struct slice patterns, bool is_formatted,
                                  struct feed_format format)
{
    struct channel *channel = feed->table_size ? feed->table[hash & (feed->table_size - 1)] : NULL;
    while (channel && !(channel->hash == hash && channel->is_formatted == is_formatted &&
                        (!is_formatted || format_is(channel->format, format)) &&
                        slice_equal(channel->text, patterns)))
        channel = channel->next;
    return channel;
}

static void table_put(struct feed *feed, struct channel *channel)
{
    struct channel **place = &feed->table[channel->hash & (feed->table_size - 1)];
    channel->next = *place;
    *place = channel;
}

/* Twice the places, where there are as many channels as places. */
static bool table_make_room(struct feed *feed)
{
    if (feed->channel_count < feed->table_size)
        return true;
    size_t old_size = feed->table_size;
    struct channel **old = feed->table;
    struct channel **table = calloc(old_size ? 2 * old_size : TABLE_SIZE_MIN, sizeof *table);
    if (!table)
        return false;
    feed->table = table;
    feed->table_size = old_size ? 2 * old_size : TABLE_SIZE_MIN;
    for (size_t i = 0; i < old_size; i++)
        while (old[i]) {
            struct channel *channel = old[i];
            old[i] = channel->next;
            table_put(feed, channel);
        }
    free(old);
    return true;
}

static void table_remove(struct channel *channel)
{
    struct feed *feed = channel->feed;
    struct channel **place = &feed->table[channel->hash & (feed->table_size - 1)];
    while (*place != channel)
        place = &(*place)->next;
    *place = channel->next;
    feed->channel_count--;
}

/* Life. */

static void unlist(struct channel *channel)
{
    for (unsigned i = 0; i < channel->pattern_count; i++)
        router_remove(channel->feed->index, &channel->patterns[i].sink);
}

/* The sinks are never delivered to: the tail finds the channels by them. */
static bool list_patterns(struct channel *channel)
{
    size_t at = 0;
    struct slice pattern;
    while (patterns_next(channel->text, &at, &pattern)) {
        struct channel_pattern *listed = &channel->patterns[channel->pattern_count];
        channel->is_limited |= pattern_takes_out(pattern);
        if (pattern_takes_out(pattern))
            continue;
        *listed = (struct channel_pattern){ .sink = { .weight = 1 }, .channel = channel };
        if (router_add(channel->feed->index, &listed->sink, pattern, slice_make(NULL, 0)) != 0) {
            unlist(channel);
            return false;
        }
        channel->pattern_count++;
    }
    return true;
}

static struct channel *channel_create(struct feed *feed, uint64_t hash, struct slice patterns, bool is_formatted,
                                      struct feed_format format)
{
    unsigned count = patterns_count(patterns);
    size_t size = sizeof(struct channel) + count * sizeof(struct channel_pattern);
    struct channel *channel = calloc(1, size + patterns.size);
    if (!channel)
        return NULL;
    char *text = (char *)channel + size;
    memcpy(text, patterns.data, patterns.size);
    channel->feed = feed;
    channel->hash = hash;
    channel->is_formatted = is_formatted;
    channel->format = format;
    channel->text = slice_make(text, patterns.size);
    channel->matched_sequence = feed->tail_sequence;
    list_init(&channel->busy);
    list_init(&channel->empty);
    list_init(&channel->waiting);
    list_init(&channel->behind);
    list_init(&channel->waiters);
    if (!list_patterns(channel)) {
        free(channel);
        return NULL;
    }
    feed->channel_count++;
    table_put(feed, channel);
    return channel;
}

void channel_destroy(struct channel *channel)
{
    struct feed *feed = channel->feed;
    list_remove(&channel->busy);
    list_remove(&channel->empty);
    unlist(channel);
    table_remove(channel);
    feed->frames_size -= frames_size(&channel->frames);
    frames_clear(&channel->frames);
    frames_give(&channel->frames, &feed->spare);
    free(channel);
}

struct channel *channel_enter(struct feed *feed, struct slice patterns, bool is_formatted, struct feed_format format)
{
    uint64_t hash = channel_hash(feed, patterns, is_formatted, format);
    struct channel *channel = table_find(feed, hash, patterns, is_formatted, format);
    if (!channel && table_make_room(feed))
        channel = channel_create(feed, hash, patterns, is_formatted, format);
    if (!channel)
        return NULL;
    if (!list_is_empty(&channel->empty)) {
        list_remove(&channel->empty);
        feed->empty_count--;
    }
    channel->member_count++;
    return channel;
}

void channels_drop_empty(struct feed *feed, uint64_t now_ms)
{
    while (!list_is_empty(&feed->empty)) {
        struct channel *channel = LIST_OWNER(feed->empty.next, struct channel, empty);
        if (feed->empty_count <= EMPTY_MAX && now_ms - channel->empty_since_ms < EMPTY_MS)
            return;
        channel_destroy(channel);
        feed->empty_count--;
    }
}

void channel_leave(struct channel *channel)
{
    struct feed *feed = channel->feed;
    if (--channel->member_count)
        return;
    channel->empty_since_ms = feed->host.wall_ms(feed->host.arg);
    list_append(&feed->empty, &channel->empty);
    feed->empty_count++;
    channels_drop_empty(feed, channel->empty_since_ms);
}

/* Messages. */

uint64_t channel_start_sequence(const struct channel *channel)
{
    return frames_size(&channel->frames) ? channel->start_sequence : channel->feed->tail_sequence;
}

static bool somebody_stands_here(const struct channel *channel)
{
    return !list_is_empty(&channel->waiting) || !list_is_empty(&channel->behind);
}

/* Puts the message behind the frames. False: out of memory. */
static bool append_message(struct channel *channel, const struct stream_message *message)
{
    struct slice frame = feed_frame(channel->feed, channel->format, message);
    if (!frame.size || !frames_append(&channel->frames, frame, message->sequence))
        return false;
    channel->feed->frames_size += frame.size;
    return true;
}

static void all_are_behind(struct channel *channel)
{
    list_splice(&channel->behind, &channel->waiting);
    if (list_is_empty(&channel->busy))
        list_append(&channel->feed->busy, &channel->busy);
}

/* Bounds the frames of this channel, and those of all. */
static void trim(struct channel *channel)
{
    struct feed *feed = channel->feed;
    size_t size = frames_size(&channel->frames);
    size_t size_max = feed->frames_size > FEED_SIZE_MAX ? 0 : CHANNEL_SIZE_MAX;
    if (size <= size_max)
        return;
    frames_trim(&channel->frames, size_max / 2);
    feed->frames_size -= size - frames_size(&channel->frames);
    channel->start_sequence = channel->frames.marks[channel->frames.mark_head].sequence - 1;
}

/* Where memory runs out, those who stand here read the message from the stream. */
static void take_for_readers(struct channel *channel, const struct stream_message *message)
{
    if (!somebody_stands_here(channel))
        return;
    if (!frames_size(&channel->frames)) {
        channel->start_sequence = message->sequence - 1;
        if (!channel->frames.bytes)
            frames_give(&channel->feed->spare, &channel->frames);
    }
    if (!append_message(channel, message)) {
        channel_scatter(channel);
        return;
    }
    trim(channel);
    all_are_behind(channel);
}

void channel_take(struct channel *channel, const struct stream_message *message)
{
    if (message->sequence <= channel->matched_sequence ||
        (channel->is_limited && !patterns_match(channel->text, message->topic)))
        return;
    channel->matched_sequence = message->sequence;
    list_splice(&channel->feed->ready, &channel->waiters);
    if (channel->is_formatted)
        take_for_readers(channel, message);
}

void channel_served(struct channel *channel)
{
    if (!list_is_empty(&channel->behind))
        return;
    list_remove(&channel->busy);
    channel->feed->frames_size -= frames_size(&channel->frames);
    frames_clear(&channel->frames);
    frames_give(&channel->frames, &channel->feed->spare);
}

void channel_scatter(struct channel *channel)
{
    list_splice(&channel->feed->ready, &channel->waiters);
    list_splice(&channel->behind, &channel->waiting);
    while (!list_is_empty(&channel->behind))
        reader_leave_channel(LIST_OWNER(channel->behind.next, struct feed_reader, place));
    channel_served(channel);
}
