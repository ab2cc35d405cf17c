/* What is taken out of a stream with settings, and what its topics say then: in memory, and in files of which little
 * is in memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../store/sim.h"
#include "../unit.h"
#include "kit.h"

enum { BODY_SIZE = 60000, CACHE_SIZE = 1 };

static struct {
    struct sim *sim;
    struct stream_engine *engine;
    struct stream *stream;
} at;

static uint64_t still_ms(void *arg)
{
    (void)arg;
    return 1000;
}

/* round 0: in memory; 1: in files. */
static void begin(int round, const char *more)
{
    const struct stream_engine_options options = {
        .directory = "data", .segment_size = 1 << 20, .cache_size = CACHE_SIZE, .boot_id = "b", .wall_ms = still_ms,
    };
    char settings[512];
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"storage\":\"%s\"%s}",
             round ? "file" : "memory", more);
    if (round) {
        struct stream_engine_options in_sim = options;
        at.sim = sim_create(1);
        in_sim.files = sim_files(at.sim);
        ck_assert_int_eq(stream_engine_create(&in_sim, &at.engine), 0);
    }
    at.stream = kit_open(at.engine, settings);
}

static void end(void)
{
    stream_destroy(at.stream);
    stream_engine_destroy(at.engine);
    if (at.sim)
        sim_destroy(at.sim);
    at.stream = NULL;
    at.engine = NULL;
    at.sim = NULL;
}

/* Another engine, for the first holds its streams as long as it has not visited them. */
static void empty_engine(void)
{
    const struct stream_engine_options options = {
        .files = sim_files(at.sim), .directory = "data", .segment_size = 1 << 20, .cache_size = CACHE_SIZE,
    };
    stream_engine_destroy(at.engine);
    ck_assert_int_eq(stream_engine_create(&options, &at.engine), 0);
}

/* So large that a block holds four. */
static void fill(const char *topic, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        kit_fill_any(at.stream, topic, 1, BODY_SIZE, 1000);
    kit_settle(at.stream);
}

/* "a" 1 3 5 .., "b" 2 4 6 .. */
static void fill_two(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        kit_fill_any(at.stream, i % 2 ? "b" : "a", 1, BODY_SIZE, 1000);
    kit_settle(at.stream);
}

static void expect_list(const char *expected)
{
    const char *list = kit_list_all(at.stream);
    ck_assert_str_eq(list, expected);
}

static void expect_topic(const char *topic, uint64_t last)
{
    uint64_t sequence = 0;
    enum stream_found found;
    while ((found = stream_last_of_topic(at.stream, slice_of(topic), &sequence)) == STREAM_AWAY)
        kit_settle(at.stream);
    ck_assert_int_eq(found, last ? STREAM_FOUND : STREAM_NONE);
    ck_assert_uint_eq(last ? sequence : 0, last);
}

START_TEST(a_message_is_deleted)
{
    begin(_i, "");
    fill_two(20);
    ck_assert_int_eq(stream_delete(at.stream, 0), -ENOENT);
    ck_assert_int_eq(stream_delete(at.stream, 21), -ENOENT);
    for (uint64_t sequence = 1; sequence <= 20; sequence += 3) {
        ck_assert_int_eq(stream_delete(at.stream, sequence), 0);
        ck_assert_int_eq(stream_delete(at.stream, sequence), -ENOENT);
    }
    kit_settle(at.stream);
    expect_list("2 3 5 6 8 9 11 12 14 15 17 18 20");
    ck_assert_uint_eq(kit_state(at.stream).message_count, 13);
    ck_assert_uint_eq(kit_state(at.stream).lost_sequence, 0);
    expect_topic("a", 17);
    expect_topic("b", 20);
    end();
}
END_TEST

START_TEST(all_is_purged_at_once)
{
    begin(_i, "");
    fill_two(20);
    ck_assert_uint_eq(stream_purge(at.stream, slice_of(""), 0, 0), 20);
    expect_list("");
    ck_assert_uint_eq(kit_state(at.stream).message_count, 0);
    ck_assert_uint_eq(kit_state(at.stream).topic_count, 0);
    ck_assert_uint_eq(kit_state(at.stream).first_sequence, 21);
    fill("a", 2);
    expect_list("21 22");
    ck_assert_uint_eq(kit_state(at.stream).lost_sequence, 0);
    end();
}
END_TEST

START_TEST(a_pattern_is_purged_and_nobody_reads_it_meanwhile)
{
    begin(_i, "");
    fill_two(40);
    ck_assert_uint_eq(stream_purge(at.stream, slice_of("a"), 0, 0), 20);
    expect_list("2 4 6 8 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40");
    kit_settle(at.stream);
    ck_assert_uint_eq(kit_state(at.stream).message_count, 20);
    ck_assert_uint_eq(kit_state(at.stream).topic_count, 1);
    expect_topic("a", 0);
    expect_topic("b", 40);
    end();
}
END_TEST

START_TEST(what_waits_to_be_fetched_goes_before_the_stream_is_closed)
{
    begin(1, "");
    fill_two(40);
    stream_purge(at.stream, slice_of("a"), 0, 0);
    stream_delete(at.stream, 4);
    stream_destroy(at.stream);
    empty_engine();
    at.stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    ck_assert_uint_eq(kit_state(at.stream).message_count, 19);
    ck_assert_uint_eq(kit_state(at.stream).topic_count, 1);
    end();
}
END_TEST

/* A purge waits behind another one, and what it is to take out stands in memory, behind what is to stay. */
START_TEST(nobody_reads_into_what_is_purged)
{
    struct stream_run run;
    struct stream_message message;
    begin(_i, "");
    fill_two(40);
    fill("d", 1);
    fill("c", 3);
    stream_purge(at.stream, slice_of("a"), 0, 0);
    stream_purge(at.stream, slice_of("c"), 0, 0);
    ck_assert_int_eq(stream_read(at.stream, 40, 0, &run), STREAM_FOUND);
    ck_assert(stream_run_next(&run, &message) && message.sequence == 41);
    ck_assert(!stream_run_next(&run, &message));
    stream_release(&run);
    expect_list("2 4 6 8 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40 41");
    end();
}
END_TEST

START_TEST(what_is_below_a_sequence_is_purged)
{
    begin(_i, "");
    fill_two(20);
    stream_purge(at.stream, slice_of(">"), 11, 0);
    expect_list("11 12 13 14 15 16 17 18 19 20");
    stream_purge(at.stream, slice_of("b"), 17, 0);
    expect_list("11 13 15 17 18 19 20");
    kit_settle(at.stream);
    ck_assert_uint_eq(kit_state(at.stream).message_count, 7);
    end();
}
END_TEST

START_TEST(a_queue_that_counts_no_topics_is_purged)
{
    begin(_i, "");
    fill_two(10);
    stream_count_no_topics(at.stream);
    fill_two(10);
    ck_assert_uint_eq(kit_state(at.stream).topic_count, 0);
    ck_assert(!stream_has_topics(at.stream));
    ck_assert_uint_eq(stream_purge(at.stream, slice_of(""), 11, 0), 10);
    ck_assert_uint_eq(stream_purge(at.stream, slice_of(""), 11, 0), 0);
    expect_list("11 12 13 14 15 16 17 18 19 20");
    stream_delete(at.stream, 12);
    ck_assert_uint_eq(stream_purge(at.stream, slice_of(""), 14, 0), 2);
    expect_list("14 15 16 17 18 19 20");
    ck_assert_uint_eq(kit_state(at.stream).message_count, 7);
    ck_assert_uint_eq(kit_state(at.stream).lost_sequence, 0);
    kit_change(at.stream, "{\"name\":\"S\",\"subjects\":[\">\"],\"max_bytes\":100000000}");
    fill_two(2);
    ck_assert(!stream_has_topics(at.stream));
    end();
}
END_TEST

/* below 0 is all, as 7 is: few enough that bounds would not have told. */
START_TEST(what_is_purged_stays_away_after_a_kill)
{
    static const uint64_t below[] = { 0, 7, 5 };
    begin(1, "");
    stream_count_no_topics(at.stream);
    fill_two(6);
    stream_purge(at.stream, slice_of(""), below[_i], 0);
    kit_settle(at.stream);
    sim_power_off(at.sim);
    stream_destroy(at.stream);
    stream_engine_destroy(at.engine);
    at.engine = NULL;
    sim_process_ends(at.sim);
    empty_engine();
    at.stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    ck_assert_uint_eq(kit_state(at.stream).message_count, below[_i] == 5 ? 2 : 0);
    ck_assert_uint_eq(kit_state(at.stream).first_sequence, below[_i] == 5 ? 5 : 7);
    end();
}
END_TEST

START_TEST(the_newest_may_be_kept)
{
    begin(_i, "");
    fill_two(20);
    ck_assert_uint_eq(stream_purge(at.stream, slice_of("a"), 0, 3), 7);
    expect_list("2 4 6 8 10 12 14 15 16 17 18 19 20");
    ck_assert_uint_eq(stream_purge(at.stream, slice_of(""), 0, 2), 11);
    expect_list("19 20");
    ck_assert_uint_eq(stream_purge(at.stream, slice_of(""), 0, 2), 0);
    kit_settle(at.stream);
    ck_assert_uint_eq(kit_state(at.stream).message_count, 2);
    end();
}
END_TEST

START_TEST(a_rollup_waits_until_it_is_to_be_seen)
{
    begin(_i, ",\"allow_rollup_hdrs\":true");
    fill_two(20);
    ck_assert_uint_eq(kit_publish(at.stream, "b", "x", "Nats-Rollup: sub\r\n", 1000).sequence, 21);
    if (_i)
        expect_list("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
    kit_settle(at.stream);
    expect_list("1 3 5 7 9 11 13 15 17 19 21");
    kit_publish(at.stream, "b", "x", "Nats-Rollup: all\r\n", 1000);
    kit_settle(at.stream);
    expect_list("22");
    expect_topic("a", 0);
    expect_topic("b", 22);
    end();
}
END_TEST

START_TEST(the_newest_of_a_topic_is_found_again)
{
    begin(_i, "");
    fill("a", 3);
    fill("b", 40);
    fill("a", 2);
    ck_assert_int_eq(stream_delete(at.stream, 45), 0);
    expect_topic("a", 44);
    ck_assert_int_eq(stream_delete(at.stream, 44), 0);
    expect_topic("a", 3);
    ck_assert_int_eq(stream_delete(at.stream, 2), 0);
    kit_settle(at.stream);
    ck_assert_int_eq(stream_delete(at.stream, 3), 0);
    kit_settle(at.stream);
    expect_topic("a", 1);
    expect_topic("b", 43);
    end();
}
END_TEST

START_TEST(a_bound_of_topics_may_come_and_go)
{
    const char *storage = _i ? "file" : "memory";
    char settings[256];
    begin(_i, "");
    fill_two(20);
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"storage\":\"%s\","
             "\"max_msgs_per_subject\":3}", storage);
    kit_change(at.stream, settings);
    kit_settle(at.stream);
    expect_list("15 16 17 18 19 20");
    fill("a", 1);
    expect_list("16 17 18 19 20 21");
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"storage\":\"%s\"}", storage);
    kit_change(at.stream, settings);
    fill("a", 3);
    expect_list("16 17 18 19 20 21 22 23 24");
    expect_topic("a", 24);
    end();
}
END_TEST

struct visited {
    char text[256];
    bool stop;
};

static bool visit(void *arg, const struct stream_topic *topic)
{
    struct visited *visited = arg;
    size_t size = strlen(visited->text);
    snprintf(visited->text + size, sizeof visited->text - size, "%.*s:%u:%u:%u ", SLICE_ARGS(topic->topic),
             (unsigned)topic->first_sequence, (unsigned)topic->last_sequence, (unsigned)topic->message_count);
    return !visited->stop;
}

START_TEST(topics_are_visited_by_pattern)
{
    struct visited visited = { .stop = false };
    begin(_i, "");
    fill_two(6);
    fill("c.d", 2);
    stream_visit_topics(at.stream, slice_of("a"), visit, &visited);
    ck_assert_str_eq(visited.text, "a:1:5:3 ");
    stream_visit_topics(at.stream, slice_of("c.*"), visit, &visited);
    ck_assert_str_eq(visited.text, "a:1:5:3 c.d:7:8:2 ");
    visited = (struct visited){ .stop = true };
    stream_visit_topics(at.stream, slice_of(">"), visit, &visited);
    ck_assert_uint_lt(strlen(visited.text), 11);
    ck_assert_uint_eq(stream_count_after(at.stream, 0), 8);
    ck_assert_uint_eq(stream_count_after(at.stream, 5), 3);
    ck_assert_uint_eq(stream_count_after(at.stream, 8) + stream_count_after(at.stream, UINT64_MAX), 0);
    end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_message_is_deleted,
        all_is_purged_at_once,
        a_pattern_is_purged_and_nobody_reads_it_meanwhile,
        nobody_reads_into_what_is_purged,
        what_is_below_a_sequence_is_purged,
        a_queue_that_counts_no_topics_is_purged,
        the_newest_may_be_kept,
        a_rollup_waits_until_it_is_to_be_seen,
        the_newest_of_a_topic_is_found_again,
        a_bound_of_topics_may_come_and_go,
        topics_are_visited_by_pattern,
    };
    Suite *suite = suite_create("purge");
    TCase *tcase = tcase_create("purge");
    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_loop_test(tcase, tests[i], 0, 2);
    tcase_add_test(tcase, what_waits_to_be_fetched_goes_before_the_stream_is_closed);
    tcase_add_loop_test(tcase, what_is_purged_stays_away_after_a_kill, 0, 3);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
