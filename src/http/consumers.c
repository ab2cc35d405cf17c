/* /v1/streams/{stream}/consumers: made, looked at, changed, removed. What they deliver: pull.c; acknowledging it:
 * acks.c. */
#include "http/api.h"
#include "http/exchange.h"
#include "http/monitor.h"
#include "http/routes.h"

static struct slice none(void)
{
    return slice_make(NULL, 0);
}

/* Telling of them. */

static const struct field name_fields[] = {
    { "stream", "stream_name", FIELD_TEXT, 0, NULL },
    { "name", "name", FIELD_TEXT, 0, NULL },
    { NULL, NULL, 0, 0, NULL },
};
static const struct field delivered_fields[] = {
    { "deliveries", "consumer_seq", FIELD_NUMBER, 0, NULL },
    { "delivered_seq", "stream_seq", FIELD_NUMBER, 0, NULL },
    { "last_delivery", "last_active", FIELD_MOMENT, 0, NULL },
    { NULL, NULL, 0, 0, NULL },
};
static const struct field floor_fields[] = {
    { "acked_seq", "stream_seq", FIELD_NUMBER, 0, NULL }, { NULL, NULL, 0, 0, NULL },
};

static void put_state(struct document *document, struct slice object)
{
    document_open(document, "state", '{');
    fields_from_api(consumer_state_fields, object, document);
    fields_from_api(delivered_fields, fields_member(object, "delivered"), document);
    fields_from_api(floor_fields, fields_member(object, "ack_floor"), document);
    document_close(document, '}');
}

/* object: {"stream_name":"...","name":"...","created":"...","config":{...},...} */
static void put_consumer(struct document *document, const struct http *http, struct slice object)
{
    (void)http;
    struct slice config = fields_member(object, "config"), durable = fields_member(config, "durable_name");
    document_open(document, NULL, '{');
    fields_from_api(name_fields, object, document);
    fields_from_api(consumer_fields, config, document);
    document_flag(document, "durable", durable.size > 2);
    fields_from_api(created_fields, object, document);
    put_state(document, object);
    document_close(document, '}');
}

static void report_consumer(struct api_ask *ask, struct slice reply)
{
    struct document document = { .failed = false };
    put_consumer(&document, ask->http, reply);
    document_answer(&document, api_end(ask));
}

static void report_created(struct api_ask *ask, struct slice reply)
{
    struct document document = { .failed = false };
    put_consumer(&document, ask->http, reply);
    document_answer_as(&document, api_end(ask), 201);
}

static void report_done(struct api_ask *ask, struct slice reply)
{
    (void)reply;
    answer_empty(api_end(ask), 204, NULL);
}

static void report_list(struct api_ask *ask, struct slice reply)
{
    api_answer_list(ask, reply, "consumers", put_consumer);
}

void consumers_list(struct exchange *exchange)
{
    api_list(exchange, exchange->parameter, "CONSUMER.LIST", report_list);
}

void consumers_get(struct exchange *exchange)
{
    struct api_ask *ask = api_begin(exchange, exchange->parameter, exchange->second, none(), report_consumer);
    if (ask)
        api_send(ask, "CONSUMER.INFO");
}

void consumers_delete(struct exchange *exchange)
{
    struct api_ask *ask = api_begin(exchange, exchange->parameter, exchange->second, none(), report_done);
    if (ask)
        api_send(ask, "CONSUMER.DELETE");
}

/* Making and changing. */

/* What goes without saying over HTTP: messages are acknowledged one by one, and where to begin says how. */
static void put_defaults(struct document *document, struct slice object, struct slice name)
{
    bool has_sequence = fields_member(object, "start_sequence").size;
    bool has_time = fields_member(object, "start_time").size;
    if (!fields_member(object, "ack").size)
        document_text(document, "ack_policy", slice_of("explicit"));
    if (!fields_member(object, "start").size && (has_sequence || has_time))
        document_text(document, "deliver_policy", slice_of(has_sequence ? "by_start_sequence" : "by_start_time"));
    if (name.size && !slice_is(fields_member(object, "durable"), "false"))
        document_text(document, "durable_name", name);
}

/* {"stream_name":"...","config":{...},"action":"..."} around what writes the config. */
static void open_request(struct api_ask *ask)
{
    document_open(&ask->body, NULL, '{');
    document_text(&ask->body, "stream_name", ask->stream);
    document_open(&ask->body, "config", '{');
}

static void close_request(struct api_ask *ask, const char *action)
{
    document_close(&ask->body, '}');
    document_text(&ask->body, "action", slice_of(action));
    document_close(&ask->body, '}');
}

static bool write_config(struct api_ask *ask, struct slice object)
{
    char fault[FIELDS_FAULT_SIZE];
    open_request(ask);
    if (!fields_to_api(consumer_fields, object, &ask->body, fault)) {
        api_refuse(ask, PROBLEM_BAD_SETTINGS, fault);
        return false;
    }
    put_defaults(&ask->body, object, ask->consumer);
    close_request(ask, "create");
    return true;
}

/* One without a name is given one, and goes when nobody uses it. */
void consumers_create(struct exchange *exchange)
{
    char room[API_NAME_SIZE_MAX + 3];
    struct slice object, name;
    if (!api_read_object(exchange, &object) || !api_read_name(exchange, object, room, &name))
        return;
    struct api_ask *ask = api_begin(exchange, exchange->parameter, name, none(), report_created);
    if (ask && write_config(ask, object))
        api_send(ask, "CONSUMER.CREATE");
}

/* The API takes settings as a whole: what is there with what is to change. */
static void report_to_change(struct api_ask *ask, struct slice reply)
{
    open_request(ask);
    fields_merge(fields_member(reply, "config"), ask->text, &ask->body);
    close_request(ask, "update");
    ask->report = report_consumer;
    api_send(ask, "CONSUMER.CREATE");
}

void consumers_change(struct exchange *exchange)
{
    struct document change = { .failed = false };
    if (api_read_change(exchange, consumer_fields, &change)) {
        struct slice text = slice_make(change.buffer.data, change.buffer.size);
        struct api_ask *ask = api_begin(exchange, exchange->parameter, exchange->second, text, report_to_change);
        if (ask)
            api_send(ask, "CONSUMER.INFO");
    }
    document_finish(&change);
}
