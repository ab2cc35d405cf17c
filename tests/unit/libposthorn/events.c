#include "events.h"

#include <check.h>
#include <stdio.h>

static void on_event(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    struct events *events = arg;
    ck_assert_ptr_eq(conn, events->conn);
    ck_assert_ptr_nonnull(event->text);
    if (events->count == EVENTS_MAX)
        return;
    events->list[events->count].kind = event->kind;
    events->list[events->count].error = event->error;
    snprintf(events->list[events->count].text, sizeof events->list[0].text, "%s", event->text);
    events->count++;
}

struct ph_conn *events_create(struct events *events, const struct ph_options *options, const char *url)
{
    struct ph_options chosen = PH_OPTIONS_INIT;
    if (options)
        chosen = *options;
    chosen.url = url;
    chosen.on_event = on_event;
    chosen.event_arg = events;
    if (chosen.reconnect_wait_ms == 0)
        chosen.reconnect_wait_ms = 1;
    if (chosen.connect_timeout_ms == 0)
        chosen.connect_timeout_ms = PATIENCE_MS;
    *events = (struct events){ 0 };
    ck_assert_int_eq(ph_create(&chosen, &events->conn), PH_OK);
    return events->conn;
}

struct ph_conn *events_connect(struct events *events, const struct ph_options *options, const struct peer *peer)
{
    struct ph_conn *conn = events_create(events, options, peer->url);
    int error = ph_connect(conn);
    ck_assert_msg(error == PH_OK, "%s: %s", ph_strerror(error), ph_last_error(conn));
    return conn;
}

/* Looks for the kind from the beginning, and forgets everything up to it. */
static bool take(struct events *events, enum ph_event_kind kind, int *ret_error)
{
    for (unsigned i = 0; i < events->count; i++) {
        if (events->list[i].kind != kind)
            continue;
        *ret_error = events->list[i].error;
        events->count -= i + 1;
        for (unsigned k = 0; k < events->count; k++)
            events->list[k] = events->list[k + i + 1];
        return true;
    }
    return false;
}

int events_wait(struct events *events, enum ph_event_kind kind)
{
    int error = PH_OK;
    while (!take(events, kind, &error)) {
        int outcome = ph_poll(events->conn, PATIENCE_MS);
        bool came = take(events, kind, &error);
        ck_assert_msg(came || outcome == PH_OK, "no event '%s': %s", ph_event_name(kind), ph_strerror(outcome));
        if (came)
            break;
    }
    return error;
}

unsigned events_count(const struct events *events, enum ph_event_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < events->count; i++)
        count += events->list[i].kind == kind;
    return count;
}
