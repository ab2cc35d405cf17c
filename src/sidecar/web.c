#include "sidecar/web.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/access.h"
#include "http/call.h"
#include "http/document.h"
#include "http/routes.h"
#include "http/state.h"
#include "metrics/prometheus.h"
#include "net/loop.h"
#include "sidecar/call.h"
#include "sidecar/duties.h"
#include "sidecar/progress.h"
#include "sidecar/proxy.h"
#include "sidecar/spool.h"
#include "sidecar/tail.h"
#include "sidecar/uplink.h"
#include "util/list.h"

struct web {
    struct http *http;
    struct uplink *uplink;
    struct uplink_watcher watcher;
    struct spool *spool;
    const struct duties *duties;
    const struct tails *tails;
    const struct config *config;
    struct caller *caller;
    struct proxy *proxy;
    bool is_retiring;
};

static struct web *web_of(const struct exchange *exchange)
{
    return exchange->http->guest;
}

/* How it goes. */

static struct spool_state look_into_spool(const struct web *web)
{
    struct spool_state state = { .answered_ms = UINT64_MAX };
    if (web->spool)
        spool_get_state(web->spool, &state);
    return state;
}

static struct progress_figures look(const struct web *web)
{
    uint64_t now_ms = loop_now_ms(web->http->loop);
    const struct spool_state spool = look_into_spool(web);
    return (struct progress_figures){
        .is_up = uplink_is_up(web->uplink),
        .up_ms = now_ms - uplink_since_ms(web->uplink),
        .waiting_count = spool.waiting_count,
        .oldest_ms = spool.oldest_ms,
        .answered_ms = spool.answered_ms,
    };
}

static enum progress_state judge(const struct web *web, const struct progress_figures *figures)
{
    return progress_judge(figures, web->config->uplink.stall_timeout_ms);
}

static void answer_word(struct exchange *exchange, const char *body)
{
    answer(exchange, 200, "application/json", slice_of(body), "Cache-Control: no-store\r\n");
}

static void tell_alive(struct exchange *exchange)
{
    const struct web *web = web_of(exchange);
    const struct progress_figures figures = look(web);
    if (judge(web, &figures) != PROGRESS_STALLED)
        answer_word(exchange, "{\"status\":\"ok\"}");
    else
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Cache-Control: no-store\r\n",
                       "Nothing has moved for %" PRIu64 " ms, though the broker can be reached; messages that wait: %"
                       PRIu64 ".", web->config->uplink.stall_timeout_ms, figures.waiting_count);
}

/* Why nobody is to count on it; NULL: all may. */
static const char *why_not_ready(const struct web *web)
{
    const struct spool_state spool = look_into_spool(web);
    if (web->is_retiring)
        return "The sidecar is about to stop.";
    if (spool.is_failed)
        return "A write to the spool has failed; it keeps nothing more until it is started anew.";
    return spool.is_full ? "The spool is full: what is published is refused until the broker has taken some." : NULL;
}

static void tell_ready(struct exchange *exchange)
{
    const char *why = why_not_ready(web_of(exchange));
    if (why)
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Cache-Control: no-store\r\n", "%s", why);
    else
        health_ready(exchange);
}

static void put_uplink(struct document *document, const struct web *web, const struct progress_figures *figures)
{
    const struct uplink_counts counts = uplink_counts(web->uplink);
    document_open(document, "uplink", '{');
    document_flag(document, "up", figures->is_up);
    document_number(document, "since_ms", figures->up_ms);
    document_number(document, "connects", counts.connects);
    document_number(document, "failures", counts.failures);
    if (*uplink_fault(web->uplink))
        document_text(document, "error", slice_of(uplink_fault(web->uplink)));
    document_number(document, "subscriptions", counts.trunk_count);
    document_close(document, '}');
}

static void put_waiting(struct document *document, const struct web *web, const struct progress_figures *figures)
{
    const struct spool_state spool = look_into_spool(web);
    document_open(document, "spool", '{');
    document_number(document, "messages", figures->waiting_count);
    document_number(document, "oldest_ms", figures->oldest_ms);
    if (figures->answered_ms == UINT64_MAX)
        document_value(document, "answered_ms", slice_of("null"));
    else
        document_number(document, "answered_ms", figures->answered_ms);
    document_number(document, "bytes", spool.waiting_bytes);
    document_number(document, "in_flight", spool.in_flight);
    document_flag(document, "held", spool.is_held);
    document_flag(document, "full", spool.is_full);
    document_flag(document, "failed", spool.is_failed);
    document_number(document, "taken", spool.taken_count);
    document_number(document, "refused", spool.refused_count);
    document_number(document, "lost", spool.lost_count);
    document_close(document, '}');
}

static void put_progress(struct document *document, const struct web *web)
{
    const struct progress_figures figures = look(web);
    document_text(document, "state", slice_of(progress_name(judge(web, &figures))));
    put_uplink(document, web, &figures);
    put_waiting(document, web, &figures);
    document_open(document, "calls", '{');
    document_number(document, "waiting", caller_waiting(web->caller));
    document_number(document, "passed_on", proxy_count(web->proxy));
    document_close(document, '}');
    duties_put_progress(web->duties, document);
    if (web->tails)
        tails_put_progress(web->tails, document);
}

static void tell_progress(struct exchange *exchange)
{
    struct document document = { 0 };
    document_open(&document, NULL, '{');
    put_progress(&document, web_of(exchange));
    document_close(&document, '}');
    document_answer(&document, exchange);
}

static void put_facts(const struct http *http, struct document *document)
{
    document_open(document, "sidecar", '{');
    put_progress(document, http->guest);
    document_close(document, '}');
}

static void put_metrics(const struct http *http, FILE *out)
{
    const struct web *web = http->guest;
    const struct progress_figures figures = look(web);
    const struct uplink_counts counts = uplink_counts(web->uplink);
    const struct spool_state spool = look_into_spool(web);
    const struct {
        struct prometheus_family family;
        double value;
    } numbers[] = {
        { { "uplink_up", "1, or 0 where there is no connection to the broker", "gauge" }, figures.is_up },
        { { "uplink_connects_total", "Connections made to the broker", "counter" }, (double)counts.connects },
        { { "uplink_failures_total", "Breaks, and rounds over all addresses in vain", "counter" },
          (double)counts.failures },
        { { "uplink_subscriptions", "Subscriptions at the broker, each for any number of local ones", "gauge" },
          counts.trunk_count },
        { { "spool_messages", "Messages that wait for the broker", "gauge" }, (double)spool.waiting_count },
        { { "spool_bytes", "Their bytes", "gauge" }, (double)spool.waiting_bytes },
        { { "spool_oldest_seconds", "Age of the oldest of them", "gauge" }, (double)spool.oldest_ms / 1000 },
        { { "spool_in_flight", "Messages that have been sent and not answered", "gauge" }, spool.in_flight },
        { { "spool_held", "1 where the broker could not take one, which is tried again", "gauge" }, spool.is_held },
        { { "spool_sent_total", "Messages sent to the broker, each as often as it was", "counter" },
          (double)spool.sent_count },
        { { "spool_full", "1 where it refuses what is published, for want of room", "gauge" }, spool.is_full },
        { { "spool_failed", "1 where a write to it has failed", "gauge" }, spool.is_failed },
        { { "spool_taken_total", "Messages that the broker has", "counter" }, (double)spool.taken_count },
        { { "spool_repeated_total", "Answers that the broker could not take one now", "counter" },
          (double)spool.repeated_count },
        { { "spool_refused_total", "Messages that the broker has refused for good", "counter" },
          (double)spool.refused_count },
        { { "spool_lost_total", "Messages that were given up", "counter" }, (double)spool.lost_count },
        { { "uplink_stalled", "1 where the broker can be reached and nothing moves", "gauge" },
          judge(web, &figures) == PROGRESS_STALLED },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        prometheus_put_family(out, &numbers[i].family);
        prometheus_put_sample(out, numbers[i].family.name, NULL, NULL, numbers[i].value);
    }
    caller_put_metrics(web->caller, out);
    proxy_put_metrics(web->proxy, out);
    duties_put_metrics(web->duties, out);
    if (web->tails)
        tails_put_metrics(web->tails, out);
}

/* The routes. */

static void pass_on(struct exchange *exchange)
{
    proxy_pass(web_of(exchange)->proxy, exchange);
}

/* The form in which topics are read may be the end of the path. */
static struct slice without_form(struct slice patterns)
{
    static const char *const forms[] = { "/sse", "/ndjson", "/json" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct slice form = slice_of(forms[i]);
        if (patterns.size > form.size &&
            slice_equal(slice_make(patterns.data + patterns.size - form.size, form.size), form))
            return slice_make(patterns.data, patterns.size - form.size);
    }
    return patterns;
}

/* The broker knows nothing of users here, and so cannot take out what they may not read: it is all of it or nothing. */
static void read_on(struct exchange *exchange)
{
    struct slice patterns = exchange->parameter, none = slice_make(NULL, 0);
    if (access_read_all(exchange, patterns, none) && access_read_all(exchange, without_form(patterns), none))
        pass_on(exchange);
}

static void call(struct exchange *exchange)
{
    caller_call(web_of(exchange)->caller, exchange);
}

/* clang-format off */
static const struct route rows[] = {
    { HTTP_POST, "/v1/topics/**",  publish_topic,   RIGHT_PUBLISH, 0 },
    { HTTP_PUT,  "/v1/topics/**",  publish_topic,   RIGHT_PUBLISH, 0 },
    { HTTP_GET,  "/v1/topics/**",  read_on,         RIGHT_SUBSCRIBE, ROUTE_PASSED },
    { HTTP_POST, "/v1/publish",    publish_batch,   RIGHT_PUBLISH, ROUTE_BATCH },
    { HTTP_POST, "/v1/request/**", request_topic,   RIGHT_PUBLISH, 0 },
    { HTTP_GET,  "/healthz",       tell_alive,      RIGHT_ANYBODY, ROUTE_SAFE },
    { HTTP_GET,  "/readyz",        tell_ready,      RIGHT_ANYBODY, ROUTE_SAFE },
    { HTTP_GET,  "/progress",      tell_progress,   RIGHT_ANYBODY, ROUTE_SAFE },
    { HTTP_GET,  "/metrics",       monitor_metrics, RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/varz",          monitor_varz,    RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/connz",         monitor_connz,   RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/subsz",         monitor_subsz,   RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/",              pass_on,         RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/ui/**",         pass_on,         RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/openapi.json",  pass_on,         RIGHT_MONITOR, ROUTE_SAFE },
    { HTTP_GET,  "/asyncapi.json", pass_on,         RIGHT_MONITOR, ROUTE_SAFE },
};
static const struct route call_route =  { HTTP_POST, "/**", call,    RIGHT_PUBLISH, ROUTE_PASSED };
static const struct route other_route = { HTTP_POST, "/**", pass_on, RIGHT_MANAGE,  ROUTE_BATCH | ROUTE_PASSED };
/* clang-format on */

static const struct route *look_beyond(const struct http *http, const struct http_request *request)
{
    const struct web *web = http->guest;
    return caller_takes(web->caller, request->path) ? &call_route : &other_route;
}

const struct route_table sidecar_routes = {
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .beyond = look_beyond,
    .put_facts = put_facts,
    .put_metrics = put_metrics,
};

/* Life. */

/* Replies to what was asked by the connection that has gone do not come any more. */
static void on_uplink(struct uplink_watcher *watcher, bool is_up)
{
    const struct web *web = LIST_OWNER(watcher, struct web, watcher);
    if (!is_up)
        requests_fail(web->http->state->calls);
}

int web_create(const struct web_setup *setup, struct web **ret_web)
{
    struct web *web = calloc(1, sizeof *web);
    struct loop *loop = setup->http->loop;
    if (!web)
        return -ENOMEM;
    *web = (struct web){
        .http = setup->http,
        .uplink = setup->uplink,
        .spool = setup->spool,
        .duties = setup->duties,
        .tails = setup->tails,
        .config = setup->config,
    };
    web->caller = caller_create(loop, setup->uplink, &setup->config->call);
    web->proxy = proxy_create(loop, setup->transfers, &setup->config->uplink);
    if (!web->caller || !web->proxy) {
        web_destroy(web);
        return -ENOMEM;
    }
    http_set_routes(setup->http, &sidecar_routes, web);
    web->watcher.changed = on_uplink;
    uplink_watch(setup->uplink, &web->watcher); /* which forgets it when it goes, before this does */
    *ret_web = web;
    return 0;
}

void web_reconfigure(struct web *web, const struct config *config)
{
    web->config = config;
    caller_reconfigure(web->caller, &config->call);
    proxy_reconfigure(web->proxy, &config->uplink);
}

void web_destroy(struct web *web)
{
    if (!web)
        return;
    caller_destroy(web->caller);
    proxy_destroy(web->proxy);
    free(web);
}

void web_retire(struct web *web)
{
    web->is_retiring = true;
}

void web_turn(struct web *web)
{
    proxy_turn(web->proxy);
}

void web_turn_end(struct web *web)
{
    caller_turn_end(web->caller);
}

bool web_is_busy(const struct web *web)
{
    return caller_waiting(web->caller) > 0;
}
