#include "util/thread.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "../unit.h"

/* Of the calling thread alone, as on Linux. */
enum { NICE = 7 };

START_TEST(short_turns_leave_policy_and_nice_as_they_are)
{
    ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, NICE), 0);
    thread_ask_short_turns();
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), NICE);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

START_TEST(short_turns_are_not_asked_for_by_who_is_to_run_last)
{
    const struct sched_param none = { .sched_priority = 0 };
    ck_assert_int_eq(sched_setscheduler(0, SCHED_IDLE, &none), 0);
    thread_ask_short_turns();
    ck_assert_int_eq(sched_getscheduler(0), SCHED_IDLE);
}
END_TEST

START_TEST(who_gives_way_is_nice_and_never_less)
{
    thread_give_way();
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), 10);
    ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, 15), 0);
    thread_give_way();
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), 15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *turns = tcase_create("turns");
    tcase_set_timeout(turns, 120); /* who is to run last may have to wait for all the others */
    tcase_add_test(turns, short_turns_leave_policy_and_nice_as_they_are);
    tcase_add_test(turns, short_turns_are_not_asked_for_by_who_is_to_run_last);
    tcase_add_test(turns, who_gives_way_is_nice_and_never_less);
    suite_add_tcase(suite, turns);
    return unit_run_suite(suite, CK_FORK);
}
