/* wait: the calls that wait, each a loop around ph_wait until what it waits for has come. */
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "conn.h"

static int time_left_ms(int64_t deadline_ms)
{
    if (deadline_ms == INT64_MAX)
        return -1;
    int64_t left = deadline_ms - ph_now_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int sooner(int a_ms, int b_ms)
{
    return a_ms < 0 ? b_ms : b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

static bool take_interrupt(struct ph_conn *conn)
{
    uint64_t count;
    return read(conn->wake_fd, &count, sizeof count) == sizeof count;
}

int ph_wait(struct ph_conn *conn, int64_t deadline_ms)
{
    if (conn->processing)
        return PH_E_BUSY;
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    if (conn->state == PH_STATE_NEW)
        return ph_fail(conn, PH_E_ARGUMENT, "the connection is not started");
    ph_out_write(conn);
    int left_ms = time_left_ms(deadline_ms);
    struct pollfd watched[] = { { conn->wake_fd, POLLIN, 0 }, { ph_fd(conn), ph_events(conn), 0 } };
    int count = poll(watched, 2, sooner(ph_timeout_ms(conn), left_ms));
    if (count > 0 && watched[0].revents && take_interrupt(conn))
        return PH_E_INTERRUPTED;
    ph_process(conn, count > 0 ? watched[1].revents : 0);
    return count == 0 && time_left_ms(deadline_ms) == 0 ? PH_E_TIMEOUT : PH_OK;
}

/* The same for a loop, which must also end while something happens all the time. */
static int wait_until(struct ph_conn *conn, int64_t deadline_ms)
{
    int error = ph_wait(conn, deadline_ms);
    return !error && time_left_ms(deadline_ms) == 0 ? PH_E_TIMEOUT : error;
}

int ph_poll(struct ph_conn *conn, int timeout_ms)
{
    return ph_wait(conn, ph_deadline_ms(timeout_ms));
}

int ph_run(struct ph_conn *conn, int timeout_ms)
{
    int64_t deadline_ms = ph_deadline_ms(timeout_ms);
    int error = PH_OK;
    while (!error)
        error = wait_until(conn, deadline_ms);
    return error == PH_E_TIMEOUT ? PH_OK : error;
}

/* ---- connecting ---- */

static void abandon(struct ph_conn *conn)
{
    ph_link_drop_socket(conn);
    ph_dial_finish(&conn->dial);
    conn->phase = PH_PHASE_IDLE;
    conn->state = PH_STATE_NEW;
}

int ph_connect(struct ph_conn *conn)
{
    if (conn->processing)
        return PH_E_BUSY;
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    int error = ph_link_start(conn);
    conn->blocking = true;
    while (!error && conn->state == PH_STATE_CONNECTING)
        error = ph_wait(conn, INT64_MAX);
    if (error && conn->state == PH_STATE_CONNECTING)
        abandon(conn);
    if (error)
        return error;
    return conn->state == PH_STATE_NEW ? conn->error : conn->state == PH_STATE_CLOSED ? PH_E_CLOSED : PH_OK;
}

/* ---- flushing ---- */

struct outcome {
    bool done;
    int error;
    struct ph_message *message;
};

static void flushed(struct ph_conn *conn, int error, void *arg)
{
    (void)conn;
    *(struct outcome *)arg = (struct outcome){ .done = true, .error = error };
}

/* Whether a call may begin to wait at all. */
static int check_waiting(struct ph_conn *conn)
{
    if (conn->processing)
        return PH_E_BUSY;
    if (conn->state == PH_STATE_NEW)
        return ph_fail(conn, PH_E_ARGUMENT, "the connection is not started");
    return conn->state == PH_STATE_CLOSED ? PH_E_CLOSED : PH_OK;
}

int ph_flush(struct ph_conn *conn, int timeout_ms)
{
    struct outcome outcome = { 0 };
    int64_t deadline_ms = ph_deadline_ms(timeout_ms);
    int error = check_waiting(conn);
    if (!error)
        error = ph_flush_start(conn, flushed, &outcome);
    while (!error && !outcome.done)
        error = wait_until(conn, deadline_ms);
    if (outcome.done)
        return outcome.error;
    ph_pongs_forget(&conn->pongs, flushed, &outcome);
    return error;
}

/* ---- pulling ---- */

static int nothing_left(const struct ph_sub *sub)
{
    return sub->ended ? PH_E_ENDED : sub->conn->state == PH_STATE_CLOSED ? PH_E_CLOSED : PH_OK;
}

/* Waits until a message is in the queue. A callback may destroy the subscription meanwhile: then it has ended. */
static int await_message(struct ph_sub *sub, int timeout_ms)
{
    int64_t deadline_ms = ph_deadline_ms(timeout_ms);
    int error = PH_OK;
    ph_sub_hold(sub);
    while (!sub->first && !error) {
        error = nothing_left(sub);
        if (!error)
            error = wait_until(sub->conn, deadline_ms);
    }
    if (sub->first)
        error = PH_OK;
    else if (error == PH_E_TIMEOUT && sub->ended) /* in the last turn: who asked may never be woken for it again */
        error = PH_E_ENDED;
    ph_sub_let_go(sub);
    return error;
}

int ph_next(struct ph_sub *sub, int timeout_ms, struct ph_message **ret_message)
{
    if (sub->on_message)
        return ph_fail(sub->conn, PH_E_ARGUMENT, "the subscription has a callback");
    int error = sub->first ? PH_OK : await_message(sub, timeout_ms);
    if (error)
        return error;
    struct ph_stored *stored = ph_sub_pop(sub);
    if (sub->full && sub->queue_length <= sub->conn->options.queue_length_max / 2 &&
        sub->queue_size <= sub->conn->options.queue_size_max / 2)
        sub->full = false;
    sub->delivered++;
    *ret_message = &stored->message;
    return PH_OK;
}

/* ---- requesting ---- */

static void answered(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    struct outcome *outcome = arg;
    (void)conn;
    outcome->done = true;
    outcome->message = message ? ph_message_copy(message) : NULL;
    outcome->error = message && !outcome->message ? PH_E_MEMORY : error;
}

int ph_request(struct ph_conn *conn, const char *topic, const struct ph_headers *headers, const void *payload,
               size_t payload_size, int timeout_ms, struct ph_message **ret_message)
{
    struct outcome outcome = { 0 };
    struct ph_publication publication = { topic, NULL, headers, payload, payload_size };
    uint32_t slot = PH_REQUEST_NONE;
    int error = check_waiting(conn);
    if (!error)
        error = ph_request_open(conn, &publication, timeout_ms, answered, &outcome, &slot);
    while (!error && !outcome.done)
        error = ph_wait(conn, INT64_MAX);
    if (!outcome.done) {
        if (slot != PH_REQUEST_NONE)
            ph_requests_remove(&conn->requests, slot, NULL);
        return error;
    }
    if (outcome.error)
        return outcome.error;
    *ret_message = outcome.message;
    return PH_OK;
}

/* ---- draining ---- */

int ph_drain(struct ph_conn *conn, int timeout_ms)
{
    if (conn->processing)
        return PH_E_BUSY;
    int error = ph_drain_start(conn, timeout_ms);
    while (!error && conn->state != PH_STATE_CLOSED)
        error = ph_wait(conn, INT64_MAX);
    return error ? error : conn->closed_with;
}
