/* Settings as JSON: a table of the fields, in the order in which nats-server shows them. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "stream/settings.h"
#include "util/json_tree.h"
#include "util/units.h"

enum { SENTENCE_SIZE = 256, NS_PER_MS = 1000000 };

/* cJSON writes larger numbers with an exponent, which clients do not take for whole ones. */
#define PLAIN_NUMBER_MAX 999999999999999u

enum kind {
    TEXT,
    TOPICS,
    WORD,     /* an enumeration */
    COUNT,    /* -1: no bound */
    DURATION, /* in nanoseconds */
    FLAG,
    FLAG_IF,  /* shown only where it is set */
    SYNC,
    METADATA,
    FIXED,    /* what it is for every stream: a JSON value */
};

struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *const *words;
    const char *fixed;
};

static const char *const storage_words[] = { "file", "memory", NULL };
static const char *const retention_words[] = { "limits", "interest", "workqueue", NULL };
static const char *const discard_words[] = { "old", "new", NULL };

#define AT(field) offsetof(struct stream_settings, field)

static const struct field fields[] = {
    { "name", TEXT, AT(name), NULL, NULL },
    { "description", TEXT, AT(description), NULL, NULL },
    { "subjects", TOPICS, AT(topics), NULL, NULL },
    { "retention", WORD, AT(retention), retention_words, NULL },
    { "max_consumers", COUNT, AT(consumers_max), NULL, NULL },
    { "max_msgs", COUNT, AT(messages_max), NULL, NULL },
    { "max_bytes", COUNT, AT(bytes_max), NULL, NULL },
    { "max_age", DURATION, AT(age_max_ms), NULL, NULL },
    { "max_msgs_per_subject", COUNT, AT(messages_per_topic_max), NULL, NULL },
    { "max_msg_size", COUNT, AT(message_size_max), NULL, NULL },
    { "discard", WORD, AT(discard), discard_words, NULL },
    { "storage", WORD, AT(storage), storage_words, NULL },
    { "num_replicas", FIXED, 0, NULL, "1" },
    { "duplicate_window", DURATION, AT(duplicate_window_ms), NULL, NULL },
    { "compression", FIXED, 0, NULL, "\"none\"" },
    { "allow_direct", FLAG, AT(allow_direct), NULL, NULL },
    { "mirror_direct", FIXED, 0, NULL, "false" },
    { "discard_new_per_subject", FLAG_IF, AT(discard_new_per_topic), NULL, NULL },
    { "sealed", FLAG, AT(sealed), NULL, NULL },
    { "deny_delete", FLAG, AT(deny_delete), NULL, NULL },
    { "deny_purge", FLAG, AT(deny_purge), NULL, NULL },
    { "allow_rollup_hdrs", FLAG, AT(allow_rollup), NULL, NULL },
    { "consumer_limits", FIXED, 0, NULL, "{}" },
    { "metadata", METADATA, AT(metadata), NULL, NULL },
    { "sync", SYNC, AT(sync), NULL, NULL },
};

enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

/* What would be something else than what clients ask for, if it were ignored. */
static const struct refusal {
    const char *name, *sentence;
} refusals[] = {
    { "mirror", "streams that mirror another are not supported" },
    { "sources", "streams with sources are not supported" },
    { "republish", "republish is not supported" },
    { "subject_transform", "subject_transform is not supported" },
    { "no_ack", "no_ack is not supported: a stream acknowledges what asks for it" },
    { "consumer_limits", "consumer_limits are not supported" },
    { "allow_msg_ttl", "allow_msg_ttl is not supported" },
    { "subject_delete_marker_ttl", "subject_delete_marker_ttl is not supported" },
    { "allow_msg_counter", "allow_msg_counter is not supported" },
    { "allow_atomic", "allow_atomic is not supported" },
    { "allow_batched", "allow_batched is not supported" },
    { "allow_msg_schedules", "allow_msg_schedules is not supported" },
};

static void *place_of(const struct stream_settings *settings, const struct field *field)
{
    return (char *)settings + field->offset;
}

/* Writing. */

static bool add(cJSON *json, const char *name, cJSON *item)
{
    if (item && cJSON_AddItemToObject(json, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *number_json(uint64_t number)
{
    char text[24];
    if (number <= PLAIN_NUMBER_MAX)
        return cJSON_CreateNumber((double)number);
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return cJSON_CreateRaw(text);
}

static cJSON *sync_json(const struct stream_settings *settings)
{
    char text[UNITS_TEXT_SIZE];
    if (settings->sync == LOG_SYNC_INTERVAL)
        return cJSON_CreateString(units_format_duration(settings->sync_interval_ms * NS_PER_MS, text));
    return cJSON_CreateString(settings->sync == LOG_SYNC_ALWAYS ? "always" : "never");
}

static cJSON *value_json(const struct stream_settings *settings, const struct field *field)
{
    const void *place = place_of(settings, field);
    uint64_t count;
    switch (field->kind) {
    case TEXT: return cJSON_CreateString(*(char *const *)place);
    case TOPICS: return cJSON_CreateStringArray((const char *const *)settings->topics, (int)settings->topic_count);
    case WORD: return cJSON_CreateString(field->words[*(const unsigned *)place]);
    case COUNT: return (count = *(const uint64_t *)place) ? number_json(count) : cJSON_CreateNumber(-1);
    case DURATION: return number_json(*(const uint64_t *)place * NS_PER_MS);
    case FLAG:
    case FLAG_IF: return cJSON_CreateBool(*(const bool *)place);
    case SYNC: return sync_json(settings);
    case METADATA: return cJSON_Parse(settings->metadata);
    case FIXED: return cJSON_Parse(field->fixed);
    }
    return NULL;
}

/* Texts that are not there, and some flags, are not shown. */
static bool is_shown(const struct stream_settings *settings, const struct field *field)
{
    if (field->kind == TEXT || field->kind == METADATA)
        return *(char *const *)place_of(settings, field) != NULL;
    return field->kind != FLAG_IF || *(const bool *)place_of(settings, field);
}

cJSON *settings_to_json(const struct stream_settings *settings)
{
    cJSON *json = cJSON_CreateObject();
    for (unsigned i = 0; json && i < FIELD_COUNT; i++)
        if (is_shown(settings, &fields[i]) && !add(json, fields[i].name, value_json(settings, &fields[i]))) {
            cJSON_Delete(json);
            return NULL;
        }
    return json;
}

/* Reading. Each returns 0, -ENOMEM, or -EINVAL and a sentence in room. */

static int refuse(char room[SENTENCE_SIZE], const char *name, const char *expected)
{
    snprintf(room, SENTENCE_SIZE, "\"%.64s\" is to be %s", name, expected);
    return -EINVAL;
}

static int read_text(const struct field *field, const cJSON *item, char **place, char room[SENTENCE_SIZE])
{
    if (!cJSON_IsString(item))
        return refuse(room, field->name, "a text");
    return *item->valuestring ? settings_set_text(place, item->valuestring) : 0;
}

static int read_topics(struct stream_settings *settings, const cJSON *json, char room[SENTENCE_SIZE])
{
    const cJSON *item;
    int error = cJSON_IsArray(json) ? 0 : refuse(room, "subjects", "a list of patterns");
    if (!error)
        cJSON_ArrayForEach(item, json)
            if (!error)
                error = cJSON_IsString(item) ? settings_add_topic(settings, item->valuestring)
                                             : refuse(room, "subjects", "a list of patterns");
    return error;
}

static int read_word(const struct field *field, const cJSON *item, unsigned *place, char room[SENTENCE_SIZE])
{
    for (unsigned i = 0; cJSON_IsString(item) && field->words[i]; i++)
        if (strcmp(item->valuestring, field->words[i]) == 0) {
            *place = i;
            return 0;
        }
    char words[64];
    snprintf(words, sizeof words, "%s%s%s or %s", field->words[2] ? field->words[2] : "", field->words[2] ? ", " : "",
             field->words[0], field->words[1]);
    return refuse(room, field->name, words);
}

static int read_number(const struct field *field, const cJSON *item, double *ret_number, char room[SENTENCE_SIZE])
{
    double number = cJSON_IsNumber(item) ? item->valuedouble : 0.5;
    if (!(number >= -9e18 && number <= 9e18) || (double)(int64_t)number != number)
        return refuse(room, field->name, "a whole number");
    *ret_number = number;
    return 0;
}

static int read_count(const struct field *field, const cJSON *item, uint64_t *place, char room[SENTENCE_SIZE])
{
    double number = 0;
    int error = read_number(field, item, &number, room);
    if (!error)
        *place = number > 0 ? (uint64_t)number : 0;
    return error;
}

static int read_duration(const struct field *field, const cJSON *item, uint64_t *place, char room[SENTENCE_SIZE])
{
    double number = 0;
    int error = read_number(field, item, &number, room);
    if (!error && number < 0)
        error = refuse(room, field->name, "a number of nanoseconds, and not below 0");
    if (!error)
        *place = ((uint64_t)number + NS_PER_MS - 1) / NS_PER_MS;
    return error;
}

static int read_sync(struct stream_settings *settings, const cJSON *item, char room[SENTENCE_SIZE])
{
    uint64_t interval_ns = 0;
    if (!cJSON_IsString(item))
        return refuse(room, "sync", "always, never, or a duration such as 1s");
    if (strcmp(item->valuestring, "always") == 0)
        settings->sync = LOG_SYNC_ALWAYS;
    else if (strcmp(item->valuestring, "never") == 0)
        settings->sync = LOG_SYNC_NEVER;
    else if (units_parse_duration(item->valuestring, &interval_ns) && interval_ns)
        settings->sync = LOG_SYNC_INTERVAL;
    else
        return refuse(room, "sync", "always, never, or a duration such as 1s");
    settings->sync_interval_ms = (interval_ns + NS_PER_MS - 1) / NS_PER_MS;
    return 0;
}

static int read_metadata(struct stream_settings *settings, const cJSON *json, char room[SENTENCE_SIZE])
{
    const cJSON *item;
    bool is_good = cJSON_IsObject(json);
    if (is_good)
        cJSON_ArrayForEach(item, json)
            is_good &= (bool)cJSON_IsString(item);
    if (!is_good)
        return refuse(room, "metadata", "an object of texts");
    if (!json->child)
        return 0;
    free(settings->metadata);
    settings->metadata = cJSON_PrintUnformatted(json);
    return settings->metadata ? 0 : -ENOMEM;
}

static int read_field(struct stream_settings *settings, const struct field *field, const cJSON *item,
                      char room[SENTENCE_SIZE])
{
    void *place = place_of(settings, field);
    switch (field->kind) {
    case TEXT: return read_text(field, item, place, room);
    case TOPICS: return read_topics(settings, item, room);
    case WORD: return read_word(field, item, place, room);
    case COUNT: return read_count(field, item, place, room);
    case DURATION: return read_duration(field, item, place, room);
    case SYNC: return read_sync(settings, item, room);
    case METADATA: return read_metadata(settings, item, room);
    case FIXED: return 0;
    case FLAG:
    case FLAG_IF: break;
    }
    if (!cJSON_IsBool(item))
        return refuse(room, field->name, "true or false");
    *(bool *)place = cJSON_IsTrue(item);
    return 0;
}

static bool is_nothing(const cJSON *item)
{
    bool is_list = cJSON_IsArray(item) || cJSON_IsObject(item);
    return !item || cJSON_IsNull(item) || cJSON_IsFalse(item) || (cJSON_IsNumber(item) && item->valuedouble == 0) ||
           (cJSON_IsString(item) && !*item->valuestring) || (is_list && !item->child);
}

/* An object may say of each of its members that it wants nothing. */
static bool asks_for_something(const cJSON *item)
{
    const cJSON *member;
    if (!cJSON_IsObject(item))
        return !is_nothing(item);
    cJSON_ArrayForEach(member, item)
        if (!is_nothing(member))
            return true;
    return false;
}

static const cJSON *member_of(const cJSON *json, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

static double number_of(const cJSON *json, const char *name)
{
    const cJSON *item = member_of(json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* What is asked for and not done. */
static const char *find_refusal(const cJSON *json)
{
    for (unsigned i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (asks_for_something(member_of(json, refusals[i].name)))
            return refusals[i].sentence;
    if (number_of(json, "num_replicas") > 1)
        return "replicas > 1 are not supported: there is one server";
    if (number_of(json, "num_replicas") < 0)
        return "\"num_replicas\" cannot be negative";
    return number_of(json, "first_seq") > 1 ? "first_seq is not supported: a stream begins with 1" : NULL;
}

/* Without subjects the name is the topic; no window means the usual one, as far as messages are kept so long. */
static int complete(struct stream_settings *settings)
{
    if (!settings->duplicate_window_ms) {
        settings->duplicate_window_ms = SETTINGS_DUPLICATE_WINDOW_MS;
        if (settings->age_max_ms && settings->age_max_ms < settings->duplicate_window_ms)
            settings->duplicate_window_ms = settings->age_max_ms;
    }
    return settings->topic_count || !settings->name ? 0 : settings_add_topic(settings, settings->name);
}

int settings_from_json(struct stream_settings *settings, const cJSON *json, char room[SENTENCE_SIZE])
{
    int error = 0;
    settings_init(settings);
    settings->duplicate_window_ms = 0;
    if (!cJSON_IsObject(json))
        return refuse(room, "config", "an object");
    const char *refusal = find_refusal(json);
    if (refusal) {
        snprintf(room, SENTENCE_SIZE, "%s", refusal);
        return -EINVAL;
    }
    for (unsigned i = 0; i < FIELD_COUNT && !error; i++) {
        const cJSON *item = member_of(json, fields[i].name);
        if (item && !cJSON_IsNull(item))
            error = read_field(settings, &fields[i], item, room);
    }
    return error ? error : complete(settings);
}

/* Storing. */

char *settings_save(const struct stream_settings *settings)
{
    cJSON *json = settings_to_json(settings);
    char *text = NULL;
    if (json && add(json, "from_configuration", cJSON_CreateBool(settings->from_configuration)) &&
        add(json, "created_ms", number_json(settings->created_ms)) &&
        (!settings->owner || add(json, "owner", cJSON_CreateString(settings->owner))))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* What is no moment, negative or beyond all calendars, is none. */
static uint64_t moment_of(const cJSON *json, const char *name)
{
    double number = number_of(json, name);
    return number >= 0 && number < 1e18 ? (uint64_t)number : 0;
}

int settings_load(struct stream_settings *settings, struct slice text, char room[SENTENCE_SIZE])
{
    cJSON *json = json_tree_parse(text, JSON_DEPTH_MAX);
    int error = settings_from_json(settings, json, room);
    settings->from_configuration = cJSON_IsTrue(member_of(json, "from_configuration"));
    settings->created_ms = moment_of(json, "created_ms");
    const char *owner = cJSON_GetStringValue(member_of(json, "owner"));
    if (!error && owner)
        error = settings_set_text(&settings->owner, owner);
    if (member_of(json, "duplicate_window") && number_of(json, "duplicate_window") == 0)
        settings->duplicate_window_ms = 0; /* what was stored says what it means */
    cJSON_Delete(json);
    return error;
}
