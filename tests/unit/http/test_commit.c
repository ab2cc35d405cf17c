/*
 * Publishers over HTTP who wait until their messages are on disk: streams in simulated files, which are committed when
 * the test says so, or never. The test turns the loop by hand.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "../store/sim.h"
#include "../stream/kit.h"
#include "../unit.h"
#include "broker/keeper.h"
#include "broker/session.h"
#include "config/config.h"
#include "http/http.h"
#include "net/conn.h"
#include "stream/queue.h"

enum { START_MS = 1000000, ROOM = 1 << 16 };

static struct loop loop;
static struct broker broker;
static struct config *config;
static struct users *users;
static struct sim *sim;
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct stream *stream;
static struct keepers *keepers;
static struct http_identity identity = { .server_id = "ID", .server_name = "broker.lan", .line_host = "" };
static struct http *http;
static int peer;
static char got[ROOM];
static size_t got_size;

/* The scene. */

static uint64_t wall_ms(void *arg)
{
    (void)arg;
    return 784111777000;
}

static void wake(void *arg)
{
    (void)arg;
}

static void on_closed(void *arg, const struct address *address)
{
    (void)arg;
    (void)address;
}

static bool before_flush(void *arg)
{
    (void)arg;
    keepers_turn(keepers);
    return http_turn(http);
}

static void turn(uint64_t advance_ms)
{
    unit_assert(event_base_loop(loop.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    loop.now_ms += advance_ms;
    timers_run(&loop.timers, loop.now_ms);
    loop_stop(&loop);
    unit_assert(loop_run(&loop) == 0);
}

static void add_stream(const char *name, const char *topic)
{
    struct stream_settings settings;
    settings_init(&settings);
    ck_assert_int_eq(settings_set_text(&settings.name, name), 0);
    ck_assert_int_eq(settings_add_topic(&settings, topic), 0);
    ck_assert_int_eq(stream_registry_add(registry, &settings, &stream), 0);
    settings_finish(&settings);
    ck_assert_int_eq(keepers_sync(keepers), 0);
}

static void begin(void)
{
    const struct broker_limits limits = { .topic = { 1024, 64 } };
    const struct address address = { .family = AF_UNIX };
    struct config_error error;
    int fds[2];
    ck_assert_int_eq(config_load(PROGRAM_BROKER, NULL, NULL, 0, &config, &error), 0);
    char sentence[USERS_SENTENCE_SIZE];
    ck_assert_int_eq(users_create(config, &users, sentence), 0);
    sim = sim_create(7);
    const struct stream_engine_options options = {
        .files = sim_files(sim), .directory = "data", .segment_size = 1 << 20, .cache_size = 1 << 20, .boot_id = "",
    };
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    identity.registry = registry = stream_registry_create(engine);
    identity.queues = queues_create();
    ck_assert_int_eq(loop_init(&loop), 0);
    loop.now_ms = START_MS;
    ck_assert_int_eq(broker_init(&broker, &loop.counters, users, &limits), 0);
    broker.hooks.wall_ms = wall_ms;
    broker.keepers = keepers = keepers_create(&broker, registry, wake, NULL);
    http = http_create(&loop, &broker, NULL, &identity, config, NULL);
    http_on_closed(http, on_closed, NULL);
    loop.hooks.before_flush = before_flush;
    add_stream("S", "s.>");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    ck_assert_int_eq(http_accept(http, fds[0], &address, 1, true, false), 0);
}

static void finish(void)
{
    broker_notify(&broker, NOTICE_ABANDON);
    turn(0);
    ck_assert_ptr_null(broker.sessions);
    http_destroy(http);
    keepers_destroy(keepers);
    broker_finish(&broker);
    loop_finish(&loop);
    stream_destroy(stream);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
    sim_destroy(sim);
    queues_destroy(identity.queues);
    users_destroy(users);
    config_destroy(config);
    if (peer >= 0)
        close(peer);
}

static void say(const char *text)
{
    ck_assert_int_eq(send(peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What has been answered since the last time. */
static const char *hear(void)
{
    got_size = 0;
    for (unsigned i = 0; i < 8; i++) {
        turn(0);
        ssize_t size = recv(peer, got + got_size, sizeof got - got_size - 1, 0);
        got_size += size > 0 ? (size_t)size : 0;
    }
    got[got_size] = '\0';
    return got;
}

#define POST(topic, headers) \
    "POST /v1/topics/" topic " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n" headers "\r\nx"
#define HEALTH "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define BATCH(size, body) \
    "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" \
    "Content-Length: " size "\r\n\r\n" body

START_TEST(answer_comes_when_it_is_on_disk)
{
    say(POST("s.a", ""));
    ck_assert_str_eq(hear(), "");
    kit_settle(stream);
    hear();
    ck_assert(strstr(got, "HTTP/1.1 200 OK\r\n") == got);
    ck_assert(strstr(got, "\"stream\":\"S\",\"seq\":1,"));
    ck_assert(strstr(got, "\"durable\":true,\"duplicate\":false}"));
}
END_TEST

START_TEST(what_comes_behind_waits_for_it)
{
    say(POST("s.a", "") HEALTH POST("s.b", ""));
    ck_assert_str_eq(hear(), "");
    kit_settle(stream);
    hear();
    ck_assert(strstr(got, "\"seq\":1,") && strstr(got, "\"status\":\"ok\""));
    ck_assert(!strstr(got, "\"seq\":2,")); /* the second has been published only now */
    kit_settle(stream);
    ck_assert(strstr(hear(), "\"seq\":2,"));
}
END_TEST

START_TEST(duplicate_waits_for_the_first)
{
    say(POST("s.a", "Idempotency-Key: k\r\n"));
    hear();
    kit_settle(stream);
    hear();
    say(POST("s.a", "Idempotency-Key: k\r\n"));
    ck_assert(strstr(hear(), "\"seq\":1,"));
    ck_assert(strstr(got, "\"duplicate\":true"));
}
END_TEST

START_TEST(nothing_is_acknowledged_after_a_failed_sync)
{
    say(POST("s.a", ""));
    hear();
    kit_settle(stream);
    hear();
    sim_fail_syncs(sim, true);
    say(POST("s.a", ""));
    ck_assert_str_eq(hear(), "");
    kit_settle(stream);
    hear();
    ck_assert(strstr(got, "HTTP/1.1 503 ") == got);
    ck_assert(strstr(got, "urn:posthorn:problem:stream-failed"));
    sim_fail_syncs(sim, false);
    say(POST("s.a", "")); /* it takes nothing more */
    ck_assert(strstr(hear(), "urn:posthorn:problem:stream-failed"));
}
END_TEST

START_TEST(batch_tells_what_has_failed_and_what_has_not)
{
    say(BATCH("64", "[{\"topic\":\"s.a\"},{\"topic\":\"nobody\"},{\"topic\":\"s.b\"},{\"topic\":0}]"));
    ck_assert_str_eq(hear(), "");
    sim_fail_syncs(sim, true);
    kit_settle(stream);
    hear();
    ck_assert(strstr(got, "HTTP/1.1 200 OK\r\n") == got);
    const char *results = strstr(got, "{\"results\":[{\"type\":\"urn:posthorn:problem:stream-failed\"");
    ck_assert_msg(results, "%s", got);
    const char *nobody = strstr(results, "},{\"topic\":\"nobody\",\"durable\":false},{\"type\":");
    ck_assert(nobody && strstr(nobody, "urn:posthorn:problem:stream-failed"));
    ck_assert(strstr(results, "},{\"type\":\"urn:posthorn:problem:bad-body\""));
}
END_TEST

START_TEST(batch_over_two_streams_waits_for_both)
{
    struct stream *first = stream;
    add_stream("T", "t.>");
    say(BATCH("49", "[{\"topic\":\"s.a\"},{\"topic\":\"t.a\"},{\"topic\":\"s.b\"}]"));
    ck_assert_str_eq(hear(), "");
    kit_settle(first);
    ck_assert_str_eq(hear(), "");
    kit_settle(stream);
    hear();
    ck_assert(strstr(got, "\"stream\":\"S\",\"seq\":1,") && strstr(got, "\"stream\":\"T\",\"seq\":1,"));
    stream_destroy(first);
}
END_TEST

START_TEST(removed_stream_keeps_nobody_waiting)
{
    say(POST("s.a", ""));
    hear();
    ck_assert_int_eq(stream_registry_remove(registry, "S"), 0);
    ck_assert(strstr(hear(), "urn:posthorn:problem:stream-failed"));
}
END_TEST

START_TEST(client_that_leaves_waits_no_more)
{
    say(POST("s.a", ""));
    hear();
    close(peer);
    peer = -1;
    turn(0);
    turn(0);
    kit_settle(stream);
    turn(0);
    ck_assert_uint_eq(stream_last(stream), 1);
}
END_TEST

START_TEST(full_disk_is_waited_for_and_then_no_longer)
{
    sim_set_space(sim, 0);
    say(POST("s.a", ""));
    hear();
    kit_settle(stream);
    turn(29000);
    ck_assert_str_eq(hear(), "");
    turn(1001);
    hear();
    ck_assert(strstr(got, "HTTP/1.1 504 ") == got);
    ck_assert(strstr(got, "urn:posthorn:problem:no-reply"));
    say(POST("s.a", ""));
    hear();
    ck_assert(strstr(got, "HTTP/1.1 507 ") == got);
    ck_assert(strstr(got, "urn:posthorn:problem:disk-full"));
}
END_TEST

START_TEST(server_that_stops_still_answers)
{
    say(POST("s.a", ""));
    hear();
    broker_notify(&broker, NOTICE_QUIESCE);
    broker_notify(&broker, NOTICE_SHUTDOWN);
    ck_assert_str_eq(hear(), "");
    kit_settle(stream);
    hear();
    ck_assert(strstr(got, "HTTP/1.1 200 OK\r\n") == got);
    ck_assert(strstr(got, "Connection: close\r\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commit");
    TCase *tcase = tcase_create("commit");
    tcase_add_checked_fixture(tcase, begin, finish);
    tcase_add_test(tcase, answer_comes_when_it_is_on_disk);
    tcase_add_test(tcase, what_comes_behind_waits_for_it);
    tcase_add_test(tcase, duplicate_waits_for_the_first);
    tcase_add_test(tcase, nothing_is_acknowledged_after_a_failed_sync);
    tcase_add_test(tcase, batch_tells_what_has_failed_and_what_has_not);
    tcase_add_test(tcase, batch_over_two_streams_waits_for_both);
    tcase_add_test(tcase, removed_stream_keeps_nobody_waiting);
    tcase_add_test(tcase, client_that_leaves_waits_no_more);
    tcase_add_test(tcase, full_disk_is_waited_for_and_then_no_longer);
    tcase_add_test(tcase, server_that_stops_still_answers);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
