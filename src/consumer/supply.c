/* The next message: of the stream, behind the position, of those that match. */
#include <stdlib.h>

#include "consumer/state.h"
#include "core/topic.h"

enum { LEAP_MIN = 4096, SKIPS_FOR_ONE = 8 };

static bool spend(struct turn *turn)
{
    bool goes_on = turn_goes_on(turn);
    turn_spend(turn);
    return goes_on;
}

bool supply_set_filters(struct consumer *consumer)
{
    const struct consumer_settings *settings = &consumer->settings;
    struct supply_filter *filters = NULL;
    if (settings->filter_count && !(filters = calloc(settings->filter_count, sizeof *filters)))
        return false;
    for (unsigned i = 0; i < settings->filter_count; i++) {
        filters[i].pattern = slice_of(settings->filters[i]);
        filters[i].is_literal = !pattern_has_wildcard(filters[i].pattern);
    }
    free(consumer->supply.filters);
    consumer->supply.filters = filters;
    return true;
}

bool supply_matches(const struct consumer *consumer, struct slice topic)
{
    const struct supply_filter *filter = consumer->supply.filters;
    for (unsigned left = consumer->settings.filter_count; left; left--, filter++)
        if (filter->is_literal ? slice_equal(filter->pattern, topic) : pattern_matches(filter->pattern, topic))
            return true;
    return consumer->settings.filter_count == 0;
}

/* Neighbours often have one topic. Equal ones of a run stand under different addresses, so they are compared. */
static bool topic_matches(struct consumer *consumer, struct slice topic)
{
    struct supply *supply = &consumer->supply;
    if (!consumer->settings.filter_count)
        return true;
    if (!supply->topic.data || !slice_equal(supply->topic, topic)) {
        supply->topic = topic;
        supply->topic_matches = supply_matches(consumer, topic);
    }
    return supply->topic_matches;
}

static bool is_wanted(struct consumer *consumer, const struct stream_message *message)
{
    if (message->time_ms < consumer->skip_before_ms)
        return false;
    if (consumer->skip_before_ms)
        count_anew(consumer); /* without what was passed over */
    consumer->skip_before_ms = 0;
    return topic_matches(consumer, message->topic);
}

/* Runs. */

/* Takes the run over. False where there is no room for it. */
static bool hold(struct supply *supply, struct stream_run run)
{
    if (supply->held_count && supply->held[supply->held_count - 1] == run.block) {
        stream_release(&run); /* it is held already */
        return true;
    }
    if (supply->held_count == HELD_MAX)
        return false;
    supply->held[supply->held_count++] = run.block;
    return true;
}

/* False: it is used, and there is no room to hold it. */
static bool leave_run(struct supply *supply)
{
    if (!supply->run.block)
        return true;
    if (!supply->run_is_used)
        stream_release(&supply->run);
    else if (!hold(supply, supply->run))
        return false;
    supply->run.block = NULL;
    supply->run_is_used = false;
    supply->topic.data = NULL;
    return true;
}

void supply_release(struct consumer *consumer)
{
    struct supply *supply = &consumer->supply;
    while (supply->held_count)
        stream_release(&(struct stream_run){ .block = supply->held[--supply->held_count] });
    supply->run_is_used = false;
}

void supply_stop(struct consumer *consumer)
{
    supply_release(consumer);
    leave_run(&consumer->supply);
    consumer->supply.has_next = false;
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
    consumer->supply.skipped_count = 0;
    consumer->supply.leap_at = leap.visited_count > LEAP_MIN / 4 ? 4 * leap.visited_count : LEAP_MIN;
    pass(consumer, leap.next - 1);
}

static bool leap_is_due(const struct consumer *consumer)
{
    return consumer->settings.filter_count && consumer->supply.skipped_count >= consumer->supply.leap_at &&
           stream_has_topics(consumer->stream);
}

/* Reading on. */

/* In the run that is held. SUPPLY_END: it has no more. */
static enum supply_found next_in_run(struct consumer *consumer, struct turn *turn)
{
    struct supply *supply = &consumer->supply;
    struct stream_message message;
    while (stream_run_next(&supply->run, &message)) {
        if (message.sequence <= consumer->position)
            continue;
        if (is_wanted(consumer, &message)) {
            supply->next = message;
            supply->has_next = true;
            supply->skipped_count = 0;
            return SUPPLY_FOUND;
        }
        pass(consumer, message.sequence);
        if (++supply->skipped_count % SKIPS_FOR_ONE == 0 && !spend(turn))
            return SUPPLY_SPENT;
    }
    pass(consumer, supply->run.last_sequence);
    return SUPPLY_END;
}

static enum supply_found next_run(struct consumer *consumer, const struct turn *turn)
{
    struct supply *supply = &consumer->supply;
    if (!leave_run(supply))
        return SUPPLY_HELD;
    if (leap_is_due(consumer))
        leap(consumer);
    enum stream_found found = stream_read(consumer->stream, consumer->position, turn->time.wall_ms, &supply->run);
    if (supply->run.gap_first)
        pass(consumer, supply->run.gap_last);
    if (found == STREAM_FOUND)
        return SUPPLY_FOUND;
    supply->run.block = NULL;
    return found == STREAM_AWAY ? SUPPLY_AWAY : SUPPLY_END;
}

uint64_t consumer_position(const struct consumer *consumer)
{
    return consumer->is_placed ? consumer->position : 0;
}

/* Where it begins may not be known yet, or be with certain messages. */
void consumer_skip(struct consumer *consumer, uint64_t until)
{
    if (consumer->is_placed && !consumer->lasts.until && !consumer->supply.has_next && !consumer->supply.run.block)
        pass(consumer, until);
}

static enum supply_found next_behind(struct consumer *consumer, struct turn *turn)
{
    for (;;) {
        enum supply_found found = consumer->supply.run.block ? next_in_run(consumer, turn) : SUPPLY_END;
        if (found != SUPPLY_END)
            return found;
        if (!spend(turn))
            return SUPPLY_SPENT;
        found = next_run(consumer, turn);
        if (found != SUPPLY_FOUND)
            return found;
    }
}

/* One of the lasts. They are far from one another, so each is looked up by itself. */
static enum supply_found next_last(struct consumer *consumer, struct turn *turn)
{
    struct lasts *lasts = &consumer->lasts;
    struct supply *supply = &consumer->supply;
    for (; lasts->at < lasts->count; lasts->at++) {
        if (lasts->sequences[lasts->at] <= consumer->position)
            continue;
        if (!spend(turn))
            return SUPPLY_SPENT;
        if (!leave_run(supply))
            return SUPPLY_HELD;
        enum stream_found found = stream_read_at(consumer->stream, lasts->sequences[lasts->at], &supply->run);
        if (found == STREAM_FOUND && stream_run_next(&supply->run, &supply->next)) {
            supply->has_next = true;
            return SUPPLY_FOUND;
        }
        if (found == STREAM_AWAY)
            return SUPPLY_AWAY;
    }
    if (!leave_run(supply)) /* it may end behind what is to be read next */
        return SUPPLY_HELD;
    pass(consumer, lasts->until);
    lasts_finish(lasts);
    return SUPPLY_END;
}

enum supply_found supply_next(struct consumer *consumer, struct turn *turn)
{
    enum supply_found found = SUPPLY_END;
    if (consumer->supply.has_next)
        return SUPPLY_FOUND;
    if (consumer->lasts.until)
        found = next_last(consumer, turn);
    return found == SUPPLY_END ? next_behind(consumer, turn) : found;
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

void supply_take(struct consumer *consumer)
{
    struct supply *supply = &consumer->supply;
    discount(consumer);
    consumer->position = supply->next.sequence;
    supply->has_next = false;
    supply->run_is_used = true;
}

enum supply_found supply_at(struct consumer *consumer, uint64_t sequence, struct stream_message *ret_message)
{
    struct stream_run run;
    enum stream_found found = stream_read_at(consumer->stream, sequence, &run);
    if (found == STREAM_AWAY)
        return SUPPLY_AWAY;
    if (found == STREAM_NONE)
        return SUPPLY_END;
    bool is_there = stream_run_next(&run, ret_message) && ret_message->sequence == sequence;
    if (!is_there || !hold(&consumer->supply, run)) {
        stream_release(&run);
        return is_there ? SUPPLY_HELD : SUPPLY_END;
    }
    return SUPPLY_FOUND;
}
