/*
 * POST /v1/streams/{stream}/consumers/{consumer}/ack, /nak and /extend: what a worker says of messages that it has
 * pulled.
 *
 * All ids are looked at before anything is said. The last message is told with an inbox: consumers write down how far
 * they have come in order, so when the last is answered, all are.
 */
#include <stdlib.h>

#include "http/access.h"
#include "http/api.h"
#include "http/call.h"
#include "http/calls.h"
#include "http/delivery.h"
#include "http/publish.h"
#include "http/reply.h"
#include "http/routes.h"
#include "util/units.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { TIMEOUT_MS = 10000, WORD_SIZE = 64 };

static const char no_consumer[] = "There is no such stream, or no such consumer.";

/* One request, until the last message is answered. */
struct acking {
    struct call *call;
    unsigned count;
};

/* Ids. */

static bool refuse_id(struct exchange *exchange, unsigned place)
{
    answer_problem(exchange, PROBLEM_BAD_BODY, NULL,
                   "ack_ids[%u] is no id of a message that this consumer has delivered.", place);
    return false;
}

/* Reads an id, and puts the topic that it stands for, with its size in front, behind the others. False: it is none. */
static bool append_topic(struct exchange *exchange, struct slice value, struct buffer *topics)
{
    struct delivery delivery;
    size_t id_size, topic_size;
    char *out = buffer_reserve(topics, sizeof(uint32_t) + 2 * value.size);
    if (!out || *value.data != '"' || !json_read_string(value, out + sizeof(uint32_t) + value.size, &id_size))
        return false;
    char *topic = out + sizeof(uint32_t);
    struct slice id = slice_make(topic + value.size, id_size);
    if (!reply_id_read(id, exchange->http->identity->reply_key, topic, &topic_size) ||
        !delivery_read(slice_make(topic, topic_size), &delivery) ||
        !slice_equal(delivery.stream, exchange->parameter) || !slice_equal(delivery.consumer, exchange->second))
        return false;
    const uint32_t size = (uint32_t)topic_size;
    memcpy(out, &size, sizeof size);
    topics->size += sizeof size + topic_size;
    return true;
}

/* The topics of all ids, in calls->name. False: answered. */
static bool read_ids(struct exchange *exchange, struct slice object, unsigned *ret_count)
{
    struct slice ids = fields_member(object, "ack_ids"), value;
    struct buffer *topics = &calls_of(exchange)->name;
    size_t cursor = 0;
    topics->size = *ret_count = 0;
    if (!ids.size || *ids.data != '[') {
        answer_problem(exchange, PROBLEM_BAD_BODY, NULL, "ack_ids is a list of the ack_id of messages.");
        return false;
    }
    for (; json_next_element(ids, &cursor, &value); ++*ret_count)
        if (!append_topic(exchange, value, topics))
            return refuse_id(exchange, *ret_count);
    return true;
}

/* Saying it. */

static void ack_refuse(struct call *call, enum problem_kind kind, const char *detail)
{
    free(call->arg);
    answer_problem(call_end(call), kind, NULL, "%s", detail);
}

static unsigned ack_deliver(struct call *call, const struct batch *batch)
{
    struct acking *acking = call->arg;
    if (headers_status(slice_make(batch->messages->body, batch->messages->head_size), NULL) == 503) {
        ack_refuse(call, PROBLEM_NO_CONSUMER, no_consumer);
        return 1;
    }
    char text[64], *end = format_slice(text, slice_of("{\"messages\":"));
    end = format_number(end, acking->count);
    *end++ = '}';
    free(acking);
    answer(call_end(call), 200, "application/json", slice_make(text, (size_t)(end - text)), NULL);
    return 1;
}

static void ack_deadline(struct call *call)
{
    ack_refuse(call, PROBLEM_NO_REPLY, "The consumer did not answer in time; what it has heard is not known.");
}

static void ack_abandoned(struct call *call)
{
    free(call->arg);
    call_end(call);
}

static const struct call_ops ack_ops = {
    .deliver = ack_deliver,
    .deadline = ack_deadline,
    .abandoned = ack_abandoned,
};

/* The last of them is to be answered, which may happen before this returns. False where nobody took one of them. */
static bool say_to_all(struct call *call, struct message *word)
{
    struct buffer topics = call->calls->name; /* nobody touches it meanwhile */
    uint32_t size;
    bool taken = true;
    for (size_t at = 0; taken && at < topics.size; at += sizeof size + size) {
        memcpy(&size, topics.data + at, sizeof size);
        struct slice topic = slice_make(topics.data + at + sizeof size, size);
        bool last = at + sizeof size + size == topics.size;
        taken = last ? call_publish(call, topic, word) : publish_message(call->exchange, topic, word, NULL);
    }
    return taken;
}

/* All are of the same consumer. */
static struct slice first_topic(const struct buffer *topics)
{
    uint32_t size;
    memcpy(&size, topics->data, sizeof size);
    return slice_make(topics->data + sizeof size, size);
}

/* word: with CR LF behind it. */
static void say(struct exchange *exchange, struct slice object, struct slice word)
{
    struct calls *calls = calls_of(exchange);
    unsigned count;
    if (!read_ids(exchange, object, &count))
        return;
    if (!count) {
        answer(exchange, 200, "application/json", slice_of("{\"messages\":0}"), NULL);
        return;
    }
    if (!access_publish(exchange, first_topic(&calls->name)))
        return;
    struct acking *acking = malloc(sizeof *acking);
    if (!acking) {
        calls_short_of_memory(exchange);
        return;
    }
    *acking = (struct acking){ .call = call_begin(exchange, &ack_ops, acking), .count = count };
    if (!acking->call) {
        free(acking);
        return;
    }
    uint64_t number = acking->call->number;
    struct message message = { .body = word.data, .body_size = (uint32_t)word.size - 2 };
    exchange_set_deadline(exchange, loop_now_ms(calls->http->loop) + TIMEOUT_MS);
    if (!say_to_all(acking->call, &message) && call_find(calls, number))
        ack_refuse(call_find(calls, number), PROBLEM_NO_CONSUMER, no_consumer);
    calls_let_go(calls);
}

/* The handlers. */

void consumers_ack(struct exchange *exchange)
{
    struct slice object;
    if (api_read_object(exchange, &object))
        say(exchange, object, slice_of("+ACK\r\n"));
}

void consumers_extend(struct exchange *exchange)
{
    struct slice object;
    if (api_read_object(exchange, &object))
        say(exchange, object, slice_of("+WPI\r\n"));
}

/* "delay" of the body. False: answered. */
static bool read_delay(struct exchange *exchange, struct slice object, uint64_t *ret_ns)
{
    struct slice value = fields_member(object, "delay");
    char text[UNITS_TEXT_SIZE];
    size_t size = 0;
    *ret_ns = 0;
    if (!value.size || slice_is(value, "null"))
        return true;
    if (*value.data == '"' && value.size < sizeof text && json_read_string(value, text, &size)) {
        text[size] = '\0';
        if (units_parse_duration(text, ret_ns) && *ret_ns <= INT64_MAX)
            return true;
    }
    answer_problem(exchange, PROBLEM_BAD_BODY, NULL, "delay is a duration such as \"10s\".");
    return false;
}

void consumers_nak(struct exchange *exchange)
{
    char word[WORD_SIZE], *end = word;
    struct slice object;
    uint64_t delay_ns;
    if (!api_read_object(exchange, &object) || !read_delay(exchange, object, &delay_ns))
        return;
    end = format_slice(end, slice_of("-NAK"));
    if (delay_ns) {
        end = format_slice(end, slice_of(" {\"delay\":"));
        end = format_number(end, delay_ns);
        end = format_slice(end, slice_of("}"));
    }
    end = format_slice(end, slice_of("\r\n"));
    say(exchange, object, slice_make(word, (size_t)(end - word)));
}
