#include "push/tail.h"

#include <stdio.h>

#include "../stream/kit.h"
#include "../unit.h"
#include "util/random.h"

static struct stream *stream;
static struct tail *tail;

struct listener {
    struct tail_reader reader;       /* first */
    unsigned told;
};

static void on_matched(struct tail_reader *reader)
{
    ((struct listener *)reader)->told++;
}

static void begin(void)
{
    stream = stream_create("S", &kit_limits);
    tail = tail_create(stream, 4711, on_matched);
    ck_assert_ptr_nonnull(tail);
}

static void add(struct listener *listener, const char *pattern)
{
    listener->told = 0;
    ck_assert_int_eq(tail_add(tail, &listener->reader, slice_of(pattern)), 0);
}

static void finish(struct listener *listeners, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        tail_remove(tail, &listeners[i].reader);
    tail_destroy(tail);
    stream_destroy(stream);
}

static void publish(const char *topic)
{
    struct receipt receipt = kit_append(stream, topic, "x", NULL, 1000);
    ck_assert_uint_ne(receipt.sequence, 0);
}

static void run(void)
{
    while (tail_run(tail, 1000))
        ;
}

/* Up to where nothing is for it; -1: it is not known. */
static int next(struct listener *listener, uint64_t position)
{
    uint64_t until = 0;
    return tail_next(tail, &listener->reader, position, &until) ? (int)until : -1;
}

START_TEST(those_alone_are_told_for_whom_it_is)
{
    struct listener all[2];
    begin();
    add(&all[0], "a.>");
    add(&all[1], "b.*");
    publish("a.x");
    publish("a.y");
    publish("b.x");
    run();
    ck_assert_uint_eq(all[0].told, 2);
    ck_assert_uint_eq(all[1].told, 1);
    run();
    ck_assert_uint_eq(all[0].told, 2);
    finish(all, 2);
}
END_TEST

START_TEST(one_that_keeps_up_knows_where_its_next_is)
{
    struct listener one;
    begin();
    add(&one, "a.>");
    ck_assert_int_eq(next(&one, 0), 0);
    publish("b");
    publish("a.x");
    publish("b");
    publish("a.x");
    publish("b");
    run();
    ck_assert_int_eq(next(&one, 0), 1);
    ck_assert_int_eq(next(&one, 1), 1);
    ck_assert_int_eq(next(&one, 2), 3);
    ck_assert_int_eq(next(&one, 4), 5);
    publish("a.x"); /* it is ahead of the tail */
    ck_assert_int_eq(next(&one, 6), 5);
    run();
    ck_assert_int_eq(next(&one, 6), 6);
    finish(&one, 1);
}
END_TEST

START_TEST(one_that_is_behind_looks_for_itself)
{
    struct listener one;
    begin();
    publish("a.x");
    tail_run(tail, 1000);
    add(&one, "a.>");
    ck_assert_int_eq(next(&one, 0), -1);
    publish("a.x");
    run();
    ck_assert_uint_eq(one.told, 1);
    ck_assert_int_eq(next(&one, 1), -1);
    ck_assert_int_eq(next(&one, 2), 2);
    publish("b");
    run();
    ck_assert_int_eq(next(&one, 2), 3);
    finish(&one, 1);
}
END_TEST

START_TEST(too_much_at_once_is_looked_for_by_itself)
{
    struct listener one;
    begin();
    add(&one, "a.>");
    ck_assert_int_eq(next(&one, 0), 0);
    for (unsigned i = 0; i < TAIL_MATCHES_MAX; i++)
        publish("a.x");
    run();
    ck_assert_int_eq(next(&one, 0), 0);
    publish("a.x");
    run();
    ck_assert_int_eq(next(&one, 0), -1);
    ck_assert_int_eq(next(&one, TAIL_MATCHES_MAX), -1);
    ck_assert_int_eq(next(&one, TAIL_MATCHES_MAX + 1), TAIL_MATCHES_MAX + 1);
    finish(&one, 1);
}
END_TEST

/* Against an array: whatever it says of a stretch, nothing in it is for the reader. */
START_TEST(nothing_is_ever_passed_over)
{
    static bool is_for[5001];
    struct listener one;
    struct random dice;
    uint64_t position = 0, last = 0, led_count = 0;
    random_init(&dice, unit_seed("tail"));
    begin();
    add(&one, "a.>");
    for (unsigned i = 0; i < 20000 && last < 5000; i++) {
        unsigned what = random_below(&dice, 4);
        if (what < 2) {
            is_for[++last] = random_below(&dice, 8) == 0;
            publish(is_for[last] ? "a.x" : "b");
        } else if (what == 2) {
            tail_run(tail, 1000);
        } else {
            int until = next(&one, position);
            led_count += until > (int)position;
            for (uint64_t k = position + 1; until >= 0 && k <= (uint64_t)until; k++)
                unit_assert(!is_for[k]);
            if (until > (int)position)
                position = (uint64_t)until;
            while (position < last && !is_for[++position]) /* reads up to its next message, or to the end */
                ;
        }
    }
    ck_assert_uint_gt(led_count, 100);
    finish(&one, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        those_alone_are_told_for_whom_it_is,
        one_that_keeps_up_knows_where_its_next_is,
        one_that_is_behind_looks_for_itself,
        too_much_at_once_is_looked_for_by_itself,
        nothing_is_ever_passed_over,
        NULL,
    };
    return unit_run("tail", tests);
}
