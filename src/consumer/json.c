#include "consumer/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/moment.h"

#define NS_IN_MS 1000000.0
#define WHOLE_MAX 9007199254740992.0 /* beyond, JSON's numbers are no longer exact */

/* Words that stand for a number; the last has no word. */
struct word {
    const char *word;
    int value;
};

static const struct word starts[] = {
    { "all", CONSUMER_START_ALL },
    { "last", CONSUMER_START_LAST },
    { "new", CONSUMER_START_NEW },
    { "by_start_sequence", CONSUMER_START_SEQUENCE },
    { "by_start_time", CONSUMER_START_TIME },
    { "last_per_subject", CONSUMER_START_LAST_PER_TOPIC },
    { NULL, 0 },
};
static const struct word ack_policies[] = {
    { "none", CONSUMER_ACK_NONE },
    { "all", CONSUMER_ACK_ALL },
    { "explicit", CONSUMER_ACK_EXPLICIT },
    { NULL, 0 },
};
static const struct word replays[] = {
    { "instant", CONSUMER_REPLAY_INSTANT },
    { "original", CONSUMER_REPLAY_ORIGINAL },
    { NULL, 0 },
};

/* Members, in the order in which nats-server shows them. */
enum kind {
    TEXT,          /* char * */
    FLAG,          /* bool */
    NUMBER,        /* int64_t */
    COUNT,         /* uint64_t */
    DURATION,      /* uint64_t, milliseconds */
    MOMENT,        /* uint64_t, milliseconds */
    WORD,          /* enum: an int */
    METADATA,      /* char *, an object */
    DURABLE_NAME,  /* these four are fields of more than one member, or more than one field */
    BACKOFF,
    FILTER,
    FILTERS,
};

static const struct member {
    const char *name;
    enum kind kind;
    size_t at;
    const struct word *words;
} members[] = {
#define AT(field) offsetof(struct consumer_settings, field)
    { "durable_name", DURABLE_NAME, AT(name), NULL },
    { "name", TEXT, AT(name), NULL },
    { "description", TEXT, AT(description), NULL },
    { "deliver_policy", WORD, AT(start), starts },
    { "opt_start_seq", COUNT, AT(start_sequence), NULL },
    { "opt_start_time", MOMENT, AT(start_time_ms), NULL },
    { "ack_policy", WORD, AT(ack_policy), ack_policies },
    { "ack_wait", DURATION, AT(ack_wait_ms), NULL },
    { "max_deliver", NUMBER, AT(max_deliver), NULL },
    { "backoff", BACKOFF, AT(backoff_ms), NULL },
    { "filter_subject", FILTER, AT(filters), NULL },
    { "filter_subjects", FILTERS, AT(filters), NULL },
    { "replay_policy", WORD, AT(replay), replays },
    { "rate_limit_bps", COUNT, AT(rate_limit_bps), NULL },
    { "sample_freq", TEXT, AT(sample_frequency), NULL },
    { "max_waiting", NUMBER, AT(max_waiting), NULL },
    { "max_ack_pending", NUMBER, AT(max_ack_pending), NULL },
    { "idle_heartbeat", DURATION, AT(idle_heartbeat_ms), NULL },
    { "flow_control", FLAG, AT(flow_control), NULL },
    { "headers_only", FLAG, AT(headers_only), NULL },
    { "max_batch", NUMBER, AT(max_batch), NULL },
    { "max_expires", DURATION, AT(max_expires_ms), NULL },
    { "max_bytes", NUMBER, AT(max_bytes), NULL },
    { "deliver_subject", TEXT, AT(deliver_topic), NULL },
    { "deliver_group", TEXT, AT(deliver_group), NULL },
    { "inactive_threshold", DURATION, AT(inactive_threshold_ms), NULL },
    { "mem_storage", FLAG, AT(memory_storage), NULL },
    { "metadata", METADATA, AT(metadata), NULL },
#undef AT
};

enum { MEMBER_COUNT = sizeof members / sizeof *members };

/* Reading. Each returns 0, -ENOMEM, or -EINVAL where the value is of the wrong type. */

static void *field_of(struct consumer_settings *settings, const struct member *member)
{
    return (char *)settings + member->at;
}

static int copy_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

/* "" is what is not there. */
static int read_text(char **field, const cJSON *json)
{
    if (!cJSON_IsString(json))
        return -EINVAL;
    return *json->valuestring ? copy_text(field, json->valuestring) : 0;
}

static bool is_whole(const cJSON *json)
{
    return cJSON_IsNumber(json) && json->valuedouble >= -WHOLE_MAX && json->valuedouble <= WHOLE_MAX &&
           json->valuedouble == (double)(int64_t)json->valuedouble;
}

static int read_number(int64_t *field, const cJSON *json)
{
    if (!is_whole(json))
        return -EINVAL;
    *field = (int64_t)json->valuedouble;
    return 0;
}

static int read_count(uint64_t *field, const cJSON *json)
{
    if (!is_whole(json) || json->valuedouble < 0)
        return -EINVAL;
    *field = (uint64_t)json->valuedouble;
    return 0;
}

/* Less than a millisecond counts as one: 0 would mean something else. */
static int read_duration(uint64_t *field, const cJSON *json)
{
    if (!cJSON_IsNumber(json) || json->valuedouble < 0 || json->valuedouble > 1e19)
        return -EINVAL;
    *field = (uint64_t)(json->valuedouble / NS_IN_MS);
    *field += (double)*field * NS_IN_MS < json->valuedouble;
    return 0;
}

static int read_moment(uint64_t *field, const cJSON *json)
{
    return cJSON_IsString(json) && moment_parse(slice_of(json->valuestring), field) ? 0 : -EINVAL;
}

static int read_word(int *field, const cJSON *json, const struct word *words)
{
    if (!cJSON_IsString(json))
        return -EINVAL;
    for (; words->word; words++)
        if (strcmp(words->word, json->valuestring) == 0) {
            *field = words->value;
            return 0;
        }
    return -EINVAL;
}

static int read_metadata(char **field, const cJSON *json)
{
    if (!cJSON_IsObject(json))
        return -EINVAL;
    char *text = cJSON_PrintUnformatted(json);
    if (!text)
        return -ENOMEM;
    free(*field);
    *field = text;
    return 0;
}

static int read_backoff(struct consumer_settings *settings, const cJSON *json)
{
    int count = cJSON_GetArraySize(json);
    const cJSON *item;
    if (!cJSON_IsArray(json) || count > CONSUMER_BACKOFF_LIMIT)
        return -EINVAL;
    if (!count)
        return 0;
    settings->backoff_ms = calloc((size_t)count, sizeof *settings->backoff_ms);
    if (!settings->backoff_ms)
        return -ENOMEM;
    cJSON_ArrayForEach(item, json) {
        int error = read_duration(&settings->backoff_ms[settings->backoff_count], item);
        if (error)
            return error;
        settings->backoff_count++;
    }
    return 0;
}

static int add_filter(struct consumer_settings *settings, const cJSON *json)
{
    if (!cJSON_IsString(json))
        return -EINVAL;
    char **filters = realloc(settings->filters, (settings->filter_count + 1) * sizeof *filters);
    if (!filters)
        return -ENOMEM;
    settings->filters = filters;
    filters[settings->filter_count] = NULL;
    int error = copy_text(&filters[settings->filter_count], json->valuestring);
    settings->filter_count += !error;
    return error;
}

static int read_filters(struct consumer_settings *settings, const cJSON *json)
{
    const cJSON *item;
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) > CONSUMER_FILTER_LIMIT)
        return -EINVAL;
    cJSON_ArrayForEach(item, json) {
        int error = add_filter(settings, item);
        if (error)
            return error;
    }
    return 0;
}

static int read_filter(struct consumer_settings *settings, const cJSON *json)
{
    return cJSON_IsString(json) && !*json->valuestring ? 0 : add_filter(settings, json);
}

/* A consumer whose durable name is given outlives its users, and that is its name. */
static int read_durable_name(struct consumer_settings *settings, const cJSON *json)
{
    int error = read_text(&settings->name, json);
    settings->durable = !error && *json->valuestring;
    return error;
}

static int read_member(struct consumer_settings *settings, const struct member *member, const cJSON *json)
{
    void *field = field_of(settings, member);
    switch (member->kind) {
    case TEXT:
        return read_text(field, json);
    case FLAG:
        *(bool *)field = cJSON_IsTrue(json);
        return cJSON_IsBool(json) ? 0 : -EINVAL;
    case NUMBER:
        return read_number(field, json);
    case COUNT:
        return read_count(field, json);
    case DURATION:
        return read_duration(field, json);
    case MOMENT:
        return read_moment(field, json);
    case WORD:
        return read_word(field, json, member->words);
    case METADATA:
        return read_metadata(field, json);
    case DURABLE_NAME:
        return read_durable_name(settings, json);
    case BACKOFF:
        return read_backoff(settings, json);
    case FILTER:
        return read_filter(settings, json);
    case FILTERS:
        return read_filters(settings, json);
    }
    return -EINVAL;
}

int consumer_settings_from_json(struct consumer_settings *settings, const cJSON *json,
                                char room[CONSUMER_FAULT_TEXT_SIZE])
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, members[i].name);
        int error = item && !cJSON_IsNull(item) ? read_member(settings, &members[i], item) : 0;
        if (error == -EINVAL)
            snprintf(room, CONSUMER_FAULT_TEXT_SIZE, "%s has a value that it cannot have", members[i].name);
        if (error)
            return error;
    }
    const cJSON *created = cJSON_GetObjectItemCaseSensitive(json, "created");
    if (created)
        read_moment(&settings->created_ms, created);
    return 0;
}

/* Writing. Each is false where memory has run out. What is not set is left out. */

/* cJSON would write large numbers with an exponent, which is no integer to some. */
static cJSON *number_json(double number)
{
    char text[32];
    if (number < 1e15 || number > 1e19)
        return cJSON_CreateNumber(number);
    snprintf(text, sizeof text, "%.0f", number);
    return cJSON_CreateRaw(text);
}

static bool add_number(cJSON *json, const char *name, double number)
{
    return number == 0 || cJSON_AddItemToObject(json, name, number_json(number));
}

static bool add_text(cJSON *json, const char *name, const char *text)
{
    return !text || cJSON_AddStringToObject(json, name, text);
}

static bool add_moment(cJSON *json, const char *name, uint64_t time_ms)
{
    char text[MOMENT_SIZE + 1];
    if (!time_ms)
        return true;
    *moment_write(text, time_ms) = '\0';
    return cJSON_AddStringToObject(json, name, text);
}

static bool add_word(cJSON *json, const char *name, int value, const struct word *words)
{
    while (words->word && words->value != value)
        words++;
    return cJSON_AddStringToObject(json, name, words->word ? words->word : "");
}

static bool add_metadata(cJSON *json, const char *name, const char *text)
{
    cJSON *object = text ? cJSON_Parse(text) : NULL;
    if (text && !object)
        return false;
    return !text || cJSON_AddItemToObject(json, name, object);
}

static bool add_backoff(cJSON *json, const struct consumer_settings *settings)
{
    cJSON *array = settings->backoff_count ? cJSON_AddArrayToObject(json, "backoff") : NULL;
    for (unsigned i = 0; i < settings->backoff_count; i++)
        if (!cJSON_AddItemToArray(array, number_json((double)settings->backoff_ms[i] * NS_IN_MS)))
            return false;
    return true;
}

static bool add_filters(cJSON *json, const struct consumer_settings *settings)
{
    if (settings->filter_count < 2)
        return true;
    cJSON *array = cJSON_CreateStringArray((const char *const *)settings->filters, (int)settings->filter_count);
    return array && cJSON_AddItemToObject(json, "filter_subjects", array);
}

static bool add_member(cJSON *json, const struct consumer_settings *settings, const struct member *member)
{
    const void *field = (const char *)settings + member->at;
    switch (member->kind) {
    case TEXT:
        return add_text(json, member->name, *(char *const *)field);
    case FLAG:
        return !*(const bool *)field || cJSON_AddTrueToObject(json, member->name);
    case NUMBER:
        return add_number(json, member->name, (double)*(const int64_t *)field);
    case COUNT:
        return add_number(json, member->name, (double)*(const uint64_t *)field);
    case DURATION:
        return add_number(json, member->name, (double)*(const uint64_t *)field * NS_IN_MS);
    case MOMENT:
        return add_moment(json, member->name, *(const uint64_t *)field);
    case WORD:
        return add_word(json, member->name, *(const int *)field, member->words);
    case METADATA:
        return add_metadata(json, member->name, *(char *const *)field);
    case DURABLE_NAME:
        return !settings->durable || add_text(json, member->name, settings->name);
    case BACKOFF:
        return add_backoff(json, settings);
    case FILTER:
        return settings->filter_count != 1 || add_text(json, member->name, settings->filters[0]);
    case FILTERS:
        return add_filters(json, settings);
    }
    return false;
}

cJSON *consumer_settings_to_json(const struct consumer_settings *settings)
{
    cJSON *json = cJSON_CreateObject();
    bool good = json;
    for (size_t i = 0; good && i < MEMBER_COUNT; i++)
        good = add_member(json, settings, &members[i]);
    if (good && cJSON_AddNumberToObject(json, "num_replicas", 0))
        return json;
    cJSON_Delete(json);
    return NULL;
}
