/* What a consumer hands out, as messages and statuses. */
#include "jetstream/home.h"
#include "util/log.h"
#include "wire/format.h"

enum {
    CHUNK_SIZE = 256 << 10,    /* of messages that are handed out together; one that is larger goes by itself */
    NUMBERS_SIZE_MAX = 5 * (FORMAT_NUMBER_SIZE_MAX + 1),
    WINDOW_MAX = 1 << 20,      /* delivered before it is known how receivers on other workers fare */
    WINDOW_MIN = 64 << 10,     /* after one of them could take no more */
};

#define NS_IN_MS 1000000u
#define PUT(out, text) format_bytes(out, text, sizeof(text) - 1)

/* The reply: $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending> */
static char *put_reply(char *out, const struct seat *seat, const struct consumer_delivery *delivery)
{
    const uint64_t numbers[] = {
        delivery->delivery_count,
        delivery->message.sequence,
        delivery->consumer_sequence,
        delivery->message.time_ms * NS_IN_MS,
        delivery->pending,
    };
    out = format_bytes(out, seat->prefix, seat->prefix_size);
    for (unsigned i = 0; i < 5; i++) {
        if (i)
            *out++ = '.';
        out = format_number(out, numbers[i]);
    }
    return out;
}

static size_t room_of(const struct seat *seat, const struct consumer_delivery *delivery)
{
    return seat->prefix_size + NUMBERS_SIZE_MAX + delivery->message.head.size + delivery->message.payload.size +
           2;
}

/* Lays a message out at out, and returns the end. */
static char *lay_out(char *out, const struct seat *seat, const struct consumer_delivery *delivery,
                     struct message *ret_message)
{
    const struct stream_message *from = &delivery->message;
    char *reply = out, *body = put_reply(out, seat, delivery);
    out = body;
    if (from->head.size)
        out = format_slice(out, from->head);
    if (from->payload.size)
        out = format_slice(out, from->payload);
    *ret_message = (struct message){
        .body = body,
        .reply = reply,
        .topic = from->topic.data,
        .head_size = (uint32_t)from->head.size,
        .body_size = (uint32_t)(out - body),
        .reply_size = (uint32_t)(body - reply),
        .topic_size = (uint32_t)from->topic.size,
    };
    return PUT(out, "\r\n");
}

/* How many of them go together, and the room that they take. */
static unsigned measure(const struct seat *seat, const struct consumer_delivery *deliveries, unsigned count,
                        size_t *ret_size)
{
    unsigned fit = 0;
    *ret_size = 0;
    while (fit < count) {
        size_t size = room_of(seat, &deliveries[fit]);
        if (fit && *ret_size + size > CHUNK_SIZE)
            break;
        *ret_size += size;
        fit++;
    }
    return fit;
}

/* Whoever cannot take so much is left in peace for a while. */
static void heed_stall(struct seat *seat)
{
    struct jetstream *jetstream = seat->home->jetstream;
    struct broker *broker = jetstream->broker;
    if (broker->stall_ms || broker->parked)
        seat->stalled_until_ms = loop_now_ms(jetstream->loop) + (broker->stall_ms ? broker->stall_ms : 1);
    broker->stall_ms = 0;
}

/* Echoes: a survey that asks for nothing. When it is back, what was mailed before it has been delivered, and whoever
 * could not take it has said so. */

static void echo_visit(struct survey *survey, struct broker *broker)
{
    (void)survey;
    (void)broker;
}

static void echo_done(struct survey *survey)
{
    struct seat *seat = LIST_OWNER(survey, struct seat, echo);
    seat->echoing = false;
    seat->window = seat->window < WINDOW_MAX / 2 ? 2 * seat->window : WINDOW_MAX;
    seat_is_back(seat);
}

static void wait_for_echo(struct seat *seat, size_t size)
{
    struct jetstream *jetstream = seat->home->jetstream;
    struct broker *broker = jetstream->broker;
    seat->unechoed += size;
    if (jetstream->worker_count == 1 || seat->echoing || seat->unechoed < seat->window)
        return;
    seat->unechoed = 0;
    seat->echoing = true;
    seat->echo = (struct survey){ .visit = echo_visit, .done = echo_done };
    broker->hooks.survey(broker->hooks.arg, &seat->echo);
}

static void deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct seat *seat = arg;
    struct jetstream *jetstream = seat->home->jetstream;
    struct message messages[CONSUMER_BATCH_MAX];
    size_t size, total = 0;
    while (count > 0) {
        unsigned fit = measure(seat, deliveries, count, &size);
        char *out = jetstream_room(jetstream, size);
        if (!out) {
            log_error("delivery_lost", "stream=%s error=\"out of memory\" action=\"it is delivered again\"",
                      seat->home->name);
            return;
        }
        for (unsigned i = 0; i < fit; i++)
            out = lay_out(out, seat, &deliveries[i], &messages[i]);
        broker_send(jetstream->broker, topic, messages, fit);
        jetstream->broker->counters->messages_consumed += fit;
        deliveries += fit;
        count -= fit;
        total += size;
    }
    heed_stall(seat);
    wait_for_echo(seat, total);
}

/* Statuses. */

static char *put_pending(char *out, const struct consumer_status *status)
{
    out = PUT(out, "Nats-Pending-Messages: ");
    out = format_number(out, status->pending_messages);
    out = PUT(out, "\r\nNats-Pending-Bytes: ");
    out = format_number(out, status->pending_bytes);
    return PUT(out, "\r\n");
}

static char *put_last(char *out, const struct consumer_status *status, struct slice flow_prefix)
{
    out = PUT(out, "Nats-Last-Consumer: ");
    out = format_number(out, status->last_consumer);
    out = PUT(out, "\r\nNats-Last-Stream: ");
    out = format_number(out, status->last_stream);
    out = PUT(out, "\r\n");
    if (!status->stalled_id)
        return out;
    out = PUT(out, "Nats-Consumer-Stalled: ");
    out = format_slice(out, flow_prefix);
    out = format_number(out, status->stalled_id);
    return PUT(out, "\r\n");
}

static char *put_status_line(char *out, const struct consumer_status *status)
{
    out = PUT(out, "NATS/1.0 ");
    out = format_number(out, (uint64_t)consumer_status_code(status->kind));
    *out++ = ' ';
    out = format_slice(out, slice_of(consumer_status_text(status->kind)));
    if (status->limit) {
        *out++ = ' ';
        out = format_number(out, status->limit);
        if (status->kind == CONSUMER_STATUS_MAX_EXPIRES)
            out = PUT(out, "ms");
    }
    if (status->detail) {
        out = PUT(out, " - ");
        out = format_slice(out, slice_of(status->detail));
    }
    return PUT(out, "\r\n");
}

void status_send(struct jetstream *jetstream, struct slice topic, const struct consumer_status *status,
                 struct slice flow_prefix)
{
    enum { WORDS_SIZE_MAX = 512 };
    size_t size = WORDS_SIZE_MAX + 2 * flow_prefix.size + slice_of(status->detail).size;
    char *head = jetstream_room(jetstream, size), *out = head;
    struct slice reply = slice_make(NULL, 0);
    if (!head)
        return;
    out = put_status_line(out, status);
    if (status->has_pending)
        out = put_pending(out, status);
    if (status->kind == CONSUMER_STATUS_HEARTBEAT)
        out = put_last(out, status, flow_prefix);
    out = PUT(out, "\r\n");
    size_t head_size = (size_t)(out - head);
    if (status->kind == CONSUMER_STATUS_FLOW_CONTROL) {
        char *start = out + 2; /* behind the CR LF that a body has */
        reply = slice_make(start, (size_t)(format_number(format_slice(start, flow_prefix), status->flow_id) - start));
    }
    jetstream_send_head(jetstream, topic, reply, head, head_size);
}

/* The same letters as those of acknowledgements, behind "$JS.ACK". */
static void tell_status(void *arg, struct slice topic, const struct consumer_status *status)
{
    struct seat *seat = arg;
    char prefix[8 + 2 * (CONSUMER_NAME_SIZE_MAX + 2)];
    struct slice names = slice_make(seat->prefix + 7, seat->prefix_size - 7);
    char *end = format_slice(PUT(prefix, "$JS.FC"), names);
    status_send(seat->home->jetstream, topic, status, slice_make(prefix, (size_t)(end - prefix)));
}

/* Interest. */

static const struct match_group *find_group(const struct match *match, struct slice name)
{
    for (unsigned i = 0; i < match->group_count; i++)
        if (slice_equal(match->groups[i].name, name))
            return &match->groups[i];
    return NULL;
}

static bool is_full(const struct sink *sink, struct slice topic)
{
    return sink->ops->is_full && sink->ops->is_full(sink, topic);
}

/* One that listens for itself is waited for; of a group somebody else can take it. */
static bool all_are_full(const struct match *match, struct slice topic, const struct match_group *group)
{
    for (unsigned i = 0; i < match->sink_count; i++)
        if (is_full(match->sinks[i], topic))
            return true;
    for (unsigned i = 0; group && i < group->member_count; i++)
        if (!is_full(group->members[i], topic))
            return false;
    return group;
}

static enum consumer_interest interest(void *arg, struct slice topic, struct slice group)
{
    struct seat *seat = arg;
    struct jetstream *jetstream = seat->home->jetstream;
    const struct match *match = router_match(jetstream->broker->router, topic);
    const struct match_group *found = group.size ? find_group(match, group) : NULL;
    if (group.size ? !found : match->sink_count + match->group_count == 0)
        return CONSUMER_NOBODY;
    if (jetstream->broker->parked || jetstream->is_quiet || seat->stalled_until_ms > loop_now_ms(jetstream->loop))
        return CONSUMER_BUSY;
    if (seat->echoing)
        return CONSUMER_BUSY;
    if (!all_are_full(match, topic, found))
        return CONSUMER_LISTENS;
    seat->window = WINDOW_MIN;
    return CONSUMER_BUSY;
}

static bool dead(void *arg, const struct stream_message *message, enum consumer_death death, uint64_t delivery_count,
                 struct slice words)
{
    return dead_bury(arg, message, death, delivery_count, words);
}

static void done_with(void *arg, uint64_t sequence)
{
    retention_done_with(arg, sequence);
}

const struct consumer_ops seat_ops = { deliver, tell_status, interest, dead, NULL, false };
const struct consumer_ops seat_retaining_ops = { deliver, tell_status, interest, dead, done_with, false };
