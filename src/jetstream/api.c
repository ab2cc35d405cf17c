#include "jetstream/api.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/asked.h"
#include "core/topic.h"
#include "jetstream/home.h"
#include "util/json_tree.h"
#include "util/utf8.h"

static const char api_prefix[] = "$JS.API.";

#define WHOLE_MAX 9007199254740992.0 /* beyond, numbers of JSON are no longer exact */

#define TYPE(name) "io.nats.jetstream.api.v1." name "_response"

enum payload {
    NEEDS_JSON,   /* an object */
    MAY_HAVE_JSON,
    NEEDS_NOTHING, /* and has nothing */
    AS_IT_IS,
};

/* What can be asked for: the topic behind the prefix, in which "*" stands for the name of the stream, and then that of
 * the consumer, and ">" for what the function looks at. */
struct endpoint {
    const char *path;
    endpoint_fn *run;
    enum right right;          /* SUBSCRIBE: the function looks at what is read */
    enum payload payload;
    const char *type;          /* of the answer; NULL: it is no JSON */
    const char *error_members; /* that clients look for beside the error; NULL: none */
};

static const char empty_page[] = ",\"total\":0,\"offset\":0,\"limit\":0";

static const struct endpoint endpoints[] = {
    { "DIRECT.GET.*", direct_get_api, RIGHT_SUBSCRIBE, AS_IT_IS, NULL, NULL },
    { "DIRECT.GET.*.>", direct_get_last_api, RIGHT_SUBSCRIBE, AS_IT_IS, NULL, NULL },
    { "INFO", api_info, RIGHT_MEMBER, AS_IT_IS, TYPE("account_info"), NULL },
    { "STREAM.CREATE.*", stream_create_api, RIGHT_MANAGE, NEEDS_JSON, TYPE("stream_create"), NULL },
    { "STREAM.UPDATE.*", stream_update_api, RIGHT_MANAGE, NEEDS_JSON, TYPE("stream_update"), NULL },
    { "STREAM.INFO.*", stream_info_api, RIGHT_LOOK, MAY_HAVE_JSON, TYPE("stream_info"), empty_page },
    { "STREAM.DELETE.*", stream_delete_api, RIGHT_MANAGE, NEEDS_NOTHING, TYPE("stream_delete"), NULL },
    { "STREAM.PURGE.*", stream_purge_api, RIGHT_MANAGE, MAY_HAVE_JSON, TYPE("stream_purge"), ",\"purged\":0" },
    { "STREAM.NAMES", stream_names_api, RIGHT_LOOK, MAY_HAVE_JSON, TYPE("stream_names"),
      ",\"total\":0,\"offset\":0,\"limit\":0,\"streams\":null" },
    { "STREAM.LIST", stream_list_api, RIGHT_LOOK, MAY_HAVE_JSON, TYPE("stream_list"),
      ",\"total\":0,\"offset\":0,\"limit\":0,\"streams\":[]" },
    { "STREAM.MSG.GET.*", message_get_api, RIGHT_SUBSCRIBE, MAY_HAVE_JSON, TYPE("stream_msg_get"), NULL },
    { "STREAM.MSG.DELETE.*", message_delete_api, RIGHT_MANAGE, MAY_HAVE_JSON, TYPE("stream_msg_delete"), NULL },
    { "CONSUMER.CREATE.*", consumer_create_api, RIGHT_SUBSCRIBE, NEEDS_JSON, TYPE("consumer_create"), NULL },
    { "CONSUMER.CREATE.*.*", consumer_create_api, RIGHT_SUBSCRIBE, NEEDS_JSON, TYPE("consumer_create"), NULL },
    { "CONSUMER.CREATE.*.*.>", consumer_create_api, RIGHT_SUBSCRIBE, NEEDS_JSON, TYPE("consumer_create"), NULL },
    { "CONSUMER.DURABLE.CREATE.*.*", consumer_durable_create_api, RIGHT_SUBSCRIBE, NEEDS_JSON,
      TYPE("consumer_create"), NULL },
    { "CONSUMER.INFO.*.*", consumer_info_api, RIGHT_LOOK, NEEDS_NOTHING, TYPE("consumer_info"), NULL },
    { "CONSUMER.DELETE.*.*", consumer_delete_api, RIGHT_SUBSCRIBE, NEEDS_NOTHING, TYPE("consumer_delete"), NULL },
    { "CONSUMER.NAMES.*", consumer_names_api, RIGHT_LOOK, MAY_HAVE_JSON, TYPE("consumer_names"),
      ",\"total\":0,\"offset\":0,\"limit\":0,\"consumers\":[]" },
    { "CONSUMER.LIST.*", consumer_list_api, RIGHT_LOOK, MAY_HAVE_JSON, TYPE("consumer_list"),
      ",\"total\":0,\"offset\":0,\"limit\":0,\"consumers\":[]" },
};

/* Finding the endpoint. */

/* The rest of a topic from where its walk stands. */
static struct slice rest_of(struct slice topic, size_t cursor)
{
    return cursor > topic.size ? slice_make(NULL, 0) : slice_make(topic.data + cursor, topic.size - cursor);
}

/* True where the path names the topic; what its wildcards stand for is put into names and rest. */
static bool path_matches(struct slice path, struct slice topic, struct slice names[TOKENS_MAX], struct slice *ret_rest)
{
    size_t path_at = 0, topic_at = 0;
    unsigned count = 0;
    struct slice wanted, token;
    *ret_rest = slice_make(NULL, 0);
    while (topic_next_token(path, &path_at, &wanted)) {
        if (slice_is(wanted, ">")) {
            *ret_rest = rest_of(topic, topic_at);
            return ret_rest->size > 0;
        }
        if (!topic_next_token(topic, &topic_at, &token) || !token.size)
            return false;
        if (slice_is(wanted, "*"))
            names[count++] = token;
        else if (!slice_equal(wanted, token))
            return false;
    }
    return topic_at > topic.size;
}

static const struct endpoint *find_endpoint(struct slice topic, struct slice names[TOKENS_MAX], struct slice *ret_rest)
{
    struct slice prefix = slice_of(api_prefix);
    if (!slice_starts_with(topic, prefix))
        return NULL;
    topic = slice_make(topic.data + prefix.size, topic.size - prefix.size);
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        names[0] = names[1] = slice_make(NULL, 0);
        if (path_matches(slice_of(endpoints[i].path), topic, names, ret_rest))
            return &endpoints[i];
    }
    return NULL;
}

const char *api_endpoint(unsigned place, enum right *ret_right)
{
    bool is_there = place < sizeof endpoints / sizeof *endpoints;
    *ret_right = is_there ? endpoints[place].right : RIGHT_UNSAID;
    return is_there ? endpoints[place].path : NULL;
}

bool api_knows(struct slice topic)
{
    struct slice names[TOKENS_MAX], rest;
    return find_endpoint(topic, names, &rest) != NULL;
}

/* Life. */

static char *append(char *at, struct slice text, struct slice *ret_copy)
{
    *ret_copy = slice_make(at, text.size);
    if (text.size)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

static struct request *request_create(struct jetstream *jetstream, const struct letter_text *letter)
{
    size_t size = letter->user.size + letter->topic.size + letter->reply.size + letter->payload.size;
    struct request *request = calloc(1, sizeof *request + size);
    struct slice topic;
    if (!request)
        return NULL;
    list_init(&request->place);
    request->jetstream = jetstream;
    request->asked = *letter->asked;
    *letter->asked = NULL;
    request->rights = rights_ref(letter->rights);
    char *at = append(request->text, letter->user, &request->user);
    at = append(at, letter->topic, &topic);
    at = append(at, letter->reply, &request->reply);
    append(at, letter->payload, &request->payload);
    request->endpoint = find_endpoint(topic, request->names, &request->rest);
    request->go = request->endpoint ? request->endpoint->run : NULL;
    return request;
}

/* Tells what came of it. failure: why it was not done; NULL: it was. */
static void tell(struct request *request, const char *failure)
{
    asked_done(request->asked, request->jetstream->broker, failure);
    request->asked = NULL;
}

static void tell_failure(struct request *request, int number, const char *sentence)
{
    if (number != API_FORBIDDEN) {
        tell(request, sentence ? sentence : answer_sentence(number));
        return;
    }
    asked_refused(request->asked, request->jetstream->broker, request->endpoint->right);
    request->asked = NULL;
}

void request_end(struct request *request)
{
    list_remove(&request->place);
    tell(request, "not answered");
    if (request->stream_settings)
        settings_finish(request->stream_settings);
    if (request->consumer_settings)
        consumer_settings_finish(request->consumer_settings);
    free(request->stream_settings);
    free(request->consumer_settings);
    free(request->key);
    free(request->value);
    cJSON_Delete(request->found);
    cJSON_Delete(request->json);
    rights_unref(request->rights);
    free(request);
}

/* Answering. */

/* Topics may be any bytes, JSON may not. */
static void send_text(struct request *request, struct slice text)
{
    size_t size_max = utf8_valid(text) ? text.size : UTF8_MENDED_RATIO * text.size;
    char *out = request->reply.size ? jetstream_room(request->jetstream, size_max + 2) : NULL;
    if (out)
        jetstream_send(request->jetstream, request->reply, out, (size_t)(utf8_mend(out, text) - out));
}

void request_answer(struct request *request, cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!text) {
        request_fail(request, API_INSUFFICIENT, NULL);
        return;
    }
    tell(request, NULL);
    send_text(request, slice_of(text));
    cJSON_free(text);
    request_end(request);
}

/* Written by hand around the error, so that it can be told where memory is short, and has the members that clients
 * want. */
void request_fail(struct request *request, int number, const char *sentence)
{
    const struct endpoint *endpoint = request->endpoint;
    const char *members = endpoint->error_members ? endpoint->error_members : "";
    request->jetstream->broker->counters->api_errors++;
    tell_failure(request, number, sentence);
    if (!endpoint->type) {
        request_answer_status(request, number == API_FORBIDDEN ? "NATS/1.0 403 Permissions Violation"
                                                               : "NATS/1.0 408 Bad Request");
        return;
    }
    cJSON *error = answer_error(number, sentence);
    char *text = error ? cJSON_PrintUnformatted(error) : NULL, *whole;
    if (text && asprintf(&whole, "{\"type\":\"%s\",\"error\":%s%s}", endpoint->type, text, members) >= 0) {
        send_text(request, slice_of(whole));
        free(whole);
    }
    cJSON_free(text);
    cJSON_Delete(error);
    request_end(request);
}

void request_answer_message(struct request *request, char *body, size_t head_size, size_t size)
{
    memcpy(body + size, "\r\n", 2);
    const struct message message = { .body = body, .head_size = (uint32_t)head_size, .body_size = (uint32_t)size };
    if (request->reply.size)
        broker_send(request->jetstream->broker, request->reply, &message, 1);
    request_end(request);
}

void request_answer_status(struct request *request, const char *status)
{
    size_t size = strlen(status);
    char *out = jetstream_room(request->jetstream, size + 6);
    if (!out) {
        request_end(request);
        return;
    }
    memcpy(out, status, size);
    memcpy(out + size, "\r\n\r\n", 4);
    request_answer_message(request, out, size + 4, size + 4);
}

cJSON *request_envelope(const struct request *request)
{
    return answer_begin(request->endpoint->type);
}

/* Reading. */

/* cJSON takes any bytes for characters, and would have us say them to others. */
cJSON *api_parse(struct slice text)
{
    cJSON *json = utf8_valid(text) ? json_tree_parse(text, JSON_TREE_DEPTH) : NULL;
    if (cJSON_IsObject(json))
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool read_payload(struct request *request)
{
    enum payload wanted = request->endpoint->payload;
    if (wanted == AS_IT_IS || (wanted == MAY_HAVE_JSON && !request->payload.size))
        return true;
    if (wanted == NEEDS_NOTHING) {
        bool empty = !request->payload.size || slice_is(request->payload, "{}") || slice_is(request->payload, "null");
        if (!empty)
            request_fail(request, API_NOT_EMPTY, NULL);
        return empty;
    }
    cJSON *json = request->payload.size ? api_parse(request->payload) : NULL;
    request->json = json;
    if (!json)
        request_fail(request, API_INVALID_JSON, NULL);
    return json;
}

static const cJSON *member_of(const struct request *request, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->json, name);
    return item && !cJSON_IsNull(item) ? item : NULL;
}

static bool member_good(struct request *request, bool good)
{
    if (!good)
        request_fail(request, API_INVALID_JSON, NULL);
    return good;
}

bool request_text(struct request *request, const char *name, struct slice *ret_text)
{
    const cJSON *item = member_of(request, name);
    *ret_text = slice_of(cJSON_GetStringValue(item));
    return member_good(request, !item || cJSON_IsString(item));
}

bool request_number(struct request *request, const char *name, uint64_t *ret_number)
{
    const cJSON *item = member_of(request, name);
    double number = item ? item->valuedouble : 0;
    bool good = !item || (cJSON_IsNumber(item) && number >= 0 && number <= WHOLE_MAX);
    good = good && number == (double)(uint64_t)number;
    *ret_number = good ? (uint64_t)number : 0;
    return member_good(request, good);
}

bool request_flag(struct request *request, const char *name, bool *ret_flag)
{
    const cJSON *item = member_of(request, name);
    *ret_flag = cJSON_IsTrue(item);
    return member_good(request, !item || cJSON_IsBool(item));
}

bool request_offset(struct request *request, double *ret_offset)
{
    uint64_t offset;
    bool good = request_number(request, "offset", &offset);
    *ret_offset = (double)offset;
    return good;
}

struct stream *request_stream(struct request *request)
{
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    if (!stream)
        request_fail(request, API_STREAM_NOT_FOUND, NULL);
    return stream;
}

/* What is said is the same where there is no such stream. */
static const char *const sentences[RIGHT_COUNT] = {
    [RIGHT_SUBSCRIBE] = "permissions violation: there is no such stream with topics that the user has a right to",
    [RIGHT_LOOK] = "permissions violation: there is no such stream with topics that the user has a right to, and it "
                   "takes the right to monitor to look at others",
    [RIGHT_MANAGE] = "permissions violation: this takes the right to manage",
};

static bool check_right(struct request *request)
{
    enum right right = request->endpoint->right;
    if (!request->rights)
        return true;
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    bool may = request_may(request, stream, right);
    stream_destroy(stream);
    if (!may)
        request_fail(request, API_FORBIDDEN, sentences[right]);
    return may;
}

void request_begin(struct jetstream *jetstream, const struct letter_text *letter)
{
    struct request *request = request_create(jetstream, letter);
    if (!request) {
        asked_done(*letter->asked, jetstream->broker, "out of memory");
        *letter->asked = NULL;
        return;
    }
    if (!request->endpoint) {
        request_end(request);
        return;
    }
    jetstream->broker->counters->api_requests++;
    if (jetstream->outside_count + jetstream->away_count >= WAITING_MAX)
        request_fail(request, API_TOO_MANY_REQUESTS, NULL);
    else if (check_right(request) && read_payload(request))
        request->go(request);
}

/* Waiting for a stream. */

void request_await(struct request *request, struct stream *stream)
{
    struct jetstream *jetstream = request->jetstream;
    struct keeper *keeper = keepers_find(jetstream->keepers, slice_of(stream_name(stream)));
    if (!keeper || keeper_stream(keeper) != stream) { /* another of the same name, or out of memory */
        request_fail(request, API_INSUFFICIENT, NULL);
        return;
    }
    request->awaited = request->names[0];
    list_append(&jetstream->away, &request->place);
    jetstream->away_count++;
    keeper_attend(keeper, +1);
}

/* Those that do not find what they want wait anew, behind the others. */
void api_retry(struct jetstream *jetstream, struct slice stream)
{
    struct list waiting, *next;
    struct keeper *keeper = keepers_find(jetstream->keepers, stream);
    list_init(&waiting);
    for (struct list *at = jetstream->away.next; at != &jetstream->away; at = next) {
        struct request *request = LIST_OWNER(at, struct request, place);
        next = at->next;
        if (slice_equal(request->awaited, stream)) {
            list_remove(at);
            list_append(&waiting, at);
        }
    }
    while (!list_is_empty(&waiting)) {
        struct request *request = LIST_OWNER(waiting.next, struct request, place);
        list_remove(&request->place);
        jetstream->away_count--;
        if (keeper)
            keeper_attend(keeper, -1);
        request->go(request);
    }
}

void request_again(struct request *request)
{
    list_append(&request->jetstream->again, &request->place);
}

bool api_go_on(struct jetstream *jetstream)
{
    struct list turn;
    list_init(&turn);
    list_splice(&turn, &jetstream->again);
    while (!list_is_empty(&turn)) {
        struct request *request = LIST_OWNER(turn.next, struct request, place);
        list_remove(&request->place);
        request->go(request);
    }
    return !list_is_empty(&jetstream->again);
}

void api_finish(struct jetstream *jetstream)
{
    list_splice(&jetstream->away, &jetstream->again);
    list_splice(&jetstream->away, &jetstream->outside);
    while (!list_is_empty(&jetstream->away))
        request_end(LIST_OWNER(jetstream->away.next, struct request, place));
}

/* Waiting for others. */

/* It is with others, and back: those that never come back are freed with the room. */

static void leave(struct request *request)
{
    list_append(&request->jetstream->outside, &request->place);
    request->jetstream->outside_count++;
}

static void come_back(struct request *request)
{
    list_remove(&request->place);
    request->jetstream->outside_count--;
}

static void go_on(struct request *request)
{
    if (request->surveying || request->putting || request->jetstream->is_ending)
        return;
    come_back(request);
    if (request->job.error && !request->fault)
        request->fault = API_STORE_FAILED;
    request->then(request);
}

static void visit(struct survey *survey, struct broker *broker)
{
    struct request *request = LIST_OWNER(survey, struct request, survey);
    request->visit(request, jetstream_of(broker));
}

static void survey_done(struct survey *survey)
{
    struct request *request = LIST_OWNER(survey, struct request, survey);
    request->surveying = false;
    go_on(request);
}

void request_survey(struct request *request, void (*visit_fn)(struct request *request, struct jetstream *here),
                    void (*then)(struct request *request))
{
    struct broker *broker = request->jetstream->broker;
    request->visit = visit_fn;
    request->then = then;
    request->surveying = true;
    leave(request);
    request->survey = (struct survey){ .visit = visit, .done = survey_done };
    broker->hooks.survey(broker->hooks.arg, &request->survey);
}

/* Messages that were taken out. */

static void visit_recheck(struct request *request, struct jetstream *here)
{
    home_recheck(here, request->names[0]);
}

static bool has_failed(struct stream *stream)
{
    struct stream_state state;
    stream_get_state(stream, &state);
    return state.health == STREAM_FAILED;
}

/* A stream that is gone has taken them with it. */
static void await_stored(struct request *request)
{
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    request->go = await_stored;
    if (!stream || stream_remembered(stream) >= request->sequence)
        request->settled(request);
    else if (has_failed(stream))
        request_fail(request, API_STORE_FAILED, NULL);
    else
        request_await(request, stream);
    stream_destroy(stream);
}

void request_settle(struct request *request, struct stream *stream, void (*then)(struct request *request))
{
    request->sequence = stream_remember(stream);
    request->settled = then;
    request_survey(request, visit_recheck, await_stored);
}

static void visit_sync(struct request *request, struct jetstream *here)
{
    (void)request;
    keepers_sync(here->keepers);
}

static void run_change(struct clerk_job *job)
{
    struct request *request = LIST_OWNER(job, struct request, change_job);
    request->change(request);
}

static void change_finished(struct clerk_job *job)
{
    struct request *request = LIST_OWNER(job, struct request, change_job);
    if (request->jetstream->is_ending)
        return;
    come_back(request);
    if (request->fault)
        request->then(request);
    else
        request_survey(request, visit_sync, request->then);
}

void request_change(struct request *request, void (*change)(struct request *request),
                    void (*then)(struct request *request))
{
    struct jetstream *jetstream = request->jetstream;
    request->change = change;
    request->then = then;
    request->surveying = true; /* will be: what is put before is not the end */
    leave(request);
    request->change_job = (struct clerk_job){
        .desk = &jetstream->clerk_desk,
        .run = run_change,
        .finished = change_finished,
    };
    clerk_submit(jetstream->clerk, &request->change_job);
}

/* On the asker's thread, perhaps while another worker still has the survey: nothing but this is touched. */
static void put_finished(struct meta_job *job)
{
    struct request *request = LIST_OWNER(job, struct request, job);
    request->putting = false;
    go_on(request);
}

void request_put(struct request *request, const char *kind)
{
    request->putting = true;
    request->job = (struct meta_job){
        .desk = &request->jetstream->desk,
        .finished = put_finished,
        .kind = kind,
        .key = slice_of(request->key),
        .value = slice_of(request->value),
    };
    meta_put(request->jetstream->meta, &request->job);
}
