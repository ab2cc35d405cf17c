#include "http/reading.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/http.h"
#include "http/state.h"
#include "net/conn.h"
#include "util/hash.h"
#include "wire/format.h"

enum {
    BODY_SIZE_MAX = 4 << 20, /* of one answer; a single message may be larger */
    BODY_ROOM_MIN = 1 << 10,
    HEAD_ROOM = 64 << 10,    /* what a connection's output holds besides */
};

/* One poll, from its request to its answer. */
struct poll {
    struct feed_waiter waiter; /* first */
    struct exchange *exchange;
    struct feed *feed;
    struct feed_scan scan;
    struct cursor not_after;   /* If-None-Match: the client has all up to here; epoch 0: not asked */
    bool is_new;               /* there is something behind not_after */
    bool is_held;
    uint64_t due_ms;           /* until when it waits; of the loop's clock */
    unsigned limit, count;
    char *body;                /* the messages so far, each with a comma in front */
    size_t body_size, body_room, body_max;
    struct slice path, query;  /* for the link to what comes next; behind the struct, as the patterns are */
    char text[];
};

/* The list. */

static bool make_room(struct poll *poll, size_t size)
{
    size_t room = poll->body_room ? poll->body_room : BODY_ROOM_MIN;
    while (room < poll->body_size + size)
        room *= 2;
    if (room == poll->body_room)
        return true;
    char *body = realloc(poll->body, room);
    if (!body)
        return false;
    poll->body = body;
    poll->body_room = room;
    return true;
}

/* Where memory runs out, the answer ends with what it has. */
static bool take_message(void *arg, const struct stream_message *message)
{
    static const struct feed_format format = { .shape = FEED_LIST };
    struct poll *poll = arg;
    if (poll->count == poll->limit)
        return false;
    struct slice frame = feed_frame(poll->feed, format, message);
    if (!frame.size || (poll->count && poll->body_size + frame.size > poll->body_max) || !make_room(poll, frame.size))
        return false; /* it begins the next answer */
    memcpy(poll->body + poll->body_size, frame.data, frame.size);
    poll->body_size += frame.size;
    poll->count++;
    poll->is_new |= message->sequence > poll->not_after.sequence;
    return true;
}

/* The answer. */

static char *put(char *out, const char *text)
{
    return format_slice(out, slice_of(text));
}

/* Clients send the ">" of a pattern as it is; in a Link it would be the end (RFC 8288, 3). */
static char *put_uri(char *out, struct slice uri)
{
    for (size_t i = 0; i < uri.size; i++)
        if (uri.data[i] == '>' || uri.data[i] == '<')
            out = put(out, uri.data[i] == '>' ? "%3E" : "%3C");
        else
            *out++ = uri.data[i];
    return out;
}

static bool is_position(struct slice parameter)
{
    return slice_starts_with(parameter, slice_of("since=")) || slice_starts_with(parameter, slice_of("lastEventId=")) ||
           slice_starts_with(parameter, slice_of("last_event_id="));
}

/* The query with another position. */
static char *put_next_query(char *out, struct slice query, const char *cursor)
{
    size_t at = 0;
    out = put(out, "?since=");
    out = put(out, cursor);
    while (at < query.size) {
        const char *start = query.data + at, *end = memchr(start, '&', query.size - at);
        struct slice parameter = slice_make(start, end ? (size_t)(end - start) : query.size - at);
        if (parameter.size && !is_position(parameter)) {
            *out++ = '&';
            out = put_uri(out, parameter);
        }
        at += parameter.size + 1;
    }
    return out;
}

static void write_headers(const struct poll *poll, const char *cursor, char *out)
{
    out = put(out, "ETag: W/\"");
    out = put(out, cursor);
    out = put(out, "\"\r\nPosthorn-Cursor: ");
    out = put(out, cursor);
    out = put(out, "\r\nCache-Control: no-cache\r\nLink: <");
    out = put_uri(out, poll->path);
    out = put_next_query(out, poll->query, cursor);
    out = put(out, ">; rel=\"next\"\r\n");
    *out = '\0';
}

static size_t headers_size_max(const struct poll *poll)
{
    return 160 + 3 * CURSOR_TEXT_SIZE + 3 * (poll->path.size + poll->query.size);
}

static void write_answer(struct poll *poll, const char *headers, const char *cursor)
{
    char end[64 + CURSOR_TEXT_SIZE], *at = put(end, "],\"next\":\"");
    char *first = poll->body_size ? poll->body + 1 : poll->body; /* behind its comma */
    at = put(at, cursor);
    at = put(at, poll->scan.gap ? "\",\"gap\":true}" : "\",\"gap\":false}");
    struct iovec parts[] = {
        { (char *)"{\"messages\":[", 13 },
        { first, poll->body_size ? poll->body_size - 1 : 0 },
        { end, (size_t)(at - end) },
    };
    if (poll->not_after.epoch && !poll->is_new && !poll->scan.gap)
        answer_empty(poll->exchange, 304, headers);
    else
        answer_parts(poll->exchange, 200, "application/json", parts, 3, headers);
}

static void poll_destroy(struct poll *poll)
{
    feed_waiter_close(&poll->waiter);
    free(poll->body);
    free(poll);
}

static void poll_answer(struct poll *poll)
{
    char cursor[CURSOR_TEXT_SIZE], *headers = malloc(headers_size_max(poll));
    cursor_write(poll->scan.at, cursor);
    if (headers) {
        write_headers(poll, cursor, headers);
        write_answer(poll, headers, cursor);
    } else {
        answer_problem(poll->exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The server is short of memory.");
    }
    poll->exchange->http->loop->counters.messages_out += poll->count;
    free(headers);
    poll_destroy(poll);
}

/* Life. */

static void poll_go_on(struct poll *poll);

static void poll_ready(struct feed_waiter *waiter)
{
    poll_go_on((struct poll *)waiter);
}

static void poll_abandoned(void *arg)
{
    poll_destroy(arg);
}

static void poll_end_wait(void *arg)
{
    poll_answer(arg);
}

static void poll_deadline(void *arg, uint64_t now_ms)
{
    (void)now_ms;
    poll_answer(arg);
}

static const struct hold_ops poll_ops = {
    .abandoned = poll_abandoned,
    .stopping = poll_end_wait,
    .deadline = poll_deadline,
};

/* A reading that takes long, which no deadline ends: an answer without messages says that there are none. */
static void hold(struct poll *poll)
{
    if (!poll->is_held)
        exchange_hold(poll->exchange, &poll_ops, poll);
    poll->is_held = true;
    exchange_set_deadline(poll->exchange, UINT64_MAX);
}

static void wait_for_more(struct poll *poll)
{
    hold(poll);
    exchange_set_deadline(poll->exchange, poll->due_ms);
    if (feed_waiter_open(poll->feed, &poll->waiter, poll_ready, poll->scan.patterns, poll->scan.at.sequence) != 0)
        poll_answer(poll);
}

static bool may_wait(const struct poll *poll)
{
    return !poll->scan.gap && poll->count == 0 && poll->due_ms > loop_now_ms(poll->exchange->http->loop);
}

/* A hash of what tells clients apart that share an address, as far as it can be told. While its request is there. */
static uint64_t client_of(const struct poll *poll)
{
    struct exchange *exchange = poll->exchange;
    struct slice patterns = poll->scan.patterns;
    char text[ADDRESS_TEXT_SIZE];
    struct slice host = slice_of(address_host(&exchange_conn(exchange)->peer, text)), agent = slice_make(NULL, 0);
    http_header(exchange->request, "User-Agent", &agent);
    uint64_t hash = hash_bytes(HASH_PRIME_A, host.data, host.size);
    hash = hash_bytes(hash, patterns.data, patterns.size);
    return agent.size ? hash_bytes(hash, agent.data, agent.size) : hash;
}

/* Refuses a client that asks again and again although there is nothing. False: answered. */
static bool check_pace(struct poll *poll)
{
    struct http *http = poll->exchange->http;
    uint64_t interval_ms = http->config->http.poll_interval_min_ms;
    if (!interval_ms || poll->is_held ||
        pace_allows(http->state->pace, client_of(poll), loop_now_ms(http->loop), interval_ms))
        return true;
    char header[48];
    snprintf(header, sizeof header, "Retry-After: %llu\r\n", (unsigned long long)((interval_ms + 999) / 1000));
    answer_problem(poll->exchange, PROBLEM_TOO_OFTEN, header,
                   "Nothing is new, as the last many times: wait for it with wait=25s, or ask less often.");
    poll_destroy(poll);
    return false;
}

static void poll_end_with_stream(struct poll *poll)
{
    answer_problem(poll->exchange, PROBLEM_NO_STREAM, NULL, "The stream has been removed.");
    poll_destroy(poll);
}

static void poll_go_on(struct poll *poll)
{
    struct feed *feed = poll->feed;
    if (feed_is_ended(feed)) {
        poll_end_with_stream(poll);
        return;
    }
    enum feed_scan_end end = feed_scan(feed, &poll->scan, take_message, poll);
    if (end == FEED_SCAN_PAUSED) {
        hold(poll);
        feed_waiter_again(feed, &poll->waiter, poll_ready);
    } else if (end == FEED_SCAN_AWAY) {
        hold(poll);
        feed_waiter_away(feed, &poll->waiter, poll_ready);
    } else if (may_wait(poll)) {
        wait_for_more(poll);
    } else if (poll->is_new || poll->count || poll->scan.gap || check_pace(poll)) {
        poll_answer(poll);
    }
}

/* The pattern texts go with the poll: those of the request are gone when it is answered later. */
static struct slice copy_text(char **at, struct slice text)
{
    struct slice copy = slice_make(*at, text.size);
    if (text.size)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return copy;
}

/* The cursor in an entity tag of ours; epoch 0: it is another's. */
static struct cursor cursor_of_tag(struct slice tag)
{
    struct cursor cursor;
    if (slice_starts_with(tag, slice_of("W/")))
        tag = slice_make(tag.data + 2, tag.size - 2);
    if (tag.size < 2 || tag.data[0] != '"' || tag.data[tag.size - 1] != '"' ||
        !cursor_parse(slice_make(tag.data + 1, tag.size - 2), &cursor))
        return (struct cursor){ 0, 0 };
    return cursor;
}

/* If-None-Match: the answers that the client has; "*" is whatever it asks behind. The latest of them counts. */
static struct cursor read_tags(const struct exchange *exchange, struct stream *stream, struct cursor after)
{
    uint64_t epoch = stream_epoch(stream);
    struct cursor latest = { 0, 0 };
    struct slice tags, tag;
    if (!http_header(exchange->request, "If-None-Match", &tags))
        return latest;
    if (slice_is(tags, "*"))
        return after;
    while (http_next_item(&tags, &tag)) {
        struct cursor cursor = cursor_of_tag(tag);
        bool is_ours = cursor.epoch && (cursor.epoch == epoch || stream_locate(stream, &cursor));
        if (is_ours && cursor.sequence >= latest.sequence)
            latest = cursor;
    }
    return latest;
}

static size_t body_max(const struct http *http)
{
    size_t room = http->state->conn_limits.pending_size_max - HEAD_ROOM;
    return room < BODY_SIZE_MAX ? room : BODY_SIZE_MAX;
}

void poll_begin(struct exchange *exchange, const struct reading *reading)
{
    struct slice path = exchange->request->path, query = exchange->request->query;
    struct poll *poll = malloc(sizeof *poll + path.size + query.size + reading->kept.size);
    if (!poll) {
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The server is short of memory.");
        return;
    }
    *poll = (struct poll){
        .exchange = exchange,
        .feed = reading->feed,
        .scan.at = reading->after,
        .scan.from_ms = reading->from_ms,
        .not_after = read_tags(exchange, reading->stream, reading->after),
        .due_ms = loop_now_ms(exchange->http->loop) + reading->wait_ms,
        .limit = reading->limit,
        .body_max = body_max(exchange->http),
    };
    char *at = poll->text;
    poll->scan.patterns = copy_text(&at, reading->kept);
    poll->path = copy_text(&at, path);
    poll->query = copy_text(&at, query);
    poll_go_on(poll);
}
