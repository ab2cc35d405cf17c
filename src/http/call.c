#include "http/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/access.h"
#include "http/answers.h"
#include "http/calls.h"
#include "http/publish.h"
#include "http/routes.h"
#include "util/decimal.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

/* Numbers are never used twice: the next call in a place has a number that is larger by this. */
enum { CALLS_MAX = 1 << 20 };

/* The table. */

void inbox_init(struct inbox *inbox)
{
    char name[INBOX_NAME_SIZE + 1];
    random_name(name, INBOX_NAME_SIZE);
    char *at = format_bytes(inbox->prefix, "_INBOX.", 7);
    at = format_bytes(at, name, INBOX_NAME_SIZE);
    *at = '.';
    list_init(&inbox->again);
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
    list_init(&call->again);
    inbox->slots[inbox->slot_count++] = call;
    return call;
}

/* One that is unused, or new. NULL: out of memory. */
static struct call *call_take(struct calls *calls)
{
    struct call *call = calls->inbox.unused;
    if (!call)
        return call_create(calls);
    calls->inbox.unused = call->next_unused;
    return call;
}

void call_leave_client(struct call *call)
{
    call->exchange = NULL;
    call->calls->inbox.waiting_count--;
}

struct exchange *call_end(struct call *call)
{
    struct inbox *inbox = &call->calls->inbox;
    struct exchange *exchange = call->exchange;
    if (exchange)
        call_leave_client(call);
    list_remove(&call->again);
    call->ops = NULL;
    call->next_unused = inbox->unused;
    inbox->unused = call;
    return exchange;
}

struct call *call_find(const struct calls *calls, uint64_t number)
{
    const struct inbox *inbox = &calls->inbox;
    uint64_t place = number % CALLS_MAX;
    struct call *call = place < inbox->slot_count ? inbox->slots[place] : NULL;
    return call && call->ops && call->number == number ? call : NULL;
}

/* Reply topics. */

static struct slice reply_topic(const struct call *call, char out[INBOX_PREFIX_SIZE + FORMAT_NUMBER_SIZE_MAX])
{
    char *at = format_bytes(out, call->calls->inbox.prefix, INBOX_PREFIX_SIZE);
    at = format_number(at, call->number);
    return slice_make(out, (size_t)(at - out));
}

/* The call that a message is for. The topic has our prefix; what follows may be anything. */
static struct call *call_of_topic(const struct calls *calls, struct slice topic)
{
    uint64_t number;
    struct slice digits = slice_make(topic.data + INBOX_PREFIX_SIZE, topic.size - INBOX_PREFIX_SIZE);
    return decimal_read(digits, &number) ? call_find(calls, number) : NULL;
}

/* The sink. */

static struct calls *calls_of_inbox(struct sink *sink)
{
    return (struct calls *)((char *)sink - offsetof(struct calls, inbox.sink));
}

/* None is taken where nobody waits for it: who publishes it may be told so. */
static unsigned inbox_deliver(struct sink *sink, const struct batch *batch)
{
    struct calls *calls = calls_of_inbox(sink);
    struct call *call = call_of_topic(calls, batch->topic);
    unsigned taken = call ? call->ops->deliver(call, batch) : 0;
    calls->http->loop->counters.messages_out += taken;
    return taken;
}

static const struct sink_ops inbox_ops = { .deliver = inbox_deliver };

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

void inbox_turn(struct calls *calls)
{
    struct list now;
    list_init(&now);
    list_splice(&now, &calls->inbox.again);
    while (!list_is_empty(&now)) {
        struct call *call = LIST_OWNER(now.next, struct call, again);
        list_remove(&call->again);
        call->ops->again(call);
    }
}

void call_again(struct call *call)
{
    list_remove(&call->again);
    list_append(&call->calls->inbox.again, &call->again);
    loop_again(call->calls->http->loop);
}

/* While it waits. */

static void on_abandoned(void *arg)
{
    struct call *call = arg;
    struct calls *calls = call->calls;
    if (call->ops->abandoned)
        call->ops->abandoned(call);
    else
        call_end(call);
    calls_rest(calls);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
    struct call *call = arg;
    (void)now_ms;
    call->ops->deadline(call);
}

static const struct hold_ops call_hold_ops = { .abandoned = on_abandoned, .deadline = on_deadline };

struct call *call_begin(struct exchange *exchange, const struct call_ops *ops, void *arg)
{
    struct calls *calls = calls_of(exchange);
    struct call *call = inbox_open(calls) == 0 ? call_take(calls) : NULL;
    if (!call) {
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "Too many requests wait for replies.");
        return NULL;
    }
    call->number += CALLS_MAX;
    call->exchange = exchange;
    call->ops = ops;
    call->arg = arg;
    calls->inbox.waiting_count++;
    exchange_hold(exchange, &call_hold_ops, call);
    return call;
}

bool call_publish(struct call *call, struct slice topic, struct message *message)
{
    char reply[INBOX_PREFIX_SIZE + FORMAT_NUMBER_SIZE_MAX];
    struct slice reply_slice = reply_topic(call, reply);
    message->reply = reply_slice.data;
    message->reply_size = (uint32_t)reply_slice.size;
    return publish_message(call->exchange, topic, message, NULL);
}

/* Requests: the first reply answers. */

static void answer_no_responders(struct exchange *exchange)
{
    exchange->http->loop->counters.no_responders++;
    answer_problem(exchange, PROBLEM_NO_RESPONDERS, NULL, "Nobody answers requests to this topic.");
}

static unsigned request_deliver(struct call *call, const struct batch *batch)
{
    struct calls *calls = call->calls;
    struct exchange *exchange = call_end(call);
    const struct message *reply = batch->messages;
    struct slice head = slice_make(reply->body, reply->head_size);
    struct slice payload = slice_make(reply->body + reply->head_size, reply->body_size - reply->head_size);
    if (headers_status(head, NULL) == 503)
        answer_no_responders(exchange);
    else
        answer_message(calls, exchange, slice_make(NULL, 0), head, payload);
    return 1;
}

static void request_deadline(struct call *call)
{
    answer_problem(call_end(call), PROBLEM_NO_REPLY, NULL, "No reply came in time.");
}

static const struct call_ops request_ops = { .deliver = request_deliver, .deadline = request_deadline };

void requests_fail(struct calls *calls)
{
    const struct inbox *inbox = &calls->inbox;
    for (uint32_t i = 0; i < inbox->slot_count; i++)
        if (inbox->slots[i]->ops == &request_ops)
            answer_problem(call_end(inbox->slots[i]), PROBLEM_BAD_GATEWAY, NULL,
                           "The connection to the broker broke; somebody may have heard the request.");
}

/* The exchange is held before the request goes out: a reply may be there before call_publish returns. */
void request_topic(struct exchange *exchange)
{
    struct calls *calls = calls_of(exchange);
    const struct config_http *config = &exchange->http->config->http;
    struct slice topic = exchange->parameter;
    uint64_t timeout_ms;
    struct message message;
    if (!calls_read_topic(exchange) || !access_publish(exchange, topic) ||
        !calls_read_duration(exchange, "timeout", config->request_timeout_ms, config->request_timeout_max_ms,
                             &timeout_ms) ||
        !calls_read_message(exchange, &message))
        return;
    struct call *call = call_begin(exchange, &request_ops, NULL);
    if (!call)
        return;
    uint64_t number = call->number;
    exchange_set_deadline(exchange, loop_now_ms(calls->http->loop) + timeout_ms);
    if (!call_publish(call, topic, &message) && (call = call_find(calls, number)))
        answer_no_responders(call_end(call));
}
