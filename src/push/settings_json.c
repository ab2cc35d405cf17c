/* Settings as JSON: a table of the members. Durations are texts such as "15s" or "never", moments are RFC
 * 3339. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "push/settings.h"
#include "util/json_tree.h"
#include "util/moment.h"
#include "util/units.h"

enum { NS_PER_MS = 1000000 };
static const char never[] = "never";
#define WHOLE_MAX 9007199254740992.0 /* beyond, JSON's numbers are no longer exact */

enum kind {
    TEXT,     /* char * */
    FLAG,     /* bool */
    NUMBER,   /* uint64_t */
    DURATION, /* uint64_t, milliseconds */
    MOMENT,   /* uint64_t, milliseconds */
    WORD,     /* unsigned, an index into words */
    PAIRS,    /* struct webhook_pairs */
    OBJECT,   /* char *, a JSON object as text */
    RETRIES,
    SECRETS,
    KIND_COUNT
};

enum whose {
    THEIRS,   /* whoever registers it says it */
    OURS,     /* the daemon does; others see it */
    HIDDEN,   /* and they do not */
};

static const struct member {
    const char *name;
    enum kind kind;
    enum whose whose;
    size_t at;
    const char *const *words;
} members[] = {
#define AT(field) offsetof(struct webhook_settings, field)
    { "name", TEXT, THEIRS, AT(name), NULL },
    { "url", TEXT, THEIRS, AT(url), NULL },
    { "pattern", TEXT, THEIRS, AT(pattern), NULL },
    { "filter", PAIRS, THEIRS, AT(filter), NULL },
    { "start", TEXT, THEIRS, AT(start), NULL },
    { "mode", WORD, THEIRS, AT(mode), webhook_mode_words },
    { "key", TEXT, THEIRS, AT(key), NULL },
    { "body", WORD, THEIRS, AT(body), body_words },
    { "headers", PAIRS, THEIRS, AT(headers), NULL },
    { "concurrency", NUMBER, THEIRS, AT(concurrency), NULL },
    { "rate", NUMBER, THEIRS, AT(rate), NULL },
    { "timeout", DURATION, THEIRS, AT(timeout_ms), NULL },
    { "retries", RETRIES, THEIRS, AT(retries_ms), NULL },
    { "retry_after_max", DURATION, THEIRS, AT(retry_after_max_ms), NULL },
    { "client_errors", WORD, THEIRS, AT(client_errors), webhook_client_error_words },
    { "disable_after", DURATION, THEIRS, AT(disable_after_ms), NULL },
    { "verify", WORD, THEIRS, AT(verify), webhook_verify_words },
    { "enabled", FLAG, THEIRS, AT(enabled), NULL },
    { "description", TEXT, THEIRS, AT(description), NULL },
    { "metadata", OBJECT, THEIRS, AT(metadata), NULL },
    { "disabled_reason", TEXT, OURS, AT(disabled_reason), NULL },
    { "disabled", MOMENT, OURS, AT(disabled_ms), NULL },
    { "verified", MOMENT, OURS, AT(verified_ms), NULL },
    { "allowed_rate", NUMBER, OURS, AT(allowed_rate), NULL },
    { "configured", FLAG, OURS, AT(from_configuration), NULL },
    { "created", MOMENT, OURS, AT(created_ms), NULL },
    { "failing_since", MOMENT, HIDDEN, AT(failing_since_ms), NULL },
    { "secrets", SECRETS, HIDDEN, AT(secrets), NULL },
#undef AT
};
enum { MEMBER_COUNT = sizeof members / sizeof *members };

/* Reading. Each returns 0, -ENOMEM, or -EINVAL where the value is of the wrong kind. Of null: what nobody has set. */

static int read_text(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    (void)settings;
    (void)member;
    if (!cJSON_IsString(json) && !cJSON_IsNull(json))
        return -EINVAL;
    return webhook_set_text(field, cJSON_IsString(json) && *json->valuestring ? json->valuestring : NULL);
}

static int read_flag(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    (void)settings;
    (void)member;
    *(bool *)field = cJSON_IsTrue(json);
    return cJSON_IsBool(json) ? 0 : -EINVAL;
}

static int read_number(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    double number = cJSON_IsNumber(json) ? json->valuedouble : cJSON_IsNull(json) ? 0 : -1;
    (void)settings;
    (void)member;
    if (!(number >= 0 && number <= WHOLE_MAX) || number != (double)(uint64_t)number)
        return -EINVAL;
    *(uint64_t *)field = (uint64_t)number;
    return 0;
}

static bool duration_of(const cJSON *json, uint64_t *ret_ms)
{
    uint64_t ns;
    if (cJSON_IsString(json) && strcmp(json->valuestring, never) == 0) {
        *ret_ms = UINT64_MAX;
        return true;
    }
    if (!cJSON_IsString(json) || !units_parse_duration(json->valuestring, &ns) || ns % NS_PER_MS)
        return false;
    *ret_ms = ns / NS_PER_MS;
    return true;
}

static int read_duration(struct webhook_settings *settings, const struct member *member, void *field,
                         const cJSON *json)
{
    (void)settings;
    (void)member;
    if (cJSON_IsNull(json))
        *(uint64_t *)field = 0;
    return cJSON_IsNull(json) || duration_of(json, field) ? 0 : -EINVAL;
}

static int read_moment(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    (void)settings;
    (void)member;
    if (cJSON_IsNull(json))
        *(uint64_t *)field = 0;
    return cJSON_IsNull(json) || (cJSON_IsString(json) && moment_parse(slice_of(json->valuestring), field)) ? 0
                                                                                                           : -EINVAL;
}

static int read_word(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    (void)settings;
    if (cJSON_IsNull(json))
        *(unsigned *)field = 0;
    for (unsigned i = 0; cJSON_IsString(json) && member->words[i]; i++)
        if (strcmp(member->words[i], json->valuestring) == 0) {
            *(unsigned *)field = i;
            return 0;
        }
    return cJSON_IsNull(json) ? 0 : -EINVAL;
}

static void clear_pairs(struct webhook_pairs *pairs)
{
    for (; pairs->count > 0; pairs->count--) {
        free(pairs->names[pairs->count - 1]);
        webhook_text_free(pairs->values[pairs->count - 1]);
    }
}

static int read_pairs(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    const cJSON *item;
    int error = cJSON_IsObject(json) || cJSON_IsNull(json) ? 0 : -EINVAL;
    (void)settings;
    (void)member;
    clear_pairs(field);
    cJSON_ArrayForEach(item, json)
        if (!error)
            error = cJSON_IsString(item) ? webhook_pairs_add(field, item->string, item->valuestring) : -EINVAL;
    return error == -E2BIG ? -EINVAL : error;
}

static int read_object(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    (void)settings;
    (void)member;
    if (cJSON_IsNull(json))
        return webhook_set_text(field, NULL);
    if (!cJSON_IsObject(json))
        return -EINVAL;
    char *text = cJSON_PrintUnformatted(json);
    if (!text)
        return -ENOMEM;
    free(*(char **)field);
    *(char **)field = text;
    return 0;
}

static int read_retries(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    uint64_t delays_ms[RETRY_DELAYS_MAX];
    unsigned count = 0;
    const cJSON *item;
    (void)member;
    (void)field;
    if ((!cJSON_IsArray(json) && !cJSON_IsNull(json)) || cJSON_GetArraySize(json) > RETRY_DELAYS_MAX)
        return -EINVAL;
    cJSON_ArrayForEach(item, json)
        if (!duration_of(item, &delays_ms[count++]))
            return -EINVAL;
    int error = webhook_set_retries(settings, delays_ms, count);
    settings->has_retries = !cJSON_IsNull(json);
    return error;
}

static int read_secret(struct webhook_settings *settings, const cJSON *json)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(json, "secret");
    const cJSON *until = cJSON_GetObjectItemCaseSensitive(json, "until");
    struct secret secret;
    uint64_t until_ms = 0;
    if (!cJSON_IsString(text) || !secret_read(slice_of(text->valuestring), &secret) ||
        (until && !(cJSON_IsString(until) && moment_parse(slice_of(until->valuestring), &until_ms))))
        return -EINVAL;
    int error = webhook_secrets_add(settings, &secret, until_ms);
    secret_wipe(&secret);
    return error == -E2BIG ? -EINVAL : error;
}

static int read_secrets(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json)
{
    const cJSON *item;
    int error = cJSON_IsArray(json) ? 0 : -EINVAL;
    (void)member;
    (void)field;
    for (unsigned i = 0; i < settings->secret_count; i++)
        secret_wipe(&settings->secrets[i].secret);
    settings->secret_count = 0;
    cJSON_ArrayForEach(item, json)
        if (!error)
            error = read_secret(settings, item);
    return error;
}

/* Writing. NULL: out of memory. */

static cJSON *text_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    (void)settings;
    (void)member;
    return cJSON_CreateString(*(char *const *)field);
}

static cJSON *flag_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    (void)settings;
    (void)member;
    return cJSON_CreateBool(*(const bool *)field);
}

static cJSON *number_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    (void)settings;
    (void)member;
    return cJSON_CreateNumber((double)*(const uint64_t *)field);
}

static cJSON *duration_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    char text[UNITS_TEXT_SIZE];
    uint64_t duration_ms = *(const uint64_t *)field;
    (void)settings;
    (void)member;
    return cJSON_CreateString(duration_ms == UINT64_MAX ? never : units_format_duration(duration_ms * NS_PER_MS, text));
}

static cJSON *moment_of(uint64_t time_ms)
{
    char text[MOMENT_SIZE + 1];
    *moment_write(text, time_ms) = '\0';
    return cJSON_CreateString(text);
}

static cJSON *moment_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    (void)settings;
    (void)member;
    return moment_of(*(const uint64_t *)field);
}

static cJSON *word_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    (void)settings;
    return cJSON_CreateString(member->words[*(const unsigned *)field]);
}

static cJSON *pairs_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    const struct webhook_pairs *pairs = field;
    cJSON *json = cJSON_CreateObject();
    (void)settings;
    (void)member;
    for (unsigned i = 0; json && i < pairs->count; i++)
        if (!cJSON_AddStringToObject(json, pairs->names[i], pairs->values[i])) {
            webhook_json_delete(json);
            return NULL;
        }
    return json;
}

static cJSON *object_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    (void)settings;
    (void)member;
    return cJSON_Parse(*(char *const *)field);
}

/* Both take the item. */
static bool put(cJSON *object, const char *name, cJSON *item)
{
    if (item && cJSON_AddItemToObject(object, name, item))
        return true;
    webhook_json_delete(item);
    return false;
}

static bool append(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    webhook_json_delete(item);
    return false;
}

static cJSON *retries_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    struct retry_schedule schedule = webhook_schedule(settings);
    cJSON *json = cJSON_CreateArray();
    (void)field;
    for (unsigned i = 0; json && i < schedule.count; i++)
        if (!append(json, duration_json(settings, member, &schedule.delays_ms[i]))) {
            cJSON_Delete(json);
            return NULL;
        }
    return json;
}

static cJSON *secret_json(const struct webhook_secret *secret)
{
    char text[SECRET_TEXT_SIZE];
    cJSON *json = cJSON_CreateObject();
    bool is_good = json && cJSON_AddStringToObject(json, "secret", secret_write(&secret->secret, text)) &&
                   (!secret->until_ms || put(json, "until", moment_of(secret->until_ms)));
    OPENSSL_cleanse(text, sizeof text);
    if (is_good)
        return json;
    webhook_json_delete(json);
    return NULL;
}

static cJSON *secrets_json(const struct webhook_settings *settings, const struct member *member, const void *field)
{
    cJSON *json = cJSON_CreateArray();
    (void)member;
    (void)field;
    for (unsigned i = 0; json && i < settings->secret_count; i++)
        if (!append(json, secret_json(&settings->secrets[i]))) {
            webhook_json_delete(json);
            return NULL;
        }
    return json;
}

/* The kinds. */

static const struct {
    int (*read)(struct webhook_settings *settings, const struct member *member, void *field, const cJSON *json);
    cJSON *(*write)(const struct webhook_settings *settings, const struct member *member, const void *field);
    const char *what; /* behind "NAME is " */
} kinds[KIND_COUNT] = {
    [TEXT] = { read_text, text_json, "a string, or null" },
    [FLAG] = { read_flag, flag_json, "true or false" },
    [NUMBER] = { read_number, number_json, "a whole number, or null" },
    [DURATION] = { read_duration, duration_json, "a duration in whole milliseconds such as \"15s\", or null" },
    [MOMENT] = { read_moment, moment_json, "a time such as \"2026-01-31T12:00:00Z\"" },
    [WORD] = { read_word, word_json, "one of" },
    [PAIRS] = { read_pairs, pairs_json, "an object of at most 32 strings, or null" },
    [OBJECT] = { read_object, object_json, "an object, or null" },
    [RETRIES] = { read_retries, retries_json, "a list of at most 64 durations, [\"5s\",\"5m\"], or null" },
    [SECRETS] = { read_secrets, secrets_json, "a list of secrets" },
};

static int complain(const struct member *member, char room[WEBHOOK_FAULT_SIZE])
{
    size_t size = (size_t)snprintf(room, WEBHOOK_FAULT_SIZE, "%s is %s", member->name, kinds[member->kind].what);
    for (const char *const *word = member->words; word && *word && size < WEBHOOK_FAULT_SIZE; word++)
        size += (size_t)snprintf(room + size, WEBHOOK_FAULT_SIZE - size, "%s %s", word == member->words ? "" : ",",
                                 *word);
    return -EINVAL;
}

static const struct member *find(const char *name, enum webhook_json which)
{
    for (unsigned i = 0; i < MEMBER_COUNT; i++)
        if (strcmp(members[i].name, name) == 0)
            return which == WEBHOOK_JSON_ALL || members[i].whose != HIDDEN ? &members[i] : NULL;
    return NULL;
}

/* What is ours is let pass when it comes back from somebody who was shown it. */
static int read_member(struct webhook_settings *settings, const cJSON *item, enum webhook_json which,
                       char room[WEBHOOK_FAULT_SIZE])
{
    const struct member *member = find(item->string, which);
    if (!member && which == WEBHOOK_JSON_ALL)
        return 0; /* a newer daemon has stored it */
    if (!member) {
        snprintf(room, WEBHOOK_FAULT_SIZE, "there is no setting %.100s", item->string);
        return -EINVAL;
    }
    if (which != WEBHOOK_JSON_ALL && member->whose == OURS)
        return 0;
    int error = kinds[member->kind].read(settings, member, (char *)settings + member->at, item);
    return error == -EINVAL ? complain(member, room) : error;
}

int webhook_settings_from_json(struct webhook_settings *settings, const cJSON *json, enum webhook_json which,
                               char room[WEBHOOK_FAULT_SIZE])
{
    const cJSON *item;
    if (!cJSON_IsObject(json)) {
        snprintf(room, WEBHOOK_FAULT_SIZE, "a webhook is a JSON object");
        return -EINVAL;
    }
    int error = 0;
    cJSON_ArrayForEach(item, json)
        if (!error)
            error = read_member(settings, item, which, room);
    return error;
}

/* What nobody has set is not shown. */
static bool is_shown(const struct webhook_settings *settings, const struct member *member, enum webhook_json which)
{
    const void *field = (const char *)settings + member->at;
    if (which != WEBHOOK_JSON_ALL && member->whose == HIDDEN)
        return false;
    switch (member->kind) {
    case TEXT:
    case OBJECT: return *(char *const *)field != NULL;
    case NUMBER:
    case DURATION:
    case MOMENT: return *(const uint64_t *)field != 0;
    case PAIRS: return ((const struct webhook_pairs *)field)->count > 0;
    case RETRIES: return which != WEBHOOK_JSON_ALL || settings->has_retries;
    default: return true;
    }
}

cJSON *webhook_settings_to_json(const struct webhook_settings *settings, enum webhook_json which)
{
    cJSON *json = cJSON_CreateObject();
    for (unsigned i = 0; json && i < MEMBER_COUNT; i++) {
        const struct member *member = &members[i];
        if (!is_shown(settings, member, which))
            continue;
        const void *field = (const char *)settings + member->at;
        if (!put(json, member->name, kinds[member->kind].write(settings, member, field))) {
            webhook_json_delete(json);
            return NULL;
        }
    }
    return json;
}

/* Every text of it: some are secrets, and some headers are. It is not deep: metadata is the caller's, and cJSON has a
 * bound of its own. */
static void wipe(cJSON *json)
{
    cJSON *item;
    cJSON_ArrayForEach(item, json)
        wipe(item);
    if (cJSON_IsString(json))
        OPENSSL_cleanse(json->valuestring, strlen(json->valuestring));
}

void webhook_json_delete(cJSON *json)
{
    if (json)
        wipe(json);
    cJSON_Delete(json);
}

char *webhook_settings_save(const struct webhook_settings *settings)
{
    cJSON *json = webhook_settings_to_json(settings, WEBHOOK_JSON_ALL);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    webhook_json_delete(json);
    return text;
}

int webhook_settings_load(struct webhook_settings *settings, struct slice text, char room[WEBHOOK_FAULT_SIZE])
{
    cJSON *json = json_tree_parse(text, JSON_DEPTH_MAX);
    snprintf(room, WEBHOOK_FAULT_SIZE, "the settings are no JSON");
    int error = json ? webhook_settings_from_json(settings, json, WEBHOOK_JSON_ALL, room) : -EINVAL;
    webhook_json_delete(json);
    return error;
}
