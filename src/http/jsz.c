/*
 * GET /jsz: streams and consumers in the shape of nats-server's page of that name, so that its tools can read it. The
 * sums are what the JetStream API says of itself; the streams are looked at here; consumers, where they are asked for,
 * are asked for stream by stream.
 */
#include <stdlib.h>

#include "config/config.h"
#include "http/api.h"
#include "http/exchange.h"
#include "http/monitor.h"
#include "http/routes.h"
#include "stream/registry.h"

/* One stream, with what the API says of its consumers. */
struct jsz_stream {
    struct stream *stream;        /* a reference */
    struct document consumers;    /* elements of a list; empty: none, or not asked for */
};

/* One answer that is being gathered. */
struct jsz {
    bool with_streams, with_consumers, with_config;
    struct document sums;         /* the object that the API gives */
    size_t count, asked;          /* streams; those whose consumers are known */
    struct jsz_stream *streams;
};

static void jsz_free(void *arg)
{
    struct jsz *jsz = arg;
    for (size_t i = 0; i < jsz->count; i++) {
        stream_destroy(jsz->streams[i].stream);
        document_finish(&jsz->streams[i].consumers);
    }
    document_finish(&jsz->sums);
    free(jsz->streams);
    free(jsz);
}

/* The answer. */

static struct slice text_of(const struct document *document)
{
    return slice_make(document->buffer.data, document->buffer.size);
}

static void put_moment_of(struct document *document, const char *name, uint64_t time_ms)
{
    if (time_ms)
        document_moment(document, name, time_ms);
    else
        document_value(document, name, slice_of("\"0001-01-01T00:00:00Z\""));
}

static void put_state(struct document *document, struct stream *stream, const struct stream_state *state)
{
    bool is_empty = !state->message_count;
    document_open(document, "state", '{');
    document_number(document, "messages", state->message_count);
    document_number(document, "bytes", state->byte_count);
    document_number(document, "first_seq", is_empty && !state->last_sequence ? 0 : state->first_sequence);
    put_moment_of(document, "first_ts", state->first_time_ms);
    document_number(document, "last_seq", state->last_sequence);
    put_moment_of(document, "last_ts", state->last_time_ms);
    document_number(document, "num_subjects", state->topic_count);
    document_number(document, "num_deleted", state->deleted_count);
    document_number(document, "consumer_count", stream_consumer_count(stream));
    document_close(document, '}');
}

static void put_config(struct document *document, const struct stream_settings *settings)
{
    cJSON *json = settings_to_json(settings);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    document_value(document, "config", slice_of(text ? text : "null"));
    cJSON_free(text);
    cJSON_Delete(json);
}

static void put_stream(struct document *document, const struct http *http, const struct jsz *jsz,
                       const struct jsz_stream *from)
{
    struct stream_settings settings;
    const struct stream_state state = monitor_state(http, from->stream);
    if (stream_get_settings(from->stream, &settings) != 0)
        return;
    document_open(document, NULL, '{');
    document_text(document, "name", slice_of(settings.name));
    document_moment(document, "created", settings.created_ms);
    if (jsz->with_config)
        put_config(document, &settings);
    put_state(document, from->stream, &state);
    if (jsz->with_consumers) {
        document_open(document, "consumer_detail", '[');
        if (from->consumers.buffer.size)
            document_value(document, NULL, text_of(&from->consumers));
        document_close(document, ']');
    }
    document_close(document, '}');
    settings_finish(&settings);
}

static void put_account(struct document *document, const struct http *http, const struct jsz *jsz)
{
    struct slice sums = text_of(&jsz->sums);
    document_open(document, "account_details", '[');
    document_open(document, NULL, '{');
    document_text(document, "name", slice_of("$G"));
    document_text(document, "id", slice_of("$G"));
    document_value(document, "memory", fields_member(sums, "memory"));
    document_value(document, "storage", fields_member(sums, "storage"));
    document_value(document, "api", fields_member(sums, "api"));
    document_open(document, "stream_detail", '[');
    for (size_t i = 0; i < jsz->count; i++)
        put_stream(document, http, jsz, &jsz->streams[i]);
    document_close(document, ']');
    document_close(document, '}');
    document_close(document, ']');
}

static void put_messages(struct document *document, const struct http *http, const struct jsz *jsz)
{
    uint64_t messages = 0, bytes = 0;
    for (size_t i = 0; i < jsz->count; i++) {
        const struct stream_state state = monitor_state(http, jsz->streams[i].stream);
        messages += state.message_count;
        bytes += state.byte_count;
    }
    document_number(document, "messages", messages);
    document_number(document, "bytes", bytes);
}

static void jsz_answer(struct api_ask *ask)
{
    static const char *const sums[] = { "memory", "storage", "streams", "consumers", "api" };
    const struct http *http = ask->http;
    const struct jsz *jsz = ask->arg;
    struct document document = { .failed = false };
    document_open(&document, NULL, '{');
    document_text(&document, "server_id", slice_of(http->identity->server_id));
    document_moment(&document, "now", broker_wall_ms(http->broker));
    document_open(&document, "config", '{');
    document_number(&document, "max_memory", 0);
    document_number(&document, "max_storage", 0);
    document_close(&document, '}');
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        document_value(&document, sums[i], fields_member(text_of(&jsz->sums), sums[i]));
    document_number(&document, "accounts", 1);
    put_messages(&document, http, jsz);
    if (jsz->with_streams)
        put_account(&document, http, jsz);
    document_close(&document, '}');
    document_answer(&document, api_end(ask));
}

/* Consumers, stream by stream, a page of them at a time. */

static void ask_next(struct api_ask *ask);

static void report_consumers(struct api_ask *ask, struct slice reply)
{
    struct jsz *jsz = ask->arg;
    struct jsz_stream *stream = &jsz->streams[jsz->asked];
    struct slice consumers = fields_member(reply, "consumers"), consumer;
    size_t cursor = 0, seen = (size_t)fields_number(fields_member(reply, "offset"), 0);
    size_t total = (size_t)fields_number(fields_member(reply, "total"), 0), begin = seen;
    while (consumers.size && *consumers.data == '[' && json_next_element(consumers, &cursor, &consumer)) {
        document_value(&stream->consumers, NULL, consumer);
        seen++;
    }
    document_finish(&ask->body);
    if (seen < total && seen > begin) {
        document_open(&ask->body, NULL, '{');
        document_number(&ask->body, "offset", seen);
        document_close(&ask->body, '}');
    } else {
        jsz->asked++;
    }
    ask_next(ask);
}

/* From a report. A stream that goes meanwhile is an error, and the whole is asked for again by whoever wants to know.
 * */
static void ask_next(struct api_ask *ask)
{
    struct jsz *jsz = ask->arg;
    while (jsz->with_consumers && jsz->asked < jsz->count && !stream_consumer_count(jsz->streams[jsz->asked].stream))
        jsz->asked++;
    if (!jsz->with_consumers || jsz->asked == jsz->count) {
        jsz_answer(ask);
        return;
    }
    ask->stream = slice_of(stream_name(jsz->streams[jsz->asked].stream));
    ask->report = report_consumers;
    api_send(ask, "CONSUMER.LIST");
}

static void report_sums(struct api_ask *ask, struct slice reply)
{
    struct jsz *jsz = ask->arg;
    document_value(&jsz->sums, NULL, reply);
    ask_next(ask);
}

/* The handler. */

static bool is_asked(const struct exchange *exchange, const char *name)
{
    char text[8];
    bool bad = false;
    return exchange_query(exchange, name, text, sizeof text, &bad) && strcmp(text, "0") != 0 &&
           strcmp(text, "false") != 0;
}

/* The streams with settings. NULL: out of memory. */
static struct jsz *jsz_create(const struct http *http)
{
    struct stream_registry *registry = http->identity->registry;
    struct jsz *jsz = calloc(1, sizeof *jsz);
    size_t count = 0;
    struct stream **streams = jsz && registry ? stream_registry_list(registry, &count) : NULL;
    if (jsz)
        jsz->streams = calloc(count ? count : 1, sizeof *jsz->streams);
    for (size_t i = 0; i < count; i++)
        if (jsz->streams)
            jsz->streams[jsz->count++].stream = streams[i];
        else
            stream_destroy(streams[i]);
    free(streams);
    return jsz;
}

void monitor_jsz(struct exchange *exchange)
{
    const struct slice none = slice_make(NULL, 0);
    struct jsz *jsz = jsz_create(exchange->http);
    struct api_ask *ask = jsz ? api_begin(exchange, none, none, none, report_sums) : NULL;
    if (!ask) {
        if (jsz)
            jsz_free(jsz);
        else
            answer_problem(exchange, PROBLEM_INTERNAL, NULL, "The server is short of memory.");
        return;
    }
    jsz->with_config = is_asked(exchange, "config");
    jsz->with_consumers = is_asked(exchange, "consumers");
    jsz->with_streams = jsz->with_consumers || is_asked(exchange, "streams") || is_asked(exchange, "accounts");
    ask->arg = jsz;
    ask->free_arg = jsz_free;
    api_send(ask, "INFO");
}
