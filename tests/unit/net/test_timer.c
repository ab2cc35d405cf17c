#include "net/timer.h"

#include <stdbool.h>
#include <stdio.h>

#include "../unit.h"
#include "util/random.h"

enum { COUNT = 500 };

/* A timer of the tests: the first member is the timer itself. */
struct alarm {
    struct timer timer;
    struct timers *timers;
    struct alarm *other; /* cleared, or set to again_ms, when this one fires */
    uint64_t again_ms;   /* sets itself (or other) again to this time; 0: does not */
    unsigned fired_count;
    unsigned order; /* which it was among those fired */
    uint64_t fired_ms;
};

static unsigned fired_total;

static void on_fire(struct timer *timer, uint64_t now_ms)
{
    struct alarm *alarm = (struct alarm *)timer;
    unit_assert(timer->place == 0);
    unit_assert(timer->due_ms <= now_ms);
    alarm->fired_count++;
    alarm->fired_ms = now_ms;
    alarm->order = fired_total++;
    if (alarm->other && alarm->again_ms)
        unit_assert(timer_set(alarm->timers, &alarm->other->timer, alarm->again_ms) == 0);
    else if (alarm->other)
        timer_clear(alarm->timers, &alarm->other->timer);
    else if (alarm->again_ms)
        unit_assert(timer_set(alarm->timers, timer, alarm->again_ms) == 0);
}

static void alarm_set(struct alarm *alarm, struct timers *timers, uint64_t due_ms)
{
    alarm->timers = timers;
    alarm->timer.fire = on_fire;
    ck_assert_int_eq(timer_set(timers, &alarm->timer, due_ms), 0);
}

START_TEST(timers_fire_when_due_and_not_before)
{
    struct timers timers = { 0 };
    struct alarm alarm = { 0 };
    ck_assert_uint_eq(timers_next_ms(&timers), UINT64_MAX);
    alarm_set(&alarm, &timers, 100);
    ck_assert_uint_eq(timers_next_ms(&timers), 100);
    timers_run(&timers, 99);
    ck_assert_uint_eq(alarm.fired_count, 0);
    timers_run(&timers, 100);
    ck_assert_uint_eq(alarm.fired_count, 1);
    ck_assert_uint_eq(alarm.fired_ms, 100);
    timers_run(&timers, 1000);
    ck_assert_uint_eq(alarm.fired_count, 1);
    ck_assert_uint_eq(timers_next_ms(&timers), UINT64_MAX);
    timers_finish(&timers);
}
END_TEST

START_TEST(setting_a_timer_again_moves_it)
{
    struct timers timers = { 0 };
    struct alarm alarm = { 0 }, other = { 0 };
    alarm_set(&other, &timers, 150);
    alarm_set(&alarm, &timers, 100);
    alarm_set(&alarm, &timers, 200);
    ck_assert_uint_eq(timers_next_ms(&timers), 150);
    alarm_set(&alarm, &timers, 50);
    ck_assert_uint_eq(timers_next_ms(&timers), 50);
    ck_assert_uint_eq(timers.count, 2);
    timers_run(&timers, 50);
    ck_assert_uint_eq(alarm.fired_count, 1);
    ck_assert_uint_eq(other.fired_count, 0);
    timer_clear(&timers, &alarm.timer); /* not set: nothing happens */
    timer_clear(&timers, &other.timer);
    timers_run(&timers, 1000);
    ck_assert_uint_eq(other.fired_count, 0);
    timers_finish(&timers);
}
END_TEST

START_TEST(a_timer_may_set_itself_anew)
{
    struct timers timers = { 0 };
    struct alarm alarm = { .again_ms = 200 };
    alarm_set(&alarm, &timers, 100);
    timers_run(&timers, 150);
    ck_assert_uint_eq(alarm.fired_count, 1);
    ck_assert_uint_eq(timers_next_ms(&timers), 200);
    alarm.again_ms = 0;
    timers_run(&timers, 200);
    ck_assert_uint_eq(alarm.fired_count, 2);
    timers_finish(&timers);
}
END_TEST

START_TEST(a_timer_may_clear_or_set_others_that_are_due)
{
    struct timers timers = { 0 };
    struct alarm cleared = { 0 }, moved = { 0 }, pulled = { 0 };
    struct alarm clears = { .other = &cleared }, moves = { .other = &moved, .again_ms = 500 };
    struct alarm pulls = { .other = &pulled, .again_ms = 5 };
    alarm_set(&clears, &timers, 10);
    alarm_set(&moves, &timers, 11);
    alarm_set(&pulls, &timers, 12);
    alarm_set(&cleared, &timers, 20);
    alarm_set(&moved, &timers, 21);
    alarm_set(&pulled, &timers, 900);
    timers_run(&timers, 100);
    ck_assert_uint_eq(cleared.fired_count, 0);
    ck_assert_uint_eq(moved.fired_count, 0);
    ck_assert_uint_eq(pulled.fired_count, 1);
    ck_assert_uint_eq(timers_next_ms(&timers), 500);
    timers_finish(&timers);
}
END_TEST

/* Sets, moves and clears at random, and compares what fires, and in which order, with the times that were set. */
START_TEST(the_earliest_fires_first_whatever_was_moved)
{
    static struct alarm alarms[COUNT];
    static uint64_t due_ms[COUNT]; /* 0: not set */
    struct timers timers = { 0 };
    struct random random;
    random_init(&random, unit_seed("the_earliest_fires_first_whatever_was_moved"));
    for (uint64_t now_ms = 0; now_ms < 20000; now_ms += random_below(&random, 40)) {
        uint64_t last_due_ms = 0, next_ms = UINT64_MAX;
        for (unsigned i = 0; i < 20; i++) {
            unsigned place = random_below(&random, COUNT);
            alarms[place].fired_count = 0;
            due_ms[place] = random_below(&random, 4) ? now_ms + 1 + random_below(&random, 200) : 0;
            if (due_ms[place])
                alarm_set(&alarms[place], &timers, due_ms[place]);
            else
                timer_clear(&timers, &alarms[place].timer);
        }
        fired_total = 0;
        timers_run(&timers, now_ms + 10);
        struct alarm *by_order[COUNT] = { NULL };
        for (unsigned i = 0; i < COUNT; i++) {
            bool due = due_ms[i] && due_ms[i] <= now_ms + 10;
            unit_assert(alarms[i].fired_count == due);
            if (due)
                by_order[alarms[i].order] = &alarms[i];
            else if (due_ms[i] && due_ms[i] < next_ms)
                next_ms = due_ms[i];
        }
        for (unsigned i = 0; i < fired_total; i++) {
            unit_assert(by_order[i]->timer.due_ms >= last_due_ms);
            last_due_ms = by_order[i]->timer.due_ms;
            by_order[i]->fired_count = 0;
            due_ms[by_order[i] - alarms] = 0;
        }
        unit_assert(timers_next_ms(&timers) == next_ms);
    }
    timers_finish(&timers);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        timers_fire_when_due_and_not_before,
        setting_a_timer_again_moves_it,
        a_timer_may_set_itself_anew,
        a_timer_may_clear_or_set_others_that_are_due,
        the_earliest_fires_first_whatever_was_moved,
        NULL,
    };
    return unit_run("timer", tests);
}
