/* Failures: the delay doubles up to its bound, places are apart, and what is under way at one is bounded. */
#include "../unit.h"
#include "auth/failures.h"

enum { DELAY_MAX_MS = 5000 };

static struct failures *failures;

static void begin(void)
{
    failures = failures_create(7);
    ck_assert_ptr_nonnull(failures);
}

static void finish(void)
{
    failures_destroy(failures);
}

static uint64_t fail_at(const char *place, uint64_t now_ms)
{
    return failures_add(failures, slice_of(place), DELAY_MAX_MS, now_ms);
}

START_TEST(the_delay_doubles_and_is_bounded)
{
    begin();
    static const unsigned delays[] = { 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
        ck_assert_uint_eq(fail_at("a", 1000 + i), delays[i]);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(fail_at("a", 2000), DELAY_MAX_MS);
    ck_assert_uint_eq(fail_at("b", 2000), 0);
    finish();
}
END_TEST

START_TEST(a_place_that_is_quiet_is_forgiven)
{
    begin();
    for (int i = 0; i < 5; i++)
        fail_at("a", 1000);
    ck_assert_uint_eq(fail_at("a", 1000 + FAILURES_MEMORY_MS - 1), 400);
    ck_assert_uint_eq(fail_at("a", 1000 + 2 * FAILURES_MEMORY_MS), 0);
    finish();
}
END_TEST

START_TEST(what_is_under_way_at_a_place_is_bounded)
{
    begin();
    const struct slice place = slice_of("a");
    for (int i = 0; i < FAILURES_UNDER_WAY_MAX; i++)
        ck_assert(failures_begin(failures, place, 1));
    ck_assert(!failures_begin(failures, place, 1));
    ck_assert(failures_begin(failures, slice_of("b"), 1));
    failures_end(failures, place);
    ck_assert(failures_begin(failures, place, 1));
    for (int i = 0; i < FAILURES_UNDER_WAY_MAX; i++)
        failures_end(failures, place);
    failures_end(failures, slice_of("b"));
    ck_assert(failures_are_none(failures));
    finish();
}
END_TEST

START_TEST(nowhere_is_never_counted)
{
    begin();
    const struct slice nowhere = slice_make(NULL, 0);
    for (int i = 0; i < 2 * FAILURES_UNDER_WAY_MAX; i++) {
        ck_assert(failures_begin(failures, nowhere, 1));
        ck_assert_uint_eq(failures_add(failures, nowhere, DELAY_MAX_MS, 1), 0);
    }
    ck_assert(failures_are_none(failures));
    finish();
}
END_TEST

/* More places than there is room for: the table holds, and those with something under way stay. */
START_TEST(a_flood_of_places_pushes_out_none_that_is_under_way)
{
    begin();
    ck_assert(failures_begin(failures, slice_of("mine"), 1));
    for (int i = 0; i < 20; i++)
        fail_at("mine", 1);
    for (unsigned i = 0; i < 100000; i++)
        failures_add(failures, slice_make((const char *)&i, sizeof i), DELAY_MAX_MS, 2);
    ck_assert_uint_eq(fail_at("mine", 3), DELAY_MAX_MS);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_delay_doubles_and_is_bounded,
        a_place_that_is_quiet_is_forgiven,
        what_is_under_way_at_a_place_is_bounded,
        nowhere_is_never_counted,
        a_flood_of_places_pushes_out_none_that_is_under_way,
        NULL,
    };
    return unit_run("failures", tests);
}
