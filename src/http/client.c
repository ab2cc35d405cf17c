#include "http/client.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/users.h"
#include "http/routes.h"
#include "util/log.h"

enum {
    OUTPUT_SIZE_MAX = 64 << 10, /* where so much waits for a client, its next request does too */
};

/* A body that comes in chunks, and the head it belongs to, in a buffer of the loop's pool. */
struct gather {
    struct http_chunks chunks;
    size_t room;      /* of data */
    size_t head_size;
    size_t size;      /* of head and content so far */
    char data[];
};

/* Time. */

void client_enter(struct http_client *client, enum client_phase phase, uint64_t due_ms)
{
    client->phase = (uint8_t)phase;
    client->due_ms = due_ms;
    if (due_ms < client->conn.deadline_ms)
        conn_set_deadline(&client->conn, due_ms);
}

static void enter_for(struct http_client *client, enum client_phase phase, uint64_t time_ms)
{
    client_enter(client, phase, loop_now_ms(client->conn.loop) + time_ms);
}

/* Errors. */

static const enum problem_kind problem_of_error[] = {
    [-HTTP_E_MALFORMED] = PROBLEM_BAD_REQUEST,
    [-HTTP_E_TARGET] = PROBLEM_LONG_TARGET,
    [-HTTP_E_HEAD] = PROBLEM_LARGE_HEAD,
    [-HTTP_E_BODY] = PROBLEM_TOO_LARGE,
    [-HTTP_E_METHOD] = PROBLEM_UNKNOWN_METHOD,
    [-HTTP_E_VERSION] = PROBLEM_VERSION,
    [-HTTP_E_CODING] = PROBLEM_UNKNOWN_CODING,
    [-HTTP_E_EXPECTATION] = PROBLEM_EXPECTATION,
};

/* An exchange for what is no request, whose answer is the connection's last word. */
static void begin_refusal(struct http_client *client)
{
    struct exchange *exchange = &client->exchange;
    exchange->state = EXCHANGE_RUNNING;
    exchange->origin = 0;
    exchange->is_head = exchange->keep_alive = exchange->version_1_0 = false;
}

/* Where a request is not understood, nobody knows where the next one begins. */
static void refuse_input(struct http_client *client, long error)
{
    enum problem_kind kind = problem_of_error[-error];
    struct counters *counters = &client->conn.loop->counters;
    if (kind == PROBLEM_BAD_REQUEST)
        counters->protocol_errors++;
    else
        counters->limit_errors++;
    begin_refusal(client);
    answer_problem(&client->exchange, kind, NULL, "%s", "");
}

static void refuse_slow(struct http_client *client)
{
    begin_refusal(client);
    answer_problem(&client->exchange, PROBLEM_TIMEOUT, NULL, "The %s of the request did not come in time.",
                   client->phase == PHASE_HEAD ? "head" : "body");
}

static void client_deadline(struct conn *conn, uint64_t now_ms)
{
    struct http_client *client = client_of_conn(conn);
    if (client->due_ms > now_ms)
        conn_set_deadline(conn, client->due_ms);
    else if (client->phase == PHASE_IDLE)
        conn_finish(conn, CONN_IDLE);
    else if (client->phase != PHASE_HELD)
        refuse_slow(client);
    else if (client->exchange.ops->deadline)
        client->exchange.ops->deadline(client->exchange.arg, now_ms);
}

/* Requests. */

static struct http_state *state_of(const struct http_client *client)
{
    return client->exchange.http->state;
}

/* The limits for the body of a request that has found its route. */
static struct http_limits body_limits(const struct http_client *client)
{
    const struct http_state *state = state_of(client);
    struct http_limits limits = state->limits;
    bool batch = client->exchange.route->flags & ROUTE_BATCH;
    limits.body_size_max = batch ? state->batch_size_max : state->payload_size_max;
    return limits;
}

static bool body_fits(struct http_client *client, const struct http_request *request)
{
    size_t size_max = body_limits(client).body_size_max;
    if (request->content_length <= size_max)
        return true;
    client->conn.loop->counters.limit_errors++;
    client->exchange.keep_alive = false;
    answer_problem(&client->exchange, PROBLEM_TOO_LARGE, NULL, "A body may have %zu bytes here.", size_max);
    return false;
}

/* Whoever is refused before his body has come must not go on to send it. */
static bool admit(struct http_client *client, const struct http_request *request, bool whole)
{
    struct exchange *exchange = &client->exchange;
    exchange->request = request;
    exchange->state = EXCHANGE_RUNNING;
    exchange->origin = 0;
    exchange->is_head = request->method == HTTP_HEAD;
    exchange->keep_alive = request->keep_alive && whole;
    exchange->version_1_0 = request->version_1_0;
    bool admitted = guard_admit(exchange) && body_fits(client, request);
    exchange->keep_alive = request->keep_alive;
    return admitted;
}

/* Nothing is remembered from one request to the next: a proxy may mix those of several users. What one has just been
 * found to prove is his. */
static void forget_user(struct http_client *client)
{
    if (!client->is_told)
        session_forget_user(&client->session);
}

/* Whoever waits to be known: the request is read again then. */
static bool is_being_proven(const struct http_client *client)
{
    return client->session.proof != NULL;
}

static void await_proof(struct http_client *client)
{
    client->exchange.state = EXCHANGE_DONE;
    conn_pause(&client->conn, CONN_PAUSE_PROOF);
}

static void client_identified(struct session *session, int error)
{
    struct http_client *client = client_of_session(session);
    client->is_told = true;
    client->told_error = error;
    conn_resume(&client->conn, CONN_PAUSE_PROOF);
}

/* What the exchange says of its request is about to go. */
static void forget_request(struct exchange *exchange)
{
    exchange->request = NULL;
    exchange->body = exchange->parameter = exchange->second = slice_make(NULL, 0);
}

static void wait_for_room(struct http_client *client)
{
    if (conn_stall(&client->conn, 0))
        client->conn.loop->counters.mailbox_parks++;
}

static void run(struct http_client *client, struct slice body)
{
    struct exchange *exchange = &client->exchange;
    client->conn.loop->counters.http_requests++;
    exchange->body = body;
    audit_begin(exchange);
    exchange->route->handle(exchange);
    assert(exchange->state != EXCHANGE_RUNNING);
    if (exchange->http->broker->parked)
        wait_for_room(client);
}

/* The body has not all come. */
static void await_body(struct http_client *client, const struct http_request *request, bool begun)
{
    if (client->phase != PHASE_BODY)
        enter_for(client, PHASE_BODY, state_of(client)->body_timeout_ms);
    if (request->expects_continue && !client->continued && !begun)
        conn_write(&client->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    client->continued = true;
    client->exchange.state = EXCHANGE_DONE;
}

/* Bodies in chunks. */

static void gather_free(struct http_client *client)
{
    struct gather *gather = client->gather;
    if (gather)
        pool_give(&client->conn.loop->pool, (char *)gather, sizeof *gather + gather->room);
    client->gather = NULL;
}

/* Room for so many bytes more. Where there is no memory the connection ends. */
static bool gather_grow(struct http_client *client, size_t more)
{
    struct gather *old = client->gather;
    size_t used = old ? old->size : 0, whole;
    if (old && old->room - used >= more)
        return true;
    struct gather *gather = (void *)pool_take(&client->conn.loop->pool, sizeof *gather + 2 * (used + more), &whole);
    if (!gather) {
        conn_drop(&client->conn, CONN_OUT_OF_MEMORY);
        return false;
    }
    if (old)
        memcpy(gather, old, sizeof *old + used);
    else
        *gather = (struct gather){ .size = 0 };
    gather->room = whole - sizeof *gather;
    gather_free(client);
    client->gather = gather;
    return true;
}

static void gather_add(struct gather *gather, const char *data, size_t size)
{
    memcpy(gather->data + gather->size, data, size);
    gather->size += size;
}

/* Keeps the head of a request whose body comes in chunks. Returns the bytes taken. */
static size_t gather_begin(struct http_client *client, const char *data, size_t head_size, size_t size)
{
    if (!gather_grow(client, head_size))
        return 0;
    gather_add(client->gather, data, head_size);
    client->gather->head_size = head_size;
    await_body(client, &state_of(client)->request, size > head_size);
    return head_size;
}

/* All has come: the head is read again, where it lies now. */
static void gather_run(struct http_client *client)
{
    struct gather *gather = client->gather;
    struct http_state *state = state_of(client);
    long head_size = http_parse_head(gather->data, gather->head_size, &state->limits, &state->request);
    if (head_size <= 0)
        refuse_input(client, head_size ? head_size : HTTP_E_MALFORMED); /* the limits have changed meanwhile */
    else if (admit(client, &state->request, true))
        run(client, slice_make(gather->data + gather->head_size, gather->size - gather->head_size));
    forget_request(&client->exchange);
    gather_free(client);
}

/* Takes what has come of a body in chunks. Returns the bytes taken. */
static size_t gather_more(struct http_client *client, const char *data, size_t size)
{
    const struct http_limits limits = body_limits(client);
    struct slice content;
    bool done;
    if (!gather_grow(client, 2)) /* the two bytes behind a body can be read */
        return 0;
    long taken = http_read_chunks(&client->gather->chunks, data, size, &limits, &content, &done);
    if (taken < 0) {
        refuse_input(client, taken);
        return 0;
    }
    if (content.size && gather_grow(client, content.size + 2))
        gather_add(client->gather, content.data, content.size);
    if (done)
        gather_run(client);
    return (size_t)taken;
}

/* Input. */

/* A request that begins at data. Returns the bytes taken; 0: it is not all there, or the connection ends. */
static size_t begin_request(struct http_client *client, const char *data, size_t size)
{
    struct http_state *state = state_of(client);
    struct http_request *request = &state->request;
    long parsed = http_parse_head(data, size, &state->limits, request);
    if (parsed <= 0) {
        if (parsed < 0)
            refuse_input(client, parsed);
        return 0;
    }
    size_t head_size = (size_t)parsed, whole_size = head_size + (size_t)request->content_length;
    bool whole = !request->chunked && size >= whole_size;
    size_t taken = whole ? whole_size : 0;
    forget_user(client);
    bool admitted = admit(client, request, whole);
    client->is_told = false;
    if (is_being_proven(client)) {
        await_proof(client);
        taken = whole_size = 0;
    } else if (admitted && whole) {
        run(client, slice_make(data + head_size, (size_t)request->content_length));
    } else if (admitted && request->chunked) {
        taken = gather_begin(client, data, head_size, size);
    } else if (admitted) {
        await_body(client, request, size > head_size);
    }
    forget_request(&client->exchange);
    client->conn.in_need = taken ? 0 : whole_size;
    return taken;
}

/*
 * Requests are answered in order: while one is held, the next waits. The end of the connection is noticed for as long
 * as nothing more comes. A client that does not read its answers is not asked for more, and while mail for another
 * worker waits for room nobody is listened to, as in line/client.c.
 */
static bool must_wait(struct http_client *client)
{
    struct conn *conn = &client->conn;
    bool full = conn_pending(conn) > OUTPUT_SIZE_MAX;
    if (conn->paused)
        return true;
    bool held = client->exchange.state == EXCHANGE_HELD || client->exchange.state == EXCHANGE_STREAM;
    if (held || state_of(client)->quiescing || full) {
        conn->awaits_room = full;
        conn_pause(conn, CONN_PAUSE_OWNER);
        return true;
    }
    if (!client->exchange.http->broker->parked)
        return false;
    wait_for_room(client);
    return true;
}

static size_t client_input(struct conn *conn, const char *data, size_t size)
{
    struct http_client *client = client_of_conn(conn);
    size_t at = 0, taken = 1;
    if (client->exchange.state == EXCHANGE_STREAM && !client->exchange.keep_alive)
        return size;
    while (taken && at < size && conn_is_open(conn) && !must_wait(client)) {
        if (client->gather)
            taken = gather_more(client, data + at, size - at);
        else
            taken = begin_request(client, data + at, size - at);
        at += taken;
    }
    if (at < size && client->phase == PHASE_IDLE && !conn->paused)
        enter_for(client, PHASE_HEAD, state_of(client)->head_timeout_ms);
    return at;
}

/* Held back. */

void client_release(struct http_client *client)
{
    struct http_state *state = state_of(client);
    if (!(client->conn.paused & CONN_PAUSE_OWNER) || client->link)
        return;
    client->next = state->released;
    client->link = &state->released;
    if (client->next)
        client->next->link = &client->next;
    state->released = client;
    loop_again(client->conn.loop);
}

static void unlink_released(struct http_client *client)
{
    if (!client->link)
        return;
    *client->link = client->next;
    if (client->next)
        client->next->link = client->link;
    client->link = NULL;
}

bool clients_resume(struct http *http)
{
    struct http_state *state = http->state;
    struct http_client *client;
    bool any = state->released && !state->quiescing;
    while ((client = state->released) && !state->quiescing) {
        unlink_released(client);
        conn_resume(&client->conn, CONN_PAUSE_OWNER);
    }
    return any;
}

static void client_writable(struct conn *conn)
{
    struct http_client *client = client_of_conn(conn);
    struct exchange *exchange = &client->exchange;
    loop_again(conn->loop);
    if (exchange->state == EXCHANGE_STREAM && exchange->ops->writable)
        exchange->ops->writable(exchange->arg);
    else
        client_release(client);
}

static bool client_stuck(struct conn *conn)
{
    struct exchange *exchange = &client_of_conn(conn)->exchange;
    return exchange->state == EXCHANGE_STREAM && exchange->ops->stuck && exchange->ops->stuck(exchange->arg);
}

/* Life. */

/* Whoever says that he sends no more has had his answers, or has gone away from one that is held. */
static void client_ended(struct conn *conn)
{
    if (client_of_conn(conn)->phase == PHASE_HELD)
        conn_drop(conn, CONN_CLIENT_CLOSED);
    else
        conn_finish(conn, CONN_CLIENT_CLOSED);
}

static void abandon(struct exchange *exchange)
{
    bool held = exchange->state == EXCHANGE_HELD || exchange->state == EXCHANGE_STREAM;
    exchange->state = EXCHANGE_DONE;
    if (held && exchange->ops->abandoned)
        exchange->ops->abandoned(exchange->arg);
}

static void client_closed(struct conn *conn)
{
    struct http_client *client = client_of_conn(conn);
    struct http_state *state = state_of(client);
    char text[ADDRESS_TEXT_SIZE];
    log_debug("client_closed", "client=%llu address=%s reason=%s", (unsigned long long)client->id,
              address_text(&conn->peer, text), conn_reason_name(conn->reason));
    if (conn->reason == CONN_SLOW_CONSUMER || conn->reason == CONN_WRITE_TIMEOUT)
        log_warning("slow_consumer", "client=%llu address=%s reason=%s", (unsigned long long)client->id,
                    address_text(&conn->peer, text), conn_reason_name(conn->reason));
    unlink_released(client);
    abandon(&client->exchange);
    audit_forget(&client->exchange);
    gather_free(client);
    session_close(&client->session);
    if (state->closed)
        state->closed(state->closed_arg, &conn->peer);
    free(client);
}

/* It speaks HTTP, or nothing, where HTTPS is spoken. */
static void client_unsecured(struct conn *conn)
{
    struct http_client *client = client_of_conn(conn);
    begin_refusal(client);
    answer_problem(&client->exchange, PROBLEM_BAD_REQUEST, NULL, "This is a port for HTTPS.");
}

static const struct conn_ops client_conn_ops = {
    .input = client_input,
    .deadline = client_deadline,
    .closed = client_closed,
    .writable = client_writable,
    .stuck = client_stuck,
    .ended = client_ended,
    .unsecured = client_unsecured,
    .protocol = "http/1.1",
};

/* The server stops. Whoever holds the exchange answers or ends it soon; where nobody does there is no more to say. */
static void shut_down(struct http_client *client)
{
    struct exchange *exchange = &client->exchange;
    exchange->keep_alive = false;
    if (client->phase != PHASE_HELD) {
        conn_finish(&client->conn, CONN_SHUTDOWN);
    } else if (exchange->ops->stopping) {
        exchange->ops->stopping(exchange->arg);
    } else {
        const struct hold_ops *ops = exchange->ops;
        if (exchange->state == EXCHANGE_STREAM)
            exchange_end(exchange);
        else
            answer_problem(exchange, PROBLEM_UNAVAILABLE, NULL, "The server stops.");
        ops->abandoned(exchange->arg);
    }
}

/* The rights of its user have changed: what was begun with the old ones ends now, and he may ask again. */
static void end_held(struct http_client *client)
{
    struct exchange *exchange = &client->exchange;
    const struct hold_ops *ops = exchange->ops;
    if (client->phase != PHASE_HELD)
        return;
    if (exchange->state == EXCHANGE_STREAM)
        exchange_end(exchange);
    else
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 0\r\n", "The rights of the user have changed.");
    ops->abandoned(exchange->arg);
}

static void client_notice(struct session *session, enum broker_notice notice)
{
    struct http_client *client = client_of_session(session);
    struct http_state *state = state_of(client);
    switch (notice) {
    case NOTICE_OPTIONS:
        client->exchange.origin = 0; /* its place may be another's now */
        break;
    case NOTICE_REVOKED:
    case NOTICE_EXPIRED:
        conn_finish(&client->conn, CONN_AUTH_FAILED);
        break;
    case NOTICE_RIGHTS:
        end_held(client);
        break;
    case NOTICE_LAME_DUCK:
        state->lame_duck = true;
        break;
    case NOTICE_QUIESCE:
        state->quiescing = true;
        conn_pause(&client->conn, CONN_PAUSE_OWNER);
        break;
    case NOTICE_SHUTDOWN:
        shut_down(client);
        break;
    case NOTICE_ABANDON:
        conn_drop(&client->conn, CONN_SHUTDOWN);
        break;
    }
}

static void client_describe(const struct session *session, struct session_facts *ret_facts)
{
    const struct http_client *client = client_of_session((struct session *)session);
    const struct conn *conn = &client->conn;
    *ret_facts = (struct session_facts){
        .protocol = "http",
        .peer = &conn->peer,
        .id = client->id,
        .start_time_ms = (uint64_t)client->start_time_s * 1000,
        .idle_ms = loop_now_ms(conn->loop) - conn->input_ms,
        .bytes_in = conn->bytes_in,
        .bytes_out = conn->bytes_out,
        .pending_size = conn_pending(conn),
        .tls_version = conn_tls_version(conn),
        .tls_cipher = conn_tls_cipher(conn),
    };
}

static const struct session_ops client_session_ops = {
    .identified = client_identified,
    .notice = client_notice,
    .describe = client_describe,
};

static void refuse_connection(struct http_client *client)
{
    client->conn.loop->counters.limit_errors++;
    begin_refusal(client);
    answer_problem(&client->exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "There are too many connections.");
}

int http_accept(struct http *http, int fd, const struct address *peer, uint64_t client_id, bool loopback, bool refused)
{
    struct http_client *client = malloc(sizeof *client);
    if (!client)
        return -ENOMEM;
    *client = (struct http_client){ .id = client_id, .loopback = loopback && peer->family != AF_UNIX };
    client->start_time_s = (uint32_t)(broker_wall_ms(http->broker) / 1000);
    int error = conn_init(&client->conn, http->loop, fd, peer, &client_conn_ops, &http->state->conn_limits);
    if (error) {
        free(client);
        return error;
    }
    session_open(&client->session, http->broker, &client_session_ops);
    client->exchange = (struct exchange){ .http = http, .session = &client->session };
    enter_for(client, PHASE_IDLE, http->state->idle_timeout_ms);
    if (session_come_from(&client->session, address_place_counted(&client->conn.peer)) != 0)
        conn_drop(&client->conn, CONN_OUT_OF_MEMORY);
    if (!refused && peer->family != AF_UNIX)
        secure_begin(&client->conn, http->state->secure_demand);
    if (refused)
        refuse_connection(client);
    return 0;
}
