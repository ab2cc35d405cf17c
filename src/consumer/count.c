/*
 * How many messages are still to come. Without filters the stream knows. With filters the topics know, but for those
 * that are partly behind the position: of these the share is estimated, or counted where it is near. Between two looks
 * the number goes down by what is delivered: looking costs the more the more there is. That none is left is always
 * exact: clients wait for it.
 */
#include "consumer/state.h"
#include "core/topic.h"

enum {
    READ_MAX = 4096,
    VISITS_PER_MS = 64,
    MESSAGES_PER_VISIT = 1024,   /* a stream counts by spans, of about so many */
};

/* All that the stream keeps is named by the filters. */
static bool is_whole(const struct consumer_settings *settings, const struct stream_settings *stream)
{
    bool covers = true;
    for (unsigned i = 0; covers && i < stream->topic_count; i++) {
        covers = false;
        for (unsigned k = 0; !covers && k < settings->filter_count; k++)
            covers = pattern_covers(slice_of(settings->filters[k]), slice_of(stream->topics[i]));
    }
    return covers;
}

void count_filters(struct consumer *consumer)
{
    struct stream_settings settings;
    consumer->count.is_whole = consumer->settings.filter_count == 0;
    if (consumer->count.is_whole || stream_get_settings(consumer->stream, &settings) != 0)
        return;
    consumer->count.is_whole = is_whole(&consumer->settings, &settings);
    settings_finish(&settings);
}

/* Where messages begin that are no lasts. */
static uint64_t behind_lasts(const struct consumer *consumer)
{
    return consumer->lasts.until > consumer->position ? consumer->lasts.until : consumer->position;
}

static uint64_t lasts_left(const struct consumer *consumer)
{
    const struct lasts *lasts = &consumer->lasts;
    return lasts->count - lasts->at;
}

/* By topics, or by the stream itself. */

struct tally {
    uint64_t after;
    uint64_t messages;
    uint64_t visited_count;
    bool is_estimate;
};

/* As if its messages stood at equal distances: so it is exact where they are neighbours. */
static uint64_t share(const struct stream_topic *topic, uint64_t after)
{
    uint64_t span = topic->last_sequence - topic->first_sequence, rest = topic->last_sequence - after;
    if (!span || topic->message_count < 2)
        return 1;
    uint64_t count = (uint64_t)((double)(topic->message_count - 1) * (double)rest / (double)span + 0.5);
    return count ? count : 1;
}

static bool tally_visit(void *arg, const struct stream_topic *topic)
{
    struct tally *tally = arg;
    tally->visited_count++;
    if (topic->last_sequence <= tally->after)
        return true;
    if (topic->first_sequence > tally->after) {
        tally->messages += topic->message_count;
    } else {
        tally->messages += share(topic, tally->after);
        tally->is_estimate = true;
    }
    return true;
}

static struct tally tally_about(const struct consumer *consumer, uint64_t after)
{
    struct tally tally = { .after = after };
    if (consumer->count.is_whole) {
        tally.messages = stream_count_after(consumer->stream, after);
        tally.visited_count = tally.messages / MESSAGES_PER_VISIT;
        return tally;
    }
    for (unsigned i = 0; i < consumer->settings.filter_count; i++)
        stream_visit_topics(consumer->stream, slice_of(consumer->settings.filters[i]), tally_visit, &tally);
    return tally;
}

static void note(struct consumer *consumer, uint64_t end, struct consumer_time time, struct tally tally)
{
    consumer->count.messages = tally.messages;
    consumer->count.visited_count = tally.visited_count;
    consumer->count.until = end;
    consumer->count.counted_ms = time.now_ms;
}

/* By reading. *after is where it came to; true: it came to the end. */
static bool tally_read(struct consumer *consumer, uint64_t *after, struct consumer_time time, uint64_t *ret_count)
{
    struct stream_run run;
    struct stream_message message;
    unsigned budget = READ_MAX;
    enum stream_found found;
    while ((found = stream_read(consumer->stream, *after, time.wall_ms, &run)) == STREAM_FOUND && budget) {
        for (; budget && stream_run_next(&run, &message); budget--) {
            *ret_count += message.time_ms >= consumer->skip_before_ms && supply_matches(consumer, message.topic);
            *after = message.sequence;
        }
        if (budget && run.last_sequence > *after)
            *after = run.last_sequence;
        stream_release(&run);
    }
    if (found == STREAM_FOUND)
        stream_release(&run);
    return found == STREAM_NONE;
}

/* What is near is read where the topics can only guess. */
static struct tally tally_exactly(struct consumer *consumer, uint64_t after, struct consumer_time time)
{
    struct tally tally = tally_about(consumer, after);
    uint64_t read_count = 0;
    if (!tally.is_estimate)
        return tally;
    if (tally_read(consumer, &after, time, &read_count))
        tally.messages = 0;
    else
        tally = tally_about(consumer, after);
    tally.messages += read_count;
    return tally;
}

uint64_t count_exactly(struct consumer *consumer, struct consumer_time time)
{
    count_filters(consumer);
    uint64_t after = behind_lasts(consumer), end = stream_last(consumer->stream);
    note(consumer, end, time, tally_exactly(consumer, after, time));
    return lasts_left(consumer) + consumer->count.messages;
}

/* Without filters each new sequence is one more. */
static void add_new(struct count *count, uint64_t end)
{
    count->messages += end - count->until;
    count->until = end;
}

void count_anew(struct consumer *consumer)
{
    consumer->count.until = UINT64_MAX;
    consumer->count.counted_ms = 0;
}

/* The more has to be looked at, the less often it is. */
uint64_t count_about(struct consumer *consumer, struct consumer_time time)
{
    struct count *count = &consumer->count;
    uint64_t after = behind_lasts(consumer), end = stream_last(consumer->stream);
    if (end != count->until && time.now_ms >= count->counted_ms + count->visited_count / VISITS_PER_MS)
        note(consumer, end, time, tally_about(consumer, after));
    else if (count->is_whole && end > count->until)
        add_new(count, end);
    return lasts_left(consumer) + count->messages;
}

/* Whether anything follows. A topic of which the last is not sure has to be asked for by itself. */

struct search {
    uint64_t after;
    bool is_found;
    uint16_t name_size;         /* of one to be asked for; 0: none */
    char name[UINT16_MAX];
};

static bool search_visit(void *arg, const struct stream_topic *topic)
{
    struct search *search = arg;
    if (topic->last_sequence <= search->after)
        return true;
    if (topic->last_is_sure) {
        search->is_found = true;
    } else if (!search->name_size) {
        search->name_size = (uint16_t)topic->topic.size;
        memcpy(search->name, topic->topic.data, topic->topic.size);
    } else {
        search->is_found = true; /* two of them: one will do */
    }
    return !search->is_found;
}

static bool anything_follows(const struct consumer *consumer)
{
    struct search search;
    if (consumer->count.is_whole)
        return stream_count_after(consumer->stream, behind_lasts(consumer)) > 0;
    search.after = behind_lasts(consumer);
    search.is_found = false;
    search.name_size = 0;
    for (unsigned i = 0; !search.is_found && i < consumer->settings.filter_count; i++)
        stream_visit_topics(consumer->stream, slice_of(consumer->settings.filters[i]), search_visit, &search);
    uint64_t last = UINT64_MAX;
    if (!search.is_found && search.name_size)
        search.is_found = stream_last_of_topic(consumer->stream, slice_make(search.name, search.name_size), &last) !=
                              STREAM_NONE && last > search.after;
    return search.is_found;
}

uint64_t count_after_batch(struct consumer *consumer, struct turn *turn, const struct gathered *gathered)
{
    bool is_end = gathered->stop == GATHER_END || consumer->position >= stream_last(consumer->stream);
    uint64_t about = count_about(consumer, turn->time);
    enum supply_found found = is_end ? SUPPLY_END : supply_next(consumer, turn);
    if (found == SUPPLY_FOUND || (found != SUPPLY_END && (lasts_left(consumer) || anything_follows(consumer))))
        return about ? about : 1;
    return consumer->count.messages = 0;
}
