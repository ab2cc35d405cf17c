/* A log in files: what stays, what goes, and what is fetched. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "diary.h"
#include "store/segment.h"

enum { SEED = 11 };

static struct log_state state_of(const struct diary *diary)
{
    struct log_state state;
    log_get_state(diary->log, &state);
    return state;
}

static void count_name(void *arg, const char *name)
{
    (void)name;
    ++*(unsigned *)arg;
}

static unsigned file_count(const struct diary *diary)
{
    unsigned count = 0;
    const struct files *files = sim_files(diary->sim);
    files->list(files->arg, DIARY_DIRECTORY, count_name, &count);
    return count;
}

static void begin(struct diary *diary)
{
    diary_init(diary, SEED);
    ck_assert_int_eq(diary_open(diary), 0);
}

static void append(struct diary *diary, unsigned count, uint32_t size)
{
    while (count--)
        diary_append(diary, size);
}

static void commit(struct diary *diary)
{
    ck_assert_int_eq(diary_commit_all(diary, true), 0);
}

static void rest_and_open(struct diary *diary)
{
    ck_assert_int_eq(diary_rest(diary), 0);
    ck_assert_int_eq(diary_open(diary), 0);
}

START_TEST(an_empty_log_is_opened_again)
{
    struct diary diary;
    begin(&diary);
    ck_assert(!log_needs_commit(diary.log));
    ck_assert_int_eq(diary_commit(&diary, true), 0);
    rest_and_open(&diary);
    ck_assert_uint_eq(file_count(&diary), 0);
    ck_assert_uint_eq(log_first(diary.log), 0);
    append(&diary, 1, 10);
    commit(&diary);
    rest_and_open(&diary);
    ck_assert_uint_eq(diary.last, 1);
    diary_finish(&diary);
}
END_TEST

START_TEST(a_log_that_came_to_rest_goes_on_in_its_segment)
{
    struct diary diary;
    begin(&diary);
    for (unsigned life = 0; life < 5; life++) {
        append(&diary, 10, 100);
        commit(&diary);
        rest_and_open(&diary);
        rest_and_open(&diary);
    }
    ck_assert_uint_eq(state_of(&diary).segment_count, 1);
    ck_assert_uint_eq(file_count(&diary), 2);
    diary_read(&diary, 1, UINT64_MAX);
    diary_finish(&diary);
}
END_TEST

/* What may be torn is never appended to: stale bytes would lie behind it. */
START_TEST(after_any_other_end_a_new_segment_begins)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 10, 100);
    commit(&diary);
    append(&diary, 10, 100);
    commit(&diary);
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(state_of(&diary).segment_count, 2); /* the second batch, which nothing proves, is in it */
    ck_assert_uint_eq(diary.committed, 20);
    append(&diary, 1, 100);
    commit(&diary);
    rest_and_open(&diary);
    ck_assert_uint_eq(state_of(&diary).segment_count, 2);
    diary_finish(&diary);
}
END_TEST

START_TEST(what_was_written_and_not_synced_outlives_the_process)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 500, 1000);
    ck_assert_int_eq(diary_commit_all(&diary, false), 0);
    ck_assert_uint_eq(diary.committed, 0);
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(diary.last, 500);
    ck_assert_uint_eq(diary.committed, 500);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(diary.last, 500);
    diary_finish(&diary);
}
END_TEST

START_TEST(a_sync_that_was_put_off_is_made_up_for)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 10, 100);
    ck_assert_int_eq(diary_commit(&diary, false), 0);
    ck_assert(!log_needs_commit(diary.log));
    ck_assert_int_eq(diary_commit(&diary, true), 0);
    ck_assert_uint_eq(diary.committed, 10);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(diary.last, 10);
    diary_finish(&diary);
}
END_TEST

START_TEST(the_last_sequence_outlives_all_records)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 2000, 1000);
    commit(&diary);
    ck_assert_uint_gt(state_of(&diary).segment_count, 2);
    diary_kill_before(&diary, 2001);
    diary_remember(&diary);
    commit(&diary);
    ck_assert_uint_eq(state_of(&diary).segment_count, 1);
    ck_assert_uint_eq(file_count(&diary), 2);
    diary_lose_power(&diary);
    for (unsigned life = 0; life < 3; life++) {
        ck_assert_int_eq(diary_open(&diary), 0);
        ck_assert_uint_eq(diary.last, 2000 + life);
        ck_assert_uint_eq(log_first(diary.log), life ? 2001 : 0);
        append(&diary, 1, 10);
        commit(&diary);
        diary_lose_power(&diary);
    }
    diary_finish(&diary);
}
END_TEST

START_TEST(a_segment_goes_with_its_last_record_wherever_it_stands)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 3000, 1000);
    commit(&diary);
    size_t before = state_of(&diary).segment_count;
    for (uint64_t sequence = 600; sequence < 2500; sequence++)
        diary_kill(&diary, sequence);
    commit(&diary);
    ck_assert_uint_lt(state_of(&diary).segment_count, before);
    ck_assert_uint_eq(file_count(&diary), 2 * state_of(&diary).segment_count);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0); /* and nothing is damaged */
    diary_read(&diary, 1, UINT64_MAX);
    diary_finish(&diary);
}
END_TEST

START_TEST(dead_records_stay_dead)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 500, 1000);
    for (uint64_t sequence = 1; sequence <= 500; sequence += 3)
        diary_kill(&diary, sequence); /* before they were ever written */
    commit(&diary);
    for (uint64_t sequence = 2; sequence <= 500; sequence += 3)
        diary_kill(&diary, sequence);
    diary_remember(&diary);
    commit(&diary);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(state_of(&diary).live_count, 166);
    rest_and_open(&diary);
    ck_assert_uint_eq(state_of(&diary).live_count, 166);
    diary_finish(&diary);
}
END_TEST

/* The numbers are there at once: nothing is fetched for them. */
START_TEST(what_is_away_is_counted)
{
    struct diary diary;
    begin(&diary);
    diary_append_some(&diary, 3000);
    commit(&diary);
    for (unsigned i = 0; i < 700; i++)
        diary_kill(&diary, 1 + random_below(&diary.random, 3000));
    diary_kill_before(&diary, 100);
    rest_and_open(&diary);
    uint64_t count = 0, bytes = state_of(&diary).byte_count;
    for (uint64_t sequence = 3000; sequence > 0; sequence--) {
        count += diary.entries[sequence].fate == FATE_LIVE;
        unit_assert(log_count_from(diary.log, sequence) == count);
    }
    ck_assert_uint_eq(state_of(&diary).live_count, count);
    for (uint64_t sequence = 200; sequence < 3000; sequence += 2)
        diary_kill(&diary, sequence);
    ck_assert_uint_lt(state_of(&diary).byte_count, bytes);
    diary_read(&diary, 1, UINT64_MAX); /* what was guessed is known then */
    bytes = state_of(&diary).byte_count;
    rest_and_open(&diary);
    ck_assert_uint_eq(state_of(&diary).byte_count, bytes);
    log_kill_before(diary.log, 3001);
    ck_assert_uint_eq(state_of(&diary).byte_count, 0);
    diary_finish(&diary);
}
END_TEST

START_TEST(memory_is_bounded_whatever_is_kept)
{
    struct diary diary;
    begin(&diary);
    for (unsigned i = 0; i < 40; i++) {
        append(&diary, 260, 1000);
        commit(&diary);
        ck_assert_uint_le(state_of(&diary).cached_count, 8 * BLOCK_SIZE);
    }
    diary_read(&diary, 1, UINT64_MAX);
    ck_assert_uint_le(state_of(&diary).cached_count, 8 * BLOCK_SIZE);
    log_set_cache_size(diary.log, 20 * BLOCK_SIZE);
    diary_read(&diary, 1, UINT64_MAX);
    ck_assert_uint_gt(state_of(&diary).cached_count, 19 * BLOCK_SIZE);
    ck_assert_uint_le(state_of(&diary).cached_count, 20 * BLOCK_SIZE);
    log_set_cache_size(diary.log, 0);
    ck_assert_uint_le(state_of(&diary).cached_count, 8 * BLOCK_SIZE);
    diary_finish(&diary);
}
END_TEST

START_TEST(whoever_reads_on_finds_the_next_span_there)
{
    struct diary diary;
    struct log_place place;
    int error;
    begin(&diary);
    append(&diary, 2000, 1000);
    commit(&diary);
    rest_and_open(&diary);
    ck_assert(log_find(diary.log, 1, &place) == LOG_AWAY);
    struct log_fetch *fetch = log_fetch_begin(diary.log, &error);
    ck_assert_int_eq(log_fetch_run(fetch), 0);
    log_fetch_end(diary.log, fetch);
    ck_assert(!log_is_wanted(diary.log));
    for (unsigned spans = 0; spans < 5; spans++) { /* the one, and those ahead of it */
        ck_assert(log_find(diary.log, 1 + spans * 250, &place) == LOG_FOUND);
    }
    ck_assert(log_is_wanted(diary.log));
    diary_finish(&diary);
}
END_TEST

START_TEST(a_span_may_go_while_it_is_fetched)
{
    struct diary diary;
    struct log_place place;
    int error;
    begin(&diary);
    append(&diary, 2000, 1000);
    commit(&diary);
    rest_and_open(&diary);
    ck_assert(log_find(diary.log, 1, &place) == LOG_AWAY);
    struct log_fetch *fetch = log_fetch_begin(diary.log, &error);
    diary_kill_before(&diary, 1900);
    ck_assert_int_eq(diary_commit(&diary, true), 0); /* its file, too */
    ck_assert_int_eq(log_fetch_run(fetch), 0);
    log_fetch_end(diary.log, fetch);
    ck_assert(!diary_is_damaged(&diary, 1));
    diary_read(&diary, 1, UINT64_MAX);
    ck_assert(log_find(diary.log, 1, &place) == LOG_FOUND);
    diary_finish(&diary);
}
END_TEST

START_TEST(a_fetch_that_fails_for_a_while_is_tried_again)
{
    struct diary diary;
    struct log_place place;
    int error;
    begin(&diary);
    append(&diary, 200, 1000);
    commit(&diary);
    rest_and_open(&diary);
    ck_assert(log_find(diary.log, 1, &place) == LOG_AWAY);
    struct log_fetch *fetch = log_fetch_begin(diary.log, &error);
    sim_fail_at(diary.sim, sim_call_count(diary.sim) + 1, EMFILE);
    ck_assert_int_eq(log_fetch_run(fetch), -EMFILE);
    log_fetch_end(diary.log, fetch);
    ck_assert(log_is_wanted(diary.log));
    diary_read(&diary, 1, UINT64_MAX);
    ck_assert(!diary_is_damaged(&diary, 1));
    diary_finish(&diary);
}
END_TEST

/* A record that is larger than a segment, and one behind it. */
START_TEST(large_records_have_segments_to_themselves)
{
    struct diary diary;
    begin(&diary);
    diary.options.segment_size = BLOCK_SIZE / 2;
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    append(&diary, 3, 2 * BLOCK_SIZE);
    append(&diary, 3, 10);
    commit(&diary);
    ck_assert_uint_eq(state_of(&diary).segment_count, 4);
    rest_and_open(&diary);
    diary_read(&diary, 1, UINT64_MAX);
    diary_finish(&diary);
}
END_TEST

/* Nobody knows how many records were where the disk does not read any more: as many as could be. */
START_TEST(an_end_that_cannot_be_read_is_stepped_over)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 50, 1000);
    commit(&diary);
    append(&diary, 50, 1000);
    commit(&diary);
    diary_drop(&diary);
    diary.fails = true;
    sim_spoil(diary.sim, DIARY_DIRECTORY "/0000000001.log", 4096 + 20 * 1048);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_gt(diary.last, 100);
    ck_assert(diary_is_damaged(&diary, 30) && diary_is_damaged(&diary, 100) && !diary_is_damaged(&diary, 10));
    append(&diary, 10, 1000);
    commit(&diary);
    diary_drop(&diary);
    sim_spoil(diary.sim, DIARY_DIRECTORY "/0000000001.log", UINT64_MAX);
    diary.fails = false;
    ck_assert_int_eq(diary_open(&diary), 0); /* it reads again: all are there, and those behind them */
    ck_assert(!diary_is_damaged(&diary, 30) && !diary_is_damaged(&diary, 100));
    diary_read(&diary, 1, UINT64_MAX);
    diary_finish(&diary);
}
END_TEST

START_TEST(a_newer_format_is_refused)
{
    struct diary diary;
    uint64_t size;
    begin(&diary);
    append(&diary, 1, 10);
    commit(&diary);
    diary_drop(&diary);
    unsigned char *bytes = sim_bytes(diary.sim, DIARY_DIRECTORY "/0000000001.log", &size);
    bytes[8]++;
    ck_assert_int_eq(diary_open(&diary), 0); /* the copy says otherwise */
    diary_drop(&diary);
    bytes = sim_bytes(diary.sim, DIARY_DIRECTORY "/0000000001.log", &size);
    bytes[SEGMENT_HEAD_COPY + 8]++;
    ck_assert_int_eq(diary_open(&diary), -EPROTONOSUPPORT);
    diary_finish(&diary);
}
END_TEST

START_TEST(a_log_is_removed_with_all_its_files)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 2000, 1000);
    commit(&diary);
    diary_drop(&diary);
    ck_assert_int_eq(log_remove(sim_files(diary.sim), DIARY_DIRECTORY), 0);
    diary_lose_power(&diary);
    const struct files *files = sim_files(diary.sim);
    ck_assert_int_eq(files->list(files->arg, DIARY_DIRECTORY, count_name, &(unsigned){ 0 }), -ENOENT);
    ck_assert_int_eq(log_remove(sim_files(diary.sim), DIARY_DIRECTORY), 0);
    diary_finish(&diary);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_empty_log_is_opened_again,
        a_log_that_came_to_rest_goes_on_in_its_segment,
        after_any_other_end_a_new_segment_begins,
        what_was_written_and_not_synced_outlives_the_process,
        a_sync_that_was_put_off_is_made_up_for,
        the_last_sequence_outlives_all_records,
        a_segment_goes_with_its_last_record_wherever_it_stands,
        dead_records_stay_dead,
        what_is_away_is_counted,
        memory_is_bounded_whatever_is_kept,
        whoever_reads_on_finds_the_next_span_there,
        a_span_may_go_while_it_is_fetched,
        a_fetch_that_fails_for_a_while_is_tried_again,
        large_records_have_segments_to_themselves,
        an_end_that_cannot_be_read_is_stepped_over,
        a_newer_format_is_refused,
        a_log_is_removed_with_all_its_files,
        NULL,
    };
    return unit_run("files", tests);
}
