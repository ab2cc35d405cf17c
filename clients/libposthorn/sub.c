/* sub: what a subscription does: open, deliver, end, drain. */
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "topic.h"

int ph_sub_open(struct ph_conn *conn, const char *pattern, const char *group, ph_message_fn *on_message, void *arg,
                struct ph_sub **ret_sub)
{
    struct ph_sub *sub = ph_subs_add(&conn->subs, pattern, group);
    if (!sub)
        return ph_fail(conn, PH_E_MEMORY, "no memory for a subscription");
    sub->conn = conn;
    sub->on_message = on_message;
    sub->arg = arg;
    ph_sub_hold(sub);
    int error = ph_out_subscribe(conn, sub);
    if (!error && sub->doomed)
        error = PH_E_ENDED; /* by its own callback: while this waited the connection broke, and was made anew with it */
    if (error) {
        ph_subs_end(&conn->subs, sub);
        sub->doomed = true;
    } else if (ret_sub) {
        *ret_sub = sub;
    }
    ph_sub_let_go(sub);
    return error;
}

int ph_subscribe(struct ph_conn *conn, const char *pattern, const char *group, ph_message_fn *on_message, void *arg,
                 struct ph_sub **ret_sub)
{
    if (!on_message && !ret_sub)
        return ph_fail(conn, PH_E_ARGUMENT, "a pull subscription needs ret_sub");
    if (!pattern || ph_pattern_size(pattern) == 0)
        return ph_fail(conn, PH_E_TOPIC, "not a pattern: '%.100s'", pattern ? pattern : "");
    if (group && ph_group_size(group) == 0)
        return ph_fail(conn, PH_E_TOPIC, "not a group's name: '%.100s'", group);
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    if (conn->drain != PH_DRAIN_NONE)
        return PH_E_DRAINING;
    return ph_sub_open(conn, pattern, group ? group : "", on_message, arg, ret_sub);
}

/* ---- holding ---- */

void ph_sub_hold(struct ph_sub *sub)
{
    sub->hold_count++;
}

void ph_sub_let_go(struct ph_sub *sub)
{
    if (--sub->hold_count == 0 && sub->doomed)
        ph_subs_remove(&sub->conn->subs, sub);
}

/* ---- delivery ---- */

static void end(struct ph_sub *sub)
{
    if (sub->ended)
        return;
    ph_subs_end(&sub->conn->subs, sub);
    ph_emit(sub->conn, PH_EVENT_ENDED, PH_OK, sub->pattern, sub);
}

/* Dropping is told once, when it begins; and again when it begins anew after half of the queue was read. */
static void drop(struct ph_sub *sub)
{
    struct ph_conn *conn = sub->conn;
    sub->dropped++;
    conn->statistics.dropped++;
    if (sub->full)
        return;
    sub->full = true;
    ph_fail(conn, PH_E_DROPPED, "'%.100s' is full with %zu messages of %zu bytes", sub->pattern, sub->queue_length,
            sub->queue_size);
    ph_emit(conn, PH_EVENT_DROPPED, PH_E_DROPPED, conn->error_text, sub);
}

static void enqueue(struct ph_sub *sub, const struct ph_message *message)
{
    const struct ph_options *options = &sub->conn->options;
    bool fits = sub->queue_length < options->queue_length_max &&
                (sub->queue_length == 0 || sub->queue_size + ph_message_size(message) <= options->queue_size_max);
    struct ph_stored *stored = fits ? ph_message_store(message) : NULL;
    if (stored)
        ph_sub_push(sub, stored);
    else
        drop(sub);
}

void ph_sub_deliver(struct ph_sub *sub, const struct ph_message *message)
{
    bool last = ++sub->received == sub->max;
    ph_sub_hold(sub);
    if (!sub->on_message) {
        enqueue(sub, message);
    } else {
        sub->delivered++;
        sub->on_message(sub, message, sub->arg);
    }
    if (last)
        end(sub);
    ph_sub_let_go(sub);
}

/* ---- ending ---- */

int ph_unsubscribe(struct ph_sub *sub, uint64_t max)
{
    struct ph_conn *conn = sub->conn;
    if (max == 0)
        ph_sub_discard(sub);
    if (sub->ended || sub->draining)
        return PH_OK;
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    bool now = max == 0 || max <= sub->received;
    ph_sub_hold(sub);
    int error = ph_out_unsubscribe(conn, sub, now ? 0 : max);
    if (!error && now)
        end(sub);
    else if (!error)
        sub->max = max;
    ph_sub_let_go(sub);
    return error;
}

static void stopped(struct ph_conn *conn, int error, void *arg)
{
    struct ph_sub *sub = ph_subs_find(&conn->subs, (uintptr_t)arg);
    (void)error;
    if (sub)
        end(sub);
}

int ph_sub_stop(struct ph_sub *sub)
{
    if (sub->ended || sub->draining)
        return PH_OK;
    ph_sub_hold(sub);
    int error = ph_out_unsubscribe(sub->conn, sub, 0);
    sub->draining = !error;
    ph_sub_let_go(sub);
    return error;
}

int ph_sub_drain(struct ph_sub *sub)
{
    struct ph_conn *conn = sub->conn;
    if (sub->ended || sub->draining)
        return PH_OK;
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    uintptr_t sid = sub->sid;
    int error = ph_sub_stop(sub);
    if (error || conn->phase == PH_PHASE_LIVE)
        return error ? error : ph_flush_start(conn, stopped, (void *)sid);
    stopped(conn, PH_OK, (void *)sid); /* what was under way has gone with the connection */
    return PH_OK;
}

void ph_subs_end_draining(struct ph_conn *conn)
{
    struct ph_sub *next;
    for (struct ph_sub *sub = conn->subs.oldest; sub; sub = next) {
        ph_sub_hold(sub);
        if (sub->draining)
            end(sub);
        next = sub->newer; /* only now: callbacks may have destroyed the one that stood here before */
        ph_sub_let_go(sub);
    }
}

void ph_sub_destroy(struct ph_sub *sub)
{
    if (!sub || sub->doomed)
        return;
    struct ph_conn *conn = sub->conn;
    bool server_knows = !sub->ended && !sub->draining && conn->state != PH_STATE_CLOSED;
    ph_subs_end(&conn->subs, sub);
    ph_sub_discard(sub);
    sub->doomed = true;
    ph_sub_hold(sub);
    if (server_knows)
        ph_out_unsubscribe(conn, sub, 0);
    ph_sub_let_go(sub);
}

struct ph_conn *ph_sub_conn(const struct ph_sub *sub)
{
    return sub->conn;
}

const char *ph_sub_pattern(const struct ph_sub *sub)
{
    return sub->pattern;
}

const char *ph_sub_group(const struct ph_sub *sub)
{
    return sub->group;
}

bool ph_sub_ended(const struct ph_sub *sub)
{
    return sub->ended || sub->conn->state == PH_STATE_CLOSED;
}
