/*
 * drain: the end in good order. Each step begins when the one before has its answer:
 *
 *   UNSUB for every subscription, PING  ->  PONG: nothing more will be delivered  ->  requests answered
 *                                       ->  PING  ->  PONG: closed
 */
#include "conn.h"

static void all_sent(struct ph_conn *conn, int error, void *arg)
{
    (void)arg;
    ph_shut(conn, error);
}

void ph_drain_go_on(struct ph_conn *conn)
{
    conn->drain = PH_DRAIN_REQUESTS;
    if (conn->requests.count > 0)
        return;
    conn->drain = PH_DRAIN_OUTPUT;
    int error = ph_flush_start(conn, all_sent, NULL);
    if (error)
        ph_shut(conn, error);
}

static void subs_drained(struct ph_conn *conn, int error, void *arg)
{
    (void)arg;
    if (error) {
        ph_shut(conn, error);
        return;
    }
    ph_subs_end_draining(conn);
    if (conn->drain == PH_DRAIN_SUBS)
        ph_drain_go_on(conn);
}

/* Stopping may wait for room in the output, and callbacks may destroy what stands in the list meanwhile. */
static int stop_subs(struct ph_conn *conn)
{
    struct ph_sub *next;
    int error = PH_OK;
    for (struct ph_sub *sub = conn->subs.oldest; sub && !error; sub = next) {
        ph_sub_hold(sub);
        if (sub != conn->inbox)
            error = ph_sub_stop(sub);
        next = sub->newer;
        ph_sub_let_go(sub);
    }
    return error;
}

int ph_drain_start(struct ph_conn *conn, int timeout_ms)
{
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    if (conn->drain != PH_DRAIN_NONE)
        return PH_OK;
    if (conn->state == PH_STATE_NEW) {
        ph_shut(conn, PH_OK);
        return PH_OK;
    }
    conn->drain = PH_DRAIN_SUBS;
    conn->drain_deadline_ms = ph_deadline_ms(timeout_ms);
    int error = stop_subs(conn);
    if (!error)
        error = ph_flush_start(conn, subs_drained, NULL);
    if (error)
        ph_shut(conn, error);
    return error;
}
