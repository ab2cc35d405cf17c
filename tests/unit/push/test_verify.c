/* Whether the receiver wants what would be sent to it. */
#include "push/hook.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "scene.h"


static struct scene scene;
static struct receiver receiver;
static char requests[8][4096], answer_text[1024];
static unsigned request_count;
static const char *answer_headers;   /* to OPTIONS */
static enum { SAYS_IT, SAYS_IT_AS_JSON, SAYS_SOMETHING_ELSE, FAILS } behaviour;

/* The word of the challenge in a request. */
static const char *word_of(const char *request, char word[64])
{
    static const char before[] = "\"challenge\":\"";
    const char *at = strstr(receiver_body(request), before);
    ck_assert_ptr_nonnull(at);
    snprintf(word, 64, "%.*s", (int)strcspn(at + sizeof before - 1, "\""), at + sizeof before - 1);
    return word;
}

static const char *answer(void *arg, const char *request, unsigned number)
{
    char word[64], body[128];
    (void)arg;
    snprintf(requests[(number - 1) % 8], sizeof requests[0], "%s", request);
    request_count = number;
    if (strncmp(request, "OPTIONS ", 8) == 0) {
        snprintf(answer_text, sizeof answer_text, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", answer_headers);
        return answer_text;
    }
    if (!strstr(request, "webhook.challenge"))
        return "HTTP/1.1 204 No Content\r\n\r\n";
    if (behaviour == FAILS)
        return "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
    word_of(request, word);
    snprintf(body, sizeof body, behaviour == SAYS_IT ? "%s\n" : behaviour == SAYS_IT_AS_JSON ? "{\"challenge\":\"%s\"}"
                                                                                          : "not %s", word);
    snprintf(answer_text, sizeof answer_text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return answer_text;
}

static void begin(const char *settings)
{
    request_count = 0;
    receiver_start(&receiver, answer, NULL);
    scene_open(&scene);
    scene_begin(&scene, receiver.url, settings);
}

static void finish(void)
{
    scene_close(&scene);
    receiver_stop(&receiver);
}

START_TEST(who_says_the_word_again_gets_messages)
{
    char value[256];
    for (behaviour = SAYS_IT; behaviour <= SAYS_IT_AS_JSON; behaviour++) {
        begin("{\"verify\":\"challenge\"}");
        scene_publish(&scene, "t.a", NULL, "hello");
        scene_run_attempts(&scene, 2);
        ck_assert_str_eq(receiver_body(requests[1]), "hello");
        ck_assert_ptr_nonnull(strstr(requests[0], "\"type\":\"webhook.challenge\""));
        ck_assert_ptr_nonnull(receiver_header(requests[0], "webhook-signature", value, sizeof value));
        ck_assert_str_eq(scene.told, "verified the receiver says that it wants it; ");
        ck_assert_uint_ne(scene.hook->settings.verified_ms, 0);
        scene_restart(&scene); /* it is not asked again */
        scene_publish(&scene, "t.a", NULL, "again");
        scene_run_attempts(&scene, 1);
        ck_assert_str_eq(receiver_body(requests[2]), "again");
        finish();
    }
}
END_TEST

START_TEST(who_does_not_gets_none_and_is_asked_again_later)
{
    for (behaviour = SAYS_SOMETHING_ELSE; behaviour <= FAILS; behaviour++) {
        begin("{\"verify\":\"challenge\"}");
        scene_publish(&scene, "t.a", NULL, "hello");
        scene_run_attempts(&scene, 1);
        scene_run_for(&scene, 100);
        ck_assert_uint_eq(receiver_requests(&receiver), 1);
        ck_assert_uint_eq(scene.hook->attempts.total, 1);
        ck_assert_str_eq(scene.told, behaviour == FAILS
                         ? "unverified the receiver does not answer 2xx; "
                         : "unverified the receiver does not say the challenge again; ");
        ck_assert(!webhook_is_verified(&scene.hook->settings));
        ck_assert_uint_ne(scene.hook->timer.place, 0);
        finish();
    }
}
END_TEST

static unsigned told_count;

static void on_told(struct verify_waiter *waiter, bool is_gone)
{
    (void)waiter;
    told_count += is_gone ? 100 : 1;
}

static bool is_told(void *arg)
{
    (void)arg;
    return told_count;
}

START_TEST(it_can_be_asked_at_once)
{
    struct verify_waiter first = { .done = on_told }, second = { .done = on_told };
    told_count = 0;
    behaviour = FAILS;
    begin("{\"verify\":\"challenge\"}");
    scene_run_attempts(&scene, 1);
    behaviour = SAYS_IT;
    ck_assert_int_eq(hook_verify(scene.hook, &first), 0);
    ck_assert_int_eq(hook_verify(scene.hook, &second), 0);
    scene_run_until(&scene, is_told, NULL);
    ck_assert_uint_eq(told_count, 2);
    ck_assert_uint_eq(receiver_requests(&receiver), 2);
    ck_assert(webhook_is_verified(&scene.hook->settings));
    behaviour = FAILS; /* it no longer wants it */
    told_count = 0;
    ck_assert_int_eq(hook_verify(scene.hook, &first), 0);
    scene_run_until(&scene, is_told, NULL);
    ck_assert(!webhook_is_verified(&scene.hook->settings));
    told_count = 0;
    ck_assert_int_eq(hook_verify(scene.hook, &first), 0);
    finish();
    ck_assert_uint_eq(told_count, 100);
}
END_TEST

START_TEST(options_are_answered_by_what_is_allowed)
{
    static const struct {
        const char *headers;
        bool is_good;
        uint64_t rate;
    } cases[] = {
        { "WebHook-Allowed-Origin: *\r\n", true, 0 },
        { "WebHook-Allowed-Origin: here.example\r\nWebHook-Allowed-Rate: 120\r\n", true, 120 },
        { "webhook-allowed-origin: HERE.example\r\nWebHook-Allowed-Rate: *\r\n", true, 0 },
        { "WebHook-Allowed-Origin: elsewhere.example\r\n", false, 0 },
        { "", false, 0 },
    };
    char value[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer_headers = cases[i].headers;
        begin("{\"verify\":\"options\",\"rate\":10}");
        scene_publish(&scene, "t.a", NULL, "hello");
        scene_run_attempts(&scene, cases[i].is_good ? 2 : 1);
        ck_assert_int_eq(strncmp(requests[0], "OPTIONS ", 8), 0);
        ck_assert_str_eq(receiver_header(requests[0], "WebHook-Request-Origin", value, sizeof value), "here.example");
        ck_assert_str_eq(receiver_header(requests[0], "WebHook-Request-Rate", value, sizeof value), "600");
        ck_assert(webhook_is_verified(&scene.hook->settings) == cases[i].is_good);
        ck_assert_uint_eq(scene.hook->settings.allowed_rate, cases[i].rate);
        ck_assert_uint_eq(scene.hook->pace.interval_us, cases[i].rate ? 500000 : 100000);
        if (cases[i].is_good) {
            ck_assert_int_eq(strncmp(requests[1], "POST ", 5), 0);
            ck_assert_str_eq(receiver_body(requests[1]), "hello");
        }
        finish();
    }
}
END_TEST

/* As the deliverer changes one. */
static void change(const char *url)
{
    struct webhook_settings settings;
    ck_assert_int_eq(webhook_settings_copy(&settings, &scene.hook->settings), 0);
    ck_assert_int_eq(webhook_set_text(&settings.url, url), 0);
    webhook_carry_verification(&settings, &scene.hook->settings);
    ck_assert(hook_can_change(scene.hook, &settings));
    hook_change(scene.hook, &settings);
}

START_TEST(another_url_is_asked_anew)
{
    char url[96];
    behaviour = SAYS_IT;
    begin("{\"verify\":\"challenge\"}");
    scene_run_attempts(&scene, 1);
    ck_assert(webhook_is_verified(&scene.hook->settings));
    change(scene.hook->settings.url);
    ck_assert(webhook_is_verified(&scene.hook->settings));
    snprintf(url, sizeof url, "%s/other", receiver.url);
    change(url);
    ck_assert(!webhook_is_verified(&scene.hook->settings));
    scene_publish(&scene, "t.a", NULL, "hello");
    scene_run_attempts(&scene, 3);
    ck_assert_ptr_nonnull(strstr(requests[1], "webhook.challenge"));
    ck_assert_str_eq(receiver_body(requests[2]), "hello");
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        who_says_the_word_again_gets_messages,
        who_does_not_gets_none_and_is_asked_again_later,
        it_can_be_asked_at_once,
        options_are_answered_by_what_is_allowed,
        another_url_is_asked_anew,
        NULL,
    };
    return unit_run("verify", tests);
}
