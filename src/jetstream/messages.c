/* Endpoints about single messages. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "core/topic.h"
#include "jetstream/api.h"
#include "util/base64.h"
#include "util/moment.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { SCAN_BUDGET = 4096 }; /* messages looked at in one turn, in search of the next under a pattern */

/* Which message: by its sequence, or as the last or the next of a topic or pattern. */
struct wanted {
    uint64_t sequence;
    struct slice last_of, next_of;
};

/* The request's payload, already read as JSON. False where it has failed. */
static bool read_wanted(struct request *request, struct wanted *ret_wanted)
{
    return request_number(request, "seq", &ret_wanted->sequence) &&
           request_text(request, "last_by_subj", &ret_wanted->last_of) &&
           request_text(request, "next_by_subj", &ret_wanted->next_of);
}

static bool asks_for_one(const struct wanted *wanted)
{
    if (wanted->last_of.size)
        return !wanted->next_of.size && !wanted->sequence;
    return wanted->next_of.size || wanted->sequence;
}

/* What a search has come to. */
enum outcome {
    OUTCOME_NONE,
    OUTCOME_FOUND,
    OUTCOME_AWAY,
    OUTCOME_AGAIN,  /* it is not over, and goes on in the next turn */
};

static enum outcome outcome_of(enum stream_found found)
{
    return found == STREAM_FOUND ? OUTCOME_FOUND : found == STREAM_AWAY ? OUTCOME_AWAY : OUTCOME_NONE;
}

/* The newest message under a pattern. Of a topic the index knows a sequence above which there is nothing: the topics
 * are asked for their newest in the order of that, until none can have a newer one. */

struct newest {
    uint64_t below, found;           /* looks at topics whose bound is below this, and above what was found */
    uint64_t bound;                  /* the highest such bound */
    char *topic;                     /* and whose it is; the message's, not terminated */
    size_t topic_size;
    bool failed;
};

static bool note_bound(void *arg, const struct stream_topic *topic)
{
    struct newest *newest = arg;
    if (topic->last_sequence >= newest->below || topic->last_sequence <= newest->bound ||
        topic->last_sequence <= newest->found)
        return true;
    char *copy = realloc(newest->topic, topic->topic.size + 1);
    newest->failed = !copy;
    if (!copy)
        return false;
    newest->topic = memcpy(copy, topic->topic.data, topic->topic.size);
    newest->topic_size = topic->topic.size;
    newest->bound = topic->last_sequence;
    return true;
}

/* The topic with the highest bound below that of the last. False: there is none. */
static bool next_bound(struct stream *stream, struct slice pattern, struct newest *newest)
{
    newest->bound = 0;
    stream_visit_topics(stream, pattern, note_bound, newest);
    return newest->bound && !newest->failed;
}

static enum stream_found last_under(struct stream *stream, struct slice pattern, uint64_t *ret_sequence)
{
    struct newest newest = { .below = UINT64_MAX };
    enum stream_found found = STREAM_NONE;
    if (!pattern_has_wildcard(pattern))
        return stream_last_of_topic(stream, pattern, ret_sequence);
    while (found != STREAM_AWAY && next_bound(stream, pattern, &newest)) {
        uint64_t sequence;
        found = stream_last_of_topic(stream, slice_make(newest.topic, newest.topic_size), &sequence);
        if (found == STREAM_FOUND && sequence > newest.found)
            newest.found = sequence;
        newest.below = newest.bound;
    }
    free(newest.topic);
    *ret_sequence = newest.found;
    return found == STREAM_AWAY ? STREAM_AWAY : newest.found ? STREAM_FOUND : STREAM_NONE;
}

/* Holds the run of the first message under a pattern that has the sequence request->sequence or a later one, as far as
 * the budget goes: request->sequence says how far it has come. */
static enum outcome find_next(struct request *request, struct stream *stream, struct slice pattern,
                              struct stream_run *ret_run, struct stream_message *ret_message)
{
    unsigned budget = SCAN_BUDGET;
    uint64_t now_ms = broker_wall_ms(request->jetstream->broker);
    for (;;) {
        enum stream_found found = stream_read(stream, request->sequence - 1, now_ms, ret_run);
        if (found != STREAM_FOUND)
            return outcome_of(found);
        while (stream_run_next(ret_run, ret_message)) {
            request->sequence = ret_message->sequence + 1;
            if (pattern_matches(pattern, ret_message->topic) &&
                rights_may_read(request->rights, ret_message->topic))
                return OUTCOME_FOUND;
            if (!--budget)
                break;
        }
        stream_release(ret_run);
        if (!budget)
            return OUTCOME_AGAIN;
    }
}

static enum outcome find_by_sequence(struct stream *stream, uint64_t sequence, struct stream_run *ret_run,
                                     struct stream_message *ret_message)
{
    enum stream_found found = stream_read_at(stream, sequence, ret_run);
    if (found == STREAM_FOUND)
        stream_run_next(ret_run, ret_message);
    return outcome_of(found);
}

/* A newer one may supersede it in the midst of this, and is found then. */
static enum outcome find_last(struct stream *stream, struct slice pattern, struct stream_run *ret_run,
                              struct stream_message *ret_message)
{
    uint64_t sequence, before = 0;
    for (;;) {
        enum stream_found found = last_under(stream, pattern, &sequence);
        if (found != STREAM_FOUND || sequence == before)
            return outcome_of(found == STREAM_AWAY ? found : STREAM_NONE);
        enum outcome outcome = find_by_sequence(stream, sequence, ret_run, ret_message);
        if (outcome != OUTCOME_NONE)
            return outcome;
        before = sequence;
    }
}

static enum outcome find(struct request *request, struct stream *stream, const struct wanted *wanted,
                         struct stream_run *ret_run, struct stream_message *ret_message)
{
    if (wanted->next_of.size) {
        if (!request->sequence)
            request->sequence = wanted->sequence ? wanted->sequence : 1;
        return find_next(request, stream, wanted->next_of, ret_run, ret_message);
    }
    enum outcome outcome = wanted->last_of.size ? find_last(stream, wanted->last_of, ret_run, ret_message)
                                                : find_by_sequence(stream, wanted->sequence, ret_run, ret_message);
    if (outcome != OUTCOME_FOUND || rights_may_read(request->rights, ret_message->topic))
        return outcome;
    stream_release(ret_run);
    return OUTCOME_NONE; /* who may not read it does not learn that it is there */
}

/* By a pattern: of which he may read something. */
static bool may_search(const struct request *request, struct stream *stream, const struct wanted *wanted)
{
    struct slice pattern = wanted->last_of.size ? wanted->last_of : wanted->next_of;
    return !pattern.size || access_may_search(request->rights, stream, pattern);
}

static const char may_not_read[] = "permissions violation: the user has no right to subscribe to these topics";


/* STREAM.MSG.GET */

static cJSON *base64_of(struct slice data)
{
    char *text = malloc(base64_size(data.size) + 1);
    if (!text)
        return NULL;
    *base64_write(text, data) = '\0';
    cJSON *json = cJSON_CreateString(text);
    free(text);
    return json;
}

static cJSON *tell_message(const struct stream_message *message)
{
    cJSON *json = answer_add_slice(cJSON_CreateObject(), "subject", message->topic);
    json = answer_add_number(json, "seq", (double)message->sequence);
    if (message->head.size)
        json = answer_add(json, "hdrs", base64_of(message->head));
    if (message->payload.size)
        json = answer_add(json, "data", base64_of(message->payload));
    return answer_add_moment(json, "time", message->time_ms);
}

void message_get_api(struct request *request)
{
    struct wanted wanted;
    struct stream_run run;
    struct stream_message message;
    struct stream *stream;
    if (!read_wanted(request, &wanted))
        return;
    if (!asks_for_one(&wanted)) {
        request_fail(request, API_BAD_REQUEST, NULL);
        return;
    }
    if (!(stream = request_stream(request)))
        return;
    if (!may_search(request, stream, &wanted)) {
        request_fail(request, API_FORBIDDEN, may_not_read);
        stream_destroy(stream);
        return;
    }
    enum outcome outcome = find(request, stream, &wanted, &run, &message);
    if (outcome == OUTCOME_AWAY) {
        request_await(request, stream);
    } else if (outcome == OUTCOME_AGAIN) {
        request_again(request);
    } else if (outcome == OUTCOME_NONE) {
        request_fail(request, API_NO_MESSAGE, NULL);
    } else {
        cJSON *json = answer_add(request_envelope(request), "message", tell_message(&message));
        stream_release(&run);
        request_answer(request, json);
    }
    stream_destroy(stream);
}

/* STREAM.MSG.DELETE */

static void answer_deleted(struct request *request)
{
    request_answer(request, answer_add(request_envelope(request), "success", cJSON_CreateTrue()));
}

static void not_deleted(struct request *request, uint64_t sequence, bool beyond)
{
    char sentence[64];
    snprintf(sentence, sizeof sentence, "sequence %llu not found", (unsigned long long)sequence);
    request_fail(request, beyond ? API_MESSAGE_DELETE : API_NO_SEQUENCE, sentence);
}

/* A number of an error, and a sentence; 0: it may be. */
static int refuses_delete(struct stream *stream, const char **ret_sentence)
{
    struct stream_settings settings;
    int fault = 0;
    if (stream_get_settings(stream, &settings) != 0)
        return API_INSUFFICIENT;
    if (settings.sealed) {
        fault = API_SEALED;
    } else if (settings.deny_delete) {
        fault = API_MESSAGE_DELETE;
        *ret_sentence = "message delete not permitted";
    }
    settings_finish(&settings);
    return fault;
}

void message_delete_api(struct request *request)
{
    uint64_t sequence;
    const char *sentence = NULL;
    struct stream *stream;
    if (!request_number(request, "seq", &sequence))
        return;
    if (!sequence) {
        request_fail(request, API_BAD_REQUEST, NULL);
        return;
    }
    if (!(stream = request_stream(request)))
        return;
    int fault = refuses_delete(stream, &sentence);
    if (fault)
        request_fail(request, fault, sentence);
    else if (stream_delete(stream, sequence) != 0)
        not_deleted(request, sequence, sequence > stream_last(stream));
    else
        request_settle(request, stream, answer_deleted);
    stream_destroy(stream);
}

/* DIRECT.GET */

/* Headers that tell where a message stands, behind its own. */
enum { WHERE_SIZE_MAX = 128 };

static char *add_where(char *out, struct slice stream, const struct stream_message *message)
{
    char sequence[FORMAT_NUMBER_SIZE_MAX], time[MOMENT_SIZE];
    size_t sequence_size = (size_t)(format_number(sequence, message->sequence) - sequence);
    moment_write(time, message->time_ms);
    out = headers_add(out, slice_of("Nats-Stream"), stream);
    out = headers_add(out, slice_of("Nats-Subject"), message->topic);
    out = headers_add(out, slice_of("Nats-Sequence"), slice_make(sequence, sequence_size));
    return headers_add(out, slice_of("Nats-Time-Stamp"), slice_make(time, MOMENT_SIZE));
}

static void answer_directly(struct request *request, const struct stream_message *message)
{
    struct slice stream = request->names[0], head = message->head;
    size_t size = HEADERS_BEGIN_SIZE + head.size + WHERE_SIZE_MAX + stream.size + message->topic.size +
                  message->payload.size + HEADERS_END_SIZE + 2;
    char *body = jetstream_room(request->jetstream, size), *out = body;
    if (!body) {
        request_answer_status(request, "NATS/1.0 503 Short Of Memory");
        return;
    }
    if (head.size > HEADERS_END_SIZE)
        out = format_bytes(out, head.data, head.size - HEADERS_END_SIZE); /* its last, empty line comes at the end */
    else
        out = headers_begin(out);
    out = headers_end(add_where(out, stream, message));
    size_t head_size = (size_t)(out - body);
    if (message->payload.size)
        out = format_slice(out, message->payload);
    request_answer_message(request, body, head_size, (size_t)(out - body));
}

static void get_directly(struct request *request, const struct wanted *wanted)
{
    struct stream_run run;
    struct stream_message message;
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    if (!stream || !stream_allows_direct(stream)) {
        request_answer_status(request, "NATS/1.0 503"); /* as where nobody listens */
        stream_destroy(stream);
        return;
    }
    if (!may_search(request, stream, wanted)) {
        request_fail(request, API_FORBIDDEN, may_not_read);
        stream_destroy(stream);
        return;
    }
    enum outcome outcome = find(request, stream, wanted, &run, &message);
    if (outcome == OUTCOME_AWAY) {
        request_await(request, stream);
    } else if (outcome == OUTCOME_AGAIN) {
        request_again(request);
    } else if (outcome == OUTCOME_NONE) {
        request_answer_status(request, "NATS/1.0 404 Message Not Found");
    } else {
        answer_directly(request, &message);
        stream_release(&run);
    }
    stream_destroy(stream);
}

void direct_get_api(struct request *request)
{
    struct wanted wanted = { 0 };
    if (!request->json && request->payload.size)
        request->json = api_parse(request->payload);
    if (request->payload.size && !request->json) {
        request_answer_status(request, "NATS/1.0 408 Malformed Request");
        return;
    }
    if (!read_wanted(request, &wanted))
        return;
    if (asks_for_one(&wanted))
        get_directly(request, &wanted);
    else
        request_answer_status(request, "NATS/1.0 408 Empty Request");
}

void direct_get_last_api(struct request *request)
{
    const struct wanted wanted = { .last_of = request->rest };
    if (request->payload.size)
        request_answer_status(request, "NATS/1.0 408 Bad Request");
    else
        get_directly(request, &wanted);
}
