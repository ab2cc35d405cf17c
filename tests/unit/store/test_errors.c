/*
 * Every call of the system fails in turn, once, with what may come of a disk, of a full one, and of too many files:
 * what was committed is there in the end, nothing is committed that is not there, and what fails is tried again.
 */
#include <errno.h>
#include <stdio.h>

#include "../unit.h"
#include "diary.h"

enum { SEED = 5, STEPS = 40, LIVES = 2 };

static bool has_to_open(struct diary *diary)
{
    return diary->log || diary_open(diary) == 0 || diary_open(diary) == 0;
}

/* A sync that failed is for ever: until it is opened anew. */
static void play(struct diary *diary)
{
    for (unsigned life = 0; life < LIVES; life++) {
        for (unsigned i = 0; i < STEPS; i++) {
            ck_assert(has_to_open(diary));
            diary_step(diary);
            if (log_has_failed(diary->log))
                diary_drop(diary);
        }
        if (diary->log && (life % 2 || diary_rest(diary)))
            diary_drop(diary);
    }
}

/* Returns how many calls it took. */
static uint64_t try_with(uint64_t call, int error)
{
    struct diary diary;
    diary_init(&diary, SEED);
    diary.size_max = 9000;
    diary.fails = call != 0;
    uint64_t start = sim_call_count(diary.sim);
    sim_fail_at(diary.sim, call ? start + call : 0, error);
    play(&diary);
    uint64_t count = sim_call_count(diary.sim) - start;
    sim_fail_at(diary.sim, 0, 0);
    diary.fails = false;
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_read(&diary, 1, UINT64_MAX);
    diary_append_some(&diary, 20);
    ck_assert_int_eq(diary_rest(&diary), 0);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
    return count;
}

/* Each; or, where that would take too long, every so many. */
START_TEST(any_call_may_fail)
{
    static const int errors[] = { EIO, ENOSPC, EMFILE };
    uint64_t count = try_with(0, 0), rounds = unit_rounds("ERROR_CALLS", count);
    uint64_t step = rounds < count ? count / rounds : 1, first = 1 + unit_seed("any_call_may_fail") % step;
    printf("%llu calls, of which every %llu.\n", (unsigned long long)count, (unsigned long long)step);
    for (uint64_t call = first; call <= count; call += step)
        try_with(call, errors[call % 3]);
}
END_TEST

/* A segment that was made, and then something failed: it may be the last that knows of a sequence. */
static void begin_a_segment_and_fail(struct diary *diary, uint64_t call)
{
    diary->options.segment_size = BLOCK_SIZE;
    ck_assert_int_eq(diary_open(diary), 0);
    for (unsigned i = 0; i < 250; i++)
        diary_append(diary, 1000);
    ck_assert_int_eq(diary_commit_all(diary, true), 0);
    diary_kill_before(diary, 251);
    diary_remember(diary);
    ck_assert_int_eq(diary_commit_all(diary, true), 0);
    diary_append(diary, 1000);
    sim_fail_at(diary->sim, sim_call_count(diary->sim) + call, EIO);
    diary_commit(diary, false);
    sim_fail_at(diary->sim, 0, 0);
    diary_drop(diary);
}

START_TEST(the_last_sequence_is_never_forgotten)
{
    for (uint64_t i = unit_rounds("ERROR_SEGMENTS", 200); i-- > 0;) {
        struct diary diary;
        diary_init(&diary, SEED + i);
        begin_a_segment_and_fail(&diary, 1 + i % 20);
        ck_assert_int_eq(diary_open(&diary), 0);
        diary_commit_all(&diary, true);
        diary_lose_power(&diary);
        ck_assert_int_eq(diary_open(&diary), 0);
        ck_assert_uint_ge(diary.last, 250);
        diary_finish(&diary);
    }
}
END_TEST

/* As long as there is no room nothing is committed, and then all is. */
START_TEST(a_full_disk_is_waited_for)
{
    struct diary diary;
    diary_init(&diary, SEED);
    ck_assert_int_eq(diary_open(&diary), 0);
    for (uint64_t space = 100000; space < 4000000; space += space / 2) {
        int error = 0;
        sim_set_space(diary.sim, space);
        while (!error) {
            diary_append_some(&diary, 10);
            error = diary_commit(&diary, true);
        }
        ck_assert_int_eq(error, -ENOSPC);
        ck_assert(!log_has_failed(diary.log));
        ck_assert_uint_lt(diary.committed, diary.last);
        diary_read(&diary, 1, UINT64_MAX); /* of the memory, and of the disk */
        ck_assert_int_eq(diary_commit(&diary, true), -ENOSPC);
    }
    sim_set_space(diary.sim, UINT64_MAX);
    ck_assert_int_eq(diary_commit_all(&diary, true), 0);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
}
END_TEST

/* What is killed makes room, where nothing else does. */
START_TEST(a_full_disk_is_cleared_by_killing)
{
    struct diary diary;
    diary_init(&diary, SEED);
    ck_assert_int_eq(diary_open(&diary), 0);
    sim_set_space(diary.sim, 4000000);
    int error = 0;
    while (!error) {
        diary_append_some(&diary, 10);
        error = diary_commit(&diary, true);
    }
    ck_assert_int_eq(error, -ENOSPC);
    diary_kill_before(&diary, diary.last / 2);
    diary_remember(&diary);
    diary_commit(&diary, true);
    ck_assert_int_eq(diary_commit_all(&diary, true), 0);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
}
END_TEST

START_TEST(a_failed_sync_is_for_ever)
{
    struct diary diary;
    diary_init(&diary, SEED);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_append_some(&diary, 100);
    ck_assert_int_eq(diary_commit(&diary, true), 0);
    uint64_t committed = diary.committed;
    diary_append_some(&diary, 100);
    sim_fail_syncs(diary.sim, true);
    ck_assert_int_eq(diary_commit(&diary, true), -EIO);
    sim_fail_syncs(diary.sim, false);
    ck_assert(log_has_failed(diary.log));
    ck_assert_int_eq(diary_commit(&diary, true), -EIO);
    ck_assert_uint_eq(diary.committed, committed);
    diary_read(&diary, 1, UINT64_MAX); /* goes on */
    diary_drop(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    ck_assert_uint_gt(diary.committed, committed); /* what had been written is written anew, and synced */
    ck_assert_uint_eq(diary.committed, diary.last);
    diary_lose_power(&diary);
    ck_assert_int_eq(diary_open(&diary), 0);
    diary_finish(&diary);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        any_call_may_fail,
        the_last_sequence_is_never_forgotten,
        a_full_disk_is_waited_for,
        a_full_disk_is_cleared_by_killing,
        a_failed_sync_is_for_ever,
        NULL,
    };
    return unit_run("errors", tests);
}
