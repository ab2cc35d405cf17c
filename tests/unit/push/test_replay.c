/* What asks for something to be sent: examples, dead letters once more. Streams in files, a database, a receiver. */
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit.h"
#include "meta/meta.h"
#include "push/api.h"
#include "push/deliverer.h"
#include "receiver.h"
#include "stream/engine.h"
#include "stream/registry.h"
#include "util/clock.h"

#define ANSWER(status) "HTTP/1.1 " status "\r\nContent-Length: 2\r\n\r\nok"

enum { PATIENCE_S = 20, SEEN_MAX = 64 };

static char directory[64];
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct meta *meta;
static struct deliverer *deliverer;
static struct webhook_office office;
static struct webhook_desk desk;
static struct receiver receiver;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_awake, is_kind;
static unsigned count, note_count;
static struct seen {
    char id[64], body[64], topic[64];
} seen[SEEN_MAX];

static const char *take(void *arg, const char *request, unsigned number)
{
    (void)arg;
    (void)number;
    pthread_mutex_lock(&mutex);
    struct seen *one = &seen[count % SEEN_MAX];
    receiver_header(request, "webhook-id", one->id, sizeof one->id);
    receiver_header(request, "Posthorn-Topic", one->topic, sizeof one->topic);
    snprintf(one->body, sizeof one->body, "%s", receiver_body(request));
    const char *answer = is_kind ? ANSWER("200 OK") : ANSWER("500 Oh");
    count++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return answer;
}

static void on_wake(void *arg)
{
    pthread_mutex_lock(&mutex);
    *(bool *)arg = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_note(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    note_count++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void wait_a_while(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    ck_assert_int_eq(pthread_cond_timedwait(&changed, &mutex, &until), 0);
}

static void wait_for(const unsigned *number, unsigned wanted)
{
    pthread_mutex_lock(&mutex);
    while (*number < wanted)
        wait_a_while();
    pthread_mutex_unlock(&mutex);
}

static void be_kind(bool kind)
{
    pthread_mutex_lock(&mutex);
    is_kind = kind;
    pthread_mutex_unlock(&mutex);
}

static struct webhook_call call;

/* Asks, and returns the answer, which stays until the next. */
static cJSON *ask(enum webhook_ask what, const char *body, enum webhook_verdict wanted)
{
    static cJSON *json;
    cJSON_Delete(json);
    free(call.text);
    call = (struct webhook_call){ .desk = &desk, .ask = what, .name = slice_of("w"), .body = slice_of(body) };
    office.submit(office.arg, &call);
    pthread_mutex_lock(&mutex);
    while (!is_awake)
        wait_a_while();
    is_awake = false;
    pthread_mutex_unlock(&mutex);
    ck_assert_ptr_eq(office.done(office.arg, &desk), &call);
    ck_assert_msg(call.verdict == wanted, "%d: %s", (int)call.verdict, call.text ? call.text : "-");
    json = call.text ? cJSON_Parse(call.text) : NULL;
    return json;
}

static const char *text_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static double number_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static void add_stream(const char *name, const char *topic)
{
    struct stream_settings settings;
    settings_init(&settings);
    ck_assert_int_eq(settings_set_text(&settings.name, name), 0);
    ck_assert_int_eq(settings_add_topic(&settings, topic), 0);
    settings.sync = LOG_SYNC_NEVER;
    ck_assert_int_eq(stream_registry_add(registry, &settings, NULL), 0);
    settings_finish(&settings);
}

static void open_all(void)
{
    static struct network here;
    char sentence[256];
    const struct stream_engine_options options = {
        .directory = directory, .segment_size = 1 << 20, .cache_size = 1 << 20, .boot_id = "boot",
    };
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    registry = stream_registry_create(engine);
    ck_assert_int_eq(meta_open(directory, &meta, sentence), 0);
    add_stream("S", "t.>");
    add_stream("DEAD_S", "$DEAD.S.>");
    network_read("127.0.0.0/8", &here);
    const struct deliverer_setup setup = {
        .registry = registry,
        .meta = meta,
        .options = { .allowed = &here, .allowed_count = 1, .connections_max = 64, .attempts_kept = 10 },
    };
    ck_assert_int_eq(deliverer_create(&setup, &deliverer), 0);
    deliverer_set_outlet(deliverer, on_note, NULL);
    ck_assert_int_eq(deliverer_load(deliverer), 0);
    push_api_open(deliverer, &office);
    webhook_desk_init(&desk, &office, on_wake, &is_awake);
    ck_assert_int_eq(stream_engine_start(engine), 0);
    ck_assert_int_eq(meta_start(meta), 0);
    ck_assert_int_eq(deliverer_start(deliverer), 0);
}

static void close_all(void)
{
    deliverer_stop(deliverer);
    meta_close(meta);
    deliverer_destroy(deliverer);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
}

/* With a webhook of which settings are laid over. */
static void begin(const char *settings)
{
    char document[512];
    snprintf(directory, sizeof directory, "%s/replay.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    receiver_start(&receiver, take, NULL);
    open_all();
    snprintf(document, sizeof document, "{\"name\":\"w\",\"url\":\"%s\",\"pattern\":\"t.>\",\"retries\":[]%s}",
             receiver.url, settings);
    ask(WEBHOOK_CREATE, document, WEBHOOK_MADE);
}

static void finish(void)
{
    char command[96];
    close_all();
    receiver_stop(&receiver);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static void publish(const char *topic, const char *payload)
{
    char body[64];
    int size = snprintf(body, sizeof body, "%s\r\n", payload);
    const struct message message = { .body = body, .body_size = (uint32_t)size - 2 };
    const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
    struct stream *stream = stream_registry_find_by_pattern(registry, batch.topic);
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(stream_append(stream, &batch, clock_wall_ms(), NULL), 1);
    stream_destroy(stream);
}

/* Asks until so many are dead: they are shown when they are committed, of which nobody tells who asks. */
static cJSON *await_dead(unsigned wanted)
{
    uint64_t until_ms = clock_monotonic_ms() + PATIENCE_S * 1000;
    cJSON *array = NULL;
    do {
        array = cJSON_GetObjectItemCaseSensitive(ask(WEBHOOK_DEAD, NULL, WEBHOOK_GOOD), "dead");
        ck_assert_uint_lt(clock_monotonic_ms(), until_ms);
    } while (cJSON_GetArraySize(array) != (int)wanted);
    return array;
}

START_TEST(an_example_is_sent_and_answered_with_its_attempt)
{
    begin(",\"pattern\":\"t.*.x.>\"");
    cJSON *json = ask(WEBHOOK_EXAMPLE, NULL, WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "result"), "failed");
    ck_assert(number_of(json, "status") == 500);
    ck_assert_str_eq(seen[0].topic, "t.example.x.example");
    ck_assert_str_eq(seen[0].body, "{\"example\":true}");
    ck_assert_str_eq(text_of(json, "id"), seen[0].id);
    be_kind(true);
    json = ask(WEBHOOK_EXAMPLE, "{\"topic\":\"t.b\",\"payload\":\"hello\"}", WEBHOOK_GOOD);
    ck_assert_str_eq(text_of(json, "result"), "delivered");
    ck_assert_str_eq(text_of(json, "answer"), "ok");
    ck_assert_str_eq(seen[1].topic, "t.b");
    ck_assert_str_eq(seen[1].body, "hello");
    ask(WEBHOOK_EXAMPLE, "{\"topic\":\"t.*\"}", WEBHOOK_BAD);
    json = ask(WEBHOOK_ATTEMPTS, NULL, WEBHOOK_GOOD);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "attempts")), 2);
    ask(WEBHOOK_DISABLE, NULL, WEBHOOK_GOOD);
    ask(WEBHOOK_EXAMPLE, NULL, WEBHOOK_GOOD); /* to see whether it may be enabled again */
    finish();
}
END_TEST

START_TEST(what_is_dead_is_shown_and_sent_once_more_under_its_id)
{
    begin(",\"mode\":\"ordered\"");
    publish("t.a", "1");
    publish("t.b", "2");
    wait_for(&count, 2);
    const cJSON *newest = cJSON_GetArrayItem(await_dead(2), 0);
    ck_assert_str_eq(text_of(newest, "id"), seen[1].id);
    ck_assert_str_eq(text_of(newest, "topic"), "t.b");
    ck_assert_str_eq(text_of(newest, "reason"), "answered 500");
    ck_assert(number_of(newest, "attempts") == 1);
    ck_assert(number_of(newest, "seq") == 2);
    be_kind(true);
    ck_assert(number_of(ask(WEBHOOK_REPLAY, NULL, WEBHOOK_GOOD), "replayed") == 2);
    wait_for(&count, 4);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_str_eq(seen[2 + i].id, seen[i].id);
        ck_assert_str_eq(seen[2 + i].body, seen[i].body);
        ck_assert_str_eq(seen[2 + i].topic, seen[i].topic);
    }
    await_dead(0);
    ck_assert(number_of(ask(WEBHOOK_REPLAY, NULL, WEBHOOK_GOOD), "replayed") == 0);
    close_all();
    open_all();
    await_dead(0);
    finish();
}
END_TEST

START_TEST(what_fails_again_stays_dead)
{
    char body[128];
    begin("");
    publish("t.a", "1");
    wait_for(&count, 1);
    publish("t.a", "2");
    wait_for(&count, 2);
    snprintf(body, sizeof body, "{\"ids\":[\"%s\"]}", text_of(cJSON_GetArrayItem(await_dead(2), 1), "id"));
    ck_assert(number_of(ask(WEBHOOK_REPLAY, body, WEBHOOK_GOOD), "replayed") == 1);
    wait_for(&count, 3);
    ck_assert_str_eq(seen[2].body, "1");
    const cJSON *attempts = cJSON_GetObjectItem(ask(WEBHOOK_ATTEMPTS, NULL, WEBHOOK_GOOD), "attempts");
    while (cJSON_GetArraySize(attempts) < 3)
        attempts = cJSON_GetObjectItem(ask(WEBHOOK_ATTEMPTS, NULL, WEBHOOK_GOOD), "attempts");
    ck_assert(number_of(cJSON_GetArrayItem(attempts, 0), "attempt") == 2);
    ck_assert(number_of(cJSON_GetArrayItem(attempts, 0), "seq") == 1);
    ck_assert_str_eq(text_of(cJSON_GetArrayItem(await_dead(2), 1), "id"), seen[0].id);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(ask(WEBHOOK_DEAD, "{\"limit\":1}", WEBHOOK_GOOD), "dead")),
                     1);
    be_kind(true);
    ck_assert(number_of(ask(WEBHOOK_REPLAY, "{\"since\":\"2100-01-01T00:00:00Z\"}", WEBHOOK_GOOD), "replayed") == 0);
    ck_assert(number_of(ask(WEBHOOK_REPLAY, "{\"since\":\"2001-01-01T00:00:00Z\"}", WEBHOOK_GOOD), "replayed") == 2);
    await_dead(0);
    ask(WEBHOOK_REPLAY, "{\"ids\":1}", WEBHOOK_BAD);
    ask(WEBHOOK_REPLAY, "{\"since\":\"soon\"}", WEBHOOK_BAD);
    ask(WEBHOOK_DEAD, "{\"limit\":0}", WEBHOOK_BAD);
    finish();
}
END_TEST

START_TEST(letters_are_still_there_where_it_ends_before_they_are_sent)
{
    begin("");
    publish("t.a", "1");
    wait_for(&count, 1);
    await_dead(1);
    ask(WEBHOOK_DISABLE, NULL, WEBHOOK_GOOD);
    ck_assert(number_of(ask(WEBHOOK_REPLAY, NULL, WEBHOOK_GOOD), "replayed") == 1);
    ck_assert(number_of(ask(WEBHOOK_REPLAY, NULL, WEBHOOK_GOOD), "replayed") == 0); /* it is on its way */
    close_all();
    open_all();
    await_dead(1);
    ck_assert_uint_eq(count, 1);
    finish();
}
END_TEST

START_TEST(secrets_are_shown_to_who_asks_for_them)
{
    begin("");
    ask(WEBHOOK_ROTATE, "{\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}", WEBHOOK_GOOD);
    const cJSON *array = cJSON_GetObjectItem(ask(WEBHOOK_SECRETS, NULL, WEBHOOK_GOOD), "secrets");
    ck_assert_int_eq(cJSON_GetArraySize(array), 2);
    ck_assert_str_eq(text_of(cJSON_GetArrayItem(array, 0), "secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    ck_assert_str_eq(text_of(cJSON_GetArrayItem(array, 0), "expires"), "");
    ck_assert_str_ne(text_of(cJSON_GetArrayItem(array, 1), "expires"), "");
    ask(WEBHOOK_ROTATE, "{\"overlap\":\"0\"}", WEBHOOK_GOOD);
    array = cJSON_GetObjectItem(ask(WEBHOOK_SECRETS, NULL, WEBHOOK_GOOD), "secrets");
    ck_assert_int_eq(cJSON_GetArraySize(array), 1);
    finish();
}
END_TEST

START_TEST(one_without_a_name_is_given_one)
{
    char document[256];
    begin("");
    snprintf(document, sizeof document, "{\"url\":\"%s\",\"pattern\":\"t.>\"}", receiver.url);
    const cJSON *json = ask(WEBHOOK_CREATE, document, WEBHOOK_MADE);
    ck_assert_uint_eq(strlen(text_of(json, "name")), 15);
    ck_assert_int_eq(strncmp(text_of(json, "name"), "wh-", 3), 0);
    ck_assert_str_eq(text_of(json, "id"), text_of(json, "name"));
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_example_is_sent_and_answered_with_its_attempt,
        what_is_dead_is_shown_and_sent_once_more_under_its_id,
        what_fails_again_stays_dead,
        letters_are_still_there_where_it_ends_before_they_are_sent,
        secrets_are_shown_to_who_asks_for_them,
        one_without_a_name_is_given_one,
        NULL,
    };
    return unit_run_apart("replay", tests);
}
