#include "http/feeds.h"

#include <stdlib.h>

#include "broker/broker.h"
#include "core/topic.h"
#include "net/loop.h"
#include "util/random.h"

enum { IDLE_MS = 5000 }; /* a feed that nobody uses is kept so long: polls come and go */

struct entry {
    struct feed *feed;
    struct stream *stream;         /* a reference */
    uint64_t used_ms;              /* when it was last asked for, or in use; of the loop's clock */
};

struct feeds {
    struct loop *loop;
    struct broker *broker;
    struct feed *recent;
    struct stream_registry *registry;
    uint64_t generation;           /* of the registry, when it was last looked at */
    struct entry *entries;
    size_t count, room;
};

struct feeds *feeds_create(struct loop *loop, struct broker *broker, struct feed *recent,
                           struct stream_registry *registry)
{
    struct feeds *feeds = calloc(1, sizeof *feeds);
    if (!feeds)
        return NULL;
    feeds->loop = loop;
    feeds->broker = broker;
    feeds->recent = recent;
    feeds->registry = registry;
    return feeds;
}

/* The last takes the place of one that goes. */
static void drop(struct feeds *feeds, size_t place)
{
    struct entry entry = feeds->entries[place];
    feeds->entries[place] = feeds->entries[--feeds->count];
    feed_destroy(entry.feed);
    stream_destroy(entry.stream);
}

void feeds_destroy(struct feeds *feeds)
{
    if (!feeds)
        return;
    while (feeds->count)
        drop(feeds, feeds->count - 1);
    free(feeds->entries);
    free(feeds);
}

/* Getting. */

static uint64_t wall_ms(void *arg)
{
    return broker_wall_ms(((struct feeds *)arg)->broker);
}

/* Any thread. */
static void wake(void *arg)
{
    loop_wake(((struct feeds *)arg)->loop);
}

static bool make_room(struct feeds *feeds)
{
    if (feeds->count < feeds->room)
        return true;
    size_t room = feeds->room ? 2 * feeds->room : 8;
    struct entry *entries = realloc(feeds->entries, room * sizeof *entries);
    if (!entries)
        return false;
    feeds->entries = entries;
    feeds->room = room;
    return true;
}

static struct feed *add(struct feeds *feeds, struct stream *stream)
{
    const struct feed_host host = { feeds, wall_ms, wake };
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    struct feed *feed = make_room(feeds) ? feed_create(stream, &host, seed) : NULL;
    if (feed)
        feeds->entries[feeds->count++] = (struct entry){ feed, stream_ref(stream), loop_now_ms(feeds->loop) };
    return feed;
}

struct feed *feeds_get(struct feeds *feeds, struct stream *stream)
{
    if (feeds->recent && feed_stream(feeds->recent) == stream)
        return feeds->recent;
    for (size_t i = 0; i < feeds->count; i++)
        if (feeds->entries[i].stream == stream) {
            feeds->entries[i].used_ms = loop_now_ms(feeds->loop);
            return feeds->entries[i].feed;
        }
    return add(feeds, stream);
}

/* Once a turn. */

static bool is_registered(struct feeds *feeds, struct stream *stream)
{
    struct stream *found = stream_registry_find(feeds->registry, slice_of(stream_name(stream)));
    stream_destroy(found);
    return found == stream;
}

/* Whoever reads a stream that has gone is told so, and gone then. */
static void end_the_gone(struct feeds *feeds)
{
    uint64_t generation = stream_registry_generation(feeds->registry);
    if (generation == feeds->generation)
        return;
    feeds->generation = generation;
    for (size_t i = feeds->count; i > 0; i--)
        if (!is_registered(feeds, feeds->entries[i - 1].stream)) {
            feed_end(feeds->entries[i - 1].feed);
            drop(feeds, i - 1);
        }
}

static void drop_the_idle(struct feeds *feeds)
{
    uint64_t now_ms = loop_now_ms(feeds->loop);
    for (size_t i = feeds->count; i > 0; i--) {
        struct entry *entry = &feeds->entries[i - 1];
        if (feed_is_used(entry->feed))
            entry->used_ms = now_ms;
        else if (now_ms - entry->used_ms > IDLE_MS)
            drop(feeds, i - 1);
    }
}

bool feeds_run(struct feeds *feeds)
{
    bool more = feeds->recent && feed_run(feeds->recent);
    if (!feeds->count)
        return more;
    end_the_gone(feeds);
    for (size_t i = 0; i < feeds->count; i++)
        more |= feed_run(feeds->entries[i].feed);
    drop_the_idle(feeds);
    return more;
}

static void add_stats(struct feed_stats *sum, const struct feed *feed)
{
    struct feed_stats part;
    feed_get_stats(feed, &part);
    sum->reader_count += part.reader_count;
    sum->waiter_count += part.waiter_count;
    sum->channel_count += part.channel_count;
    sum->behind_count += part.behind_count;
    sum->byte_count += part.byte_count;
}

void feeds_add_stats(const struct feeds *feeds, struct feed_stats *sum)
{
    if (!feeds)
        return;
    if (feeds->recent)
        add_stats(sum, feeds->recent);
    for (size_t i = 0; i < feeds->count; i++)
        add_stats(sum, feeds->entries[i].feed);
}

/* Finding. */

struct stream *feeds_find_stream(struct feeds *feeds, struct slice patterns)
{
    struct stream *stream = NULL;
    size_t cursor = 0;
    struct slice pattern;
    bool first = true;
    while (feeds->registry && patterns_next(patterns, &cursor, &pattern)) {
        struct stream *other = stream_registry_find_by_pattern(feeds->registry, pattern);
        if (!first && other != stream) {
            stream_destroy(other);
            stream_destroy(stream);
            return NULL;
        }
        stream_destroy(first ? NULL : other); /* one reference is enough */
        stream = other;
        first = false;
    }
    return stream;
}

struct stream *feeds_named_stream(struct feeds *feeds, struct slice name)
{
    struct stream *recent = feeds->recent ? feed_stream(feeds->recent) : NULL;
    if (recent && slice_is(name, stream_name(recent)))
        return stream_ref(recent);
    return feeds->registry ? stream_registry_find(feeds->registry, name) : NULL;
}

static bool is_in(struct stream *stream, struct cursor cursor)
{
    return cursor.epoch == stream_epoch(stream) || stream_locate(stream, &cursor);
}

static struct stream *find_among_all(struct feeds *feeds, struct cursor cursor)
{
    size_t count = 0;
    struct stream **streams = feeds->registry ? stream_registry_list(feeds->registry, &count) : NULL;
    struct stream *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!found && is_in(streams[i], cursor))
            found = stream_ref(streams[i]);
        stream_destroy(streams[i]);
    }
    free(streams);
    return found;
}

struct stream *feeds_stream_of_cursor(struct feeds *feeds, struct cursor cursor, struct stream *stream)
{
    struct stream *recent = feeds->recent ? feed_stream(feeds->recent) : NULL;
    if (!cursor.epoch || is_in(stream, cursor))
        return NULL;
    return recent && recent != stream && is_in(recent, cursor) ? stream_ref(recent) : find_among_all(feeds, cursor);
}
