#include <errno.h>

#include "line/subscription.h"

typedef void verb_fn(struct client *client, const struct wire_op *op);

static void run_connect(struct client *client, const struct wire_op *op)
{
    hello_connect(client, op->text);
}

static void run_sub(struct client *client, const struct wire_op *op)
{
    switch (subscription_add(client, op)) {
    case 0:
        client_ok(client);
        break;
    case -EINVAL:
        client_error(client, "Invalid Subject");
        break;
    case -EACCES:
        subscription_refuse(client, op->topic, op->group);
        break;
    case -EDQUOT:
        client_error(client, "maximum subscriptions exceeded");
        break;
    default:
        client_fail(client, CONN_OUT_OF_MEMORY, "Out of Memory");
    }
}

static void run_unsub(struct client *client, const struct wire_op *op)
{
    subscription_end(client, op->sid, op->max);
    client_ok(client);
}

static void say_pongs(struct client *client, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        conn_write(&client->conn, "PONG\r\n", 6);
}

/* False: there is nothing to wait for. */
static bool flush_begin(struct client *client)
{
    const struct broker_outlet *outlet = &client->line->broker->outlet;
    return outlet->flush && outlet->flush(outlet->arg, &client->flush);
}

static void on_flushed(struct broker_flush *flush)
{
    struct client *client = LIST_OWNER(flush, struct client, flush);
    say_pongs(client, client->pongs_due);
    client->pongs_due = client->pongs_more;
    client->pongs_more = 0;
    if (client->pongs_due && !flush_begin(client)) {
        say_pongs(client, client->pongs_due);
        client->pongs_due = 0;
    }
}

/* What the client has subscribed to before, a broker of which this is the sidecar is to know when it hears PONG. */
static void run_ping(struct client *client, const struct wire_op *op)
{
    (void)op;
    client->flush.done = on_flushed;
    if (client->pongs_due)
        client->pongs_more++;
    else if (flush_begin(client))
        client->pongs_due = 1;
    else
        say_pongs(client, 1);
}

static void run_pong(struct client *client, const struct wire_op *op)
{
    (void)op;
    client->pings_outstanding = 0;
}

static void run_error(struct client *client, const struct wire_op *op)
{
    (void)op;
    client_fail(client, CONN_CLIENT_CLOSED, NULL);
}

static void run_nothing(struct client *client, const struct wire_op *op)
{
    (void)client;
    (void)op;
}

static void run_unknown(struct client *client, const struct wire_op *op)
{
    (void)op;
    client->conn.loop->counters.protocol_errors++;
    client_fail(client, CONN_PROTOCOL_ERROR, "Unknown Protocol Operation");
}

/* What a client may say, and the right that it takes: topics are looked at where they are published and subscribed to.
 * PUB and HPUB are gathered before they come here; MSG and HMSG are the server's alone. */
static const struct {
    verb_fn *run;
    enum right right;
} verbs[WIRE_VERB_COUNT] = {
    [WIRE_UNKNOWN] = { run_unknown, RIGHT_ANYBODY },
    [WIRE_CONNECT] = { run_connect, RIGHT_ANYBODY },
    [WIRE_PUB] = { run_unknown, RIGHT_PUBLISH },
    [WIRE_HPUB] = { run_unknown, RIGHT_PUBLISH },
    [WIRE_SUB] = { run_sub, RIGHT_SUBSCRIBE },
    [WIRE_UNSUB] = { run_unsub, RIGHT_MEMBER },
    [WIRE_PING] = { run_ping, RIGHT_MEMBER },
    [WIRE_PONG] = { run_pong, RIGHT_MEMBER },
    [WIRE_OK] = { run_nothing, RIGHT_MEMBER },
    [WIRE_ERR] = { run_error, RIGHT_MEMBER },
    [WIRE_INFO] = { run_nothing, RIGHT_MEMBER },
    [WIRE_MSG] = { run_unknown, RIGHT_ANYBODY },
    [WIRE_HMSG] = { run_unknown, RIGHT_ANYBODY },
};

enum right verb_right(enum wire_verb verb)
{
    return verbs[verb].right;
}

void verb_run(struct client *client, const struct wire_op *op)
{
    if (verbs[op->verb].right == RIGHT_ANYBODY || !session_needs_user(&client->session))
        verbs[op->verb].run(client, op);
    else
        client_fail(client, CONN_AUTH_FAILED, "Authorization Violation");
}
