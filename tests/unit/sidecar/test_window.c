/* The window of the spool: what is done, in whatever order, moves it on; what is not comes again. */
#include "sidecar/window.h"

#include <stdlib.h>

#include "../unit.h"

static struct window window;

static void open_window(uint32_t count, uint64_t floor)
{
    ck_assert_int_eq(window_init(&window, count, floor), 0);
}

START_TEST(it_moves_on_when_the_oldest_is_done)
{
    open_window(4, 10);
    for (uint64_t sequence = 11; sequence <= 14; sequence++) {
        ck_assert(window_has_room(&window, sequence));
        window_sent(&window, sequence);
    }
    ck_assert(!window_has_room(&window, 15));
    ck_assert(window_done(&window, 12));
    ck_assert(window_done(&window, 14));
    ck_assert_uint_eq(window.floor, 10);
    ck_assert(!window_has_room(&window, 15));
    ck_assert(window_done(&window, 11));
    ck_assert_uint_eq(window.floor, 12);
    ck_assert(window_has_room(&window, 16));
    ck_assert(!window_has_room(&window, 17));
    ck_assert(window_done(&window, 13));
    ck_assert_uint_eq(window.floor, 14);
    ck_assert_uint_eq(window.sent_count, 0);
    window_finish(&window);
}
END_TEST

START_TEST(answers_count_once_and_only_where_they_are_awaited)
{
    open_window(4, 0);
    window_sent(&window, 1);
    window_sent(&window, 2);
    ck_assert(!window_done(&window, 3));
    ck_assert(window_done(&window, 2));
    ck_assert(!window_done(&window, 2));
    ck_assert(!window_failed(&window, 2));
    ck_assert(window_done(&window, 1));
    ck_assert(!window_done(&window, 1));
    ck_assert(!window_done(&window, 0));
    ck_assert_uint_eq(window.sent_count, 0);
    window_finish(&window);
}
END_TEST

START_TEST(what_is_done_is_not_sent_again_after_a_break)
{
    open_window(8, 0);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        window_sent(&window, sequence);
    window_done(&window, 2);
    window_done(&window, 4);
    window_failed(&window, 5);
    window_rewind(&window);
    ck_assert_uint_eq(window.next, 1);
    ck_assert_uint_eq(window.sent_count, 0);
    ck_assert(!window_done(&window, 3)); /* on the connection that broke */
    for (uint64_t sequence = 1; sequence <= 5; sequence++) {
        bool is_done = sequence == 2 || sequence == 4;
        ck_assert_int_eq(window_wants(&window, sequence), !is_done);
        if (is_done)
            window_pass(&window, sequence);
        else
            window_sent(&window, sequence);
    }
    ck_assert_uint_eq(window.sent_count, 3);
    window_done(&window, 1);
    ck_assert_uint_eq(window.floor, 2);
    window_done(&window, 3);
    window_done(&window, 5);
    ck_assert_uint_eq(window.floor, 5);
    window_finish(&window);
}
END_TEST

START_TEST(what_is_not_there_is_passed_over)
{
    open_window(4, 0);
    window_skip(&window, 1000000); /* more than it has room for, and nothing on its way */
    ck_assert_uint_eq(window.floor, 1000000);
    ck_assert_uint_eq(window.next, 1000001);
    window_sent(&window, 1000001);
    window_sent(&window, 1000003); /* one in between is gone */
    ck_assert_uint_eq(window.floor, 1000000);
    window_done(&window, 1000001);
    ck_assert_uint_eq(window.floor, 1000002);
    window_skip(&window, 2000000); /* while one is on its way it goes as far as there is room */
    ck_assert_uint_eq(window.floor, 1000002);
    ck_assert(!window_has_room(&window, window.next));
    window_done(&window, 1000003);
    window_skip(&window, 2000000);
    ck_assert_uint_eq(window.floor, 2000000);
    for (uint64_t sequence = 2000001; sequence <= 2000004; sequence++)
        ck_assert(window_wants(&window, sequence)); /* nothing is left of what was known of others */
    window_finish(&window);
}
END_TEST

START_TEST(a_jump_leaves_what_is_known_behind_it)
{
    open_window(8, 0);
    for (uint64_t sequence = 1; sequence <= 6; sequence++)
        window_sent(&window, sequence);
    window_done(&window, 2);
    window_done(&window, 5);
    window_rewind(&window);
    window_skip(&window, 3); /* they have gone meanwhile */
    ck_assert_uint_eq(window.floor, 3);
    ck_assert(window_wants(&window, 4));
    ck_assert(!window_wants(&window, 5));
    ck_assert(window_wants(&window, 9));
    ck_assert(window_wants(&window, 10)); /* in the place of 2 */
    window_finish(&window);
}
END_TEST

START_TEST(what_is_dropped_is_done_however_it_stood)
{
    open_window(4, 0);
    window_sent(&window, 1);
    window_sent(&window, 2);
    window_drop(&window, 1);
    ck_assert_uint_eq(window.floor, 1);
    ck_assert_uint_eq(window.sent_count, 1);
    window_rewind(&window);
    window_drop(&window, 2);
    window_drop(&window, 1);
    window_drop(&window, 100);
    ck_assert_uint_eq(window.sent_count, 0);
    ck_assert(!window_wants(&window, 2));
    window_pass(&window, 2);
    ck_assert_uint_eq(window.floor, 2);
    window_finish(&window);
}
END_TEST

/* Against an array: a broker that answers in any order, and breaks. */
START_TEST(it_agrees_with_a_naive_model)
{
    enum { COUNT = 20000, ROOM = 16 };
    static bool is_done[COUNT + ROOM + 2], is_sent[COUNT + ROOM + 2];
    srand(7);
    open_window(ROOM, 0);
    for (unsigned step = 0; step < 400000 && window.floor < COUNT; step++) {
        uint64_t at = window.floor + 1 + (uint64_t)(rand() % ROOM);
        switch (rand() % 40) {
        case 0:
            window_rewind(&window);
            for (uint64_t i = window.floor; i <= window.floor + ROOM; i++)
                is_sent[i] = false;
            break;
        case 1:
            ck_assert_int_eq(window_failed(&window, at), is_sent[at]);
            is_sent[at] = false;
            if (at < window.next) { /* it comes again with the others */
                window_rewind(&window);
                for (uint64_t i = window.floor; i <= window.floor + ROOM; i++)
                    is_sent[i] = false;
            }
            break;
        default:
            if (rand() % 2) {
                ck_assert_int_eq(window_done(&window, at), is_sent[at]);
                is_done[at] |= is_sent[at];
                is_sent[at] = false;
            } else if (window_has_room(&window, window.next)) {
                at = window.next;
                ck_assert_int_eq(window_wants(&window, at), !is_done[at]);
                if (is_done[at]) {
                    window_pass(&window, at);
                } else {
                    window_sent(&window, at);
                    is_sent[at] = true;
                }
            }
        }
        unsigned sent_count = 0;
        for (uint64_t i = window.floor + 1; i <= window.floor + ROOM; i++)
            sent_count += is_sent[i];
        ck_assert_uint_eq(window.sent_count, sent_count);
        ck_assert(is_done[window.floor] || !window.floor);
    }
    ck_assert_uint_ge(window.floor, COUNT);
    window_finish(&window);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_moves_on_when_the_oldest_is_done,
        answers_count_once_and_only_where_they_are_awaited,
        what_is_done_is_not_sent_again_after_a_break,
        what_is_not_there_is_passed_over,
        a_jump_leaves_what_is_known_behind_it,
        what_is_dropped_is_done_however_it_stood,
        it_agrees_with_a_naive_model,
        NULL,
    };
    return unit_run("window", tests);
}
