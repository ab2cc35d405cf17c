/* GET /metrics: all numbers, for Prometheus. */
#include <config.h>

#include <stdlib.h>

#include "http/monitor.h"
#include "http/process.h"
#include "metrics/prometheus.h"

/* What the rows are read from. */
struct reading {
    const struct tally *tally;
    struct process_facts process;
    double uptime_s;
    double worker_count;
};

static double connections(const struct reading *reading)
{
    return (double)tally_connections(reading->tally);
}

static double subscriptions(const struct reading *reading)
{
    return (double)tally_subscriptions(reading->tally);
}

static double readers(const struct reading *reading)
{
    return (double)reading->tally->feed.reader_count;
}

static double readers_behind(const struct reading *reading)
{
    return (double)reading->tally->feed.behind_count;
}

static double waiting_polls(const struct reading *reading)
{
    return (double)reading->tally->feed.waiter_count;
}

static double channels(const struct reading *reading)
{
    return (double)reading->tally->feed.channel_count;
}

static double channel_bytes(const struct reading *reading)
{
    return (double)reading->tally->feed.byte_count;
}

static double workers(const struct reading *reading)
{
    return reading->worker_count;
}

static double uptime(const struct reading *reading)
{
    return reading->uptime_s;
}

static double memory(const struct reading *reading)
{
    return (double)reading->process.memory_size;
}

static double processor(const struct reading *reading)
{
    return (double)reading->process.processor_ms / 1000;
}

static const struct {
    struct prometheus_family family;
    double (*read)(const struct reading *reading);
} numbers[] = {
    { { "connections", "Connections that are open", "gauge" }, connections },
    { { "subscriptions", "Subscriptions that there are", "gauge" }, subscriptions },
    { { "readers", "Event streams and NDJSON streams that are open", "gauge" }, readers },
    { { "readers_behind", "Those of them that read from the stream instead of its end", "gauge" }, readers_behind },
    { { "waiting_polls", "Long polls that wait", "gauge" }, waiting_polls },
    { { "channels", "Sets of readers that share patterns and a format", "gauge" }, channels },
    { { "channel_bytes", "Bytes formatted for them that are held", "gauge" }, channel_bytes },
    { { "workers", "Threads that serve clients", "gauge" }, workers },
    { { "uptime_seconds", "Time since the server started", "gauge" }, uptime },
    { { "resident_memory_bytes", "Memory of the process", "gauge" }, memory },
    { { "processor_seconds_total", "Processor time that the process has used", "counter" }, processor },
};

static void put_numbers(FILE *out, const struct http *http, const struct tally *tally)
{
    const struct reading reading = {
        .tally = tally,
        .process = process_look(),
        .uptime_s = (double)monitor_uptime_ms(http) / 1000,
        .worker_count = http->identity->worker_count,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        prometheus_put_family(out, &numbers[i].family);
        prometheus_put_sample(out, numbers[i].family.name, NULL, NULL, numbers[i].read(&reading));
    }
}

static void put_build(FILE *out)
{
    const struct prometheus_family family = { "build_info", "The version that runs; always 1", "gauge" };
    prometheus_put_family(out, &family);
    prometheus_put_sample(out, family.name, "version", PACKAGE_VERSION, 1);
}

/* What is told of a stream. */
struct stream_reading {
    struct stream_state state;
    unsigned consumer_count;
};

static double messages(const struct stream_reading *reading)
{
    return (double)reading->state.message_count;
}

static double stream_bytes(const struct stream_reading *reading)
{
    return (double)reading->state.byte_count;
}

static double first_sequence(const struct stream_reading *reading)
{
    return (double)reading->state.first_sequence;
}

static double last_sequence(const struct stream_reading *reading)
{
    return (double)reading->state.last_sequence;
}

static double uncommitted(const struct stream_reading *reading)
{
    return (double)reading->state.uncommitted_count;
}

static double topics(const struct stream_reading *reading)
{
    return (double)reading->state.topic_count;
}

static double duplicates(const struct stream_reading *reading)
{
    return (double)reading->state.duplicate_count;
}

static double consumers(const struct stream_reading *reading)
{
    return reading->consumer_count;
}

static double is_well(const struct stream_reading *reading)
{
    return reading->state.health == STREAM_WELL;
}

static const struct {
    struct prometheus_family family;
    double (*read)(const struct stream_reading *reading);
} stream_numbers[] = {
    { { "stream_messages", "Messages that a stream keeps", "gauge" }, messages },
    { { "stream_bytes", "Bytes that they take", "gauge" }, stream_bytes },
    { { "stream_first_sequence", "Sequence of the oldest message kept", "gauge" }, first_sequence },
    { { "stream_last_sequence", "Sequence of the newest message", "gauge" }, last_sequence },
    { { "stream_uncommitted", "Messages that are not on disk yet", "gauge" }, uncommitted },
    { { "stream_topics", "Different topics of them, where they are counted", "gauge" }, topics },
    { { "stream_duplicates_total", "Messages not kept again, because their id had been seen", "counter" }, duplicates },
    { { "stream_consumers", "Consumers of a stream", "gauge" }, consumers },
    { { "stream_well", "1, or 0 where a stream takes no messages", "gauge" }, is_well },
};

/* A family at a time, as the format wants it. */
static void put_streams(FILE *out, const struct http *http)
{
    size_t count;
    struct stream **streams = monitor_list_streams(http, &count);
    struct stream_reading *readings = calloc(count ? count : 1, sizeof *readings);
    for (size_t i = 0; readings && i < count; i++)
        readings[i] = (struct stream_reading){ monitor_state(http, streams[i]), stream_consumer_count(streams[i]) };
    for (size_t n = 0; readings && count && n < sizeof stream_numbers / sizeof stream_numbers[0]; n++) {
        prometheus_put_family(out, &stream_numbers[n].family);
        for (size_t i = 0; i < count; i++)
            prometheus_put_sample(out, stream_numbers[n].family.name, "stream", stream_name(streams[i]),
                                  stream_numbers[n].read(&readings[i]));
    }
    free(readings);
    monitor_free_streams(streams, count);
}

static void metrics_report(struct inquiry *inquiry)
{
    const struct tally *tally = (const struct tally *)inquiry;
    struct exchange *exchange = inquiry->exchange;
    const struct http *http = exchange->http;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out) {
        put_build(out);
        put_numbers(out, http, tally);
        put_streams(out, http);
        monitor_put_store(out, http);
        monitor_put_webhooks(out, http);
        if (http->routes->put_metrics)
            http->routes->put_metrics(http, out);
        prometheus_put_counters(out, &tally->counters);
    }
    if (out && fclose(out) == 0)
        answer(exchange, 200, PROMETHEUS_TYPE, slice_make(text, size), "Cache-Control: no-store\r\n");
    else
        answer_problem(exchange, PROBLEM_INTERNAL, NULL, "The server is short of memory.");
    free(text);
}

void monitor_metrics(struct exchange *exchange)
{
    tally_send(exchange, metrics_report);
}
