/* When it goes on, and when it does not. */
#include "sidecar/progress.h"
#include "../unit.h"

enum { STALL_MS = 1000 };

static const struct progress_figures stalled = {
    .is_up = true, .up_ms = 1001, .waiting_count = 1, .oldest_ms = 1001, .answered_ms = 1001,
};

START_TEST(where_nothing_moves_it_is_stalled)
{
    struct progress_figures figures = stalled;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_STALLED);
    figures.answered_ms = UINT64_MAX;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_STALLED);
}
END_TEST

START_TEST(what_has_just_happened_is_waited_for)
{
    struct progress_figures figures = stalled;
    figures.up_ms = 1000;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_MOVING);
    figures = stalled;
    figures.oldest_ms = 1000;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_MOVING);
    figures = stalled;
    figures.answered_ms = 1000;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_MOVING);
}
END_TEST

START_TEST(a_broker_that_is_away_is_no_stall)
{
    struct progress_figures figures = stalled;
    figures.is_up = false;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_AWAY);
}
END_TEST

START_TEST(where_nothing_waits_nothing_need_move)
{
    struct progress_figures figures = stalled;
    figures.waiting_count = 0;
    ck_assert_int_eq(progress_judge(&figures, STALL_MS), PROGRESS_IDLE);
}
END_TEST

START_TEST(each_state_has_a_name)
{
    ck_assert_str_eq(progress_name(PROGRESS_IDLE), "idle");
    ck_assert_str_eq(progress_name(PROGRESS_MOVING), "moving");
    ck_assert_str_eq(progress_name(PROGRESS_AWAY), "away");
    ck_assert_str_eq(progress_name(PROGRESS_STALLED), "stalled");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        where_nothing_moves_it_is_stalled,
        what_has_just_happened_is_waited_for,
        a_broker_that_is_away_is_no_stall,
        where_nothing_waits_nothing_need_move,
        each_state_has_a_name,
        NULL,
    };
    return unit_run("progress", tests);
}
