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

/* Killed behind the mark of a life before, and not synced. */
static void kill_behind_mark(struct diary *diary)
{
    begin(diary);
    append(diary, 100, 100);
    rest_and_open(diary);
    for (uint64_t sequence = 2; sequence <= 100; sequence += 2)
        diary_kill(diary, sequence);
    ck_assert_int_eq(diary_commit_all(diary, false), 0);
}

static void expect_half(struct diary *diary)
{
    diary_lose_power(diary);
    ck_assert_int_eq(diary_open(diary), 0);
    ck_assert_uint_eq(state_of(diary).live_count, 50);
    diary_finish(diary);
}

START_TEST(a_mark_says_nothing_of_the_dead)
{
    struct diary diary;
    kill_behind_mark(&diary);
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_remember(&diary);
    commit(&diary);
    expect_half(&diary);
}
END_TEST

START_TEST(what_was_killed_and_nothing_else_is_synced_at_the_end)
{
    struct diary diary;
    kill_behind_mark(&diary);
    rest_and_open(&diary);
    expect_half(&diary);
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

/* Of a block that has been read again, and whose first record is dead. */
START_TEST(what_is_taken_from_the_front_of_a_block_is_counted)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 200, 1000);
    commit(&diary);
    diary_take_before(&diary, 51);
    rest_and_open(&diary);
    diary_read(&diary, 1, UINT64_MAX);
    uint64_t each = state_of(&diary).byte_count / 150;
    ck_assert_uint_eq(state_of(&diary).live_count, 150);
    diary_take_before(&diary, 101);
    ck_assert_uint_eq(state_of(&diary).byte_count, 100 * each);
    diary_take_before(&diary, 199);
    ck_assert_uint_eq(state_of(&diary).byte_count, 2 * each);
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

/* A file as it is now, to be put back as it would be after a power cut that lost what came later. */
static unsigned char *copy_file(const struct diary *diary, const char *path, uint64_t *ret_size)
{
    const unsigned char *bytes = sim_bytes(diary->sim, path, ret_size);
    unsigned char *copy = malloc(*ret_size);
    memcpy(copy, bytes, *ret_size);
    return copy;
}

START_TEST(what_was_dead_and_is_lost_does_not_kill_what_comes_in_its_place)
{
    const char *path = DIARY_DIRECTORY "/0000000001.log";
    struct diary diary;
    uint64_t size;
    begin(&diary);
    append(&diary, 10, 100);
    rest_and_open(&diary);
    unsigned char *rested = copy_file(&diary, path, &size);
    append(&diary, 10, 100);
    diary_kill(&diary, 15);
    ck_assert_int_eq(diary_commit(&diary, false), 0);
    diary_drop(&diary);
    sim_put(diary.sim, path, rested, size);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(diary.last, 10);
    append(&diary, 10, 100); /* another 15 */
    commit(&diary);
    rest_and_open(&diary);
    ck_assert_uint_eq(state_of(&diary).live_count, 20);
    free(rested);
    diary_finish(&diary);
}
END_TEST

START_TEST(what_was_written_anew_and_has_gone_does_not_come_back)
{
    const char *path = DIARY_DIRECTORY "/0000000001.log";
    struct diary diary;
    uint64_t size;
    begin(&diary);
    diary.options.segment_size = BLOCK_SIZE;
    append(&diary, 10, 100);
    commit(&diary);
    append(&diary, 10, 100); /* nothing proves them */
    commit(&diary);
    diary_drop(&diary);
    unsigned char *whole = copy_file(&diary, path, &size);
    ck_assert_int_eq(diary_open(&diary), 0); /* into a second segment */
    append(&diary, 500, 1000);
    commit(&diary);
    for (uint64_t sequence = 11; sequence < 400; sequence++)
        diary_kill(&diary, sequence);
    diary_remember(&diary);
    commit(&diary); /* which goes */
    diary_drop(&diary);
    sim_put(diary.sim, path, whole, size);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(log_next(diary.log, 11), 400);
    free(whole);
    diary_finish(&diary);
}
END_TEST

/* The note of the follower is seen by the next life, and not by the one after the power cut. */
static void lose_note(uint64_t seed)
{
    struct diary diary;
    diary_init(&diary, seed);
    ck_assert_int_eq(diary_open(&diary), 0);
    append(&diary, 1500, 1000);
    commit(&diary);
    for (uint64_t sequence = 1; sequence <= 800; sequence++)
        diary_kill(&diary, sequence);
    sim_fail_syncs(diary.sim, true);
    ck_assert_int_eq(diary_commit(&diary, false), -EIO);
    sim_fail_syncs(diary.sim, false);
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    if (seed % 2)
        commit(&diary);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0); /* and nothing is damaged */
    diary_finish(&diary);
}

START_TEST(what_is_noted_as_gone_is_noted_anew_before_it_goes)
{
    for (uint64_t seed = 1; seed <= 40; seed++)
        lose_note(seed);
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

/* Records that are not there any more: they may be missing. */
static void expect_missing(struct diary *diary, uint64_t first, uint64_t last)
{
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        diary->entries[sequence].is_damaged = true;
        if (sequence > diary->last)
            diary->entries[sequence].fate = FATE_KILLED;
    }
    diary->last = last > diary->last ? last : diary->last;
}

/* how 0: it came to rest; 1: not, and its last records are doubted; 2: there is nothing left of it. */
static void go_on_behind(int how)
{
    struct diary diary;
    begin(&diary);
    for (unsigned i = 0; i < 2; i++) {
        append(&diary, how == 2 ? 0 : 20, 1000);
        commit(&diary);
    }
    if (how)
        diary_drop(&diary);
    else
        ck_assert_int_eq(diary_rest(&diary), 0);
    uint64_t first = diary.last + 1;
    expect_missing(&diary, first, 100);
    diary.options.last_sequence = 100;
    for (unsigned life = 0; life < 6; life++) {
        ck_assert_int_eq(diary_open(&diary), 0);
        ck_assert_uint_eq(diary.last, 100 + life);
        ck_assert(diary_is_damaged(&diary, first) && diary_is_damaged(&diary, 100));
        ck_assert(!diary_is_damaged(&diary, first - 1) && !diary_is_damaged(&diary, 101));
        append(&diary, 1, 1000);
        commit(&diary);
        if (life % 3 == 0)
            diary_lose_power(&diary);
        else if (life % 3 == 1)
            ck_assert_int_eq(diary_rest(&diary), 0);
        else
            diary_drop(&diary);
        diary.options.last_sequence = 0; /* by now the log itself knows */
    }
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
}

START_TEST(a_log_goes_on_behind_where_it_is_known_to_have_ended)
{
    for (int how = 0; how < 3; how++)
        go_on_behind(how);
}
END_TEST

/* A bit flips in the end that recovery doubts. */
static void spoil_doubted_end(struct diary *diary, bool kept_power)
{
    uint64_t size;
    begin(diary);
    for (unsigned i = 0; i < 2; i++) {
        append(diary, 20, 1000);
        commit(diary);
    }
    diary_drop(diary);
    sim_bytes(diary->sim, DIARY_DIRECTORY "/0000000001.log", &size)[4096 + 24 * 1048 + 100] ^= 1;
    diary->options.kept_power = kept_power;
}

START_TEST(what_is_spoiled_and_not_torn_costs_itself)
{
    struct diary diary;
    spoil_doubted_end(&diary, true);
    expect_missing(&diary, 25, 25);
    for (unsigned life = 0; life < 4; life++) {
        ck_assert_int_eq(diary_open(&diary), 0);
        ck_assert_uint_eq(diary.last, 40 + life / 2);
        ck_assert(diary_is_damaged(&diary, 25));
        diary_read(&diary, 1, UINT64_MAX);
        append(&diary, life % 2, 1000); /* at first, nothing comes that would prove it */
        commit(&diary);
        diary_lose_power(&diary);
        diary.options.kept_power = false;
    }
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
}
END_TEST

START_TEST(what_may_be_torn_ends_the_log)
{
    struct diary diary;
    spoil_doubted_end(&diary, false);
    diary.committed = 24;
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(diary.last, 24);
    ck_assert(!diary_is_damaged(&diary, 25));
    diary_finish(&diary);
}
END_TEST

/* Killed over a full disk, and started over it: once more, and then power fails. */
START_TEST(without_room_what_is_doubted_is_made_sure_where_it_stands)
{
    struct diary diary;
    begin(&diary);
    for (unsigned i = 0; i < 2; i++) {
        append(&diary, 20, 1000);
        ck_assert_int_eq(diary_commit_all(&diary, i == 0), 0); /* the others are not synced */
    }
    sim_set_space(diary.sim, 0);
    diary_drop(&diary);
    for (unsigned life = 0; life < 3; life++) {
        ck_assert_int_eq(diary_open(&diary), 0);
        ck_assert_uint_eq(diary.committed, 40);
        diary_read(&diary, 1, UINT64_MAX);
        ck_assert_int_eq(diary_commit(&diary, true), -ENOSPC);
        ck_assert_uint_eq(diary.committed, 40);
        if (life)
            diary_lose_power(&diary);
        else
            diary_drop(&diary);
    }
    sim_set_space(diary.sim, UINT64_MAX);
    ck_assert_int_eq(diary_open(&diary), 0);
    append(&diary, 20, 1000);
    commit(&diary);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_eq(diary.last, 60);
    diary_read(&diary, 1, UINT64_MAX);
    diary_finish(&diary);
}
END_TEST

START_TEST(there_may_be_room_by_and_by)
{
    struct diary diary;
    begin(&diary);
    append(&diary, 40, 1000);
    ck_assert_int_eq(diary_commit_all(&diary, false), 0);
    sim_set_space(diary.sim, 0);
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_kill(&diary, 7);
    append(&diary, 20, 1000);
    ck_assert_int_eq(diary_commit(&diary, true), -ENOSPC);
    ck_assert_uint_eq(diary.committed, 40);
    sim_set_space(diary.sim, UINT64_MAX);
    commit(&diary);
    ck_assert_uint_eq(diary.committed, 60);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_read(&diary, 1, UINT64_MAX);
    diary_finish(&diary);
}
END_TEST

/* All is thrown away over a disk of this size that is full. */
static void make_room(uint64_t space)
{
    struct diary diary;
    int error = 0;
    begin(&diary);
    sim_set_space(diary.sim, space);
    while (!error) {
        append(&diary, 1, 20000);
        error = diary_commit(&diary, true);
    }
    ck_assert_int_eq(error, -ENOSPC);
    diary_kill_before(&diary, diary.last + 1);
    diary_remember(&diary);
    for (unsigned tries = 0; tries < 10 && error; tries++)
        error = diary_commit_all(&diary, true);
    ck_assert_int_eq(error, 0);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
}

START_TEST(what_is_killed_makes_room_wherever_it_ran_out)
{
    for (uint64_t space = 6 * BLOCK_SIZE; space < 9 * BLOCK_SIZE; space += 4096)
        make_room(space);
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
        a_mark_says_nothing_of_the_dead,
        what_was_killed_and_nothing_else_is_synced_at_the_end,
        what_is_away_is_counted,
        what_is_taken_from_the_front_of_a_block_is_counted,
        memory_is_bounded_whatever_is_kept,
        whoever_reads_on_finds_the_next_span_there,
        a_span_may_go_while_it_is_fetched,
        a_fetch_that_fails_for_a_while_is_tried_again,
        what_was_dead_and_is_lost_does_not_kill_what_comes_in_its_place,
        what_was_written_anew_and_has_gone_does_not_come_back,
        what_is_noted_as_gone_is_noted_anew_before_it_goes,
        large_records_have_segments_to_themselves,
        an_end_that_cannot_be_read_is_stepped_over,
        a_log_goes_on_behind_where_it_is_known_to_have_ended,
        what_is_spoiled_and_not_torn_costs_itself,
        what_may_be_torn_ends_the_log,
        without_room_what_is_doubted_is_made_sure_where_it_stands,
        there_may_be_room_by_and_by,
        what_is_killed_makes_room_wherever_it_ran_out,
        a_newer_format_is_refused,
        a_log_is_removed_with_all_its_files,
        NULL,
    };
    return unit_run("files", tests);
}
