/* /v1/streams: streams with settings: made, looked at, changed, emptied, removed; and their messages, one by one. */
#include <stdlib.h>

#include "feed/format.h"
#include "http/api.h"
#include "http/calls.h"
#include "http/exchange.h"
#include "http/monitor.h"
#include "http/routes.h"
#include "util/base64.h"
#include "util/moment.h"
#include "util/units.h"
#include "wire/format.h"

enum { PATTERN_SIZE = 2048 };

static struct slice none(void)
{
    return slice_make(NULL, 0);
}

/* Telling of them. */

/* Where the stream ends, as readers say it. */
static void put_last_id(struct document *document, const struct http *http, struct slice name, struct slice state)
{
    char text[API_NAME_SIZE_MAX + 3], cursor[CURSOR_TEXT_SIZE];
    size_t size;
    if (name.size > sizeof text || !json_read_string(name, text, &size))
        return;
    struct cursor last = { api_epoch(http, slice_make(text, size)), 0 };
    last.sequence = (uint64_t)fields_number(fields_member(state, "last_seq"), 0);
    if (last.epoch)
        document_text(document, "last_id", slice_make(cursor, cursor_write(last, cursor)));
}

/* object: {"config":{...},"created":"...","state":{...}} */
static void put_stream(struct document *document, const struct http *http, struct slice object)
{
    struct slice config = fields_member(object, "config"), state = fields_member(object, "state");
    document_open(document, NULL, '{');
    fields_from_api(stream_fields, config, document);
    fields_from_api(created_fields, object, document);
    document_open(document, "state", '{');
    fields_from_api(stream_state_fields, state, document);
    put_last_id(document, http, fields_member(config, "name"), state);
    document_close(document, '}');
    document_close(document, '}');
}

static void report_stream(struct api_ask *ask, struct slice reply)
{
    struct document document = { .failed = false };
    put_stream(&document, ask->http, reply);
    document_answer(&document, api_end(ask));
}

static void report_created(struct api_ask *ask, struct slice reply)
{
    struct document document = { .failed = false };
    bool is_new = slice_is(fields_member(reply, "did_create"), "true");
    put_stream(&document, ask->http, reply);
    document_answer_as(&document, api_end(ask), is_new ? 201 : 200);
}

static void report_done(struct api_ask *ask, struct slice reply)
{
    (void)reply;
    answer_empty(api_end(ask), 204, NULL);
}

static void report_list(struct api_ask *ask, struct slice reply)
{
    api_answer_list(ask, reply, "streams", put_stream);
}

void streams_list(struct exchange *exchange)
{
    api_list(exchange, none(), "STREAM.LIST", report_list);
}

/* ?topics=PATTERN asks for the number of messages of each topic that it names. */
void streams_get(struct exchange *exchange)
{
    char pattern[PATTERN_SIZE];
    bool bad = false, asked = exchange_query(exchange, "topics", pattern, sizeof pattern, &bad);
    if (bad) {
        answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "topics is a pattern.");
        return;
    }
    struct api_ask *ask = api_begin(exchange, exchange->parameter, none(), none(), report_stream);
    if (!ask)
        return;
    if (asked) {
        document_open(&ask->body, NULL, '{');
        document_text(&ask->body, "subjects_filter", slice_of(pattern));
        document_close(&ask->body, '}');
    }
    api_send(ask, "STREAM.INFO");
}

/* Making and changing. */

void streams_create(struct exchange *exchange)
{
    char room[API_NAME_SIZE_MAX + 3];
    struct slice object, name;
    if (!api_read_object(exchange, &object) || !api_read_name(exchange, object, room, &name))
        return;
    if (!name.size) {
        answer_problem(exchange, PROBLEM_BAD_SETTINGS, NULL, "A stream has a name.");
        return;
    }
    struct api_ask *ask = api_begin(exchange, name, none(), none(), report_created);
    if (ask && api_write_settings(ask, stream_fields, object))
        api_send(ask, "STREAM.CREATE");
}

/* The API takes settings as a whole: what is there with what is to change. */
static void report_to_change(struct api_ask *ask, struct slice reply)
{
    document_open(&ask->body, NULL, '{');
    fields_merge(fields_member(reply, "config"), ask->text, &ask->body);
    document_close(&ask->body, '}');
    ask->report = report_stream;
    api_send(ask, "STREAM.UPDATE");
}

void streams_change(struct exchange *exchange)
{
    struct document change = { .failed = false };
    if (api_read_change(exchange, stream_fields, &change)) {
        struct slice text = slice_make(change.buffer.data, change.buffer.size);
        struct api_ask *ask = api_begin(exchange, exchange->parameter, none(), text, report_to_change);
        if (ask)
            api_send(ask, "STREAM.INFO");
    }
    document_finish(&change);
}

void streams_delete(struct exchange *exchange)
{
    struct api_ask *ask = api_begin(exchange, exchange->parameter, none(), none(), report_done);
    if (ask)
        api_send(ask, "STREAM.DELETE");
}

static void report_purged(struct api_ask *ask, struct slice reply)
{
    struct document document = { .failed = false };
    document_open(&document, NULL, '{');
    document_number(&document, "purged", (uint64_t)fields_number(fields_member(reply, "purged"), 0));
    document_close(&document, '}');
    document_answer(&document, api_end(ask));
}

void streams_purge(struct exchange *exchange)
{
    struct slice object;
    if (!api_read_object(exchange, &object))
        return;
    struct api_ask *ask = api_begin(exchange, exchange->parameter, none(), none(), report_purged);
    if (ask && api_write_settings(ask, purge_fields, object))
        api_send(ask, "STREAM.PURGE");
}

/* Messages. */

/* 0: the text is no sequence. */
static uint64_t sequence_of(struct slice text)
{
    char digits[UNITS_TEXT_SIZE];
    uint64_t sequence = 0;
    if (text.size >= sizeof digits)
        return 0;
    *format_slice(digits, text) = '\0';
    return units_parse_count(digits, &sequence) ? sequence : 0;
}

/* A number, or "last" with ?topic=. False: answered. */
static bool write_place(struct exchange *exchange, struct api_ask *ask)
{
    char topic[PATTERN_SIZE];
    bool bad = false;
    uint64_t sequence = sequence_of(ask->text);
    bool is_last = slice_is(ask->text, "last") && exchange_query(exchange, "topic", topic, sizeof topic, &bad);
    if (!is_last && !sequence) {
        api_refuse(ask, PROBLEM_BAD_PARAMETER, "A message is named by its sequence, or by last with ?topic=.");
        return false;
    }
    document_open(&ask->body, NULL, '{');
    if (is_last)
        document_text(&ask->body, "last_by_subj", slice_of(topic));
    else
        document_number(&ask->body, "seq", sequence);
    document_close(&ask->body, '}');
    return true;
}

/* A string of base64 within JSON, decoded at out, which has room for it. */
static struct slice decode(struct slice value, char *out)
{
    size_t size;
    bool good = value.size > 2 && *value.data == '"' &&
                base64_read(slice_make(value.data + 1, value.size - 2), out, &size);
    return slice_make(out, good ? size : 0);
}

static uint64_t time_of(struct slice value)
{
    uint64_t time_ms;
    return value.size > 2 && moment_parse(slice_make(value.data + 1, value.size - 2), &time_ms) ? time_ms : 0;
}

/* Writes the message as every reader sees it. Behind a comma; NULL: out of memory. The caller frees it. */
static char *write_message(const struct api_ask *ask, struct slice object, char *room, size_t *ret_size)
{
    static const struct feed_format format = { .shape = FEED_LIST };
    struct slice topic = fields_member(object, "subject");
    struct slice head = decode(fields_member(object, "hdrs"), room);
    struct slice payload = decode(fields_member(object, "data"), room + head.size);
    struct stream_message message = {
        .sequence = (uint64_t)fields_number(fields_member(object, "seq"), 0),
        .time_ms = time_of(fields_member(object, "time")),
        .topic = slice_make(room + head.size + payload.size, 0),
        .head = head,
        .payload = payload,
    };
    if (!topic.size || !json_read_string(topic, room + head.size + payload.size, &message.topic.size))
        return NULL;
    uint64_t epoch = api_epoch(ask->http, ask->stream);
    char *text = malloc(format_size_max(format, &message, ask->stream));
    if (text)
        *ret_size = (size_t)(format_write(format, &message, ask->stream, epoch, text) - text);
    return text;
}

static void report_message(struct api_ask *ask, struct slice reply)
{
    struct slice object = fields_member(reply, "message");
    char *room = malloc(object.size + 1), *text = NULL; /* decoded, all of it is smaller */
    size_t size = 0;
    if (room)
        text = write_message(ask, object, room, &size);
    struct exchange *exchange = api_end(ask);
    if (text)
        answer(exchange, 200, "application/json", slice_make(text + 1, size - 1), "Cache-Control: no-cache\r\n");
    else
        calls_short_of_memory(exchange);
    free(text);
    free(room);
}

void streams_get_message(struct exchange *exchange)
{
    struct api_ask *ask = api_begin(exchange, exchange->parameter, none(), exchange->second, report_message);
    if (ask && write_place(exchange, ask))
        api_send(ask, "STREAM.MSG.GET");
}

void streams_delete_message(struct exchange *exchange)
{
    struct api_ask *ask = api_begin(exchange, exchange->parameter, none(), exchange->second, report_done);
    if (ask && slice_is(ask->text, "last"))
        api_refuse(ask, PROBLEM_BAD_PARAMETER, "A message to be taken out is named by its sequence.");
    else if (ask && write_place(exchange, ask))
        api_send(ask, "STREAM.MSG.DELETE");
}
