/* Endpoints about streams. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "core/topic.h"
#include "jetstream/api.h"

enum {
    NAMES_LIMIT = 1024,
    LIST_LIMIT = 256,
    DETAILS_LIMIT = 100000,
    DELETED_RUNS_LIMIT = 4096,
};

/* $JS.API.INFO */

struct account {
    double memory, storage, streams, consumers;
};

static void count_stream(struct account *account, struct stream *stream)
{
    struct stream_state state;
    stream_get_state(stream, &state);
    *(stream_is_durable(stream) ? &account->storage : &account->memory) += (double)state.byte_count;
    account->streams++;
    account->consumers += stream_consumer_count(stream);
}

/* Those of the user who asks. What he may keep is one sum of both storages. */
static cJSON *limits_json(const struct quota_limits *limits)
{
    double bytes_max = limits->bytes_max ? (double)limits->bytes_max : -1;
    double streams_max = limits->streams_max ? (double)limits->streams_max : -1;
    const struct {
        const char *name;
        double value;
    } rows[] = {
        { "max_memory", bytes_max },
        { "max_storage", bytes_max },
        { "max_streams", streams_max },
        { "max_consumers", -1 },
        { "max_ack_pending", -1 },
        { "memory_max_stream_bytes", -1 },
        { "storage_max_stream_bytes", -1 },
    };
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json = answer_add_number(json, rows[i].name, rows[i].value);
    return answer_add(json, "max_bytes_required", cJSON_CreateFalse());
}

/* What is counted: where the user has limits, the streams that count for them; else those that he may look at. */
static bool is_counted(const struct request *request, const struct quota_limits *limits, struct stream *stream)
{
    struct stream_settings settings;
    if (!limits->streams_max && !limits->bytes_max)
        return access_may_look(request->rights, stream);
    if (stream_get_settings(stream, &settings) != 0)
        return false;
    const char *owner = settings_owner(&settings);
    bool is_his = owner && slice_is(request->user, owner);
    settings_finish(&settings);
    return is_his;
}

static struct quota_limits limits_of(const struct request *request)
{
    struct stream_use use = { .streams = 0 };
    char *user = request->user.size ? strndup(request->user.data, request->user.size) : NULL;
    if (user)
        stream_registry_get_use(request->jetstream->registry, user, &use);
    free(user);
    return use.limits;
}

/* Each worker counts its own. */
static void visit_counts(struct request *request, struct jetstream *here)
{
    request->count += here->broker->counters->api_requests;
    request->sequence += here->broker->counters->api_errors;
}

static cJSON *api_counts(const struct request *request)
{
    cJSON *json = answer_add_number(cJSON_CreateObject(), "total", (double)request->count);
    return answer_add_number(json, "errors", (double)request->sequence);
}

static void answer_info(struct request *request)
{
    struct account account = { 0 };
    const struct quota_limits limits = limits_of(request);
    size_t count = 0;
    struct stream **streams = stream_registry_list(request->jetstream->registry, &count);
    for (size_t i = 0; streams && i < count; i++) {
        if (is_counted(request, &limits, streams[i]))
            count_stream(&account, streams[i]);
        stream_destroy(streams[i]);
    }
    free(streams);
    cJSON *json = request_envelope(request);
    json = answer_add_number(json, "memory", account.memory);
    json = answer_add_number(json, "storage", account.storage);
    json = answer_add_number(json, "streams", account.streams);
    json = answer_add_number(json, "consumers", account.consumers);
    json = answer_add(json, "limits", limits_json(&limits));
    request_answer(request, answer_add(json, "api", api_counts(request)));
}

void api_info(struct request *request)
{
    request_survey(request, visit_counts, answer_info);
}

/* Changing streams: by the clerk, one after the other; then all workers tie or untie what has changed. */

/* What has changed it for good, by the error of the registry. */
static int fault_of(int error, int otherwise)
{
    switch (error) {
    case 0:
        return 0;
    case -ENOMEM:
        return API_INSUFFICIENT;
    case -EEXIST:
        return API_STREAM_EXISTS;
    case -ENOENT:
        return API_STREAM_NOT_FOUND;
    case -EADDRINUSE:
        return API_STREAM_OVERLAP;
    case -EDQUOT:
        return API_STREAMS_MAX;
    default:
        return otherwise;
    }
}

/* Whether the user who owns it may have it so, in the words of account limits. */
static int quota_fault(struct request *request)
{
    const struct stream_settings *settings = request->stream_settings;
    int error = stream_registry_may_keep(request->jetstream->registry, settings);
    if (error == -ENOSPC)
        return settings->storage == STREAM_MEMORY ? API_NO_MEMORY_LEFT : API_NO_STORAGE_LEFT;
    return fault_of(error, API_INSUFFICIENT);
}

static void set_fault(struct request *request, int fault, const char *sentence)
{
    request->fault = fault;
    snprintf(request->sentence, sizeof request->sentence, "%s", sentence ? sentence : "");
}

static const char *sentence_of(const struct request *request)
{
    return *request->sentence ? request->sentence : NULL;
}

/* Stores the settings as they have become. */
static void put_settings(struct request *request, struct stream *stream)
{
    struct stream_settings settings;
    if (!request->jetstream->meta)
        return;
    int error = stream_get_settings(stream, &settings);
    request->key = strdup(stream_name(stream));
    request->value = error ? NULL : settings_save(&settings);
    if (!error)
        settings_finish(&settings);
    if (request->key && request->value)
        request_put(request, "stream");
    else
        set_fault(request, API_INSUFFICIENT, NULL);
}

/* CREATE and UPDATE. */

static bool read_settings(struct request *request)
{
    char room[256] = "";
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request->json, "name");
    const cJSON *replicas = cJSON_GetObjectItemCaseSensitive(request->json, "num_replicas");
    struct stream_settings *settings = calloc(1, sizeof *settings);
    int fault = settings ? 0 : API_INSUFFICIENT;
    request->stream_settings = settings;
    if (!fault && (!cJSON_IsString(name) || !slice_is(request->names[0], name->valuestring)))
        fault = API_STREAM_MISMATCH;
    if (!fault && cJSON_IsNumber(replicas) && replicas->valuedouble > 1)
        fault = API_REPLICAS;
    int error = fault ? 0 : settings_from_json(settings, request->json, room);
    const char *wrong = fault || error ? NULL : settings_check(settings, room);
    if (error == -ENOMEM)
        fault = API_INSUFFICIENT;
    else if (error || wrong)
        fault = API_STREAM_CONFIG;
    if (fault)
        request_fail(request, fault, wrong ? wrong : *room ? room : NULL);
    return !fault;
}

/* The stream that was changed, with a reference; NULL: it was not, and the request has failed. */
static struct stream *changed_stream(struct request *request)
{
    int fault = request->fault;
    if (!fault)
        return request_stream(request);
    if (fault == API_STREAMS_MAX || fault == API_NO_STORAGE_LEFT || fault == API_NO_MEMORY_LEFT)
        request->jetstream->broker->counters->quota_refusals++;
    request_fail(request, request->fault, sentence_of(request));
    return NULL;
}

static void answer_created(struct request *request)
{
    struct stream *stream = changed_stream(request);
    if (!stream)
        return;
    cJSON *json = answer_add_stream(request_envelope(request), stream, NULL);
    stream_destroy(stream);
    request_answer(request, request->was_there ? json : answer_add(json, "did_create", cJSON_CreateTrue()));
}

static const char *why_not_opened(int error)
{
    return error == -ENODEV ? "streams in files need a directory: set server.data_dir, or storage to memory"
                            : strerror(-error);
}

/* One that is there with the same settings is good. */
static int compare_with_present(struct request *request)
{
    struct stream_settings present;
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    int fault = stream ? API_INSUFFICIENT : API_STREAM_NOT_FOUND;
    request->was_there = true;
    if (stream && stream_get_settings(stream, &present) == 0) {
        fault = settings_equal(&present, request->stream_settings) ? 0 : API_STREAM_EXISTS;
        settings_finish(&present);
    }
    stream_destroy(stream);
    return fault;
}

/* Dead letters are the business of whoever made the stream that they are from. */
static const char *owner_of_dead(const struct stream_settings *grave, struct stream_registry *registry,
                                 struct stream_settings *ret_settings)
{
    struct slice prefix = slice_of(DEAD_STREAM), name = slice_of(grave->name);
    struct stream *stream = NULL;
    *ret_settings = (struct stream_settings){ .name = NULL };
    if (slice_starts_with(name, prefix))
        stream = stream_registry_find(registry, slice_make(name.data + prefix.size, name.size - prefix.size));
    bool known = stream && stream_get_settings(stream, ret_settings) == 0;
    stream_destroy(stream);
    return known ? settings_owner(ret_settings) : NULL;
}

/* 0 or -ENOMEM. What the server asks for is nobody's, but for dead letters. */
static int set_owner(struct request *request)
{
    struct stream_settings *settings = request->stream_settings, source = { .name = NULL };
    settings->owner = request->user.size ? strndup(request->user.data, request->user.size) : NULL;
    if (request->user.size)
        return settings->owner ? 0 : -ENOMEM;
    const char *owner = owner_of_dead(settings, request->jetstream->registry, &source);
    int error = settings_set_text(&settings->owner, owner);
    settings_finish(&source);
    return error;
}

/* What the server makes for dead letters is not refused: they would be lost otherwise, or wait for ever. */
static int judge_new(struct request *request)
{
    struct stream *stream = stream_registry_find(request->jetstream->registry, request->names[0]);
    bool is_there = stream != NULL;
    stream_destroy(stream);
    return is_there || !request->user.size ? 0 : quota_fault(request);
}

static void create(struct request *request)
{
    struct stream *stream;
    int error = set_owner(request), fault = error ? 0 : judge_new(request);
    if (fault) {
        set_fault(request, fault, NULL);
        return;
    }
    if (!error)
        error = stream_registry_add(request->jetstream->registry, request->stream_settings, &stream);
    if (error == -EEXIST) {
        set_fault(request, compare_with_present(request), NULL);
    } else if (error) {
        set_fault(request, fault_of(error, API_STREAM_CREATE), fault_of(error, 0) ? NULL : why_not_opened(error));
    } else {
        put_settings(request, stream);
        stream_destroy(stream);
    }
}

void stream_create_api(struct request *request)
{
    if (!read_settings(request))
        return;
    request->stream_settings->created_ms = broker_wall_ms(request->jetstream->broker);
    request_change(request, create, answer_created);
}

static void answer_updated(struct request *request)
{
    struct stream *stream = changed_stream(request);
    if (!stream)
        return;
    cJSON *json = answer_add_stream(request_envelope(request), stream, NULL);
    stream_destroy(stream);
    request_answer(request, json);
}

/* What is left as it was, and what the file of the configuration has is its own. */
static void take_over(struct request *request, const struct stream_settings *present)
{
    char room[256];
    struct stream_settings *settings = request->stream_settings;
    settings->created_ms = present->created_ms;
    if (settings_set_text(&settings->owner, present->owner) != 0) {
        set_fault(request, API_INSUFFICIENT, NULL);
        return;
    }
    if (!cJSON_HasObjectItem(request->json, "sync")) {
        settings->sync = present->sync;
        settings->sync_interval_ms = present->sync_interval_ms;
    }
    const char *wrong = present->from_configuration ? "the configuration has this stream: change it there"
                                                    : settings_check_change(present, settings, room);
    int fault = wrong ? API_STREAM_CONFIG : quota_fault(request);
    if (fault)
        set_fault(request, fault, wrong);
}

static void update(struct request *request)
{
    struct stream_settings present;
    struct stream_registry *registry = request->jetstream->registry;
    struct stream *stream = stream_registry_find(registry, request->names[0]);
    int error = stream ? stream_get_settings(stream, &present) : -ENOENT;
    if (!error) {
        take_over(request, &present);
        settings_finish(&present);
        if (!request->fault)
            error = stream_registry_change(registry, request->stream_settings);
    }
    if (error)
        set_fault(request, fault_of(error, API_STREAM_UPDATE), NULL);
    else if (!request->fault)
        put_settings(request, stream);
    stream_destroy(stream);
}

void stream_update_api(struct request *request)
{
    if (read_settings(request))
        request_change(request, update, answer_updated);
}

/* DELETE. */

static void answer_success(struct request *request)
{
    if (request->fault)
        request_fail(request, request->fault, sentence_of(request));
    else
        request_answer(request, answer_add(request_envelope(request), "success", cJSON_CreateTrue()));
}

static void delete(struct request *request)
{
    struct stream_settings present;
    struct stream_registry *registry = request->jetstream->registry;
    struct stream *stream = stream_registry_find(registry, request->names[0]);
    int error = stream ? stream_get_settings(stream, &present) : -ENOENT;
    if (!error) {
        if (present.from_configuration)
            set_fault(request, API_STREAM_DELETE, "the configuration has this stream: take it out there");
        request->key = strdup(present.name);
        settings_finish(&present);
    }
    if (!error && !request->key)
        error = -ENOMEM;
    if (!error && !request->fault)
        error = stream_registry_remove(registry, request->key);
    if (error)
        set_fault(request, fault_of(error, API_STREAM_DELETE), NULL);
    else if (!request->fault && request->jetstream->meta)
        request_put(request, "stream");
    stream_destroy(stream);
}

void stream_delete_api(struct request *request)
{
    request_change(request, delete, answer_success);
}

/* PURGE. */

static void answer_purged(struct request *request)
{
    cJSON *json = answer_add(request_envelope(request), "success", cJSON_CreateTrue());
    request_answer(request, answer_add_number(json, "purged", (double)request->count));
}

/* A sentence that says why it may not be; NULL: it may. */
static const char *refuses_purge(struct stream *stream, int *ret_fault)
{
    struct stream_settings settings;
    const char *why = NULL;
    *ret_fault = 0;
    if (stream_get_settings(stream, &settings) != 0) {
        *ret_fault = API_INSUFFICIENT;
        return NULL;
    }
    if (settings.sealed)
        *ret_fault = API_SEALED;
    else if (settings.deny_purge)
        why = "stream configured to deny purge";
    if (why)
        *ret_fault = API_PURGE;
    settings_finish(&settings);
    return why;
}

void stream_purge_api(struct request *request)
{
    struct slice filter;
    uint64_t below, keep;
    int fault;
    struct stream *stream;
    const struct topic_limits *limits = &request->jetstream->broker->limits.topic;
    if (!request_text(request, "filter", &filter) || !request_number(request, "seq", &below) ||
        !request_number(request, "keep", &keep) || !(stream = request_stream(request)))
        return;
    const char *why = refuses_purge(stream, &fault);
    if (!fault && ((below && keep) || (filter.size && !pattern_valid(filter, limits))))
        fault = API_BAD_REQUEST;
    if (fault) {
        request_fail(request, fault, why);
    } else {
        request->count = stream_purge(stream, filter, below, keep);
        request_settle(request, stream, answer_purged);
    }
    stream_destroy(stream);
}

/* INFO. */

struct details {
    const struct rights *rights;
    cJSON *topics;
    uint64_t offset, seen;
    bool full, failed;
};

/* That there is such a topic. */
static bool may_know(const struct rights *rights, struct slice topic)
{
    return rights_give(rights, RIGHT_MONITOR) || rights_may_read(rights, topic) || rights_may_publish(rights, topic);
}

static bool add_topic(void *arg, const struct stream_topic *topic)
{
    struct details *details = arg;
    char *name;
    if (!may_know(details->rights, topic->topic))
        return true;
    if (details->seen++ < details->offset || details->full)
        return true;
    name = strndup(topic->topic.data, topic->topic.size);
    details->failed = !name || !cJSON_AddNumberToObject(details->topics, name, (double)topic->message_count);
    details->full = details->seen - details->offset >= DETAILS_LIMIT;
    free(name);
    return !details->failed;
}

static cJSON *topics_of(struct stream *stream, struct slice pattern, struct details *details)
{
    details->topics = cJSON_CreateObject();
    if (details->topics)
        stream_visit_topics(stream, pattern, add_topic, details);
    if (details->failed || details->seen <= details->offset) {
        cJSON_Delete(details->topics);
        details->topics = NULL;
    }
    return details->topics;
}

/* The first sequence in (after, last] for which of (after, sequence] is not kept all, or else nothing. Found by
 * halving: counting is quick, however much there is. last + 1: there is none. */
static uint64_t first_unlike(struct stream *stream, uint64_t after, uint64_t last, bool all)
{
    uint64_t low = after, high = last + 1, behind = stream_count_after(stream, after);
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2, kept = behind - stream_count_after(stream, middle);
        if (kept == (all ? middle - after : 0))
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Some thousand runs of them at most. */
static cJSON *deleted_of(struct stream *stream)
{
    struct stream_state state;
    cJSON *array = cJSON_CreateArray();
    unsigned left = DELETED_RUNS_LIMIT, room = DETAILS_LIMIT;
    stream_get_state(stream, &state);
    for (uint64_t at = state.first_sequence - 1; array && at < state.last_sequence && left-- > 0;) {
        uint64_t first = first_unlike(stream, at, state.last_sequence, true);
        at = first <= state.last_sequence ? first_unlike(stream, first - 1, state.last_sequence, false) - 1 : first;
        for (; first <= at && first <= state.last_sequence && room > 0; first++, room--)
            cJSON_AddItemToArray(array, cJSON_CreateNumber((double)first));
        if (!room)
            break;
    }
    return array;
}

void stream_info_api(struct request *request)
{
    struct details details = { .rights = request->rights };
    struct slice pattern;
    bool with_deleted;
    struct stream *stream;
    if (!request_text(request, "subjects_filter", &pattern) || !request_number(request, "offset", &details.offset) ||
        !request_flag(request, "deleted_details", &with_deleted) || !(stream = request_stream(request)))
        return;
    cJSON *topics = pattern.size ? topics_of(stream, pattern, &details) : NULL;
    cJSON *json = answer_add_page(request_envelope(request), topics ? (double)details.seen : 0,
                                  topics ? (double)details.offset : 0, topics ? DETAILS_LIMIT : 0);
    cJSON *members = topics || with_deleted ? cJSON_CreateObject() : NULL;
    if (topics)
        members = answer_add(members, "subjects", topics);
    cJSON *deleted = with_deleted ? deleted_of(stream) : NULL;
    if (deleted && deleted->child)
        members = answer_add(members, "deleted", deleted);
    else
        cJSON_Delete(deleted);
    json = answer_add_stream(json, stream, members);
    stream_destroy(stream);
    request_answer(request, json);
}

/* NAMES and LIST. */

/* True where the stream may keep a topic that a pattern names; "" asks for all. */
static bool stream_serves(struct stream *stream, struct slice pattern)
{
    struct stream_settings settings;
    bool serves = !pattern.size;
    if (serves || stream_get_settings(stream, &settings) != 0)
        return serves;
    for (unsigned i = 0; i < settings.topic_count && !serves; i++)
        serves = pattern_overlaps(slice_of(settings.topics[i]), pattern);
    settings_finish(&settings);
    return serves;
}

/* Those that are asked for, first; the others are let go. */
static size_t select_streams(const struct rights *rights, struct stream **streams, size_t count, struct slice pattern)
{
    size_t selected = 0;
    for (size_t i = 0; i < count; i++)
        if (stream_serves(streams[i], pattern) && access_may_look(rights, streams[i]))
            streams[selected++] = streams[i];
        else
            stream_destroy(streams[i]);
    return selected;
}

static cJSON *name_of_stream(struct stream *stream)
{
    return cJSON_CreateString(stream_name(stream));
}

static cJSON *info_of_stream(struct stream *stream)
{
    return answer_add_stream(cJSON_CreateObject(), stream, NULL);
}

static void list_streams(struct request *request, cJSON *(*tell)(struct stream *stream), size_t limit)
{
    struct slice pattern;
    double offset;
    size_t count = 0;
    if (!request_text(request, "subject", &pattern) || !request_offset(request, &offset))
        return;
    struct stream **streams = stream_registry_list(request->jetstream->registry, &count);
    count = streams ? select_streams(request->rights, streams, count, pattern) : 0;
    offset = offset < (double)count ? offset : (double)count;
    cJSON *json = answer_add_page(request_envelope(request), (double)count, offset, (double)limit);
    cJSON *array = count || tell == info_of_stream ? cJSON_CreateArray() : cJSON_CreateNull();
    for (size_t i = 0; i < count; i++) {
        cJSON *told = (double)i >= offset && (double)i < offset + (double)limit ? tell(streams[i]) : NULL;
        if (told)
            cJSON_AddItemToArray(array, told);
        stream_destroy(streams[i]);
    }
    free(streams);
    request_answer(request, answer_add(json, "streams", array));
}

void stream_names_api(struct request *request)
{
    list_streams(request, name_of_stream, NAMES_LIMIT);
}

void stream_list_api(struct request *request)
{
    list_streams(request, info_of_stream, LIST_LIMIT);
}
