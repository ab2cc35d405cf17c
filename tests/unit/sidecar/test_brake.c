/* How fast the spool may send. */
#include "sidecar/brake.h"

#include "../unit.h"

START_TEST(it_holds_until_all_is_answered_and_the_pause_is_over)
{
    struct brake brake = { .is_on = false };
    brake_set(&brake, 100, 10, 35);
    brake_reset(&brake, false);
    ck_assert_int_eq(brake_look(&brake, 1000, 5, 0), BRAKE_OFF);
    ck_assert_uint_eq(brake.limit, 100);
    brake_apply(&brake);
    ck_assert_int_eq(brake_look(&brake, 1000, 5, 0), BRAKE_ON);
    ck_assert_uint_eq(brake.due_ms, 0);
    ck_assert_int_eq(brake_look(&brake, 1000, 0, 3), BRAKE_ON);
    ck_assert_uint_eq(brake.due_ms, 1007); /* the whole less some, by chance */
    ck_assert_int_eq(brake_look(&brake, 1006, 0, 5), BRAKE_ON);
    ck_assert_int_eq(brake_look(&brake, 1007, 0, 5), BRAKE_RELEASED);
    ck_assert_int_eq(brake_look(&brake, 1007, 0, 5), BRAKE_OFF);
    ck_assert_uint_eq(brake.limit, 1);
}
END_TEST

START_TEST(pauses_double_until_one_is_taken)
{
    struct brake brake = { .is_on = false };
    uint64_t now_ms = 1000;
    brake_set(&brake, 100, 10, 35);
    brake_reset(&brake, false);
    for (uint64_t pause_ms = 10, i = 0; i < 4; i++, pause_ms = pause_ms == 10 ? 20 : 35) {
        brake_apply(&brake);
        brake_look(&brake, now_ms, 0, 0);
        ck_assert_uint_eq(brake.due_ms, now_ms + pause_ms);
        now_ms = brake.due_ms;
        ck_assert_int_eq(brake_look(&brake, now_ms, 0, 0), BRAKE_RELEASED);
    }
    ck_assert(brake_ease(&brake));
    ck_assert_uint_eq(brake.limit, 2);
    ck_assert_uint_eq(brake.wait_ms, 10);
    for (unsigned i = 0; i < 6; i++)
        brake_ease(&brake);
    ck_assert_uint_eq(brake.limit, 100);
    ck_assert(!brake_ease(&brake));
}
END_TEST

START_TEST(what_is_taken_while_it_holds_eases_nothing)
{
    struct brake brake = { .is_on = false };
    brake_set(&brake, 100, 10, 35);
    brake_reset(&brake, true);
    ck_assert_uint_eq(brake.limit, 1);
    brake_apply(&brake);
    ck_assert(!brake_ease(&brake));
    ck_assert_uint_eq(brake.limit, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_holds_until_all_is_answered_and_the_pause_is_over,
        pauses_double_until_one_is_taken,
        what_is_taken_while_it_holds_eases_nothing,
        NULL,
    };
    return unit_run("brake", tests);
}
