#include "push/settings.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"
#include "util/moment.h"
#include "wire/headers.h"

enum {
    CONCURRENCY = 16,
    TIMEOUT_MS = 15000,
    RETRY_AFTER_MAX_MS = 3600 * 1000,
};
#define DISABLE_AFTER_MS ((uint64_t)5 * 24 * 3600 * 1000)
#define DURATION_MAX_MS ((uint64_t)30 * 24 * 3600 * 1000)

const char *const webhook_mode_words[] = { "parallel", "keyed", "ordered", NULL };
const char *const webhook_verify_words[] = { "none", "options", "challenge", NULL };
const char *const webhook_client_error_words[] = { "retry", "dead", NULL };

/* Coming and going. */

void webhook_settings_init(struct webhook_settings *settings)
{
    *settings = (struct webhook_settings){ .enabled = true };
}

static void pairs_finish(struct webhook_pairs *pairs)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        free(pairs->names[i]);
        webhook_text_free(pairs->values[i]);
    }
    free(pairs->names);
    free(pairs->values);
}

void webhook_settings_finish(struct webhook_settings *settings)
{
    for (unsigned i = 0; i < settings->secret_count; i++)
        secret_wipe(&settings->secrets[i].secret);
    free(settings->secrets);
    pairs_finish(&settings->filter);
    pairs_finish(&settings->headers);
    free(settings->name);
    free(settings->url);
    free(settings->pattern);
    free(settings->start);
    free(settings->key);
    free(settings->retries_ms);
    free(settings->disabled_reason);
    free(settings->description);
    free(settings->metadata);
    webhook_settings_init(settings);
}

/* By way of the text, so that no field can be forgotten. */
int webhook_settings_copy(struct webhook_settings *to, const struct webhook_settings *from)
{
    char room[WEBHOOK_FAULT_SIZE], *text = webhook_settings_save(from);
    webhook_settings_init(to);
    int error = text ? webhook_settings_load(to, slice_of(text), room) : -ENOMEM;
    webhook_text_free(text);
    if (error)
        webhook_settings_finish(to);
    return error ? -ENOMEM : 0;
}

bool webhook_settings_equal(const struct webhook_settings *a, const struct webhook_settings *b)
{
    char *of_a = webhook_settings_save(a), *of_b = webhook_settings_save(b);
    bool is_equal = of_a && of_b && strcmp(of_a, of_b) == 0;
    webhook_text_free(of_a);
    webhook_text_free(of_b);
    return is_equal;
}

/* Filling in. */

int webhook_set_text(char **field, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

int webhook_pairs_add(struct webhook_pairs *pairs, const char *name, const char *value)
{
    if (pairs->count == WEBHOOK_PAIRS_MAX)
        return -E2BIG;
    char **names = reallocarray(pairs->names, pairs->count + 1, sizeof *names);
    pairs->names = names ? names : pairs->names;
    char **values = reallocarray(pairs->values, pairs->count + 1, sizeof *values);
    pairs->values = values ? values : pairs->values;
    char *own_name = strdup(name), *own_value = strdup(value);
    if (!names || !values || !own_name || !own_value) {
        free(own_name);
        webhook_text_free(own_value);
        return -ENOMEM;
    }
    names[pairs->count] = own_name;
    values[pairs->count++] = own_value;
    return 0;
}

/* Moved by hand: realloc would leave the old ones in memory. */
int webhook_secrets_add(struct webhook_settings *settings, const struct secret *secret, uint64_t until_ms)
{
    unsigned count = settings->secret_count;
    if (count == WEBHOOK_SECRETS_MAX)
        return -E2BIG;
    struct webhook_secret *secrets = calloc(count + 1, sizeof *secrets);
    if (!secrets)
        return -ENOMEM;
    if (count)
        memcpy(secrets, settings->secrets, count * sizeof *secrets);
    secrets[count] = (struct webhook_secret){ *secret, until_ms };
    if (count)
        OPENSSL_cleanse(settings->secrets, count * sizeof *secrets);
    free(settings->secrets);
    settings->secrets = secrets;
    settings->secret_count++;
    return 0;
}

int webhook_set_retries(struct webhook_settings *settings, const uint64_t *delays_ms, unsigned count)
{
    uint64_t *copy = count ? calloc(count, sizeof *copy) : NULL;
    if (count && !copy)
        return -ENOMEM;
    if (count)
        memcpy(copy, delays_ms, count * sizeof *copy);
    free(settings->retries_ms);
    settings->retries_ms = copy;
    settings->retry_count = count;
    settings->has_retries = true;
    return 0;
}

struct retry_schedule webhook_schedule(const struct webhook_settings *settings)
{
    return settings->has_retries ? (struct retry_schedule){ settings->retries_ms, settings->retry_count }
                                 : retry_standard;
}

static void complete_number(uint64_t *number, uint64_t otherwise)
{
    if (!*number)
        *number = otherwise;
}

int webhook_settings_complete(struct webhook_settings *settings)
{
    complete_number(&settings->concurrency, CONCURRENCY);
    complete_number(&settings->timeout_ms, TIMEOUT_MS);
    complete_number(&settings->retry_after_max_ms, RETRY_AFTER_MAX_MS);
    complete_number(&settings->disable_after_ms, DISABLE_AFTER_MS);
    int error = settings->start ? 0 : webhook_set_text(&settings->start, "new");
    if (!error && settings->mode == WEBHOOK_KEYED && !settings->key)
        error = webhook_set_text(&settings->key, "topic");
    return error;
}

/* Checking. Each returns what is wrong, or NULL. */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char *check_name(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    size_t size = settings->name ? strlen(settings->name) : 0;
    (void)room;
    if (!size)
        return "a webhook has a name";
    if (size > WEBHOOK_NAME_SIZE_MAX || settings->name[strspn(settings->name, LETTERS DIGITS "-_")])
        return "the name of a webhook has at most 64 letters, digits, - and _";
    return NULL;
}

/* By libcurl, which will also connect: two readers of one URL could take it for two hosts. */
static const char *check_parts(CURLU *url)
{
    char *scheme = NULL, *host = NULL, *user = NULL, *fragment = NULL;
    const char *wrong = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        wrong = "url begins with https:// or http://";
    else if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host)
        wrong = "url names no host";
    else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
        wrong = "url has no user and password: say them in the header Authorization";
    else if (curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK)
        wrong = "url has no fragment, which would not be sent";
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(fragment);
    return wrong;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

static const char *check_url(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    (void)room;
    if (!settings->url || !*settings->url)
        return "a webhook has a url";
    if (strlen(settings->url) > WEBHOOK_URL_SIZE_MAX || !is_printable(settings->url))
        return "url has at most 2048 printable ASCII characters without a blank";
    if (strstr(settings->url, ":///"))
        return "url names no host"; /* libcurl would take the next part of the path for it */
    CURLU *url = curl_url();
    if (!url)
        return "out of memory";
    const char *wrong = curl_url_set(url, CURLUPART_URL, settings->url, 0) == CURLUE_OK
                            ? check_parts(url)
                            : "url is none such as https://example.org/hook";
    curl_url_cleanup(url);
    return wrong;
}

static const char *check_pattern(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    static const struct topic_limits widest = { .size_max = 65535, .depth_max = TOPIC_DEPTH_LIMIT };
    struct slice pattern = slice_of(settings->pattern);
    (void)room;
    if (!pattern.size)
        return "a webhook has a pattern, the topics that it is about";
    return pattern_valid(pattern, &widest) && topic_is_writable(pattern)
               ? NULL : "pattern is none such as orders.> or orders.*.paid";
}

static const char *check_start(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    enum webhook_start start;
    struct cursor cursor;
    uint64_t time_ms;
    (void)room;
    return webhook_start_read(slice_of(settings->start), &start, &cursor, &time_ms)
               ? NULL : "start is new, all, a cursor, or a time such as 2026-01-31T12:00:00Z";
}

static const char key_header[] = "header:";

static const char *check_key(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    struct slice key = slice_of(settings->key), prefix = slice_of(key_header);
    (void)room;
    if (settings->mode != WEBHOOK_KEYED)
        return settings->key ? "a key needs the mode keyed" : NULL;
    if (slice_starts_with(key, prefix))
        key = slice_make(key.data + prefix.size, key.size - prefix.size);
    else if (slice_is(key, "topic"))
        return NULL;
    else
        return "key is topic, or header:NAME";
    return headers_valid(key, slice_of("")) ? NULL : "the key names no header";
}

static const char *check_pairs(const struct webhook_pairs *pairs, const char *what, char room[WEBHOOK_FAULT_SIZE])
{
    for (unsigned i = 0; i < pairs->count; i++) {
        struct slice value = slice_of(pairs->values[i]);
        if (headers_valid(slice_of(pairs->names[i]), value) && value.size && value.size <= WEBHOOK_TEXT_SIZE_MAX)
            continue;
        snprintf(room, WEBHOOK_FAULT_SIZE, "%s have a name that a header can have, and a value of 1 to 4096 bytes in "
                 "one line", what);
        return room;
    }
    return NULL;
}

static const char *check_filter(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    return check_pairs(&settings->filter, "the headers of filter", room);
}

/* What the receiver, or a proxy before it, takes for the word of whoever sends. */
bool webhook_header_is_allowed(struct slice name)
{
    static const char *const names[] = { "Authorization", "Accept", "Accept-Language", "User-Agent", "Api-Key", NULL };
    static const char *const refused[] = { "X-Forwarded", "X-Real-", "X-Original", "X-Aws-", "X-Amz-", "X-Google-",
                                           NULL };
    for (const char *const *word = names; *word; word++)
        if (name.size == strlen(*word) && strncasecmp(name.data, *word, name.size) == 0)
            return true;
    for (const char *const *word = refused; *word; word++)
        if (name.size >= strlen(*word) && strncasecmp(name.data, *word, strlen(*word)) == 0)
            return false;
    return name.size > 2 && strncasecmp(name.data, "X-", 2) == 0;
}

static const char *check_headers(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    for (unsigned i = 0; i < settings->headers.count; i++)
        if (!webhook_header_is_allowed(slice_of(settings->headers.names[i]))) {
            snprintf(room, WEBHOOK_FAULT_SIZE, "the header %.100s cannot be set: Authorization, Accept, "
                     "Accept-Language, User-Agent, Api-Key can, and X-..., but for those of proxies and clouds",
                     settings->headers.names[i]);
            return room;
        }
    return check_pairs(&settings->headers, "headers", room);
}

static const char *check_numbers(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    static const struct { const char *name; size_t at; uint64_t max; const char *shown; } bounds[] = {
        { "concurrency", offsetof(struct webhook_settings, concurrency), WEBHOOK_CONCURRENCY_MAX, "1024" },
        { "rate", offsetof(struct webhook_settings, rate), WEBHOOK_RATE_MAX, "1000000 a second" },
        { "timeout", offsetof(struct webhook_settings, timeout_ms), 5 * 60 * 1000, "5m" },
        { "retry_after_max", offsetof(struct webhook_settings, retry_after_max_ms), DURATION_MAX_MS, "30d" },
    };
    for (unsigned i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (*(const uint64_t *)((const char *)settings + bounds[i].at) > bounds[i].max) {
            snprintf(room, WEBHOOK_FAULT_SIZE, "%s is at most %s", bounds[i].name, bounds[i].shown);
            return room;
        }
    for (unsigned i = 0; i < settings->retry_count; i++)
        if (settings->retries_ms[i] > DURATION_MAX_MS)
            return "each of retries is at most 30d";
    return NULL;
}

static const char *check_secrets(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    (void)room;
    for (unsigned i = 0; i < settings->secret_count; i++)
        if (settings->secrets[i].secret.kind == SECRET_PUBLIC)
            return "a secret is whsec_... or whsk_...; whpk_... is for the receiver";
    return settings->secret_count ? NULL : "a webhook has a secret";
}

static const char *check_texts(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    (void)room;
    if (slice_of(settings->description).size > WEBHOOK_TEXT_SIZE_MAX)
        return "description has at most 4096 bytes";
    return slice_of(settings->metadata).size > WEBHOOK_TEXT_SIZE_MAX ? "metadata has at most 4096 bytes" : NULL;
}

const char *webhook_settings_check(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE])
{
    static const char *(*const checks[])(const struct webhook_settings *settings, char room[WEBHOOK_FAULT_SIZE]) = {
        check_name, check_url, check_pattern, check_filter, check_start, check_key, check_headers, check_numbers,
        check_secrets, check_texts,
    };
    const char *wrong = NULL;
    for (unsigned i = 0; i < sizeof checks / sizeof *checks && !wrong; i++)
        wrong = checks[i](settings, room);
    return wrong;
}

bool webhook_is_verified(const struct webhook_settings *settings)
{
    return settings->verify == WEBHOOK_VERIFY_NONE || settings->verified_ms;
}

void webhook_carry_verification(struct webhook_settings *settings, const struct webhook_settings *from)
{
    bool is_same = settings->verify == from->verify && strcmp(settings->url, from->url) == 0;
    settings->verified_ms = is_same ? from->verified_ms : 0;
    settings->allowed_rate = is_same ? from->allowed_rate : 0;
}

bool webhook_start_read(struct slice text, enum webhook_start *ret_start, struct cursor *ret_cursor,
                        uint64_t *ret_time_ms)
{
    if (slice_is(text, "new"))
        *ret_start = WEBHOOK_START_NEW;
    else if (slice_is(text, "all"))
        *ret_start = WEBHOOK_START_ALL;
    else if (moment_parse(text, ret_time_ms))
        *ret_start = WEBHOOK_START_TIME;
    else if (cursor_parse(text, ret_cursor))
        *ret_start = WEBHOOK_START_CURSOR;
    else
        return false;
    return true;
}
