#include "push/retry.h"

#include "../unit.h"

static struct random dice = { 4711 };

START_TEST(an_answer_means_what_the_table_says)
{
    static const struct { unsigned status; enum retry_verdict lenient, strict; } cases[] = {
        { 0, RETRY_AGAIN, RETRY_AGAIN },
        { 100, RETRY_AGAIN, RETRY_AGAIN }, { 199, RETRY_AGAIN, RETRY_AGAIN },
        { 200, RETRY_DONE, RETRY_DONE }, { 204, RETRY_DONE, RETRY_DONE }, { 299, RETRY_DONE, RETRY_DONE },
        { 301, RETRY_AGAIN, RETRY_AGAIN }, { 307, RETRY_AGAIN, RETRY_AGAIN }, { 304, RETRY_AGAIN, RETRY_AGAIN },
        { 400, RETRY_AGAIN, RETRY_NEVER }, { 404, RETRY_AGAIN, RETRY_NEVER }, { 499, RETRY_AGAIN, RETRY_NEVER },
        { 408, RETRY_AGAIN, RETRY_AGAIN }, { 425, RETRY_AGAIN, RETRY_AGAIN },
        { 410, RETRY_GONE, RETRY_GONE },
        { 429, RETRY_SLOWER, RETRY_SLOWER }, { 502, RETRY_SLOWER, RETRY_SLOWER },
        { 503, RETRY_SLOWER, RETRY_SLOWER }, { 504, RETRY_SLOWER, RETRY_SLOWER },
        { 500, RETRY_AGAIN, RETRY_AGAIN }, { 501, RETRY_AGAIN, RETRY_AGAIN }, { 599, RETRY_AGAIN, RETRY_AGAIN },
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(retry_judge(cases[i].status, false), cases[i].lenient);
        ck_assert_int_eq(retry_judge(cases[i].status, true), cases[i].strict);
    }
}
END_TEST

START_TEST(the_standard_schedule_ends_after_ten_attempts)
{
    static const uint64_t seconds[] = { 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400 };
    uint64_t delay_ms;
    for (unsigned i = 0; i < 9; i++)
        for (unsigned throws = 0; throws < 1000; throws++) {
            unit_assert(retry_next(&retry_standard, i + 1, 0, &dice, &delay_ms));
            unit_assert(delay_ms >= seconds[i] * 800 && delay_ms <= seconds[i] * 1200);
        }
    ck_assert(!retry_next(&retry_standard, 10, 0, &dice, &delay_ms));
    ck_assert(!retry_next(&retry_standard, UINT64_MAX, 0, &dice, &delay_ms));
}
END_TEST

START_TEST(chance_moves_a_delay_both_ways)
{
    const struct retry_schedule schedule = { (const uint64_t[]){ 1000 }, 1 };
    uint64_t delay_ms, least = UINT64_MAX, most = 0;
    for (unsigned throws = 0; throws < 1000; throws++) {
        ck_assert(retry_next(&schedule, 1, 0, &dice, &delay_ms));
        least = delay_ms < least ? delay_ms : least;
        most = delay_ms > most ? delay_ms : most;
    }
    ck_assert_uint_ge(least, 800);
    ck_assert_uint_lt(least, 820);
    ck_assert_uint_le(most, 1200);
    ck_assert_uint_gt(most, 1180);
}
END_TEST

START_TEST(nothing_comes_before_the_receiver_has_asked_for_it)
{
    const struct retry_schedule schedule = { (const uint64_t[]){ 1000, 0 }, 2 };
    uint64_t delay_ms;
    ck_assert(retry_next(&schedule, 1, 60000, &dice, &delay_ms));
    ck_assert_uint_eq(delay_ms, 60000);
    ck_assert(retry_next(&schedule, 1, 10, &dice, &delay_ms));
    ck_assert_uint_ge(delay_ms, 800);
    ck_assert(retry_next(&schedule, 2, 0, &dice, &delay_ms));
    ck_assert_uint_eq(delay_ms, 0);
    ck_assert(!retry_next(&schedule, 3, 60000, &dice, &delay_ms));
}
END_TEST

static uint64_t after(const char *text)
{
    const uint64_t wall_ms = 784111777000u; /* Sun, 06 Nov 1994 08:49:37 GMT */
    uint64_t delay_ms = 12345;
    bool is_good = retry_after_read(slice_of(text), wall_ms, &delay_ms);
    ck_assert(is_good || delay_ms == 12345);
    return is_good ? delay_ms : UINT64_MAX - 1;
}

START_TEST(retry_after_is_seconds_or_a_date)
{
    ck_assert_uint_eq(after("0"), 0);
    ck_assert_uint_eq(after("120"), 120000);
    ck_assert_uint_eq(after("18446744073709551615"), UINT64_MAX);
    ck_assert_uint_eq(after("Sun, 06 Nov 1994 08:50:00 GMT"), 23000);
    ck_assert_uint_eq(after("Sunday, 06-Nov-94 08:50:00 GMT"), 23000);
    ck_assert_uint_eq(after("Sun, 06 Nov 1994 08:00:00 GMT"), 0);
    ck_assert_uint_eq(after("Sun, 06 Nov 1460608520 08:50:00 GMT"), UINT64_MAX);
}
END_TEST

START_TEST(what_is_neither_is_ignored)
{
    static const char *const bad[] = {
        "", "-1", "1.5", "soon", "120 s", "Sun, 06 Nov 1994 08:50:00", "GMT", "99999999999999999999",
        "Sun, 06 Nov 1994 08:50:00 GMT Sun, 06 Nov 1994 08:50:00 GMT Sun, 06 Nov 1994",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(after(bad[i]) == UINT64_MAX - 1, "%s", bad[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_answer_means_what_the_table_says,
        the_standard_schedule_ends_after_ten_attempts,
        chance_moves_a_delay_both_ways,
        nothing_comes_before_the_receiver_has_asked_for_it,
        retry_after_is_seconds_or_a_date,
        what_is_neither_is_ignored,
        NULL,
    };
    return unit_run("retry", tests);
}
