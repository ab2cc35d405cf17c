/*
 * Power cuts: at any call, after anything, what was committed is there when the log is opened again, in order, and no
 * sequence stands for two messages; nothing that was gone for sure comes back; and the log opens.
 *
 * POWER_SEEDS says how many histories are tried, the first of them TEST_SEED.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "diary.h"

enum { SEEDS = 500, LIVES = 4, STEPS_MAX = 60 };

/* Power goes at some call in one of the next steps; or the process ends, in peace or not. */
static void end_life(struct diary *diary)
{
    unsigned how = random_below(&diary->random, 10);
    if (how < 6) {
        diary->fails = true;
        sim_power_off_at(diary->sim, sim_call_count(diary->sim) + 1 + random_below(&diary->random, 40));
        for (unsigned i = 0; i < 20; i++)
            diary_step(diary);
        diary_lose_power(diary);
    } else if (how < 8) {
        if (random_below(&diary->random, 2))
            diary_commit_all(diary, true);
        diary_lose_power(diary);
    } else if (how == 8) {
        diary_drop(diary);
    } else {
        ck_assert_int_eq(diary_rest(diary), 0);
    }
    sim_power_off_at(diary->sim, 0);
    diary->fails = false;
}

/* Power may go while it is being opened, too: again and again. */
static void begin_life(struct diary *diary)
{
    for (unsigned i = 0; i < 3 && random_below(&diary->random, 3) == 0; i++) {
        sim_power_off_at(diary->sim, sim_call_count(diary->sim) + 1 + random_below(&diary->random, 40));
        diary_try_to_open(diary);
        diary_lose_power(diary);
        sim_power_off_at(diary->sim, 0);
    }
    ck_assert_int_eq(diary_open(diary), 0);
    diary_read(diary, 1, UINT64_MAX);
}

static void try_history(uint64_t seed)
{
    struct diary diary;
    diary_init(&diary, seed);
    for (unsigned life = 0; life < LIVES; life++) {
        begin_life(&diary);
        for (unsigned steps = random_below(&diary.random, STEPS_MAX); steps > 0; steps--)
            ck_assert_int_eq(diary_step(&diary), 0);
        end_life(&diary);
    }
    begin_life(&diary);
    diary_finish(&diary);
}

START_TEST(what_was_committed_outlives_power_cuts)
{
    uint64_t seed = unit_seed("what_was_committed_outlives_power_cuts");
    uint64_t count = unit_rounds("POWER_SEEDS", SEEDS);
    for (uint64_t i = 0; i < count; i++) {
        if (i % 100 == 0)
            printf("seed %llu\n", (unsigned long long)(seed + i)), fflush(stdout);
        try_history(seed + i);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { what_was_committed_outlives_power_cuts, NULL };
    return unit_run("power", tests);
}
