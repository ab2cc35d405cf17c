#include "push/attempts.h"

#include "../unit.h"

static void note(struct attempts *attempts, uint64_t sequence)
{
    struct attempt attempt = { .sequence = sequence };
    attempts_note(attempts, &attempt);
}

START_TEST(the_newest_comes_first)
{
    struct attempts attempts;
    attempts_init(&attempts, 10);
    ck_assert_ptr_null(attempts_at(&attempts, 0));
    ck_assert_ptr_null(attempts.ring);
    note(&attempts, 1);
    note(&attempts, 2);
    ck_assert_uint_eq(attempts_at(&attempts, 0)->sequence, 2);
    ck_assert_uint_eq(attempts_at(&attempts, 1)->sequence, 1);
    ck_assert_ptr_null(attempts_at(&attempts, 2));
    attempts_finish(&attempts);
}
END_TEST

START_TEST(the_oldest_makes_room)
{
    for (unsigned max = 1; max < 20; max++) {
        struct attempts attempts;
        attempts_init(&attempts, max);
        for (unsigned i = 1; i <= 100; i++) {
            note(&attempts, i);
            unsigned count = i < max ? i : max;
            for (unsigned back = 0; back < count; back++)
                unit_assert(attempts_at(&attempts, back)->sequence == i - back);
            unit_assert(!attempts_at(&attempts, count));
        }
        ck_assert_uint_eq(attempts.total, 100);
        attempts_finish(&attempts);
    }
}
END_TEST

START_TEST(where_none_are_kept_they_are_counted)
{
    struct attempts attempts;
    attempts_init(&attempts, 0);
    note(&attempts, 1);
    ck_assert_ptr_null(attempts_at(&attempts, 0));
    ck_assert_uint_eq(attempts.total, 1);
    attempts_finish(&attempts);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_newest_comes_first,
        the_oldest_makes_room,
        where_none_are_kept_they_are_counted,
        NULL,
    };
    return unit_run("attempts", tests);
}
