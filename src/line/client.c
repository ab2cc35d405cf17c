#include "line/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "line/subscription.h"
#include "line/webhooks.h"
#include "util/log.h"
#include "util/random.h"

enum { FIRST_WAIT_MS = 50 }; /* how long a handshake may come before INFO, where it may and need not */

/* Saying things. */

void client_error(struct client *client, const char *format, ...)
{
    char text[512] = "-ERR '";
    size_t room = sizeof text - 4;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text + 6, room - 6, format, args);
    va_end(args);
    if (size < 0)
        return;
    size_t end = 6 + ((size_t)size < room - 6 ? (size_t)size : room - 7);
    memcpy(text + end, "'\r\n", 3);
    conn_write(&client->conn, text, end + 3);
}

void client_fail(struct client *client, enum conn_reason reason, const char *text)
{
    if (text)
        client_error(client, "%s", text);
    conn_finish(&client->conn, reason);
}

void client_ok(struct client *client)
{
    if (client->verbose)
        conn_write(&client->conn, "+OK\r\n", 5);
}

/* Where memory is short the limits of all go on to hold for it. */
void client_take_limits(struct client *client)
{
    const struct conn_limits *common = &client->line->conn_limits;
    uint64_t pending_size_max = session_pending_size_max(&client->session, common->pending_size_max);
    client->conn.limits = common;
    if (pending_size_max == common->pending_size_max)
        return;
    if (!client->limits)
        client->limits = malloc(sizeof *client->limits);
    if (!client->limits)
        return;
    *client->limits = *common;
    client->limits->pending_size_max = (size_t)pending_size_max;
    client->conn.limits = client->limits;
}

/* Time. */

static void give_time_to_greet(struct client *client)
{
    const struct line *line = client->line;
    uint64_t time_ms = users_open(line->broker->users) ? line->hello_timeout_ms : line->auth_timeout_ms;
    conn_set_deadline(&client->conn, loop_now_ms(line->loop) + time_ms);
}

static enum secure_demand demand_of(const struct client *client)
{
    return client->conn.peer.family == AF_UNIX ? SECURE_NO : client->line->secure_demand;
}

/* INFO, and the time to answer it; where TLS must come first, the handshake has a time of its own. */
static void greet(struct client *client)
{
    if (demand_of(client) != SECURE_REQUIRED || conn_is_secure(&client->conn))
        give_time_to_greet(client);
    else
        conn_set_deadline(&client->conn, UINT64_MAX);
    if (client->informed)
        hello_recognise(client); /* what the handshake has shown of it */
    else
        hello_begin(client);
}

/* Nothing has come for a whole interval: asks whether it is still there, a few times. */
static void ping(struct client *client, uint64_t now_ms)
{
    struct line *line = client->line;
    if (client->conn.input_ms > client->ping_ms)
        client->pings_outstanding = 0;
    if (client->pings_outstanding >= line->pings_outstanding_max) {
        line->loop->counters.stale_connections++;
        client_fail(client, CONN_STALE, "Stale Connection");
        return;
    }
    client->pings_outstanding++;
    client->ping_ms = now_ms;
    conn_write(&client->conn, "PING\r\n", 6);
    conn_set_deadline(&client->conn, now_ms + line->ping_interval_ms);
}

/* The time in which a handshake could come before INFO is over. Where it has just begun it goes on. */
static void greet_late(struct client *client)
{
    if (secure_is_looking(&client->conn))
        greet(client);
}

static void client_deadline(struct conn *conn, uint64_t now_ms)
{
    struct client *client = client_of_conn(conn);
    uint64_t quiet_until = conn->input_ms + client->line->ping_interval_ms;
    if (!client->informed) {
        greet_late(client);
    } else if (client->session.proof) {
        conn_set_deadline(conn, now_ms + client->line->auth_timeout_ms); /* it has done its part */
    } else if (!client->greeted || session_needs_user(&client->session)) {
        session_refuse_silent(&client->session);
        client_fail(client, CONN_AUTH_TIMEOUT, "Authentication Timeout");
    } else if (quiet_until > now_ms) {
        conn_set_deadline(conn, quiet_until);
    } else if (conn->paused) { /* it is we who do not listen */
        conn_set_deadline(conn, now_ms + client->line->ping_interval_ms);
    } else {
        ping(client, now_ms);
    }
}

static void set_ping_deadline(struct client *client)
{
    conn_set_deadline(&client->conn, loop_now_ms(client->line->loop) + client->line->ping_interval_ms);
}

void client_greeted(struct client *client)
{
    client->greeted = true;
    set_ping_deadline(client);
}

/* Input. */

static void refuse_input(struct client *client, long error)
{
    struct counters *counters = &client->conn.loop->counters;
    switch (error) {
    case WIRE_E_LINE:
        counters->limit_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, "maximum control line exceeded");
        break;
    case WIRE_E_BODY:
        counters->limit_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, "Maximum Payload Violation");
        break;
    case WIRE_E_ARGS:
        counters->protocol_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, NULL);
        break;
    default:
        counters->protocol_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, "Unknown Protocol Operation");
    }
}

/* Until it has proved who it is, a client may say CONNECT and nothing else, not even the beginning of it. */
static bool may_speak(struct client *client, char first)
{
    if (client->greeted || (first | 0x20) == 'c' || !session_needs_user(&client->session))
        return true;
    session_refuse_silent(&client->session);
    client_fail(client, CONN_AUTH_FAILED, "Authorization Violation");
    return false;
}

static void client_run(struct client *client, const struct wire_op *op)
{
    if (op->verb == WIRE_PUB || (op->verb == WIRE_HPUB && client->headers)) {
        publish_gather(client, op);
        return;
    }
    publish_flush(client);
    if (op->verb == WIRE_HPUB) {
        client->conn.loop->counters.protocol_errors++;
        client_fail(client, CONN_PROTOCOL_ERROR, "message headers not supported");
    } else {
        verb_run(client, op);
    }
}

void client_wait_for_room(struct client *client)
{
    if (conn_stall(&client->conn, 0))
        client->conn.loop->counters.mailbox_parks++;
}

/*
 * While mail for another worker waits for room, a client is not listened to: it must neither add to what waits nor be
 * given an answer, such as PONG, which would say that all before it has arrived.
 */
static bool must_wait(struct client *client)
{
    if (client->conn.paused)
        return true;
    if (!client->line->broker->parked)
        return false;
    client_wait_for_room(client);
    return true;
}

/* These have a body, for which there is no need to wait. */
static bool is_servers_word(enum wire_verb verb)
{
    return verb == WIRE_MSG || verb == WIRE_HMSG;
}

static size_t client_input(struct conn *conn, const char *data, size_t size)
{
    struct client *client = client_of_conn(conn);
    const struct wire_limits *limits = &client->line->wire_limits;
    size_t at = 0;
    while (at < size && conn_is_open(conn) && !must_wait(client)) {
        struct wire_op op;
        if (!may_speak(client, data[at]))
            break;
        long taken = wire_parse(data + at, size - at, limits, &op, &conn->in_need);
        if (taken == 0 && !is_servers_word(op.verb))
            break;
        if (taken <= 0) {
            publish_flush(client);
            refuse_input(client, taken);
            break;
        }
        client_run(client, &op);
        at += (size_t)taken;
        __builtin_prefetch(data + at + taken); /* where the one after the next begins, if it is as long */
        if (!client->greeted && conn_is_open(conn) && !session_needs_user(&client->session))
            client_greeted(client);
    }
    publish_flush(client);
    return at;
}

/* Life. */

static void client_leaving(struct conn *conn)
{
    list_remove(&client_of_conn(conn)->flush.list);
    subscriptions_clear(client_of_conn(conn));
}

/* The handshake is done. */
static void client_secured(struct conn *conn)
{
    greet(client_of_conn(conn));
}

static void client_unsecured(struct conn *conn)
{
    client_fail(client_of_conn(conn), CONN_TLS_REQUIRED, "Secure Connection - TLS Required");
}

static void client_closed(struct conn *conn)
{
    struct client *client = client_of_conn(conn);
    struct line *line = client->line;
    char text[ADDRESS_TEXT_SIZE];
    log_debug("client_closed", "client=%llu address=%s reason=%s", (unsigned long long)client->id,
              address_text(&conn->peer, text), conn_reason_name(conn->reason));
    if (conn->reason == CONN_SLOW_CONSUMER || conn->reason == CONN_WRITE_TIMEOUT)
        log_warning("slow_consumer", "client=%llu address=%s reason=%s", (unsigned long long)client->id,
                    address_text(&conn->peer, text), conn_reason_name(conn->reason));
    list_remove(&client->flush.list);
    subscriptions_clear(client);
    session_close(&client->session);
    free(client->words);
    free(client->limits);
    if (line->closed)
        line->closed(line->closed_arg, &conn->peer);
    free(client);
}

static const struct conn_ops client_conn_ops = {
    .input = client_input,
    .deadline = client_deadline,
    .closed = client_closed,
    .leaving = client_leaving,
    .secured = client_secured,
    .unsecured = client_unsecured,
};

static void client_notice(struct session *session, enum broker_notice notice)
{
    struct client *client = client_of_session(session);
    switch (notice) {
    case NOTICE_OPTIONS:
        client_take_limits(client);
        if (client->greeted)
            set_ping_deadline(client);
        if (client->knows_info)
            hello_send_info(client);
        break;
    case NOTICE_REVOKED:
        client_fail(client, CONN_AUTH_FAILED, "Authorization Violation");
        break;
    case NOTICE_EXPIRED:
        client_fail(client, CONN_AUTH_FAILED, "User Authentication Expired");
        break;
    case NOTICE_RIGHTS:
        subscriptions_review(client);
        break;
    case NOTICE_LAME_DUCK:
        if (client->knows_info)
            hello_send_info(client);
        break;
    case NOTICE_QUIESCE:
        conn_pause(&client->conn, CONN_PAUSE_OWNER);
        break;
    case NOTICE_SHUTDOWN:
        client_fail(client, CONN_SHUTDOWN, NULL);
        break;
    case NOTICE_ABANDON:
        conn_drop(&client->conn, CONN_SHUTDOWN);
        break;
    }
}

static void client_describe(const struct session *session, struct session_facts *ret_facts)
{
    const struct client *client = client_of_session((struct session *)session);
    const struct conn *conn = &client->conn;
    const char *name = client->words, *lang = name ? strchr(name, '\0') + 1 : NULL;
    *ret_facts = (struct session_facts){
        .protocol = "nats",
        .peer = &conn->peer,
        .id = client->id,
        .start_time_ms = (uint64_t)client->start_time_s * 1000,
        .idle_ms = loop_now_ms(conn->loop) - conn->input_ms,
        .bytes_in = conn->bytes_in,
        .bytes_out = conn->bytes_out,
        .pending_size = conn_pending(conn),
        .tls_version = conn_tls_version(conn),
        .tls_cipher = conn_tls_cipher(conn),
        .name = name,
        .lang = lang,
        .version = lang ? strchr(lang, '\0') + 1 : NULL,
    };
}

static void client_list(const struct session *session, session_visit *visit, void *arg)
{
    subscriptions_list(client_of_session((struct session *)session), visit, arg);
}

/* What it has said behind CONNECT is looked at now. */
static void client_identified(struct session *session, int error)
{
    struct client *client = client_of_session(session);
    hello_identified(client, error);
    if (conn_is_open(&client->conn) && !client->greeted)
        client_greeted(client);
    conn_resume(&client->conn, CONN_PAUSE_PROOF);
}

static const struct session_ops client_session_ops = {
    .identified = client_identified,
    .notice = client_notice,
    .describe = client_describe,
    .list = client_list,
};

/* Sends INFO, unless a handshake is to come before it. */
static void begin(struct client *client)
{
    enum handshake_first first = secure_is_looking(&client->conn) ? client->line->handshake_first : FIRST_NO;
    if (first == FIRST_NO)
        greet(client);
    else if (first == FIRST_AUTO)
        conn_set_deadline(&client->conn, loop_now_ms(client->line->loop) + FIRST_WAIT_MS);
}

int line_accept(struct line *line, int fd, const struct address *peer, uint64_t client_id, bool refused)
{
    struct client *client = malloc(sizeof *client);
    if (!client)
        return -ENOMEM;
    *client = (struct client){ .line = line, .id = client_id, .verbose = true, .pedantic = true, .echo = true };
    list_init(&client->flush.list);
    client->start_time_s = (uint32_t)(broker_wall_ms(line->broker) / 1000);
    int error = conn_init(&client->conn, line->loop, fd, peer, &client_conn_ops, &line->conn_limits);
    if (error) {
        free(client);
        return error;
    }
    session_open(&client->session, line->broker, &client_session_ops);
    client->session.connection = client_id;
    error = session_come_from(&client->session, address_place_counted(&client->conn.peer));
    secure_begin(&client->conn, refused ? SECURE_NO : demand_of(client));
    begin(client);
    if (error)
        conn_drop(&client->conn, CONN_OUT_OF_MEMORY);
    if (refused) {
        line->loop->counters.limit_errors++;
        client_fail(client, CONN_LIMIT, "maximum connections exceeded");
    }
    return 0;
}

void line_set_lame_duck(struct line *line)
{
    line->lame_duck = true;
    broker_notify(line->broker, NOTICE_LAME_DUCK);
}

void line_turn(struct line *line)
{
    line_webhooks_turn(line->webhooks);
}

void line_quiesce(struct line *line)
{
    line_webhooks_quiesce(line->webhooks);
}

bool line_is_busy(const struct line *line)
{
    return line_webhooks_are_busy(line->webhooks);
}

void line_turn_end(struct line *line)
{
    if (line->spent)
        subscriptions_reap(line);
}

static void take_options(struct line *line, const struct config *config, struct tls *tls)
{
    const struct config_line *from = &config->line;
    line->conn_limits = (struct conn_limits){ from->pending_size_max, from->write_timeout_ms, tls };
    line->secure_demand = (enum secure_demand)from->tls;
    line->tls_verify = config->tls.verify == SECURE_REQUIRED;
    line->handshake_first = (enum handshake_first)config->tls.handshake_first;
    line->wire_limits = (struct wire_limits){ (uint32_t)from->control_size_max, (uint32_t)from->payload_size_max };
    line->auth_timeout_ms = from->auth_timeout_ms;
    line->hello_timeout_ms = from->hello_timeout_ms;
    line->ping_interval_ms = from->ping_interval_ms;
    line->pings_outstanding_max = from->pings_outstanding_max;
}

void line_reconfigure(struct line *line, const struct config *config, struct tls *tls)
{
    take_options(line, config, tls);
    line_webhooks_set_limit(line->webhooks, line->wire_limits.body_size_max);
    broker_notify(line->broker, NOTICE_OPTIONS);
}

struct line *line_create(struct loop *loop, struct broker *broker, const struct line_identity *identity,
                         const struct config *config, struct tls *tls)
{
    struct line *line = calloc(1, sizeof *line);
    if (!line)
        return NULL;
    line->loop = loop;
    line->broker = broker;
    line->identity = identity;
    random_bytes(&line->hash_seed, sizeof line->hash_seed);
    take_options(line, config, tls);
    line->webhooks = line_webhooks_create(loop, broker, line->wire_limits.body_size_max);
    if (line->webhooks)
        return line;
    free(line);
    return NULL;
}

void line_on_closed(struct line *line, void (*closed)(void *arg, const struct address *peer), void *arg)
{
    line->closed = closed;
    line->closed_arg = arg;
}

void line_destroy(struct line *line)
{
    if (!line)
        return;
    line_webhooks_destroy(line->webhooks);
    free(line);
}
