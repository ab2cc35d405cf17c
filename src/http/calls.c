#include "http/calls.h"

#include <inttypes.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/call.h"
#include "http/headers.h"
#include "http/names.h"
#include "http/pull.h"
#include "http/responder.h"
#include "http/state.h"
#include "util/units.h"

enum { ROOM_KEPT = 1 << 20 };

static void wake_loop(void *arg)
{
    loop_wake(arg);
}

struct calls *calls_create(struct http *http)
{
    struct calls *calls = calloc(1, sizeof *calls);
    if (!calls)
        return NULL;
    calls->http = http;
    calls->queues = http->identity->queues;
    calls->desk = (struct queue_desk){ .wake = wake_loop, .arg = http->loop };
    inbox_init(&calls->inbox);
    list_init(&calls->orphans);
    return calls;
}

void calls_destroy(struct calls *calls)
{
    if (!calls)
        return;
    calls->leaving = true;
    calls_rest(calls);
    inbox_finish(&calls->inbox);
    buffer_finish(&calls->refused);
    buffer_finish(&calls->unused);
    buffer_finish(&calls->message);
    buffer_finish(&calls->lines);
    buffer_finish(&calls->text);
    buffer_finish(&calls->name);
    commit_list_finish(&calls->commits);
    free(calls);
}

struct calls *calls_of(const struct exchange *exchange)
{
    return exchange->http->state->calls;
}

void calls_turn(struct calls *calls)
{
    if (calls->refused.size > 0)
        responder_refuse(calls);
    if (calls->taker_count > 0)
        responder_serve(calls);
    inbox_turn(calls);
    if (calls->unused.size > 0)
        pull_give_back(calls);
    if (calls->leaving)
        calls_rest(calls);
}

/* The room's own session. */

static struct calls *calls_of_session(struct session *session)
{
    return (struct calls *)((char *)session - offsetof(struct calls, session));
}

/* It goes when those who wait have gone: what is left of them is answered by whoever holds their exchanges. Nobody in
 * particular has no rights that could be revoked. */
static void on_notice(struct session *session, enum broker_notice notice)
{
    struct calls *calls = calls_of_session(session);
    if (notice != NOTICE_SHUTDOWN && notice != NOTICE_ABANDON)
        return;
    calls->leaving = true;
    loop_again(calls->http->loop);
}

/* Nobody's connection: there is nothing to tell of it. */
static void describe(const struct session *session, struct session_facts *ret_facts)
{
    (void)session;
    (void)ret_facts;
}

static const struct session_ops session_ops = { .notice = on_notice, .describe = describe };

struct session *calls_session(struct calls *calls)
{
    if (!calls->session_open)
        session_open_own(&calls->session, calls->http->broker, &session_ops);
    calls->session_open = true;
    return &calls->session;
}

void calls_rest(struct calls *calls)
{
    if (!calls->leaving || calls->taker_count > 0 || calls->inbox.waiting_count > 0)
        return;
    calls->leaving = false;
    responder_end_leases(calls);
    pull_end_orphans(calls);
    inbox_close(calls);
    if (calls->session_open)
        session_close(&calls->session);
    calls->session_open = false;
}

/* What the handlers share. */

void calls_let_go(struct calls *calls)
{
    buffer_shrink(&calls->message, ROOM_KEPT);
    buffer_shrink(&calls->text, ROOM_KEPT);
    buffer_shrink(&calls->name, ROOM_KEPT);
}

void calls_short_of_memory(struct exchange *exchange)
{
    answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The server is short of memory.");
}

bool calls_read_topic(struct exchange *exchange)
{
    if (name_is_topic(exchange->parameter, &exchange->http->broker->limits.topic))
        return true;
    answer_problem(exchange, PROBLEM_BAD_TOPIC, NULL,
                   "A topic to publish to is tokens joined by dots, in UTF-8, without blanks and wildcards.");
    return false;
}

bool calls_read_duration(struct exchange *exchange, const char *name, uint64_t fallback_ms, uint64_t max_ms,
                         uint64_t *ret_ms)
{
    char text[UNITS_TEXT_SIZE];
    bool bad = false;
    uint64_t duration_ns;
    *ret_ms = fallback_ms;
    if (!exchange_query(exchange, name, text, sizeof text, &bad) && !bad)
        return true;
    if (!bad && units_parse_duration(text, &duration_ns) && duration_ns / 1000000 <= max_ms) {
        *ret_ms = duration_ns / 1000000;
        return true;
    }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL,
                   "%s is a duration such as 500ms or 2s, of at most %" PRIu64 "ms.", name, max_ms);
    return false;
}

size_t calls_payload_size_max(const struct exchange *exchange)
{
    uint64_t size_max = exchange->http->config->line.payload_size_max;
    return session_takes_size(exchange->session, size_max) ? (size_t)size_max : exchange->session->payload_size_max;
}

bool calls_read_message(struct exchange *exchange, struct message *ret_message)
{
    struct buffer *buffer = &calls_of(exchange)->message;
    struct slice body = exchange->body;
    buffer->size = 0;
    if (!buffer_reserve(buffer, headers_size_max(exchange->request) + body.size + 2)) {
        calls_short_of_memory(exchange);
        return false;
    }
    const char *fault;
    char *end = headers_from_request(exchange->request, buffer->data, &fault);
    if (!end) {
        answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "A header cannot be kept: %s.", fault);
        return false;
    }
    size_t head_size = (size_t)(end - buffer->data), max = calls_payload_size_max(exchange);
    if (head_size + body.size > max) {
        answer_problem(exchange, PROBLEM_TOO_LARGE, NULL, "Headers and payload together have at most %zu bytes.", max);
        return false;
    }
    if (body.size > 0)
        memcpy(end, body.data, body.size);
    memcpy(end + body.size, "\r\n", 2);
    *ret_message = (struct message){
        .body = buffer->data,
        .head_size = (uint32_t)head_size,
        .body_size = (uint32_t)(head_size + body.size),
    };
    return true;
}
