#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

const char *ph_version(void)
{
    return PH_VERSION;
}

/* ---- life ---- */

int ph_create(const struct ph_options *options, struct ph_conn **ret_conn)
{
    if (!ret_conn)
        return PH_E_ARGUMENT;
    struct ph_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return PH_E_MEMORY;
    conn->fd = -1;
    conn->wake_fd = -1;
    conn->drain_deadline_ms = INT64_MAX;
    ph_server_init(&conn->server);
    ph_requests_init(&conn->requests);
    int error = ph_options_copy(options, &conn->options);
    if (!error) {
        conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = conn->wake_fd < 0 ? PH_E_SYSTEM : PH_OK;
    }
    if (error)
        ph_destroy(conn);
    else
        *ret_conn = conn;
    return error;
}

int ph_start(struct ph_conn *conn)
{
    conn->blocking = false;
    return ph_link_start(conn);
}

static void fail_flushes(struct ph_conn *conn)
{
    struct ph_pong pong;
    while (ph_pongs_take(&conn->pongs, &pong))
        if (pong.done)
            pong.done(conn, PH_E_CLOSED, pong.arg);
}

void ph_shut(struct ph_conn *conn, int error)
{
    if (conn->state == PH_STATE_CLOSED)
        return;
    bool started = conn->state != PH_STATE_NEW;
    bool processing = conn->processing;
    if (conn->phase == PH_PHASE_LIVE && !conn->broken)
        ph_out_write(conn);
    conn->state = PH_STATE_CLOSED;
    conn->closed_with = error;
    conn->drain = PH_DRAIN_NONE;
    ph_link_drop_socket(conn);
    ph_dial_finish(&conn->dial);
    conn->phase = PH_PHASE_IDLE;
    conn->processing = true;
    fail_flushes(conn);
    ph_requests_fail(conn, PH_E_CLOSED);
    conn->processing = processing;
    if (started)
        ph_emit(conn, PH_EVENT_CLOSED, error, error ? conn->error_text : "", NULL);
}

void ph_close(struct ph_conn *conn)
{
    ph_shut(conn, PH_OK);
}

void ph_destroy(struct ph_conn *conn)
{
    if (!conn)
        return;
    assert(!conn->processing);
    ph_shut(conn, PH_OK);
    ph_subs_finish(&conn->subs);
    ph_pongs_finish(&conn->pongs);
    ph_requests_finish(&conn->requests);
    ph_output_finish(&conn->out);
    ph_link_forget_hello(conn);
    ph_buffer_finish(&conn->in.bytes);
    ph_urls_free(conn->urls, conn->url_count);
    ph_options_finish(&conn->options);
    ph_tls_context_destroy(conn->tls_context);
    if (conn->wake_fd >= 0)
        close(conn->wake_fd);
    free(conn);
}

enum ph_state ph_state(const struct ph_conn *conn)
{
    return conn->state;
}

bool ph_draining(const struct ph_conn *conn)
{
    return conn->drain != PH_DRAIN_NONE;
}

const struct ph_server *ph_server(const struct ph_conn *conn)
{
    return &conn->server.shown;
}

void ph_interrupt(struct ph_conn *conn)
{
    int error = errno;
    ssize_t unused = write(conn->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
    (void)unused; /* it fails where a count of interruptions would overflow: there is one already */
    errno = error;
}

/* ---- failures and events ---- */

int ph_fail(struct ph_conn *conn, int error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(conn->error_text, sizeof conn->error_text, format, list);
    va_end(list);
    conn->error = error;
    return error;
}

const char *ph_last_error(const struct ph_conn *conn)
{
    return conn->error_text;
}

void ph_emit(struct ph_conn *conn, enum ph_event_kind kind, int error, const char *text, struct ph_sub *sub)
{
    if (!conn->options.on_event)
        return;
    struct ph_event event = { .kind = kind, .error = error, .text = text, .sub = sub };
    bool processing = conn->processing;
    conn->processing = true;
    conn->options.on_event(conn, &event, conn->options.event_arg);
    conn->processing = processing;
}

/* ---- in the caller's loop ---- */

int ph_fd(const struct ph_conn *conn)
{
    return conn->phase == PH_PHASE_LOOKUP ? ph_lookup_fd(conn->dial.lookup) : conn->fd;
}

short ph_events(const struct ph_conn *conn)
{
    if (conn->phase == PH_PHASE_LOOKUP)
        return POLLIN;
    if (conn->fd < 0)
        return 0;
    if (conn->phase == PH_PHASE_DIAL)
        return POLLOUT;
    if (conn->phase == PH_PHASE_TLS)
        return ph_tls_events(conn->tls);
    short events = ph_output_waiting(ph_out_current(conn)) > 0 ? POLLIN | POLLOUT : POLLIN;
    return conn->tls ? events | ph_tls_events(conn->tls) : events;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether there is something to read though a poll may not say so. */
static bool reads_on(const struct ph_conn *conn, short revents)
{
    return conn->tls && conn->phase != PH_PHASE_TLS && ph_tls_reads_on(conn->tls, revents);
}

/* When ph_process has something to do though nothing happens; INT64_MAX: never. */
static int64_t next_deadline(const struct ph_conn *conn)
{
    int64_t next = earlier(ph_requests_deadline(&conn->requests), conn->drain_deadline_ms);
    if (conn->broken || reads_on(conn, 0) || (conn->drain == PH_DRAIN_REQUESTS && conn->requests.count == 0))
        return 0;
    switch (conn->phase) {
    case PH_PHASE_IDLE:
        return INT64_MAX;
    case PH_PHASE_PAUSE:
        return earlier(next, conn->pause_until_ms);
    case PH_PHASE_LIVE:
        return earlier(next, conn->ping_due_ms);
    default:
        return earlier(next, conn->attempt_deadline_ms);
    }
}

int ph_timeout_ms(const struct ph_conn *conn)
{
    int64_t next = next_deadline(conn);
    if (next == INT64_MAX)
        return -1;
    int64_t left = next - ph_now_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* A connection that stays silent is asked; one that was asked too often without a word is broken. */
static void ping(struct ph_conn *conn, int64_t now_ms)
{
    if (conn->pings_outstanding >= conn->options.pings_outstanding_max) {
        ph_link_break(conn, PH_E_DISCONNECTED, "the server does not answer PING");
        return;
    }
    conn->ping_due_ms = now_ms + conn->options.ping_interval_ms;
    conn->pings_outstanding++;
    if (ph_flush_start(conn, NULL, NULL) != PH_OK)
        ph_link_break(conn, PH_E_MEMORY, ph_strerror(PH_E_MEMORY));
}

/* A server that begins with TLS, and a client that waits for INFO, would wait for one another for ever. */
static const char *why_so_late(const struct ph_conn *conn)
{
    bool awaits_info = conn->phase == PH_PHASE_INFO && !conn->tls;
    return awaits_info && (conn->url->tls || ph_options_ask_for_tls(&conn->options))
               ? "no answer in time: if the server begins with TLS, so must we (tls_first)"
               : "no answer in time";
}

static void keep_time(struct ph_conn *conn)
{
    int64_t now_ms = ph_now_ms();
    ph_requests_expire(conn, now_ms);
    if (conn->drain == PH_DRAIN_REQUESTS && conn->requests.count == 0)
        ph_drain_go_on(conn);
    if (now_ms >= conn->drain_deadline_ms && conn->drain != PH_DRAIN_NONE) {
        ph_shut(conn, ph_fail(conn, PH_E_TIMEOUT, "the drain took too long"));
        return;
    }
    switch (conn->phase) {
    case PH_PHASE_PAUSE:
        if (now_ms >= conn->pause_until_ms)
            ph_link_begin_round(conn);
        break;
    case PH_PHASE_LOOKUP:
        if (now_ms >= conn->attempt_deadline_ms)
            ph_link_break(conn, PH_E_RESOLVE, "the name is not found in time");
        break;
    case PH_PHASE_DIAL:
    case PH_PHASE_INFO:
    case PH_PHASE_TLS:
    case PH_PHASE_HELLO:
        if (now_ms >= conn->attempt_deadline_ms)
            ph_link_break(conn, PH_E_CONNECT, why_so_late(conn));
        break;
    case PH_PHASE_LIVE:
        if (now_ms >= conn->ping_due_ms)
            ping(conn, now_ms);
        break;
    case PH_PHASE_IDLE:
        break;
    }
}

static void turn(struct ph_conn *conn, short revents)
{
    const short readable = POLLIN | POLLERR | POLLHUP | POLLNVAL;
    if (conn->phase == PH_PHASE_LOOKUP) {
        if (revents)
            ph_link_looked_up(conn);
    } else if (conn->phase == PH_PHASE_DIAL) {
        if (revents)
            ph_link_dialled(conn);
    } else if (conn->phase == PH_PHASE_TLS) {
        if (revents)
            ph_link_secure(conn);
    } else if (conn->fd >= 0) {
        if (revents & POLLOUT)
            ph_out_write(conn);
        if ((revents & readable) || conn->broken || reads_on(conn, revents))
            ph_input_read(conn);
    }
    keep_time(conn);
    if (conn->fd >= 0 && conn->phase != PH_PHASE_DIAL && !ph_out_current(conn)->blocked)
        ph_out_write(conn);
}

int ph_process(struct ph_conn *conn, short revents)
{
    if (conn->processing)
        return PH_E_BUSY;
    if (conn->state == PH_STATE_NEW)
        return PH_E_ARGUMENT;
    if (conn->state != PH_STATE_CLOSED) {
        conn->processing = true;
        turn(conn, revents);
        conn->processing = false;
    }
    return conn->state == PH_STATE_CLOSED ? PH_E_CLOSED : PH_OK;
}

/* ---- statistics ---- */

/* As much of from as the caller's struct, whose first field is its size, has room for. */
static int give(void *to, const void *from, size_t known)
{
    size_t size = *(size_t *)to;
    if (size < sizeof size)
        return PH_E_ARGUMENT;
    if (size > known)
        memset((char *)to + known, 0, size - known);
    memcpy(to, from, size < known ? size : known);
    *(size_t *)to = size;
    return PH_OK;
}

int ph_statistics(const struct ph_conn *conn, struct ph_statistics *ret_statistics)
{
    struct ph_statistics now = conn->statistics;
    now.output_size = ph_output_waiting(&conn->out);
    now.sub_count = conn->subs.count - (conn->inbox ? 1 : 0);
    now.request_count = conn->requests.count;
    return give(ret_statistics, &now, sizeof now);
}

int ph_sub_statistics(const struct ph_sub *sub, struct ph_sub_statistics *ret_statistics)
{
    struct ph_sub_statistics now = {
        .delivered = sub->delivered,
        .dropped = sub->dropped,
        .queue_length = sub->queue_length,
        .queue_size = sub->queue_size,
    };
    return give(ret_statistics, &now, sizeof now);
}
