/* A stream: what it keeps, what it forgets at each bound, and what its readers and watchers are told. */
#include "stream/stream.h"

#include <stdlib.h>

#include "../unit.h"
#include "kit.h"

enum {
    RECORD_SIZE = 1024,
    PAYLOAD_SIZE = RECORD_SIZE - (int)sizeof(struct record) - 1, /* of such a record, with a topic of one byte */
    IN_BLOCK = BLOCK_SIZE / RECORD_SIZE,
};

static struct stream *stream;

static void tear_down(void)
{
    stream_destroy(stream);
    stream = NULL;
}

static void begin(struct stream_limits limits)
{
    tear_down();
    stream = kit_create(limits);
}

static void set_up(void)
{
    begin(kit_limits);
}

static void expect_kept(uint64_t first, uint64_t last)
{
    struct stream_state state = kit_state(stream);
    struct kit_seen seen = kit_read(stream, state.lost_sequence, 0);
    ck_assert_uint_eq(state.first_sequence, first);
    ck_assert_uint_eq(state.last_sequence, last);
    ck_assert_uint_eq(state.message_count, last + 1 - first);
    ck_assert_uint_eq(seen.message_count, last + 1 - first);
    ck_assert_uint_eq(seen.gap_count, 0);
}

/* Appending and reading. */

START_TEST(a_new_stream_is_empty)
{
    struct stream_state state = kit_state(stream);
    struct stream_run run;
    ck_assert(state.epoch);
    ck_assert_uint_eq(state.epoch, stream_epoch(stream));
    ck_assert_str_eq(stream_name(stream), "log");
    ck_assert_uint_eq(state.first_sequence, 1);
    ck_assert_uint_eq(state.last_sequence + state.lost_sequence + state.message_count + state.byte_count, 0);
    ck_assert_uint_eq(state.first_time_ms + state.last_time_ms, 0);
    ck_assert_int_eq(stream_read(stream, 0, 0, &run), STREAM_NONE);
    ck_assert_uint_eq(run.gap_first, 0);
    stream_release(&run);
    stream_destroy(NULL);
}
END_TEST

START_TEST(epochs_differ)
{
    struct stream *other = kit_create(kit_limits);
    ck_assert_uint_ne(stream_epoch(stream), stream_epoch(other));
    stream_destroy(other);
}
END_TEST

START_TEST(a_message_comes_back_as_it_was)
{
    static const char body[] = "NATS/1.0\r\nA: b\r\n\r\nx\0y";
    const struct message messages[] = {
        { .body = body, .head_size = 19, .body_size = sizeof body - 1 },
        { .body = NULL },
        { .body = body, .head_size = 19, .body_size = 19 },
    };
    struct receipt receipts[3];
    const struct batch batch = {
        .topic = slice_of("a.b"), .messages = messages, .count = 3, .receipts = receipts,
    };
    struct stream_run run;
    struct stream_message message;
    ck_assert_uint_eq(stream_append(stream, &batch, 77, NULL), 3);
    ck_assert(stream_read(stream, 0, 77, &run) == STREAM_FOUND);
    ck_assert_uint_eq(run.last_sequence, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(stream_run_next(&run, &message));
        ck_assert_uint_eq(message.sequence, i + 1);
        ck_assert_uint_eq(message.time_ms, 77);
        ck_assert(slice_is(message.topic, "a.b"));
        ck_assert(slice_equal(message.head, slice_make(body, messages[i].head_size)));
        ck_assert(slice_equal(message.payload,
                              slice_make(body + 19, messages[i].body_size - messages[i].head_size)));
        ck_assert_str_eq(receipts[i].stream, "log");
        ck_assert_uint_eq(receipts[i].epoch, stream_epoch(stream));
        ck_assert_uint_eq(receipts[i].sequence, i + 1);
        ck_assert(!receipts[i].duplicate && !receipts[i].durable);
    }
    ck_assert(!stream_run_next(&run, &message));
    stream_release(&run);
}
END_TEST

START_TEST(reading_begins_behind_any_sequence)
{
    enum { COUNT = 5 * IN_BLOCK + 7 };
    kit_fill(stream, "t", COUNT, PAYLOAD_SIZE, 0);
    for (uint64_t after = 0; after < COUNT; after++) {
        struct stream_run run;
        struct stream_message message;
        unit_assert(stream_read(stream, after, 0, &run) == STREAM_FOUND);
        unit_assert(stream_run_next(&run, &message));
        unit_assert(message.sequence == after + 1);
        unit_assert(memcmp(message.payload.data, &message.sequence, sizeof message.sequence) == 0);
        stream_release(&run);
    }
    ck_assert_uint_eq(kit_read(stream, 0, 0).message_count, COUNT);
}
END_TEST

START_TEST(nothing_is_behind_the_end)
{
    static const uint64_t afters[] = { 3, 4, UINT64_MAX - 1, UINT64_MAX };
    struct stream_run run;
    kit_fill(stream, "t", 3, 10, 0);
    for (unsigned i = 0; i < sizeof afters / sizeof *afters; i++) {
        ck_assert_int_eq(stream_read(stream, afters[i], 0, &run), STREAM_NONE);
        ck_assert_uint_eq(run.gap_first, 0);
    }
}
END_TEST

START_TEST(a_message_larger_than_a_block_has_its_own)
{
    kit_fill(stream, "t", 1, 10, 0);
    kit_fill(stream, "t", 2, BLOCK_SIZE, 0);
    kit_fill(stream, "t", 1, 3 * BLOCK_SIZE, 0);
    kit_fill(stream, "t", 1, 10, 0);
    expect_kept(1, 5);
}
END_TEST

/* Bounds. */

START_TEST(bytes_go_by_whole_blocks)
{
    begin((struct stream_limits){ .bytes_max = 3 * BLOCK_SIZE });
    kit_fill(stream, "t", 3 * IN_BLOCK, PAYLOAD_SIZE, 0);
    expect_kept(1, 3 * IN_BLOCK);
    ck_assert_uint_eq(kit_state(stream).byte_count, 3 * BLOCK_SIZE);
    kit_fill(stream, "t", 1, PAYLOAD_SIZE, 0);
    expect_kept(IN_BLOCK + 1, 3 * IN_BLOCK + 1);
    ck_assert_uint_eq(kit_state(stream).lost_sequence, IN_BLOCK);
    ck_assert_uint_eq(kit_state(stream).byte_count, 2 * BLOCK_SIZE + RECORD_SIZE);
}
END_TEST

START_TEST(the_last_block_stays)
{
    begin((struct stream_limits){ .bytes_max = 1 });
    kit_fill(stream, "t", IN_BLOCK, PAYLOAD_SIZE, 0);
    expect_kept(1, IN_BLOCK);
    kit_fill(stream, "t", 1, PAYLOAD_SIZE, 0);
    expect_kept(IN_BLOCK + 1, IN_BLOCK + 1);
    kit_fill(stream, "t", 1, 10 * BLOCK_SIZE, 0);
    expect_kept(IN_BLOCK + 2, IN_BLOCK + 2);
}
END_TEST

START_TEST(messages_max_is_exact)
{
    begin((struct stream_limits){ .bytes_max = 64 << 20, .messages_max = 2 * IN_BLOCK + 3 });
    kit_fill(stream, "t", 2 * IN_BLOCK + 3, PAYLOAD_SIZE, 0);
    expect_kept(1, 2 * IN_BLOCK + 3);
    for (unsigned i = 1; i <= 2 * IN_BLOCK; i++) {
        kit_fill(stream, "t", 1, PAYLOAD_SIZE, 0);
        unit_assert(kit_state(stream).first_sequence == i + 1);
        unit_assert(kit_state(stream).message_count == 2 * IN_BLOCK + 3);
    }
    expect_kept(2 * IN_BLOCK + 1, 4 * IN_BLOCK + 3);
}
END_TEST

START_TEST(age_max_is_exact_when_appending_and_when_reading)
{
    struct stream_run run;
    begin((struct stream_limits){ .bytes_max = 64 << 20, .age_max_ms = 100 });
    kit_fill(stream, "t", 3, 10, 1000);
    kit_fill(stream, "t", 2, 10, 1001);
    ck_assert_uint_eq(kit_state(stream).first_time_ms, 1000);
    ck_assert_uint_eq(kit_state(stream).last_time_ms, 1001);
    ck_assert_uint_eq(kit_read(stream, 0, 1100).message_count, 5);
    ck_assert_uint_eq(kit_read(stream, 0, 1101).first_sequence, 4); /* read away */
    kit_fill(stream, "t", 1, 10, 1102);                            /* appended away */
    expect_kept(6, 6);
    ck_assert_int_eq(stream_read(stream, 2, 2000, &run), STREAM_NONE);
    ck_assert_uint_eq(run.gap_first, 3);
    ck_assert_uint_eq(run.gap_last, 6);
    ck_assert_uint_eq(kit_state(stream).first_sequence, 7);
    ck_assert_uint_eq(kit_state(stream).first_time_ms + kit_state(stream).last_time_ms, 0);
    ck_assert_uint_eq(kit_state(stream).byte_count, 0);
    kit_fill(stream, "t", 1, 10, 2001);
    expect_kept(7, 7);
}
END_TEST

START_TEST(a_clock_set_back_makes_nothing_old)
{
    begin((struct stream_limits){ .bytes_max = 64 << 20, .age_max_ms = 100 });
    kit_fill(stream, "t", 1, 10, 1000);
    kit_fill(stream, "t", 1, 10, 5);
    ck_assert_uint_eq(kit_read(stream, 0, 50).message_count, 2);
}
END_TEST

START_TEST(a_topic_keeps_its_newest)
{
    begin((struct stream_limits){ .bytes_max = 64 << 20, .messages_per_topic_max = 2 });
    kit_append(stream, "a", "1", NULL, 0);
    kit_append(stream, "b", "2", NULL, 0);
    kit_append(stream, "a", "3", NULL, 0);
    kit_append(stream, "a", "4", NULL, 0);
    kit_append(stream, "a", "5", NULL, 0);
    struct kit_seen seen = kit_read(stream, 0, 0);
    ck_assert_uint_eq(seen.message_count, 3);
    ck_assert_uint_eq(seen.first_sequence, 2);
    ck_assert_uint_eq(seen.gap_count, 0); /* superseded is not lost */
    ck_assert_uint_eq(kit_state(stream).message_count, 3);
    ck_assert_uint_eq(kit_state(stream).byte_count, 3 * 48);
    ck_assert_uint_eq(kit_state(stream).lost_sequence, 0);
}
END_TEST

START_TEST(blocks_of_superseded_messages_go)
{
    begin((struct stream_limits){ .bytes_max = 4 * BLOCK_SIZE, .messages_per_topic_max = 1 });
    kit_append(stream, "rare", "first", NULL, 0);
    kit_fill(stream, "t", 10 * IN_BLOCK, PAYLOAD_SIZE, 0);
    struct kit_seen seen = kit_read(stream, 0, 0);
    ck_assert_uint_eq(seen.message_count, 2);
    ck_assert_uint_eq(seen.first_sequence, 1);
    ck_assert_uint_eq(seen.last_sequence, 10 * IN_BLOCK + 1);
    ck_assert_uint_eq(seen.gap_count, 0);
    seen = kit_read(stream, 4 * IN_BLOCK, 0); /* from where nothing is */
    ck_assert_uint_eq(seen.message_count, 1);
    ck_assert_uint_eq(stream_sequence_before(stream, 0), 0);
}
END_TEST

START_TEST(a_run_always_has_a_message)
{
    struct stream_run run;
    struct stream_message message;
    begin((struct stream_limits){ .bytes_max = 64 << 20, .messages_per_topic_max = 1 });
    kit_append(stream, "rare", "first", NULL, 0);
    kit_fill(stream, "t", 3 * IN_BLOCK, PAYLOAD_SIZE, 0);
    ck_assert(stream_read(stream, 1, 0, &run) == STREAM_FOUND); /* all that follows it in its block is superseded */
    ck_assert(stream_run_next(&run, &message));
    ck_assert_uint_eq(message.sequence, 3 * IN_BLOCK + 1);
    stream_release(&run);
}
END_TEST

START_TEST(other_bounds_hold_from_the_next_message)
{
    kit_fill(stream, "a", 10, 10, 0);
    kit_fill(stream, "b", 10, 10, 0);
    stream_set_limits(stream, &(struct stream_limits){ .bytes_max = 64 << 20, .messages_per_topic_max = 3 });
    ck_assert_uint_eq(kit_state(stream).message_count, 20);
    kit_fill(stream, "a", 1, 10, 0);
    ck_assert_uint_eq(kit_state(stream).message_count, 3 + 10);
    stream_set_limits(stream, &(struct stream_limits){ .bytes_max = 64 << 20, .messages_max = 4 });
    kit_fill(stream, "a", 1, 10, 0);
    ck_assert_uint_eq(kit_state(stream).message_count, 4);
    stream_set_limits(stream, &(struct stream_limits){ .bytes_max = 64 << 20, .messages_per_topic_max = 1 });
    kit_fill(stream, "a", 1, 10, 0);
    struct kit_seen seen = kit_read(stream, kit_state(stream).lost_sequence, 0);
    ck_assert_uint_eq(seen.message_count, 3); /* one of a; b had no next message */
    ck_assert_uint_eq(seen.last_sequence, 23);
}
END_TEST

/* Gaps. */

START_TEST(a_gap_is_told_from_where_it_was_asked)
{
    struct stream_run run;
    begin((struct stream_limits){ .bytes_max = 64 << 20, .messages_max = 10 });
    kit_fill(stream, "t", 30, 10, 0);
    static const struct { uint64_t after, gap_first, gap_last; } table[] = {
        { 0, 1, 20 }, { 5, 6, 20 }, { 19, 20, 20 }, { 20, 0, 0 }, { 21, 0, 0 }, { 29, 0, 0 },
    };
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        ck_assert(stream_read(stream, table[i].after, 0, &run) == STREAM_FOUND);
        ck_assert_uint_eq(run.gap_first, table[i].gap_first);
        ck_assert_uint_eq(run.gap_last, table[i].gap_last);
        stream_release(&run);
    }
}
END_TEST

START_TEST(what_is_held_is_read_whatever_is_forgotten)
{
    struct stream_run run;
    struct stream_message message;
    begin((struct stream_limits){ .bytes_max = 2 * BLOCK_SIZE, .messages_max = IN_BLOCK });
    kit_fill(stream, "t", IN_BLOCK, PAYLOAD_SIZE, 0);
    ck_assert(stream_read(stream, 0, 0, &run) == STREAM_FOUND);
    kit_fill(stream, "t", IN_BLOCK / 2, PAYLOAD_SIZE, 0); /* forgets half of it by number */
    kit_fill(stream, "t", 5 * IN_BLOCK, PAYLOAD_SIZE, 0); /* and the rest with its block */
    for (uint64_t sequence = 1; sequence <= IN_BLOCK; sequence++) {
        unit_assert(stream_run_next(&run, &message));
        unit_assert(message.sequence == sequence);
        unit_assert(memcmp(message.payload.data, &sequence, sizeof sequence) == 0);
    }
    ck_assert(!stream_run_next(&run, &message));
    stream_release(&run);
}
END_TEST

START_TEST(a_run_outlives_its_stream)
{
    struct stream_run run;
    struct stream_message message;
    kit_append(stream, "a", "payload", NULL, 0);
    ck_assert(stream_read(stream, 0, 0, &run) == STREAM_FOUND);
    tear_down();
    ck_assert(stream_run_next(&run, &message));
    ck_assert(slice_is(message.payload, "payload"));
    stream_release(&run);
}
END_TEST

START_TEST(a_time_says_where_to_begin)
{
    for (unsigned i = 0; i < 3 * IN_BLOCK; i++)
        kit_fill(stream, "t", 1, PAYLOAD_SIZE, 10 * (i / 2) + 10);
    ck_assert_uint_eq(stream_sequence_before(stream, 0), 0);
    ck_assert_uint_eq(stream_sequence_before(stream, 10), 0);
    ck_assert_uint_eq(stream_sequence_before(stream, 11), 2);
    ck_assert_uint_eq(stream_sequence_before(stream, 20), 2);
    ck_assert_uint_eq(stream_sequence_before(stream, UINT64_MAX), 3 * IN_BLOCK);
    stream_set_limits(stream, &(struct stream_limits){ .bytes_max = 64 << 20, .messages_max = 4 });
    kit_fill(stream, "t", 1, 10, 1000000);
    ck_assert_uint_eq(stream_sequence_before(stream, 0), 3 * IN_BLOCK - 3);
}
END_TEST

/* Duplicates. */

START_TEST(an_id_counts_once_within_the_window)
{
    ck_assert(!kit_append(stream, "a", "x", "one", 1000).duplicate);
    struct receipt again = kit_append(stream, "b", "y", "one", 1999);
    ck_assert(again.duplicate);
    ck_assert_uint_eq(again.sequence, 1);
    ck_assert_str_eq(again.stream, "log");
    ck_assert_uint_eq(kit_state(stream).duplicate_count, 1);
    struct receipt later = kit_append(stream, "a", "z", "one", 2000); /* the window counts from the first */
    ck_assert(!later.duplicate);
    ck_assert_uint_eq(later.sequence, 2);
    expect_kept(1, 2);
}
END_TEST

START_TEST(an_id_counts_once_within_a_batch)
{
    static const char body[] = "NATS/1.0\r\nnats-msg-id: one\r\n\r\nx";
    const struct message message = { .body = body, .head_size = sizeof body - 2, .body_size = sizeof body - 1 };
    const struct message messages[] = { message, message, { .body = "x", .body_size = 1 }, message };
    struct receipt receipts[4];
    const struct batch batch = { .topic = slice_of("a"), .messages = messages, .count = 4, .receipts = receipts };
    ck_assert_uint_eq(stream_append(stream, &batch, 0, NULL), 2);
    ck_assert(!receipts[0].duplicate && receipts[1].duplicate && !receipts[2].duplicate && receipts[3].duplicate);
    ck_assert_uint_eq(receipts[1].sequence, 1);
    ck_assert_uint_eq(receipts[2].sequence, 2);
    ck_assert_uint_eq(receipts[3].sequence, 1);
}
END_TEST

START_TEST(only_so_many_ids_are_remembered)
{
    struct stream_limits limits = kit_limits;
    limits.duplicate_ids_max = 2;
    begin(limits);
    kit_append(stream, "a", "", "1", 0);
    kit_append(stream, "a", "", "2", 0);
    ck_assert(kit_append(stream, "a", "", "1", 0).duplicate);
    kit_append(stream, "a", "", "3", 0);
    ck_assert(kit_append(stream, "a", "", "2", 0).duplicate);
    ck_assert(kit_append(stream, "a", "", "3", 0).duplicate);
    ck_assert(!kit_append(stream, "a", "", "1", 0).duplicate);
}
END_TEST

START_TEST(ids_mean_nothing_without_a_window_or_room)
{
    for (unsigned i = 0; i < 2; i++) {
        begin((struct stream_limits){ .bytes_max = 1, .duplicate_window_ms = i ? 100 : 0, .duplicate_ids_max = !i });
        ck_assert(!kit_append(stream, "a", "", "1", 0).duplicate);
        ck_assert(!kit_append(stream, "a", "", "1", 0).duplicate);
    }
}
END_TEST

START_TEST(the_id_outlives_its_message)
{
    struct stream_limits limits = kit_limits;
    limits.messages_max = 1;
    begin(limits);
    kit_append(stream, "a", "", "1", 0);
    kit_fill(stream, "a", 5, 10, 0);
    struct receipt again = kit_append(stream, "a", "", "1", 0);
    ck_assert(again.duplicate);
    ck_assert_uint_eq(again.sequence, 1);
}
END_TEST

/* Watching. */

static void count_wake(void *arg)
{
    ++*(unsigned *)arg;
}

START_TEST(a_watcher_is_woken_once_until_it_looks)
{
    unsigned wakes[2] = { 0, 0 };
    struct stream_watch first = { .wake = count_wake, .arg = &wakes[0] };
    struct stream_watch second = { .wake = count_wake, .arg = &wakes[1] };
    stream_watch(stream, &first);
    stream_watch(stream, &second);
    ck_assert(!stream_watch_take(&first));
    kit_fill(stream, "t", 3, 10, 0);
    ck_assert_uint_eq(wakes[0], 1);
    ck_assert_uint_eq(wakes[1], 1);
    ck_assert(stream_watch_take(&first));
    ck_assert(!stream_watch_take(&first));
    stream_unwatch(stream, &second);
    kit_fill(stream, "t", 1, 10, 0);
    ck_assert_uint_eq(wakes[0], 2);
    ck_assert_uint_eq(wakes[1], 1);
    stream_unwatch(stream, &first);
}
END_TEST

START_TEST(the_appender_is_marked_but_not_woken)
{
    unsigned wakes = 0;
    struct stream_watch own = { .wake = count_wake, .arg = &wakes };
    const struct message message = { .body = "x", .body_size = 1 };
    const struct batch batch = { .topic = slice_of("t"), .messages = &message, .count = 1 };
    stream_watch(stream, &own);
    stream_append(stream, &batch, 0, &own);
    ck_assert_uint_eq(wakes, 0);
    ck_assert(stream_watch_take(&own));
    stream_unwatch(stream, &own);
}
END_TEST

START_TEST(a_duplicate_wakes_nobody)
{
    unsigned wakes = 0;
    struct stream_watch watch = { .wake = count_wake, .arg = &wakes };
    kit_append(stream, "t", "x", "id", 0);
    stream_watch(stream, &watch);
    kit_append(stream, "t", "x", "id", 0);
    ck_assert_uint_eq(wakes, 0);
    ck_assert(!stream_watch_take(&watch));
    stream_unwatch(stream, &watch);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_new_stream_is_empty,
        epochs_differ,
        a_message_comes_back_as_it_was,
        reading_begins_behind_any_sequence,
        nothing_is_behind_the_end,
        a_message_larger_than_a_block_has_its_own,
        bytes_go_by_whole_blocks,
        the_last_block_stays,
        messages_max_is_exact,
        age_max_is_exact_when_appending_and_when_reading,
        a_clock_set_back_makes_nothing_old,
        a_topic_keeps_its_newest,
        blocks_of_superseded_messages_go,
        a_run_always_has_a_message,
        other_bounds_hold_from_the_next_message,
        a_gap_is_told_from_where_it_was_asked,
        what_is_held_is_read_whatever_is_forgotten,
        a_run_outlives_its_stream,
        a_time_says_where_to_begin,
        an_id_counts_once_within_the_window,
        an_id_counts_once_within_a_batch,
        only_so_many_ids_are_remembered,
        ids_mean_nothing_without_a_window_or_room,
        the_id_outlives_its_message,
        a_watcher_is_woken_once_until_it_looks,
        the_appender_is_marked_but_not_woken,
        a_duplicate_wakes_nobody,
        NULL,
    };
    Suite *suite = suite_create("stream");
    TCase *tcase = tcase_create("stream");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (const TTest *const *test = tests; *test; test++)
        tcase_add_test(tcase, *test);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
