#include "http/publish.h"

#include "http/calls.h"
#include "http/routes.h"
#include "net/conn.h"
#include "stream/cursor.h"
#include "util/json.h"
#include "wire/format.h"

/* As the line does: whoever fills others' outputs waits for them. */
static void hold_back(struct exchange *exchange)
{
    struct http *http = exchange->http;
    if (http->broker->stall_ms && conn_stall(exchange_conn(exchange), http->broker->stall_ms))
        http->loop->counters.publish_stalls++;
    http->broker->stall_ms = 0;
}

bool publish_message(struct exchange *exchange, struct slice topic, const struct message *message,
                     struct receipt *receipt)
{
    const struct match *match;
    struct batch batch = { .topic = topic, .messages = message, .count = 1, .receipts = receipt };
    exchange->http->loop->counters.messages_in++;
    if (receipt)
        *receipt = (struct receipt){ .stream = NULL };
    if (session_route(exchange->session, topic, &match) != 0)
        return false;
    bool taken = session_publish(exchange->session, match, &batch) > 0;
    hold_back(exchange);
    return taken;
}

/* A stream that ran out of memory has not kept it. */
static bool is_kept(const struct receipt *receipt)
{
    return receipt->stream && receipt->sequence;
}

#define PUT(out, text) format_bytes(out, text, sizeof(text) - 1)

static char *put_bool(char *out, bool value)
{
    return value ? PUT(out, "true") : PUT(out, "false");
}

size_t publish_result_size_max(struct slice topic, const struct receipt *receipt)
{
    static const char fixed[] = "{\"topic\":,\"stream\":,\"seq\":,\"id\":\"\",\"durable\":false,\"duplicate\":false}";
    return sizeof fixed + json_string_size_max(topic) + json_string_size_max(slice_of(receipt->stream)) +
           FORMAT_NUMBER_SIZE_MAX + CURSOR_TEXT_SIZE;
}

static char *write_kept(char *out, const struct receipt *receipt)
{
    out = PUT(out, ",\"stream\":");
    out = json_write_string(out, slice_of(receipt->stream));
    out = PUT(out, ",\"seq\":");
    out = format_number(out, receipt->sequence);
    out = PUT(out, ",\"id\":\"");
    out += cursor_write((struct cursor){ receipt->epoch, receipt->sequence }, out);
    out = PUT(out, "\",\"durable\":");
    out = put_bool(out, receipt->durable);
    out = PUT(out, ",\"duplicate\":");
    return put_bool(out, receipt->duplicate);
}

char *publish_write_result(char *out, struct slice topic, const struct receipt *receipt)
{
    out = PUT(out, "{\"topic\":");
    out = json_write_string(out, topic);
    out = is_kept(receipt) ? write_kept(out, receipt) : PUT(out, ",\"durable\":false");
    *out++ = '}';
    return out;
}

void publish_topic(struct exchange *exchange)
{
    struct buffer *text = &calls_of(exchange)->text;
    struct message message;
    struct receipt receipt;
    if (!calls_read_topic(exchange) || !calls_read_message(exchange, &message))
        return;
    struct slice topic = exchange->parameter;
    publish_message(exchange, topic, &message, &receipt);
    text->size = 0;
    char *out = buffer_reserve(text, publish_result_size_max(topic, &receipt));
    if (!out) {
        calls_short_of_memory(exchange);
        return;
    }
    text->size = (size_t)(publish_write_result(out, topic, &receipt) - out);
    answer(exchange, is_kept(&receipt) ? 200 : 202, "application/json", slice_make(out, text->size), NULL);
}
