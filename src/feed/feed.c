#include "feed/feed.h"

#include <errno.h>
#include <stdlib.h>

#include "core/topic.h"
#include "feed/state.h"
#include "util/hash.h"

enum {
    TAIL_SLICE = 4096,   /* messages that the tail reads before readers are served */
    SERVE_SLICE = 16,    /* readers that are served before the worker looks for input: meanwhile more messages come, and
                            the next readers get them in the same send */
    CATCH_SLICE = 4,     /* pieces of the stream read for readers that catch up */
    READY_SLICE = 16,    /* waiters told; as with readers, the next get more in the same answer */
    FRAME_ROOM_MAX = 64 << 10, /* that feed_frame keeps */
    SCAN_SLICE = 4096,   /* messages looked at by feed_scan */
};

/* A topic may be as long and deep as any that a worker has taken, whatever its limits were then. */
static const struct topic_limits index_limits = { UINT16_MAX, TOPIC_DEPTH_LIMIT };

struct feed *feed_create(struct stream *stream, const struct feed_host *host, uint64_t seed)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return NULL;
    feed->index = router_create(hash_mix(seed, HASH_PRIME_A), &index_limits);
    if (!feed->index) {
        free(feed);
        return NULL;
    }
    feed->stream = stream;
    feed->stream_name = slice_of(stream_name(stream));
    feed->epoch = stream_epoch(stream);
    feed->host = *host;
    feed->seed = seed;
    feed->watch.wake = host->wake;
    feed->watch.arg = host->arg;
    list_init(&feed->busy);
    list_init(&feed->empty);
    list_init(&feed->catching);
    list_init(&feed->blocked);
    list_init(&feed->away);
    list_init(&feed->away_waiters);
    list_init(&feed->ready);
    return feed;
}

void feed_destroy(struct feed *feed)
{
    if (!feed)
        return;
    channels_drop_empty(feed, UINT64_MAX);
    if (feed->is_watching)
        stream_unwatch(feed->stream, &feed->watch);
    router_destroy(feed->index);
    frames_free(&feed->frame);
    frames_free(&feed->scratch);
    frames_free(&feed->spare);
    free(feed->table);
    free(feed);
}

struct stream *feed_stream(const struct feed *feed)
{
    return feed->stream;
}

struct stream_watch *feed_watch(struct feed *feed)
{
    return &feed->watch;
}

/* The tail. */

void tail_begin(struct feed *feed)
{
    if (feed->is_watching)
        return;
    feed->is_watching = true;
    stream_watch(feed->stream, &feed->watch);
    feed->tail_sequence = stream_last(feed->stream);
}

static void tail_end(struct feed *feed)
{
    feed->is_watching = false;
    feed->tail_is_away = false;
    stream_unwatch(feed->stream, &feed->watch);
}

/* The stream has dropped what the tail had not read yet: all who stand at a channel see to it themselves. */
static void tail_missed(struct feed *feed, uint64_t sequence)
{
    for (size_t i = 0; i < feed->table_size; i++)
        for (struct channel *channel = feed->table[i]; channel; channel = channel->next)
            channel_scatter(channel); /* from where the tail has been */
    feed->tail_sequence = sequence;
}

static void take_message(struct feed *feed, const struct stream_message *message)
{
    const struct match *match = router_match(feed->index, message->topic);
    for (unsigned i = 0; i < match->sink_count; i++)
        channel_take(((struct channel_pattern *)match->sinks[i])->channel, message);
    feed->tail_sequence = message->sequence;
}

static enum stream_found take_run(struct feed *feed, unsigned *budget)
{
    struct stream_run run;
    struct stream_message message;
    enum stream_found found = stream_read(feed->stream, feed->tail_sequence, feed->host.wall_ms(feed->host.arg), &run);
    if (run.gap_first)
        tail_missed(feed, run.gap_last);
    if (found != STREAM_FOUND)
        return found;
    while (*budget && stream_run_next(&run, &message)) {
        take_message(feed, &message);
        --*budget;
    }
    stream_release(&run);
    return found;
}

/* True where there is more. */
static bool tail_run(struct feed *feed)
{
    unsigned budget = TAIL_SLICE;
    enum stream_found found = STREAM_FOUND;
    bool advanced = stream_watch_take(&feed->watch);
    uint64_t last = stream_last(feed->stream); /* before the look at what is there: what comes then is not passed */
    if (feed->tail_is_away || (!advanced && feed->tail_sequence == last))
        return false;
    while (budget && found == STREAM_FOUND)
        found = take_run(feed, &budget);
    feed->tail_is_away = found == STREAM_AWAY;
    if (found == STREAM_NONE && feed->tail_sequence < last)
        feed->tail_sequence = last; /* what is missing has been superseded */
    return found == STREAM_FOUND;
}

/* Something has come from disk: for whom, they find out themselves. */
static void take_arrivals(struct feed *feed)
{
    uint64_t arrivals = stream_arrivals(feed->stream);
    if (arrivals == feed->arrivals)
        return;
    feed->arrivals = arrivals;
    feed->tail_is_away = false;
    readers_go_on(feed);
    list_splice(&feed->ready, &feed->away_waiters);
}

/* Serving. */

static bool serve_readers(struct feed *feed)
{
    for (unsigned i = 0; i < SERVE_SLICE && !list_is_empty(&feed->busy); i++) {
        struct channel *channel = LIST_OWNER(feed->busy.next, struct channel, busy);
        reader_serve(LIST_OWNER(channel->behind.next, struct feed_reader, place));
        list_remove(&channel->busy); /* the next turn is another channel's */
        list_append(&feed->busy, &channel->busy);
        channel_served(channel);
    }
    return !list_is_empty(&feed->busy);
}

static bool serve_catching(struct feed *feed)
{
    for (unsigned i = 0; i < CATCH_SLICE && !list_is_empty(&feed->catching); i++)
        reader_catch_up(LIST_OWNER(feed->catching.next, struct feed_reader, place));
    return !list_is_empty(&feed->catching);
}

/* Whoever waits again meanwhile is told in the next turn. */
static bool tell_waiters(struct feed *feed)
{
    struct list now;
    list_init(&now);
    list_splice(&now, &feed->ready);
    for (unsigned i = 0; i < READY_SLICE && !list_is_empty(&now); i++) {
        struct feed_waiter *waiter = LIST_OWNER(now.next, struct feed_waiter, place);
        feed_waiter_close(waiter);
        waiter->ready(waiter);
    }
    list_splice(&now, &feed->ready);
    list_splice(&feed->ready, &now);
    return !list_is_empty(&feed->ready);
}

bool feed_run(struct feed *feed)
{
    take_arrivals(feed);
    bool more = feed->is_watching && tail_run(feed);
    more |= tell_waiters(feed);
    more |= serve_readers(feed);
    more |= serve_catching(feed);
    if (feed->frame.room > FRAME_ROOM_MAX)
        frames_free(&feed->frame);
    if (feed->empty_count)
        channels_drop_empty(feed, feed->host.wall_ms(feed->host.arg));
    if (feed->is_watching && !feed->channel_count && list_is_empty(&feed->away_waiters))
        tail_end(feed);
    return more;
}

/* Ending. */

static void end_readers(struct list *readers)
{
    while (!list_is_empty(readers)) {
        struct feed_reader *reader = LIST_OWNER(readers->next, struct feed_reader, place);
        reader->ops->ended(reader);
    }
}

void feed_end(struct feed *feed)
{
    feed->is_ended = true;
    for (size_t i = 0; i < feed->table_size; i++)
        for (struct channel *channel = feed->table[i]; channel; channel = channel->next)
            channel_scatter(channel); /* its readers catch up, its waiters are ready */
    end_readers(&feed->catching);
    end_readers(&feed->away);
    end_readers(&feed->blocked);
    list_splice(&feed->ready, &feed->away_waiters);
    while (tell_waiters(feed))
        ;
}

bool feed_is_ended(const struct feed *feed)
{
    return feed->is_ended;
}

bool feed_is_used(const struct feed *feed)
{
    return feed->reader_count || feed->waiter_count || feed->channel_count;
}

/* Waiters. */

static void wait_in(struct feed_waiter *waiter, struct list *list)
{
    list_init(&waiter->place);
    list_append(list, &waiter->place);
    waiter->feed->waiter_count++;
}

int feed_waiter_open(struct feed *feed, struct feed_waiter *waiter, void (*ready)(struct feed_waiter *waiter),
                     struct slice patterns, uint64_t after)
{
    tail_begin(feed);
    struct channel *channel = channel_enter(feed, patterns, false, (struct feed_format){ .shape = FEED_LIST });
    if (!channel)
        return -ENOMEM;
    *waiter = (struct feed_waiter){ .ready = ready, .feed = feed, .channel = channel };
    wait_in(waiter, feed->tail_sequence > after ? &feed->ready : &channel->waiters);
    return 0;
}

void feed_waiter_again(struct feed *feed, struct feed_waiter *waiter, void (*ready)(struct feed_waiter *waiter))
{
    *waiter = (struct feed_waiter){ .ready = ready, .feed = feed };
    wait_in(waiter, &feed->ready);
}

/* What has come since the last look may have been what it waits for, and nobody was told. */
void feed_waiter_away(struct feed *feed, struct feed_waiter *waiter, void (*ready)(struct feed_waiter *waiter))
{
    tail_begin(feed);
    *waiter = (struct feed_waiter){ .ready = ready, .feed = feed };
    wait_in(waiter, stream_arrivals(feed->stream) == feed->arrivals ? &feed->away_waiters : &feed->ready);
}

void feed_waiter_close(struct feed_waiter *waiter)
{
    if (!waiter->feed)
        return;
    list_remove(&waiter->place);
    waiter->feed->waiter_count--;
    if (waiter->channel)
        channel_leave(waiter->channel);
    waiter->feed = NULL;
    waiter->channel = NULL;
}

/* Reading by hand. */

/* The cursor may be of another epoch, or beyond the end. */
static void scan_begin(struct feed *feed, struct feed_scan *scan)
{
    struct stream_state state;
    if (scan->at.epoch != feed->epoch && !stream_locate(feed->stream, &scan->at)) {
        stream_get_state(feed->stream, &state);
        scan->at = (struct cursor){ feed->epoch, state.first_sequence - 1 };
        scan->gap = true;
    } else if (scan->at.sequence > stream_last(feed->stream)) {
        scan->at.sequence = stream_last(feed->stream);
    }
}

/* False where it has to stop: take says so, or the budget is used up. */
static bool scan_run(struct feed_scan *scan, struct stream_run *run, uint64_t limit, unsigned *budget,
                     bool (*take)(void *arg, const struct stream_message *message), void *arg)
{
    struct stream_message message;
    uint64_t sequence = scan->at.sequence, passed = sequence;
    while (run_next_of(run, scan->patterns, limit, budget, &sequence, &message)) {
        if (!is_too_old(&scan->from_ms, &message) && !take(arg, &message)) {
            scan->at.sequence = passed;
            return false;
        }
        passed = sequence;
    }
    scan->at.sequence = sequence;
    return *budget > 0;
}

/* Reads one run. True where the scan goes on; otherwise *end says how it ends. */
static bool scan_step(struct feed *feed, struct feed_scan *scan, uint64_t limit, unsigned *budget,
                      bool (*take)(void *arg, const struct stream_message *message), void *arg, enum feed_scan_end *end)
{
    struct stream_run run;
    enum stream_found found = stream_read(feed->stream, scan->at.sequence, feed->host.wall_ms(feed->host.arg), &run);
    if (run.gap_first) {
        scan->at.sequence = run.gap_last;
        scan->gap = true;
    }
    if (found != STREAM_FOUND) {
        *end = found == STREAM_AWAY ? FEED_SCAN_AWAY : FEED_SCAN_DONE;
        if (found == STREAM_NONE && scan->at.sequence < limit)
            scan->at.sequence = limit;
        return false;
    }
    bool go_on = scan_run(scan, &run, limit, budget, take, arg);
    *end = *budget ? FEED_SCAN_STOPPED : FEED_SCAN_PAUSED;
    stream_release(&run);
    return go_on;
}

enum feed_scan_end feed_scan(struct feed *feed, struct feed_scan *scan,
                             bool (*take)(void *arg, const struct stream_message *message), void *arg)
{
    enum feed_scan_end end = FEED_SCAN_DONE;
    unsigned budget = SCAN_SLICE;
    uint64_t limit = stream_last(feed->stream);
    scan_begin(feed, scan);
    while (scan->at.sequence < limit)
        if (!scan_step(feed, scan, limit, &budget, take, arg, &end))
            return end;
    return FEED_SCAN_DONE;
}

/* False: out of memory. */
static bool make_frame(struct feed *feed, struct feed_format format, const struct stream_message *message)
{
    frames_clear(&feed->frame);
    char *at = frames_reserve(&feed->frame, format_size_max(format, message, feed->stream_name));
    if (!at)
        return false;
    char *end = format_write(format, message, feed->stream_name, feed->epoch, at);
    frames_commit(&feed->frame, (size_t)(end - at), message->sequence);
    feed->frame_format = format;
    return true;
}

struct slice feed_frame(struct feed *feed, struct feed_format format, const struct stream_message *message)
{
    struct frames *frame = &feed->frame;
    bool is_made = frame->mark_count && frame->marks[0].sequence == message->sequence &&
                   format_is(feed->frame_format, format);
    if (!is_made && !make_frame(feed, format, message))
        return slice_make(NULL, 0);
    return slice_make(frames_at(frame, frame->start), frames_size(frame));
}

void feed_get_stats(const struct feed *feed, struct feed_stats *ret_stats)
{
    *ret_stats = (struct feed_stats){
        .reader_count = feed->reader_count,
        .waiter_count = feed->waiter_count,
        .channel_count = feed->channel_count,
        .byte_count = feed->frames_size,
    };
    for (const struct list *at = feed->catching.next; at != &feed->catching; at = at->next)
        ret_stats->behind_count++;
    for (const struct list *at = feed->away.next; at != &feed->away; at = at->next)
        ret_stats->behind_count++;
}
