#include "push/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "net/loop.h"
#include "receiver.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"

static struct loop loop;
static struct deliver *deliver;
static struct guard guard;
static struct network here;
static struct receiver receiver;

/* What came of the last, and what is still to come before the loop ends. */
static struct deliver_result last;
static char last_answer[ATTEMPT_ANSWER_SIZE + 1];
static unsigned waited_for;

static void done(struct delivery *delivery, const struct deliver_result *result)
{
    last = *result;
    snprintf(last_answer, sizeof last_answer, "%.*s", SLICE_ARGS(result->answer));
    delivery_cancel(delivery);
    if (--waited_for == 0)
        loop_stop(&loop);
}

static void begin(receiver_answer *answer, void *arg)
{
    struct deliver_options options = { .guard = &guard, .connections_max = 64 };
    receiver_start(&receiver, answer, arg);
    ck_assert(network_read("127.0.0.0/8", &here));
    guard = (struct guard){ &here, 1 };
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(deliver_create(&loop, &options, &deliver), 0);
}

static void finish(void)
{
    deliver_destroy(deliver);
    loop_finish(&loop);
    receiver_stop(&receiver);
}

static void start(struct delivery *delivery, const char *url, const char *content)
{
    delivery->url = url;
    delivery->content = slice_of(content);
    delivery->timeout_ms = delivery->timeout_ms ? delivery->timeout_ms : 30000;
    delivery->done = done;
    ck_assert_int_eq(delivery_start(deliver, delivery), 0);
}

/* Waits until all have ended. */
static void wait_for(unsigned count)
{
    waited_for = count;
    loop.stopping = false;
    ck_assert_int_eq(loop_run(&loop), 0);
}

static void send_to(const char *url)
{
    struct delivery delivery = { .url = NULL };
    start(&delivery, url, "x");
    wait_for(1);
}

static void end_of_turn(struct timer *timer, uint64_t now_ms)
{
    (void)timer;
    (void)now_ms;
    loop_stop(&loop);
}

/* Lets the loop look at what has come. */
static void turn(void)
{
    struct timer timer = { .fire = end_of_turn };
    timer_set(&loop.timers, &timer, loop_now_ms(&loop) + 10);
    loop.stopping = false;
    ck_assert_int_eq(loop_run(&loop), 0);
}

/* Keeps what came. */
static const char *keep(void *arg, const char *request, unsigned number)
{
    (void)number;
    snprintf(arg, 4096, "%s", request);
    return OK;
}

START_TEST(a_request_arrives_with_its_lines_and_body)
{
    static char request[4096];
    char room[256];
    struct delivery delivery = { .url = NULL };
    begin(keep, request);
    ck_assert_int_eq(delivery_add_line(&delivery, "webhook-id: 1-2"), 0);
    ck_assert_int_eq(delivery_add_line(&delivery, "Content-Type: text/plain"), 0);
    start(&delivery, receiver.url, "hello");
    ck_assert_uint_eq(deliver_count(deliver), 1);
    wait_for(1);
    ck_assert_uint_eq(last.status, 200);
    ck_assert_ptr_null(last.error);
    ck_assert_str_eq(last_answer, "OK");
    ck_assert_uint_eq(deliver_count(deliver), 0);
    ck_assert(strncmp(request, "POST /hook HTTP/1.1\r\n", 21) == 0);
    ck_assert_str_eq(receiver_header(request, "webhook-id", room, sizeof room), "1-2");
    ck_assert_str_eq(receiver_header(request, "content-type", room, sizeof room), "text/plain");
    ck_assert_str_eq(receiver_header(request, "user-agent", room, sizeof room), "posthorn HTTP/1.1");
    ck_assert_ptr_null(receiver_header(request, "expect", room, sizeof room));
    ck_assert_str_eq(receiver_body(request), "hello");
    finish();
}
END_TEST

/* One handle after the other writes its head itself and has curl write it. */
START_TEST(a_head_is_whole_whoever_writes_it)
{
    static char request[4096];
    char url[128], expected[512];
    const char *host = receiver.url + sizeof "http://" - 1;
    begin(keep, request);
    snprintf(url, sizeof url, "%s?a=b%%20c", receiver.url);
    for (unsigned i = 0; i < 3; i++) {
        bool is_own = i == 1; /* their name for us, which is not to be added to */
        struct delivery delivery = { .url = NULL };
        ck_assert_int_eq(delivery_add_line(&delivery, is_own ? "User-Agent: me" : "Accept: text/plain"), 0);
        start(&delivery, url, "12345");
        wait_for(1);
        ck_assert_uint_eq(last.status, 200);
        snprintf(expected, sizeof expected, "POST /hook?a=b%%20c HTTP/1.1\r\nHost: %.*s\r\n%s\r\n\r\n12345",
                 (int)strcspn(host, "/"), host,
                 is_own ? "User-Agent: me\r\nContent-Length: 5"
                        : "Accept: text/plain\r\nContent-Length: 5\r\nUser-Agent: posthorn HTTP/1.1");
        ck_assert_str_eq(request, expected);
    }
    ck_assert_uint_eq(receiver_connections(&receiver), 1);
    finish();
}
END_TEST

START_TEST(lines_are_as_many_as_there_are)
{
    static char request[4096], lines[200][16];
    char room[16];
    struct delivery delivery = { .url = NULL };
    begin(keep, request);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(lines[i], sizeof lines[i], "X-%u: %u", i, i);
        ck_assert_int_eq(delivery_add_line(&delivery, lines[i]), 0);
    }
    delivery.line_count = 100;
    start(&delivery, receiver.url, "");
    wait_for(1);
    ck_assert_str_eq(receiver_header(request, "X-99", room, sizeof room), "99");
    ck_assert_str_eq(receiver_header(request, "Content-Length", room, sizeof room), "0");
    finish();
}
END_TEST

static const char *constant(void *arg, const char *request, unsigned number)
{
    (void)request;
    (void)number;
    return arg;
}

START_TEST(connections_are_kept)
{
    begin(constant, OK);
    for (unsigned i = 0; i < 20; i++)
        send_to(receiver.url);
    ck_assert_uint_eq(receiver_requests(&receiver), 20);
    ck_assert_uint_eq(receiver_connections(&receiver), 1);
    finish();
}
END_TEST

START_TEST(each_goes_where_its_url_says)
{
    static char request[4096];
    static const char *const paths[] = { "/a", "/b", "/b", "/a?x=%20y" };
    char url[128], wanted[128];
    begin(keep, request);
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u%s", receiver.port, paths[i]);
        snprintf(wanted, sizeof wanted, "POST %s HTTP/1.1\r\n", paths[i]);
        send_to(url);
        ck_assert_str_eq(last_answer, "OK");
        ck_assert(strncmp(request, wanted, strlen(wanted)) == 0);
    }
    ck_assert_uint_eq(receiver_connections(&receiver), 1);
    finish();
}
END_TEST

START_TEST(a_connection_that_the_receiver_has_closed_is_not_used_again)
{
    begin(constant, OK);
    for (unsigned i = 1; i <= 3; i++) {
        send_to(receiver.url);
        ck_assert_uint_eq(last.status, 200);
        ck_assert_uint_eq(receiver_connections(&receiver), i);
        receiver_hang_up(&receiver);
        for (unsigned k = 0; k < i; k++)
            turn(); /* it is seen while nothing is under way, or not */
    }
    finish();
}
END_TEST

START_TEST(many_go_at_once)
{
    static struct delivery deliveries[500];
    begin(constant, OK);
    memset(deliveries, 0, sizeof deliveries);
    for (unsigned i = 0; i < 500; i++)
        start(&deliveries[i], receiver.url, "x");
    wait_for(500);
    ck_assert_uint_eq(receiver_requests(&receiver), 500);
    ck_assert_uint_gt(receiver_connections(&receiver), 1);
    ck_assert_uint_le(receiver_connections(&receiver), 64);
    finish();
}
END_TEST

START_TEST(redirects_are_told_and_not_followed)
{
    char answer[256];
    begin(constant, answer);
    snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/other\r\n"
             "Content-Length: 0\r\n\r\n", receiver.port);
    send_to(receiver.url);
    ck_assert_uint_eq(last.status, 302);
    ck_assert_uint_eq(receiver_requests(&receiver), 1);
    finish();
}
END_TEST

START_TEST(an_address_that_the_guard_refuses_is_not_connected_to)
{
    char url[64];
    begin(constant, OK);
    guard.allowed_count = 0;
    send_to(receiver.url);
    ck_assert_uint_eq(last.status, 0);
    ck_assert_str_eq(last.error, "loopback");
    snprintf(url, sizeof url, "http://2130706433:%u/", receiver.port);
    send_to(url);
    ck_assert_str_eq(last.error, "loopback");
    snprintf(url, sizeof url, "http://[::ffff:127.0.0.1]:%u/", receiver.port);
    send_to(url);
    ck_assert_str_eq(last.error, "loopback");
    snprintf(url, sizeof url, "http://localhost:%u/", receiver.port);
    send_to(url);
    ck_assert_str_eq(last.error, "loopback");
    ck_assert_uint_eq(receiver_connections(&receiver), 0);
    finish();
}
END_TEST

START_TEST(the_environments_proxy_is_not_used)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    begin(constant, OK);
    send_to(receiver.url);
    ck_assert_uint_eq(last.status, 200);
    finish();
}
END_TEST

START_TEST(a_proxy_that_is_named_is_used)
{
    static char request[4096];
    struct deliver_options options = { .guard = &guard, .connections_max = 64 };
    begin(keep, request);
    options.proxy = receiver.url;
    ck_assert_int_eq(deliver_change(deliver, &options), 0);
    send_to("http://example.invalid/x");
    ck_assert_uint_eq(last.status, 200);
    ck_assert(strncmp(request, "POST http://example.invalid/x HTTP/1.1\r\n", 40) == 0);
    finish();
}
END_TEST

START_TEST(one_that_never_answers_costs_its_time_and_no_more)
{
    struct delivery hanging = { .timeout_ms = 300 }, good = { .url = NULL };
    static struct receiver other;
    begin(constant, (void *)receiver_hangs);
    receiver_start(&other, constant, OK);
    start(&hanging, receiver.url, "x");
    start(&good, other.url, "x");
    wait_for(2);
    ck_assert_uint_eq(last.status, 0);
    ck_assert_str_eq(last.error, "timed out");
    ck_assert_uint_ge(last.duration_ms, 290);
    ck_assert_uint_eq(other.request_count, 1);
    receiver_stop(&other);
    finish();
}
END_TEST

START_TEST(what_is_no_answer_has_a_reason)
{
    static const struct { const char *answer, *error; } cases[] = {
        { NULL, "closed without an answer" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK", "timed out" },
        { "SSH-2.0-OpenSSH\r\n", "answered by what is not HTTP" },
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct delivery delivery = { .timeout_ms = 300 };
        begin(constant, (void *)cases[i].answer);
        start(&delivery, receiver.url, "x");
        wait_for(1);
        ck_assert_uint_eq(last.status, 0);
        ck_assert_str_eq(last.error, cases[i].error);
        finish();
    }
    begin(constant, OK);
    send_to("http://nowhere.invalid/");
    ck_assert_str_eq(last.error, "the name is not known");
    send_to("http://127.0.0.1:1/");
    ck_assert_str_eq(last.error, "cannot connect");
    finish();
}
END_TEST

START_TEST(a_long_answer_is_cut_and_counts)
{
    static char answer[300 << 10];
    memset(answer, 'x', sizeof answer - 1);
    memcpy(answer, "HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n", 49);
    begin(constant, answer);
    send_to(receiver.url);
    ck_assert_uint_eq(last.status, 201);
    ck_assert_ptr_null(last.error);
    ck_assert_uint_eq(last.answer.size, ATTEMPT_ANSWER_SIZE);
    finish();
}
END_TEST

START_TEST(retry_after_is_read)
{
    begin(constant, "HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n");
    send_to(receiver.url);
    ck_assert_uint_eq(last.status, 429);
    ck_assert(last.has_retry_after);
    ck_assert_uint_eq(last.retry_after_ms, 120000);
    finish();
    begin(constant, "HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n");
    send_to(receiver.url);
    ck_assert(!last.has_retry_after);
    finish();
}
END_TEST

START_TEST(what_is_cancelled_is_not_heard_of)
{
    struct delivery cancelled = { .url = NULL };
    begin(constant, OK);
    start(&cancelled, receiver.url, "x");
    delivery_cancel(&cancelled);
    delivery_cancel(&cancelled);
    ck_assert_uint_eq(deliver_count(deliver), 0);
    send_to(receiver.url);
    ck_assert_uint_eq(receiver_requests(&receiver), 1);
    finish();
}
END_TEST

static void send_under(const char *url, uint64_t key)
{
    struct delivery delivery = { .key = key };
    start(&delivery, url, "x");
    wait_for(1);
}

START_TEST(those_of_one_key_share_connections)
{
    struct deliver_options options = { .guard = &guard, .connections_max = 128 };
    begin(constant, OK);
    ck_assert_int_eq(deliver_change(deliver, &options), 0);
    for (unsigned i = 0; i < 40; i++)
        send_under(receiver.url, i % 2);
    ck_assert_uint_eq(receiver_connections(&receiver), 2);
    finish();
}
END_TEST

START_TEST(there_are_no_more_connections_than_allowed)
{
    enum { MAX = 130, ROUNDS = 3 };
    static struct delivery deliveries[MAX];
    struct deliver_options options = { .guard = &guard, .connections_max = MAX };
    begin(constant, OK);
    ck_assert_int_eq(deliver_change(deliver, &options), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(deliveries, 0, sizeof deliveries);
        for (unsigned i = 0; i < MAX; i++) {
            deliveries[i].key = round; /* all of one: their own connections do not suffice */
            start(&deliveries[i], receiver.url, "x");
        }
        wait_for(MAX);
    }
    ck_assert_uint_eq(receiver_requests(&receiver), MAX * ROUNDS);
    ck_assert_uint_le(receiver_open(&receiver), MAX);
    finish();
}
END_TEST

START_TEST(the_end_does_not_wait)
{
    static struct delivery deliveries[3];
    begin(constant, (void *)receiver_hangs);
    memset(deliveries, 0, sizeof deliveries);
    for (unsigned i = 0; i < 3; i++)
        start(&deliveries[i], receiver.url, "x");
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_request_arrives_with_its_lines_and_body,
        a_head_is_whole_whoever_writes_it,
        lines_are_as_many_as_there_are,
        connections_are_kept,
        each_goes_where_its_url_says,
        a_connection_that_the_receiver_has_closed_is_not_used_again,
        many_go_at_once,
        redirects_are_told_and_not_followed,
        an_address_that_the_guard_refuses_is_not_connected_to,
        the_environments_proxy_is_not_used,
        a_proxy_that_is_named_is_used,
        one_that_never_answers_costs_its_time_and_no_more,
        what_is_no_answer_has_a_reason,
        a_long_answer_is_cut_and_counts,
        retry_after_is_read,
        what_is_cancelled_is_not_heard_of,
        those_of_one_key_share_connections,
        there_are_no_more_connections_than_allowed,
        the_end_does_not_wait,
        NULL,
    };
    return unit_run("deliver", tests);
}
