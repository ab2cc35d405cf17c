#include "http/reading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/http.h"
#include "util/random.h"

/* A client that reads topics as they grow: server-sent events or NDJSON, until it goes. */
struct events {
    struct feed_reader reader; /* first */
    struct exchange *exchange;
    struct live *live;         /* topics that the stream does not keep; NULL: none */
    bool has_reader, is_lines;
    bool stopping;             /* the deadline is its end */
    uint64_t sent_ms;          /* when bytes last went */
    uint64_t told_sequence;    /* up to here its ids have told it how far it is */
};

static struct events *events_of(struct feed_reader *reader)
{
    return (struct events *)reader;
}

static uint64_t now_ms(const struct events *events)
{
    return loop_now_ms(events->exchange->http->loop);
}

static const struct config_http *options(const struct events *events)
{
    return &events->exchange->http->config->http;
}

static void keep_text(struct events *events, const char *text)
{
    exchange_keep(events->exchange, text, strlen(text));
    events->sent_ms = now_ms(events);
}

/* A number from 0 to max: what many do at once is spread by it. */
static uint32_t chance(uint64_t max)
{
    struct random random;
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    random_init(&random, seed);
    return random_below(&random, (uint32_t)max + 1);
}

static void events_close(struct events *events);

/* The feed's side. */

static size_t reader_send(struct feed_reader *reader, const char *data, size_t size)
{
    struct events *events = events_of(reader);
    events->sent_ms = now_ms(events);
    return exchange_send(events->exchange, data, size);
}

static void reader_keep(struct feed_reader *reader, const char *data, size_t size)
{
    exchange_keep(events_of(reader)->exchange, data, size);
}

static void tell_gap(struct events *events, struct cursor from, struct cursor to)
{
    char from_text[CURSOR_TEXT_SIZE], to_text[CURSOR_TEXT_SIZE], text[160];
    cursor_write(from, from_text);
    cursor_write(to, to_text);
    snprintf(text, sizeof text,
             events->is_lines ? "{\"gap\":{\"from\":\"%s\",\"to\":\"%s\"}}\n"
                              : "event: gap\ndata: {\"from\":\"%s\",\"to\":\"%s\"}\n",
             from_text, to_text);
    keep_text(events, text);
    if (!events->is_lines) {
        snprintf(text, sizeof text, "id: %s\n\n", to_text);
        keep_text(events, text);
    }
    events->told_sequence = to.sequence;
    events->exchange->http->loop->counters.gaps_told++;
}

static void reader_gap(struct feed_reader *reader, struct cursor from, struct cursor to)
{
    tell_gap(events_of(reader), from, to);
}

/* The stream is gone: so is its reader, who comes back and finds what there is then. */
static void reader_ended(struct feed_reader *reader)
{
    struct events *events = events_of(reader);
    struct exchange *exchange = events->exchange;
    events_close(events);
    exchange_end(exchange);
}

static const struct feed_reader_ops reader_ops = { reader_send, reader_keep, reader_gap, reader_ended };

/* Heartbeats. */

/*
 * A comment, which no client takes for an event; and where the stream has moved on without anything for this client, an
 * id alone, which moves its Last-Event-ID without an event (WHATWG HTML 9.2.6, "dispatch the event"): so when it comes
 * back it is not told of a gap among messages that were never for it.
 */
static void beat(struct events *events)
{
    char cursor[CURSOR_TEXT_SIZE], text[CURSOR_TEXT_SIZE + 16];
    if (events->is_lines) {
        keep_text(events, "\n");
        return;
    }
    struct cursor at = { 0, 0 };
    if (events->has_reader)
        at = feed_reader_cursor(&events->reader);
    if (at.sequence == events->told_sequence) {
        keep_text(events, ":\n\n");
        return;
    }
    events->told_sequence = at.sequence;
    cursor_write(at, cursor);
    snprintf(text, sizeof text, ":\nid: %s\n\n", cursor);
    keep_text(events, text);
}

static void set_heartbeat(struct events *events)
{
    exchange_set_deadline(events->exchange, events->sent_ms + options(events)->heartbeat_interval_ms);
}

/* Life. */

static void events_close(struct events *events)
{
    if (events->has_reader)
        feed_reader_close(&events->reader);
    live_close(events->live);
    free(events);
}

static void events_abandoned(void *arg)
{
    events_close(arg);
}

static void events_deadline(void *arg, uint64_t at_ms)
{
    struct events *events = arg;
    if (events->stopping) {
        struct exchange *exchange = events->exchange;
        events_close(events);
        exchange_end(exchange);
        return;
    }
    if (at_ms >= events->sent_ms + options(events)->heartbeat_interval_ms)
        beat(events);
    set_heartbeat(events);
}

/* All streams ending at once would all come back at once. */
static void events_stopping(void *arg)
{
    struct events *events = arg;
    events->stopping = true;
    exchange_set_deadline(events->exchange, now_ms(events) + chance(options(events)->drain_duration_ms));
}

static void events_writable(void *arg)
{
    struct events *events = arg;
    if (events->has_reader)
        feed_reader_resume(&events->reader);
}

/* Who is slow is kept as long as the stream keeps what he has not seen. */
static bool events_stuck(void *arg)
{
    struct events *events = arg;
    return events->has_reader && feed_reader_is_kept(&events->reader);
}

static const struct hold_ops events_ops = {
    .abandoned = events_abandoned,
    .stopping = events_stopping,
    .deadline = events_deadline,
    .writable = events_writable,
    .stuck = events_stuck,
};

/*
 * How long a browser waits before it comes back: each another time, so that they do not come together. And where it
 * stands: one that is cut off before its first event would otherwise come back knowing no id, and miss what came
 * meanwhile.
 */
static void greet(struct events *events)
{
    uint64_t retry_ms = options(events)->retry_ms;
    char cursor[CURSOR_TEXT_SIZE] = "", text[2 * CURSOR_TEXT_SIZE + 32];
    bool is_known = events->has_reader && events->reader.epoch == stream_epoch(feed_stream(events->reader.feed));
    if (is_known)
        cursor_write(feed_reader_cursor(&events->reader), cursor);
    snprintf(text, sizeof text, "retry: %llu\n%s%s\n%s",
             (unsigned long long)(retry_ms + chance(retry_ms / 2)),
             is_known ? "id: " : "", cursor, is_known ? "\n" : "");
    keep_text(events, text);
}

/* Subscribes and begins to read. 0 or -errno. */
static int open_sources(struct events *events, const struct reading *reading)
{
    int error = 0;
    if (reading->live.size)
        error = live_open(events->exchange, reading->live, reading->format, &events->live);
    if (!error && reading->kept.size) {
        error = feed_reader_open(reading->feed, &events->reader, &reader_ops, reading->kept, reading->format,
                                 reading->after);
        events->has_reader = !error;
        events->reader.from_ms = reading->from_ms;
    }
    return error;
}

static const char *type_of(const struct reading *reading)
{
    return reading->format.shape == FEED_LINES ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
}

/* Proxies are to pass on what comes as it comes. */
static const char stream_headers[] = "Cache-Control: no-cache, no-store, no-transform\r\nX-Accel-Buffering: no\r\n";

void events_begin(struct exchange *exchange, const struct reading *reading)
{
    struct events *events = malloc(sizeof *events);
    if (!events) {
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The server is short of memory.");
        return;
    }
    *events = (struct events){
        .exchange = exchange,
        .is_lines = reading->format.shape == FEED_LINES,
        .told_sequence = reading->after.sequence,
    };
    int error = open_sources(events, reading);
    if (error) {
        events_close(events);
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "%s",
                       error == -EDQUOT ? "Too many subscriptions on this connection."
                                        : "The server is short of memory.");
        return;
    }
    if (!exchange_stream(exchange, type_of(reading), stream_headers, &events_ops, events)) {
        events_close(events);
        return;
    }
    if (!events->is_lines)
        greet(events);
    if (!reading->kept.size && reading->has_since && !reading->is_latest)
        tell_gap(events, reading->after, (struct cursor){ 0, 0 }); /* nothing is kept, so what was there is gone */
    events->sent_ms = now_ms(events);
    set_heartbeat(events);
}
