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
        duplicates_expire(&duplicates, now_ms, WINDOW_MS);
        expire(naive, now_ms);
        unit_assert(duplicates_find(&duplicates, name) == naive[id].sequence);
        if (naive[id].sequence)
            continue;
        if (known_count(naive) == COUNT_MAX)
            forget_oldest(naive);
        unit_assert(duplicates_add(&duplicates, name, step, now_ms, COUNT_MAX));
        naive[id] = (struct naive){ .sequence = step, .time_ms = now_ms };
        unit_assert(duplicates.count == known_count(naive));
    }
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
        ids_of_any_bytes_and_length_differ,
        a_lower_bound_holds_from_the_next_id,
        NULL,
    };
    return unit_run("duplicates", tests);
}
