#include "push/breaker.h"

#include "../unit.h"

static const struct breaker_settings settings = { .limit = 4, .failures = 3, .open_min_ms = 1000, .open_max_ms = 5000 };
static struct random dice = { 99 };

static void fail_so_often(struct breaker *breaker, unsigned count, uint64_t now_ms)
{
    for (; count > 0; count--)
        breaker_note(breaker, BREAKER_FAILURE, now_ms, &dice);
}

/* Fails until it opens, and returns for how long it does. */
static uint64_t open_for(struct breaker *breaker, uint64_t now_ms)
{
    while (breaker->state != BREAKER_OPEN)
        fail_so_often(breaker, 1, now_ms);
    ck_assert(!breaker_admits(breaker, 0, now_ms));
    return breaker_due_ms(breaker, now_ms) - now_ms;
}

/* A breaker that has seen enough successes to admit as many as it may. */
static void begin_full(struct breaker *breaker)
{
    breaker_init(breaker, &settings);
    for (unsigned i = 0; i < settings.limit; i++)
        breaker_note(breaker, BREAKER_SUCCESS, 0, &dice);
}

START_TEST(a_new_receiver_begins_with_one)
{
    struct breaker breaker;
    breaker_init(&breaker, &settings);
    ck_assert(breaker_admits(&breaker, 0, 0));
    ck_assert(!breaker_admits(&breaker, 1, 0));
    breaker_note(&breaker, BREAKER_SUCCESS, 0, &dice);
    ck_assert(breaker_admits(&breaker, 1, 0));
    ck_assert(!breaker_admits(&breaker, 2, 0));
}
END_TEST

START_TEST(it_admits_so_many_at_once)
{
    struct breaker breaker;
    begin_full(&breaker);
    ck_assert(breaker_admits(&breaker, 3, 0));
    ck_assert(!breaker_admits(&breaker, 4, 0));
    ck_assert_uint_eq(breaker_due_ms(&breaker, 0), UINT64_MAX);
}
END_TEST

START_TEST(failures_in_a_row_open_it)
{
    struct breaker breaker;
    breaker_init(&breaker, &settings);
    fail_so_often(&breaker, 2, 0);
    breaker_note(&breaker, BREAKER_SUCCESS, 0, &dice);
    fail_so_often(&breaker, 2, 0);
    ck_assert(breaker_admits(&breaker, 0, 0));
    ck_assert(breaker_note(&breaker, BREAKER_FAILURE, 0, &dice));
    ck_assert(!breaker_admits(&breaker, 0, 0));
    ck_assert(!breaker_admits(&breaker, 0, 999));
    ck_assert_uint_ge(breaker_due_ms(&breaker, 0), 1000);
    ck_assert_uint_le(breaker_due_ms(&breaker, 0), 1200);
}
END_TEST

START_TEST(one_attempt_shows_whether_the_receiver_is_back)
{
    struct breaker breaker;
    breaker_init(&breaker, &settings);
    uint64_t now_ms = open_for(&breaker, 0);
    ck_assert(breaker_admits(&breaker, 0, now_ms));
    breaker_begin(&breaker);
    ck_assert(!breaker_admits(&breaker, 1, now_ms));
    ck_assert(!breaker_admits(&breaker, 0, now_ms));
    ck_assert(breaker_note(&breaker, BREAKER_SUCCESS, now_ms, &dice));
    ck_assert(breaker_admits(&breaker, 1, now_ms));  /* and it begins with few */
    ck_assert(!breaker_admits(&breaker, 2, now_ms));
    breaker_note(&breaker, BREAKER_SUCCESS, now_ms, &dice);
    ck_assert(breaker_admits(&breaker, 2, now_ms));
    for (unsigned i = 0; i < 10; i++)
        breaker_note(&breaker, BREAKER_SUCCESS, now_ms, &dice);
    ck_assert(breaker_admits(&breaker, 3, now_ms));
    ck_assert(!breaker_admits(&breaker, 4, now_ms));
}
END_TEST

START_TEST(each_failed_probe_doubles_the_time_up_to_a_bound)
{
    static const uint64_t times[] = { 1000, 2000, 4000, 5000, 5000 };
    struct breaker breaker;
    uint64_t now_ms = 0;
    breaker_init(&breaker, &settings);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t open_ms = open_for(&breaker, now_ms);
        ck_assert_uint_ge(open_ms, times[i]);
        ck_assert_uint_le(open_ms, times[i] * 6 / 5);
        now_ms += open_ms;
        ck_assert(breaker_admits(&breaker, 0, now_ms));
        breaker_begin(&breaker);
    }
    breaker_note(&breaker, BREAKER_SUCCESS, now_ms, &dice);
    ck_assert_uint_le(open_for(&breaker, now_ms), 1200);
}
END_TEST

START_TEST(what_had_begun_before_it_opened_does_not_keep_it_open)
{
    struct breaker breaker;
    breaker_init(&breaker, &settings);
    uint64_t open_ms = open_for(&breaker, 0);
    fail_so_often(&breaker, 5, open_ms - 1);
    ck_assert_uint_eq(breaker_due_ms(&breaker, 0), open_ms);
    ck_assert(breaker_note(&breaker, BREAKER_SUCCESS, open_ms - 1, &dice));
    ck_assert(breaker_admits(&breaker, 0, open_ms - 1));
}
END_TEST

START_TEST(a_probe_that_says_nothing_makes_room_for_another)
{
    struct breaker breaker;
    breaker_init(&breaker, &settings);
    uint64_t now_ms = open_for(&breaker, 0);
    ck_assert(breaker_admits(&breaker, 0, now_ms));
    breaker_begin(&breaker);
    breaker_forget(&breaker);
    ck_assert(breaker_admits(&breaker, 0, now_ms));
}
END_TEST

START_TEST(a_receiver_that_asks_for_less_gets_less)
{
    struct breaker breaker;
    begin_full(&breaker);
    breaker_note(&breaker, BREAKER_SLOWER, 0, &dice);
    ck_assert(breaker_admits(&breaker, 1, 0));
    ck_assert(!breaker_admits(&breaker, 2, 0));
    breaker_note(&breaker, BREAKER_SLOWER, 0, &dice);
    ck_assert(breaker_admits(&breaker, 0, 0));
    ck_assert(!breaker_admits(&breaker, 1, 0));
    breaker_note(&breaker, BREAKER_SUCCESS, 0, &dice);
    ck_assert(breaker_admits(&breaker, 1, 0));
    for (unsigned i = 0; i < 3; i++)
        breaker_note(&breaker, BREAKER_SLOWER, 0, &dice);
    ck_assert(!breaker_admits(&breaker, 0, 0));
}
END_TEST

START_TEST(a_pause_holds_whatever_the_state)
{
    struct breaker breaker;
    breaker_init(&breaker, &settings);
    breaker_pause(&breaker, 500);
    breaker_pause(&breaker, 400);
    ck_assert(!breaker_admits(&breaker, 0, 499));
    ck_assert_uint_eq(breaker_due_ms(&breaker, 499), 500);
    ck_assert(breaker_admits(&breaker, 0, 500));
    ck_assert_uint_eq(breaker_due_ms(&breaker, 500), UINT64_MAX);
    uint64_t open_ms = open_for(&breaker, 500);
    breaker_pause(&breaker, 9000);
    ck_assert(!breaker_admits(&breaker, 0, 500 + open_ms));
    ck_assert_uint_eq(breaker_due_ms(&breaker, 500 + open_ms), 9000);
    ck_assert(breaker_admits(&breaker, 0, 9000));
}
END_TEST

START_TEST(another_limit_holds_at_once)
{
    struct breaker_settings other = settings;
    struct breaker breaker;
    begin_full(&breaker);
    other.limit = 2;
    breaker_change(&breaker, &other);
    ck_assert(!breaker_admits(&breaker, 2, 0));
    other.limit = 8;
    breaker_change(&breaker, &other);
    ck_assert(!breaker_admits(&breaker, 2, 0));
    breaker_note(&breaker, BREAKER_SUCCESS, 0, &dice);
    ck_assert(breaker_admits(&breaker, 2, 0));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_new_receiver_begins_with_one,
        it_admits_so_many_at_once,
        failures_in_a_row_open_it,
        one_attempt_shows_whether_the_receiver_is_back,
        each_failed_probe_doubles_the_time_up_to_a_bound,
        what_had_begun_before_it_opened_does_not_keep_it_open,
        a_probe_that_says_nothing_makes_room_for_another,
        a_receiver_that_asks_for_less_gets_less,
        a_pause_holds_whatever_the_state,
        another_limit_holds_at_once,
        NULL,
    };
    return unit_run("breaker", tests);
}
