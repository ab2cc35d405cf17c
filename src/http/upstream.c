#include "http/upstream.h"

#include <stdlib.h>

#include "broker/acks.h"
#include "broker/broker.h"
#include "http/calls.h"
#include "http/publish.h"
#include "util/json.h"

/* In the order of enum upstream_ack. */
static const char *const words[] = { "buffered", "durable", "upstream" };

bool upstream_read(struct exchange *exchange, enum upstream_ack *ret_ack)
{
    char text[16];
    bool is_bad = false;
    struct slice word = slice_of("durable");
    if (exchange_query(exchange, "ack", text, sizeof text, &is_bad))
        word = slice_of(text);
    else if (!is_bad)
        http_header(exchange->request, "Posthorn-Ack", &word);
    for (unsigned i = 0; i < sizeof words / sizeof *words && !is_bad; i++)
        if (slice_is(word, words[i])) {
            *ret_ack = (enum upstream_ack)i;
            return true;
        }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "ack is buffered, durable or upstream.");
    return false;
}

struct upstream {
    struct outlet_waiter waiter; /* first */
    struct exchange *exchange;
    struct slice topic;          /* behind it */
};

/* Waits no more. */
static struct exchange *end(struct upstream *upstream)
{
    struct exchange *exchange = upstream->exchange;
    const struct broker_outlet *outlet = &exchange->http->broker->outlet;
    if (upstream->waiter.link)
        outlet->unwait(outlet->arg, &upstream->waiter);
    return exchange;
}

/* What the broker says, as publishers there are told. */
static void answer_found(struct exchange *exchange, struct slice topic, const struct ack_found *found)
{
    char name[UINT8_MAX + 1] = "";
    size_t size = 0;
    unsigned status;
    struct buffer *buffer = &calls_of(exchange)->text;
    struct receipt receipt = { .sequence = found->sequence, .verdict = found->verdict, .duplicate = found->duplicate };
    if (found->stream.size && found->stream.size < sizeof name && json_read_string(found->stream, name, &size)) {
        name[size] = '\0';
        receipt.stream = name;
        receipt.durable = true;
    }
    buffer->size = 0;
    char *out = buffer_reserve(buffer, publish_result_size_max(topic, &receipt));
    if (!out) {
        calls_short_of_memory(exchange);
        return;
    }
    struct slice text = slice_make(out, (size_t)(publish_write_result(out, topic, &receipt, &status) - out));
    bool is_refused = status >= 400;
    exchange->http->loop->counters.http_problems += is_refused;
    answer(exchange, status, is_refused ? "application/problem+json" : "application/json", text, NULL);
}

static void on_told(struct outlet_waiter *waiter, struct slice text)
{
    struct upstream *upstream = (struct upstream *)waiter;
    struct ack_found found;
    if (ack_words_read(text, &found))
        answer_found(end(upstream), upstream->topic, &found);
    else
        answer_problem(end(upstream), PROBLEM_STREAM_FAILED, NULL, "The sidecar has given the message up.");
    free(upstream);
}

static void on_abandoned(void *arg)
{
    end(arg);
    free(arg);
}

static const struct hold_ops hold_ops = { .abandoned = on_abandoned };

bool upstream_wait(struct exchange *exchange, struct slice topic, const struct receipt *receipt)
{
    const struct broker_outlet *outlet = &exchange->http->broker->outlet;
    struct upstream *upstream = outlet->wait && receipt->sequence ? malloc(sizeof *upstream + topic.size) : NULL;
    if (!upstream)
        return false;
    char *copy = memcpy(upstream + 1, topic.data, topic.size);
    *upstream = (struct upstream){ { .told = on_told }, exchange, slice_make(copy, topic.size) };
    if (!outlet->wait(outlet->arg, &upstream->waiter, receipt)) {
        free(upstream);
        return false;
    }
    exchange_hold(exchange, &hold_ops, upstream);
    return true;
}
