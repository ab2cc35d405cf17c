#include "push/traffic.h"

#include "../unit.h"
#include "net/loop.h"

enum { MANY = 3 * TRAFFIC_YOUNG_MAX };

static struct loop loop;
static struct traffic traffic;
static struct traffic_part parts[MANY];

static void begin(unsigned max)
{
    ck_assert_int_eq(loop_init(&loop), 0);
    traffic_init(&traffic, &loop, max);
}

static void finish(void)
{
    traffic_finish(&traffic);
    loop_finish(&loop);
}

/* As many as may begin; returns how many that were. */
static unsigned begin_all(unsigned from)
{
    unsigned count = 0;
    for (; traffic_room(&traffic); count++)
        traffic_begin(&traffic, &parts[from + count]);
    return count;
}

static bool on_turn(void *arg)
{
    (void)arg;
    if (traffic_room(&traffic))
        loop_stop(&loop);
    return false;
}

START_TEST(no_more_are_under_way_than_allowed)
{
    begin(3);
    ck_assert_uint_eq(begin_all(0), 3);
    traffic_end(&traffic, &parts[1]);
    ck_assert_uint_eq(traffic_room(&traffic), 1);
    traffic.max = 2;
    ck_assert_uint_eq(traffic_room(&traffic), 0);
    traffic.max = 0;
    traffic_end(&traffic, &parts[0]);
    traffic_end(&traffic, &parts[2]);
    ck_assert_uint_eq(traffic_room(&traffic), 0);
    ck_assert_uint_eq(traffic.count, 0);
    finish();
}
END_TEST

START_TEST(those_that_end_make_room_for_others)
{
    begin(MANY);
    ck_assert_uint_eq(begin_all(0), TRAFFIC_YOUNG_MAX);
    for (unsigned i = 0; i < 10; i++)
        traffic_end(&traffic, &parts[i]);
    ck_assert_uint_eq(begin_all(0), 10);
    finish();
}
END_TEST

/* Nobody ends, and a turn comes all the same. */
START_TEST(those_that_grow_old_hold_nobody_up)
{
    begin(MANY);
    ck_assert_uint_eq(begin_all(0), TRAFFIC_YOUNG_MAX);
    loop.hooks = (struct loop_hooks){ .before_flush = on_turn };
    uint64_t began_ms = loop_now_ms(&loop);
    ck_assert_int_eq(loop_run(&loop), 0);
    ck_assert_uint_ge(loop_now_ms(&loop), began_ms + TRAFFIC_YOUNG_MS);
    ck_assert_uint_eq(begin_all(TRAFFIC_YOUNG_MAX), TRAFFIC_YOUNG_MAX);
    ck_assert_uint_eq(traffic.count, 2 * TRAFFIC_YOUNG_MAX);
    for (unsigned i = 0; i < 2 * TRAFFIC_YOUNG_MAX; i++)
        traffic_end(&traffic, &parts[i]);
    ck_assert_uint_eq(traffic.count, 0);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        no_more_are_under_way_than_allowed,
        those_that_end_make_room_for_others,
        those_that_grow_old_hold_nobody_up,
        NULL,
    };
    return unit_run("traffic", tests);
}
