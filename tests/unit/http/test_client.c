/*
 * Connections that speak HTTP, over socket pairs: their order, their time, their errors and their end. The test owns
 * time: it turns the loop by hand. What is held is a request (POST /v1/request) that a responder leaves unanswered.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "broker/session.h"
#include "config/config.h"
#include "http/calls.h"
#include "http/http.h"
#include "http/routes.h"
#include "http/state.h"
#include "net/conn.h"
#include "stream/queue.h"

enum { START_MS = 1000000, ROOM = 1 << 16 };

static struct loop loop;
static struct broker broker;
static struct config *config;
static struct users *users;
static struct http_identity identity = { .server_id = "ID", .server_name = "broker.lan", .line_host = "" };
static struct http *http;
static int peer;
static char got[ROOM];
static size_t got_size;
static bool got_end;
static unsigned closed_count, taken_count;

/* Somebody who takes requests and does not answer. */

static unsigned take(struct sink *sink, const struct batch *batch)
{
    (void)sink;
    taken_count += batch->count;
    return batch->count;
}

static const struct sink_ops silent_ops = { .deliver = take };
static struct sink silent;

/* The scene. */

static uint64_t wall_ms(void *arg)
{
    (void)arg;
    return 784111777000; /* Sun, 06 Nov 1994 08:49:37 GMT */
}

static void on_closed(void *arg, const struct address *address)
{
    (void)arg;
    (void)address;
    closed_count++;
}

static bool before_flush(void *arg)
{
    (void)arg;
    return http_turn(http);
}

static void turn(uint64_t advance_ms)
{
    unit_assert(event_base_loop(loop.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    loop.now_ms += advance_ms;
    timers_run(&loop.timers, loop.now_ms);
    loop_stop(&loop);
    unit_assert(loop_run(&loop) == 0); /* has been stopped: ends the turn and returns */
}

static void accept_peer(uint8_t family)
{
    const struct address address = { .family = family };
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    ck_assert_int_eq(http_accept(http, fds[0], &address, 1, true, false), 0);
}

static void begin_with(const char *const *overrides, size_t override_count)
{
    const struct broker_limits limits = { .topic = { 1024, 64 } };
    struct config_error error;
    ck_assert_int_eq(config_load(PROGRAM_BROKER, NULL, overrides, override_count, &config, &error), 0);
    char sentence[USERS_SENTENCE_SIZE];
    ck_assert_int_eq(users_create(config, &users, sentence), 0);
    identity.queues = queues_create();
    ck_assert_int_eq(loop_init(&loop), 0);
    loop.now_ms = START_MS;
    ck_assert_int_eq(broker_init(&broker, &loop.counters, users, &limits), 0);
    broker.hooks.wall_ms = wall_ms;
    silent = (struct sink){ .ops = &silent_ops, .weight = 1 };
    ck_assert_int_eq(router_add(broker.router, &silent, slice_of("silent"), slice_make(NULL, 0)), 0);
    http = http_create(&loop, &broker, NULL, &identity, config, NULL);
    ck_assert_ptr_nonnull(http);
    http_on_closed(http, on_closed, NULL);
    loop.hooks.before_flush = before_flush;
    accept_peer(AF_UNIX);
}

static void begin(void)
{
    begin_with(NULL, 0);
}

static void finish(void)
{
    broker_notify(&broker, NOTICE_ABANDON);
    turn(0);
    ck_assert_ptr_null(broker.sessions);
    http_destroy(http);
    router_remove(broker.router, &silent);
    broker_finish(&broker);
    loop_finish(&loop);
    queues_destroy(identity.queues);
    users_destroy(users);
    config_destroy(config);
    if (peer >= 0)
        close(peer);
}

static void peer_say(const char *text)
{
    ck_assert_int_eq(send(peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Turns so often that whatever can be said is said, and reads it. */
static void hear(void)
{
    for (unsigned i = 0; i < 8; i++) {
        turn(0);
        ssize_t size = recv(peer, got + got_size, sizeof got - got_size - 1, 0);
        if (size > 0)
            got_size += (size_t)size;
        got_end |= size == 0;
    }
    got[got_size] = '\0';
}

static unsigned count(const char *text)
{
    unsigned found = 0;
    for (const char *at = got; (at = strstr(at, text)); at++)
        found++;
    return found;
}

static void forget(void)
{
    got_size = 0;
    got[0] = '\0';
}

#define HEALTH "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define ASTRAY "GET /astray HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST "POST /v1/request/silent HTTP/1.1\r\nHost: localhost\r\n"
#define REQUEST "POST /v1/request/silent?timeout=1s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"

/* Order. */

START_TEST(pipelined_requests_are_answered_in_order)
{
    peer_say(HEALTH ASTRAY HEALTH);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 "), 3);
    ck_assert(strstr(strstr(got, "200 OK"), "404 Not Found"));
    ck_assert(strstr(strstr(got, "404 Not Found"), "200 OK"));
    ck_assert_uint_eq(count("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 3);
    ck_assert(!got_end);
}
END_TEST

START_TEST(request_behind_a_held_one_waits_for_its_answer)
{
    peer_say(REQUEST HEALTH);
    hear();
    ck_assert_uint_eq(taken_count, 1);
    ck_assert_uint_eq(got_size, 0);
    peer_say(ASTRAY);
    hear();
    ck_assert_uint_eq(got_size, 0);
    turn(1001);
    hear();
    ck_assert_msg(count("HTTP/1.1 ") == 3, "%s", got);
    ck_assert(strstr(got, "HTTP/1.1 504 ") == got);
    ck_assert(strstr(strstr(got, "200 OK"), "404 Not Found"));
}
END_TEST

START_TEST(many_held_behind_one_another_each_have_their_time)
{
    peer_say(REQUEST REQUEST REQUEST);
    for (unsigned i = 1; i <= 3; i++) {
        hear();
        ck_assert_uint_eq(taken_count, i);
        turn(1001);
        hear();
        ck_assert_uint_eq(count("HTTP/1.1 504 "), i);
    }
}
END_TEST

START_TEST(client_that_goes_away_from_what_is_held_is_forgotten)
{
    peer_say(REQUEST);
    hear();
    ck_assert_uint_eq(http->state->calls->inbox.waiting_count, 1);
    close(peer);
    peer = -1;
    turn(0);
    ck_assert_uint_eq(closed_count, 1);
    ck_assert_uint_eq(http->state->calls->inbox.waiting_count, 0);
}
END_TEST

START_TEST(client_that_ends_its_side_still_hears_its_answers)
{
    peer_say(HEALTH);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    hear();
    ck_assert_uint_eq(count("200 OK"), 1);
    ck_assert(got_end);
}
END_TEST

/* Bodies. */

START_TEST(request_comes_byte_by_byte_and_in_chunks)
{
    static const char text[] = POST "Transfer-Encoding: chunked\r\n\r\n"
                               "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n" ASTRAY;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        ck_assert_int_eq(send(peer, text + i, 1, MSG_NOSIGNAL), 1);
        turn(1);
    }
    ck_assert_uint_eq(taken_count, 1);
    turn(5001);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 504 "), 1);
    ck_assert_uint_eq(count("HTTP/1.1 404 "), 1);
}
END_TEST

START_TEST(client_that_expects_it_is_told_to_go_on_once)
{
    peer_say(POST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    hear();
    ck_assert_str_eq(got, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_say("ab");
    hear();
    ck_assert_uint_eq(count("100 Continue"), 1);
    peer_say("cd");
    hear();
    ck_assert_uint_eq(taken_count, 1);
}
END_TEST

START_TEST(refused_body_is_not_waited_for)
{
    peer_say(POST "Content-Length: 1048577\r\nExpect: 100-continue\r\n\r\n");
    hear();
    ck_assert_uint_eq(count("100 Continue"), 0);
    ck_assert_uint_eq(count("HTTP/1.1 413 "), 1);
    ck_assert_uint_eq(count("Connection: close\r\n"), 1);
    ck_assert(got_end);
}
END_TEST

START_TEST(refused_request_whose_body_is_there_does_not_end_the_connection)
{
    peer_say("POST /astray HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nGET " HEALTH);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 404 "), 1);
    ck_assert_uint_eq(count("HTTP/1.1 200 "), 1);
    ck_assert(!got_end);
}
END_TEST

START_TEST(what_is_not_understood_is_answered_and_ends_the_connection)
{
    peer_say(HEALTH POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" HEALTH);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 "), 2);
    ck_assert_uint_eq(count("HTTP/1.1 400 "), 1);
    ck_assert(got_end);
}
END_TEST

/* Time. */

START_TEST(head_that_dribbles_in_has_its_time_and_no_more)
{
    peer_say("GET /healthz HTTP/1.1\r\n");
    for (unsigned i = 0; i < 9; i++) {
        turn(1000);
        peer_say("A: b\r\n");
    }
    hear();
    ck_assert_uint_eq(got_size, 0);
    turn(1500);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 408 "), 1);
    ck_assert(got_end);
}
END_TEST

START_TEST(body_that_dribbles_in_has_its_time_and_no_more)
{
    peer_say(POST "Content-Length: 100\r\n\r\n");
    for (unsigned i = 0; i < 59; i++) {
        turn(1000);
        peer_say("x");
    }
    hear();
    ck_assert_uint_eq(got_size, 0);
    turn(2000);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 408 "), 1);
    ck_assert(got_end);
}
END_TEST

START_TEST(idle_connection_ends_without_a_word)
{
    peer_say(HEALTH);
    hear();
    forget();
    turn(74000);
    hear();
    ck_assert(!got_end);
    turn(1500);
    hear();
    ck_assert(got_end && got_size == 0);
}
END_TEST

START_TEST(request_begins_the_time_of_idling_anew)
{
    turn(74000);
    peer_say(HEALTH);
    hear();
    turn(74000);
    hear();
    ck_assert(!got_end);
    turn(1500);
    hear();
    ck_assert(got_end);
}
END_TEST

/* The end. */

START_TEST(server_that_stops_ends_what_is_idle_and_answers_what_is_held)
{
    int idle = peer;
    accept_peer(AF_UNIX);
    peer_say(REQUEST);
    hear();
    broker_notify(&broker, NOTICE_QUIESCE);
    broker_notify(&broker, NOTICE_SHUTDOWN);
    hear();
    ck_assert_msg(strstr(got, "HTTP/1.1 503 ") == got, "%s", got);
    ck_assert(strstr(got, "Connection: close\r\n") && got_end);
    char byte;
    ck_assert_int_eq(recv(idle, &byte, 1, 0), 0);
    close(idle);
}
END_TEST

START_TEST(lame_duck_asks_its_clients_to_go)
{
    broker_notify(&broker, NOTICE_LAME_DUCK);
    peer_say("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 503 "), 1);
    ck_assert_uint_eq(count("Connection: close\r\n"), 1);
    ck_assert(got_end);
}
END_TEST

/* Who asks. */

static const struct {
    const char *head;
    unsigned status;
} asked[] = {
    { "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200 },
    { "GET /healthz HTTP/1.1\r\nHost: broker.lan\r\n\r\n", 200 },
    { "GET /healthz HTTP/1.1\r\nHost: other.lan:1\r\n\r\n", 200 },
    { "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421 },
    { "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\r\n", 200 },
    { "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n", 403 },
    { "GET /varz HTTP/1.1\r\nHost: localhost\r\n\r\n", 401 },
    { "GET /astray HTTP/1.1\r\nHost: localhost\r\n\r\n", 404 },
    { "DELETE /varz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405 },
    { "OPTIONS /varz HTTP/1.1\r\nHost: localhost\r\n\r\n", 204 },
    { "GET /astray HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t0ken\r\n\r\n", 404 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t0ken\r\n\r\n", 202 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer t0ken\r\n\r\n", 202 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t0ken2\r\n\r\n", 401 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWxpY2U6czNjcmV0\r\n\r\n", 202 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWxpY2U6czNjcmV1\r\n\r\n", 401 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWxpY2U6czNjcmV0=\r\n\r\n", 401 },
    { "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Digest x\r\n\r\n", 401 },
};

START_TEST(request_is_let_in_by_name_page_and_user)
{
    static const char *const overrides[] = {
        "user.alice.password=s3cret", "user.alice.token=t0ken", "http.origins=https://app.example",
        "http.hosts=other.lan",
    };
    char wanted[32];
    begin_with(overrides, 4);
    close(peer);
    accept_peer(AF_INET);
    snprintf(wanted, sizeof wanted, "HTTP/1.1 %u ", asked[_i].status);
    peer_say(asked[_i].head);
    hear();
    ck_assert_msg(strstr(got, wanted) == got, "%s\n%s", asked[_i].head, got);
    ck_assert_int_eq(strstr(got, "WWW-Authenticate: Basic") != NULL, asked[_i].status == 401);
    finish();
}
END_TEST

/* Who was let in once is asked again for every request: a proxy may send those of several on one connection. */
START_TEST(user_is_that_of_the_request_not_of_the_connection)
{
    static const char *const overrides[] = { "user.alice.token=t0ken" };
    begin_with(overrides, 1);
    peer_say("PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t0ken\r\n\r\n"
             "PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 202 "), 1);
    ck_assert_uint_eq(count("HTTP/1.1 401 "), 1);
    finish();
}
END_TEST

/* Answers that somebody else gives, by routes of another program. */

static struct exchange *held;
static unsigned abandoned_count;

static void on_abandoned(void *arg)
{
    (void)arg;
    held = NULL;
    abandoned_count++;
}

static const struct hold_ops relay_ops = { .abandoned = on_abandoned };

static void hold_it(struct exchange *exchange)
{
    held = exchange;
    exchange_hold(exchange, &relay_ops, NULL);
}

static const struct route beyond_route = { HTTP_POST, "/**", hold_it, RIGHT_PUBLISH, 0 };

static const struct route *look_beyond(const struct http *room, const struct http_request *request)
{
    ck_assert_ptr_eq(room, http);
    return slice_is(request->path, "/nowhere") ? NULL : &beyond_route;
}

static const struct route other_rows[] = { { HTTP_GET, "/healthz", health_alive, RIGHT_ANYBODY, 0 } };
static const struct route_table other_routes = { .rows = other_rows, .row_count = 1, .beyond = look_beyond };

static void begin_other(void)
{
    begin();
    http_set_routes(http, &other_routes, &held);
    peer_say("PATCH /some/where HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    hear();
    ck_assert_ptr_nonnull(held);
    ck_assert_ptr_eq(held->http->guest, &held);
}

START_TEST(relayed_answer_of_known_size_keeps_the_connection)
{
    peer_say(HEALTH);
    ck_assert(exchange_relay(held, 299, "a/b", 5, "X: y\r\n", &relay_ops, NULL));
    exchange_keep(held, "ab", 2);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 299 \r\n"), 1);
    ck_assert_uint_eq(count("Content-Length: 5\r\n"), 1);
    ck_assert_uint_eq(count("X: y\r\n"), 1);
    ck_assert_uint_eq(count("200 OK"), 0);
    exchange_keep(held, "cde", 3);
    exchange_end(held);
    hear();
    ck_assert_msg(strstr(got, "\r\n\r\nabcdeHTTP/1.1 200 OK") != NULL, "%s", got);
    ck_assert(!got_end);
    ck_assert_uint_eq(abandoned_count, 0);
}
END_TEST

START_TEST(relayed_answer_without_a_size_ends_the_connection)
{
    ck_assert(exchange_relay(held, 200, "a/b", EXCHANGE_ENDLESS, NULL, &relay_ops, NULL));
    exchange_keep(held, "ab", 2);
    hear();
    ck_assert(!got_end);
    exchange_end(held);
    hear();
    ck_assert_uint_eq(count("Connection: close\r\n"), 1);
    ck_assert_uint_eq(count("Content-Length"), 0);
    ck_assert(got_end);
}
END_TEST

START_TEST(relayed_answer_without_a_body_is_done)
{
    ck_assert(!exchange_relay(held, 304, NULL, EXCHANGE_ENDLESS, NULL, &relay_ops, NULL));
    peer_say(HEALTH);
    hear();
    ck_assert_uint_eq(count("HTTP/1.1 304 Not Modified\r\n"), 1);
    ck_assert_uint_eq(count("200 OK"), 1);
    ck_assert(!got_end);
}
END_TEST

START_TEST(client_that_leaves_a_relayed_answer_abandons_it)
{
    ck_assert(exchange_relay(held, 200, "a/b", 5, NULL, &relay_ops, NULL));
    close(peer);
    peer = -1;
    turn(0);
    ck_assert_uint_eq(abandoned_count, 1);
}
END_TEST

START_TEST(what_lies_beyond_takes_every_method_but_options)
{
    answer_empty(held, 204, NULL);
    peer_say("OPTIONS /some/where HTTP/1.1\r\nHost: localhost\r\n\r\n"
             "DELETE /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear();
    ck_assert_uint_eq(count("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"), 1);
    ck_assert_uint_eq(count("HTTP/1.1 404 "), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *plain = tcase_create("plain"), *guarded = tcase_create("guarded"), *other = tcase_create("other");
    tcase_add_checked_fixture(plain, begin, finish);
    tcase_add_test(plain, pipelined_requests_are_answered_in_order);
    tcase_add_test(plain, request_behind_a_held_one_waits_for_its_answer);
    tcase_add_test(plain, many_held_behind_one_another_each_have_their_time);
    tcase_add_test(plain, client_that_goes_away_from_what_is_held_is_forgotten);
    tcase_add_test(plain, client_that_ends_its_side_still_hears_its_answers);
    tcase_add_test(plain, request_comes_byte_by_byte_and_in_chunks);
    tcase_add_test(plain, client_that_expects_it_is_told_to_go_on_once);
    tcase_add_test(plain, refused_body_is_not_waited_for);
    tcase_add_test(plain, refused_request_whose_body_is_there_does_not_end_the_connection);
    tcase_add_test(plain, what_is_not_understood_is_answered_and_ends_the_connection);
    tcase_add_test(plain, head_that_dribbles_in_has_its_time_and_no_more);
    tcase_add_test(plain, body_that_dribbles_in_has_its_time_and_no_more);
    tcase_add_test(plain, idle_connection_ends_without_a_word);
    tcase_add_test(plain, request_begins_the_time_of_idling_anew);
    tcase_add_test(plain, server_that_stops_ends_what_is_idle_and_answers_what_is_held);
    tcase_add_test(plain, lame_duck_asks_its_clients_to_go);
    suite_add_tcase(suite, plain);
    tcase_add_loop_test(guarded, request_is_let_in_by_name_page_and_user, 0, (int)(sizeof asked / sizeof *asked));
    tcase_add_test(guarded, user_is_that_of_the_request_not_of_the_connection);
    suite_add_tcase(suite, guarded);
    tcase_add_checked_fixture(other, begin_other, finish);
    tcase_add_test(other, relayed_answer_of_known_size_keeps_the_connection);
    tcase_add_test(other, relayed_answer_without_a_size_ends_the_connection);
    tcase_add_test(other, relayed_answer_without_a_body_is_done);
    tcase_add_test(other, client_that_leaves_a_relayed_answer_abandons_it);
    tcase_add_test(other, what_lies_beyond_takes_every_method_but_options);
    suite_add_tcase(suite, other);
    return unit_run_suite(suite, CK_FORK);
}
