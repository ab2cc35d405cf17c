/* Requests: who gets what, and what they are told. */
#include <stdio.h>

#include "../unit.h"
#include "consumer/state.h"
#include "kit.h"

START_TEST(a_request_gets_as_many_as_it_asked_for)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 5);
    owner_ask(&owner, "in", 3, NULL);
    owner_says(&owner, "in 1:1:1+4, in 2:2:1+3, in 3:3:1+2");
    ck_assert_uint_eq(owner.call_count, 1);
    owner_says(&owner, "");
    owner_knows(&owner, "delivered 3/3 floor 0/0 pending 3 redelivered 0 waiting 0 left 2");
    owner_ask(&owner, "in", 0, NULL); /* as one */
    owner_says(&owner, "in 4:4:1+1");
    owner_close(&owner);
}
END_TEST

START_TEST(a_request_waits_for_messages_that_are_not_there_yet)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "in", 2, NULL);
    owner_says(&owner, "");
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "in 1:1:1+0");
    owner_publish(&owner, "t.b", 2);
    owner_says(&owner, "in 2:2:1+1");
    owner_knows(&owner, "delivered 2/2 floor 0/0 pending 2 redelivered 0 waiting 0 left 1");
    owner_close(&owner);
}
END_TEST

START_TEST(requests_are_served_in_turn)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "a", 5, "expires=1000");
    owner_ask(&owner, "b", 5, "expires=1000");
    for (unsigned i = 0; i < 4; i++) {
        owner_publish(&owner, "t.a", 1);
        ck_assert_ptr_nonnull(strstr(owner_run(&owner), i % 2 ? "b " : "a "));
    }
    owner_publish(&owner, "t.a", 2);
    owner_says(&owner, "a 5:5:1+1, b 6:6:1+0");
    owner_says_after(&owner, 1000, "a 408 2 0, b 408 2 0");
    owner_close(&owner);
}
END_TEST

START_TEST(many_messages_are_shared_in_large_pieces)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 1000);
    owner_ask(&owner, "a", 100, NULL);
    owner_ask(&owner, "b", 100, NULL);
    for (uint64_t deadline_ms; consumer_run(owner.consumer, owner.time, 1000, &deadline_ms) == CONSUMER_MORE;)
        continue;
    ck_assert_uint_eq(owner.delivered_count, 200);
    ck_assert_uint_eq(owner.call_count, 2);
    owner_close(&owner);
}
END_TEST

START_TEST(a_request_that_expires_is_told_what_it_did_not_get)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_ask(&owner, "in", 5, "expires=100");
    owner_says(&owner, "in 1:1:1+0");
    ck_assert_uint_eq(owner.deadline_ms, 1100);
    owner_says_after(&owner, 99, "");
    owner_says_after(&owner, 1, "in 408 4 0");
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "");
    owner_close(&owner);
}
END_TEST

START_TEST(who_does_not_wait_is_told_that_there_is_nothing)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "in", 5, "nowait");
    owner_says(&owner, "in 404 No Messages");
    owner_publish(&owner, "t.a", 2);
    owner_ask(&owner, "in", 5, "nowait");
    owner_says(&owner, "in 1:1:1+1, in 2:2:1+0, in 408 3 0");
    owner_publish(&owner, "t.a", 2);
    owner_ask(&owner, "in", 2, "nowait");
    owner_says(&owner, "in 3:3:1+1, in 4:4:1+0");
    owner_knows(&owner, "delivered 4/4 floor 0/0 pending 4 redelivered 0 waiting 0 left 0");
    owner_close(&owner);
}
END_TEST

/* With an end in time it waits for the first message, and ends when there are no more. */
START_TEST(who_does_not_wait_but_has_time_waits_for_the_first)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "in", 5, "nowait expires=100");
    owner_says(&owner, "");
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "in 1:1:1+0, in 408 4 0");
    owner_ask(&owner, "in", 5, "nowait expires=100");
    owner_says_after(&owner, 100, "in 408 5 0");
    owner_close(&owner);
}
END_TEST

START_TEST(who_does_not_wait_does_not_wait_for_acknowledgements_either)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_ack_pending = 2;
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 5);
    owner_ask(&owner, "in", 5, "nowait");
    owner_says(&owner, "in 1:1:1+4, in 2:2:1+3, in 408 3 0");
    owner_ask(&owner, "in", 5, "nowait");
    owner_says(&owner, "in 404 No Messages");
    owner_ask(&owner, "in", 5, "nowait expires=100");
    owner_says(&owner, "");
    owner_ack(&owner, 2);
    owner_says(&owner, "in 3:3:1+2");
    owner_close(&owner);
}
END_TEST

START_TEST(a_request_that_nobody_listens_for_is_dropped)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "gone", 5, "expires=100");
    owner_ask(&owner, "in", 1, NULL);
    owner.nobody[0] = "gone";
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "in 1:1:1+0");
    owner_says_after(&owner, 1000, "");
    owner_knows(&owner, "delivered 1/1 floor 0/0 pending 1 redelivered 0 waiting 0 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_request_of_somebody_busy_waits_and_the_others_do_not)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "slow", 1, NULL);
    owner_ask(&owner, "in", 1, NULL);
    owner.busy = "slow";
    owner_publish(&owner, "t.a", 3);
    owner_says(&owner, "in 1:1:1+2");
    owner_says_after(&owner, 10, "");
    ck_assert_uint_le(owner.deadline_ms, owner.time.now_ms + 10);
    owner.busy = NULL;
    owner_says_after(&owner, 10, "slow 2:2:1+1");
    owner_close(&owner);
}
END_TEST

START_TEST(no_more_requests_wait_than_may)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_waiting = 2;
    owner_begin(&owner);
    owner_ask(&owner, "a", 1, NULL);
    owner_ask(&owner, "b", 1, NULL);
    owner_ask(&owner, "c", 1, NULL);
    owner_says(&owner, "c 409 Exceeded MaxWaiting");
    owner.nobody[0] = "a"; /* makes room */
    owner_ask(&owner, "d", 1, NULL);
    owner_publish(&owner, "t.a", 3);
    owner_says(&owner, "b 1:1:1+2, d 2:2:1+1");
    owner_close(&owner);
}
END_TEST

/* t.a (3) + 4 digits' worth of payload + the topic for the answer: $JS.ACK.s.c.1.1.1.(19 digits).2, 39 bytes. */
START_TEST(a_request_gets_no_more_bytes_than_it_asked_for)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    for (unsigned i = 0; i < 3; i++)
        owner_publish_bytes(&owner, "t.a", 100);
    owner_ask(&owner, "in", 5, "bytes=300 expires=100");
    owner_says(&owner, "in 1:1:1+2, in 2:2:1+1, in 409 3 16");
    owner_ask(&owner, "in", 1, "bytes=300 expires=100");
    owner_says(&owner, "in 3:3:1+0, in 409 0 158");
    owner_publish_bytes(&owner, "t.a", 100);
    owner_ask(&owner, "in", 5, "bytes=142 expires=100");
    owner_says(&owner, "in 4:4:1+0");
    owner_says_after(&owner, 200, "");
    owner_close(&owner);
}
END_TEST

START_TEST(a_request_hears_that_there_is_nothing_to_hear)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "in", 5, "expires=250 heartbeat=100");
    owner_says_after(&owner, 99, "");
    owner_says_after(&owner, 1, "in 100 0 0");
    owner_publish(&owner, "t.a", 1);
    owner_says_after(&owner, 50, "in 1:1:1+0");
    owner_says_after(&owner, 50, "");
    owner_says_after(&owner, 49, "");
    ck_assert_uint_eq(owner.deadline_ms, 1250);
    owner_says_after(&owner, 1, "in 408 4 0");
    owner_close(&owner);
}
END_TEST

START_TEST(requests_that_ask_for_too_much_are_refused)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_batch = 10;
    owner.settings.max_expires_ms = 1000;
    owner.settings.max_bytes = 500;
    owner_begin(&owner);
    owner_ask(&owner, "in", 11, NULL);
    owner_says(&owner, "in 409 Exceeded MaxRequestBatch of 10");
    owner_ask(&owner, "in", 10, "expires=1001");
    owner_says(&owner, "in 409 Exceeded MaxRequestExpires of 1000");
    owner_ask(&owner, "in", 10, "bytes=501");
    owner_says(&owner, "in 409 Exceeded MaxRequestMaxBytes of 500");
    owner_ask(&owner, "in", 10, "heartbeat=100");
    owner_says(&owner, "in 400 heartbeat value too large");
    owner_ask(&owner, "in", 10, "heartbeat=100 expires=199");
    owner_says(&owner, "in 400 heartbeat value too large");
    owner_ask(&owner, "in", 10, "heartbeat=100 expires=200 bytes=500");
    owner_says(&owner, "");
    owner_knows(&owner, "delivered 0/0 floor 0/0 pending 0 redelivered 0 waiting 1 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_push_consumer_takes_no_requests)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_set_text(&owner.settings.deliver_topic, "out");
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 409 Consumer is push based");
    owner_close(&owner);
}
END_TEST

START_TEST(requests_are_told_that_the_consumer_goes)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "a", 1, NULL);
    owner_ask(&owner, "b", 1, NULL);
    consumer_dismiss(owner.consumer, CONSUMER_STATUS_DELETED);
    owner_says(&owner, "a 409 Consumer Deleted, b 409 Consumer Deleted");
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_that_nobody_uses_is_inactive)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.durable = false;
    owner_begin(&owner);
    ck_assert_uint_eq(owner.settings.inactive_threshold_ms, 5000);
    owner_ask(&owner, "in", 1, NULL);
    owner_says_after(&owner, 20000, ""); /* it waits */
    owner.nobody[0] = "in";
    owner_says_after(&owner, 4999, "");
    owner_says_after(&owner, 1, "inactive");
    owner_close(&owner);
}
END_TEST

START_TEST(work_is_done_in_pieces)
{
    struct owner owner;
    uint64_t deadline_ms;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 300);
    owner_ask(&owner, "in", 300, NULL);
    ck_assert_int_eq(consumer_run(owner.consumer, owner.time, 100, &deadline_ms), CONSUMER_MORE);
    ck_assert_uint_le(owner.delivered_count, 100);
    ck_assert_uint_ge(owner.delivered_count, 90);
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_known_not_to_be_for_it_is_not_looked_at)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    owner_begin(&owner);
    ck_assert_uint_eq(consumer_position(owner.consumer), 0);
    owner_publish(&owner, "t.b", 5);
    owner_publish(&owner, "t.a", 2);
    consumer_skip(owner.consumer, 5);
    ck_assert_uint_eq(consumer_position(owner.consumer), 5);
    consumer_skip(owner.consumer, 3);
    ck_assert_uint_eq(consumer_position(owner.consumer), 5);
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 6:1:1+1");
    consumer_skip(owner.consumer, 7); /* whoever says it knows */
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "");
    owner_close(&owner);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_request_gets_as_many_as_it_asked_for,
        a_request_waits_for_messages_that_are_not_there_yet,
        requests_are_served_in_turn,
        many_messages_are_shared_in_large_pieces,
        a_request_that_expires_is_told_what_it_did_not_get,
        who_does_not_wait_is_told_that_there_is_nothing,
        who_does_not_wait_but_has_time_waits_for_the_first,
        who_does_not_wait_does_not_wait_for_acknowledgements_either,
        a_request_that_nobody_listens_for_is_dropped,
        a_request_of_somebody_busy_waits_and_the_others_do_not,
        no_more_requests_wait_than_may,
        a_request_gets_no_more_bytes_than_it_asked_for,
        a_request_hears_that_there_is_nothing_to_hear,
        requests_that_ask_for_too_much_are_refused,
        a_push_consumer_takes_no_requests,
        requests_are_told_that_the_consumer_goes,
        a_consumer_that_nobody_uses_is_inactive,
        work_is_done_in_pieces,
        what_is_known_not_to_be_for_it_is_not_looked_at,
        NULL,
    };
    return unit_run("pull", tests);
}
