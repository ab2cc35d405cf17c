#include "http/publish.h"

#include "http/access.h"
#include "http/calls.h"
#include "http/commit.h"
#include "http/headers.h"
#include "http/routes.h"
#include "http/upstream.h"
#include "net/conn.h"
#include "stream/registry.h"
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

bool publish_check(struct exchange *exchange, struct slice topic, const struct message *message,
                   struct receipt *receipt)
{
    if (!message->head_size || !headers_have_condition(slice_make(message->body, message->head_size)))
        return true;
    struct stream_registry *registry = exchange->http->identity->registry;
    struct stream *stream = registry ? stream_registry_find_by_pattern(registry, topic) : NULL;
    *receipt = (struct receipt){ .verdict = RECEIPT_WRONG_STREAM };
    stream_destroy(stream);
    return stream != NULL;
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

/* A message that the memory of `recent` has no room for has still gone out to those who listen now. */
static bool is_kept(const struct receipt *receipt)
{
    return receipt->stream && receipt->sequence;
}

static bool is_refused(const struct receipt *receipt)
{
    return !receipt->sequence && receipt->verdict > RECEIPT_NO_MEMORY;
}

bool publish_awaits_commit(const struct receipt *receipt)
{
    return is_kept(receipt) && receipt->durable;
}

#define PUT(out, text) format_bytes(out, text, sizeof(text) - 1)

/* What is told of a message that was refused. `found`: the name of a member that says what there was instead. */
static const struct refusal {
    enum problem_kind kind;
    const char *detail, *found;
} refusals[] = {
    [RECEIPT_WRONG_STREAM] = { PROBLEM_WRONG_STREAM, "Another stream keeps the topic, or none.", NULL },
    [RECEIPT_WRONG_SEQUENCE] = { PROBLEM_WRONG_SEQUENCE, "last_seq is the last sequence that there is.", "last_seq" },
    [RECEIPT_WRONG_ID] = { PROBLEM_WRONG_ID, "The last message, last_seq, has another id, or none.", "last_seq" },
    [RECEIPT_TOO_LARGE] = { PROBLEM_TOO_LARGE, "It is larger than message_size_max of the stream.", NULL },
    [RECEIPT_TOO_MANY] = { PROBLEM_STREAM_FULL, "It holds messages_max messages.", NULL },
    [RECEIPT_TOO_MANY_BYTES] = { PROBLEM_STREAM_FULL, "It holds bytes_max bytes.", NULL },
    [RECEIPT_TOO_MANY_OF_TOPIC] = { PROBLEM_STREAM_FULL, "It holds messages_per_topic_max of the topic.", NULL },
    [RECEIPT_OVER_QUOTA] = { PROBLEM_OVER_QUOTA, "The user whose stream it is keeps stored_bytes_max bytes.", NULL },
    [RECEIPT_SEALED] = { PROBLEM_NOT_ALLOWED, "The stream is sealed.", NULL },
    [RECEIPT_NO_ROLLUP] = { PROBLEM_NOT_ALLOWED, "The stream does not allow a rollup (allow_rollup).", NULL },
    [RECEIPT_DISK_FULL] = { PROBLEM_DISK_FULL, "The stream will take messages again when there is room.", NULL },
    [RECEIPT_FAILED] = { PROBLEM_STREAM_FAILED, "A write to its disk has failed; the log says more.", NULL },
    [RECEIPT_BEHIND] = { PROBLEM_STREAM_FULL, "One before it in its train was refused.", NULL },
    [RECEIPT_LONG_TOPIC] = { PROBLEM_BAD_TOPIC, "The topic is over a limit of the broker.", NULL },
    [RECEIPT_NO_RIGHT] = { PROBLEM_FORBIDDEN, "The user, or the sidecar, has no right to publish that.", NULL },
};

static char *put_bool(char *out, bool value)
{
    return value ? PUT(out, "true") : PUT(out, "false");
}

size_t publish_result_size_max(struct slice topic, const struct receipt *receipt)
{
    static const char fixed[] = "{\"topic\":,\"stream\":,\"seq\":,\"id\":\"\",\"durable\":false,\"duplicate\":false}";
    if (is_refused(receipt))
        return problem_size_max(slice_of(refusals[receipt->verdict].detail));
    return sizeof fixed + json_string_size_max(topic) + json_string_size_max(slice_of(receipt->stream)) +
           FORMAT_NUMBER_SIZE_MAX + CURSOR_TEXT_SIZE;
}

static char *write_kept(char *out, const struct receipt *receipt)
{
    out = PUT(out, ",\"stream\":");
    out = json_write_string(out, slice_of(receipt->stream));
    out = PUT(out, ",\"seq\":");
    out = format_number(out, receipt->sequence);
    if (receipt->epoch) { /* or it is kept elsewhere */
        out = PUT(out, ",\"id\":\"");
        out += cursor_write((struct cursor){ receipt->epoch, receipt->sequence }, out);
        *out++ = '"';
    }
    out = PUT(out, ",\"durable\":");
    out = put_bool(out, receipt->durable);
    out = PUT(out, ",\"duplicate\":");
    return put_bool(out, receipt->duplicate);
}

static char *write_refused(char *out, const struct receipt *receipt, unsigned *ret_status)
{
    const struct refusal *refusal = &refusals[receipt->verdict];
    *ret_status = problem_infos[refusal->kind].status;
    out = problem_write(out, refusal->kind, slice_of(refusal->detail));
    return refusal->found ? problem_add_number(out, refusal->found, receipt->found) : out;
}

char *publish_write_result(char *out, struct slice topic, const struct receipt *receipt, unsigned *ret_status)
{
    if (is_refused(receipt))
        return write_refused(out, receipt, ret_status);
    *ret_status = is_kept(receipt) ? 200 : 202;
    out = PUT(out, "{\"topic\":");
    out = json_write_string(out, topic);
    out = is_kept(receipt) ? write_kept(out, receipt) : PUT(out, ",\"durable\":false");
    *out++ = '}';
    return out;
}

/* The handler. */

/* Whether it is committed, or is to be waited for. True: answered, or held. */
static bool wait_for_commit(struct exchange *exchange, const struct receipt *receipt, struct slice text)
{
    struct commit_list *list = &calls_of(exchange)->commits;
    if (!publish_awaits_commit(receipt))
        return false;
    if (commit_note(list, receipt))
        return commit_wait(exchange, list, text, false);
    calls_short_of_memory(exchange);
    return true;
}

static void answer_result(struct exchange *exchange, unsigned status, struct slice text)
{
    bool refused = status >= 400;
    exchange->http->loop->counters.http_problems += refused;
    answer(exchange, status, refused ? "application/problem+json" : "application/json", text, NULL);
}

void publish_topic(struct exchange *exchange)
{
    struct buffer *buffer = &calls_of(exchange)->text;
    struct slice topic = exchange->parameter;
    struct message message;
    struct receipt receipt;
    enum upstream_ack ack;
    unsigned status;
    if (!upstream_read(exchange, &ack) || !calls_read_topic(exchange) || !access_publish(exchange, topic) ||
        !calls_read_message(exchange, &message))
        return;
    if (publish_check(exchange, topic, &message, &receipt))
        publish_message(exchange, topic, &message, &receipt);
    if (ack == ACK_UPSTREAM && upstream_wait(exchange, topic, &receipt))
        return;
    if (ack == ACK_BUFFERED)
        receipt.durable = false; /* not yet */
    buffer->size = 0;
    char *out = buffer_reserve(buffer, publish_result_size_max(topic, &receipt));
    if (!out) {
        calls_short_of_memory(exchange);
        return;
    }
    struct slice text = slice_make(out, (size_t)(publish_write_result(out, topic, &receipt, &status) - out));
    if (!wait_for_commit(exchange, &receipt, text))
        answer_result(exchange, status, text);
}
