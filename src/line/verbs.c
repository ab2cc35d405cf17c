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

static void run_ping(struct client *client, const struct wire_op *op)
{
    (void)op;
    conn_write(&client->conn, "PONG\r\n", 6);
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

/* What a client may say. PUB and HPUB are gathered before they come here; MSG and HMSG are the server's alone. */
static verb_fn *const verbs[WIRE_VERB_COUNT] = {
    [WIRE_UNKNOWN] = run_unknown,
    [WIRE_CONNECT] = run_connect,
    [WIRE_PUB] = run_unknown,
    [WIRE_HPUB] = run_unknown,
    [WIRE_SUB] = run_sub,
    [WIRE_UNSUB] = run_unsub,
    [WIRE_PING] = run_ping,
    [WIRE_PONG] = run_pong,
    [WIRE_OK] = run_nothing,
    [WIRE_ERR] = run_error,
    [WIRE_INFO] = run_nothing,
    [WIRE_MSG] = run_unknown,
    [WIRE_HMSG] = run_unknown,
};

void verb_run(struct client *client, const struct wire_op *op)
{
    verbs[op->verb](client, op);
}
