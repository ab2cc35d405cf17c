/* input: bytes from the server into operations, and each operation to where it belongs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "error.h"
#include "util/decimal.h"
#include "util/transient.h"
#include "wire/op.h"

#define READ_SIZE (128u * 1024)
#define READ_SIZE_MIN (16u * 1024)
#define CAPACITY_KEPT_MAX (1024u * 1024)

/* What no honest server exceeds: bounds what a dishonest one can make us allocate. */
static const struct wire_limits limits = { .line_size_max = 256u * 1024, .body_size_max = 128u * 1024 * 1024 };

typedef void take_fn(struct ph_conn *conn, const struct wire_op *op);

static take_fn take_info, take_message, take_ping, take_pong, take_ok, take_error;

#define IN(phase) (1u << (phase))
#define GREETED (IN(PH_PHASE_HELLO) | IN(PH_PHASE_LIVE))

/* What a server may send, and in which phases. */
static const struct {
    take_fn *take;
    unsigned phases;
} verbs[WIRE_VERB_COUNT] = {
    [WIRE_MSG] = { take_message, IN(PH_PHASE_LIVE) },
    [WIRE_HMSG] = { take_message, IN(PH_PHASE_LIVE) },
    [WIRE_PING] = { take_ping, GREETED },
    [WIRE_PONG] = { take_pong, GREETED },
    [WIRE_INFO] = { take_info, GREETED | IN(PH_PHASE_INFO) },
    [WIRE_OK] = { take_ok, GREETED },
    [WIRE_ERR] = { take_error, GREETED | IN(PH_PHASE_INFO) },
};

static const char *const parse_errors[] = {
    [-WIRE_E_VERB] = "an unknown operation", [-WIRE_E_LINE] = "a line that is too long",
    [-WIRE_E_ARGS] = "malformed arguments",  [-WIRE_E_BODY] = "a message that is too large",
    [-WIRE_E_TAIL] = "a message without its end",
};

static bool sid_of(struct slice text, uintptr_t *ret_sid)
{
    uint64_t sid;
    bool good = decimal_read_max(text, UINTPTR_MAX, &sid);
    *ret_sid = good ? (uintptr_t)sid : 0;
    return good;
}

static void take_message(struct ph_conn *conn, const struct wire_op *op)
{
    uintptr_t sid;
    struct ph_sub *sub = sid_of(op->sid, &sid) ? ph_subs_find(&conn->subs, sid) : NULL;
    conn->statistics.messages_in++;
    conn->statistics.message_bytes_in += op->body_size;
    if (!sub) {
        conn->statistics.unclaimed++;
        return;
    }
    struct ph_message message;
    ph_message_view(op, &message);
    ph_sub_deliver(sub, &message);
}

static void take_info(struct ph_conn *conn, const struct wire_op *op)
{
    bool was_lame = conn->server.shown.lame_duck;
    if (!ph_server_parse(&conn->server, op->text)) {
        ph_link_break(conn, PH_E_PROTOCOL, "malformed INFO");
        return;
    }
    if (conn->phase == PH_PHASE_INFO)
        ph_link_greet(conn);
    else if (conn->phase == PH_PHASE_LIVE && conn->server.shown.lame_duck && !was_lame)
        ph_emit(conn, PH_EVENT_LAME_DUCK, PH_OK, conn->server.address, NULL);
}

static void take_ping(struct ph_conn *conn, const struct wire_op *op)
{
    (void)op;
    if (!ph_out_control(conn, "PONG\r\n"))
        ph_link_break(conn, PH_E_PROTOCOL, "the server sends PINGs and reads nothing");
}

static void take_pong(struct ph_conn *conn, const struct wire_op *op)
{
    (void)op;
    struct ph_pong pong;
    if (conn->phase == PH_PHASE_HELLO) {
        ph_link_establish(conn);
        return;
    }
    if (!ph_pongs_take(&conn->pongs, &pong))
        return; /* servers may send one unasked */
    int64_t rtt_us = ph_now_us() - pong.sent_us;
    conn->statistics.rtt_us = rtt_us > 0 ? (uint64_t)rtt_us : 1;
    if (pong.done)
        pong.done(conn, PH_OK, pong.arg);
}

static void take_ok(struct ph_conn *conn, const struct wire_op *op)
{
    (void)conn, (void)op;
}

/* Whether the server closes after it is for the server to do: some of these sentences are only complaints. */
static void take_error(struct ph_conn *conn, const struct wire_op *op)
{
    int error = ph_error_of_server(op->text);
    snprintf(conn->server_text, sizeof conn->server_text, "%.*s", SLICE_ARGS(op->text));
    conn->statistics.errors++;
    if (conn->phase != PH_PHASE_LIVE) {
        ph_link_break(conn, error, conn->server_text);
        return;
    }
    conn->server_error = ph_fail(conn, error, "%s: %s", conn->server.address, conn->server_text);
    ph_emit(conn, PH_EVENT_ERROR, error, conn->error_text, NULL);
}

/* The first operation, if it is whole. Returns the bytes it took; 0: it is not whole; -1: the socket is gone. */
static long take_operation(struct ph_conn *conn, const char *data, size_t size)
{
    struct wire_op op;
    unsigned link = conn->link;
    long taken = wire_parse(data, size, &limits, &op, &conn->in.need);
    if (taken == 0)
        return 0;
    if (taken < 0) {
        ph_link_break(conn, PH_E_PROTOCOL, parse_errors[-taken]);
        return -1;
    }
    if (!(verbs[op.verb].phases & IN(conn->phase))) {
        ph_link_break(conn, PH_E_PROTOCOL, "an operation out of place");
        return -1;
    }
    verbs[op.verb].take(conn, &op);
    return conn->link == link ? taken : -1;
}

/* Deals with every operation that is whole, and moves the rest to the front. */
static void take_operations(struct ph_conn *conn)
{
    struct ph_buffer *bytes = &conn->in.bytes;
    size_t at = 0;
    while (at < bytes->size && bytes->size - at >= conn->in.need) {
        long taken = take_operation(conn, bytes->data + at, bytes->size - at);
        if (taken < 0)
            return;
        if (taken == 0)
            break;
        conn->in.need = 0;
        at += (size_t)taken;
    }
    ph_buffer_cut(bytes, at);
    if (bytes->size == 0 && bytes->capacity > CAPACITY_KEPT_MAX)
        ph_buffer_finish(bytes);
}

/* The connection ended from the other side. What the server complained of last is the better reason. */
static void ended(struct ph_conn *conn, const char *why)
{
    if (conn->phase != PH_PHASE_LIVE)
        ph_link_break(conn, PH_E_CONNECT, why);
    else if (conn->server_error)
        ph_link_break(conn, conn->server_error, conn->server_text);
    else
        ph_link_break(conn, PH_E_DISCONNECTED, why);
}

/* The same by an alert, or by what is no TLS. A server that refuses our certificate may say so after the handshake. */
static void ended_by_tls(struct ph_conn *conn)
{
    char why[PH_TLS_WHY_SIZE];
    snprintf(why, sizeof why, "%s", ph_tls_why(conn->tls)); /* it goes with the stream */
    if (conn->phase != PH_PHASE_LIVE)
        ph_link_break(conn, PH_E_TLS, why);
    else
        ended(conn, why);
}

void ph_input_read(struct ph_conn *conn)
{
    struct ph_buffer *bytes = &conn->in.bytes;
    if (!ph_buffer_reserve(bytes, bytes->capacity < READ_SIZE ? READ_SIZE - bytes->size : READ_SIZE_MIN)) {
        ph_link_break(conn, PH_E_MEMORY, ph_strerror(PH_E_MEMORY));
        return;
    }
    char *end = bytes->data + bytes->size;
    size_t room = bytes->capacity - bytes->size;
    ssize_t count = conn->tls ? ph_tls_read(conn->tls, end, room) : recv(conn->fd, end, room, MSG_DONTWAIT);
    if (count == 0) {
        ended(conn, "closed by the server");
    } else if (count < 0) {
        bool again = is_transient(errno);
        if (conn->tls && *ph_tls_why(conn->tls))
            ended_by_tls(conn);
        else if (!again || conn->broken)
            ended(conn, strerror(again ? conn->broken : errno));
    } else {
        bytes->size += (size_t)count;
        conn->statistics.bytes_read += (uint64_t)count;
        conn->pings_outstanding = 0;
        take_operations(conn);
    }
}

void ph_input_feed(struct ph_conn *conn, const char *data, size_t size)
{
    if (ph_buffer_add(&conn->in.bytes, data, size))
        take_operations(conn);
}
