/* The thread with all that it needs: streams in files, a database, a receiver. */
#include "push/deliverer.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../unit.h"
#include "meta/meta.h"
#include "receiver.h"
#include "stream/engine.h"
#include "stream/registry.h"
#include "util/clock.h"
#include "util/network.h"

#define ANSWER(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

enum { BODIES_SIZE = 1 << 16, PATIENCE_S = 20 };

static char directory[64];
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct meta *meta;
static struct deliverer *deliverer;
static struct receiver receiver;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char bodies[BODIES_SIZE];     /* that came, each behind a blank */
static unsigned count, note_count;

static const char *take(void *arg, const char *request, unsigned number)
{
    const char *body = receiver_body(request);
    (void)arg;
    (void)number;
    pthread_mutex_lock(&mutex);
    snprintf(bodies + strlen(bodies), BODIES_SIZE - strlen(bodies), " %s", body);
    count++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
    return *body == '!' ? ANSWER("500 Oh") : ANSWER("204 No Content");
}

/* What was under way when its webhook was made anew comes twice. */
static bool ends_with(const char *end)
{
    size_t end_size = strlen(end);
    pthread_mutex_lock(&mutex);
    size_t size = strlen(bodies);
    bool is_end = size >= end_size && strcmp(bodies + size - end_size, end) == 0;
    pthread_mutex_unlock(&mutex);
    return is_end;
}

static void on_note(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    note_count++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

/* Until so many have come, of one of the two. */
static void wait_for(const unsigned *number, unsigned wanted)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&mutex);
    while (*number < wanted)
        ck_assert_int_eq(pthread_cond_timedwait(&changed, &mutex, &until), 0);
    pthread_mutex_unlock(&mutex);
}

/* Life. */

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
    network_read("127.0.0.0/8", &here);
    const struct deliverer_setup setup = {
        .registry = registry,
        .meta = meta,
        .options = { .allowed = &here, .allowed_count = 1, .connections_max = 64, .attempts_kept = 10 },
    };
    ck_assert_int_eq(deliverer_create(&setup, &deliverer), 0);
    deliverer_set_outlet(deliverer, on_note, NULL);
    ck_assert_int_eq(deliverer_load(deliverer), 0);
}

static void start_all(void)
{
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

static void begin(void)
{
    snprintf(directory, sizeof directory, "%s/push.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    receiver_start(&receiver, take, NULL);
    open_all();
}

static void finish(void)
{
    char command[96];
    close_all();
    receiver_stop(&receiver);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static void fill_in(struct webhook_settings *settings, const char *text)
{
    char room[WEBHOOK_FAULT_SIZE];
    struct secret secret;
    cJSON *json = cJSON_Parse(text);
    webhook_settings_init(settings);
    ck_assert_int_eq(webhook_set_text(&settings->name, "w"), 0);
    ck_assert_int_eq(webhook_set_text(&settings->url, receiver.url), 0);
    ck_assert_int_eq(webhook_set_text(&settings->pattern, "t.>"), 0);
    ck_assert(secret_read(slice_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &secret));
    ck_assert_int_eq(webhook_secrets_add(settings, &secret, 0), 0);
    ck_assert_int_eq(webhook_settings_from_json(settings, json, WEBHOOK_JSON_SHOWN, room), 0);
    ck_assert_int_eq(webhook_settings_complete(settings), 0);
    cJSON_Delete(json);
}

static void put(const char *text)
{
    struct webhook_settings settings;
    fill_in(&settings, text);
    ck_assert_int_eq(deliverer_put(deliverer, &settings), 0);
    webhook_settings_finish(&settings);
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

/* What is done on the deliverer's thread, and waited for. */
struct errand {
    struct deliverer_call call;
    struct webhook_settings settings;
    const char *removed;
    bool recovers;
    int error;
    unsigned done;
};

static void run_errand(struct deliverer_call *call, struct deliverer *by)
{
    struct errand *errand = (struct errand *)call;
    errand->error = errand->removed ? deliverer_remove(by, slice_of(errand->removed))
                    : errand->recovers ? deliverer_recover(by, &errand->settings)
                                       : deliverer_put(by, &errand->settings);
    pthread_mutex_lock(&mutex);
    errand->done = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

static int send_errand(struct errand *errand)
{
    errand->call.run = run_errand;
    errand->done = 0;
    deliverer_call(deliverer, &errand->call);
    wait_for(&errand->done, 1);
    return errand->error;
}

START_TEST(messages_of_a_stream_in_files_arrive)
{
    begin();
    put("{}");
    start_all();
    publish("t.a", "1");
    publish("t.b", "2");
    wait_for(&count, 2);
    ck_assert(strcmp(bodies, " 1 2") == 0 || strcmp(bodies, " 2 1") == 0);
    finish();
}
END_TEST

START_TEST(a_webhook_goes_on_where_it_was)
{
    begin();
    put("{\"mode\":\"ordered\"}");
    start_all();
    publish("t.a", "1");
    wait_for(&count, 1);
    close_all();
    open_all();
    ck_assert_ptr_nonnull(deliverer_find(deliverer, slice_of("w")));
    publish("t.a", "2");
    start_all();
    publish("t.a", "3");
    wait_for(&count, 3);
    ck_assert_str_eq(bodies, " 1 2 3");
    finish();
}
END_TEST

START_TEST(it_begins_where_its_settings_say)
{
    struct errand errand = { .error = 0 };
    begin();
    publish("t.a", "old");
    start_all();
    fill_in(&errand.settings, "{\"start\":\"all\",\"mode\":\"ordered\"}");
    ck_assert_int_eq(send_errand(&errand), 0);
    wait_for(&count, 1);
    ck_assert_str_eq(bodies, " old");
    fill_in(&errand.settings, "{\"name\":\"v\"}");
    ck_assert_int_eq(send_errand(&errand), 0);
    publish("t.a", "new");
    wait_for(&count, 3);
    ck_assert_str_eq(bodies, " old new new");
    finish();
}
END_TEST

START_TEST(a_stream_that_comes_later_is_read_from_its_beginning)
{
    begin();
    put("{\"pattern\":\">\"}");
    start_all();
    add_stream("U", "u.>");
    publish("u.a", "1");
    deliverer_look(deliverer);
    wait_for(&count, 1);
    ck_assert_str_eq(bodies, " 1");
    finish();
}
END_TEST

START_TEST(another_pattern_or_order_goes_on_where_it_was)
{
    struct errand errand = { .error = 0 };
    begin();
    put("{}");
    start_all();
    publish("t.a", "1");
    wait_for(&count, 1);
    fill_in(&errand.settings, "{\"mode\":\"ordered\",\"start\":\"all\"}");
    ck_assert_int_eq(send_errand(&errand), 0);
    publish("t.a", "2");
    for (unsigned wanted = 2; !ends_with(" 2"); wanted++)
        wait_for(&count, wanted);
    ck_assert(strcmp(bodies, " 1 2") == 0 || strcmp(bodies, " 1 1 2") == 0);
    finish();
}
END_TEST

START_TEST(one_that_recovers_sends_again)
{
    struct errand errand = { .recovers = true };
    begin();
    put("{\"mode\":\"ordered\"}");
    start_all();
    publish("t.a", "1");
    publish("t.a", "2");
    wait_for(&count, 2);
    fill_in(&errand.settings, "{\"mode\":\"ordered\",\"start\":\"all\"}");
    ck_assert_int_eq(send_errand(&errand), 0);
    wait_for(&count, 4);
    ck_assert_str_eq(bodies, " 1 2 1 2");
    finish();
}
END_TEST

START_TEST(one_that_is_removed_is_forgotten)
{
    struct errand errand = { .error = 0 };
    begin();
    put("{}");
    start_all();
    publish("t.a", "1");
    wait_for(&count, 1);
    errand.removed = "w";
    ck_assert_int_eq(send_errand(&errand), 0);
    ck_assert_int_eq(send_errand(&errand), -ENOENT);
    close_all();
    open_all();
    ck_assert_ptr_null(deliverer_find(deliverer, slice_of("w")));
    put("{\"start\":\"all\"}"); /* another one, which knows nothing of the first */
    start_all();
    wait_for(&count, 2);
    ck_assert_str_eq(bodies, " 1 1");
    finish();
}
END_TEST

/* The first note with such a topic. */
static struct deliverer_note *await_note(const char *topic)
{
    for (;;) {
        struct deliverer_note *note = deliverer_take_note(deliverer);
        if (note && slice_is(note->topic, topic))
            return note;
        free(note);
        if (note)
            continue;
        wait_for(&note_count, 1);
        pthread_mutex_lock(&mutex);
        note_count = 0;
        pthread_mutex_unlock(&mutex);
    }
}

static unsigned advance_count;

static void on_advance(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    advance_count++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

START_TEST(what_is_dead_is_kept_with_its_reason)
{
    struct stream *grave;
    struct stream_watch watch = { .wake = on_advance };
    struct stream_run run;
    struct stream_message message;
    begin();
    put("{\"retries\":[]}");
    start_all();
    publish("t.a", "!1");
    struct deliverer_note *note = await_note("$POSTHORN.webhook.dead");
    ck_assert_ptr_nonnull(memmem(note->payload.data, note->payload.size, "\"reason\":\"answered 500\"", 23));
    free(note);
    note = await_note("$JS.API.STREAM.CREATE.DEAD_S");
    ck_assert_ptr_nonnull(memmem(note->payload.data, note->payload.size, "\"$DEAD.S.>\"", 11));
    free(note);
    add_stream("DEAD_S", "$DEAD.S.>");
    grave = stream_registry_find(registry, slice_of("DEAD_S"));
    stream_watch(grave, &watch);
    if (stream_last(grave) == 0)
        wait_for(&advance_count, 1);
    stream_unwatch(grave, &watch);
    ck_assert_int_eq(stream_read(grave, 0, clock_wall_ms(), &run), STREAM_FOUND);
    ck_assert(stream_run_next(&run, &message));
    ck_assert(slice_is(message.topic, "$DEAD.S.webhook-w"));
    ck_assert(slice_is(message.payload, "!1"));
    ck_assert_ptr_nonnull(memmem(message.head.data, message.head.size, "Posthorn-Dead-Words: answered 500\r\n", 35));
    ck_assert_ptr_nonnull(memmem(message.head.data, message.head.size, "Posthorn-Dead-Topic: t.a\r\n", 26));
    stream_release(&run);
    stream_destroy(grave);
    publish("t.a", "2");
    wait_for(&count, 2);
    finish();
}
END_TEST

START_TEST(durable_is_what_streams_in_files_keep_wholly)
{
    begin();
    put("{}");
    put("{\"name\":\"v\",\"pattern\":\">\"}");
    ck_assert(deliverer_is_durable(deliverer, deliverer_find(deliverer, slice_of("w"))));
    ck_assert(!deliverer_is_durable(deliverer, deliverer_find(deliverer, slice_of("v"))));
    start_all();
    finish();
}
END_TEST

static unsigned abandoned;

static void abandon(struct deliverer_call *call)
{
    (void)call;
    abandoned++;
}

START_TEST(a_call_that_comes_too_late_is_given_back)
{
    struct deliverer_call call = { .run = NULL, .abandon = abandon };
    begin();
    start_all();
    deliverer_stop(deliverer);
    deliverer_call(deliverer, &call);
    finish();
    ck_assert_uint_eq(abandoned, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        messages_of_a_stream_in_files_arrive,
        a_webhook_goes_on_where_it_was,
        it_begins_where_its_settings_say,
        a_stream_that_comes_later_is_read_from_its_beginning,
        another_pattern_or_order_goes_on_where_it_was,
        one_that_recovers_sends_again,
        one_that_is_removed_is_forgotten,
        what_is_dead_is_kept_with_its_reason,
        durable_is_what_streams_in_files_keep_wholly,
        a_call_that_comes_too_late_is_given_back,
        NULL,
    };
    return unit_run_apart("deliverer", tests);
}
