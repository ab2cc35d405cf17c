/* GET /varz: the server as a whole: who it is, what bounds it, what it has done. */
#include <config.h>

#include "config/config.h"
#include "http/document.h"
#include "http/limits.h"
#include "http/monitor.h"
#include "http/process.h"
#include "net/secure.h"

enum { NS_IN_MS = 1000000 };

/* What clients find in INFO, and, of HTTP, the port where it is HTTPS; what is not so is left out. */
static void put_tls(struct document *document, const struct http *http)
{
    const struct config *config = http->config;
    bool is_spoken = config->line.tls != SECURE_NO;
    if (is_spoken)
        document_flag(document, config->line.tls == SECURE_REQUIRED ? "tls_required" : "tls_available", true);
    if (is_spoken && config->tls.verify == SECURE_REQUIRED)
        document_flag(document, "tls_verify", true);
    document_number(document, "https_port", config->http.tls != SECURE_NO ? http->identity->http_port : 0);
}

static void put_identity(struct document *document, const struct http *http)
{
    const struct http_identity *identity = http->identity;
    document_text(document, "server_id", slice_of(identity->server_id));
    document_text(document, "server_name", slice_of(identity->server_name));
    document_text(document, "version", slice_of(PACKAGE_VERSION));
    document_number(document, "proto", 1);
    document_text(document, "host", slice_of(identity->line_host));
    document_number(document, "port", identity->line_port);
    document_text(document, "http_host", slice_of(identity->http_host));
    document_number(document, "http_port", identity->http_port);
    document_text(document, "http_base_path", slice_of(""));
    put_tls(document, http);
    if (!users_open(http->broker->users))
        document_flag(document, "auth_required", true);
}

/* As NATS gives them: durations in nanoseconds, but the time to identify oneself in seconds. */
static void put_limits(struct document *document, const struct config *config)
{
    const struct config_line *line = &config->line;
    document_number(document, "max_connections", config->server.connections_max);
    document_number(document, "max_subscriptions", line->subscriptions_max);
    document_number(document, "ping_interval", line->ping_interval_ms * NS_IN_MS);
    document_number(document, "ping_max", line->pings_outstanding_max);
    document_real(document, "auth_timeout", (double)line->auth_timeout_ms / 1000);
    document_number(document, "max_control_line", line->control_size_max);
    document_number(document, "max_payload", line->payload_size_max);
    document_number(document, "max_pending", line->pending_size_max);
    document_number(document, "write_deadline", line->write_timeout_ms * NS_IN_MS);
}

static void put_process(struct document *document, const struct http *http)
{
    struct process_facts process = process_look();
    uint64_t uptime_ms = monitor_uptime_ms(http);
    document_moment(document, "start", http->identity->start_time_ms);
    document_moment(document, "now", broker_wall_ms(http->broker));
    document_span(document, "uptime", uptime_ms);
    document_number(document, "mem", process.memory_size);
    document_number(document, "cores", process.core_count);
    document_real(document, "cpu", uptime_ms ? (double)process.processor_ms * 100 / (double)uptime_ms : 0);
    document_number(document, "cpu_time_ms", process.processor_ms);
}

static void put_sums(struct document *document, const struct tally *tally)
{
    const struct counters *counters = &tally->counters;
    document_number(document, "connections", tally_connections(tally));
    document_number(document, "total_connections", counters->connections_opened);
    document_number(document, "routes", 0);
    document_number(document, "remotes", 0);
    document_number(document, "leafnodes", 0);
    document_number(document, "in_msgs", counters->messages_in);
    document_number(document, "out_msgs", counters->messages_out);
    document_number(document, "in_bytes", counters->bytes_in);
    document_number(document, "out_bytes", counters->bytes_out);
    document_number(document, "slow_consumers", counters->slow_consumers);
    document_number(document, "subscriptions", tally_subscriptions(tally));
}

/* What NATS does not have. */

static void put_moment_of(struct document *document, const char *name, uint64_t time_ms)
{
    if (time_ms)
        document_moment(document, name, time_ms);
    else
        document_value(document, name, slice_of("null"));
}

static const char *const healths[] = {
    [STREAM_WELL] = "well", [STREAM_FULL] = "disk-full", [STREAM_FAILED] = "failed",
};

static void put_state(struct document *document, const struct stream_state *state)
{
    const struct cursor last = { state->epoch, state->last_sequence };
    char cursor[CURSOR_TEXT_SIZE];
    document_number(document, "messages", state->message_count);
    document_number(document, "bytes", state->byte_count);
    document_number(document, "first_seq", state->first_sequence);
    document_number(document, "last_seq", state->last_sequence);
    put_moment_of(document, "first_time", state->first_time_ms);
    put_moment_of(document, "last_time", state->last_time_ms);
    document_text(document, "last_id", slice_make(cursor, cursor_write(last, cursor)));
    document_number(document, "duplicates", state->duplicate_count);
    document_number(document, "deleted", state->deleted_count);
    document_number(document, "topics", state->topic_count);
    document_number(document, "uncommitted", state->uncommitted_count);
    document_text(document, "health", slice_of(healths[state->health]));
}

/* 0: no such bound. */
static void put_bounds(struct document *document, const struct http *http, struct stream *stream)
{
    const struct config_recent *recent = &http->config->recent;
    struct stream_settings settings = { .bytes_max = recent->bytes_max };
    bool is_recent = http->feed && stream == feed_stream(http->feed);
    settings.messages_max = recent->messages_max;
    settings.age_max_ms = recent->age_max_ms;
    if (!is_recent && stream_get_settings(stream, &settings) != 0)
        return;
    document_number(document, "bytes_max", settings.bytes_max);
    document_number(document, "messages_max", settings.messages_max);
    document_number(document, "age_max_ms", settings.age_max_ms);
    if (settings_owner(&settings))
        document_text(document, "owner", slice_of(settings_owner(&settings)));
    if (!is_recent)
        settings_finish(&settings);
}

static void put_stream(struct document *document, const struct http *http, struct stream *stream)
{
    const struct stream_state state = monitor_state(http, stream);
    document_open(document, NULL, '{');
    document_text(document, "name", slice_of(stream_name(stream)));
    document_flag(document, "durable", stream_is_durable(stream));
    put_state(document, &state);
    document_number(document, "consumers", stream_consumer_count(stream));
    put_bounds(document, http, stream);
    document_close(document, '}');
}

static void put_streams(struct document *document, const struct http *http)
{
    size_t count;
    struct stream **streams = monitor_list_streams(http, &count);
    document_open(document, "streams", '[');
    for (size_t i = 0; i < count; i++)
        put_stream(document, http, streams[i]);
    document_close(document, ']');
    monitor_free_streams(streams, count);
}

static void put_readers(struct document *document, const struct feed_stats *stats)
{
    document_open(document, "readers", '{');
    document_number(document, "open", stats->reader_count);
    document_number(document, "behind", stats->behind_count);
    document_number(document, "waiting_polls", stats->waiter_count);
    document_number(document, "channels", stats->channel_count);
    document_number(document, "channel_bytes", stats->byte_count);
    document_close(document, '}');
}

static void put_counters(struct document *document, const struct counters *counters)
{
    document_open(document, "counters", '{');
    for (unsigned i = 0; i < COUNTER_COUNT; i++)
        document_number(document, counter_infos[i].name, counters_get(counters, i));
    document_close(document, '}');
}

static void put_own(struct document *document, const struct http *http, const struct tally *tally)
{
    document_open(document, "posthorn", '{');
    document_number(document, "workers", http->identity->worker_count);
    put_streams(document, http);
    limits_put_owners(document, http);
    put_readers(document, &tally->feed);
    put_counters(document, &tally->counters);
    if (http->routes->put_facts)
        http->routes->put_facts(http, document);
    document_close(document, '}');
}

static void varz_report(struct inquiry *inquiry)
{
    const struct tally *tally = (const struct tally *)inquiry;
    const struct http *http = inquiry->exchange->http;
    struct document document = { 0 };
    document_open(&document, NULL, '{');
    put_identity(&document, http);
    put_limits(&document, http->config);
    put_process(&document, http);
    put_sums(&document, tally);
    put_own(&document, http, tally);
    document_close(&document, '}');
    document_answer(&document, inquiry->exchange);
}

void monitor_varz(struct exchange *exchange)
{
    tally_send(exchange, varz_report);
}
