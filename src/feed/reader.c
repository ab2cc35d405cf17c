#include "feed/reader.h"

#include <errno.h>

#include "core/topic.h"
#include "feed/state.h"

enum {
    CATCH_SIZE = 64 << 10,  /* formatted at once for a reader that catches up */
    CATCH_MESSAGES = 2000,  /* looked at for it */
};

static void stand(struct feed_reader *reader)
{
    struct channel *channel = reader->channel;
    bool behind = reader->offset < channel->frames.end;
    list_remove(&reader->place);
    reader->state = READER_STANDING;
    list_append(behind ? &channel->behind : &channel->waiting, &reader->place);
    if (behind && list_is_empty(&channel->busy))
        list_append(&channel->feed->busy, &channel->busy);
}

static void catch_up_later(struct feed_reader *reader)
{
    list_remove(&reader->place);
    reader->state = READER_CATCHING;
    list_append(&reader->feed->catching, &reader->place);
}

static void rest(struct feed_reader *reader)
{
    list_remove(&reader->place);
    reader->state = READER_BLOCKED;
    list_append(&reader->feed->blocked, &reader->place);
}

static void wait_for_arrival(struct feed_reader *reader)
{
    list_remove(&reader->place);
    reader->state = READER_AWAY;
    list_append(&reader->feed->away, &reader->place);
}

void readers_go_on(struct feed *feed)
{
    while (!list_is_empty(&feed->away))
        catch_up_later(LIST_OWNER(feed->away.next, struct feed_reader, place));
}

void reader_leave_channel(struct feed_reader *reader)
{
    if (reader->offset == reader->channel->frames.end)
        reader->sequence = feed_reader_cursor(reader).sequence;
    catch_up_later(reader);
}

/* The socket took bytes up to the offset and no more: the rest of the event begun is kept for it, and the reader goes
 * on behind that event. */
static void block(struct feed_reader *reader, const struct frames *frames, uint64_t offset)
{
    rest(reader);
    if (offset == reader->offset)
        return;
    const struct frame_mark *mark = frames_mark_before(frames, offset);
    reader->sequence = mark->sequence;
    if (mark->end > offset)
        reader->ops->keep(reader, frames_at(frames, offset), (size_t)(mark->end - offset));
}

/* Where to end what is sent from the offset at once. */
static uint64_t send_end(const struct frames *frames, uint64_t offset)
{
    if (frames->end - offset <= CHANNEL_SEND_MAX)
        return frames->end;
    return frames_mark_before(frames, offset + CHANNEL_SEND_MAX)->end;
}

/* Sends what frames hold from reader->offset on. False where the reader has been blocked, or closed. */
static bool send(struct feed_reader *reader, const struct frames *frames)
{
    uint64_t end = send_end(frames, reader->offset);
    size_t size = (size_t)(end - reader->offset);
    size_t sent = reader->ops->send(reader, frames_at(frames, reader->offset), size);
    if (reader->state == READER_CLOSED)
        return false;
    if (sent < size) {
        block(reader, frames, reader->offset + sent);
        return false;
    }
    reader->offset = end;
    reader->sequence = frames_mark_before(frames, end)->sequence;
    return true;
}

void reader_serve(struct feed_reader *reader)
{
    struct channel *channel = reader->channel;
    if (reader->offset < channel->frames.start)
        catch_up_later(reader); /* the channel has dropped what comes next for it */
    else if (send(reader, &channel->frames))
        stand(reader);
}

/* Catching up. */

static void tell_gap(struct feed_reader *reader, struct cursor from, uint64_t to)
{
    const struct cursor end = { reader->feed->epoch, to };
    reader->sequence = to;
    reader->ops->gap(reader, from, end);
}

/* The channel holds all that comes next: the reader takes its place there. One that still looks for a time reads on:
 * what the channel holds may be older. */
static bool arrive(struct feed_reader *reader)
{
    struct channel *channel = reader->channel;
    uint64_t tail = reader->feed->tail_sequence;
    if (reader->sequence > tail || reader->sequence < channel_start_sequence(channel) ||
        (reader->from_ms && reader->sequence < tail))
        return false;
    reader->from_ms = 0;
    reader->offset = frames_offset_behind(&channel->frames, reader->sequence);
    stand(reader);
    return true;
}

bool run_next_of(struct stream_run *run, struct slice patterns, uint64_t limit, unsigned *budget, uint64_t *sequence,
                 struct stream_message *ret_message)
{
    while (*budget && *sequence < limit && stream_run_next(run, ret_message)) {
        if (ret_message->sequence > limit) {
            *sequence = limit;
            return false;
        }
        --*budget;
        *sequence = ret_message->sequence;
        if (patterns_match(patterns, ret_message->topic))
            return true;
    }
    return false;
}

bool is_too_old(uint64_t *from_ms, const struct stream_message *message)
{
    if (message->time_ms < *from_ms)
        return true;
    *from_ms = 0;
    return false;
}

/* Formats what the run has for the reader. Returns the sequence up to which all has been looked at. */
static uint64_t format_run(struct feed_reader *reader, struct stream_run *run)
{
    struct feed *feed = reader->feed;
    struct channel *channel = reader->channel;
    struct stream_message message;
    unsigned budget = CATCH_MESSAGES;
    uint64_t sequence = reader->sequence, before = sequence;
    while (frames_size(&feed->scratch) < CATCH_SIZE &&
           run_next_of(run, channel->text, feed->tail_sequence, &budget, &sequence, &message)) {
        if (is_too_old(&reader->from_ms, &message)) {
            before = sequence;
            continue;
        }
        struct slice frame = feed_frame(feed, channel->format, &message);
        if (!frame.size || !frames_append(&feed->scratch, frame, message.sequence))
            return before;
        before = sequence;
    }
    return sequence;
}

static void send_scratch(struct feed_reader *reader, uint64_t sequence)
{
    struct frames *scratch = &reader->feed->scratch;
    bool open = true;
    reader->offset = scratch->start;
    while (open && reader->offset < scratch->end)
        open = send(reader, scratch);
    if (open)
        reader->sequence = sequence;
    frames_clear(scratch);
}

static void read_on(struct feed_reader *reader)
{
    struct feed *feed = reader->feed;
    struct stream_run run;
    enum stream_found found = stream_read(feed->stream, reader->sequence, feed->host.wall_ms(feed->host.arg), &run);
    if (run.gap_first)
        tell_gap(reader, (struct cursor){ feed->epoch, reader->sequence }, run.gap_last);
    if (reader->state != READER_CLOSED) {
        if (found == STREAM_FOUND)
            send_scratch(reader, format_run(reader, &run));
        else if (found == STREAM_AWAY)
            wait_for_arrival(reader);
        else if (reader->sequence < feed->tail_sequence)
            reader->sequence = feed->tail_sequence;
    }
    stream_release(&run);
}

/* Its cursor is of another life of the stream, which nobody remembers: whatever came after it there is gone, and all
 * that is kept is new. */
static void start_over(struct feed_reader *reader)
{
    const struct cursor from = { reader->epoch, reader->sequence };
    struct stream_state state;
    stream_get_state(reader->feed->stream, &state);
    reader->epoch = reader->feed->epoch;
    tell_gap(reader, from, state.first_sequence - 1);
}

void reader_catch_up(struct feed_reader *reader)
{
    struct feed *feed = reader->feed;
    if (reader->epoch != feed->epoch)
        start_over(reader);
    if (reader->state != READER_CATCHING || arrive(reader))
        return;
    catch_up_later(reader); /* behind the others who do so */
    if (reader->sequence <= feed->tail_sequence)
        read_on(reader);
    if (reader->state == READER_CATCHING)
        arrive(reader);
}

/* Life. */

int feed_reader_open(struct feed *feed, struct feed_reader *reader, const struct feed_reader_ops *ops,
                     struct slice patterns, struct feed_format format, struct cursor after)
{
    tail_begin(feed);
    struct channel *channel = channel_enter(feed, patterns, true, format);
    if (!channel)
        return -ENOMEM;
    if (after.epoch != feed->epoch)
        stream_locate(feed->stream, &after);
    *reader = (struct feed_reader){
        .ops = ops,
        .feed = feed,
        .channel = channel,
        .epoch = after.epoch,
        .sequence = after.sequence,
    };
    if (after.epoch == feed->epoch && after.sequence > stream_last(feed->stream))
        reader->sequence = stream_last(feed->stream);
    list_init(&reader->place);
    feed->reader_count++;
    catch_up_later(reader);
    return 0;
}

void feed_reader_close(struct feed_reader *reader)
{
    if (reader->state == READER_CLOSED)
        return;
    list_remove(&reader->place);
    reader->state = READER_CLOSED;
    reader->feed->reader_count--;
    channel_served(reader->channel);
    channel_leave(reader->channel);
}

void feed_reader_resume(struct feed_reader *reader)
{
    if (reader->state == READER_BLOCKED)
        catch_up_later(reader);
}

/* A reader that has seen all of its channel has seen all that the tail has passed. */
struct cursor feed_reader_cursor(const struct feed_reader *reader)
{
    const struct feed *feed = reader->feed;
    bool has_all = reader->state == READER_STANDING && reader->offset == reader->channel->frames.end;
    return (struct cursor){ reader->epoch, has_all ? feed->tail_sequence : reader->sequence };
}

bool feed_reader_is_kept(const struct feed_reader *reader)
{
    struct stream_state state;
    stream_get_state(reader->feed->stream, &state);
    return feed_reader_cursor(reader).sequence >= state.lost_sequence;
}
