/* Visits to an application, and whether it is there. */
#include "sidecar/application.h"

#include <curl/curl.h>
#include <stdio.h>

#include "../push/receiver.h"
#include "../unit.h"
#include "net/loop.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Said: yes\r\n\r\nOK"

static struct loop loop;
static struct transfers *transfers;
static struct application *application;
static struct receiver receiver;
static unsigned change_count;

/* What came of the last visit. */
static struct visit last;
static char last_answer[64], last_said[16];

static void on_changed(void *arg, bool is_there)
{
    (void)arg;
    (void)is_there;
    change_count++;
    loop_stop(&loop);
}

static void on_done(struct visit *visit)
{
    last = *visit;
    snprintf(last_answer, sizeof last_answer, "%.*s", (int)visit->answer_size, visit->answer ? visit->answer : "");
    *last_said = '\0';
    for (struct curl_header *header = NULL; visit->status && visit_next_header(visit, &header);)
        if (strcmp(header->name, "X-Said") == 0)
            snprintf(last_said, sizeof last_said, "%s", header->value);
    visit_finish(visit);
    loop_stop(&loop);
}

static void begin(receiver_answer *answer, const char *health)
{
    receiver_start(&receiver, answer, NULL);
    const struct application_settings settings = {
        .section = "serve x", .to = receiver.url, .health = health, .health_interval_ms = 20, .changed = on_changed,
    };
    change_count = 0;
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(transfers_create(&loop, 16, &transfers), 0);
    ck_assert_int_eq(application_create(&loop, transfers, &settings, &application), 0);
}

static void finish(void)
{
    application_destroy(application);
    transfers_destroy(transfers);
    loop_finish(&loop);
    receiver_stop(&receiver);
}

static void run(void)
{
    loop.stopping = false;
    ck_assert_int_eq(loop_run(&loop), 0);
}

static void go(struct visit visit)
{
    visit.url = receiver.url;
    visit.method = visit.method ? visit.method : "POST";
    visit.timeout_ms = visit.timeout_ms ? visit.timeout_ms : 30000;
    visit.answer_max = visit.answer_max ? visit.answer_max : 60;
    visit.done = on_done;
    ck_assert_int_eq(visit_start(application, &visit), 0);
    run();
}

static const char *say_ok(void *arg, const char *request, unsigned number)
{
    (void)arg, (void)request, (void)number;
    return OK;
}

START_TEST(an_answer_is_told_with_its_headers)
{
    begin(say_ok, "");
    ck_assert(application_is_there(application));
    for (unsigned i = 0; i < 3; i++) {
        go((struct visit){ .content = slice_of("x") });
        ck_assert_uint_eq(last.status, 200);
        ck_assert_ptr_null(last.error);
        ck_assert_str_eq(last_answer, "OK");
        ck_assert_str_eq(last_said, "yes");
    }
    ck_assert_uint_eq(receiver.connection_count, 1);
    finish();
}
END_TEST

static const char *say_ok_once(void *arg, const char *request, unsigned number)
{
    (void)arg, (void)request;
    return number == 1 ? OK : NULL;
}

START_TEST(what_breaks_off_is_not_sent_once_more)
{
    begin(say_ok_once, "");
    go((struct visit){ .content = slice_of("x") });
    go((struct visit){ .content = slice_of("x") });
    ck_assert_uint_eq(last.status, 0);
    ck_assert_str_eq(last.error, "it broke off");
    ck_assert(!last.is_missed);
    ck_assert_uint_eq(receiver_requests(&receiver), 2);
    finish();
}
END_TEST

START_TEST(a_larger_answer_is_cut_or_is_none)
{
    begin(say_ok, "");
    go((struct visit){ .answer_max = 1 });
    ck_assert_uint_eq(last.status, 200);
    ck_assert_str_eq(last_answer, "O");
    go((struct visit){ .answer_max = 1, .wants_whole = true });
    ck_assert_uint_eq(last.status, 0);
    ck_assert(last.is_too_large);
    finish();
}
END_TEST

static const char *hang(void *arg, const char *request, unsigned number)
{
    (void)arg, (void)request, (void)number;
    return receiver_hangs;
}

START_TEST(one_that_does_not_answer_has_so_long)
{
    begin(hang, "");
    go((struct visit){ .timeout_ms = 30 });
    ck_assert(last.is_timed_out && !last.is_missed);
    ck_assert_str_eq(last.error, "it did not answer in time");
    finish();
}
END_TEST

START_TEST(one_that_cannot_be_connected_to_is_missed)
{
    begin(say_ok, "");
    receiver_stop(&receiver);
    go((struct visit){ .content = slice_of("x") });
    ck_assert(last.is_missed);
    application_missed(application);
    ck_assert(!application_is_there(application));
    ck_assert_uint_eq(change_count, 1);
    application_missed(application);
    ck_assert_uint_eq(change_count, 1);
    application_destroy(application);
    transfers_destroy(transfers);
    loop_finish(&loop);
}
END_TEST

/* Sick twice, well, then sick for good. */
static const char *be_moody(void *arg, const char *request, unsigned number)
{
    (void)arg;
    ck_assert(strncmp(request, "GET /healthz HTTP/1.1\r\n", 23) == 0);
    return number == 3 ? OK : "HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n";
}

START_TEST(health_is_asked_for_until_it_is_good_and_one_failure_is_none)
{
    begin(be_moody, "/healthz");
    ck_assert(!application_is_there(application));
    run();
    ck_assert(application_is_there(application));
    ck_assert_uint_eq(receiver_requests(&receiver), 3);
    run();
    ck_assert(!application_is_there(application));
    ck_assert_uint_eq(receiver_requests(&receiver), 6);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_answer_is_told_with_its_headers, what_breaks_off_is_not_sent_once_more, a_larger_answer_is_cut_or_is_none,
        one_that_does_not_answer_has_so_long, one_that_cannot_be_connected_to_is_missed,
        health_is_asked_for_until_it_is_good_and_one_failure_is_none, NULL,
    };
    return unit_run("application", tests);
}
