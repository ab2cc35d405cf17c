#include "sidecar/burial.h"

#include <inttypes.h>
#include <stdlib.h>

#include "config/config.h"
#include "util/log.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { TELL_INTERVAL_MS = 60000 };

static const char why_header[] = "Posthorn-Refused";

struct burial {
    uint64_t sequence, refused_sequence; /* in the spool, and in its grave */
};

void burials_init(struct burials *burials, struct stream *stream, void (*wake)(void *arg), void *arg)
{
    *burials = (struct burials){ .stream = stream_ref(stream), .watch = { .wake = wake, .arg = arg } };
    stream_watch(stream, &burials->watch);
}

void burials_finish(struct burials *burials)
{
    stream_unwatch(burials->stream, &burials->watch);
    stream_destroy(burials->stream);
    free(burials->list);
}

static bool reserve(struct burials *burials)
{
    if (burials->count < burials->room)
        return true;
    size_t room = burials->room ? 2 * burials->room : 16;
    struct burial *list = reallocarray(burials->list, room, sizeof *list);
    if (!list)
        return false;
    burials->list = list;
    burials->room = room;
    return true;
}

static void tell(struct burials *burials, struct slice topic, struct slice why, uint64_t now_ms)
{
    char quoted[2][LOG_QUOTE_SIZE];
    burials->total++;
    if (burials->told_ms && now_ms - burials->told_ms < TELL_INTERVAL_MS)
        return;
    burials->told_ms = now_ms;
    log_warning("spool_refused", "topic=%s error=%s count=%" PRIu64 " stream=" REFUSED_STREAM,
                log_quote(topic, quoted[0]), log_quote(why, quoted[1]), burials->total);
}

/* The message with a header more. */
static char *put_body(char *at, const struct stream_message *message, struct slice why)
{
    at = message->head.size ? format_bytes(at, message->head.data, message->head.size - HEADERS_END_SIZE)
                            : headers_begin(at);
    at = headers_end(headers_add(at, slice_of(why_header), why));
    return format_bytes(format_slice(at, message->payload), "\r\n", 2);
}

/* Under the topic behind REFUSED_TOPIC. Returns its sequence; 0: not now. */
static uint64_t append(const struct burials *burials, const struct stream_message *message, struct slice why,
                       uint64_t wall_ms)
{
    size_t prefix = sizeof REFUSED_TOPIC - 1, topic_size = prefix + message->topic.size;
    size_t head_size = message->head.size ? message->head.size : HEADERS_BEGIN_SIZE + HEADERS_END_SIZE;
    head_size += headers_add_size(slice_of(why_header), why);
    char *text = malloc(topic_size + head_size + message->payload.size + 2);
    if (!text)
        return 0;
    char *body = format_slice(format_bytes(text, REFUSED_TOPIC, prefix), message->topic);
    put_body(body, message, why);
    const struct message copy = { .body = body, .head_size = (uint32_t)head_size,
                                  .body_size = (uint32_t)(head_size + message->payload.size) };
    struct receipt receipt = { .stream = NULL };
    const struct batch batch = { .topic = slice_make(text, topic_size), .messages = &copy, .count = 1,
                                 .receipts = &receipt };
    stream_append(burials->stream, &batch, wall_ms, NULL);
    free(text);
    return receipt.sequence;
}

bool bury(struct burials *burials, const struct stream_message *message, struct slice why, uint64_t now_ms,
          uint64_t wall_ms)
{
    uint64_t sequence = reserve(burials) ? append(burials, message, why, wall_ms) : 0;
    if (!sequence)
        return false;
    burials->list[burials->count++] = (struct burial){ message->sequence, sequence };
    tell(burials, message->topic, why, now_ms);
    return true;
}

bool is_being_buried(const struct burials *burials, uint64_t sequence)
{
    for (size_t i = 0; i < burials->count; i++)
        if (burials->list[i].sequence == sequence)
            return true;
    return false;
}

void burials_settle(struct burials *burials, void (*done)(void *arg, uint64_t sequence), void *arg)
{
    if (!burials->count || !stream_watch_take(&burials->watch))
        return;
    size_t left = 0;
    uint64_t last = stream_last(burials->stream);
    for (size_t i = 0; i < burials->count; i++)
        if (burials->list[i].refused_sequence <= last)
            done(arg, burials->list[i].sequence);
        else
            burials->list[left++] = burials->list[i];
    burials->count = left;
}
