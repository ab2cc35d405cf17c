/*
 * What of a consumer outlives the daemon, as bytes. Numbers are varints, 7 bits a byte, the lowest first.
 *
 *   version          1
 *   epoch            of the stream
 *   position, consumer_sequence, skip_before_ms, lasts.until, delivered_wall_ms, acked_wall_ms
 *   entry count, then for each that is pending, by sequence:
 *     sequence           more than the one before it
 *     consumer_sequence  likewise
 *     count              of its deliveries, times 2, plus 1 where it is terminated
 *     milliseconds       until its time is over, when this was written
 *
 * What a client was given before a crash it may still acknowledge; so what was pending stays so, for as long as was
 * left.
 */
#include <errno.h>
#include <stdlib.h>

#include "consumer/state.h"

enum {
    VERSION = 1,
    NUMBER_SIZE_MAX = 10,
    HEAD_NUMBERS = 8,
    ENTRY_NUMBERS = 4,
};
#define REMAINING_MS_MAX ((uint64_t)366 * 24 * 3600 * 1000)

static char *put(char *out, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *out++ = (char)(number | 0x80);
    *out++ = (char)number;
    return out;
}

size_t consumer_save_size(const struct consumer *consumer)
{
    return 1 + NUMBER_SIZE_MAX * (HEAD_NUMBERS + ENTRY_NUMBERS * consumer->pending.count);
}

static uint64_t remaining_ms(const struct pending_entry *entry, struct consumer_time time)
{
    return entry->state == PENDING_OUT && entry->deadline_ms > time.now_ms ? entry->deadline_ms - time.now_ms : 0;
}

size_t consumer_save(struct consumer *consumer, struct consumer_time time, char *out)
{
    char *at = out;
    uint64_t sequence = 0, consumer_sequence = 0;
    uint64_t lasts_until = consumer->is_placed ? consumer->lasts.until : consumer->lasts_until;
    const uint64_t numbers[HEAD_NUMBERS] = {
        stream_epoch(consumer->stream), consumer->position, consumer->consumer_sequence, consumer->skip_before_ms,
        lasts_until, consumer->delivered_wall_ms, consumer->acked_wall_ms, consumer->pending.count,
    };
    *at++ = VERSION;
    for (unsigned i = 0; i < HEAD_NUMBERS; i++)
        at = put(at, numbers[i]);
    const struct pending_entry *entry = pending_oldest(&consumer->pending);
    for (; entry; entry = pending_after(&consumer->pending, entry)) {
        at = put(at, entry->sequence - sequence);
        at = put(at, entry->consumer_sequence - consumer_sequence);
        at = put(at, (uint64_t)entry->delivery_count << 1 | entry->is_terminated);
        at = put(at, remaining_ms(entry, time));
        sequence = entry->sequence;
        consumer_sequence = entry->consumer_sequence;
    }
    consumer->is_dirty = false;
    consumer->saved_position = consumer->position;
    return (size_t)(at - out);
}

/* Reading. Bytes that are no state are found out before anything is changed. */

struct reader {
    const unsigned char *at, *end;
    bool is_bad;
};

static uint64_t get(struct reader *reader)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint64_t byte = *reader->at++;
        if (shift == 63 && byte > 1)
            break;
        number |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    reader->is_bad = true;
    return 0;
}

/* A number that is above another one. */
static uint64_t get_above(struct reader *reader, uint64_t before)
{
    uint64_t more = get(reader);
    reader->is_bad |= more == 0 || more > UINT64_MAX - before;
    return before + more;
}

/* What the bytes say, before it is clamped. */
struct state {
    uint64_t epoch, position, consumer_sequence, skip_before_ms, lasts_until, delivered_wall_ms, acked_wall_ms;
    uint64_t pending_count;
    struct pending pending;
};

static void get_head(struct reader *reader, struct state *state)
{
    uint64_t *const numbers[HEAD_NUMBERS] = {
        &state->epoch, &state->position, &state->consumer_sequence, &state->skip_before_ms,
        &state->lasts_until, &state->delivered_wall_ms, &state->acked_wall_ms, &state->pending_count,
    };
    reader->is_bad |= reader->at == reader->end || *reader->at++ != VERSION;
    for (unsigned i = 0; i < HEAD_NUMBERS; i++)
        *numbers[i] = get(reader);
    reader->is_bad |= state->pending_count > CONSUMER_PENDING_LIMIT || state->position == UINT64_MAX;
}

static int get_entry(struct reader *reader, struct state *state, struct consumer_time time, uint64_t *sequence,
                     uint64_t *consumer_sequence)
{
    *sequence = get_above(reader, *sequence);
    *consumer_sequence = get_above(reader, *consumer_sequence);
    uint64_t count = get(reader), left_ms = get(reader);
    reader->is_bad |= *sequence > state->position || *consumer_sequence > state->consumer_sequence ||
                      count >> 1 == 0 || count >> 1 > UINT32_MAX / 2 || left_ms > REMAINING_MS_MAX;
    if (reader->is_bad)
        return -EBADMSG;
    if (!pending_reserve(&state->pending))
        return -ENOMEM;
    struct pending_entry *entry = pending_add(&state->pending, *sequence, *consumer_sequence, time.now_ms + left_ms);
    pending_set_count(&state->pending, entry, (uint32_t)(count >> 1));
    entry->is_terminated = count & 1;
    return 0;
}

static int get_state(struct reader *reader, struct state *state, struct consumer_time time)
{
    uint64_t sequence = 0, consumer_sequence = 0;
    int result = 0;
    get_head(reader, state);
    for (uint64_t i = 0; !reader->is_bad && !result && i < state->pending_count; i++)
        result = get_entry(reader, state, time, &sequence, &consumer_sequence);
    return result ? result : reader->is_bad || reader->at != reader->end ? -EBADMSG : 0;
}

/* Clamping. */

static bool is_known(struct stream *stream, uint64_t epoch, uint64_t sequence)
{
    struct cursor cursor = { epoch, sequence };
    return stream_locate(stream, &cursor);
}

/* Up to where positions of an epoch are still good: what the stream has lost of its end is no longer delivered. */
static uint64_t good_until(struct stream *stream, uint64_t epoch, uint64_t position)
{
    uint64_t end = stream_last(stream), low = 0, high = position < end ? position : end;
    if (is_known(stream, epoch, high) || !is_known(stream, epoch, 0))
        return high;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (is_known(stream, epoch, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Forgets entries behind the position; those that the stream does not keep any more go too. The others are what they
 * were. */
static void clamp_pending(struct consumer *consumer, struct consumer_time time)
{
    struct pending_entry *next, *entry = pending_oldest(&consumer->pending);
    bool is_none = consumer->settings.ack_policy == CONSUMER_ACK_NONE;
    for (; entry; entry = next) {
        next = pending_after(&consumer->pending, entry);
        if (is_none || entry->sequence > consumer->position)
            pending_remove(&consumer->pending, entry);
        else if (entry->deadline_ms <= time.now_ms)
            consumer_expire(consumer, entry);
    }
    consumer_forget_lost(consumer);
}

static void take_over(struct consumer *consumer, struct state *state, struct consumer_time time)
{
    consumer->position = good_until(consumer->stream, state->epoch, state->position);
    consumer->consumer_sequence = state->consumer_sequence;
    consumer->skip_before_ms = state->skip_before_ms;
    consumer->delivered_wall_ms = state->delivered_wall_ms;
    consumer->acked_wall_ms = state->acked_wall_ms;
    consumer->saved_position = consumer->position;
    consumer->is_placed = true;
    consumer->is_dirty = consumer->position != state->position;
    consumer->replay_end = stream_last(consumer->stream);
    consumer->used_ms = time.now_ms;
}

int consumer_load(struct consumer *consumer, struct slice bytes, struct consumer_time time)
{
    struct reader reader = { (const unsigned char *)bytes.data, (const unsigned char *)bytes.data + bytes.size, false };
    struct state state = { .epoch = 0 };
    pending_init(&state.pending);
    int result = get_state(&reader, &state, time);
    if (result != 0) {
        pending_finish(&state.pending);
        return result;
    }
    take_over(consumer, &state, time);
    pending_finish(&consumer->pending);
    pending_move(&consumer->pending, &state.pending);
    clamp_pending(consumer, time);
    uint64_t end = stream_last(consumer->stream);
    consumer_resume_lasts(consumer, state.lasts_until < end ? state.lasts_until : end, time);
    return 0;
}
