/* What is on disk: it is waited for, and nothing is lost or mixed up by that. */
#include <stdlib.h>

#include "../stream/kit.h"
#include "../unit.h"
#include "kit.h"

enum { LARGE = 100000 }; /* two of them and a bit fill a block */

/* Messages of t.a, each in a block that is written and has left memory. */
static void fill(struct owner *owner, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        owner_publish_bytes(owner, "t.a", LARGE);
}

/* So many others come that these are no longer in memory. */
static void bury(struct owner *owner)
{
    for (unsigned i = 0; i < 40; i++)
        owner_publish_bytes(owner, "t.other", LARGE);
}

START_TEST(messages_on_disk_are_waited_for)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    fill(&owner, 60);
    owner_begin(&owner);
    owner_ask(&owner, "in", 60, NULL);
    owner_says(&owner, "");
    ck_assert(owner_is_away(&owner));
    owner_run_with_disk(&owner, &waits);
    ck_assert_uint_ge(waits, 5);
    ck_assert_uint_eq(owner.delivered_count, 60);
    owner_knows(&owner, "delivered 60/60 floor 0/0 pending 60 redelivered 0 waiting 0 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_request_that_does_not_wait_waits_for_the_disk)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    owner_publish(&owner, "t.a", 1);
    bury(&owner);
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, "nowait");
    owner_says(&owner, "");
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "in 1:1:1+40");
    ck_assert_uint_eq(waits, 1);
    owner_close(&owner);
}
END_TEST

START_TEST(what_comes_again_from_disk_comes_before_what_is_new)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    owner_publish(&owner, "t.a", 1);
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 1:1:1+0");
    bury(&owner);
    owner_ask(&owner, "in", 2, NULL);
    owner_answer(&owner, CONSUMER_NAK, 1, 0);
    owner_says(&owner, "");
    ck_assert(owner_is_away(&owner));
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "in 1:2:2+40, in 2:3:1+39");
    owner_close(&owner);
}
END_TEST

START_TEST(the_dead_are_read_before_they_are_told)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    owner_publish(&owner, "t.a", 1);
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, NULL);
    owner_run(&owner);
    bury(&owner);
    owner_answer(&owner, CONSUMER_TERM, 1, 0);
    owner_says(&owner, "");
    ck_assert(owner_is_away(&owner));
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "dead 1:1 term");
    owner_close(&owner);
}
END_TEST

START_TEST(a_filter_is_looked_for_on_disk)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    owner_add_filter(&owner, "t.a");
    owner_publish(&owner, "t.a", 1);
    bury(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_begin(&owner);
    owner_knows(&owner, "delivered 0/0 floor 0/0 pending 0 redelivered 0 waiting 0 left 2");
    owner_ask(&owner, "in", 9, NULL);
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "in 1:1:1+1, in 42:2:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(the_last_of_each_topic_are_read_one_by_one)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST_PER_TOPIC;
    owner_add_filter(&owner, "t.>");
    owner_publish(&owner, "t.a", 2);
    bury(&owner);
    owner_publish(&owner, "t.b", 1);
    bury(&owner);
    owner_begin(&owner);
    owner_knows(&owner, "delivered 0/0 floor 0/0 pending 0 redelivered 0 waiting 0 left 3");
    owner_ask(&owner, "in", 9, NULL);
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "in 2:1:1+2, in 43:2:1+1, in 83:3:1+0");
    ck_assert_uint_le(waits, 4);
    owner_close(&owner);
}
END_TEST

/* The newest of the topic has been deleted: which it is now has to be looked up, on disk. */
START_TEST(a_consumer_waits_until_it_is_known_where_to_begin)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST;
    owner_add_filter(&owner, "t.a");
    owner_publish(&owner, "t.a", 3);
    bury(&owner);
    owner_publish(&owner, "t.a", 1);
    ck_assert_int_eq(stream_delete(owner.stream, 44), 0);
    owner_begin(&owner);
    ck_assert(!consumer_is_dirty(owner.consumer));
    owner_ask(&owner, "in", 9, NULL);
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "in 3:1:1+0");
    ck_assert_uint_ge(waits, 1);
    ck_assert(consumer_is_dirty(owner.consumer));
    owner_close(&owner);
}
END_TEST

START_TEST(a_consumer_begins_at_a_time_on_disk)
{
    struct owner owner;
    unsigned waits;
    owner_open_files(&owner, NULL);
    for (unsigned i = 0; i < 10; i++) {
        owner.time.wall_ms += 10;
        owner_publish(&owner, "t.a", 1);
    }
    bury(&owner);
    owner.settings.start = CONSUMER_START_TIME;
    owner.settings.start_time_ms = 100075;
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, NULL);
    ck_assert_str_eq(owner_run_with_disk(&owner, &waits), "in 8:1:1+42");
    owner_close(&owner);
}
END_TEST

START_TEST(nothing_is_delivered_before_it_is_committed)
{
    struct owner owner;
    owner_open_files(&owner, NULL);
    owner_begin(&owner);
    owner_ask(&owner, "in", 9, NULL);
    kit_append(owner.stream, "t.a", "1", NULL, 100000);
    owner_says(&owner, "");
    kit_settle(owner.stream);
    owner_says(&owner, "in 1:1:1+0");
    owner_close(&owner);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        messages_on_disk_are_waited_for,
        a_request_that_does_not_wait_waits_for_the_disk,
        what_comes_again_from_disk_comes_before_what_is_new,
        the_dead_are_read_before_they_are_told,
        a_filter_is_looked_for_on_disk,
        the_last_of_each_topic_are_read_one_by_one,
        a_consumer_waits_until_it_is_known_where_to_begin,
        a_consumer_begins_at_a_time_on_disk,
        nothing_is_delivered_before_it_is_committed,
        NULL,
    };
    return unit_run("away", tests);
}
