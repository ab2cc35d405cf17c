/*
 * uplink: the connection to the broker, in the worker's loop: whether it stands, who wants to know, live messages on
 * their way out, and the trunks by which messages come in.
 *
 * Nothing that the connection was given is sent twice: what a break has cut off is gone, and those who keep messages
 * (the spool) send them again by themselves.
 */
#ifndef SIDECAR_UPLINK_H
#define SIDECAR_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sink.h"
#include "util/list.h"

struct broker;
struct broker_flush;
struct config;
struct loop;
struct origin;
struct ph_conn;
struct uplink;

struct uplink_setup {
    struct loop *loop;
    struct broker *broker;
    const struct config *config; /* for the call */
    const char *server_name;     /* borrowed */
};

/* Begins to connect with the loop's first turn. 0 or -errno. */
int uplink_create(const struct uplink_setup *setup, struct uplink **ret_uplink);

/* Nobody is told any more; sinks that are still there are forgotten. Takes NULL. */
void uplink_destroy(struct uplink *uplink);

/* Where its options have changed, it connects anew. */
void uplink_reconfigure(struct uplink *uplink, const struct config *config);

/* Writes what was said in this turn, and watches the socket for what comes. Once a turn, and at its end. */
void uplink_turn(struct uplink *uplink);

/* For rooms of the sidecar that speak for themselves: subscribe, request, publish. What is said leaves at the end of
 * the turn. It is the same connection for the uplink's life, however often it breaks. */
struct ph_conn *uplink_conn(const struct uplink *uplink);

/* Of what is published here. */
struct origin *uplink_origin(struct uplink *uplink);

/* True while the broker can be reached. */
bool uplink_is_up(const struct uplink *uplink);

/* What was said when it was last lost; "": it never was. Borrowed until the next loop's turn. */
const char *uplink_why(const struct uplink *uplink);

/* Why it is not up: what the last attempt has met with, or how it was lost; "": it is up. Borrowed as above. */
const char *uplink_fault(const struct uplink *uplink);

/* Since when that has been so, or not; the loop's monotonic clock. */
uint64_t uplink_since_ms(const struct uplink *uplink);

/* True while output waits for a broker that is there. */
bool uplink_has_output(const struct uplink *uplink);

/* Somebody who wants to know. Embedded in its owner, who fills in changed. */
struct uplink_watcher {
    /* It has come up: subscriptions stand again, and what is said now is heard; or it has gone down. Called within the
     * connection's own work, where nothing may wait. */
    void (*changed)(struct uplink_watcher *watcher, bool is_up);
    struct list list;
};

/* changed is told of what comes; how it stands now uplink_is_up says. */
void uplink_watch(struct uplink *uplink, struct uplink_watcher *watcher);
void uplink_unwatch(struct uplink_watcher *watcher);

/* Passes on a message as it is, under its shown topic. 0; -ENOTCONN: the broker is away; -EMSGSIZE: larger than it
 * takes; -ENOBUFS: too much waits already; -ENOMEM. */
int uplink_publish(struct uplink *uplink, struct slice topic, const struct message *message);

/* A local sink has come to a pattern (+1) or left it (-1); group empty: plain. The first opens a trunk, the last closes
 * it. */
void uplink_interest(struct uplink *uplink, struct slice pattern, struct slice group, int delta);

/* What broker_outlet.flush does. */
bool uplink_flush(struct uplink *uplink, struct broker_flush *flush);

/* Since the start. */
struct uplink_counts {
    uint64_t messages_in, messages_out; /* live ones: by trunks; by uplink_publish */
    uint64_t connects;                  /* how often it has come up */
    uint64_t failures;                  /* rounds over all addresses in vain, and breaks */
    uint32_t trunk_count;               /* now */
};
struct uplink_counts uplink_counts(const struct uplink *uplink);

#endif
