/* Acknowledgements, and what comes again when there are none. */
#include <stdlib.h>

#include "../unit.h"
#include "kit.h"

static void begin(struct owner *owner, unsigned message_count)
{
    owner_begin(owner);
    owner_publish(owner, "t.a", message_count);
    owner_ask(owner, "in", message_count, NULL);
    owner_run(owner);
}

static bool answer(struct owner *owner, struct consumer_ack ack)
{
    return consumer_acknowledge(owner->consumer, &ack, owner->time);
}

START_TEST(what_is_acknowledged_is_pending_no_more)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 4);
    ck_assert(owner_ack(&owner, 2));
    owner_knows(&owner, "delivered 4/4 floor 0/0 pending 3 redelivered 0 waiting 0 left 0");
    ck_assert(owner_ack(&owner, 1));
    owner_knows(&owner, "delivered 4/4 floor 2/2 pending 2 redelivered 0 waiting 0 left 0");
    ck_assert(!owner_ack(&owner, 1)); /* it is known already */
    ck_assert(!owner_ack(&owner, 9));
    ck_assert(owner_ack(&owner, 4) && owner_ack(&owner, 3));
    owner_knows(&owner, "delivered 4/4 floor 4/4 pending 0 redelivered 0 waiting 0 left 0");
    owner_ask(&owner, "in", 4, NULL);
    owner_says_after(&owner, 100000, "");
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_not_acknowledged_in_time_comes_again)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 3);
    ck_assert_uint_eq(owner.deadline_ms, 31000);
    owner_ack(&owner, 2);
    owner_ask(&owner, "in", 5, NULL);
    owner_publish(&owner, "t.b", 1);
    owner_says(&owner, "in 4:4:1+0");
    owner_says_after(&owner, 29999, "");
    owner_says_after(&owner, 1, "in 1:5:2+0, in 3:6:2+0, in 4:7:2+0");
    owner_knows(&owner, "delivered 7/4 floor 0/0 pending 3 redelivered 3 waiting 1 left 0");
    ck_assert(owner_ack(&owner, 1));
    owner_knows(&owner, "delivered 7/4 floor 2/2 pending 2 redelivered 2 waiting 1 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(what_comes_again_comes_before_what_is_new)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 2);
    owner_publish(&owner, "t.a", 2);
    owner_wait(&owner, 30000);
    owner_ask(&owner, "in", 3, NULL);
    owner_says(&owner, "in 1:3:2+2, in 2:4:2+2, in 3:5:1+1");
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_refused_comes_again_at_once)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 3);
    owner_ask(&owner, "in", 3, NULL);
    ck_assert(owner_answer(&owner, CONSUMER_NAK, 2, 0));
    ck_assert(!owner_answer(&owner, CONSUMER_NAK, 2, 0)); /* it is to come already */
    owner_says(&owner, "in 2:4:2+0");
    ck_assert(!owner_answer(&owner, CONSUMER_NAK, 7, 0));
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_refused_with_a_delay_comes_after_it)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 3);
    owner_ask(&owner, "in", 3, NULL);
    ck_assert(owner_answer(&owner, CONSUMER_NAK, 2, 500));
    owner_says(&owner, "");
    ck_assert_uint_eq(owner.deadline_ms, 1500);
    owner_says_after(&owner, 499, "");
    owner_says_after(&owner, 1, "in 2:4:2+0");
    ck_assert(owner_answer(&owner, CONSUMER_NAK, 3, 60000)); /* longer than ack_wait */
    owner_says_after(&owner, 30000, "in 1:5:2+0, in 2:6:3+0");
    owner_close(&owner);
}
END_TEST

START_TEST(who_is_at_work_gets_more_time)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 1);
    owner_ask(&owner, "in", 3, NULL);
    owner_wait(&owner, 20000);
    ck_assert(owner_answer(&owner, CONSUMER_PROGRESS, 1, 0));
    owner_says_after(&owner, 29999, "");
    owner_says_after(&owner, 1, "in 1:2:2+0");
    owner_close(&owner);
}
END_TEST

/* Nobody has got it yet, so the first may go on. */
START_TEST(who_is_at_work_keeps_what_is_due_but_not_given_away)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 1);
    owner_wait(&owner, 30000);
    ck_assert(owner_answer(&owner, CONSUMER_PROGRESS, 1, 0));
    owner_ask(&owner, "in", 3, NULL);
    owner_says_after(&owner, 29999, "");
    owner_close(&owner);
}
END_TEST

START_TEST(words_about_an_earlier_delivery_do_not_touch_the_later_one)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 1);
    owner_wait(&owner, 30000);
    owner_ask(&owner, "in", 2, NULL);
    owner_says(&owner, "in 1:2:2+0");
    ck_assert(!answer(&owner, (struct consumer_ack){ .kind = CONSUMER_NAK, .sequence = 1, .delivery_count = 1 }));
    ck_assert(!answer(&owner, (struct consumer_ack){ .kind = CONSUMER_PROGRESS, .sequence = 1, .delivery_count = 1 }));
    owner_says(&owner, "");
    ck_assert(answer(&owner, (struct consumer_ack){ .kind = CONSUMER_NAK, .sequence = 1, .delivery_count = 2 }));
    owner_says(&owner, "in 1:3:3+0");
    /* Done is done, whoever did it. */
    ck_assert(answer(&owner, (struct consumer_ack){ .kind = CONSUMER_ACK, .sequence = 1, .delivery_count = 1 }));
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_given_back_untried_has_not_been_delivered)
{
    struct owner owner;
    const struct consumer_ack untried = {
        .kind = CONSUMER_NAK, .sequence = 1, .delivery_count = 1, .is_unbegun = true,
    };
    owner_open(&owner, NULL);
    owner.settings.max_deliver = 1;
    begin(&owner, 2);
    owner_ask(&owner, "in", 3, NULL);
    ck_assert(answer(&owner, untried));
    owner_says(&owner, "in 1:3:1+0");
    ck_assert(answer(&owner, untried));
    owner_says(&owner, "in 1:4:1+0");
    owner_knows(&owner, "delivered 4/2 floor 0/0 pending 2 redelivered 0 waiting 1 left 0");
    ck_assert(owner_answer(&owner, CONSUMER_NAK, 1, 0));
    owner_says(&owner, "dead 1:1 max");
    owner_close(&owner);
}
END_TEST

START_TEST(each_delivery_waits_as_long_as_the_backoff_says)
{
    struct owner owner;
    uint64_t backoff_ms[] = { 100, 1000, 5000 };
    owner_open(&owner, NULL);
    owner.settings.backoff_ms = calloc(3, sizeof *backoff_ms);
    owner.settings.backoff_count = 3;
    memcpy(owner.settings.backoff_ms, backoff_ms, sizeof backoff_ms);
    begin(&owner, 1);
    owner_ask(&owner, "in", 9, NULL);
    owner_says_after(&owner, 99, "");
    owner_says_after(&owner, 1, "in 1:2:2+0");
    owner_says_after(&owner, 999, "");
    owner_says_after(&owner, 1, "in 1:3:3+0");
    owner_says_after(&owner, 4999, "");
    owner_says_after(&owner, 1, "in 1:4:4+0");
    owner_says_after(&owner, 4999, "");
    owner_says_after(&owner, 1, "in 1:5:5+0");
    owner_close(&owner);
}
END_TEST

START_TEST(what_was_delivered_too_often_is_dead)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_deliver = 2;
    begin(&owner, 2);
    owner_ask(&owner, "in", 9, NULL);
    owner_says_after(&owner, 30000, "in 1:3:2+0, in 2:4:2+0");
    owner_ack(&owner, 2);
    owner_says_after(&owner, 29999, "");
    owner_says_after(&owner, 1, "dead 1:2 max");
    owner_knows(&owner, "delivered 4/2 floor 4/2 pending 0 redelivered 0 waiting 1 left 0");
    ck_assert(!owner_ack(&owner, 1)); /* too late */
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_refused_for_the_last_time_is_dead_at_once)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_deliver = 1;
    begin(&owner, 1);
    ck_assert(owner_answer(&owner, CONSUMER_NAK, 1, 5000));
    owner_says(&owner, "dead 1:1 max");
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_terminated_is_dead_and_the_owner_hears_why)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 3);
    struct consumer_ack ack = { .kind = CONSUMER_TERM, .sequence = 2, .words = slice_of("no such customer") };
    ck_assert(answer(&owner, ack));
    ck_assert(!answer(&owner, ack));
    ack.sequence = 3;
    ack.words.size = 0;
    ck_assert(answer(&owner, ack));
    owner_says(&owner, "dead 2:1 term no such customer, dead 3:1 term");
    owner_knows(&owner, "delivered 3/3 floor 0/0 pending 1 redelivered 0 waiting 0 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(the_dead_wait_until_they_can_be_kept)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 1);
    owner.keeps_no_dead = true;
    owner_answer(&owner, CONSUMER_TERM, 1, 0);
    owner_says(&owner, "");
    ck_assert_uint_eq(owner.deadline_ms, 2000);
    owner_knows(&owner, "delivered 1/1 floor 0/0 pending 1 redelivered 0 waiting 0 left 0");
    ck_assert(!owner_answer(&owner, CONSUMER_NAK, 1, 0));
    owner_says_after(&owner, 1000, "");
    owner.keeps_no_dead = false;
    owner_says(&owner, "dead 1:1 term");
    owner_close(&owner);
}
END_TEST

/* As letters that wait for the disk: they do not wait for one another. */
START_TEST(many_dead_are_asked_for_in_one_run)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_deliver = 1;
    begin(&owner, 200);
    owner.keeps_no_dead = true;
    owner_says_after(&owner, 30000, "");
    ck_assert_uint_ge(owner.asked_dead_count, 64);
    owner.keeps_no_dead = false;
    owner_run(&owner);
    owner_knows(&owner, "delivered 200/200 floor 200/200 pending 0 redelivered 0 waiting 0 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(the_dead_who_are_gone_are_forgotten)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 2);
    owner_answer(&owner, CONSUMER_TERM, 1, 0);
    ck_assert_int_eq(stream_delete(owner.stream, 1), 0);
    owner_says(&owner, "");
    owner_knows(&owner, "delivered 2/2 floor 1/1 pending 1 redelivered 0 waiting 0 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(no_more_are_pending_than_may_be)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_ack_pending = 2;
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 5);
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 1:1:1+4, in 2:2:1+3");
    owner_ack(&owner, 2);
    owner_says(&owner, "in 3:3:1+2");
    owner_answer(&owner, CONSUMER_NAK, 1, 0); /* what comes again is pending already */
    owner_says(&owner, "in 1:4:2+2");
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_purged_makes_room_for_new_ones)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_ack_pending = 2;
    begin(&owner, 2);
    owner_ask(&owner, "in", 9, NULL);
    stream_purge(owner.stream, slice_of(""), 0, 0);
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "in 3:3:1+0");
    owner_knows(&owner, "delivered 3/3 floor 2/2 pending 1 redelivered 0 waiting 1 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_deleted_does_not_come_again)
{
    struct owner owner;
    owner_open(&owner, NULL);
    begin(&owner, 4);
    stream_delete(owner.stream, 2);
    stream_delete(owner.stream, 3);
    owner_ask(&owner, "in", 9, NULL);
    owner_says_after(&owner, 30000, "in 1:5:2+0, in 4:6:2+0");
    stream_delete(owner.stream, 4);
    owner_knows(&owner, "delivered 6/4 floor 0/0 pending 2 redelivered 2 waiting 1 left 0");
    consumer_recheck(owner.consumer);
    owner_knows(&owner, "delivered 6/4 floor 0/0 pending 1 redelivered 1 waiting 1 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(an_acknowledgement_for_all_counts_for_those_before_it)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.ack_policy = CONSUMER_ACK_ALL;
    begin(&owner, 5);
    ck_assert(owner_ack(&owner, 3));
    owner_knows(&owner, "delivered 5/5 floor 3/3 pending 2 redelivered 0 waiting 0 left 0");
    ck_assert(!owner_ack(&owner, 2));
    ck_assert(!owner_ack(&owner, 6)); /* it was not delivered */
    owner_ask(&owner, "in", 9, NULL);
    owner_says_after(&owner, 30000, "in 4:6:2+0, in 5:7:2+0");
    owner_close(&owner);
}
END_TEST

START_TEST(without_acknowledgements_nothing_is_pending)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.ack_policy = CONSUMER_ACK_NONE;
    begin(&owner, 3);
    owner_knows(&owner, "delivered 3/3 floor 3/3 pending 0 redelivered 0 waiting 0 left 0");
    ck_assert(!owner_ack(&owner, 1) && !owner_answer(&owner, CONSUMER_NAK, 1, 0));
    owner_close(&owner);
}
END_TEST

START_TEST(the_owner_hears_what_is_done_with)
{
    struct owner owner;
    owner_open(&owner, "\"retention\":\"workqueue\"");
    begin(&owner, 4);
    owner_ack(&owner, 2);
    owner_says(&owner, "done 2");
    ck_assert(consumer_needs(owner.consumer, 1, slice_of("t.a")));
    ck_assert(!consumer_needs(owner.consumer, 2, slice_of("t.a")));
    ck_assert(consumer_needs(owner.consumer, 5, slice_of("t.a"))); /* it is to come */
    owner_answer(&owner, CONSUMER_TERM, 3, 0);
    owner_says(&owner, "dead 3:1 term");
    owner_close(&owner);
    owner_open(&owner, "\"retention\":\"interest\"");
    owner.settings.ack_policy = CONSUMER_ACK_ALL;
    owner_add_filter(&owner, "t.a");
    begin(&owner, 3);
    owner_ack(&owner, 3);
    owner_says(&owner, "done 1, done 2, done 3");
    ck_assert(consumer_needs(owner.consumer, 4, slice_of("t.a")));
    ck_assert(!consumer_needs(owner.consumer, 4, slice_of("t.b")));
    owner_close(&owner);
    owner_open(&owner, "\"retention\":\"interest\"");
    owner.settings.ack_policy = CONSUMER_ACK_NONE;
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 1:1:1+0, done 1");
    owner_close(&owner);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_acknowledged_is_pending_no_more,
        what_is_not_acknowledged_in_time_comes_again,
        what_comes_again_comes_before_what_is_new,
        what_is_given_back_untried_has_not_been_delivered,
        what_is_refused_comes_again_at_once,
        what_is_refused_with_a_delay_comes_after_it,
        who_is_at_work_gets_more_time,
        who_is_at_work_keeps_what_is_due_but_not_given_away,
        words_about_an_earlier_delivery_do_not_touch_the_later_one,
        each_delivery_waits_as_long_as_the_backoff_says,
        what_was_delivered_too_often_is_dead,
        what_is_refused_for_the_last_time_is_dead_at_once,
        what_is_terminated_is_dead_and_the_owner_hears_why,
        the_dead_wait_until_they_can_be_kept,
        many_dead_are_asked_for_in_one_run,
        the_dead_who_are_gone_are_forgotten,
        no_more_are_pending_than_may_be,
        what_is_purged_makes_room_for_new_ones,
        what_is_deleted_does_not_come_again,
        an_acknowledgement_for_all_counts_for_those_before_it,
        without_acknowledgements_nothing_is_pending,
        the_owner_hears_what_is_done_with,
        NULL,
    };
    return unit_run("ack", tests);
}
