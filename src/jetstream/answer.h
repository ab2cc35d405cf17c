/*
 * answer: what clients are told, in the words that clients of NATS parse: the envelope of an answer, errors with their
 * two numbers, a stream's state, a consumer's state. JSON as trees: requests are few beside messages. Any thread.
 */
#ifndef JETSTREAM_ANSWER_H
#define JETSTREAM_ANSWER_H

#include <cjson/cJSON.h>

#include "consumer/consumer.h"

struct stream;

/* The errors that are used: a name, the number of its kind (as HTTP has them), its own, and what it says. The sentences
 * are those of nats-server, which clients compare. */
#define API_ERRORS(X) \
    X(BAD_REQUEST, 400, 10003, "bad request") \
    X(CONSUMER_CREATE, 500, 10012, "the consumer cannot be made") \
    X(CONSUMER_NAME_EXIST, 400, 10013, "consumer name already in use") \
    X(CONSUMER_NOT_FOUND, 404, 10014, "consumer not found") \
    X(DURABLE_NOT_IN_TOPIC, 400, 10016, "consumer expected to be durable but no durable name set in subject") \
    X(DURABLE_NOT_MATCH, 400, 10017, "consumer name in subject does not match durable name in request") \
    X(DURABLE_NOT_SET, 400, 10018, "consumer expected to be durable but a durable name was not set") \
    X(EPHEMERAL_DURABLE, 400, 10020, "consumer expected to be ephemeral but a durable name was set in request") \
    X(INSUFFICIENT, 503, 10023, "insufficient resources") \
    X(INVALID_JSON, 400, 10025, "invalid JSON") \
    X(CONSUMERS_MAX, 400, 10026, "maximum consumers limit reached") \
    X(STREAMS_MAX, 400, 10027, "maximum number of streams reached") \
    X(NO_MEMORY_LEFT, 500, 10028, "insufficient memory resources available") \
    X(NO_MESSAGE, 404, 10037, "no message found") \
    X(NOT_EMPTY, 400, 10038, "expected an empty request payload") \
    X(NO_SEQUENCE, 400, 10043, "sequence not found") \
    X(NO_STORAGE_LEFT, 500, 10047, "insufficient storage resources available") \
    X(STREAM_CREATE, 500, 10049, "the stream cannot be made") \
    X(STREAM_DELETE, 500, 10050, "the stream cannot be deleted") \
    X(STREAM_CONFIG, 500, 10052, "the settings of the stream are not valid") \
    X(STREAM_MISMATCH, 400, 10056, "stream name in subject does not match request") \
    X(MESSAGE_DELETE, 500, 10057, "the message cannot be deleted") \
    X(STREAM_EXISTS, 400, 10058, "stream name already in use with a different configuration") \
    X(STREAM_NOT_FOUND, 404, 10059, "stream not found") \
    X(STREAM_OVERLAP, 400, 10065, "subjects overlap with an existing stream") \
    X(STREAM_UPDATE, 500, 10069, "the stream cannot be changed") \
    X(REPLICAS, 500, 10074, "replicas > 1 not supported in non-clustered mode") \
    X(STORE_FAILED, 503, 10077, "what has been changed cannot be stored") \
    X(SEALED, 400, 10109, "invalid operation on sealed stream") \
    X(PURGE, 500, 10110, "the stream cannot be purged") \
    X(DETAILS_MAX, 500, 10117, "subject details would exceed maximum allowed") \
    X(FILTER_MISMATCH, 400, 10131, "Consumer create request did not match filtered subject from create subject") \
    X(DURABLE_AND_NAME, 400, 10132, "Consumer Durable and Name have to be equal if both are provided") \
    X(FILTER_AND_FILTERS, 400, 10136, "consumer cannot have both FilterSubject and FilterSubjects specified") \
    X(FILTERS_IN_TOPIC, 400, 10137, "consumer with multiple subject filters cannot use subject based API") \
    X(CONSUMER_EXISTS, 400, 10148, "consumer already exists") \
    X(NO_CONSUMER, 400, 10149, "consumer does not exist") \
    X(TOO_MANY_REQUESTS, 429, 10167, "too many requests") \
    X(FORBIDDEN, 403, 10403, "permissions violation")

enum api_error {
#define X(name, code, number, sentence) API_##name = number,
    API_ERRORS(X)
#undef X
};

/* What an error says where nothing else is said. */
const char *answer_sentence(int number);

/* {"type":...}. NULL: out of memory, which every function below takes. */
cJSON *answer_begin(const char *type);

/* {"code":..,"err_code":..,"description":..}. sentence: NULL for the one of the table; the number may also be one that
 * a consumer's settings were refused with. */
cJSON *answer_error(int number, const char *sentence);

/* Adds a member; the whole is deleted where memory runs out, and NULL is what is left of it. */
cJSON *answer_add(cJSON *json, const char *name, cJSON *value);
cJSON *answer_add_number(cJSON *json, const char *name, double number);
cJSON *answer_add_text(cJSON *json, const char *name, const char *text);
cJSON *answer_add_slice(cJSON *json, const char *name, struct slice text);
cJSON *answer_add_moment(cJSON *json, const char *name, uint64_t time_ms);

/* "config", "created" and "state" of a stream, for which members of the state may be given (taken). */
cJSON *answer_add_stream(cJSON *json, struct stream *stream, cJSON *state_members);

/* All that INFO tells of a consumer. */
cJSON *answer_add_consumer(cJSON *json, const char *stream, struct consumer *consumer, struct consumer_time time);

/* A page of a list: "total", "offset", "limit". */
cJSON *answer_add_page(cJSON *json, double total, double offset, double limit);

#endif
