/* The ids seen lately, against a plain array. */
#include "stream/duplicates.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "util/random.h"

enum { WINDOW_MS = 50, IDS = 400, COUNT_MAX = 130, STEPS = 60000 };

/* What must be remembered of each id, and in which order ids were added. */
struct naive {
    uint64_t sequence, time_ms; /* sequence 0: unknown */
};

static unsigned known_count(const struct naive *naive)
{
    unsigned count = 0;
    for (unsigned id = 0; id < IDS; id++)
        count += naive[id].sequence != 0;
    return count;
}

static void forget_oldest(struct naive *naive)
{
    unsigned oldest = IDS;
    for (unsigned id = 0; id < IDS; id++)
        if (naive[id].sequence && (oldest == IDS || naive[id].sequence < naive[oldest].sequence))
            oldest = id;
    naive[oldest].sequence = 0;
}

static void expire(struct naive *naive, uint64_t now_ms)
{
    for (unsigned id = 0; id < IDS; id++)
        if (naive[id].time_ms + WINDOW_MS <= now_ms)
            naive[id].sequence = 0;
}

/* Looks an id up, and adds it where it is not known. */
static void meet(struct duplicates *duplicates, struct naive *naive, unsigned id, struct slice name, uint64_t step,
                 uint64_t now_ms)
{
    duplicates_expire(duplicates, now_ms, WINDOW_MS);
    expire(naive, now_ms);
    unit_assert(duplicates_find(duplicates, name) == naive[id].sequence);
    if (naive[id].sequence)
        return;
    if (known_count(naive) == COUNT_MAX)
        forget_oldest(naive);
    unit_assert(duplicates_add(duplicates, name, step, now_ms, COUNT_MAX));
    naive[id] = (struct naive){ .sequence = step, .time_ms = now_ms };
    unit_assert(duplicates->count == known_count(naive));
}

START_TEST(it_remembers_what_an_array_would)
{
    static struct naive naive[IDS];
    struct duplicates duplicates = { .head = 0 };
    struct random random;
    uint64_t now_ms = 1000;
    random_init(&random, unit_seed("it_remembers_what_an_array_would"));
    for (uint64_t step = 1; step <= STEPS; step++) {
        char text[16];
        unsigned id = random_below(&random, IDS);
        struct slice name = slice_make(text, (size_t)snprintf(text, sizeof text, "id-%u", id));
        now_ms += random_below(&random, 4) == 0;
        meet(&duplicates, naive, id, name, step, now_ms);
    }
    duplicates_finish(&duplicates);
}
END_TEST

/* Publishers who count, by steps of one or more, go back and say it again, and stop; more of them than there are
 * families, and among others who do not count. Some count beyond what a number may have of digits. */
START_TEST(those_who_count_are_remembered_alike)
{
    enum { PUBLISHERS = 20, EACH = IDS / PUBLISHERS };
    static struct naive naive[IDS];
    struct duplicates duplicates = { .head = 0 };
    struct random random;
    uint64_t now_ms = 1000, step = 0;
    unsigned next[PUBLISHERS] = { 0 }, family_count = 0;
    random_init(&random, unit_seed("those_who_count_are_remembered_alike"));
    while (step < STEPS) {
        unsigned publisher = random_below(&random, PUBLISHERS), count = random_below(&random, EACH);
        if (random_below(&random, 3) == 0)
            next[publisher] = random_below(&random, EACH);
        for (unsigned i = 0; i < count; i++, next[publisher] += 1 + (random_below(&random, 8) == 0)) {
            char text[64];
            const char *more = publisher % 5 == 4 ? "00010009999999999999" : publisher % 5 == 3 ? "0" : "";
            unsigned number = next[publisher] % EACH, id = publisher * EACH + number;
            int size = snprintf(text, sizeof text, "%u-%s%u%s", publisher, more, number, publisher == 7 ? "x" : "");
            now_ms += random_below(&random, 16) == 0;
            meet(&duplicates, naive, id, slice_make(text, (size_t)size), ++step, now_ms);
        }
        family_count = duplicates.families.count > family_count ? duplicates.families.count : family_count;
    }
    unit_assert(family_count > 3);
    duplicates_finish(&duplicates);
}
END_TEST

/* Counts from 1 to count by a step, all at one time. */
static void count_by(struct duplicates *duplicates, const char *name, unsigned step, unsigned count)
{
    uint64_t sequence = 7 + duplicates->count;
    for (unsigned i = 1; i <= count; i++) {
        char text[32];
        struct slice id = slice_make(text, (size_t)snprintf(text, sizeof text, "%s.%u", name, i * step));
        unit_assert(!duplicates_find(duplicates, id));
        unit_assert(duplicates_add(duplicates, id, sequence + i, 5, UINT32_MAX));
    }
}

START_TEST(what_is_counted_at_one_time_takes_little_room)
{
    enum { COUNT = 100000 };
    struct duplicates duplicates = { .head = 0 };
    count_by(&duplicates, "spool", 1, COUNT);
    count_by(&duplicates, "file", 97, COUNT);
    ck_assert_uint_eq(duplicates.count, 2 * COUNT);
    ck_assert_uint_eq(duplicates.families.count, 2);
    ck_assert_uint_eq(duplicates.families.all[0].run_count, 1);
    ck_assert_uint_eq(duplicates.families.all[0].steps_end, 0);
    ck_assert_uint_eq(duplicates.families.all[1].run_count, 1);
    ck_assert_uint_eq(duplicates.families.all[1].steps_end, COUNT);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("spool.77777")), 77784);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("spool.077777")), 0);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("spool.0")), 0);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("spool.")), 0);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("file.970")), 7 + COUNT + 10);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("file.971")), 0);
    duplicates_expire(&duplicates, 15, 10);
    ck_assert_uint_eq(duplicates.count, 0);
    ck_assert_uint_eq(duplicates.families.count, 0);
    duplicates_finish(&duplicates);
}
END_TEST

/* Whoever counts on for long takes no more room than what is remembered of it. */
START_TEST(what_is_forgotten_gives_its_room_back)
{
    struct duplicates duplicates = { .head = 0 };
    for (unsigned i = 1; i <= 10000; i++) {
        char text[32];
        struct slice id = slice_make(text, (size_t)snprintf(text, sizeof text, "file.%u", i * 97));
        uint64_t now_ms = i / 8;
        if (i % 500 == 0)
            duplicates_expire(&duplicates, now_ms, 2);
        unit_assert(duplicates_add(&duplicates, id, i, now_ms, 20 + i % 2));
    }
    ck_assert_uint_eq(duplicates.families.count, 1);
    ck_assert_uint_eq(duplicates.families.all[0].steps_room, 64);
    ck_assert_uint_eq(duplicates.families.all[0].room, 16);
    duplicates_finish(&duplicates);
}
END_TEST

START_TEST(ids_of_any_bytes_and_length_differ)
{
    static char zeros[300];
    struct duplicates duplicates = { .head = 0 };
    for (size_t size = 1; size <= sizeof zeros; size++) {
        unit_assert(!duplicates_find(&duplicates, slice_make(zeros, size)));
        unit_assert(duplicates_add(&duplicates, slice_make(zeros, size), size, 0, UINT32_MAX));
    }
    for (size_t size = 1; size <= sizeof zeros; size++)
        unit_assert(duplicates_find(&duplicates, slice_make(zeros, size)) == size);
    duplicates_finish(&duplicates);
}
END_TEST

START_TEST(a_lower_bound_holds_from_the_next_id)
{
    struct duplicates duplicates = { .head = 0 };
    for (unsigned i = 0; i < 100; i++)
        duplicates_add(&duplicates, slice_make((char *)&i, sizeof i), i + 1, 0, 100);
    ck_assert_uint_eq(duplicates.count, 100);
    duplicates_add(&duplicates, slice_of("new"), 101, 0, 10);
    ck_assert_uint_eq(duplicates.count, 10);
    ck_assert_uint_eq(duplicates_find(&duplicates, slice_of("new")), 101);
    duplicates_finish(&duplicates);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_remembers_what_an_array_would,
        those_who_count_are_remembered_alike,
        what_is_counted_at_one_time_takes_little_room,
        what_is_forgotten_gives_its_room_back,
        ids_of_any_bytes_and_length_differ,
        a_lower_bound_holds_from_the_next_id,
        NULL,
    };
    return unit_run("duplicates", tests);
}
