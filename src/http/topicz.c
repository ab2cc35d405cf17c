/*
 * GET /topicz: the topics seen lately, as the stream `recent` keeps them. It is read when somebody asks, so that
 * publishing costs nothing more; in slices, so that nobody waits for it.
 */
#include <stdlib.h>

#include "http/document.h"
#include "http/monitor.h"
#include "util/hash.h"

enum {
    MESSAGES_MAX = 20000, /* looked at: the newest */
    LIMIT_MAX = 1000,
    SLOTS_MIN = 256,
};

struct topic_row {
    char *topic; /* its own; NULL: a free place */
    size_t topic_size;
    uint64_t message_count, byte_count, last_time_ms, last_sequence;
};

struct topicz {
    struct exchange *exchange;
    struct feed_waiter waiter; /* for the next turn */
    struct feed_scan scan;
    uint64_t end_sequence;     /* what comes behind it while it is read is left out: else it might never end */
    uint64_t limit;
    uint64_t seed;
    struct topic_row *rows;    /* open addressing, linear probing, a power of two */
    size_t row_room, row_count;
    bool failed;               /* memory ran out */
};

static void topicz_destroy(struct topicz *topicz)
{
    for (size_t i = 0; i < topicz->row_room; i++)
        free(topicz->rows[i].topic);
    free(topicz->rows);
    free(topicz);
}

/* The table. */

static struct topic_row *row_of(struct topic_row *rows, size_t room, uint64_t seed, struct slice topic)
{
    size_t at = hash_bytes(seed, topic.data, topic.size) & (room - 1);
    while (rows[at].topic && !slice_equal(slice_make(rows[at].topic, rows[at].topic_size), topic))
        at = (at + 1) & (room - 1);
    return &rows[at];
}

static bool rows_grow(struct topicz *topicz)
{
    size_t room = topicz->row_room ? 2 * topicz->row_room : SLOTS_MIN;
    struct topic_row *rows = calloc(room, sizeof *rows);
    if (!rows)
        return false;
    for (size_t i = 0; i < topicz->row_room; i++) {
        const struct topic_row *row = &topicz->rows[i];
        if (row->topic)
            *row_of(rows, room, topicz->seed, slice_make(row->topic, row->topic_size)) = *row;
    }
    free(topicz->rows);
    topicz->rows = rows;
    topicz->row_room = room;
    return true;
}

/* The row of a topic, made where there is none; NULL: out of memory. */
static struct topic_row *row_for(struct topicz *topicz, struct slice topic)
{
    if (topicz->row_count * 2 >= topicz->row_room && !rows_grow(topicz))
        return NULL;
    struct topic_row *row = row_of(topicz->rows, topicz->row_room, topicz->seed, topic);
    if (row->topic)
        return row;
    row->topic = malloc(topic.size ? topic.size : 1);
    if (!row->topic)
        return NULL;
    memcpy(row->topic, topic.data, topic.size);
    row->topic_size = topic.size;
    topicz->row_count++;
    return row;
}

static bool take_message(void *arg, const struct stream_message *message)
{
    struct topicz *topicz = arg;
    if (message->sequence > topicz->end_sequence)
        return false;
    struct topic_row *row = row_for(topicz, message->topic);
    if (!row) {
        topicz->failed = true;
        return false;
    }
    row->message_count++;
    row->byte_count += message->head.size + message->payload.size;
    row->last_time_ms = message->time_ms;
    row->last_sequence = message->sequence;
    return true;
}

/* Answering. */

/* The latest first; free places last. */
static int compare_rows(const void *a, const void *b)
{
    const struct topic_row *row_a = a, *row_b = b;
    return (row_a->last_sequence < row_b->last_sequence) - (row_a->last_sequence > row_b->last_sequence);
}

static void put_row(struct document *document, const struct topic_row *row)
{
    document_open(document, NULL, '{');
    document_text(document, "topic", slice_make(row->topic, row->topic_size));
    document_number(document, "messages", row->message_count);
    document_number(document, "bytes", row->byte_count);
    document_moment(document, "last_time", row->last_time_ms);
    document_close(document, '}');
}

static void topicz_answer(struct topicz *topicz)
{
    struct document document = { .failed = topicz->failed };
    if (topicz->row_room)
        qsort(topicz->rows, topicz->row_room, sizeof *topicz->rows, compare_rows);
    document_open(&document, NULL, '{');
    document_moment(&document, "now", broker_wall_ms(topicz->exchange->http->broker));
    document_text(&document, "since", slice_of("recent"));
    document_number(&document, "total", topicz->row_count);
    document_open(&document, "topics", '[');
    for (size_t i = 0; i < topicz->row_count && i < topicz->limit; i++)
        put_row(&document, &topicz->rows[i]);
    document_close(&document, ']');
    document_close(&document, '}');
    document_answer(&document, topicz->exchange);
    topicz_destroy(topicz);
}

/* Reading. */

static void topicz_read(struct feed_waiter *waiter)
{
    struct topicz *topicz = (struct topicz *)(void *)((char *)waiter - offsetof(struct topicz, waiter));
    struct feed *feed = topicz->exchange->http->feed;
    enum feed_scan_end end = feed_scan(feed, &topicz->scan, take_message, topicz);
    if (end == FEED_SCAN_PAUSED)
        feed_waiter_again(feed, waiter, topicz_read);
    else if (end == FEED_SCAN_AWAY)
        feed_waiter_away(feed, waiter, topicz_read);
    else
        topicz_answer(topicz);
}

static void topicz_abandoned(void *arg)
{
    struct topicz *topicz = arg;
    feed_waiter_close(&topicz->waiter);
    topicz_destroy(topicz);
}

static const struct hold_ops topicz_hold_ops = { .abandoned = topicz_abandoned };

static void scan_begin(struct topicz *topicz, struct feed *feed)
{
    uint64_t epoch = stream_epoch(feed_stream(feed)), last = stream_last(feed_stream(feed));
    topicz->scan = (struct feed_scan){
        .patterns = slice_of(">"),
        .at = { epoch, last > MESSAGES_MAX ? last - MESSAGES_MAX : 0 },
    };
    topicz->end_sequence = last;
    topicz->seed = epoch; /* drawn at random */
}

void monitor_topics(struct exchange *exchange)
{
    struct feed *feed = exchange->http->feed;
    uint64_t limit = LIMIT_MAX;
    if (!monitor_parameter(exchange, "limit", LIMIT_MAX, &limit))
        return;
    struct topicz *topicz = calloc(1, sizeof *topicz);
    if (!topicz) {
        answer_problem(exchange, PROBLEM_INTERNAL, NULL, "The server is short of memory.");
        return;
    }
    topicz->exchange = exchange;
    topicz->limit = limit;
    if (!feed) {
        topicz_answer(topicz);
        return;
    }
    scan_begin(topicz, feed);
    exchange_hold(exchange, &topicz_hold_ops, topicz);
    feed_waiter_again(feed, &topicz->waiter, topicz_read);
}
