/* The next message: of the stream, behind the position, of those that match. */
#include "consumer/state.h"
#include "core/topic.h"

enum { LEAP_MIN = 4096, SKIPS_FOR_ONE = 8 };

static bool spend(struct turn *turn, unsigned count)
{
    if (!turn->budget)
        return false;
    turn->budget -= turn->budget < count ? turn->budget : count;
    return true;
}

bool scan_filter(const struct consumer *consumer, struct slice topic)
{
    const struct consumer_settings *settings = &consumer->settings;
    for (unsigned i = 0; i < settings->filter_count; i++)
        if (pattern_matches(slice_of(settings->filters[i]), topic))
            return true;
    return settings->filter_count == 0;
}

/* Neighbours often have one topic. Equal ones of a run stand under different addresses, so they are compared. */
static bool topic_matches(struct consumer *consumer, struct slice topic)
{
    struct scan *scan = &consumer->scan;
    if (!consumer->settings.filter_count)
        return true;
    if (!scan->topic.data || !slice_equal(scan->topic, topic)) {
        scan->topic = topic;
        scan->topic_matches = scan_filter(consumer, topic);
    }
    return scan->topic_matches;
}

static bool is_wanted(struct consumer *consumer, const struct stream_message *message)
{
    if (message->time_ms < consumer->skip_before_ms)
        return false;
    consumer->skip_before_ms = 0;
    return topic_matches(consumer, message->topic);
}

/* Runs. */

/* Takes the run over. False where there is no room for it. */
static bool hold(struct scan *scan, struct stream_run run)
{
    if (scan->held_count && scan->held[scan->held_count - 1].block == run.block) {
        stream_release(&run); /* it is held already */
        return true;
    }
    if (scan->held_count == HELD_MAX)
        return false;
    scan->held[scan->held_count++] = run;
    return true;
}

/* False: it is used, and there is no room to hold it. */
static bool leave_run(struct scan *scan)
{
    if (!scan->run.block)
        return true;
    if (!scan->run_is_used)
        stream_release(&scan->run);
    else if (!hold(scan, scan->run))
        return false;
    scan->run.block = NULL;
    scan->run_is_used = false;
    scan->topic.data = NULL;
    return true;
}

void scan_release(struct consumer *consumer)
{
    struct scan *scan = &consumer->scan;
    while (scan->held_count)
        stream_release(&scan->held[--scan->held_count]);
    scan->run_is_used = false;
}

void scan_stop(struct consumer *consumer)
{
    scan_release(consumer);
    leave_run(&consumer->scan);
    consumer->scan.has_next = false;
}

static void pass(struct consumer *consumer, uint64_t sequence)
{
    if (sequence > consumer->position)
        consumer->position = sequence;
}

/* Leaping: where nothing has matched for long, the topics say whether anything will. */

struct leap {
    uint64_t position;
    uint64_t next;                /* nothing that matches lies between the position and this */
    uint64_t visited_count;
};

static bool leap_visit(void *arg, const struct stream_topic *topic)
{
    struct leap *leap = arg;
    leap->visited_count++;
    if (topic->last_sequence <= leap->position)
        return true;
    uint64_t first = topic->first_sequence > leap->position ? topic->first_sequence : leap->position + 1;
    if (first < leap->next)
        leap->next = first;
    return leap->next > leap->position + 1;
}

/* The end is looked at first: what comes behind it while the topics are visited is not leapt over. */
static void leap(struct consumer *consumer)
{
    struct leap leap = { .position = consumer->position, .next = stream_last(consumer->stream) + 1 };
    for (unsigned i = 0; i < consumer->settings.filter_count && leap.next > leap.position + 1; i++)
        stream_visit_topics(consumer->stream, slice_of(consumer->settings.filters[i]), leap_visit, &leap);
    consumer->scan.skipped_count = 0;
    consumer->scan.leap_at = leap.visited_count > LEAP_MIN / 4 ? 4 * leap.visited_count : LEAP_MIN;
    pass(consumer, leap.next - 1);
}

static bool leap_is_due(const struct consumer *consumer)
{
    return consumer->settings.filter_count && consumer->scan.skipped_count >= consumer->scan.leap_at;
}

/* Reading on. */

/* In the run that is held. SCAN_END: it has no more. */
static enum scan_found next_in_run(struct consumer *consumer, struct turn *turn)
{
    struct scan *scan = &consumer->scan;
    struct stream_message message;
    while (stream_run_next(&scan->run, &message)) {
        if (message.sequence <= consumer->position)
            continue;
        if (is_wanted(consumer, &message)) {
            scan->next = message;
            scan->has_next = true;
            scan->skipped_count = 0;
            return SCAN_FOUND;
        }
        pass(consumer, message.sequence);
        if (++scan->skipped_count % SKIPS_FOR_ONE == 0 && !spend(turn, 1))
            return SCAN_SPENT;
    }
    pass(consumer, scan->run.last_sequence);
    return SCAN_END;
}

static enum scan_found next_run(struct consumer *consumer, const struct turn *turn)
{
    struct scan *scan = &consumer->scan;
    if (!leave_run(scan))
        return SCAN_HELD;
    if (leap_is_due(consumer))
        leap(consumer);
    enum stream_found found = stream_read(consumer->stream, consumer->position, turn->time.wall_ms, &scan->run);
    if (scan->run.gap_first)
        pass(consumer, scan->run.gap_last);
    if (found == STREAM_FOUND)
        return SCAN_FOUND;
    scan->run.block = NULL;
    return found == STREAM_AWAY ? SCAN_AWAY : SCAN_END;
}

static enum scan_found next_behind(struct consumer *consumer, struct turn *turn)
{
    for (;;) {
        enum scan_found found = consumer->scan.run.block ? next_in_run(consumer, turn) : SCAN_END;
        if (found != SCAN_END)
            return found;
        if (!spend(turn, 1))
            return SCAN_SPENT;
        found = next_run(consumer, turn);
        if (found != SCAN_FOUND)
            return found;
    }
}

/* One of the lasts. They are far from one another, so each is looked up by itself. */
static enum scan_found next_last(struct consumer *consumer, struct turn *turn)
{
    struct lasts *lasts = &consumer->lasts;
    struct scan *scan = &consumer->scan;
    for (; lasts->at < lasts->count; lasts->at++) {
        if (lasts->sequences[lasts->at] <= consumer->position)
            continue;
        if (!spend(turn, 1))
            return SCAN_SPENT;
        if (!leave_run(scan))
            return SCAN_HELD;
        enum stream_found found = stream_read_at(consumer->stream, lasts->sequences[lasts->at], &scan->run);
        if (found == STREAM_FOUND && stream_run_next(&scan->run, &scan->next)) {
            scan->has_next = true;
            return SCAN_FOUND;
        }
        if (found == STREAM_AWAY)
            return SCAN_AWAY;
    }
    if (!leave_run(scan)) /* it may end behind what is to be read next */
        return SCAN_HELD;
    pass(consumer, lasts->until);
    lasts_finish(lasts);
    return SCAN_END;
}

enum scan_found scan_next(struct consumer *consumer, struct turn *turn)
{
    enum scan_found found = SCAN_END;
    if (consumer->scan.has_next)
        return SCAN_FOUND;
    if (consumer->lasts.until)
        found = next_last(consumer, turn);
    return found == SCAN_END ? next_behind(consumer, turn) : found;
}

/* It is no longer to come. */
static void discount(struct consumer *consumer)
{
    struct lasts *lasts = &consumer->lasts;
    if (lasts->at < lasts->count)
        lasts->at++;
    else if (consumer->count.messages)
        consumer->count.messages--;
}

void scan_take(struct consumer *consumer)
{
    struct scan *scan = &consumer->scan;
    discount(consumer);
    consumer->position = scan->next.sequence;
    scan->has_next = false;
    scan->run_is_used = true;
}

enum scan_found scan_at(struct consumer *consumer, uint64_t sequence, struct stream_message *ret_message)
{
    struct stream_run run;
    enum stream_found found = stream_read_at(consumer->stream, sequence, &run);
    if (found == STREAM_AWAY)
        return SCAN_AWAY;
    if (found == STREAM_NONE)
        return SCAN_END;
    bool is_there = stream_run_next(&run, ret_message) && ret_message->sequence == sequence;
    if (!is_there || !hold(&consumer->scan, run)) {
        stream_release(&run);
        return is_there ? SCAN_HELD : SCAN_END;
    }
    return SCAN_FOUND;
}
