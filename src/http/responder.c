#include "http/responder.h"

#include <stdlib.h>

#include "config/config.h"
#include "core/message.h"
#include "http/access.h"
#include "http/answers.h"
#include "http/calls.h"
#include "http/names.h"
#include "http/reply.h"
#include "http/routes.h"
#include "net/conn.h"
#include "wire/format.h"

enum {
    LEASES_MAX = 10000,   /* of one worker: each costs a subscription on every worker */
    WAIT_MS = 25000,      /* of a GET that does not say; below what proxies allow */
};

static const char default_group[] = "http-workers";
static const char no_store[] = "Cache-Control: no-store\r\n";

struct lease {
    struct sink sink;         /* first: a sink of ours is a lease */
    struct calls *calls;
    struct queue *queue;
    struct timer timer;       /* to see whether it has been used of late */
    uint64_t used_ms;         /* when somebody last asked or was answered */
    unsigned taker_count;     /* GETs that wait */
    struct lease *next, **link;
};

/* A GET that waits. */
struct taker {
    struct queue_waiter waiter; /* first: a waiter of ours is a taker */
    struct exchange *exchange;  /* held */
    struct lease *lease;
    bool is_gone;               /* stands in no line: its client has left, which will be noticed */
};

/* The sink. */

/* Only what asks for an answer is for a worker; the rest goes to others of the group. */
static unsigned count_requests(const struct batch *batch)
{
    unsigned count = 0;
    while (count < batch->count && batch->messages[count].reply_size)
        count++;
    return count;
}

/*
 * Where a request was published, its publisher hears at once that a full queue refuses it. What comes from another
 * worker has left its publisher behind: it is taken, and refused by a message.
 */
static bool comes_from_afar(const struct batch *batch)
{
    return batch->hops > 0;
}

static unsigned lease_room(const struct sink *sink, const struct batch *batch)
{
    const struct lease *lease = (const struct lease *)sink;
    unsigned count = count_requests(batch);
    if (comes_from_afar(batch))
        return count;
    unsigned room = queue_room(lease->queue, lease->calls->http->config->http.responder_queue_max);
    return count < room ? count : room;
}

/* Remembers who is to be told: nothing may be published within a delivery. */
static bool refuse_later(struct calls *calls, const struct message *message)
{
    size_t size = sizeof message->reply_size + message->reply_size;
    char *out = buffer_reserve(&calls->refused, size);
    if (!out)
        return false;
    memcpy(out, &message->reply_size, sizeof message->reply_size);
    memcpy(out + sizeof message->reply_size, message->reply, message->reply_size);
    calls->refused.size += size;
    return true;
}

static bool lease_take(struct lease *lease, const struct batch *batch, const struct message *message)
{
    struct http *http = lease->calls->http;
    const struct config_http *config = &http->config->http;
    uint64_t expires_ms = loop_now_ms(http->loop) + config->request_timeout_max_ms;
    struct slice topic = message_topic(message, batch->topic);
    return queue_put(lease->queue, topic, message, expires_ms, config->responder_queue_max, &lease->calls->desk) ||
           (comes_from_afar(batch) && refuse_later(lease->calls, message));
}

static unsigned lease_deliver(struct sink *sink, const struct batch *batch)
{
    struct lease *lease = (struct lease *)sink;
    unsigned count = count_requests(batch), taken = 0;
    while (taken < count && lease_take(lease, batch, &batch->messages[taken]))
        taken++;
    lease->calls->http->loop->counters.messages_out += taken;
    return taken;
}

static const struct sink_ops lease_ops = { .deliver = lease_deliver, .room = lease_room };

static void refuse(struct calls *calls, struct slice reply)
{
    struct batch batch = { .topic = reply, .messages = &message_no_responders, .count = 1 };
    const struct match *match;
    calls->http->loop->counters.no_responders++;
    if (session_route(calls_session(calls), reply, &match) == 0)
        session_publish(&calls->session, match, &batch);
}

void responder_refuse(struct calls *calls)
{
    struct buffer refused = calls->refused;
    calls->refused = (struct buffer){ 0 }; /* who is told may ask again at once */
    uint32_t size;
    for (size_t at = 0; at < refused.size; at += sizeof size + size) {
        memcpy(&size, refused.data + at, sizeof size);
        refuse(calls, slice_make(refused.data + at + sizeof size, size));
    }
    buffer_finish(&refused);
}

/* Leases. */

static void lease_end(struct lease *lease)
{
    struct calls *calls = lease->calls;
    session_unsubscribe(&calls->session, &lease->sink);
    timer_clear(&calls->http->loop->timers, &lease->timer);
    queue_close(lease->queue);
    *lease->link = lease->next;
    if (lease->next)
        lease->next->link = lease->link;
    calls->lease_count--;
    free(lease);
}

void responder_end_leases(struct calls *calls)
{
    while (calls->leases)
        lease_end(calls->leases);
}

static uint64_t lease_due_ms(const struct lease *lease)
{
    return lease->used_ms + lease->calls->http->config->http.responder_lease_ms;
}

/* The timer is set seldom: it looks whether the lease has been used meanwhile. */
static void on_timer(struct timer *timer, uint64_t now_ms)
{
    struct lease *lease = (struct lease *)((char *)timer - offsetof(struct lease, timer));
    if (lease->taker_count > 0)
        lease->used_ms = now_ms;
    uint64_t due_ms = lease_due_ms(lease);
    if (due_ms <= now_ms || timer_set(&lease->calls->http->loop->timers, timer, due_ms) != 0)
        lease_end(lease);
}

static bool is_lease(const struct sink *sink, const void *arg)
{
    return sink->ops == &lease_ops && ((const struct lease *)sink)->calls == arg;
}

static void lease_link(struct calls *calls, struct lease *lease)
{
    lease->next = calls->leases;
    lease->link = &calls->leases;
    if (lease->next)
        lease->next->link = &lease->next;
    calls->leases = lease;
    calls->lease_count++;
}

/* NULL: too many, or out of memory. */
static struct lease *lease_begin(struct calls *calls, struct slice pattern, struct slice group)
{
    struct loop *loop = calls->http->loop;
    struct lease *lease = calls->lease_count < LEASES_MAX ? calloc(1, sizeof *lease) : NULL;
    if (!lease)
        return NULL;
    lease->sink = (struct sink){ .ops = &lease_ops, .weight = 1 };
    lease->calls = calls;
    lease->timer.fire = on_timer;
    lease->used_ms = loop_now_ms(loop);
    lease->queue = queue_open(calls->queues, pattern, group);
    if (lease->queue && timer_set(&loop->timers, &lease->timer, lease_due_ms(lease)) == 0 &&
        session_subscribe(calls_session(calls), &lease->sink, pattern, group) == 0) {
        lease_link(calls, lease);
        return lease;
    }
    timer_clear(&loop->timers, &lease->timer);
    if (lease->queue)
        queue_close(lease->queue);
    free(lease);
    return NULL;
}

static struct lease *lease_get(struct calls *calls, struct slice pattern, struct slice group)
{
    struct sink *sink = router_find(calls->http->broker->router, pattern, group, is_lease, calls);
    struct lease *lease = sink ? (struct lease *)sink : lease_begin(calls, pattern, group);
    if (lease)
        lease->used_ms = loop_now_ms(calls->http->loop);
    return lease;
}

/* Answers. */

/* A topic in a header line, as it would stand in a path: a client on the line may have put any byte into it. */
static char *put_encoded(char *out, struct slice topic)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < topic.size; i++) {
        unsigned char c = (unsigned char)topic.data[i];
        if (c > ' ' && c < 0x7f && c != '%') {
            *out++ = (char)c;
            continue;
        }
        *out++ = '%';
        *out++ = digits[c >> 4];
        *out++ = digits[c & 15];
    }
    return out;
}

/* By when whoever takes a request now may answer it, where he may by nothing but allow_responses. */
static uint64_t answer_by_ms(const struct http *http, const struct session *session)
{
    unsigned count = rights_responses_max(session->rights);
    return count ? broker_wall_ms(http->broker) + rights_responses_ms(session->rights) : 0;
}

/* Posthorn-Topic and Posthorn-Reply-Id, behind which there is room for what the id is of. NULL: out of memory. */
static char *put_lines(struct buffer *buffer, const struct http *http, const struct queue_item *item, uint64_t by_ms)
{
    static const char topic[] = "Posthorn-Topic: ", id[] = "\r\nPosthorn-Reply-Id: ";
    struct slice permit = slice_make(NULL, reply_permit_size_max(item->reply));
    size_t size = sizeof topic + sizeof id + 3 * item->topic.size + reply_id_size(permit) + 2;
    char *out = buffer_reserve(buffer, size + permit.size), *text = out + size;
    if (!out)
        return NULL;
    out = format_bytes(out, topic, sizeof topic - 1);
    out = put_encoded(out, item->topic);
    out = format_bytes(out, id, sizeof id - 1);
    permit = slice_make(text, (size_t)(reply_permit_write(text, by_ms, item->reply) - text));
    out = reply_id_write(out, http->identity->reply_key, permit);
    return format_bytes(out, "\r\n", 2);
}

/* Takes the item. */
static void answer_item(struct calls *calls, struct exchange *exchange, struct queue_item *item)
{
    struct buffer *buffer = &calls->text;
    buffer->size = 0;
    char *end = put_lines(buffer, calls->http, item, answer_by_ms(calls->http, exchange->session));
    if (end)
        answer_message(calls, exchange, slice_make(buffer->data, (size_t)(end - buffer->data)), item->head,
                       item->payload);
    else
        calls_short_of_memory(exchange);
    queue_item_destroy(item);
}

/* While it waits. */

/* Whoever waited waits no longer. Returns the exchange, which is to be answered or is gone. */
static struct exchange *taker_end(struct taker *taker)
{
    struct exchange *exchange = taker->exchange;
    taker->lease->used_ms = loop_now_ms(taker->lease->calls->http->loop);
    taker->lease->taker_count--;
    taker->lease->calls->taker_count--;
    free(taker);
    return exchange;
}

/* A request is handed out once: where the client has just left, though nobody has noticed yet, it goes to the next. */
static bool has_left(struct exchange *exchange)
{
    struct conn *conn = exchange_conn(exchange);
    return !conn_is_open(conn) || conn_has_left(conn);
}

static void serve(struct calls *calls, struct taker *taker)
{
    struct queue_item *item = taker->waiter.item;
    taker->is_gone = has_left(taker->exchange);
    if (taker->is_gone)
        queue_return(taker->lease->queue, item, &calls->desk);
    else
        answer_item(calls, taker_end(taker), item);
}

void responder_serve(struct calls *calls)
{
    struct queue_waiter *waiter;
    while ((waiter = queue_served(calls->queues, &calls->desk)))
        serve(calls, (struct taker *)waiter);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
    struct taker *taker = arg;
    struct calls *calls = taker->lease->calls;
    struct queue_item *item = queue_leave(&taker->waiter);
    struct exchange *exchange = taker_end(taker);
    (void)now_ms;
    if (item)
        answer_item(calls, exchange, item);
    else
        answer_empty(exchange, 204, no_store);
}

/* What it was given meanwhile goes to the next. */
static void on_abandoned(void *arg)
{
    struct taker *taker = arg;
    struct lease *lease = taker->lease;
    struct calls *calls = lease->calls;
    struct queue_item *item = taker->is_gone ? NULL : queue_leave(&taker->waiter);
    if (item)
        queue_return(lease->queue, item, NULL);
    taker_end(taker);
    calls_rest(calls);
}

static const struct hold_ops taker_hold_ops = { .abandoned = on_abandoned, .deadline = on_deadline };

static void take_later(struct taker *taker, struct exchange *exchange, struct lease *lease, uint64_t wait_ms)
{
    taker->exchange = exchange;
    taker->lease = lease;
    lease->taker_count++;
    lease->calls->taker_count++;
    exchange_hold(exchange, &taker_hold_ops, taker);
    exchange_set_deadline(exchange, loop_now_ms(lease->calls->http->loop) + wait_ms);
}

static void take(struct exchange *exchange, struct lease *lease, uint64_t wait_ms)
{
    struct calls *calls = lease->calls;
    struct taker *taker = wait_ms ? calloc(1, sizeof *taker) : NULL;
    struct queue_item *item = queue_take(lease->queue, loop_now_ms(calls->http->loop),
                                         taker ? &taker->waiter : NULL, &calls->desk);
    if (item && has_left(exchange)) {
        free(taker);
        queue_return(lease->queue, item, &calls->desk);
        answer_empty(exchange, 204, no_store);
    } else if (item) {
        free(taker);
        answer_item(calls, exchange, item);
    } else if (taker) {
        take_later(taker, exchange, lease, wait_ms);
    } else {
        answer_empty(exchange, 204, no_store);
    }
}

/* The group of the query, or the one for those who name none. */
static bool read_group(struct exchange *exchange, char out[GROUP_SIZE_MAX + 1], struct slice *ret_group)
{
    bool bad = false;
    bool named = exchange_query(exchange, "group", out, GROUP_SIZE_MAX + 1, &bad);
    *ret_group = named ? slice_of(out) : slice_make(default_group, sizeof default_group - 1);
    if (!bad && name_is_group(*ret_group))
        return true;
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL,
                   "A group is at most %d bytes of UTF-8, without blanks.", GROUP_SIZE_MAX);
    return false;
}

/* HEAD would take a request, and could not hand it over. */
static bool is_get(struct exchange *exchange)
{
    if (exchange->request->method == HTTP_GET)
        return true;
    answer_problem(exchange, PROBLEM_BAD_METHOD, "Allow: GET\r\n", "Requests are taken by GET.");
    return false;
}

void responder_take(struct exchange *exchange)
{
    struct calls *calls = calls_of(exchange);
    uint64_t max_ms = exchange->http->config->http.poll_wait_max_ms, wait_ms;
    char text[GROUP_SIZE_MAX + 1];
    struct slice group;
    if (!is_get(exchange) || !read_group(exchange, text, &group) ||
        !calls_read_duration(exchange, "wait", WAIT_MS < max_ms ? WAIT_MS : max_ms, max_ms, &wait_ms))
        return;
    if (!name_is_pattern(exchange->parameter, &exchange->http->broker->limits.topic)) {
        answer_problem(exchange, PROBLEM_BAD_TOPIC, NULL,
                       "A pattern is a topic in which * stands for a token and > at the end for the rest.");
        return;
    }
    if (!access_read_all(exchange, exchange->parameter, group))
        return;
    struct lease *lease = lease_get(calls, exchange->parameter, group);
    if (lease)
        take(exchange, lease, wait_ms);
    else
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "Too many patterns are waited for.");
}
