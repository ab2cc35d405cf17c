#include "net/conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/transient.h"

enum {
    DIRECT_SIZE = 16 << 10, /* from here on a write goes straight to the socket */
    FLUSH_SIZE = 64 << 10,  /* so much output is not kept until the end of the turn */
    STALL_MS = 1,
    LINGER_MS = 300,  /* for the peer to read our last words */
    PARTS_MAX = 64,   /* parts of one send */
};

static const char *const reason_names[] = {
    [CONN_CLIENT_CLOSED] = "client_closed",
    [CONN_READ_ERROR] = "read_error",
    [CONN_WRITE_ERROR] = "write_error",
    [CONN_SLOW_CONSUMER] = "slow_consumer",
    [CONN_WRITE_TIMEOUT] = "write_timeout",
    [CONN_PROTOCOL_ERROR] = "protocol_error",
    [CONN_AUTH_FAILED] = "auth_failed",
    [CONN_AUTH_TIMEOUT] = "auth_timeout",
    [CONN_STALE] = "stale",
    [CONN_LIMIT] = "limit",
    [CONN_IDLE] = "idle",
    [CONN_ANSWERED] = "answered",
    [CONN_SHUTDOWN] = "shutdown",
    [CONN_OUT_OF_MEMORY] = "out_of_memory",
    [CONN_TLS_REQUIRED] = "tls_required",
    [CONN_TLS_FAILED] = "tls_failed",
    [CONN_TLS_TIMEOUT] = "tls_timeout",
};

const char *conn_reason_name(enum conn_reason reason)
{
    return reason_names[reason];
}

/* The plain transport. */

ssize_t conn_plain_receive(struct conn *conn, char *data, size_t size)
{
    return recv(conn->fd, data, size, MSG_DONTWAIT);
}

ssize_t conn_plain_send(struct conn *conn, const struct iovec *parts, unsigned part_count)
{
    if (part_count == 1)
        return send(conn->fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = part_count };
    return sendmsg(conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool conn_plain_shutdown(struct conn *conn)
{
    shutdown(conn->fd, SHUT_WR);
    return true;
}

bool conn_plain_has_left(struct conn *conn)
{
    char byte;
    ssize_t got = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && !is_transient(errno));
}

const struct conn_transport conn_plain = {
    .receive = conn_plain_receive,
    .send = conn_plain_send,
    .shutdown = conn_plain_shutdown,
    .has_left = conn_plain_has_left,
};

/* Time. */

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* One timer for all that may become due. */
static void arm_timer(struct conn *conn)
{
    uint64_t due_ms = earlier(earlier(conn->deadline_ms, conn->secure_due_ms),
                              earlier(conn->write_due_ms, conn->stall_due_ms));
    if (due_ms == UINT64_MAX)
        timer_clear(&conn->loop->timers, &conn->timer);
    else if ((!conn->timer.place || conn->timer.due_ms != due_ms) &&
             timer_set(&conn->loop->timers, &conn->timer, due_ms) != 0)
        conn_drop(conn, CONN_OUT_OF_MEMORY);
}

/* Bytes that the socket still holds for the peer (tcp(7), SIOCOUTQ). */
static uint32_t socket_queue(const struct conn *conn)
{
    int size = 0;
    return ioctl(conn->fd, SIOCOUTQ, &size) == 0 ? (uint32_t)size : 0;
}

/* Has the peer read at all? A socket says that it is writable only when much of it is free, which can take long. */
static bool write_moves(struct conn *conn)
{
    uint32_t size = socket_queue(conn);
    bool moves = conn->state == CONN_OPEN && size < conn->unread_size;
    conn->unread_size = size;
    return moves;
}

static void on_write_due(struct conn *conn, uint64_t now_ms)
{
    if (write_moves(conn) || (conn->state == CONN_OPEN && conn->ops->stuck && conn->ops->stuck(conn))) {
        conn->write_due_ms = now_ms + conn->limits->write_timeout_ms;
        return;
    }
    if (conn->state != CONN_LINGERING)
        conn->loop->counters.slow_consumers++;
    conn_drop(conn, CONN_WRITE_TIMEOUT);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
    if (conn->write_due_ms <= now_ms)
        on_write_due(conn, now_ms);
    if (conn->stall_due_ms <= now_ms) {
        conn->stall_due_ms = UINT64_MAX;
        conn_resume(conn, CONN_PAUSE_STALLED);
    }
    if (conn->secure_due_ms <= now_ms && conn->state == CONN_OPEN) {
        conn->secure_due_ms = UINT64_MAX;
        conn->transport->late(conn);
    }
    if (conn->deadline_ms <= now_ms && conn->state == CONN_OPEN) {
        conn->deadline_ms = UINT64_MAX;
        conn->ops->deadline(conn, now_ms);
    }
    if (conn->state != CONN_CLOSING)
        arm_timer(conn);
}

void conn_set_deadline(struct conn *conn, uint64_t deadline_ms)
{
    if (conn->state != CONN_OPEN)
        return;
    conn->deadline_ms = deadline_ms;
    arm_timer(conn);
}

void conn_set_secure_due(struct conn *conn, uint64_t due_ms)
{
    conn->secure_due_ms = due_ms;
    arm_timer(conn);
}

static void set_write_due(struct conn *conn, uint64_t due_ms)
{
    conn->write_due_ms = due_ms;
    arm_timer(conn);
}

/* Closing. */

void conn_drop(struct conn *conn, enum conn_reason reason)
{
    struct loop *loop = conn->loop;
    if (conn->state == CONN_CLOSING)
        return;
    if (conn->state == CONN_OPEN)
        conn->reason = (uint8_t)reason;
    conn->state = CONN_CLOSING;
    timer_clear(&loop->timers, &conn->timer);
    event_del(&conn->read_event);
    if (conn->write_event)
        event_free(conn->write_event);
    conn->write_event = NULL;
    pool_give(&loop->pool, conn->out, conn->out_room);
    conn->out = NULL;
    conn->out_head = conn->out_tail = conn->out_room = 0;
    conn->next_closing = loop->closing;
    loop->closing = conn;
    loop->counters.connections_closed++;
}

/* The socket is closed last: its peer must not hear of the end before all that hung on the connection has ended. */
void conn_reap(struct conn *conn)
{
    int fd = conn->fd;
    pool_give(&conn->loop->pool, conn->in, conn->in_room);
    conn->in = NULL;
    conn->in_size = conn->in_room = 0;
    if (conn->transport->finish)
        conn->transport->finish(conn);
    conn->ops->closed(conn);
    close(fd);
}

static void mark_dirty(struct conn *conn)
{
    if (conn->dirty)
        return;
    conn->dirty = true;
    conn->next_dirty = conn->loop->dirty;
    conn->loop->dirty = conn;
}

void conn_finish(struct conn *conn, enum conn_reason reason)
{
    if (conn->state != CONN_OPEN)
        return;
    if (conn->blocked & CONN_BLOCK_HANDSHAKE) {
        conn_drop(conn, reason); /* without a key there are no last words */
        return;
    }
    conn->state = CONN_FINISHING;
    conn->reason = (uint8_t)reason;
    conn->deadline_ms = conn->secure_due_ms = UINT64_MAX;
    event_del(&conn->read_event);
    set_write_due(conn, loop_now_ms(conn->loop) + conn->limits->write_timeout_ms);
    if (conn->state == CONN_FINISHING)
        mark_dirty(conn);
}

static void block(struct conn *conn);

/* All is written: says so to the peer and waits for it to close, or its unread input would reset what we sent. Whoever
 * hears of the end may act on it, so it is said like everything else: when nothing is held back. */
static void linger(struct conn *conn)
{
    if (conn->ops->leaving)
        conn->ops->leaving(conn);
    if (!loop_may_send(conn->loop)) {
        mark_dirty(conn);
        return;
    }
    if (!conn->transport->shutdown(conn)) {
        block(conn);
        return;
    }
    conn->state = CONN_LINGERING;
    set_write_due(conn, loop_now_ms(conn->loop) + LINGER_MS);
    if (conn->state == CONN_LINGERING && event_add(&conn->read_event, NULL) != 0)
        conn_drop(conn, CONN_OUT_OF_MEMORY);
}

/* Output. */

static void send_unsent(struct conn *conn);

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    (void)fd;
    (void)what;
    conn->loop->event_count++;
    conn->blocked &= (uint8_t)~CONN_BLOCK_SOCKET;
    if (conn->blocked)
        send_unsent(conn);
    else
        conn_flush(conn);
}

/* The socket is full: waits until it takes more. */
static void block(struct conn *conn)
{
    conn->blocked |= CONN_BLOCK_SOCKET;
    if (!conn->write_event)
        conn->write_event = event_new(conn->loop->base, conn->fd, EV_WRITE, on_writable, conn);
    if (!conn->write_event || event_add(conn->write_event, NULL) != 0) {
        conn_drop(conn, CONN_OUT_OF_MEMORY);
        return;
    }
    conn->unread_size = socket_queue(conn);
    if (conn->state == CONN_OPEN && conn->write_due_ms == UINT64_MAX)
        set_write_due(conn, loop_now_ms(conn->loop) + conn->limits->write_timeout_ms);
}

static void unblock(struct conn *conn)
{
    if (conn->write_event)
        event_free(conn->write_event);
    conn->write_event = NULL;
    if (conn->state == CONN_OPEN && conn->write_due_ms != UINT64_MAX)
        set_write_due(conn, UINT64_MAX);
}

/* Sends parts. Returns the bytes that went, after which the connection is blocked or dropped if that was not all. */
static size_t send_parts(struct conn *conn, struct iovec *parts, unsigned part_count, size_t total)
{
    struct loop *loop = conn->loop;
    ssize_t sent = conn->transport->send(conn, parts, part_count);
    if (sent < 0 && !is_transient(errno)) {
        conn_drop(conn, CONN_WRITE_ERROR);
        return 0;
    }
    size_t size = sent > 0 ? (size_t)sent : 0;
    loop->counters.bytes_out += size;
    conn->bytes_out += size;
    if (size && conn->state == CONN_OPEN && conn->write_due_ms != UINT64_MAX)
        conn->write_due_ms = loop_now_ms(loop) + conn->limits->write_timeout_ms; /* on_timer sees the new time */
    if (size < total || conn->unsent)
        block(conn);
    return size;
}

/* What the transport keeps of its own, while output waits for its key. */
static void send_unsent(struct conn *conn)
{
    struct iovec nothing = { NULL, 0 };
    send_parts(conn, &nothing, 1, 0);
    if (conn->state != CONN_CLOSING && !conn->unsent)
        unblock(conn);
}

static void say_writable(struct conn *conn)
{
    conn->awaits_room = false;
    if (conn->state == CONN_OPEN && conn->ops->writable)
        conn->ops->writable(conn);
}

/* Writes what waits, whether or not the loop's owner would have it wait. */
static void flush_now(struct conn *conn)
{
    size_t pending = conn_pending(conn);
    if (pending || conn->unsent) {
        struct iovec part = { pending ? conn->out + conn->out_head : NULL, pending };
        size_t sent = send_parts(conn, &part, 1, pending);
        if (conn->state == CONN_CLOSING)
            return;
        conn->out_head += (uint32_t)sent;
        if (sent < pending || conn->unsent)
            return;
    }
    pool_give(&conn->loop->pool, conn->out, conn->out_room);
    conn->out = NULL;
    conn->out_head = conn->out_tail = conn->out_room = 0;
    unblock(conn);
    if (conn->state == CONN_FINISHING)
        linger(conn);
    else if (conn->awaits_room)
        say_writable(conn);
}

void conn_flush(struct conn *conn)
{
    if (conn->state == CONN_CLOSING || conn->state == CONN_LINGERING || conn->blocked)
        return;
    if (conn_pending(conn) && !loop_may_send(conn->loop))
        mark_dirty(conn);
    else
        flush_now(conn);
}

static bool out_grow(struct conn *conn, size_t size)
{
    size_t pending = conn_pending(conn), room;
    if (pending + size <= conn->out_room && conn->out_head >= pending) {
        memmove(conn->out, conn->out + conn->out_head, pending);
        conn->out_head = 0;
        conn->out_tail = (uint32_t)pending;
        return true;
    }
    char *grown = pool_take(&conn->loop->pool, pending + size, &room);
    if (!grown)
        return false;
    if (pending)
        memcpy(grown, conn->out + conn->out_head, pending);
    pool_give(&conn->loop->pool, conn->out, conn->out_room);
    conn->out = grown;
    conn->out_room = (uint32_t)room;
    conn->out_head = 0;
    conn->out_tail = (uint32_t)pending;
    return true;
}

char *conn_reserve(struct conn *conn, size_t size)
{
    if (conn->state != CONN_OPEN)
        return NULL;
    if (conn_pending(conn) + size > conn->limits->pending_size_max) {
        if (!conn->blocked)
            flush_now(conn); /* even if the loop's owner holds output back: that is no fault of this peer */
        if (conn->state != CONN_OPEN)
            return NULL;
        if (conn_pending(conn) + size > conn->limits->pending_size_max) {
            conn->loop->counters.slow_consumers++;
            conn_drop(conn, CONN_SLOW_CONSUMER);
            return NULL;
        }
    }
    if (conn->out_tail + size > conn->out_room && !out_grow(conn, size)) {
        conn_drop(conn, CONN_OUT_OF_MEMORY);
        return NULL;
    }
    return conn->out + conn->out_tail;
}

void conn_commit(struct conn *conn, size_t size)
{
    conn->out_tail += (uint32_t)size;
    if (conn_pending(conn) >= FLUSH_SIZE && !conn->blocked)
        conn_flush(conn);
    else
        mark_dirty(conn);
}

void conn_write(struct conn *conn, const void *data, size_t size)
{
    char *at = conn_reserve(conn, size);
    if (!at)
        return;
    memcpy(at, data, size);
    conn_commit(conn, size);
}

/* Drops the first size bytes from parts. Returns the first part that is left. */
static unsigned skip_parts(struct iovec *parts, unsigned part_count, size_t size)
{
    unsigned first = 0;
    while (first < part_count && size >= parts[first].iov_len)
        size -= parts[first++].iov_len;
    if (first < part_count) {
        parts[first].iov_base = (char *)parts[first].iov_base + size;
        parts[first].iov_len -= size;
    }
    return first;
}

static void append_parts(struct conn *conn, const struct iovec *parts, unsigned part_count, size_t total)
{
    char *at = conn_reserve(conn, total);
    if (!at)
        return;
    for (unsigned i = 0; i < part_count; i++) {
        memcpy(at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    conn_commit(conn, total);
}

void conn_write_parts(struct conn *conn, struct iovec *parts, unsigned part_count, size_t total)
{
    if (conn->state != CONN_OPEN)
        return;
    if (total >= DIRECT_SIZE && !conn_pending(conn) && !conn->blocked && loop_may_send(conn->loop)) {
        unsigned first = 0;
        while (first < part_count) {
            unsigned count = part_count - first < PARTS_MAX ? part_count - first : PARTS_MAX;
            size_t size = 0;
            for (unsigned i = first; i < first + count; i++)
                size += parts[i].iov_len;
            size_t sent = send_parts(conn, parts + first, count, size);
            if (conn->state != CONN_OPEN)
                return;
            first += skip_parts(parts + first, part_count - first, sent);
            total -= sent;
            if (sent < size)
                break;
        }
        parts += first;
        part_count -= first;
    }
    if (total)
        append_parts(conn, parts, part_count, total);
}

size_t conn_send(struct conn *conn, const char *data, size_t size)
{
    size_t sent = 0;
    conn->awaits_room = false;
    if (conn_pending(conn) && conn->state == CONN_OPEN)
        conn_flush(conn);
    if (conn->state != CONN_OPEN)
        return 0;
    if (!conn_pending(conn) && !conn->blocked && loop_may_send(conn->loop)) {
        struct iovec part = { (char *)data, size };
        sent = send_parts(conn, &part, 1, size);
    }
    if (sent < size && conn->state == CONN_OPEN) {
        conn->awaits_room = true;
        if (!conn->blocked)
            mark_dirty(conn);
    }
    return sent;
}

/* Input. */

/* Keeps what was not taken for the next read. data may lie in conn->in. */
static void stash(struct conn *conn, const char *data, size_t size)
{
    if (conn->state != CONN_OPEN)
        return;
    if (size && size + CONN_SLACK > conn->in_room) {
        size_t room;
        char *grown = pool_take(&conn->loop->pool, size + CONN_SLACK, &room);
        if (!grown) {
            conn_drop(conn, CONN_OUT_OF_MEMORY);
            return;
        }
        memcpy(grown, data, size);
        pool_give(&conn->loop->pool, conn->in, conn->in_room);
        conn->in = grown;
        conn->in_room = (uint32_t)room;
    } else if (size) {
        memmove(conn->in, data, size);
    } else if (conn->in) {
        pool_give(&conn->loop->pool, conn->in, conn->in_room);
        conn->in = NULL;
        conn->in_room = 0;
    }
    conn->in_size = (uint32_t)size;
}

static void hand_over(struct conn *conn, const char *data, size_t size)
{
    conn->in_need = 0;
    size_t taken = conn->ops->input(conn, data, size);
    stash(conn, data + taken, size - taken);
}

bool conn_has_left(struct conn *conn)
{
    return conn->transport->has_left(conn);
}

/* recv, and what follows from its failures. Returns 0 where there is nothing to look at. */
static size_t receive(struct conn *conn, char *at, size_t room)
{
    struct loop *loop = conn->loop;
    conn->unread = false;
    ssize_t got = conn->transport->receive(conn, at, room);
    if (got < 0 && is_transient(errno))
        return 0;
    if (got <= 0) {
        if (got < 0 || conn->state != CONN_OPEN)
            conn_drop(conn, CONN_READ_ERROR);
        else if (conn->ops->ended)
            conn->ops->ended(conn);
        else
            conn_finish(conn, CONN_CLIENT_CLOSED);
        return 0;
    }
    loop->counters.bytes_in += (uint64_t)got;
    conn->bytes_in += (uint64_t)got;
    conn->input_ms = loop_now_ms(loop);
    if (loop->hooks.received)
        loop->hooks.received(loop->hooks.arg);
    return conn->state == CONN_OPEN ? (size_t)got : 0;
}

/* The usual way: what was kept goes to the front of the loop's buffer, and the rest is read behind it. */
static void read_shared(struct conn *conn)
{
    char *buffer = conn->loop->read_buffer;
    if (conn->in_size)
        memcpy(buffer, conn->in, conn->in_size);
    size_t got = receive(conn, buffer + conn->in_size, LOOP_READ_SIZE - CONN_SLACK);
    if (got)
        hand_over(conn, buffer, conn->in_size + got);
}

/* Makes room to read on behind what was kept: twice as much each time, so that only what comes is paid for. */
static bool in_grow(struct conn *conn)
{
    size_t behind = conn->transport->receive_size_min + CONN_SLACK; /* what must follow the last byte wanted */
    size_t wanted = 2 * (size_t)conn->in_size, room;
    if (wanted < LOOP_READ_SIZE)
        wanted = LOOP_READ_SIZE;
    if (conn->in_need > conn->in_size && wanted > conn->in_need + behind)
        wanted = conn->in_need + behind;
    if (conn->in_room >= wanted)
        return true;
    char *grown = pool_take(&conn->loop->pool, wanted, &room);
    if (!grown) {
        conn_drop(conn, CONN_OUT_OF_MEMORY);
        return false;
    }
    memcpy(grown, conn->in, conn->in_size);
    pool_give(&conn->loop->pool, conn->in, conn->in_room);
    conn->in = grown;
    conn->in_room = (uint32_t)room;
    return true;
}

/* For large operations: reads into the connection's own buffer until it is all there. */
static void read_direct(struct conn *conn)
{
    if (!in_grow(conn))
        return;
    size_t got = receive(conn, conn->in + conn->in_size, conn->in_room - conn->in_size - CONN_SLACK);
    conn->in_size += (uint32_t)got;
    if (got && conn->in_size >= conn->in_need)
        hand_over(conn, conn->in, conn->in_size);
}

/* Throws away what still comes; the peer's close, or an error, ends it. */
static void read_lingering(struct conn *conn)
{
    ssize_t got = conn_plain_receive(conn, conn->loop->read_buffer, LOOP_READ_SIZE);
    if (got == 0 || (got < 0 && !is_transient(errno)))
        conn_drop(conn, conn->reason);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    (void)fd;
    (void)what;
    conn->loop->event_count++;
    if (conn->state == CONN_LINGERING)
        read_lingering(conn);
    else if (conn->state != CONN_OPEN || conn->paused)
        return;
    else if (conn->in_size > LOOP_STASH_MAX || conn->in_need > LOOP_READ_SIZE)
        read_direct(conn);
    else
        read_shared(conn);
}

void conn_pause(struct conn *conn, enum conn_pause why)
{
    if (!conn->paused && conn->state == CONN_OPEN)
        event_del(&conn->read_event);
    conn->paused |= (uint8_t)why;
}

void conn_resume(struct conn *conn, enum conn_pause why)
{
    if (!(conn->paused & why))
        return;
    conn->paused &= (uint8_t)~why;
    if (conn->paused || conn->state != CONN_OPEN)
        return;
    if (event_add(&conn->read_event, NULL) != 0) {
        conn_drop(conn, CONN_OUT_OF_MEMORY);
        return;
    }
    if (conn->unread)
        event_active(&conn->read_event, EV_READ, 0);
    if (conn->in_size && conn->in_size >= conn->in_need)
        hand_over(conn, conn->in, conn->in_size);
}

bool conn_stall(struct conn *conn, unsigned stall_ms)
{
    if (conn->state != CONN_OPEN || (conn->paused & CONN_PAUSE_STALLED))
        return false;
    conn->stall_due_ms = loop_now_ms(conn->loop) + (stall_ms ? stall_ms : STALL_MS);
    conn_pause(conn, CONN_PAUSE_STALLED);
    arm_timer(conn);
    return true;
}

/* For transports. */

void conn_await_room(struct conn *conn)
{
    conn->unsent = true;
    block(conn);
}

void conn_read_again(struct conn *conn)
{
    conn->unread = true;
    if (!conn->paused && conn->state == CONN_OPEN)
        event_active(&conn->read_event, EV_READ, 0);
}

void conn_hold_output(struct conn *conn)
{
    conn->blocked |= CONN_BLOCK_HANDSHAKE;
}

void conn_release_output(struct conn *conn)
{
    conn->blocked &= (uint8_t)~CONN_BLOCK_HANDSHAKE;
    if (conn->state == CONN_OPEN && (conn_pending(conn) || conn->awaits_room))
        mark_dirty(conn);
}

int conn_init(struct conn *conn, struct loop *loop, int fd, const struct address *peer, const struct conn_ops *ops,
              const struct conn_limits *limits)
{
    *conn = (struct conn){
        .ops = ops,
        .transport = &conn_plain,
        .limits = limits,
        .loop = loop,
        .fd = fd,
        .peer = *peer,
        .timer.fire = on_timer,
        .deadline_ms = UINT64_MAX,
        .write_due_ms = UINT64_MAX,
        .stall_due_ms = UINT64_MAX,
        .secure_due_ms = UINT64_MAX,
        .input_ms = loop_now_ms(loop),
    };
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    if (event_assign(&conn->read_event, loop->base, fd, EV_READ | EV_PERSIST, on_readable, conn) != 0 ||
        event_add(&conn->read_event, NULL) != 0)
        return -ENOMEM;
    loop->counters.connections_opened++;
    return 0;
}

bool conn_unix_uid(const struct conn *conn, uint32_t *ret_uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (conn->peer.family != AF_UNIX || getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        peer.uid == (uid_t)-1)
        return false;
    *ret_uid = peer.uid;
    return true;
}
