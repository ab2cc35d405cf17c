#include "jetstream/answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "consumer/json.h"
#include "stream/stream.h"
#include "util/moment.h"

static const struct row {
    int number, code;
    const char *sentence;
} errors[] = {
#define X(name, code, number, sentence) { number, code, sentence },
    API_ERRORS(X)
#undef X
};

/* What is not in the table comes with a sentence of its own: a consumer's settings are bad. */
static const struct row *error_row(int number)
{
    static const struct row other = { 0, 400, "bad request" };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].number == number)
            return &errors[i];
    return &other;
}

const char *answer_sentence(int number)
{
    return error_row(number)->sentence;
}

cJSON *answer_error(int number, const char *sentence)
{
    const struct row *row = error_row(number);
    cJSON *json = cJSON_CreateObject();
    json = answer_add_number(json, "code", row->code);
    json = answer_add_number(json, "err_code", number);
    return answer_add_text(json, "description", sentence ? sentence : row->sentence);
}

cJSON *answer_begin(const char *type)
{
    return answer_add_text(cJSON_CreateObject(), "type", type);
}

cJSON *answer_add(cJSON *json, const char *name, cJSON *value)
{
    if (json && value && cJSON_AddItemToObject(json, name, value))
        return json;
    cJSON_Delete(value);
    cJSON_Delete(json);
    return NULL;
}

/* Whole numbers with all their digits: cJSON would write large ones with an exponent, which is no integer to some. */
cJSON *answer_add_number(cJSON *json, const char *name, double number)
{
    char text[32];
    if (number < 1e15 || number > 1e19)
        return answer_add(json, name, cJSON_CreateNumber(number));
    snprintf(text, sizeof text, "%.0f", number);
    return answer_add(json, name, cJSON_CreateRaw(text));
}

cJSON *answer_add_text(cJSON *json, const char *name, const char *text)
{
    return answer_add(json, name, cJSON_CreateString(text));
}

cJSON *answer_add_slice(cJSON *json, const char *name, struct slice text)
{
    char *copy = strndup(text.data ? text.data : "", text.size);
    json = answer_add(json, name, copy ? cJSON_CreateString(copy) : NULL);
    free(copy);
    return json;
}

/* What never was is told as nats-server does. */
cJSON *answer_add_moment(cJSON *json, const char *name, uint64_t time_ms)
{
    char text[MOMENT_SIZE + 1];
    if (!time_ms)
        return answer_add_text(json, name, "0001-01-01T00:00:00Z");
    *moment_write(text, time_ms) = '\0';
    return answer_add_text(json, name, text);
}

/* Streams. */

static cJSON *add_config(cJSON *json, const struct stream_settings *settings)
{
    json = answer_add(json, "config", settings_to_json(settings));
    return answer_add_moment(json, "created", settings->created_ms);
}

static cJSON *state_of(const struct stream_state *state)
{
    cJSON *json = cJSON_CreateObject();
    json = answer_add_number(json, "messages", (double)state->message_count);
    json = answer_add_number(json, "bytes", (double)state->byte_count);
    json = answer_add_number(json, "first_seq", state->last_sequence ? (double)state->first_sequence : 0);
    json = answer_add_moment(json, "first_ts", state->first_time_ms);
    json = answer_add_number(json, "last_seq", (double)state->last_sequence);
    json = answer_add_moment(json, "last_ts", state->last_time_ms);
    if (state->topic_count)
        json = answer_add_number(json, "num_subjects", (double)state->topic_count);
    if (state->deleted_count)
        json = answer_add_number(json, "num_deleted", (double)state->deleted_count);
    return json;
}

/* Moves the members of one object behind those of another. */
static cJSON *join(cJSON *json, cJSON *members)
{
    while (json && members && members->child) {
        cJSON *member = cJSON_DetachItemViaPointer(members, members->child);
        cJSON_AddItemToObject(json, member->string, member);
    }
    cJSON_Delete(members);
    return json;
}

cJSON *answer_add_stream(cJSON *json, struct stream *stream, cJSON *state_members)
{
    struct stream_settings settings;
    struct stream_state state;
    if (stream_get_settings(stream, &settings) != 0) {
        cJSON_Delete(state_members);
        return answer_add(json, "config", NULL);
    }
    stream_get_state(stream, &state);
    json = add_config(json, &settings);
    cJSON *told = join(state_of(&state), state_members);
    told = answer_add_number(told, "consumer_count", stream_consumer_count(stream));
    settings_finish(&settings);
    return answer_add(json, "state", told);
}

/* Consumers. */

static cJSON *place_of(const struct consumer_place *place)
{
    cJSON *json = cJSON_CreateObject();
    json = answer_add_number(json, "consumer_seq", (double)place->consumer_sequence);
    json = answer_add_number(json, "stream_seq", (double)place->stream_sequence);
    if (place->last_active_ms)
        json = answer_add_moment(json, "last_active", place->last_active_ms);
    return json;
}

cJSON *answer_add_consumer(cJSON *json, const char *stream, struct consumer *consumer, struct consumer_time time)
{
    const struct consumer_settings *settings = consumer_get_settings(consumer);
    struct consumer_info info;
    consumer_get_info(consumer, time, &info);
    json = answer_add_text(json, "stream_name", stream);
    json = answer_add_text(json, "name", settings->name);
    json = answer_add_moment(json, "created", settings->created_ms);
    json = answer_add(json, "config", consumer_settings_to_json(settings));
    json = answer_add(json, "delivered", place_of(&info.delivered));
    json = answer_add(json, "ack_floor", place_of(&info.ack_floor));
    json = answer_add_number(json, "num_ack_pending", (double)info.ack_pending_count);
    json = answer_add_number(json, "num_redelivered", (double)info.redelivered_count);
    json = answer_add_number(json, "num_waiting", (double)info.waiting_count);
    json = answer_add_number(json, "num_pending", (double)info.pending_count);
    return info.push_bound ? answer_add(json, "push_bound", cJSON_CreateTrue()) : json;
}

cJSON *answer_add_page(cJSON *json, double total, double offset, double limit)
{
    json = answer_add_number(json, "total", total);
    json = answer_add_number(json, "offset", offset);
    return answer_add_number(json, "limit", limit);
}
