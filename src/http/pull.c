#include "http/pull.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "feed/format.h"
#include "http/access.h"
#include "http/api.h"
#include "http/call.h"
#include "http/calls.h"
#include "http/delivery.h"
#include "http/monitor.h"
#include "http/publish.h"
#include "http/reply.h"
#include "http/routes.h"
#include "http/state.h"
#include "net/conn.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    BATCH_DEFAULT = 10,
    BODY_SIZE_MAX = 4 << 20,  /* of one answer; a single message may be larger */
    HEAD_ROOM = 64 << 10,     /* what a connection's output holds besides */
    GRACE_MS = 5000,          /* for what the API says at the end of a wait */
    NS_IN_MS = 1000000,
};

static const char no_consumer[] = "There is no such stream, or no such consumer.";

enum pull_phase { PULL_LOOK, PULL_WAIT, PULL_FILL };

/* One client that pulls, from its request to its answer, and beyond while messages may come for it. */
struct pull {
    struct calls *calls;
    struct call *call;
    struct timer timer;         /* of an orphan */
    struct list place;          /* in calls->orphans */
    uint64_t epoch;             /* of the stream */
    uint64_t due_ms;            /* until when it waits; of the loop's clock */
    unsigned wanted, count;     /* messages that it may have; that it has */
    unsigned asked;             /* by the request that runs, and not come yet */
    enum pull_phase phase;
    bool is_alone;              /* one message, however large */
    struct buffer body;         /* messages as JSON, a comma in front of each */
    struct buffer acks;         /* the topics by which they are acknowledged, a size before each */
    struct slice stream, consumer;
    char names[];
};

static void pull_free(struct pull *pull)
{
    timer_clear(&pull->calls->http->loop->timers, &pull->timer);
    list_remove(&pull->place);
    buffer_finish(&pull->body);
    buffer_finish(&pull->acks);
    free(pull);
}

/* Returns the exchange, which is to be answered, or NULL. */
static struct exchange *pull_end(struct pull *pull)
{
    struct exchange *exchange = call_end(pull->call);
    pull_free(pull);
    return exchange;
}

/* Giving back. */

/* A topic and its size in front. Where memory runs out the message comes again by itself, later. */
static void note_topic(struct buffer *buffer, struct slice topic)
{
    uint32_t size = (uint32_t)topic.size;
    char *out = buffer_reserve(buffer, sizeof size + size);
    if (!out)
        return;
    memcpy(out, &size, sizeof size);
    memcpy(out + sizeof size, topic.data, size);
    buffer->size += sizeof size + size;
}

static void give_back(struct calls *calls, struct slice ack_topic)
{
    note_topic(&calls->unused, ack_topic);
    loop_again(calls->http->loop);
}

static void give_all_back(struct pull *pull)
{
    uint32_t size;
    for (size_t at = 0; at < pull->acks.size; at += sizeof size + size) {
        memcpy(&size, pull->acks.data + at, sizeof size);
        give_back(pull->calls, slice_make(pull->acks.data + at + sizeof size, size));
    }
    pull->acks.size = pull->body.size = pull->count = 0;
}

static void send_nak(struct calls *calls, struct slice topic)
{
    static const struct message message = { .body = "-NAK\r\n", .body_size = 4 };
    struct batch batch = { .topic = topic, .messages = &message, .count = 1 };
    const struct match *match;
    if (session_route(calls_session(calls), topic, &match) == 0)
        session_publish(&calls->session, match, &batch);
}

void pull_give_back(struct calls *calls)
{
    struct buffer unused = calls->unused;
    calls->unused = (struct buffer){ 0 }; /* more may come meanwhile */
    uint32_t size;
    for (size_t at = 0; at < unused.size; at += sizeof size + size) {
        memcpy(&size, unused.data + at, sizeof size);
        send_nak(calls, slice_make(unused.data + at + sizeof size, size));
    }
    buffer_finish(&unused);
}

/* Messages. */

static size_t body_max(const struct pull *pull)
{
    size_t room = pull->calls->http->state->conn_limits.pending_size_max - HEAD_ROOM;
    return room < BODY_SIZE_MAX ? room : BODY_SIZE_MAX;
}

static const struct feed_format format = { .shape = FEED_LIST };

/* ,{"ack_id":"...","deliveries":1, and then the members that every message has. */
static char *write_message(const struct pull *pull, const struct stream_message *message, struct slice ack_topic,
                           const struct delivery *delivery, char *out)
{
    out = format_slice(out, slice_of(",{\"ack_id\":\""));
    out = reply_id_write(out, pull->calls->http->identity->reply_key, ack_topic);
    out = format_slice(out, slice_of("\",\"deliveries\":"));
    out = format_number(out, delivery->count);
    char *end = format_write(format, message, pull->stream, pull->epoch, out); /* ,{"topic":... */
    memmove(out + 1, out + 2, (size_t)(end - out) - 2);
    return end - 1;
}

static size_t message_size_max(const struct pull *pull, const struct stream_message *message, struct slice ack_topic)
{
    return 64 + FORMAT_NUMBER_SIZE_MAX + reply_id_size(ack_topic) + format_size_max(format, message, pull->stream);
}

/* False where there is no room for it in the answer. */
static bool append_message(struct pull *pull, const struct stream_message *message, struct slice ack_topic,
                           const struct delivery *delivery)
{
    struct buffer *body = &pull->body;
    char *out = buffer_reserve(body, message_size_max(pull, message, ack_topic));
    if (!out)
        return false;
    size_t size = (size_t)(write_message(pull, message, ack_topic, delivery, out) - out);
    if (pull->count && body->size + size > body_max(pull))
        return false;
    body->size += size;
    pull->count++;
    note_topic(&pull->acks, ack_topic);
    return true;
}

static void take_message(struct pull *pull, const struct batch *batch, const struct message *message)
{
    struct slice ack_topic = slice_make(message->reply, message->reply_size);
    struct delivery delivery;
    if (!delivery_read(ack_topic, &delivery))
        return; /* nothing of a consumer */
    const struct stream_message as_kept = {
        .sequence = delivery.sequence,
        .time_ms = delivery.time_ms,
        .topic = message_topic(message, batch->topic),
        .head = slice_make(message->body, message->head_size),
        .payload = slice_make(message->body + message->head_size, message->body_size - message->head_size),
    };
    pull->asked -= pull->asked > 0;
    if (pull->call->exchange && !session_may_read(pull->call->exchange->session, as_kept.topic))
        return; /* the settings of the stream or the consumer have changed meanwhile */
    if (!pull->call->exchange || !append_message(pull, &as_kept, ack_topic, &delivery))
        give_back(pull->calls, ack_topic);
}

/* Asking. */

static void write_request(struct document *document, const struct pull *pull, uint64_t now_ms)
{
    uint64_t left_ms = pull->due_ms > now_ms ? pull->due_ms - now_ms : 1;
    document_open(document, NULL, '{');
    document_number(document, "batch", pull->asked);
    if (pull->phase == PULL_WAIT)
        document_number(document, "expires", left_ms * NS_IN_MS);
    else
        document_flag(document, "no_wait", true);
    if (pull->phase != PULL_WAIT && !pull->is_alone)
        document_number(document, "max_bytes", body_max(pull) / 2);
    document_close(document, '}');
    char *end = buffer_reserve(&document->buffer, 2);
    if (end)
        memcpy(end, "\r\n", 2); /* behind the body, and not of it */
    document->failed |= !end;
}

static const char next_prefix[] = "$JS.API.CONSUMER.MSG.NEXT.";

/* Empty: out of memory. */
static struct slice write_topic(const struct pull *pull, struct buffer *buffer)
{
    buffer->size = 0;
    char *out = buffer_reserve(buffer, sizeof next_prefix + pull->stream.size + pull->consumer.size);
    if (!out)
        return slice_make(NULL, 0);
    char *at = format_bytes(out, next_prefix, sizeof next_prefix - 1);
    at = format_slice(at, pull->stream);
    *at++ = '.';
    at = format_slice(at, pull->consumer);
    return slice_make(out, (size_t)(at - out));
}

static void pull_refuse(struct pull *pull, enum problem_kind kind, const char *detail)
{
    answer_problem(pull_end(pull), kind, kind == PROBLEM_UNAVAILABLE ? "Retry-After: 1\r\n" : NULL, "%s", detail);
}

/* What it asks for may come, and end it, before this returns. */
static void pull_ask(struct pull *pull)
{
    struct calls *calls = pull->calls;
    uint64_t number = pull->call->number, now_ms = loop_now_ms(calls->http->loop);
    struct document document = { .failed = false };
    pull->asked = pull->phase == PULL_WAIT || pull->is_alone ? 1 : pull->wanted - pull->count;
    write_request(&document, pull, now_ms);
    struct slice topic = write_topic(pull, &calls->name);
    struct message message = { .body = document.buffer.data, .body_size = (uint32_t)document.buffer.size };
    bool failed = document.failed || !topic.size;
    bool taken = !failed && call_publish(pull->call, topic, &message);
    document_finish(&document);
    if (!taken && call_find(calls, number))
        pull_refuse(pull, failed ? PROBLEM_UNAVAILABLE : PROBLEM_NO_CONSUMER,
                    failed ? "The server is short of memory." : no_consumer);
}

static void ask_next(struct pull *pull, enum pull_phase phase)
{
    pull->phase = phase;
    call_again(pull->call);
}

/* The answer. */

static void pull_answer(struct pull *pull)
{
    struct conn *conn = exchange_conn(pull->call->exchange);
    size_t comma;
    if (!conn_is_open(conn) || conn_has_left(conn))
        give_all_back(pull); /* its client has just left, though nobody has noticed yet */
    comma = pull->body.size ? 1 : 0;
    struct iovec parts[] = {
        { (char *)"{\"messages\":[", 13 },
        { pull->body.data ? pull->body.data + comma : NULL, pull->body.size - comma },
        { (char *)"]}", 2 },
    };
    answer_parts(call_end(pull->call), 200, "application/json", parts, 3, "Cache-Control: no-store\r\n");
    pull_free(pull);
}

static bool may_wait(const struct pull *pull)
{
    return pull->due_ms > loop_now_ms(pull->calls->http->loop);
}

/* The request that runs has brought all that it will. */
static void request_done(struct pull *pull)
{
    if (!pull->call->exchange)
        pull_end(pull);
    else if (pull->phase == PULL_LOOK && !pull->count && may_wait(pull))
        ask_next(pull, PULL_WAIT);
    else if (pull->phase == PULL_WAIT && pull->count && pull->count < pull->wanted)
        ask_next(pull, PULL_FILL);
    else
        pull_answer(pull);
}

/* The first message may be too large for the bound of what is pulled at once: it comes alone. */
static void too_large_at_once(struct pull *pull)
{
    if (pull->call->exchange && !pull->count && !pull->is_alone) {
        pull->is_alone = true;
        ask_next(pull, PULL_LOOK);
    } else {
        request_done(pull);
    }
}

/* What a consumer says where it delivers nothing; of what is not in the table it does not allow the pull. */
static const struct {
    const char *words;
    enum problem_kind kind;
} refusals[] = {
    { "Consumer Deleted", PROBLEM_NO_CONSUMER },
    { "Exceeded MaxWaiting", PROBLEM_UNAVAILABLE },
    { "Server Shutdown", PROBLEM_UNAVAILABLE },
};

static void refused(struct pull *pull, struct slice description)
{
    enum problem_kind kind = PROBLEM_NOT_ALLOWED;
    char detail[128];
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (slice_starts_with(description, slice_of(refusals[i].words)))
            kind = refusals[i].kind;
    snprintf(detail, sizeof detail, "The consumer says: %.*s.", SLICE_ARGS(description));
    pull_refuse(pull, kind, detail);
}

/* A status in place of a message. */
static void take_status(struct pull *pull, int status, struct slice description)
{
    if (status == 100)
        return; /* it is still there */
    if (status == 404 || status == 408 || (status == 409 && pull->count))
        request_done(pull);
    else if (slice_starts_with(description, slice_of("Message Size Exceeds")))
        too_large_at_once(pull);
    else if (!pull->call->exchange)
        pull_end(pull);
    else if (status == 503)
        pull_refuse(pull, PROBLEM_NO_CONSUMER, no_consumer);
    else
        refused(pull, description);
}

static unsigned pull_deliver(struct call *call, const struct batch *batch)
{
    struct pull *pull = call->arg;
    struct calls *calls = pull->calls;
    uint64_t number = call->number;
    for (unsigned i = 0; i < batch->count && call_find(calls, number); i++) {
        const struct message *message = &batch->messages[i];
        struct slice description = slice_make(NULL, 0);
        int status = headers_status(slice_make(message->body, message->head_size), &description);
        if (status && !message->reply_size) {
            take_status(pull, status, description);
            continue;
        }
        take_message(pull, batch, message);
        if (!pull->asked)
            request_done(pull);
    }
    return batch->count;
}

/* While it waits. */

static void orphan_fire(struct timer *timer, uint64_t now_ms)
{
    struct pull *pull = (struct pull *)((char *)timer - offsetof(struct pull, timer));
    (void)now_ms;
    pull_end(pull);
}

void pull_end_orphans(struct calls *calls)
{
    while (!list_is_empty(&calls->orphans))
        pull_end(LIST_OWNER(calls->orphans.next, struct pull, place));
}

/* What it has goes back, and so does what will still come for the request that runs. */
static void pull_abandoned(struct call *call)
{
    struct pull *pull = call->arg;
    struct loop *loop = pull->calls->http->loop;
    uint64_t now_ms = loop_now_ms(loop), due_ms = pull->due_ms > now_ms ? pull->due_ms : now_ms;
    bool runs = list_is_empty(&call->again);
    give_all_back(pull);
    if (!runs) {
        pull_end(pull);
        return;
    }
    call_leave_client(call);
    list_append(&pull->calls->orphans, &pull->place);
    if (timer_set(&loop->timers, &pull->timer, due_ms + GRACE_MS) != 0)
        pull_end(pull);
}

static void pull_deadline(struct call *call)
{
    pull_answer(call->arg);
}

static void pull_again(struct call *call)
{
    pull_ask(call->arg);
}

static const struct call_ops pull_ops = {
    .deliver = pull_deliver,
    .deadline = pull_deadline,
    .abandoned = pull_abandoned,
    .again = pull_again,
};

/* The handler. */

/* NULL: out of memory. */
static struct pull *pull_create(struct exchange *exchange)
{
    struct slice stream = exchange->parameter, consumer = exchange->second;
    struct pull *pull = malloc(sizeof *pull + stream.size + consumer.size);
    if (!pull)
        return NULL;
    *pull = (struct pull){ .calls = calls_of(exchange), .epoch = api_epoch(exchange->http, stream) };
    pull->timer.fire = orphan_fire;
    list_init(&pull->place);
    char *at = format_slice(pull->names, stream);
    pull->stream = slice_make(pull->names, stream.size);
    format_slice(at, consumer);
    pull->consumer = slice_make(at, consumer.size);
    return pull;
}

static bool check_names(struct exchange *exchange)
{
    bool good = api_name_valid(exchange->parameter) && api_name_valid(exchange->second);
    if (!good)
        answer_problem(exchange, PROBLEM_NO_CONSUMER, NULL, "No stream or consumer has such a name.");
    return good;
}

/* How many messages may come. False: answered. */
static bool read_batch(struct exchange *exchange, uint64_t *ret_batch)
{
    unsigned max = exchange->http->config->http.poll_limit_max;
    *ret_batch = BATCH_DEFAULT < max ? BATCH_DEFAULT : max;
    if (!monitor_parameter(exchange, "batch", max, ret_batch))
        return false;
    if (!*ret_batch)
        answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "batch is a number from 1 to %u.", max);
    return *ret_batch > 0;
}

void consumers_pull(struct exchange *exchange)
{
    uint64_t batch, wait_ms, max_ms = exchange->http->config->http.poll_wait_max_ms;
    if (!check_names(exchange) || !read_batch(exchange, &batch) ||
        !calls_read_duration(exchange, "wait", 0, max_ms, &wait_ms))
        return;
    struct pull *pull = pull_create(exchange);
    if (!pull) {
        calls_short_of_memory(exchange);
        return;
    }
    if (!access_publish(exchange, write_topic(pull, &calls_of(exchange)->name))) {
        pull_free(pull);
        return;
    }
    uint64_t now_ms = loop_now_ms(exchange->http->loop);
    pull->wanted = (unsigned)batch;
    pull->due_ms = now_ms + wait_ms;
    pull->call = call_begin(exchange, &pull_ops, pull);
    if (!pull->call) {
        pull_free(pull);
        return;
    }
    exchange_set_deadline(exchange, pull->due_ms + GRACE_MS);
    pull_ask(pull);
}
