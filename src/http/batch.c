#include "config/config.h"
#include "http/calls.h"
#include "http/commit.h"
#include "http/item.h"
#include "http/publish.h"
#include "http/routes.h"
#include "http/upstream.h"
#include "util/json.h"
#include "util/utf8.h"
#include "wire/format.h"

/* About what a result takes without its topic, or the problem in its place. What all take bounds a batch. */
enum { RESULT_SIZE = 320 };

/* The items of a body: lines of NDJSON, or elements of an array. */
struct items {
    struct slice body;
    bool is_array;
    size_t cursor;
    unsigned number;     /* of elements read */
};

/* Items. */

static struct slice trim(struct slice text)
{
    size_t blanks = json_blank_size(text);
    text = slice_make(text.data + blanks, text.size - blanks);
    while (text.size > 0 && json_blank_size(slice_make(text.data + text.size - 1, 1)))
        text.size--;
    return text;
}

/* The next line that is not empty. */
static bool next_line(struct items *items, struct slice *ret_text)
{
    ret_text->size = 0;
    while (items->cursor < items->body.size && ret_text->size == 0) {
        const char *start = items->body.data + items->cursor;
        const char *end = memchr(start, '\n', items->body.size - items->cursor);
        size_t size = end ? (size_t)(end - start) : items->body.size - items->cursor;
        *ret_text = trim(slice_make(start, size));
        items->cursor += size + 1;
    }
    return ret_text->size > 0;
}

static bool next_item(struct items *items, struct slice *ret_text)
{
    if (!items->is_array)
        return next_line(items, ret_text);
    bool found = json_next_element(items->body, &items->cursor, ret_text);
    items->number += found;
    return found;
}

/* Publishing. */

static bool append_problem(struct buffer *results, const struct fault *fault)
{
    struct slice detail = slice_of(fault->detail);
    char *out = buffer_reserve(results, problem_size_max(detail));
    if (out)
        results->size += (size_t)(problem_write(out, fault->kind, detail) - out);
    return out != NULL;
}

static bool append_result(struct buffer *results, struct slice topic, const struct receipt *receipt)
{
    unsigned status;
    char *out = buffer_reserve(results, publish_result_size_max(topic, receipt));
    if (out)
        results->size += (size_t)(publish_write_result(out, topic, receipt, &status) - out);
    return out != NULL;
}

static const struct fault forbidden = { PROBLEM_FORBIDDEN, "The user has no right to publish to this topic." };

/* False: there is something wrong with it. The topic is borrowed until the next item. */
static bool publish_item(struct exchange *exchange, struct slice text, struct slice *ret_topic,
                         struct receipt *ret_receipt, struct fault *ret_fault)
{
    struct item item;
    struct message message;
    *ret_fault = (struct fault){ PROBLEM_BAD_BODY, "An item is a JSON object in UTF-8." };
    if (!item_read(text, &item) ||
        !item_read_message(calls_of(exchange), &item, text.size, ret_topic, &message, ret_fault))
        return false;
    if (!session_may_publish(exchange->session, *ret_topic)) {
        *ret_fault = forbidden;
        return false;
    }
    if (publish_check(exchange, *ret_topic, &message, ret_receipt))
        publish_message(exchange, *ret_topic, &message, ret_receipt);
    return true;
}

/* Publishes an item and appends its result, or its problem. False where the results have run out of memory. */
static bool take_item(struct exchange *exchange, struct slice text, enum upstream_ack ack, struct buffer *results)
{
    struct calls *calls = calls_of(exchange);
    struct slice topic;
    struct receipt receipt;
    struct fault fault;
    if (!publish_item(exchange, text, &topic, &receipt, &fault))
        return append_problem(results, &fault);
    if (ack == ACK_BUFFERED)
        receipt.durable = false; /* not yet */
    return append_result(results, topic, &receipt) &&
           (!publish_awaits_commit(&receipt) || commit_note(&calls->commits, &receipt));
}

static bool append_text(struct buffer *results, const char *text)
{
    size_t size = strlen(text);
    char *out = buffer_reserve(results, size);
    if (out)
        format_bytes(out, text, size);
    results->size += out ? size : 0;
    return out != NULL;
}

static bool publish_items(struct exchange *exchange, struct items items, enum upstream_ack ack, struct buffer *results)
{
    struct slice text;
    bool good = append_text(results, "{\"results\":[");
    for (bool first = true; good && next_item(&items, &text); first = false)
        good = (first || append_text(results, ",")) && take_item(exchange, text, ack, results);
    return good && append_text(results, "]}");
}

/* The results are what the broker says, of which this is the sidecar. */
static void publish_upstream(struct exchange *exchange, struct items items)
{
    struct slice text, topic;
    struct receipt receipt;
    struct fault fault;
    struct upstream_batch *batch = upstream_batch_begin(exchange);
    bool good = batch;
    while (good && next_item(&items, &text))
        good = publish_item(exchange, text, &topic, &receipt, &fault)
                   ? upstream_batch_add(batch, topic, &receipt)
                   : upstream_batch_add_problem(batch, fault.kind, fault.detail);
    if (good) {
        upstream_batch_end(batch);
        return;
    }
    upstream_batch_drop(batch);
    calls_short_of_memory(exchange);
}

/* Looking at the whole before anything of it is published. */

/* An array is good as a whole, or no batch; which of its elements is to blame is counted only where one is. */
static bool check_array(struct exchange *exchange, struct items items)
{
    struct slice text;
    if (items.body.size > 0 && *items.body.data == '[' && utf8_valid(items.body) &&
        json_value_size(items.body) == items.body.size)
        return true;
    while (items.body.size > 0 && *items.body.data == '[' && next_item(&items, &text))
        ;
    answer_problem(exchange, PROBLEM_BAD_BODY, NULL, "The body is no array of JSON in UTF-8: see behind item %u.",
                   items.number);
    return false;
}

/* The results are one answer, and no answer is larger than what may wait for a connection. */
static bool check_size(struct exchange *exchange, struct items items)
{
    struct slice text;
    struct item item;
    size_t size = 0, size_max = exchange->http->config->http.pending_size_max;
    while (size <= size_max && next_item(&items, &text))
        size += RESULT_SIZE + (item_read(text, &item) ? item.topic.size : 0);
    if (size <= size_max)
        return true;
    answer_problem(exchange, PROBLEM_TOO_LARGE, NULL,
                   "The batch has so many items that their results would be larger than http.pending_size_max.");
    return false;
}

/* The media type, whatever its parameters. */
static bool is_type(struct slice header, const char *type)
{
    size_t size = strlen(type);
    return header.size >= size && strncasecmp(header.data, type, size) == 0 &&
           (header.size == size || header.data[size] == ';' || header.data[size] == ' ');
}

static bool read_type(struct exchange *exchange, struct items *items)
{
    struct slice type = { NULL, 0 };
    http_header(exchange->request, "Content-Type", &type);
    items->is_array = is_type(type, "application/json");
    if (items->is_array)
        items->body = trim(items->body);
    if (items->is_array || is_type(type, "application/x-ndjson"))
        return true;
    answer_problem(exchange, PROBLEM_BAD_TYPE, NULL,
                   "A batch is application/x-ndjson, an item a line, or application/json, an array of items.");
    return false;
}

static void publish_here(struct exchange *exchange, struct items items, enum upstream_ack ack)
{
    struct calls *calls = calls_of(exchange);
    struct buffer *results = &calls->text;
    results->size = calls->commits.count = 0;
    if (!publish_items(exchange, items, ack, results))
        calls_short_of_memory(exchange);
    else if (!commit_wait(exchange, &calls->commits, slice_make(results->data, results->size), true))
        answer(exchange, 200, "application/json", slice_make(results->data, results->size), NULL);
}

void publish_batch(struct exchange *exchange)
{
    struct calls *calls = calls_of(exchange);
    struct items items = { .body = exchange->body };
    enum upstream_ack ack;
    if (!upstream_read(exchange, &ack) || !read_type(exchange, &items) ||
        (items.is_array && !check_array(exchange, items)) || !check_size(exchange, items))
        return;
    calls->item_size_max = calls_payload_size_max(exchange);
    if (ack == ACK_UPSTREAM && exchange->http->broker->outlet.wait)
        publish_upstream(exchange, items);
    else
        publish_here(exchange, items, ack);
    calls_let_go(calls);
}
