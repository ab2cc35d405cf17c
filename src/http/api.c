#include "http/api.h"

#include <ctype.h>
#include <stdlib.h>

#include "http/call.h"
#include "http/calls.h"
#include "http/monitor.h"
#include "http/names.h"
#include "stream/registry.h"
#include "util/json.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { TIMEOUT_MS = 10000, DETAIL_SIZE = 400 };

static const char prefix[] = "$JS.API.";

/* Names. */

bool api_name_valid(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (strchr(".*>/\\", name.data[i]))
            return false;
    return name.size > 0 && name.size <= API_NAME_SIZE_MAX && topic_is_writable(name) && utf8_valid(name);
}

static bool check_names(struct exchange *exchange, struct slice stream, struct slice consumer)
{
    bool bad_stream = stream.size && !api_name_valid(stream), bad_consumer = consumer.size && !api_name_valid(consumer);
    if (bad_stream || bad_consumer)
        answer_problem(exchange, bad_stream ? PROBLEM_NO_STREAM : PROBLEM_NO_CONSUMER, NULL,
                       "Names have no blanks, and none of . * > / and \\.");
    return !bad_stream && !bad_consumer;
}

/* Errors. */

/* The errors of the API that are a kind of their own here; what is not in the table is told by its class. */
static const struct {
    unsigned code;
    enum problem_kind kind;
    const char *detail; /* NULL: what the API says */
} errors[] = {
    { 10403, PROBLEM_FORBIDDEN, NULL },
    { 10014, PROBLEM_NO_CONSUMER, "The stream has no such consumer." },
    { 10149, PROBLEM_NO_CONSUMER, "The stream has no such consumer." },
    { 10059, PROBLEM_NO_STREAM, "There is no such stream." },
    { 10037, PROBLEM_NO_MESSAGE, "The stream does not keep such a message." },
    { 10043, PROBLEM_NO_MESSAGE, "The stream does not keep such a message." },
    { 10058, PROBLEM_STREAM_EXISTS, "The name is taken by a stream with other settings: use PATCH to change it." },
    { 10013, PROBLEM_CONSUMER_EXISTS, "The name is taken by a consumer with other settings: use PATCH to change it." },
    { 10105, PROBLEM_CONSUMER_EXISTS, "The name is taken by a consumer that is in use." },
    { 10148, PROBLEM_CONSUMER_EXISTS, "The name is taken by a consumer with other settings: use PATCH to change it." },
    { 10065, PROBLEM_TOPICS_TAKEN, "Another stream keeps topics that these patterns name." },
    { 10109, PROBLEM_NOT_ALLOWED, "The stream is sealed." },
    { 10026, PROBLEM_NOT_ALLOWED, "The stream has consumers_max consumers." },
    { 10050, PROBLEM_NOT_ALLOWED, NULL },
    { 10057, PROBLEM_NOT_ALLOWED, NULL },
    { 10110, PROBLEM_NOT_ALLOWED, NULL },
    { 10012, PROBLEM_BAD_SETTINGS, NULL },
    { 10049, PROBLEM_BAD_SETTINGS, NULL },
    { 10052, PROBLEM_BAD_SETTINGS, NULL },
    { 10025, PROBLEM_BAD_BODY, NULL },
    { 10002, PROBLEM_OVER_QUOTA, NULL },
    { 10027, PROBLEM_OVER_QUOTA, "The user has made streams_max streams." },
    { 10023, PROBLEM_DISK_FULL, NULL },
    { 10028, PROBLEM_OVER_QUOTA, "What the user may keep (stored_bytes_max) leaves no room for its bytes_max." },
    { 10047, PROBLEM_OVER_QUOTA, "What the user may keep (stored_bytes_max) leaves no room for its bytes_max." },
    { 10077, PROBLEM_STREAM_FAILED, NULL },
    { 10008, PROBLEM_UNAVAILABLE, NULL },
    { 10039, PROBLEM_UNAVAILABLE, NULL },
    { 10076, PROBLEM_UNAVAILABLE, NULL },
};

static enum problem_kind kind_of_error(unsigned code, unsigned status, const char **detail)
{
    if (slice_starts_with(slice_of(*detail), slice_of("The configuration has this stream")))
        return PROBLEM_NOT_ALLOWED;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].code == code) {
            *detail = errors[i].detail ? errors[i].detail : *detail;
            return errors[i].kind;
        }
    return status == 404 ? PROBLEM_NOT_FOUND : status < 500 ? PROBLEM_BAD_SETTINGS : PROBLEM_INTERNAL;
}

/* What the API says, as a sentence. */
static void read_description(struct slice error, char detail[DETAIL_SIZE])
{
    struct slice description = fields_member(error, "description");
    size_t size = 0;
    if (description.size && description.size < DETAIL_SIZE - 1)
        json_read_string(description, detail, &size);
    detail[size] = '\0';
    if (!size)
        return;
    detail[0] = (char)toupper((unsigned char)detail[0]);
    if (detail[size - 1] != '.')
        memcpy(detail + size, ".", 2);
}

static void report_error(struct api_ask *ask, struct slice error)
{
    char text[DETAIL_SIZE];
    const char *detail = text;
    read_description(error, text);
    unsigned code = (unsigned)fields_number(fields_member(error, "err_code"), 0);
    unsigned status = (unsigned)fields_number(fields_member(error, "code"), 500);
    enum problem_kind kind = kind_of_error(code, status, &detail);
    answer_problem(api_end(ask), kind, kind == PROBLEM_UNAVAILABLE ? "Retry-After: 1\r\n" : NULL, "%s", detail);
}

/* The call. */

static unsigned ask_deliver(struct call *call, const struct batch *batch)
{
    struct api_ask *ask = call->arg;
    const struct message *message = batch->messages;
    struct slice reply = slice_make(message->body + message->head_size, message->body_size - message->head_size);
    struct slice error = fields_member(reply, "error");
    if (headers_status(slice_make(message->body, message->head_size), NULL) == 503)
        api_refuse(ask, PROBLEM_UNAVAILABLE, "This server keeps no streams.");
    else if (error.size && !slice_is(error, "null"))
        report_error(ask, error);
    else
        ask->report(ask, reply);
    return 1;
}

static void ask_deadline(struct call *call)
{
    api_refuse(call->arg, PROBLEM_NO_REPLY, "No answer came in time; whether it was done is not known.");
}

static void ask_abandoned(struct call *call)
{
    api_end(call->arg);
}

static void ask_publish(struct api_ask *ask);

static void ask_again(struct call *call)
{
    ask_publish(call->arg);
}

static const struct call_ops ask_ops = {
    .deliver = ask_deliver,
    .deadline = ask_deadline,
    .abandoned = ask_abandoned,
    .again = ask_again,
};

/* "$JS.API.VERB.STREAM.CONSUMER" */
static struct slice write_topic(const struct api_ask *ask, struct buffer *buffer)
{
    size_t size = sizeof prefix + strlen(ask->next_verb) + 2 + ask->stream.size + ask->consumer.size;
    buffer->size = 0;
    char *out = buffer_reserve(buffer, size);
    if (!out)
        return slice_make(NULL, 0);
    char *at = format_slice(format_bytes(out, prefix, sizeof prefix - 1), slice_of(ask->next_verb));
    const struct slice names[] = { ask->stream, ask->consumer };
    for (unsigned i = 0; i < 2; i++)
        if (names[i].size) {
            *at++ = '.';
            at = format_slice(at, names[i]);
        }
    return slice_make(out, (size_t)(at - out));
}

/* The body moves to where it stays while it is delivered: the reply may come, and end the question, meanwhile. */
static bool read_message(struct api_ask *ask, struct message *ret_message)
{
    struct buffer *buffer = &ask->call->calls->message;
    const struct buffer *body = &ask->body.buffer;
    buffer->size = 0;
    char *out = buffer_reserve(buffer, body->size + 2);
    if (ask->body.failed || !out)
        return false;
    if (body->size)
        memcpy(out, body->data, body->size);
    memcpy(out + body->size, "\r\n", 2);
    *ret_message = (struct message){ .body = out, .body_size = (uint32_t)body->size };
    return true;
}

static void ask_publish(struct api_ask *ask)
{
    struct calls *calls = ask->call->calls;
    uint64_t number = ask->call->number;
    struct message message;
    struct slice topic = write_topic(ask, &calls->name);
    if (!topic.size || !read_message(ask, &message)) {
        api_refuse(ask, PROBLEM_UNAVAILABLE, "The server is short of memory.");
        return;
    }
    bool taken = call_publish(ask->call, topic, &message);
    if (!taken && call_find(calls, number))
        api_refuse(ask, PROBLEM_UNAVAILABLE, "This server keeps no streams.");
}

void api_send(struct api_ask *ask, const char *verb)
{
    ask->next_verb = verb;
    if (ask->call) {
        call_again(ask->call);
        return;
    }
    ask->call = call_begin(ask->exchange, &ask_ops, ask);
    if (!ask->call) {
        api_end(ask);
        return;
    }
    exchange_set_deadline(ask->exchange, loop_now_ms(ask->http->loop) + TIMEOUT_MS);
    ask_publish(ask);
}

/* Life. */

static struct slice copy(char **at, struct slice text)
{
    struct slice copied = slice_make(*at, text.size);
    if (text.size)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return copied;
}

struct api_ask *api_begin(struct exchange *exchange, struct slice stream, struct slice consumer, struct slice text,
                          void (*report)(struct api_ask *ask, struct slice reply))
{
    if (!check_names(exchange, stream, consumer))
        return NULL;
    struct api_ask *ask = malloc(sizeof *ask + stream.size + consumer.size + text.size);
    if (!ask) {
        calls_short_of_memory(exchange);
        return NULL;
    }
    *ask = (struct api_ask){ .http = exchange->http, .report = report, .exchange = exchange };
    char *at = ask->texts;
    ask->stream = copy(&at, stream);
    ask->consumer = copy(&at, consumer);
    ask->text = copy(&at, text);
    return ask;
}

struct exchange *api_end(struct api_ask *ask)
{
    struct exchange *exchange = ask->call ? call_end(ask->call) : ask->exchange;
    document_finish(&ask->body);
    if (ask->free_arg)
        ask->free_arg(ask->arg);
    free(ask);
    return exchange;
}

void api_refuse(struct api_ask *ask, enum problem_kind kind, const char *detail)
{
    answer_problem(api_end(ask), kind, kind == PROBLEM_UNAVAILABLE ? "Retry-After: 1\r\n" : NULL, "%s", detail);
}

/* What the handlers share. */

bool api_read_object(struct exchange *exchange, struct slice *ret_object)
{
    struct slice body = exchange->body;
    size_t blanks = json_blank_size(body);
    body = slice_make(body.data + blanks, body.size - blanks);
    while (body.size > 0 && json_blank_size(slice_make(body.data + body.size - 1, 1)))
        body.size--;
    *ret_object = body.size ? body : slice_of("{}");
    if (*ret_object->data == '{' && json_value_size(*ret_object) == ret_object->size && utf8_valid(*ret_object))
        return true;
    answer_problem(exchange, PROBLEM_BAD_BODY, NULL, "The body is a JSON object in UTF-8.");
    return false;
}

bool api_read_name(struct exchange *exchange, struct slice object, char room[API_NAME_SIZE_MAX + 3],
                   struct slice *ret_name)
{
    struct slice value = fields_member(object, "name");
    size_t size = 0;
    *ret_name = slice_make(room, 0);
    if (!value.size || slice_is(value, "null"))
        return true;
    if (*value.data == '"' && value.size <= API_NAME_SIZE_MAX + 2 && json_read_string(value, room, &size) &&
        api_name_valid(slice_make(room, size))) {
        ret_name->size = size;
        return true;
    }
    answer_problem(exchange, PROBLEM_BAD_SETTINGS, NULL,
                   "name is a string of at most 255 bytes, without blanks, and without any of . * > / and \\.");
    return false;
}

bool api_write_settings(struct api_ask *ask, const struct field *fields, struct slice object)
{
    char fault[FIELDS_FAULT_SIZE];
    document_open(&ask->body, NULL, '{');
    if (!fields_to_api(fields, object, &ask->body, fault)) {
        api_refuse(ask, PROBLEM_BAD_SETTINGS, fault);
        return false;
    }
    document_close(&ask->body, '}');
    return true;
}

bool api_read_change(struct exchange *exchange, const struct field *fields, struct document *ret_change)
{
    char fault[FIELDS_FAULT_SIZE];
    struct slice object;
    if (!api_read_object(exchange, &object))
        return false;
    document_open(ret_change, NULL, '{');
    if (!fields_to_api(fields, object, ret_change, fault)) {
        answer_problem(exchange, PROBLEM_BAD_SETTINGS, NULL, "%s", fault);
        return false;
    }
    document_close(ret_change, '}');
    if (ret_change->failed)
        calls_short_of_memory(exchange);
    return !ret_change->failed;
}

void api_list(struct exchange *exchange, struct slice stream, const char *verb,
              void (*report)(struct api_ask *ask, struct slice reply))
{
    uint64_t offset = 0;
    if (!monitor_parameter(exchange, "offset", INT32_MAX, &offset))
        return;
    struct api_ask *ask = api_begin(exchange, stream, slice_make(NULL, 0), slice_make(NULL, 0), report);
    if (!ask)
        return;
    document_open(&ask->body, NULL, '{');
    document_number(&ask->body, "offset", offset);
    document_close(&ask->body, '}');
    api_send(ask, verb);
}

void api_answer_list(struct api_ask *ask, struct slice reply, const char *name,
                     void (*put)(struct document *document, const struct http *http, struct slice element))
{
    static const char *const page[] = { "total", "offset", "limit" };
    struct document document = { .failed = false };
    struct slice elements = fields_member(reply, name), element;
    size_t cursor = 0;
    document_open(&document, NULL, '{');
    document_open(&document, name, '[');
    while (elements.size && *elements.data == '[' && json_next_element(elements, &cursor, &element))
        put(&document, ask->http, element);
    document_close(&document, ']');
    for (unsigned i = 0; i < sizeof page / sizeof page[0]; i++)
        document_number(&document, page[i], (uint64_t)fields_number(fields_member(reply, page[i]), 0));
    document_close(&document, '}');
    document_answer(&document, api_end(ask));
}

uint64_t api_epoch(const struct http *http, struct slice stream)
{
    struct stream_registry *registry = http->identity->registry;
    struct stream *found = registry ? stream_registry_find(registry, stream) : NULL;
    uint64_t epoch = found ? stream_epoch(found) : 0;
    stream_destroy(found);
    return epoch;
}
