/* Webhooks as front ends ask for them. */
#include "push/api.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit.h"
#include "meta/meta.h"
#include "push/deliverer.h"
#include "stream/engine.h"
#include "stream/registry.h"

enum { PATIENCE_S = 20 };

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define DOCUMENT "{\"name\":\"w\",\"url\":\"https://example.invalid/\",\"pattern\":\"t.>\"}"
#define NAMELESS "{\"url\":\"https://example.invalid/\",\"pattern\":\"t.>\"}"

static char directory[64];
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct meta *meta;
static struct deliverer *deliverer;
static struct webhook_office office;
static struct webhook_desk desk;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_awake;

static void on_wake(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    is_awake = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

static void sleep_until_woken(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&mutex);
    while (!is_awake)
        ck_assert_int_eq(pthread_cond_timedwait(&changed, &mutex, &until), 0);
    is_awake = false;
    pthread_mutex_unlock(&mutex);
}

static struct webhook_call call;

/* Asks, and returns the answer, which stays until the next. */
static cJSON *ask(enum webhook_ask what, const char *name, const char *body, enum webhook_verdict wanted)
{
    static cJSON *json;
    cJSON_Delete(json);
    free(call.text);
    call = (struct webhook_call){ .desk = &desk, .ask = what, .name = slice_of(name), .body = slice_of(body) };
    office.submit(office.arg, &call);
    while (office.done(office.arg, &desk) != &call)
        sleep_until_woken();
    ck_assert_msg(call.verdict == wanted, "%d: %s", (int)call.verdict, call.text ? call.text : "-");
    json = call.text ? cJSON_Parse(call.text) : NULL;
    return json;
}

static const char *text_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* What a call is refused with. */
static const char *refusal(enum webhook_ask what, const char *name, const char *body, enum webhook_verdict wanted)
{
    ask(what, name, body, wanted);
    return call.text;
}

static void open_all(void)
{
    char sentence[256];
    const struct stream_engine_options options = { .segment_size = 1 << 20, .cache_size = 1 << 20, .boot_id = "" };
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    registry = stream_registry_create(engine);
    ck_assert_int_eq(meta_open(directory, &meta, sentence), 0);
    const struct deliverer_setup setup = {
        .registry = registry, .meta = meta, .options = { .connections_max = 8, .attempts_kept = 10 },
    };
    ck_assert_int_eq(deliverer_create(&setup, &deliverer), 0);
    ck_assert_int_eq(deliverer_load(deliverer), 0);
    ck_assert_int_eq(meta_start(meta), 0);
    ck_assert_int_eq(deliverer_start(deliverer), 0);
    push_api_open(deliverer, &office);
    webhook_desk_init(&desk, &office, on_wake, NULL);
}

static void close_all(void)
{
    deliverer_stop(deliverer);
    meta_close(meta);
    deliverer_settle(deliverer);
    deliverer_destroy(deliverer);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
}

static void begin(void)
{
    snprintf(directory, sizeof directory, "%s/api.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    open_all();
}

static void finish(void)
{
    char command[96];
    close_all();
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(one_that_is_made_is_shown_and_stays)
{
    char made[128];
    begin();
    cJSON *json = ask(WEBHOOK_CREATE, NULL, DOCUMENT, WEBHOOK_MADE);
    snprintf(made, sizeof made, "%s", text_of(json, "secret"));
    struct secret secret;
    ck_assert(secret_read(slice_of(made), &secret));
    ck_assert_str_eq(text_of(json, "state"), "active");
    ck_assert(cJSON_IsFalse(cJSON_GetObjectItem(json, "durable")));
    ck_assert_ptr_nonnull(strstr(text_of(json, "warning"), "the topics t.>"));
    close_all(); /* as soon as it is answered it is stored */
    open_all();
    json = ask(WEBHOOK_GET, "w", NULL, WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "url"), "https://example.invalid/");
    ck_assert_str_eq(text_of(json, "secret"), "");
    ck_assert_str_ne(text_of(json, "created"), "");
    ck_assert_ptr_null(strstr(call.text, "whs"));
    json = ask(WEBHOOK_LIST, NULL, NULL, WEBHOOK_GOOD);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "webhooks")), 1);
    json = ask(WEBHOOK_LIST, NULL, "{\"offset\":1,\"limit\":5}", WEBHOOK_GOOD);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "webhooks")), 0);
    ck_assert_int_eq(cJSON_GetObjectItem(json, "total")->valueint, 1);
    ask(WEBHOOK_LIST, NULL, "{\"limit\":\"all\"}", WEBHOOK_BAD);
    json = ask(WEBHOOK_ATTEMPTS, "w", NULL, WEBHOOK_GOOD);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "attempts")), 0);
    finish();
}
END_TEST

START_TEST(a_secret_that_was_given_is_not_shown)
{
    begin();
    cJSON *json = ask(WEBHOOK_CREATE, NULL, "{\"name\":\"w\",\"url\":\"https://example.invalid/\",\"pattern\":\"t.>\","
                      "\"secret\":\"" SECRET "\"}", WEBHOOK_MADE);
    ck_assert_str_eq(text_of(json, "secret"), "");
    ck_assert_ptr_null(strstr(call.text, "whsec"));
    finish();
}
END_TEST

START_TEST(what_cannot_be_made_is_explained)
{
    begin();
    static const char *const no_objects[] = {
        "{", "[]", "null", "{\"a\":\"\xff\"}", "{} x", "{}{}", "{\"name\":\"a\\u0000b\"}",
        "{\"name\":\"a\\\\\\u0000\"}",
    };
    for (size_t i = 0; i < sizeof no_objects / sizeof *no_objects; i++)
        ck_assert_str_eq(refusal(WEBHOOK_CREATE, NULL, no_objects[i], WEBHOOK_BAD),
                         "the body is a JSON object in UTF-8, without NUL characters");
    ck_assert_str_eq(refusal(WEBHOOK_CREATE, NULL, "{}", WEBHOOK_BAD), "a webhook has a url");
    ck_assert_str_eq(refusal(WEBHOOK_CREATE, NULL, "{\"nam\":\"w\"}", WEBHOOK_BAD), "there is no setting nam");
    ck_assert_ptr_nonnull(strstr(refusal(WEBHOOK_CREATE, NULL, "{\"secret\":\"x\"}", WEBHOOK_BAD), "secret is whsec_"));
    ask(WEBHOOK_CREATE, NULL, DOCUMENT, WEBHOOK_MADE);
    ask(WEBHOOK_CREATE, NULL, DOCUMENT, WEBHOOK_TAKEN);
    ask(WEBHOOK_GET, "v", NULL, WEBHOOK_MISSING);
    ask(WEBHOOK_REMOVE, "v", NULL, WEBHOOK_MISSING);
    ask(WEBHOOK_ATTEMPTS, "v", NULL, WEBHOOK_MISSING);
    finish();
}
END_TEST

START_TEST(one_without_a_name_is_given_one)
{
    char first[32];
    begin();
    for (unsigned i = 0; i < 2; i++) {
        const char *name = text_of(ask(WEBHOOK_CREATE, NULL, NAMELESS, WEBHOOK_MADE), "id");
        ck_assert(strlen(name) == 15 && strncmp(name, "wh-", 3) == 0);
        ck_assert_uint_eq(strspn(name + 3, "abcdefghijklmnopqrstuvwxyz0123456789"), 12);
        ck_assert(i == 0 || strcmp(name, first) != 0);
        snprintf(first, sizeof first, "%s", name);
    }
    ask(WEBHOOK_GET, first, NULL, WEBHOOK_GOOD);
    finish();
}
END_TEST

START_TEST(what_was_read_may_be_given_back)
{
    begin();
    ask(WEBHOOK_CREATE, NULL, "{\"name\":\"w\",\"url\":\"https://example.invalid/\",\"pattern\":\"t.>\","
        "\"description\":\"\\\\u0000\"}", WEBHOOK_MADE);
    ask(WEBHOOK_GET, "w", NULL, WEBHOOK_GOOD);
    char *document = strdup(call.text);
    ask(WEBHOOK_CHANGE, "w", document, WEBHOOK_GOOD);
    ck_assert_str_eq(call.text, document);
    free(document);
    finish();
}
END_TEST

START_TEST(members_change_one_by_one)
{
    begin();
    ask(WEBHOOK_CREATE, NULL, DOCUMENT, WEBHOOK_MADE);
    cJSON *json = ask(WEBHOOK_CHANGE, "w", "{\"timeout\":\"3s\",\"mode\":\"ordered\"}", WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "timeout"), "3s");
    ck_assert_str_eq(text_of(json, "mode"), "ordered");
    ck_assert_str_eq(text_of(json, "pattern"), "t.>");
    ask(WEBHOOK_CHANGE, "w", "{\"timeout\":\"9h\"}", WEBHOOK_BAD);
    ck_assert_str_eq(refusal(WEBHOOK_CHANGE, "w", "{\"name\":\"v\"}", WEBHOOK_BAD),
                     "the name of a webhook cannot be changed");
    json = ask(WEBHOOK_GET, "w", NULL, WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "timeout"), "3s");
    ask(WEBHOOK_REMOVE, "w", NULL, WEBHOOK_GOOD);
    ask(WEBHOOK_GET, "w", NULL, WEBHOOK_MISSING);
    close_all();
    open_all();
    ask(WEBHOOK_GET, "w", NULL, WEBHOOK_MISSING);
    finish();
}
END_TEST

START_TEST(it_is_disabled_and_enabled)
{
    begin();
    ask(WEBHOOK_CREATE, NULL, DOCUMENT, WEBHOOK_MADE);
    cJSON *json = ask(WEBHOOK_DISABLE, "w", NULL, WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "state"), "disabled");
    ck_assert_str_eq(text_of(json, "disabled_reason"), "somebody has disabled it");
    close_all();
    open_all();
    json = ask(WEBHOOK_GET, "w", NULL, WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "state"), "disabled");
    json = ask(WEBHOOK_ENABLE, "w", NULL, WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "state"), "active");
    ck_assert_str_eq(text_of(json, "disabled_reason"), "");
    ask(WEBHOOK_DISABLE, "w", NULL, WEBHOOK_GOOD);
    json = ask(WEBHOOK_CHANGE, "w", "{\"enabled\":true}", WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "state"), "active");
    finish();
}
END_TEST

static struct webhook_settings seen;

static void see(struct deliverer_call *errand, struct deliverer *by)
{
    (void)errand;
    ck_assert_int_eq(webhook_settings_copy(&seen, &deliverer_find(by, slice_of("w"))->settings), 0);
    on_wake(NULL);
}

/* The settings as the deliverer has them. */
static void look(void)
{
    struct deliverer_call errand = { .run = see };
    webhook_settings_finish(&seen);
    deliverer_call(deliverer, &errand);
    sleep_until_woken();
}

START_TEST(rotated_secrets_overlap)
{
    char text[SECRET_TEXT_SIZE];
    begin();
    ask(WEBHOOK_CREATE, NULL, "{\"name\":\"w\",\"url\":\"https://example.invalid/\",\"pattern\":\"t.>\",\"secret\":\""
        SECRET "\"}", WEBHOOK_MADE);
    cJSON *json = ask(WEBHOOK_ROTATE, "w", NULL, WEBHOOK_GOOD);
    ck_assert_str_ne(text_of(json, "secret"), "");
    is_awake = false;
    look();
    ck_assert_uint_eq(seen.secret_count, 2);
    ck_assert_uint_eq(seen.secrets[0].until_ms, 0);
    ck_assert_uint_ne(seen.secrets[1].until_ms, 0);
    ck_assert_str_eq(secret_write(&seen.secrets[1].secret, text), SECRET);
    ask(WEBHOOK_ROTATE, "w", "{\"overlap\":\"0\",\"secret\":\"" SECRET "\"}", WEBHOOK_GOOD);
    is_awake = false;
    look();
    ck_assert_uint_eq(seen.secret_count, 1);
    ck_assert_str_eq(secret_write(&seen.secrets[0].secret, text), SECRET);
    ask(WEBHOOK_ROTATE, "w", "{\"overlap\":5}", WEBHOOK_BAD);
    webhook_settings_finish(&seen);
    finish();
}
END_TEST

START_TEST(it_begins_anew_where_somebody_says)
{
    begin();
    ask(WEBHOOK_CREATE, NULL, DOCUMENT, WEBHOOK_MADE);
    cJSON *json = ask(WEBHOOK_RECOVER, "w", "{\"start\":\"all\"}", WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "start"), "all");
    ask(WEBHOOK_RECOVER, "w", "{\"start\":\"soon\"}", WEBHOOK_BAD);
    ask(WEBHOOK_RECOVER, "w", "{}", WEBHOOK_BAD);
    ask(WEBHOOK_RESEND, "w", "{\"id\":\"x\"}", WEBHOOK_BAD);
    ask(WEBHOOK_RESEND, "w", "{\"id\":\"1-1\"}", WEBHOOK_NO_MESSAGE);
    finish();
}
END_TEST

START_TEST(what_the_configuration_owns_is_left_to_it)
{
    struct webhook_settings settings;
    struct secret secret;
    begin();
    close_all();
    open_all();
    deliverer_stop(deliverer);
    webhook_settings_init(&settings);
    webhook_set_text(&settings.name, "w");
    webhook_set_text(&settings.url, "https://example.invalid/");
    webhook_set_text(&settings.pattern, "t.>");
    ck_assert(secret_read(slice_of(SECRET), &secret));
    webhook_secrets_add(&settings, &secret, 0);
    settings.from_configuration = true;
    webhook_settings_complete(&settings);
    ck_assert_int_eq(deliverer_put(deliverer, &settings), 0);
    close_all();
    open_all();
    ask(WEBHOOK_CHANGE, "w", "{}", WEBHOOK_CONFIGURED);
    ask(WEBHOOK_REMOVE, "w", NULL, WEBHOOK_CONFIGURED);
    ask(WEBHOOK_ROTATE, "w", NULL, WEBHOOK_CONFIGURED);
    ask(WEBHOOK_DISABLE, "w", NULL, WEBHOOK_GOOD);
    finish();
}
END_TEST

START_TEST(one_that_asks_too_late_is_told_so)
{
    begin();
    deliverer_stop(deliverer);
    struct webhook_call late = { .desk = &desk, .ask = WEBHOOK_LIST };
    office.submit(office.arg, &late);
    meta_close(meta);
    deliverer_settle(deliverer);
    ck_assert_ptr_eq(office.done(office.arg, &desk), &late);
    ck_assert_int_eq(late.verdict, WEBHOOK_STOPPING);
    deliverer_destroy(deliverer);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        one_that_is_made_is_shown_and_stays,
        a_secret_that_was_given_is_not_shown,
        what_cannot_be_made_is_explained,
        one_without_a_name_is_given_one,
        what_was_read_may_be_given_back,
        members_change_one_by_one,
        it_is_disabled_and_enabled,
        rotated_secrets_overlap,
        it_begins_anew_where_somebody_says,
        what_the_configuration_owns_is_left_to_it,
        one_that_asks_too_late_is_told_so,
        NULL,
    };
    return unit_run("api", tests);
}
