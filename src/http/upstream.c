#include "http/upstream.h"

#include <stdlib.h>

#include "broker/acks.h"
#include "broker/broker.h"
#include "http/calls.h"
#include "http/document.h"
#include "http/publish.h"
#include "util/json.h"

/* In the order of enum upstream_ack. */
static const char *const words[] = { "buffered", "durable", "upstream" };

static const char given_up[] = "The sidecar has given the message up.";

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

enum { NAME_SIZE_MAX = UINT8_MAX };

/* What the broker says, as publishers there are told. name is room for that of the stream. */
static struct receipt receipt_of(const struct ack_found *found, char name[NAME_SIZE_MAX + 1])
{
    size_t size = 0;
    struct receipt receipt = { .sequence = found->sequence, .verdict = found->verdict, .duplicate = found->duplicate };
    if (found->stream.size && found->stream.size < NAME_SIZE_MAX && json_read_string(found->stream, name, &size)) {
        name[size] = '\0';
        receipt.stream = name;
        receipt.durable = true;
    }
    return receipt;
}

static void answer_found(struct exchange *exchange, struct slice topic, const struct ack_found *found)
{
    char name[NAME_SIZE_MAX + 1] = "";
    unsigned status;
    struct buffer *buffer = &calls_of(exchange)->text;
    const struct receipt receipt = receipt_of(found, name);
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
        answer_problem(end(upstream), PROBLEM_STREAM_FAILED, NULL, "%s", given_up);
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

/* Batches. */

struct upstream_item {
    struct outlet_waiter waiter; /* first */
    struct upstream_batch *batch;
    struct upstream_item *next;
    char *result;                /* NULL: it waits, or there was no memory for it */
    size_t result_size;
    size_t topic_size;
    char topic[];
};

struct upstream_batch {
    struct exchange *exchange;
    struct upstream_item *first, **last;
    unsigned waiting_count;
    bool is_complete;            /* all items have been added */
};

struct upstream_batch *upstream_batch_begin(struct exchange *exchange)
{
    struct upstream_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->exchange = exchange;
    batch->last = &batch->first;
    return batch;
}

void upstream_batch_drop(struct upstream_batch *batch)
{
    if (!batch)
        return;
    const struct broker_outlet *outlet = &batch->exchange->http->broker->outlet;
    for (struct upstream_item *item = batch->first, *next; item; item = next) {
        next = item->next;
        if (item->waiter.link)
            outlet->unwait(outlet->arg, &item->waiter);
        free(item->result);
        free(item);
    }
    free(batch);
}

static struct upstream_item *add_item(struct upstream_batch *batch, struct slice topic)
{
    struct upstream_item *item = malloc(sizeof *item + topic.size);
    if (!item)
        return NULL;
    *item = (struct upstream_item){ .batch = batch, .topic_size = topic.size };
    if (topic.size)
        memcpy(item->topic, topic.data, topic.size);
    *batch->last = item;
    batch->last = &item->next;
    return item;
}

static bool write_result(struct upstream_item *item, const struct receipt *receipt)
{
    unsigned status;
    struct slice topic = slice_make(item->topic, item->topic_size);
    item->result = malloc(publish_result_size_max(topic, receipt));
    if (item->result)
        item->result_size = (size_t)(publish_write_result(item->result, topic, receipt, &status) - item->result);
    return item->result;
}

static bool write_problem(struct upstream_item *item, enum problem_kind kind, const char *detail)
{
    item->result = malloc(problem_size_max(slice_of(detail)));
    if (item->result)
        item->result_size = (size_t)(problem_write(item->result, kind, slice_of(detail)) - item->result);
    return item->result;
}

/* Where there is no memory for a result, there is none for the others either. */
static void answer_batch(struct upstream_batch *batch)
{
    struct document document = { .failed = false };
    struct exchange *exchange = batch->exchange;
    document_open(&document, NULL, '{');
    document_open(&document, "results", '[');
    for (const struct upstream_item *item = batch->first; item; item = item->next) {
        document.failed |= !item->result;
        if (item->result)
            document_value(&document, NULL, slice_make(item->result, item->result_size));
    }
    document_close(&document, ']');
    document_close(&document, '}');
    upstream_batch_drop(batch);
    document_answer(&document, exchange);
}

static void on_item_told(struct outlet_waiter *waiter, struct slice text)
{
    struct upstream_item *item = (struct upstream_item *)waiter;
    struct upstream_batch *batch = item->batch;
    char name[NAME_SIZE_MAX + 1] = "";
    struct ack_found found;
    if (ack_words_read(text, &found)) {
        const struct receipt receipt = receipt_of(&found, name);
        write_result(item, &receipt);
    } else {
        write_problem(item, PROBLEM_STREAM_FAILED, given_up);
    }
    if (--batch->waiting_count == 0 && batch->is_complete)
        answer_batch(batch);
}

bool upstream_batch_add(struct upstream_batch *batch, struct slice topic, const struct receipt *receipt)
{
    const struct broker_outlet *outlet = &batch->exchange->http->broker->outlet;
    struct upstream_item *item = add_item(batch, topic);
    if (!item)
        return false;
    item->waiter.told = on_item_told;
    if (!receipt->sequence || !outlet->wait || !outlet->wait(outlet->arg, &item->waiter, receipt))
        return write_result(item, receipt);
    batch->waiting_count++;
    return true;
}

bool upstream_batch_add_problem(struct upstream_batch *batch, enum problem_kind kind, const char *detail)
{
    struct upstream_item *item = add_item(batch, slice_make(NULL, 0));
    return item && write_problem(item, kind, detail);
}

static void on_batch_abandoned(void *arg)
{
    upstream_batch_drop(arg);
}

static const struct hold_ops batch_hold_ops = { .abandoned = on_batch_abandoned };

void upstream_batch_end(struct upstream_batch *batch)
{
    batch->is_complete = true;
    if (batch->waiting_count)
        exchange_hold(batch->exchange, &batch_hold_ops, batch);
    else
        answer_batch(batch);
}
