/* The table of subscriptions, their queues, and the line of those who wait for a PONG. */
#include "libposthorn/subs.h"

#include <stdio.h>
#include <string.h>

#include "../unit.h"
#include "libposthorn/pongs.h"

START_TEST(numbers_find_their_subscription_until_it_ends)
{
    enum { COUNT = 1000 };
    struct ph_subs subs = { 0 };
    struct ph_sub *list[COUNT];
    ck_assert_ptr_null(ph_subs_find(&subs, 1));
    for (unsigned i = 0; i < COUNT; i++) {
        char pattern[16];
        snprintf(pattern, sizeof pattern, "p.%u", i);
        list[i] = ph_subs_add(&subs, pattern, i % 2 ? "g" : "");
        ck_assert_ptr_nonnull(list[i]);
        if (i % 3 == 0)
            ph_subs_end(&subs, list[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(ph_subs_find(&subs, list[i]->sid), i % 3 == 0 ? NULL : list[i]);
        ck_assert_str_eq(list[i]->group, i % 2 ? "g" : "");
    }
    for (unsigned i = 1; i < COUNT; i += 2) {
        uintptr_t sid = list[i]->sid;
        ph_subs_remove(&subs, list[i]);
        ck_assert_ptr_null(ph_subs_find(&subs, sid));
    }
    ck_assert_uint_eq(subs.count, COUNT / 2 - 167);
    ck_assert_ptr_null(ph_subs_find(&subs, 0));
    ck_assert_ptr_null(ph_subs_find(&subs, COUNT + 1));
    unsigned left = 0;
    for (struct ph_sub *sub = subs.oldest; sub; sub = sub->newer)
        left++;
    ck_assert_uint_eq(left, COUNT / 2);
    ph_subs_finish(&subs);
    ck_assert_ptr_null(subs.oldest);
}
END_TEST

static struct ph_stored *store(const char *payload)
{
    struct ph_message message = { .topic = "t", .reply = "", .headers = "", .payload = payload, .topic_size = 1 };
    message.payload_size = strlen(payload);
    return ph_message_store(&message);
}

START_TEST(queue_is_first_in_first_out)
{
    struct ph_subs subs = { 0 };
    struct ph_sub *sub = ph_subs_add(&subs, "a", "");
    ck_assert_ptr_null(ph_sub_pop(sub));
    for (unsigned round = 0; round < 3; round++) {
        ph_sub_push(sub, store("one"));
        ph_sub_push(sub, store("three"));
        ck_assert_uint_eq(sub->queue_length, 2);
        ck_assert_uint_eq(sub->queue_size, 8);
        struct ph_stored *stored = ph_sub_pop(sub);
        ck_assert_str_eq(stored->message.payload, "one");
        ph_message_free(&stored->message);
        stored = ph_sub_pop(sub);
        ck_assert_str_eq(stored->message.payload, "three");
        ph_message_free(&stored->message);
        ck_assert_ptr_null(ph_sub_pop(sub));
    }
    ph_sub_push(sub, store("left"));
    ph_sub_discard(sub);
    ck_assert_uint_eq(sub->queue_length + sub->queue_size, 0);
    ph_sub_push(sub, store("left"));
    ph_subs_finish(&subs);
}
END_TEST

static void done(struct ph_conn *conn, int error, void *arg)
{
    (void)conn, (void)error, (void)arg;
}

START_TEST(pongs_are_taken_in_order)
{
    struct ph_pongs pongs = { 0 };
    struct ph_pong pong;
    static char places[100];
    unsigned added = 0, taken = 0;
    ck_assert(!ph_pongs_take(&pongs, &pong));
    while (taken < 1000) {
        for (unsigned i = 0; i < 1 + added % 7; i++, added++)
            ck_assert(ph_pongs_add(&pongs, (struct ph_pong){ done, &places[added % 100], added }));
        for (unsigned i = 0; i < 1 + added % 5 && taken < added; i++, taken++) {
            ck_assert(ph_pongs_take(&pongs, &pong));
            ck_assert_int_eq(pong.sent_us, taken);
            ck_assert_ptr_eq(pong.arg, &places[taken % 100]);
        }
    }
    ph_pongs_finish(&pongs);
    ck_assert(ph_pongs_add(&pongs, (struct ph_pong){ done, &places[0], 0 }));
    ck_assert(ph_pongs_add(&pongs, (struct ph_pong){ done, &places[1], 0 }));
    ph_pongs_forget(&pongs, done, &places[1]);
    ck_assert(ph_pongs_take(&pongs, &pong) && pong.done == done);
    ck_assert(ph_pongs_take(&pongs, &pong) && !pong.done);
    ph_pongs_finish(&pongs);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { numbers_find_their_subscription_until_it_ends, queue_is_first_in_first_out,
                                          pongs_are_taken_in_order, NULL };
    return unit_run("subs", tests);
}
