/* Messages for one receiver: first those that are due again, then new ones. */
#include <stdlib.h>

#include "consumer/state.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    BYTES_MAX = 256 << 10,       /* what is delivered in one call, but for the last message */
    HEADS_SIZE = 64 << 10,
    NS_PER_MS = 1000000,
    RATE_BURST_NS = 20 * NS_PER_MS, /* what was not used of a rate is made up for, as far back as this */
    LATE_MAX_MS = 100,           /* so late a message may be, and the next still keeps its own time */
    SHORTAGE_MS = 100,           /* until it is tried again to get memory */
};

/* The next to be delivered. */
struct candidate {
    struct stream_message message;
    struct pending_entry *entry; /* NULL: it is new */
    uint64_t size;               /* as the client counts it: topic, reply, headers and payload */
};

uint64_t consumer_wait_ms(const struct consumer *consumer, uint32_t delivery_count)
{
    const struct consumer_settings *settings = &consumer->settings;
    if (!settings->backoff_count)
        return settings->ack_wait_ms;
    unsigned step = delivery_count ? delivery_count - 1 : 0;
    return settings->backoff_ms[step < settings->backoff_count ? step : settings->backoff_count - 1];
}

bool consumer_is_exhausted(const struct consumer *consumer, const struct pending_entry *entry)
{
    int64_t max = consumer->settings.max_deliver;
    return max > 0 && entry->delivery_count >= (uint64_t)max;
}

size_t consumer_pending_max(const struct consumer *consumer)
{
    int64_t max = consumer->settings.max_ack_pending;
    return max > 0 && max < CONSUMER_PENDING_LIMIT ? (size_t)max : CONSUMER_PENDING_LIMIT;
}

static unsigned digits_of(uint64_t number)
{
    unsigned digits = 1;
    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

/* Of the topic for the answer, $JS.ACK.stream.consumer.count.sequence.consumer_sequence.nanoseconds.pending, what
 * follows the consumer. */
static uint64_t tail_size(const struct consumer *consumer, const struct candidate *candidate)
{
    enum { TIME_DIGITS = 19 };
    uint64_t count = candidate->entry ? candidate->entry->delivery_count + 1 : 1;
    uint64_t pending = stream_last(consumer->stream) - candidate->message.sequence;
    return digits_of(count) + digits_of(candidate->message.sequence) + digits_of(consumer->consumer_sequence + 1) +
           TIME_DIGITS + digits_of(pending) + sizeof "....." - 1;
}

/* As the client counts it, to the byte only where somebody limits bytes. */
static uint64_t size_of(const struct consumer *consumer, const struct candidate *candidate, bool is_exact)
{
    enum { TAIL_SIZE = 48 };
    const struct stream_message *message = &candidate->message;
    uint64_t payload_size = consumer->settings.headers_only ? 0 : message->payload.size;
    return message->topic.size + message->head.size + payload_size + consumer->reply_prefix_size +
           (is_exact ? tail_size(consumer, candidate) : TAIL_SIZE);
}

/* Finding. */

static enum gather_stop stop_of(enum supply_found found)
{
    static const enum gather_stop stops[] = {
        [SUPPLY_END] = GATHER_END,
        [SUPPLY_AWAY] = GATHER_AWAY,
        [SUPPLY_SPENT] = GATHER_SPENT,
        [SUPPLY_HELD] = GATHER_FULL,
    };
    return stops[found];
}

/* One that is due and is gone is forgotten. True where *ret_stop says how it ended; false: none is due. */
static bool find_due(struct consumer *consumer, struct candidate *candidate, enum supply_found *ret_found)
{
    while ((candidate->entry = pending_next_due(&consumer->pending))) {
        *ret_found = supply_at(consumer, candidate->entry->sequence, &candidate->message);
        if (*ret_found != SUPPLY_END)
            return true;
        consumer_settle(consumer, candidate->entry, false);
    }
    return false;
}

static bool is_blocked(struct consumer *consumer)
{
    return consumer->settings.ack_policy != CONSUMER_ACK_NONE &&
           consumer->pending.count >= consumer_pending_max(consumer);
}

/* When a message may leave that keeps its distance in time from the one before it. */
static uint64_t replay_due_ms(const struct consumer *consumer, const struct stream_message *message)
{
    bool is_replayed = consumer->settings.replay == CONSUMER_REPLAY_ORIGINAL && consumer->replay_sent_ms &&
                       message->sequence <= consumer->replay_end && message->time_ms > consumer->replay_time_ms;
    return is_replayed ? consumer->replay_sent_ms + (message->time_ms - consumer->replay_time_ms) : 0;
}

static enum gather_stop find_new(struct consumer *consumer, struct turn *turn, struct candidate *candidate)
{
    enum supply_found found = supply_next(consumer, turn);
    if (found != SUPPLY_FOUND)
        return stop_of(found);
    candidate->message = consumer->supply.next;
    uint64_t due_ms = replay_due_ms(consumer, &candidate->message);
    if (due_ms <= turn->time.now_ms)
        return GATHER_FULL; /* no reason to stop */
    turn_until(turn, due_ms);
    return GATHER_LATER;
}

/* True: there is one. */
static bool find(struct consumer *consumer, struct turn *turn, struct candidate *candidate, enum gather_stop *ret_stop)
{
    enum supply_found found;
    *ret_stop = GATHER_SPENT;
    if (!turn_goes_on(turn))
        return false;
    if (find_due(consumer, candidate, &found)) {
        *ret_stop = found == SUPPLY_FOUND ? GATHER_FULL : stop_of(found);
        return found == SUPPLY_FOUND;
    }
    if (is_blocked(consumer))
        consumer_forget_lost(consumer);
    *ret_stop = GATHER_BLOCKED;
    if (is_blocked(consumer))
        return false;
    *ret_stop = find_new(consumer, turn, candidate);
    return *ret_stop == GATHER_FULL && consumer->supply.has_next;
}

/* Taking. */

static void take_again(struct consumer *consumer, struct turn *turn, struct pending_entry *entry)
{
    uint32_t count = entry->delivery_count + (entry->delivery_count < UINT32_MAX / 2);
    pending_set_count(&consumer->pending, entry, count);
    pending_set_out(&consumer->pending, entry, turn->time.now_ms + consumer_wait_ms(consumer, count));
}

static void take_new(struct consumer *consumer, struct turn *turn, const struct stream_message *message)
{
    bool is_late = turn->time.now_ms > replay_due_ms(consumer, message) + LATE_MAX_MS;
    consumer->replay_sent_ms = is_late ? turn->time.now_ms : replay_due_ms(consumer, message);
    consumer->replay_time_ms = message->time_ms;
    supply_take(consumer);
    if (consumer->settings.ack_policy != CONSUMER_ACK_NONE)
        pending_add(&consumer->pending, message->sequence, consumer->consumer_sequence,
                    turn->time.now_ms + consumer_wait_ms(consumer, 1));
}

static void take(struct consumer *consumer, struct turn *turn, const struct candidate *candidate,
                 struct gathered *gathered)
{
    consumer->consumer_sequence++;
    if (candidate->entry)
        take_again(consumer, turn, candidate->entry);
    else
        take_new(consumer, turn, &candidate->message);
    gathered->deliveries[gathered->count++] = (struct consumer_delivery){
        .message = candidate->message,
        .consumer_sequence = consumer->consumer_sequence,
        .delivery_count = candidate->entry ? candidate->entry->delivery_count : 1,
        .is_new = !candidate->entry,
    };
    gathered->bytes += candidate->size;
    turn_spend(turn);
}

/* Without payload: the headers are written anew, with one more. */

static const struct slice size_header = { "Nats-Msg-Size", sizeof "Nats-Msg-Size" - 1 };

static size_t head_size_max(struct slice head)
{
    return (head.size ? head.size : HEADERS_BEGIN_SIZE + HEADERS_END_SIZE) +
           headers_add_size(size_header, slice_make(NULL, FORMAT_NUMBER_SIZE_MAX)) + 2;
}

/* The first of a batch may be as large as it is. */
static bool has_room_for_head(struct consumer *consumer, const struct candidate *candidate,
                              const struct gathered *gathered)
{
    size_t size = head_size_max(candidate->message.head);
    if (!gathered->count)
        consumer->heads_size = 0;
    if (!consumer->settings.headers_only || consumer->heads_room - consumer->heads_size >= size)
        return true;
    if (gathered->count)
        return false;
    size_t room = size > HEADS_SIZE ? size : HEADS_SIZE;
    char *heads = realloc(consumer->heads, room);
    if (!heads)
        return false;
    consumer->heads = heads;
    consumer->heads_room = room;
    return true;
}

static void strip(struct consumer *consumer, struct stream_message *message)
{
    char number[FORMAT_NUMBER_SIZE_MAX], *start = consumer->heads + consumer->heads_size, *at = start;
    size_t digits = (size_t)(format_number(number, message->payload.size) - number);
    if (message->head.size > HEADERS_END_SIZE)
        at = format_bytes(at, message->head.data, message->head.size - HEADERS_END_SIZE);
    else
        at = headers_begin(at);
    at = headers_end(headers_add(at, size_header, slice_make(number, digits)));
    message->head = slice_make(start, (size_t)(at - start));
    message->payload = slice_make(at, 0);
    at = format_bytes(at, "\r\n", 2); /* what receivers expect behind a body */
    consumer->heads_size += (size_t)(at - start);
}

/* Limits. */

static bool rate_lets_pass(struct consumer *consumer, struct turn *turn, uint64_t rate)
{
    uint64_t now_ns = turn->time.now_ms * NS_PER_MS;
    if (!rate || consumer->push.rate_free_ns <= now_ns)
        return true;
    turn_until(turn, (consumer->push.rate_free_ns + NS_PER_MS - 1) / NS_PER_MS);
    return false;
}

static void rate_note(struct consumer *consumer, const struct turn *turn, uint64_t rate, uint64_t size)
{
    uint64_t now_ns = turn->time.now_ms * NS_PER_MS, *free_ns = &consumer->push.rate_free_ns;
    if (!rate)
        return;
    if (*free_ns + RATE_BURST_NS < now_ns)
        *free_ns = now_ns - RATE_BURST_NS;
    *free_ns += size * 1000 * NS_PER_MS / rate;
}

static bool has_room_for_entry(struct consumer *consumer, const struct candidate *candidate)
{
    return candidate->entry || consumer->settings.ack_policy == CONSUMER_ACK_NONE ||
           pending_reserve(&consumer->pending);
}

/* GATHER_END: it may be taken. */
static enum gather_stop weigh(struct consumer *consumer, struct turn *turn, const struct gather_limits *limits,
                              const struct candidate *candidate, const struct gathered *gathered)
{
    if (candidate->size > limits->bytes - gathered->bytes)
        return gathered->count ? GATHER_FULL : GATHER_TOO_LARGE;
    if (gathered->count && (gathered->bytes >= limits->window || gathered->bytes + candidate->size > BYTES_MAX))
        return GATHER_FULL;
    if (!rate_lets_pass(consumer, turn, limits->rate))
        return GATHER_LATER;
    if (has_room_for_head(consumer, candidate, gathered) && has_room_for_entry(consumer, candidate))
        return GATHER_END;
    turn_until(turn, turn->time.now_ms + SHORTAGE_MS);
    return gathered->count ? GATHER_FULL : GATHER_LATER;
}

/* Numbers each by how many follow it. */
static void number_pending(struct consumer *consumer, struct turn *turn, struct gathered *gathered)
{
    uint64_t pending = consumer->ops->pending_is_unwanted ? 0 : count_after_batch(consumer, turn, gathered);
    for (unsigned i = gathered->count; i--;) {
        gathered->deliveries[i].pending = pending;
        pending += gathered->deliveries[i].is_new;
    }
}

void gather(struct consumer *consumer, struct turn *turn, const struct gather_limits *limits, struct gathered *gathered)
{
    struct candidate candidate;
    gathered->count = 0;
    gathered->bytes = 0;
    gathered->stop = GATHER_FULL;
    while (gathered->count < CONSUMER_BATCH_MAX && gathered->count < limits->messages) {
        if (!find(consumer, turn, &candidate, &gathered->stop))
            break;
        candidate.size = size_of(consumer, &candidate, limits->bytes != UINT64_MAX);
        gathered->stop = weigh(consumer, turn, limits, &candidate, gathered);
        if (gathered->stop != GATHER_END)
            break;
        gathered->stop = GATHER_FULL;
        take(consumer, turn, &candidate, gathered);
        rate_note(consumer, turn, limits->rate, candidate.size);
        if (consumer->settings.headers_only)
            strip(consumer, &gathered->deliveries[gathered->count - 1].message);
    }
    if (gathered->count) {
        number_pending(consumer, turn, gathered);
        consumer->is_dirty = true;
        consumer->delivered_wall_ms = turn->time.wall_ms;
    }
}

void gather_deliver(struct consumer *consumer, struct slice topic, const struct gathered *gathered)
{
    bool is_done = consumer->settings.ack_policy == CONSUMER_ACK_NONE && consumer->ops->done_with;
    consumer->ops->deliver(consumer->arg, topic, gathered->deliveries, gathered->count);
    for (unsigned i = 0; is_done && i < gathered->count; i++)
        consumer->ops->done_with(consumer->arg, gathered->deliveries[i].message.sequence);
    supply_release(consumer);
}
