#include "net/secure.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "util/log.h"

/* How a handshake begins: a record of it (type, version, length), in which a ClientHello (type, length) stands. */
enum {
    HEAD_SIZE = 9,
    RECORD_HANDSHAKE = 22,
    HELLO_SIZE_AT = 6,         /* three bytes, the first of them the highest */
    HELLO_SIZE_MAX = 16 << 10, /* OpenSSL would take memory for as much as the client claims */
    LOOK_AGAIN_MS = 10,        /* where less than a head has come */
};

static const struct conn_transport looking_optional, looking_required, shaking, secret;

/* Results of transports. */

static ssize_t later(void)
{
    errno = EAGAIN;
    return -1;
}

/* What receive and send return where there were no bytes. */
static ssize_t stopped(enum tls_result result)
{
    errno = result == TLS_FAILED ? ECONNRESET : EAGAIN;
    return result == TLS_ENDED ? 0 : -1;
}

/* What OpenSSL had to say, and the socket did not take. */
static void mind_unsent(struct conn *conn)
{
    if (tls_has_unsent(conn->tls) && !conn->unsent)
        conn_await_room(conn);
}

static enum tls_result resend(struct conn *conn)
{
    enum tls_result result = tls_resend(conn->tls);
    conn->unsent = result == TLS_WANTS_ROOM;
    return result;
}

/* Secret. */

static ssize_t secret_receive(struct conn *conn, char *data, size_t size)
{
    size_t got;
    enum tls_result result = tls_read(conn->tls, data, size, &got);
    mind_unsent(conn);
    if (tls_has_more(conn->tls))
        conn_read_again(conn);
    return result == TLS_DONE ? (ssize_t)got : stopped(result);
}

/* A run of parts, from *place on within the first of them. */
struct run {
    const struct iovec *parts;
    unsigned part_count;
    size_t place;
};

static struct slice run_front(struct run *run)
{
    while (run->part_count && run->place == run->parts->iov_len) {
        run->parts++;
        run->part_count--;
        run->place = 0;
    }
    if (!run->part_count)
        return slice_make(NULL, 0);
    return slice_make((const char *)run->parts->iov_base + run->place, run->parts->iov_len - run->place);
}

/* The bytes of the next record: where they lie, if they are one part or as much as a record takes, or copied. */
static struct slice next_record(struct run *run, char room[TLS_RECORD_SIZE])
{
    struct slice front = run_front(run);
    size_t size = 0;
    if (front.size >= TLS_RECORD_SIZE || run->part_count <= 1) {
        front.size = front.size < TLS_RECORD_SIZE ? front.size : TLS_RECORD_SIZE;
        run->place += front.size;
        return front;
    }
    for (; front.size && size < TLS_RECORD_SIZE; front = run_front(run)) {
        size_t part = front.size < TLS_RECORD_SIZE - size ? front.size : TLS_RECORD_SIZE - size;
        memcpy(room + size, front.data, part);
        size += part;
        run->place += part;
    }
    return slice_make(room, size);
}

static ssize_t secret_send(struct conn *conn, const struct iovec *parts, unsigned part_count)
{
    struct run run = { .parts = parts, .part_count = part_count };
    char room[TLS_RECORD_SIZE];
    struct slice record;
    size_t taken = 0;
    enum tls_result result = resend(conn);
    while (result == TLS_DONE && (record = next_record(&run, room)).size) {
        result = tls_write(conn->tls, record.data, record.size);
        if (result != TLS_FAILED)
            taken += record.size;
        conn->unsent = result == TLS_WANTS_ROOM;
    }
    return taken || result == TLS_DONE ? (ssize_t)taken : stopped(result);
}

static bool secret_shutdown(struct conn *conn)
{
    tls_say_end(conn->tls);
    if (resend(conn) == TLS_WANTS_ROOM)
        return false;
    shutdown(conn->fd, SHUT_WR);
    return true;
}

static bool secret_has_left(struct conn *conn)
{
    bool ended = tls_has_ended(conn->tls);
    if (tls_has_more(conn->tls))
        conn_read_again(conn);
    return ended;
}

static void secret_finish(struct conn *conn)
{
    tls_end(conn->tls);
    conn->tls = NULL;
}

static const struct conn_transport secret = {
    .receive = secret_receive,
    .send = secret_send,
    .shutdown = secret_shutdown,
    .has_left = secret_has_left,
    .finish = secret_finish,
    .receive_size_min = TLS_READ_SIZE_MIN,
};

/* The handshake. */

/* The peer is told by an alert, which is on its way: what it still sends must not reset the connection before. */
static void fail(struct conn *conn, const char *why)
{
    char peer[ADDRESS_TEXT_SIZE];
    conn->loop->counters.tls_failures++;
    log_warning("tls_failed", "address=%s error=\"%s\"", address_text(&conn->peer, peer), why);
    conn_release_output(conn);
    conn_finish(conn, CONN_TLS_FAILED);
}

static void log_session(const struct conn *conn)
{
    char peer[ADDRESS_TEXT_SIZE], subject[LOG_QUOTE_SIZE];
    const struct tls_identity *identity = tls_peer(conn->tls);
    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    log_debug("tls_established", "address=%s version=%s cipher=%s resumed=%s certificate=%s",
              address_text(&conn->peer, peer), tls_version(conn->tls), tls_cipher(conn->tls),
              tls_resumed(conn->tls) ? "yes" : "no", identity ? log_quote(identity->subject, subject) : "-");
}

/* The first bytes of the protocol may have come behind the handshake. */
static ssize_t establish(struct conn *conn, char *data, size_t size)
{
    conn->loop->counters.tls_sessions++;
    conn->loop->counters.tls_resumptions += tls_resumed(conn->tls);
    conn->transport = &secret;
    conn_set_secure_due(conn, UINT64_MAX);
    conn_release_output(conn);
    log_session(conn);
    if (conn_is_open(conn) && conn->ops->secured)
        conn->ops->secured(conn);
    return conn_is_open(conn) ? secret_receive(conn, data, size) : later();
}

static ssize_t shake(struct conn *conn, char *data, size_t size)
{
    enum tls_result result = tls_shake(conn->tls);
    mind_unsent(conn);
    if (result == TLS_DONE)
        return establish(conn, data, size);
    if (result != TLS_WANTS_INPUT)
        fail(conn, tls_failure(conn->tls));
    return later();
}

static void shaking_late(struct conn *conn)
{
    char peer[ADDRESS_TEXT_SIZE];
    conn->loop->counters.tls_failures++;
    log_warning("tls_failed", "address=%s error=\"the handshake took too long\"", address_text(&conn->peer, peer));
    conn_drop(conn, CONN_TLS_TIMEOUT);
}

/* Output is held meanwhile: only what is unsent of the handshake goes. Where that has failed, the rest has no key. */
static ssize_t shaking_send(struct conn *conn, const struct iovec *parts, unsigned part_count)
{
    enum tls_result result = part_count && parts->iov_len ? TLS_FAILED : resend(conn);
    return result == TLS_DONE ? 0 : stopped(result);
}

static const struct conn_transport shaking = {
    .receive = shake,
    .send = shaking_send,
    .shutdown = secret_shutdown,
    .has_left = conn_plain_has_left,
    .late = shaking_late,
    .finish = secret_finish,
    .receive_size_min = TLS_READ_SIZE_MIN,
};

/* Looking. */

static void refuse_plain(struct conn *conn)
{
    char peer[ADDRESS_TEXT_SIZE];
    conn->loop->counters.tls_failures++;
    log_warning("tls_missing", "address=%s", address_text(&conn->peer, peer));
    conn->transport = &conn_plain;
    conn_set_secure_due(conn, UINT64_MAX);
    if (conn->ops->unsecured)
        conn->ops->unsecured(conn);
    conn_finish(conn, CONN_TLS_REQUIRED);
}

static ssize_t begin_handshake(struct conn *conn, char *data, size_t size)
{
    struct tls *tls = conn->limits->tls;
    conn->tls = tls ? tls_accept(tls, conn->fd, conn->ops->protocol) : NULL;
    if (!conn->tls) {
        conn_drop(conn, tls ? CONN_OUT_OF_MEMORY : CONN_TLS_FAILED);
        return later();
    }
    conn->transport = &shaking;
    conn_hold_output(conn);
    return shake(conn, data, size);
}

static size_t hello_size(const unsigned char *head)
{
    const unsigned char *at = head + HELLO_SIZE_AT;
    return (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
}

/* A greeting must have left before it is answered by a handshake, as it is plain. */
static ssize_t look_at_head(struct conn *conn, const unsigned char *head, size_t head_size, char *data, size_t size)
{
    if (conn->secure_due_ms == UINT64_MAX && conn->limits->tls)
        conn_set_secure_due(conn, loop_now_ms(conn->loop) + tls_handshake_timeout_ms(conn->limits->tls));
    if (head_size < HEAD_SIZE || conn_pending(conn)) {
        conn_stall(conn, LOOK_AGAIN_MS);
        return later();
    }
    if (hello_size(head) <= HELLO_SIZE_MAX)
        return begin_handshake(conn, data, size);
    fail(conn, "the client's first message is too large");
    return later();
}

static ssize_t look(struct conn *conn, char *data, size_t size)
{
    unsigned char head[HEAD_SIZE];
    ssize_t got = recv(conn->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0)
        return got;
    if (head[0] == RECORD_HANDSHAKE)
        return look_at_head(conn, head, (size_t)got, data, size);
    if (conn->transport == &looking_required) {
        refuse_plain(conn);
        return later();
    }
    conn->transport = &conn_plain;
    return conn_plain_receive(conn, data, size);
}

#define LOOKING \
    { \
        .receive = look, .send = conn_plain_send, .shutdown = conn_plain_shutdown, .has_left = conn_plain_has_left, \
        .late = refuse_plain, .receive_size_min = TLS_READ_SIZE_MIN, \
    }

static const struct conn_transport looking_optional = LOOKING, looking_required = LOOKING;

void secure_begin(struct conn *conn, enum secure_demand demand)
{
    if (demand == SECURE_NO)
        return;
    conn->transport = demand == SECURE_REQUIRED ? &looking_required : &looking_optional;
    if (demand == SECURE_REQUIRED && conn->limits->tls)
        conn_set_secure_due(conn, loop_now_ms(conn->loop) + tls_handshake_timeout_ms(conn->limits->tls));
}

bool conn_is_secure(const struct conn *conn)
{
    return conn->transport == &secret;
}

const char *conn_tls_version(const struct conn *conn)
{
    return conn_is_secure(conn) ? tls_version(conn->tls) : NULL;
}

const char *conn_tls_cipher(const struct conn *conn)
{
    return conn_is_secure(conn) ? tls_cipher(conn->tls) : NULL;
}

bool secure_is_looking(const struct conn *conn)
{
    return conn->transport == &looking_required || conn->transport == &looking_optional;
}

const struct tls_identity *conn_identity(const struct conn *conn)
{
    return conn_is_secure(conn) ? tls_peer(conn->tls) : NULL;
}
