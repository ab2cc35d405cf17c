#include "http/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/answers.h"
#include "http/calls.h"
#include "http/publish.h"
#include "http/routes.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

/* Numbers are never used twice: the next call in a place has a number that is larger by this. */
enum { CALLS_MAX = 1 << 20 };

struct call {
    struct calls *calls;
    struct exchange *exchange;  /* held; NULL: unused */
    uint64_t number;
    struct call *next_unused;
};

/* The table. */

void inbox_init(struct inbox *inbox)
{
    char name[INBOX_NAME_SIZE + 1];
    random_name(name, INBOX_NAME_SIZE);
    char *at = format_bytes(inbox->prefix, "_INBOX.", 7);
    at = format_bytes(at, name, INBOX_NAME_SIZE);
    *at = '.';
}

void inbox_finish(struct inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->slot_count; i++)
        free(inbox->slots[i]);
    free(inbox->slots);
}

static bool make_room(struct inbox *inbox)
{
    if (inbox->slot_count < inbox->slot_room)
        return true;
    uint32_t room = inbox->slot_room ? inbox->slot_room * 2 : 64;
    struct call **slots = room > CALLS_MAX ? NULL : realloc(inbox->slots, room * sizeof(struct call *));
    if (!slots)
        return false;
    inbox->slots = slots;
    inbox->slot_room = room;
    return true;
}

static struct call *call_create(struct calls *calls)
{
    struct inbox *inbox = &calls->inbox;
    struct call *call = make_room(inbox) ? calloc(1, sizeof *call) : NULL;
    if (!call)
        return NULL;
    call->calls = calls;
    call->number = inbox->slot_count;
    inbox->slots[inbox->slot_count++] = call;
    return call;
}

static struct call *call_begin(struct calls *calls, struct exchange *exchange)
{
    struct call *call = calls->inbox.unused;
    if (call)
        calls->inbox.unused = call->next_unused;
    else if (!(call = call_create(calls)))
        return NULL;
    call->number += CALLS_MAX;
    call->exchange = exchange;
    calls->inbox.waiting_count++;
    return call;
}

/* Whoever waits hears no more of it. Returns the exchange, which is to be answered or is gone. */
static struct exchange *call_end(struct call *call)
{
    struct inbox *inbox = &call->calls->inbox;
    struct exchange *exchange = call->exchange;
    call->exchange = NULL;
    call->next_unused = inbox->unused;
    inbox->unused = call;
    inbox->waiting_count--;
    return exchange;
}

/* NULL: nobody waits, or not any more. */
static struct call *call_find(const struct inbox *inbox, uint64_t number)
{
    uint64_t place = number % CALLS_MAX;
    struct call *call = place < inbox->slot_count ? inbox->slots[place] : NULL;
    return call && call->exchange && call->number == number ? call : NULL;
}

/* Reply topics. */

static struct slice reply_topic(const struct call *call, char out[INBOX_PREFIX_SIZE + FORMAT_NUMBER_SIZE_MAX])
{
    char *at = format_bytes(out, call->calls->inbox.prefix, INBOX_PREFIX_SIZE);
    at = format_number(at, call->number);
    return slice_make(out, (size_t)(at - out));
}

/* The call that a reply is for. The topic has our prefix; what follows may be anything. */
static struct call *call_of_topic(const struct inbox *inbox, struct slice topic)
{
    uint64_t number = 0;
    for (size_t i = INBOX_PREFIX_SIZE; i < topic.size; i++) {
        if (topic.data[i] < '0' || topic.data[i] > '9' || number >= UINT64_MAX / 10 - 1)
            return NULL;
        number = number * 10 + (uint64_t)(topic.data[i] - '0');
    }
    return call_find(inbox, number);
}

/* Answers. */

static void answer_no_responders(struct exchange *exchange)
{
    exchange->http->loop->counters.no_responders++;
    answer_problem(exchange, PROBLEM_NO_RESPONDERS, NULL, "Nobody answers requests to this topic.");
}

static void answer_reply(struct calls *calls, struct exchange *exchange, const struct message *reply)
{
    struct slice head = slice_make(reply->body, reply->head_size);
    struct slice payload = slice_make(reply->body + reply->head_size, reply->body_size - reply->head_size);
    if (headers_status(head, NULL) == 503)
        answer_no_responders(exchange);
    else
        answer_message(calls, exchange, slice_make(NULL, 0), head, payload);
}

static struct calls *calls_of_inbox(struct sink *sink)
{
    return (struct calls *)((char *)sink - offsetof(struct calls, inbox.sink));
}

/* One reply is taken, and none where nobody waits for it: who publishes it may be told so. */
static unsigned inbox_deliver(struct sink *sink, const struct batch *batch)
{
    struct calls *calls = calls_of_inbox(sink);
    struct call *call = call_of_topic(&calls->inbox, batch->topic);
    if (!call)
        return 0;
    calls->http->loop->counters.messages_out++;
    answer_reply(calls, call_end(call), batch->messages);
    return 1;
}

static const struct sink_ops inbox_ops = { inbox_deliver, NULL };

/* 0, -EDQUOT or -ENOMEM. */
static int inbox_open(struct calls *calls)
{
    struct inbox *inbox = &calls->inbox;
    char pattern[INBOX_PREFIX_SIZE + 1];
    if (inbox->open)
        return 0;
    *format_bytes(pattern, inbox->prefix, INBOX_PREFIX_SIZE) = '*';
    inbox->sink = (struct sink){ .ops = &inbox_ops, .weight = 1 };
    int error = session_subscribe(calls_session(calls), &inbox->sink, slice_make(pattern, sizeof pattern),
                                  slice_make(NULL, 0));
    inbox->open = !error;
    return error;
}

void inbox_close(struct calls *calls)
{
    if (calls->inbox.open)
        session_unsubscribe(&calls->session, &calls->inbox.sink);
    calls->inbox.open = false;
}

/* While it waits. */

static void on_abandoned(void *arg)
{
    struct calls *calls = ((struct call *)arg)->calls;
    call_end(arg);
    calls_rest(calls);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
    (void)now_ms;
    answer_problem(call_end(arg), PROBLEM_NO_REPLY, NULL, "No reply came in time.");
}

static const struct hold_ops call_hold_ops = { .abandoned = on_abandoned, .deadline = on_deadline };

/* The exchange is held before the request goes out: a reply may be there before publish_message returns. */
static void call_run(struct call *call, struct exchange *exchange, struct slice topic, struct message *message,
                     uint64_t timeout_ms)
{
    struct calls *calls = call->calls;
    char reply[INBOX_PREFIX_SIZE + FORMAT_NUMBER_SIZE_MAX];
    struct slice reply_slice = reply_topic(call, reply);
    uint64_t number = call->number;
    message->reply = reply_slice.data;
    message->reply_size = (uint32_t)reply_slice.size;
    exchange_hold(exchange, &call_hold_ops, call);
    exchange_set_deadline(exchange, loop_now_ms(calls->http->loop) + timeout_ms);
    bool taken = publish_message(exchange, topic, message, NULL);
    if (!taken && (call = call_find(&calls->inbox, number)))
        answer_no_responders(call_end(call));
}

void request_topic(struct exchange *exchange)
{
    struct calls *calls = calls_of(exchange);
    const struct config_http *config = &exchange->http->config->http;
    uint64_t timeout_ms;
    struct message message;
    if (!calls_read_topic(exchange) ||
        !calls_read_duration(exchange, "timeout", config->request_timeout_ms, config->request_timeout_max_ms,
                             &timeout_ms) ||
        !calls_read_message(exchange, &message))
        return;
    struct call *call = inbox_open(calls) == 0 ? call_begin(calls, exchange) : NULL;
    if (!call) {
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "Too many requests wait for replies.");
        return;
    }
    call_run(call, exchange, exchange->parameter, &message, timeout_ms);
}
