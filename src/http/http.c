#include "http/http.h"

#include <stdlib.h>

#include "broker/broker.h"
#include "config/config.h"
#include "http/calls.h"
#include "http/client.h"
#include "http/feeds.h"
#include "http/reading.h"
#include "http/routes.h"
#include "util/log.h"

static size_t larger(uint64_t a, uint64_t b)
{
    return (size_t)(a > b ? a : b);
}

/* 0 or -ENOMEM, and then the origins are still those of before. */
static int take_options(struct http *http, const struct config *config, struct tls *tls)
{
    const struct config_http *from = &config->http;
    struct http_state *state = http->state;
    size_t payload = (size_t)config->line.payload_size_max;
    http->config = config;
    /* Whatever the bound, one message fits, each of its bytes written as \u00NN. */
    state->conn_limits.pending_size_max = larger(from->pending_size_max, 6 * payload + (64 << 10));
    state->conn_limits.write_timeout_ms = from->write_timeout_ms;
    state->conn_limits.tls = tls;
    state->secure_demand = (enum secure_demand)from->tls;
    state->payload_size_max = payload;
    state->batch_size_max = (size_t)from->batch_size_max;
    state->limits = (struct http_limits){
        .head_size_max = (size_t)from->head_size_max,
        .target_size_max = (size_t)from->target_size_max,
        .headers_max = from->headers_max,
        .body_size_max = larger(payload, from->batch_size_max),
    };
    state->head_timeout_ms = from->head_timeout_ms;
    state->body_timeout_ms = from->body_timeout_ms;
    state->idle_timeout_ms = from->idle_timeout_ms;
    return origins_set(&state->origins, from);
}

struct http *http_create(struct loop *loop, struct broker *broker, struct feed *feed,
                         const struct http_identity *identity, const struct config *config, struct tls *tls)
{
    struct http *http = calloc(1, sizeof *http);
    struct http_state *state = calloc(1, sizeof *state);
    if (!http || !state) {
        free(http);
        free(state);
        return NULL;
    }
    *http = (struct http){ .loop = loop, .broker = broker, .feed = feed, .identity = identity, .state = state };
    http_set_routes(http, &broker_routes, NULL);
    state->pace = pace_create();
    state->calls = calls_create(http);
    state->feeds = feeds_create(loop, broker, feed, identity->registry);
    broker->feeds = state->feeds;
    if (!state->pace || !state->calls || !state->feeds || take_options(http, config, tls) != 0) {
        http_destroy(http);
        return NULL;
    }
    return http;
}

void http_destroy(struct http *http)
{
    if (!http)
        return;
    pace_destroy(http->state->pace);
    origins_finish(&http->state->origins);
    calls_destroy(http->state->calls);
    http->broker->feeds = NULL;
    feeds_destroy(http->state->feeds);
    free(http->state);
    free(http);
}

void http_reconfigure(struct http *http, const struct config *config, struct tls *tls)
{
    if (take_options(http, config, tls) != 0)
        log_error("origins_kept", "error=\"out of memory\" action=\"pages may ask as before\"");
}

void http_set_routes(struct http *http, const struct route_table *routes, void *guest)
{
    http->routes = routes;
    http->guest = guest;
}

void http_on_closed(struct http *http, void (*closed)(void *arg, const struct address *peer), void *arg)
{
    http->state->closed = closed;
    http->state->closed_arg = arg;
}

bool http_turn(struct http *http)
{
    bool more = clients_resume(http);
    calls_turn(http->state->calls); /* behind those who may have asked */
    return feeds_run(http->state->feeds) || more;
}
