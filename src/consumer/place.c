/* Where a new consumer begins. */
#include <stdlib.h>

#include "consumer/state.h"

/* Sequences of the last messages of topics, as they are collected. */
struct collection {
    struct lasts lasts;
    size_t room;
    uint64_t after;              /* only those behind it, and up to lasts.until */
    char *names;                 /* of topics of which the last has to be asked for: size, name, size, name ... */
    size_t names_size, names_room;
    bool is_short;               /* of memory */
};

static bool make_room(void **data, size_t *room, size_t wanted, size_t item_size)
{
    if (wanted <= *room)
        return true;
    size_t more = *room ? 2 * *room : 64;
    while (more < wanted)
        more *= 2;
    void *grown = reallocarray(*data, more, item_size);
    if (!grown)
        return false;
    *data = grown;
    *room = more;
    return true;
}

static bool collect_sequence(struct collection *collection, uint64_t sequence)
{
    struct lasts *lasts = &collection->lasts;
    if (sequence <= collection->after || sequence > lasts->until)
        return true;
    void *sequences = lasts->sequences;
    if (!make_room(&sequences, &collection->room, lasts->count + 1, sizeof *lasts->sequences))
        return false;
    lasts->sequences = sequences;
    lasts->sequences[lasts->count++] = sequence;
    return true;
}

static bool collect_name(struct collection *collection, struct slice name)
{
    uint16_t size = (uint16_t)name.size;
    void *names = collection->names;
    if (!make_room(&names, &collection->names_room, collection->names_size + sizeof size + size, 1))
        return false;
    collection->names = names;
    memcpy(collection->names + collection->names_size, &size, sizeof size);
    memcpy(collection->names + collection->names_size + sizeof size, name.data, size);
    collection->names_size += sizeof size + size;
    return true;
}

static bool collect_visit(void *arg, const struct stream_topic *topic)
{
    struct collection *collection = arg;
    if (topic->last_sequence <= collection->after)
        return true;
    collection->is_short = !(topic->last_is_sure ? collect_sequence(collection, topic->last_sequence)
                                                 : collect_name(collection, topic->topic));
    return !collection->is_short;
}

/* Asks for the last of those that are not sure. */
static enum stream_found ask_names(struct stream *stream, struct collection *collection)
{
    uint16_t size;
    for (size_t at = 0; at < collection->names_size; at += sizeof size + size) {
        uint64_t sequence;
        memcpy(&size, collection->names + at, sizeof size);
        struct slice name = slice_make(collection->names + at + sizeof size, size);
        enum stream_found found = stream_last_of_topic(stream, name, &sequence);
        if (found == STREAM_AWAY)
            return STREAM_AWAY;
        if (found == STREAM_FOUND && !collect_sequence(collection, sequence))
            collection->is_short = true;
    }
    return STREAM_FOUND;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

/* In order; a topic that was visited twice counts once. */
static void sort(struct lasts *lasts)
{
    size_t kept = 0;
    if (lasts->count)
        qsort(lasts->sequences, lasts->count, sizeof *lasts->sequences, compare);
    for (size_t i = 0; i < lasts->count; i++)
        if (!i || lasts->sequences[i] != lasts->sequences[i - 1])
            lasts->sequences[kept++] = lasts->sequences[i];
    lasts->count = kept;
}

void lasts_finish(struct lasts *lasts)
{
    free(lasts->sequences);
    *lasts = (struct lasts){ .sequences = NULL };
}

bool lasts_have(const struct lasts *lasts, uint64_t sequence)
{
    return lasts->count && bsearch(&sequence, lasts->sequences, lasts->count, sizeof sequence, compare);
}

bool consumer_find_lasts(struct consumer *consumer, uint64_t until)
{
    static const char *const all[] = { ">" };
    const struct consumer_settings *settings = &consumer->settings;
    const char *const *filters = settings->filter_count ? (const char *const *)settings->filters : all;
    struct collection collection = { .lasts.until = until, .after = consumer->position };
    unsigned count = settings->filter_count ? settings->filter_count : 1;
    for (unsigned i = 0; i < count && !collection.is_short; i++)
        stream_visit_topics(consumer->stream, slice_of(filters[i]), collect_visit, &collection);
    bool is_found = ask_names(consumer->stream, &collection) == STREAM_FOUND && !collection.is_short;
    free(collection.names);
    if (!is_found) {
        lasts_finish(&collection.lasts);
        return false;
    }
    sort(&collection.lasts);
    lasts_finish(&consumer->lasts);
    consumer->lasts = collection.lasts;
    return true;
}

/* The policies. Each sets the position by what the stream held when the consumer came; false: it has to be asked
 * again. */

static bool start_at_all(struct consumer *consumer)
{
    consumer->position = consumer->begin_first - 1;
    return true;
}

static bool start_at_new(struct consumer *consumer)
{
    consumer->position = consumer->begin_last;
    return true;
}

/* The last of all that match is the last of the lasts. */
static bool start_at_last(struct consumer *consumer)
{
    struct lasts *lasts = &consumer->lasts;
    consumer->position = consumer->begin_first - 1;
    if (!consumer_find_lasts(consumer, consumer->begin_last))
        return false;
    consumer->position = lasts->count ? lasts->sequences[lasts->count - 1] - 1 : consumer->begin_last;
    lasts_finish(lasts);
    return true;
}

static bool start_at_sequence(struct consumer *consumer)
{
    uint64_t sequence = consumer->settings.start_sequence;
    if (sequence < consumer->begin_first)
        sequence = consumer->begin_first;
    if (sequence > consumer->begin_last + 1)
        sequence = consumer->begin_last + 1;
    consumer->position = sequence - 1;
    return true;
}

static bool start_at_time(struct consumer *consumer)
{
    uint64_t position = stream_sequence_before(consumer->stream, consumer->settings.start_time_ms);
    if (position < consumer->begin_first - 1)
        position = consumer->begin_first - 1;
    consumer->position = position < consumer->begin_last ? position : consumer->begin_last;
    consumer->skip_before_ms = consumer->settings.start_time_ms;
    return true;
}

/* Where a stream keeps no more than one message of a topic, the lasts are all there are. */
static bool start_at_lasts(struct consumer *consumer)
{
    struct stream_settings settings;
    if (stream_get_settings(consumer->stream, &settings) != 0)
        return false;
    bool keeps_one = settings.messages_per_topic_max == 1;
    settings_finish(&settings);
    consumer->position = consumer->begin_first - 1;
    return keeps_one || consumer_find_lasts(consumer, consumer->begin_last);
}

bool consumer_place_start(struct consumer *consumer, struct consumer_time time)
{
    static bool (*const starts[])(struct consumer *consumer) = {
        [CONSUMER_START_ALL] = start_at_all,
        [CONSUMER_START_LAST] = start_at_last,
        [CONSUMER_START_NEW] = start_at_new,
        [CONSUMER_START_SEQUENCE] = start_at_sequence,
        [CONSUMER_START_TIME] = start_at_time,
        [CONSUMER_START_LAST_PER_TOPIC] = start_at_lasts,
    };
    if (consumer->is_placed)
        return true;
    if (consumer->lasts_until)
        consumer->is_placed = consumer_find_lasts(consumer, consumer->lasts_until);
    else
        consumer->is_placed = starts[consumer->settings.start](consumer);
    if (consumer->is_placed)
        count_exactly(consumer, time);
    return consumer->is_placed;
}

void consumer_resume_lasts(struct consumer *consumer, uint64_t until, struct consumer_time time)
{
    lasts_finish(&consumer->lasts);
    consumer->lasts_until = until;
    consumer->is_placed = until <= consumer->position;
    if (consumer->is_placed)
        count_exactly(consumer, time);
    else
        consumer_place_start(consumer, time);
}
