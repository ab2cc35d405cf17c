/* Where a consumer begins, what it lets through, and how many it says are still to come. */
#include <stdio.h>

#include "../unit.h"
#include "consumer/state.h"
#include "kit.h"

/* Publishes a message for each letter, to t.LETTER: they have the sequences 1, 2, ... */
static void publish_letters(struct owner *owner, const char *letters)
{
    for (; *letters; letters++) {
        char topic[] = { 't', '.', *letters, '\0' };
        owner->time.wall_ms += 10;
        owner_publish(owner, topic, 1);
    }
}

/* What a consumer delivers that begins like this, and who asks for all. */
static const char *all_of(struct owner *owner)
{
    owner_begin(owner);
    owner_ask(owner, "in", 1000, NULL);
    return owner_run(owner);
}

START_TEST(a_consumer_begins_with_all_that_is_kept)
{
    struct owner owner;
    owner_open(&owner, "\"max_msgs\":3");
    publish_letters(&owner, "abcde");
    owner_begin(&owner);
    owner_knows(&owner, "delivered 0/2 floor 0/2 pending 0 redelivered 0 waiting 0 left 3");
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 3:1:1+2, in 4:2:1+1, in 5:3:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_begins_with_what_is_new)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_NEW;
    publish_letters(&owner, "abc");
    ck_assert_str_eq(all_of(&owner), "");
    owner_knows(&owner, "delivered 0/3 floor 0/3 pending 0 redelivered 0 waiting 1 left 0");
    publish_letters(&owner, "a");
    owner_says(&owner, "in 4:1:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_begins_with_the_last)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST;
    publish_letters(&owner, "abcab");
    ck_assert_str_eq(all_of(&owner), "in 5:1:1+0");
    consumer_destroy(owner.consumer);
    owner_add_filter(&owner, "t.a");
    owner_add_filter(&owner, "t.c");
    ck_assert_str_eq(all_of(&owner), "in 4:1:1+0");
    consumer_destroy(owner.consumer);
    owner_set_text(&owner.settings.filters[0], "t.x"); /* nothing matches */
    owner_set_text(&owner.settings.filters[1], "t.y");
    ck_assert_str_eq(all_of(&owner), "");
    publish_letters(&owner, "ax");
    owner_says(&owner, "in 7:1:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_begins_at_a_sequence)
{
    struct owner owner;
    owner_open(&owner, "\"max_msgs\":3");
    owner.settings.start = CONSUMER_START_SEQUENCE;
    publish_letters(&owner, "abcde");
    owner.settings.start_sequence = 4;
    ck_assert_str_eq(all_of(&owner), "in 4:1:1+1, in 5:2:1+0");
    consumer_destroy(owner.consumer);
    owner.settings.start_sequence = 1;
    ck_assert_str_eq(all_of(&owner), "in 3:1:1+2, in 4:2:1+1, in 5:3:1+0");
    consumer_destroy(owner.consumer);
    owner.settings.start_sequence = 100;
    ck_assert_str_eq(all_of(&owner), "");
    publish_letters(&owner, "a");
    owner_says(&owner, "in 6:1:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_begins_at_a_time)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_TIME;
    publish_letters(&owner, "abcde"); /* at 100010, 100020, ... */
    owner.settings.start_time_ms = 100030;
    ck_assert_str_eq(all_of(&owner), "in 3:1:1+2, in 4:2:1+1, in 5:3:1+0");
    consumer_destroy(owner.consumer);
    owner.settings.start_time_ms = 100041;
    ck_assert_str_eq(all_of(&owner), "in 5:1:1+0");
    consumer_destroy(owner.consumer);
    owner.settings.start_time_ms = 200000;
    ck_assert_str_eq(all_of(&owner), "");
    owner.time.wall_ms = 300000;
    publish_letters(&owner, "a");
    owner_says(&owner, "in 6:1:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_begins_with_the_last_of_each_topic)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST_PER_TOPIC;
    owner_add_filter(&owner, "t.>");
    publish_letters(&owner, "abacabd");
    owner_begin(&owner);
    owner_knows(&owner, "delivered 0/0 floor 0/0 pending 0 redelivered 0 waiting 0 left 4");
    publish_letters(&owner, "ca");
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 4:1:1+5, in 5:2:1+4, in 6:3:1+3, in 7:4:1+2, in 8:5:1+1, in 9:6:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_last_that_goes_before_it_was_read_is_not_waited_for)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST_PER_TOPIC;
    owner_add_filter(&owner, "t.*");
    publish_letters(&owner, "abc");
    owner_begin(&owner);
    stream_delete(owner.stream, 3);
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 1:1:1+1, in 2:2:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_last_that_was_deleted_leaves_the_one_before_it)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST_PER_TOPIC;
    owner_add_filter(&owner, "t.>");
    publish_letters(&owner, "aabb");
    stream_delete(owner.stream, 4);
    ck_assert_str_eq(all_of(&owner), "in 2:1:1+1, in 3:2:1+0");
    owner_close(&owner);
}
END_TEST

/* As a bucket of keys and values is watched. */
START_TEST(where_a_stream_keeps_one_of_each_topic_these_are_the_lasts)
{
    struct owner owner;
    owner_open(&owner, "\"max_msgs_per_subject\":1");
    owner.settings.start = CONSUMER_START_LAST_PER_TOPIC;
    owner_add_filter(&owner, "t.>");
    publish_letters(&owner, "abacabd");
    owner_begin(&owner);
    owner_knows(&owner, "delivered 0/3 floor 0/3 pending 0 redelivered 0 waiting 0 left 4");
    publish_letters(&owner, "c"); /* takes the place of the fourth */
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 5:1:1+3, in 6:2:1+2, in 7:3:1+1, in 8:4:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_filter_lets_through_what_matches)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    owner_add_filter(&owner, "t.c");
    owner.shows_topics = true;
    publish_letters(&owner, "abcabc");
    owner_begin(&owner);
    owner_knows(&owner, "delivered 0/0 floor 0/0 pending 0 redelivered 0 waiting 0 left 4");
    owner_ask(&owner, "in", 3, NULL);
    owner_says(&owner, "in 1:1:1+3 t.a, in 3:2:1+2 t.c, in 4:3:1+1 t.a");
    owner_knows(&owner, "delivered 3/5 floor 0/0 pending 3 redelivered 0 waiting 0 left 1");
    publish_letters(&owner, "bbb");
    owner_ask(&owner, "in", 3, NULL);
    owner_says(&owner, "in 6:4:1+0 t.c");
    owner_close(&owner);
}
END_TEST

START_TEST(filters_that_let_all_through_are_as_none)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, ">");
    publish_letters(&owner, "abc");
    owner_begin(&owner);
    ck_assert(owner.consumer->count.is_whole);
    owner_knows(&owner, "delivered 0/0 floor 0/0 pending 0 redelivered 0 waiting 0 left 3");
    owner_close(&owner);
}
END_TEST

START_TEST(filters_may_change)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    publish_letters(&owner, "abcabc");
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 1:1:1+1");
    owner_set_text(&owner.settings.filters[0], "t.c");
    ck_assert_int_eq(consumer_set_settings(owner.consumer, &owner.settings, owner.time), 0);
    owner_knows(&owner, "delivered 1/3 floor 0/0 pending 1 redelivered 0 waiting 0 left 1");
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 6:2:1+0");
    owner_close(&owner);
}
END_TEST

/* What is left is told for each message: whoever waits for 0 must see it with the last, and not before. */
START_TEST(the_last_of_those_that_match_says_that_it_is)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    owner.settings.ack_policy = CONSUMER_ACK_NONE;
    for (unsigned i = 0; i < 600; i++)
        publish_letters(&owner, i % 2 ? "abbbbbbbb" : "ab");
    owner_begin(&owner);
    ck_assert_uint_eq(owner_info(&owner).pending_count, 600);
    owner_ask(&owner, "in", 1000, NULL);
    const char *said = owner_run(&owner);
    ck_assert_uint_eq(owner.delivered_count, 600);
    const char *end = strstr(said, "+0");
    ck_assert_ptr_nonnull(end);
    ck_assert_str_eq(end, "+0");
    ck_assert_ptr_nonnull(strstr(said, ":600:1+0"));
    ck_assert_ptr_nonnull(strstr(said, ":1:1+599"));
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_deleted_meanwhile_is_not_waited_for)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    publish_letters(&owner, "ababab");
    owner_begin(&owner);
    stream_delete(owner.stream, 5);
    owner_ask(&owner, "in", 9, NULL);
    ck_assert_ptr_nonnull(strstr(owner_run(&owner), "in 3:2:1+0"));
    owner_close(&owner);
}
END_TEST

/* A million messages that do not match are not looked at one by one. */
START_TEST(a_filter_that_seldom_matches_leaps)
{
    enum { MANY = 60000 };
    struct owner owner;
    uint64_t deadline_ms;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.rare");
    owner_publish(&owner, "t.rare", 1);
    owner_publish(&owner, "t.frequent", MANY);
    owner_publish(&owner, "t.rare", 1);
    owner_begin(&owner);
    owner_ask(&owner, "in", 9, NULL);
    unsigned turns = 0;
    do
        turns++;
    while (consumer_run(owner.consumer, owner.time, 1000, &deadline_ms) == CONSUMER_MORE);
    ck_assert_uint_eq(owner.delivered_count, 2);
    ck_assert_uint_le(turns, 8);
    owner_publish(&owner, "t.frequent", 9000);
    owner_run(&owner);
    ck_assert_uint_eq(owner_info(&owner).delivered.stream_sequence, MANY + 2 + 9000);
    owner_close(&owner);
}
END_TEST

START_TEST(what_a_stream_has_lost_is_passed_over)
{
    struct owner owner;
    owner_open(&owner, "\"max_msgs\":3");
    owner_begin(&owner);
    publish_letters(&owner, "ab");
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 1:1:1+1");
    publish_letters(&owner, "cdefgh");
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 6:2:1+2");
    owner_knows(&owner, "delivered 2/6 floor 1/5 pending 1 redelivered 0 waiting 0 left 2");
    owner_close(&owner);
}
END_TEST

/* More than are read to be counted: the share of what is behind is taken as that of its sequences. */
START_TEST(a_long_way_is_estimated)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    owner.settings.start = CONSUMER_START_SEQUENCE;
    owner.settings.start_sequence = 10001;
    for (unsigned i = 0; i < 20000; i++)
        owner_publish(&owner, i % 2 ? "t.a" : "t.b", 1);
    owner_begin(&owner);
    ck_assert_uint_ge(owner_info(&owner).pending_count, 4990);
    ck_assert_uint_le(owner_info(&owner).pending_count, 5010);
    owner_close(&owner);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_consumer_begins_with_all_that_is_kept,
        a_consumer_begins_with_what_is_new,
        a_consumer_begins_with_the_last,
        a_consumer_begins_at_a_sequence,
        a_consumer_begins_at_a_time,
        a_consumer_begins_with_the_last_of_each_topic,
        a_last_that_goes_before_it_was_read_is_not_waited_for,
        a_last_that_was_deleted_leaves_the_one_before_it,
        where_a_stream_keeps_one_of_each_topic_these_are_the_lasts,
        a_filter_lets_through_what_matches,
        filters_that_let_all_through_are_as_none,
        filters_may_change,
        the_last_of_those_that_match_says_that_it_is,
        what_is_deleted_meanwhile_is_not_waited_for,
        a_filter_that_seldom_matches_leaps,
        what_a_stream_has_lost_is_passed_over,
        a_long_way_is_estimated,
        NULL,
    };
    return unit_run("start", tests);
}
