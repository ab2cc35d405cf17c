#include "push/lanes.h"

#include <stdio.h>
#include <string.h>

#include "../unit.h"
#include "push/pace.h"
#include "util/random.h"

enum { COUNT = 2000 };

struct parcel {
    struct lane_entry entry;         /* first */
    uint64_t key;
    unsigned number;                 /* within its key */
    unsigned tries;
};

static struct parcel parcels[COUNT];
static struct lanes lanes;

static void open_lanes(void)
{
    lanes_init(&lanes);
    memset(parcels, 0, sizeof parcels);
}

static struct parcel *first(void)
{
    return (struct parcel *)lanes_first(&lanes);
}

/* Takes the first, which is to be that one. */
static void start(unsigned i)
{
    ck_assert_ptr_eq(first(), &parcels[i]);
    lanes_start(&lanes, &parcels[i].entry);
}

static void add_keyed(unsigned i, uint64_t key)
{
    ck_assert_int_eq(lanes_add_keyed(&lanes, &parcels[i].entry, key, LANE_QUEUED), 0);
}

START_TEST(in_lanes_of_their_own_all_are_ready)
{
    open_lanes();
    for (unsigned i = 0; i < 3; i++)
        lanes_add(&lanes, &parcels[i].entry);
    start(0);
    start(1);
    lanes_wait(&lanes, &parcels[0].entry);
    start(2);
    ck_assert_ptr_null(first());
    lanes_return(&lanes, &parcels[0].entry);
    start(0);
    for (unsigned i = 0; i < 3; i++)
        lanes_remove(&lanes, &parcels[i].entry);
    ck_assert_uint_eq(lanes_count(&lanes), 0);
    lanes_finish(&lanes);
}
END_TEST

START_TEST(one_of_a_key_waits_for_the_one_before)
{
    open_lanes();
    add_keyed(0, 1);
    add_keyed(1, 1);
    add_keyed(2, 2);
    start(0);
    start(2);
    ck_assert_ptr_null(first());
    lanes_wait(&lanes, &parcels[0].entry);
    ck_assert_ptr_null(first());
    lanes_return(&lanes, &parcels[0].entry);
    start(0);
    lanes_remove(&lanes, &parcels[0].entry);
    start(1);
    lanes_remove(&lanes, &parcels[1].entry);
    lanes_remove(&lanes, &parcels[2].entry);
    ck_assert_uint_eq(lanes.lane_count, 0);
    ck_assert_ptr_null(lanes.table);
    lanes_finish(&lanes);
}
END_TEST

START_TEST(what_is_found_waiting_is_waited_for)
{
    open_lanes();
    ck_assert_int_eq(lanes_add_keyed(&lanes, &parcels[0].entry, 1, LANE_WAITING), 0);
    add_keyed(1, 1);
    ck_assert_int_eq(lanes_add_keyed(&lanes, &parcels[2].entry, 1, LANE_WAITING), 0);
    ck_assert_ptr_null(first());
    lanes_return(&lanes, &parcels[2].entry); /* out of turn */
    ck_assert_ptr_null(first());
    lanes_remove(&lanes, &parcels[0].entry); /* gone meanwhile */
    start(1);
    lanes_remove(&lanes, &parcels[1].entry);
    start(2);
    lanes_remove(&lanes, &parcels[2].entry);
    lanes_finish(&lanes);
}
END_TEST

START_TEST(those_of_a_key_are_walked_in_order)
{
    open_lanes();
    ck_assert_ptr_null(lanes_next_of_key(&lanes, 7, NULL));
    add_keyed(0, 7);
    add_keyed(1, 15);
    add_keyed(2, 7);
    ck_assert_ptr_eq(lanes_next_of_key(&lanes, 7, NULL), &parcels[0].entry);
    ck_assert_ptr_eq(lanes_next_of_key(&lanes, 7, &parcels[0].entry), &parcels[2].entry);
    ck_assert_ptr_null(lanes_next_of_key(&lanes, 7, &parcels[2].entry));
    ck_assert_ptr_null(lanes_next_of_key(&lanes, 23, NULL));
    lanes_finish(&lanes);
}
END_TEST

START_TEST(one_in_the_middle_goes_without_a_trace)
{
    open_lanes();
    for (unsigned i = 0; i < 3; i++)
        add_keyed(i, 1);
    lanes_remove(&lanes, &parcels[1].entry);
    start(0);
    ck_assert_ptr_null(first());
    lanes_remove(&lanes, &parcels[0].entry);
    start(2);
    ck_assert_uint_eq(lanes.flying_count, 1);
    ck_assert_uint_eq(lanes.queued_count, 0);
    lanes_finish(&lanes);
}
END_TEST

/* One step of a random life: what is ready starts, and what flies fails or is settled. Settled ones are checked to come
 * in the order of their numbers. */
static void step(struct random *dice, struct parcel **flying, unsigned *flying_count, unsigned settled[16])
{
    if (lanes_first(&lanes) && random_below(dice, 3)) {
        flying[*flying_count] = first();
        lanes_start(&lanes, &flying[(*flying_count)++]->entry);
        return;
    }
    if (!*flying_count)
        return;
    unsigned at = random_below(dice, *flying_count);
    struct parcel *parcel = flying[at];
    unit_assert(parcel->number == settled[parcel->key % 16]);
    if (parcel->entry.state == LANE_WAITING) {
        lanes_return(&lanes, &parcel->entry);
    } else if (parcel->tries++ < 2 && random_below(dice, 4) == 0) {
        lanes_wait(&lanes, &parcel->entry);
        return;
    } else {
        settled[parcel->key % 16]++;
        lanes_remove(&lanes, &parcel->entry);
    }
    flying[at] = flying[--*flying_count];
}

START_TEST(each_key_keeps_its_order_whatever_happens)
{
    static struct parcel *flying[COUNT];
    unsigned flying_count = 0, added = 0, next[16] = { 0 }, settled[16] = { 0 }, done = 0;
    struct random dice;
    random_init(&dice, unit_seed("lanes"));
    open_lanes();
    while (done < COUNT) {
        if (added < COUNT && random_below(&dice, 2)) {
            struct parcel *parcel = &parcels[added];
            unsigned key = random_below(&dice, 16);
            parcel->key = 0x1234560 + key;
            parcel->number = next[key]++;
            add_keyed(added++, parcel->key);
        }
        step(&dice, flying, &flying_count, settled);
        done = 0;
        for (unsigned i = 0; i < 16; i++)
            done += settled[i];
        unit_assert(lanes_count(&lanes) == added - done);
    }
    ck_assert_mem_eq(next, settled, sizeof next);
    lanes_finish(&lanes);
}
END_TEST

START_TEST(a_pace_is_kept)
{
    struct pace pace = { .interval_us = 10000 };
    unsigned begun = 0;
    for (uint64_t now_ms = 5000; now_ms < 6000; now_ms++)
        while (pace_due_ms(&pace) <= now_ms) {
            pace_begin(&pace, now_ms);
            begun++;
        }
    ck_assert_uint_ge(begun, 100);
    ck_assert_uint_le(begun, 112);
    ck_assert_uint_gt(pace_due_ms(&pace), 5990);
    ck_assert_uint_le(pace_due_ms(&pace), 6010);
    pace = (struct pace){ .interval_us = 0 };
    pace_begin(&pace, 5000);
    ck_assert_uint_eq(pace_due_ms(&pace), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        in_lanes_of_their_own_all_are_ready,
        one_of_a_key_waits_for_the_one_before,
        what_is_found_waiting_is_waited_for,
        those_of_a_key_are_walked_in_order,
        one_in_the_middle_goes_without_a_trace,
        each_key_keeps_its_order_whatever_happens,
        a_pace_is_kept,
        NULL,
    };
    return unit_run("lanes", tests);
}
