#include "line/subscription.h"

#include <errno.h>

#include "core/topic.h"

static void batch_deliver(struct client *client)
{
    struct line *line = client->line;
    struct batch *batch = &line->batch;
    unsigned taken = session_publish(&client->session, line->match, batch);
    if (taken == batch->count || !client->no_responders)
        return;
    for (unsigned i = taken; i < batch->count; i++) {
        struct slice reply = slice_make(batch->messages[i].reply, batch->messages[i].reply_size);
        if (reply.size && !reply_asks_broker(reply))
            subscription_no_responders(client, reply);
    }
}

void publish_flush(struct client *client)
{
    struct line *line = client->line;
    if (line->batch.count) {
        batch_deliver(client);
        if (line->spent)
            subscriptions_reap(line);
    }
    if (line->broker->refusal)
        client_error(client, "%s", line->broker->refusal);
    line->broker->refusal = NULL;
    line->batch.count = 0;
    line->batch.topic.size = 0;
    line->match = NULL;
    line->batch_size = 0;
    if (line->broker->parked)
        client_wait_for_room(client);
    else if (client->session.wait_ms)
        conn_stall(&client->conn, client->session.wait_ms);
    else if (line->broker->stall_ms && conn_stall(&client->conn, line->broker->stall_ms))
        line->loop->counters.publish_stalls++;
    line->broker->stall_ms = 0;
    client->session.wait_ms = 0;
}

/* Who asks the broker alone is told by his reply. */
static void refuse_topic(struct client *client, const struct wire_op *op, int error)
{
    enum receipt_verdict verdict = error == -EACCES ? RECEIPT_NO_RIGHT : RECEIPT_LONG_TOPIC;
    if (session_refuse(&client->session, op->reply, verdict))
        return;
    if (error == -EACCES)
        client_error(client, "Permissions Violation for Publish to \"%.*s\"", SLICE_ARGS(op->topic));
    else
        client_error(client, "Invalid Publish Subject");
}

/* Begins a batch for another topic. False where there will be none. */
static bool batch_begin(struct client *client, const struct wire_op *op)
{
    struct line *line = client->line;
    publish_flush(client);
    int error = session_route(&client->session, op->topic, &line->match);
    if (error) {
        refuse_topic(client, op, error);
        line->match = NULL;
        return false;
    }
    line->batch.topic = op->topic;
    line->batch.messages = line->messages;
    line->batch_count_max = BATCH_MESSAGES_MAX;
    line->batch_size_max = BATCH_SIZE_MAX;
    if (client->session.is_paced)
        session_batch_room(&client->session, &line->batch_count_max, &line->batch_size_max);
    return true;
}

/* Topics by which the server is asked, and that answers to its own questions go to: clients are not to have replies
 * sent there, by whoever answers and with his rights. */
static bool reply_reserved(struct slice reply)
{
    return topic_asks(reply) || slice_starts_with(reply, slice_of("_R_."));
}

static void refuse_reply(struct client *client, struct slice reply)
{
    client_error(client, "Permissions Violation for Publish with Reply of \"%.*s\"", SLICE_ARGS(reply));
}

/* What pedantic clients want to be told of; the message is delivered all the same. Of limits batch_begin tells all. */
static void check_pedantic(struct client *client, struct slice topic)
{
    enum topic_verdict verdict = topic_check(topic, &client->line->broker->limits.topic);
    if (verdict == TOPIC_MALFORMED || (verdict == TOPIC_GOOD && pattern_has_wildcard(topic)))
        client_error(client, "Invalid Publish Subject");
}

void publish_gather(struct client *client, const struct wire_op *op)
{
    struct line *line = client->line;
    line->loop->counters.messages_in++;
    if (!session_takes_size(&client->session, op->body_size)) {
        publish_flush(client);
        line->loop->counters.limit_errors++;
        if (!session_refuse(&client->session, op->reply, RECEIPT_TOO_LARGE))
            client_fail(client, CONN_PROTOCOL_ERROR, "Maximum Payload Violation");
        return;
    }
    if (client->pedantic)
        check_pedantic(client, op->topic);
    if (op->reply.size && reply_reserved(op->reply)) {
        refuse_reply(client, op->reply);
        return;
    }
    client_ok(client);
    if (!line->match || !slice_equal(line->batch.topic, op->topic))
        if (!batch_begin(client, op))
            return;
    if (op->reply.size && !session_may_be_answered(&client->session, line->match, op->topic, op->reply)) {
        session_deny(&client->session, right_name(RIGHT_PUBLISH), op->reply);
        refuse_reply(client, op->reply);
        return;
    }
    if (match_is_empty(line->match) && !op->reply.size && !line->broker->outlet.publish && !client->session.is_paced) {
        client->session.messages_in++; /* the door will not see it */
        return;
    }
    line->messages[line->batch.count++] = (struct message){
        .body = op->body,
        .reply = op->reply.data,
        .head_size = op->head_size,
        .body_size = op->body_size,
        .reply_size = (uint32_t)op->reply.size,
    };
    line->batch_size += op->body_size;
    if (line->batch.count >= line->batch_count_max || line->batch_size >= line->batch_size_max)
        publish_flush(client);
}
