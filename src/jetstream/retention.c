/*
 * Taking out what all consumers are done with. A work queue's message goes with the one consumer that it is for; a
 * message of a stream that is kept by interest goes when no consumer needs it any more. Both is done as consumers say
 * so; what was not heard of, because consumers went, or the daemon did, is found by a sweep over the stream. Webhooks,
 * whose consumers live on another thread, hold what they need (struct stream_hold); of a work queue they delete what
 * they are done with themselves.
 */
#include "core/topic.h"
#include "jetstream/home.h"

enum { SWEEP_BUDGET = 2048 }; /* messages looked at in one turn */

static bool has_filters(const struct seat *seat)
{
    return consumer_get_settings(seat->consumer)->filter_count > 0;
}

static bool matches(const struct seat *seat, struct slice topic)
{
    const struct consumer_settings *settings = consumer_get_settings(seat->consumer);
    for (unsigned i = 0; i < settings->filter_count; i++)
        if (pattern_matches(slice_of(settings->filters[i]), topic))
            return true;
    return !settings->filter_count;
}

/* The first seat for which a question is answered by yes, other than this one; NULL: none. */
static struct seat *find_seat(const struct home *home, const struct seat *but,
                              bool (*is_it)(const struct seat *seat, const void *arg), const void *arg)
{
    for (size_t i = 0; i < home->table_size; i++)
        for (struct seat *seat = home->table[i]; seat; seat = seat->next)
            if (seat != but && is_it(seat, arg))
                return seat;
    return NULL;
}

struct what {
    uint64_t sequence;
    struct slice topic;
};

static bool needs(const struct seat *seat, const void *arg)
{
    const struct what *what = arg;
    return consumer_needs(seat->consumer, what->sequence, what->topic);
}

static bool is_done_with(const struct seat *seat, const void *arg)
{
    const struct what *what = arg;
    return matches(seat, what->topic) && !consumer_needs(seat->consumer, what->sequence, what->topic);
}

static bool is_filtered(const struct seat *seat, const void *arg)
{
    (void)arg;
    return has_filters(seat);
}

static bool takes_all(const struct seat *seat, const void *arg)
{
    (void)arg;
    return !has_filters(seat);
}

/* Whether a message may go, by what it is and who is there. */
static bool may_go(const struct home *home, const struct what *what)
{
    if (home->retention == STREAM_WORKQUEUE)
        return find_seat(home, NULL, is_done_with, what);
    return what->sequence <= home->held && !find_seat(home, NULL, needs, what);
}

static void sweep_from(struct home *home, uint64_t sequence)
{
    home->swept = home->swept < sequence ? home->swept : sequence - 1;
    home->sweeping = true;
}

/* The topic is asked for only where a filter would look at it. */
static void delete_unless_needed(struct home *home, const struct seat *seat, uint64_t sequence)
{
    struct what what = { .sequence = sequence };
    struct stream_run run;
    struct stream_message message;
    bool by_topic = find_seat(home, seat, is_filtered, NULL);
    if (sequence > stream_held(home->stream))
        return; /* it is looked at when that has risen */
    if (by_topic) {
        enum stream_found found = stream_read_at(home->stream, sequence, &run);
        if (found == STREAM_AWAY)
            sweep_from(home, sequence);
        if (found != STREAM_FOUND)
            return;
        if (stream_run_next(&run, &message))
            what.topic = message.topic;
    }
    if (!find_seat(home, seat, needs, &what))
        stream_delete(home->stream, sequence);
    if (by_topic)
        stream_release(&run);
}

void retention_done_with(struct seat *seat, uint64_t sequence)
{
    struct home *home = seat->home;
    if (home->retention == STREAM_WORKQUEUE)
        stream_delete(home->stream, sequence);
    else if (home->retention == STREAM_INTEREST)
        delete_unless_needed(home, seat, sequence);
}

void retention_begin(struct home *home)
{
    home->held = stream_held(home->stream);
    if (home->retention != STREAM_LIMITS)
        sweep_from(home, 1);
}

/* What has come since, and is for a consumer that takes all, is needed. */
static bool new_are_needed(const struct home *home)
{
    return home->retention == STREAM_WORKQUEUE || find_seat(home, NULL, takes_all, NULL);
}

/* What has been let go of is looked at. */
static void look_at_holds(struct home *home)
{
    uint64_t held = stream_held(home->stream);
    if (held > home->held)
        sweep_from(home, home->held + 1);
    home->held = held;
}

/* Looks at the messages of a run, up to one that is held. */
static void sweep_run(struct home *home, struct stream_run *run, uint64_t end, unsigned *budget)
{
    struct stream_message message;
    while (*budget && stream_run_next(run, &message)) {
        if (message.sequence > end) {
            home->swept = end;
            return;
        }
        const struct what what = { message.sequence, message.topic };
        if (may_go(home, &what))
            stream_delete(home->stream, message.sequence);
        home->swept = message.sequence;
        --*budget;
    }
}

/* True where there is more to look at now. */
static bool sweep(struct home *home, uint64_t end, unsigned *budget)
{
    struct stream_run run;
    uint64_t now_ms = broker_wall_ms(home->jetstream->broker);
    while (*budget && home->swept < end) {
        enum stream_found found = stream_read(home->stream, home->swept, now_ms, &run);
        if (found != STREAM_FOUND) {
            home->sweeping = found == STREAM_AWAY;
            return false;
        }
        sweep_run(home, &run, end, budget);
        stream_release(&run);
    }
    home->sweeping = home->swept < end;
    return home->sweeping;
}

/* After a sweep that was begun for a reason, new messages are looked at where nobody takes all. */
static bool sweep_home(struct home *home)
{
    unsigned budget = SWEEP_BUDGET;
    uint64_t last = stream_last(home->stream);
    look_at_holds(home);
    if (!home->sweeping && home->swept < last && new_are_needed(home))
        home->swept = last;
    uint64_t end = home->retention == STREAM_INTEREST && home->held < last ? home->held : last;
    return home->swept < end && sweep(home, end, &budget);
}

bool retention_sweep(struct jetstream *jetstream)
{
    bool more = false;
    for (struct list *at = jetstream->homes.next; at != &jetstream->homes; at = at->next) {
        struct home *home = LIST_OWNER(at, struct home, place);
        if (home->retention != STREAM_LIMITS)
            more |= sweep_home(home);
    }
    return more;
}
