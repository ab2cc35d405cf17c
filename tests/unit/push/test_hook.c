/* A webhook at work, against a receiver that does as the test says. */
#include "push/hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "push/sign.h"
#include "scene.h"

#define ANSWER(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define HEAD(lines) "NATS/1.0\r\n" lines "\r\n"

enum { BODIES_SIZE = 1 << 16 };

/* What came, in order: the bodies, each behind a blank. */
struct log {
    char bodies[BODIES_SIZE];
    size_t size;
    char last[4096];                 /* the whole request */
    const char *bad;                 /* what is answered to a body that begins with '!' */
    unsigned bad_left;               /* so often; then they are good */
};

static struct scene scene;
static struct receiver receiver;
static struct log came;

/* Signatures are checked of each. */
static const char *take(void *arg, const char *request, unsigned number)
{
    struct log *log = arg;
    const char *body = receiver_body(request);
    (void)number;
    snprintf(log->last, sizeof log->last, "%s", request);
    log->size += (size_t)snprintf(log->bodies + log->size, BODIES_SIZE - log->size, " %s", body);
    if (*body != '!' || !log->bad_left)
        return ANSWER("204 No Content");
    log->bad_left--;
    return log->bad;
}

static void begin(const char *settings)
{
    memset(&came, 0, sizeof came);
    receiver_start(&receiver, take, &came);
    scene_open(&scene);
    scene_begin(&scene, receiver.url, settings);
}

static void finish(void)
{
    scene_close(&scene);
    receiver_stop(&receiver);
}

static void publish(const char *topic, const char *payload)
{
    scene_publish(&scene, topic, NULL, payload);
}

static uint64_t pending_count(void)
{
    struct consumer_info info;
    consumer_get_info(scene.source->consumer, hook_time(scene.hook), &info);
    return info.ack_pending_count + info.pending_count;
}

START_TEST(messages_arrive_signed_and_are_settled)
{
    char room[256], id[64], wanted[128];
    begin(NULL);
    publish("t.a", "one");
    scene_run_attempts(&scene, 1);
    ck_assert_str_eq(came.bodies, " one");
    ck_assert_uint_eq(pending_count(), 0);
    ck_assert_uint_eq(lanes_count(&scene.hook->lanes), 0);
    struct secret secret;
    struct signer *signer = signer_create();
    ck_assert(secret_read(slice_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &secret));
    receiver_header(came.last, "webhook-id", id, sizeof id);
    struct sign_text text = { slice_of(id), 0, slice_of("one") };
    text.timestamp_s = strtoull(receiver_header(came.last, "webhook-timestamp", room, sizeof room), NULL, 10);
    ck_assert_int_eq(sign_write(signer, &secret, 1, &text, wanted), 0);
    ck_assert_str_eq(receiver_header(came.last, "webhook-signature", room, sizeof room), wanted);
    ck_assert_str_eq(receiver_header(came.last, "Posthorn-Topic", room, sizeof room), "t.a");
    ck_assert_ptr_null(strchr(id, '.'));
    signer_destroy(signer);
    const struct attempt *attempt = attempts_at(&scene.hook->attempts, 0);
    ck_assert_uint_eq(attempt->status, 204);
    ck_assert_uint_eq(attempt->number, 1);
    ck_assert_str_eq(attempt->id, id);
    ck_assert_uint_eq(scene.hook->counts.delivered, 1);
    finish();
}
END_TEST

START_TEST(many_arrive_each_once)
{
    char payload[16];
    begin(NULL);
    for (unsigned i = 1000; i < 2000; i++) {
        snprintf(payload, sizeof payload, "%u", i);
        publish("t.a", payload);
    }
    scene_run_attempts(&scene, 1000);
    ck_assert_uint_eq(came.size, 5000);
    for (unsigned i = 1000; i < 2000; i++) {
        snprintf(payload, sizeof payload, " %u", i);
        unit_assert(strstr(came.bodies, payload) != NULL);
    }
    ck_assert_uint_gt(receiver_connections(&receiver), 1);
    ck_assert_uint_le(receiver_connections(&receiver), 16);
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(only_what_pattern_and_filter_let_pass_is_sent)
{
    begin("{\"filter\":{\"Kind\":\"x\"}}");
    publish("u.a", "other");
    publish("t.a", "without");
    scene_publish(&scene, "t.a", HEAD("Kind: y\r\n"), "wrong");
    scene_publish(&scene, "t.a", HEAD("kind: x\r\n"), "right");
    scene_run_attempts(&scene, 1);
    ck_assert_str_eq(came.bodies, " right");
    ck_assert_uint_eq(scene.hook->counts.passed, 2);
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(headers_of_the_settings_are_sent)
{
    char room[64];
    begin("{\"headers\":{\"Authorization\":\"Bearer x\",\"X-A\":\"1\"}}");
    publish("t.a", "x");
    scene_run_attempts(&scene, 1);
    ck_assert_str_eq(receiver_header(came.last, "Authorization", room, sizeof room), "Bearer x");
    ck_assert_str_eq(receiver_header(came.last, "X-A", room, sizeof room), "1");
    finish();
}
END_TEST

START_TEST(what_fails_is_tried_again_under_the_same_id)
{
    char first[64], second[64];
    begin("{\"retries\":[\"50ms\",\"50ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 2;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 1);
    receiver_header(came.last, "webhook-id", first, sizeof first);
    scene_run_attempts(&scene, 3);
    receiver_header(came.last, "webhook-id", second, sizeof second);
    ck_assert_str_eq(first, second);
    ck_assert_str_eq(came.bodies, " !1 !1 !1");
    ck_assert_uint_eq(attempts_at(&scene.hook->attempts, 0)->number, 3);
    ck_assert_uint_eq(attempts_at(&scene.hook->attempts, 1)->status, 500);
    ck_assert_uint_ge(attempts_at(&scene.hook->attempts, 1)->next_ms,
                      attempts_at(&scene.hook->attempts, 1)->time_ms + 40);
    ck_assert_uint_eq(pending_count(), 0);
    ck_assert_str_eq(scene.told, "");
    finish();
}
END_TEST

START_TEST(what_is_never_taken_is_dead)
{
    begin("{\"retries\":[\"1ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 99;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 2);
    scene_run_for(&scene, 1);
    ck_assert_str_eq(scene.told, "dead answered 500; buried 1:2 answered 500; ");
    ck_assert_uint_eq(pending_count(), 0);
    ck_assert_uint_eq(scene.hook->counts.dead, 1);
    finish();
}
END_TEST

START_TEST(one_that_is_not_kept_yet_is_asked_for_again)
{
    begin("{\"retries\":[]}");
    scene.keeps_no_dead = true;
    came.bad = ANSWER("500 Oh");
    came.bad_left = 99;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 1);
    scene_run_for(&scene, 1);
    ck_assert_uint_eq(pending_count(), 1);
    scene_restart(&scene);
    scene.keeps_no_dead = false;
    scene_run_for(&scene, 1);
    ck_assert_str_eq(scene.told, "dead answered 500; buried 1:1 ; ");
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(client_errors_are_for_ever_where_settings_say_so)
{
    begin("{\"client_errors\":\"dead\"}");
    came.bad = ANSWER("404 No");
    came.bad_left = 1;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 1);
    scene_run_for(&scene, 1);
    ck_assert_str_eq(scene.told, "dead answered 404; buried 1:1 answered 404; ");
    finish();
}
END_TEST

START_TEST(gone_disables_and_forgets_nothing)
{
    begin("{\"retries\":[\"1ms\"]}");
    came.bad = ANSWER("410 Gone");
    came.bad_left = 1;
    publish("t.a", "!1");
    publish("t.a", "2");
    scene_run_attempts(&scene, 1);
    scene_run_for(&scene, 20);
    ck_assert_str_eq(scene.told, "disabled the receiver answered 410: it wants no more; ");
    ck_assert(!scene.hook->settings.enabled);
    ck_assert_uint_ne(scene.hook->settings.disabled_ms, 0);
    ck_assert_str_eq(came.bodies, " !1");
    ck_assert_uint_eq(pending_count(), 2);
    hook_enable(scene.hook);
    ck_assert_ptr_null(scene.hook->settings.disabled_reason);
    scene_run_attempts(&scene, 3);
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(one_that_takes_nothing_for_long_is_disabled)
{
    begin("{\"retries\":[\"60ms\",\"60ms\",\"60ms\"],\"disable_after\":\"100ms\"}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 99;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 3);
    ck_assert(!scene.hook->settings.enabled);
    ck_assert_str_eq(scene.told, "disabled the receiver has taken nothing for as long as disable_after says; ");
    finish();
}
END_TEST

START_TEST(how_long_it_has_failed_outlives_a_restart)
{
    begin("{\"retries\":[\"1ms\"],\"disable_after\":\"1h\"}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 99;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 1);
    ck_assert_uint_ne(scene.hook->failing_since_ms, 0);
    scene.hook->settings.failing_since_ms = scene.hook->failing_since_ms - 2 * 3600 * 1000; /* as its owner stores it */
    scene_restart(&scene);
    scene_run_attempts(&scene, 1);
    ck_assert(!scene.hook->settings.enabled);
    hook_enable(scene.hook);
    ck_assert_uint_eq(scene.hook->settings.failing_since_ms, 0);
    finish();
}
END_TEST

START_TEST(ordered_messages_wait_for_one_another)
{
    begin("{\"mode\":\"ordered\",\"retries\":[\"30ms\",\"30ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 2;
    publish("t.a", "!1");
    publish("t.b", "2");
    publish("t.a", "!3");
    scene_run_attempts(&scene, 5);
    ck_assert_str_eq(came.bodies, " !1 !1 !1 2 !3");
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(keyed_messages_wait_for_those_of_their_key)
{
    begin("{\"mode\":\"keyed\",\"retries\":[\"200ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 1;
    publish("t.a", "!1");
    publish("t.a", "2");
    publish("t.b", "3");
    publish("t.b", "4");
    publish("t.a", "5");
    scene_run_attempts(&scene, 6);
    ck_assert_str_eq(came.bodies, " !1 3 4 !1 2 5");
    ck_assert_uint_eq(pending_count(), 0);
    ck_assert_uint_eq(lanes_count(&scene.hook->lanes), 0);
    finish();
}
END_TEST

START_TEST(a_key_may_be_a_header)
{
    begin("{\"mode\":\"keyed\",\"key\":\"header:K\",\"retries\":[\"200ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 1;
    scene_publish(&scene, "t.a", HEAD("K: x\r\n"), "!1");
    scene_publish(&scene, "t.b", HEAD("K: x\r\n"), "2");
    scene_publish(&scene, "t.a", HEAD("K: y\r\n"), "3");
    publish("t.a", "4");
    scene_run_attempts(&scene, 5);
    ck_assert(strstr(came.bodies, "!1 2") != NULL && strstr(came.bodies, " 2") == came.bodies + came.size - 2);
    finish();
}
END_TEST

START_TEST(a_restart_keeps_order_and_counts)
{
    begin("{\"mode\":\"keyed\",\"retries\":[\"150ms\",\"150ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 2;
    publish("t.a", "!1");
    publish("t.a", "2");
    publish("t.b", "3");
    scene_run_attempts(&scene, 2);
    scene_restart(&scene);
    publish("t.a", "4");
    scene_run_attempts(&scene, 4);
    ck_assert_str_eq(came.bodies, " !1 3 !1 !1 2 4");
    ck_assert_uint_eq(attempts_at(&scene.hook->attempts, 2)->number, 3);
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

static bool is_flying(void *arg)
{
    (void)arg;
    return receiver_requests(&receiver) > 0;
}

static const char *hang(void *arg, const char *request, unsigned number)
{
    (void)arg;
    (void)request;
    return number == 1 ? receiver_hangs : ANSWER("200 OK");
}

START_TEST(what_was_under_way_at_the_end_is_sent_again_as_the_same_attempt)
{
    static const char *const modes[] = { "{\"mode\":\"parallel\"}", "{\"mode\":\"keyed\"}", "{\"mode\":\"ordered\"}" };
    for (unsigned i = 0; i < 3; i++) {
        receiver_start(&receiver, hang, NULL);
        scene_open(&scene);
        scene_begin(&scene, receiver.url, modes[i]);
        publish("t.a", "1");
        publish("t.a", "2");
        scene_run_until(&scene, is_flying, NULL);
        scene_restart(&scene);
        scene_run_attempts(&scene, 2);
        ck_assert_uint_eq(receiver_requests(&receiver), 3);
        ck_assert_uint_eq(attempts_at(&scene.hook->attempts, 1)->sequence, 1);
        ck_assert_uint_eq(attempts_at(&scene.hook->attempts, 1)->number, 1);
        ck_assert_uint_eq(pending_count(), 0);
        finish();
    }
}
END_TEST

START_TEST(a_receiver_that_fails_is_left_alone_and_probed)
{
    begin("{\"retries\":[\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\",\"1ms\"]}");
    came.bad = ANSWER("503 Oh");
    came.bad_left = 10;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 10);
    ck_assert_str_eq(scene.told, "failing answered 503; ");
    ck_assert_int_eq(scene.hook->breaker.state, BREAKER_OPEN);
    scene_run_for(&scene, 100);
    ck_assert_uint_eq(receiver_requests(&receiver), 10);
    scene_run_attempts(&scene, 11);
    ck_assert_str_eq(scene.told, "failing answered 503; recovered the receiver answers again; ");
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(retry_after_holds_for_all_messages)
{
    begin("{\"retries\":[\"1ms\"],\"retry_after_max\":\"300ms\"}");
    came.bad = "HTTP/1.1 429 Slow\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n";
    came.bad_left = 1;
    publish("t.a", "!1");
    scene_run_attempts(&scene, 1);
    publish("t.a", "2");
    scene_run_for(&scene, 100);
    ck_assert_uint_eq(receiver_requests(&receiver), 1);
    scene_run_attempts(&scene, 3);
    ck_assert_uint_ge(attempts_at(&scene.hook->attempts, 1)->time_ms,
                      attempts_at(&scene.hook->attempts, 2)->time_ms + 290);
    finish();
}
END_TEST

START_TEST(a_rate_is_kept)
{
    begin("{\"rate\":50}");
    for (unsigned i = 0; i < 30; i++)
        publish("t.a", "x");
    scene_run_attempts(&scene, 30);
    ck_assert_uint_ge(attempts_at(&scene.hook->attempts, 0)->time_ms,
                      attempts_at(&scene.hook->attempts, 29)->time_ms + 400);
    finish();
}
END_TEST

START_TEST(what_the_stream_has_lost_is_counted)
{
    begin("{\"mode\":\"keyed\",\"retries\":[\"50ms\"]}");
    came.bad = ANSWER("500 Oh");
    came.bad_left = 1;
    publish("t.a", "!1");
    publish("t.a", "2");
    publish("t.a", "3");
    scene_run_attempts(&scene, 1);
    ck_assert_int_eq(stream_delete(scene.stream, 2), 0);
    scene_run_attempts(&scene, 3);
    ck_assert_str_eq(came.bodies, " !1 !1 3");
    ck_assert_uint_eq(scene.hook->counts.lost, 1);
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

START_TEST(settings_change_under_way)
{
    char room[64];
    struct webhook_settings settings;
    begin(NULL);
    publish("t.a", "1");
    scene_run_attempts(&scene, 1);
    ck_assert_int_eq(webhook_settings_copy(&settings, &scene.hook->settings), 0);
    ck_assert_int_eq(webhook_pairs_add(&settings.headers, "X-New", "1"), 0);
    settings.concurrency = 1;
    ck_assert(hook_can_change(scene.hook, &settings));
    hook_change(scene.hook, &settings);
    ck_assert_int_eq(webhook_settings_copy(&settings, &scene.hook->settings), 0);
    settings.mode = WEBHOOK_ORDERED;
    ck_assert(!hook_can_change(scene.hook, &settings));
    webhook_settings_finish(&settings);
    publish("t.a", "2");
    scene_run_attempts(&scene, 2);
    ck_assert_str_eq(receiver_header(came.last, "X-New", room, sizeof room), "1");
    finish();
}
END_TEST

static bool has_taken_one(void *arg)
{
    return ((const struct hook *)arg)->counts.delivered == 1;
}

/* Those between the first and the last have nothing to send, and wait for a connection all the same. */
START_TEST(a_connection_that_comes_free_finds_whoever_needs_it)
{
    struct hook *hooks[10];
    begin(NULL);
    scene.world.traffic.max = 1;
    hooks[0] = scene.hook;
    for (unsigned i = 1; i < 10; i++) {
        scene_begin(&scene, receiver.url, i < 9 ? "{\"pattern\":\"u.>\"}" : NULL);
        hooks[i] = scene.hook;
    }
    publish("t.a", "x");
    scene_run_until(&scene, has_taken_one, hooks[9]);
    ck_assert_uint_eq(hooks[0]->counts.delivered, 1);
    ck_assert_uint_eq(receiver_connections(&receiver), 1);
    for (unsigned i = 0; i < 9; i++)
        hook_destroy(hooks[i]);
    finish();
}
END_TEST

static bool have_both_taken_one(void *arg)
{
    struct hook *const *hooks = arg;
    return has_taken_one(hooks[0]) && has_taken_one(hooks[1]);
}

/* One after the other, so that a second is needed only where the first is not seen. */
START_TEST(webhooks_of_one_receiver_share_connections)
{
    struct hook *hooks[2];
    char url[sizeof receiver.url + 16];
    begin(NULL);
    scene.world.traffic.max = 1;
    hooks[0] = scene.hook;
    snprintf(url, sizeof url, "%s/of/2?x=y", receiver.url);
    scene_begin(&scene, url, NULL);
    hooks[1] = scene.hook;
    publish("t.a", "x");
    hook_is_ready(hooks[0]);
    scene_run_until(&scene, have_both_taken_one, hooks);
    ck_assert_uint_eq(receiver_connections(&receiver), 1);
    hook_destroy(hooks[0]);
    finish();
}
END_TEST

static bool have_both_begun(void *arg)
{
    struct hook *const *hooks = arg;
    return hooks[0]->counts.delivered >= 5 && hooks[1]->counts.delivered >= 5;
}

/* One that has much to send does not keep the connection for itself. */
START_TEST(those_that_wait_take_turns)
{
    struct hook *hooks[2];
    begin(NULL);
    scene.world.traffic.max = 1;
    hooks[0] = scene.hook;
    scene_begin(&scene, receiver.url, NULL);
    hooks[1] = scene.hook;
    for (unsigned i = 0; i < 100; i++)
        publish("t.a", "x");
    hook_is_ready(hooks[0]);
    scene_run_until(&scene, have_both_begun, hooks);
    ck_assert_uint_le(hooks[0]->counts.delivered, 10);
    ck_assert_uint_le(hooks[1]->counts.delivered, 10);
    hook_destroy(hooks[0]);
    finish();
}
END_TEST

struct turns {
    struct hook *hooks[2];
    uint64_t seen[2];                /* delivered */
    unsigned last, changes;
};

static bool have_sent_forty(void *arg)
{
    struct turns *turns = arg;
    for (unsigned i = 0; i < 2; i++)
        if (turns->hooks[i]->counts.delivered != turns->seen[i]) {
            turns->seen[i] = turns->hooks[i]->counts.delivered;
            turns->changes += turns->last != i;
            turns->last = i;
        }
    return turns->seen[0] + turns->seen[1] >= 40;
}

START_TEST(a_turn_lasts_for_a_few_requests)
{
    struct turns turns = { .last = 2 };
    begin(NULL);
    scene.world.traffic.max = 1;
    turns.hooks[0] = scene.hook;
    scene_begin(&scene, receiver.url, NULL);
    turns.hooks[1] = scene.hook;
    for (unsigned i = 0; i < 100; i++)
        publish("t.a", "x");
    hook_is_ready(turns.hooks[0]);
    scene_run_until(&scene, have_sent_forty, &turns);
    ck_assert_uint_ge(turns.changes, 4);
    ck_assert_uint_le(turns.changes, 20);
    hook_destroy(turns.hooks[0]);
    finish();
}
END_TEST

START_TEST(one_is_sent_once_more_where_somebody_asks)
{
    begin("{\"mode\":\"ordered\"}");
    publish("t.a", "1");
    publish("t.a", "!2");
    scene_run_attempts(&scene, 2);
    ck_assert_int_eq(hook_resend(scene.source, 1), 0);
    ck_assert_int_eq(hook_resend(scene.source, 3), -ENOENT);
    scene_run_attempts(&scene, 3);
    ck_assert_str_eq(came.bodies, " 1 !2 1");
    came.bad = ANSWER("500 Oh"); /* then it is left at that */
    came.bad_left = 1;
    ck_assert_int_eq(hook_resend(scene.source, 2), 0);
    scene_run_attempts(&scene, 4);
    scene_run_for(&scene, 20);
    ck_assert_str_eq(came.bodies, " 1 !2 1 !2");
    ck_assert_str_eq(scene.told, "");
    ck_assert_uint_eq(lanes_count(&scene.hook->lanes), 0);
    publish("t.a", "3");
    scene_run_attempts(&scene, 5);
    ck_assert_uint_eq(pending_count(), 0);
    finish();
}
END_TEST

static bool has_taken_all(void *arg)
{
    const struct hook *good = arg;
    return good->counts.delivered == 100;
}

START_TEST(one_that_hangs_does_not_delay_another)
{
    static struct receiver other;
    receiver_start(&other, hang, NULL);
    begin(NULL);
    struct hook *good = scene.hook;
    scene_begin(&scene, other.url, NULL);
    for (unsigned i = 0; i < 100; i++)
        publish("t.a", "x");
    hook_is_ready(good);
    scene_run_until(&scene, has_taken_all, good);
    ck_assert_uint_eq(scene.world.traffic.count, 1);
    ck_assert_uint_eq(scene.hook->counts.delivered + scene.hook->counts.failed, 0);
    hook_destroy(good);
    finish();
    receiver_stop(&other);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        messages_arrive_signed_and_are_settled,
        many_arrive_each_once,
        only_what_pattern_and_filter_let_pass_is_sent,
        headers_of_the_settings_are_sent,
        what_fails_is_tried_again_under_the_same_id,
        what_is_never_taken_is_dead,
        one_that_is_not_kept_yet_is_asked_for_again,
        client_errors_are_for_ever_where_settings_say_so,
        gone_disables_and_forgets_nothing,
        one_that_takes_nothing_for_long_is_disabled,
        how_long_it_has_failed_outlives_a_restart,
        ordered_messages_wait_for_one_another,
        keyed_messages_wait_for_those_of_their_key,
        a_key_may_be_a_header,
        a_restart_keeps_order_and_counts,
        what_was_under_way_at_the_end_is_sent_again_as_the_same_attempt,
        a_receiver_that_fails_is_left_alone_and_probed,
        retry_after_holds_for_all_messages,
        a_rate_is_kept,
        what_the_stream_has_lost_is_counted,
        settings_change_under_way,
        a_connection_that_comes_free_finds_whoever_needs_it,
        webhooks_of_one_receiver_share_connections,
        those_that_wait_take_turns,
        a_turn_lasts_for_a_few_requests,
        one_is_sent_once_more_where_somebody_asks,
        one_that_hangs_does_not_delay_another,
        NULL,
    };
    return unit_run("hook", tests);
}
