#include "http/reading.h"

#include <errno.h>
#include <stdlib.h>

#include "core/topic.h"
#include "http/http.h"

/* One pattern. Two of them may name a topic: the batch's serial tells that it has been here. */
struct live_sink {
    struct sink sink; /* first */
    struct live *live;
};

struct live {
    struct exchange *exchange;
    struct session *session;
    struct feed_format format;
    uint64_t last_serial;
    unsigned count;
    struct live_sink sinks[];
};

/* Out of memory: the client is told nothing of this message, as of one before it came. */
static void write_message(struct live *live, const struct stream_message *message)
{
    struct slice nameless = slice_make(NULL, 0);
    char *bytes = malloc(format_size_max(live->format, message, nameless));
    if (!bytes)
        return;
    char *end = format_write(live->format, message, nameless, 0, bytes);
    exchange_keep(live->exchange, bytes, (size_t)(end - bytes));
    free(bytes);
}

static unsigned live_deliver(struct sink *sink, const struct batch *batch)
{
    struct live *live = ((struct live_sink *)sink)->live;
    struct broker *broker = live->session->broker;
    if (batch->serial && batch->serial == live->last_serial)
        return batch->count;
    if (sink->is_limited && !session_may_read(live->session, batch->topic))
        return 0;
    live->last_serial = batch->serial;
    for (unsigned i = 0; i < batch->count; i++) {
        const struct message *message = &batch->messages[i];
        if (!session_may_read(live->session, message_topic(message, batch->topic)))
            continue;
        const struct stream_message as_kept = {
            .time_ms = broker->hooks.wall_ms(broker->hooks.arg),
            .topic = message_topic(message, batch->topic),
            .head = slice_make(message->body, message->head_size),
            .payload = slice_make(message->body + message->head_size, message->body_size - message->head_size),
        };
        write_message(live, &as_kept);
    }
    broker->counters->messages_out += batch->count;
    return batch->count;
}

static const struct sink_ops live_ops = { .deliver = live_deliver };

int live_open(struct exchange *exchange, struct slice patterns, struct feed_format format, struct live **ret_live)
{
    unsigned count = patterns_count(patterns);
    struct live *live = calloc(1, sizeof *live + count * sizeof *live->sinks);
    size_t cursor = 0;
    struct slice pattern;
    if (!live)
        return -ENOMEM;
    live->exchange = exchange;
    live->session = exchange->session;
    live->format = format;
    while (patterns_next(patterns, &cursor, &pattern)) {
        struct live_sink *sink = &live->sinks[live->count];
        *sink = (struct live_sink){ .sink = { .ops = &live_ops, .weight = 1 }, .live = live };
        int error = session_subscribe(live->session, &sink->sink, pattern, slice_make(NULL, 0));
        if (error) {
            live_close(live);
            return error;
        }
        live->count++;
    }
    *ret_live = live;
    return 0;
}

void live_close(struct live *live)
{
    if (!live)
        return;
    for (unsigned i = 0; i < live->count; i++)
        session_unsubscribe(live->session, &live->sinks[i].sink);
    free(live);
}
