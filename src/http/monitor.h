/*
 * monitor: what the server tells of itself over HTTP, in the shape of nats-server's monitoring, so that its tools can
 * read it.
 *
 *   varz     the whole: identity, limits, sums            connz    connections, one by one
 *   subsz    what the routers hold                        topicz   the topics seen lately
 *   metrics  all numbers, for Prometheus                  jsz      streams and consumers
 *
 * Numbers are those of all workers, which are asked for them in turn (inquiry.h). Belongs to the worker that was asked.
 */
#ifndef HTTP_MONITOR_H
#define HTTP_MONITOR_H

#include <stdio.h>

#include "core/router.h"
#include "feed/feed.h"
#include "http/exchange.h"
#include "http/http.h"
#include "http/inquiry.h"
#include "http/routes.h"

/* The sums of all workers. */
struct tally {
    struct inquiry inquiry;     /* first */
    struct counters counters;
    struct router_stats router;
    struct feed_stats feed;
};

/* Asks for them; report finds them in what it is given, which is a struct tally. */
void tally_send(struct exchange *exchange, void (*report)(struct inquiry *inquiry));

static inline uint64_t tally_connections(const struct tally *tally)
{
    return tally->counters.connections_opened - tally->counters.connections_closed;
}

static inline uint64_t tally_subscriptions(const struct tally *tally)
{
    return tally->counters.subscriptions_opened - tally->counters.subscriptions_closed;
}

/* The streams that there are, `recent` first; an array of references, to be given to monitor_free_streams. */
struct stream **monitor_list_streams(const struct http *http, size_t *ret_count);
void monitor_free_streams(struct stream **streams, size_t count);

/* What a stream holds now: what has grown too old is let go first. */
struct stream_state monitor_state(const struct http *http, struct stream *stream);

/* Puts what the files behind streams, and the database, have cost, for Prometheus; see metrics_store.c. */
void monitor_put_store(FILE *out, const struct http *http);

/* Puts what is counted of webhooks; see metrics_webhooks.c. */
void monitor_put_webhooks(FILE *out, const struct http *http);

/* Milliseconds since the server started. */
uint64_t monitor_uptime_ms(const struct http *http);

/* A whole number from the query, at most max; where it is absent *value stays. False where it is none: the exchange has
 * been answered then. */
bool monitor_parameter(struct exchange *exchange, const char *name, uint64_t max, uint64_t *value);

#endif
