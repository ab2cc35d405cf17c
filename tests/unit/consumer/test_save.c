/* What outlives the daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../stream/kit.h"
#include "../unit.h"
#include "kit.h"

START_TEST(a_consumer_goes_on_where_it_was)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 6);
    owner_ask(&owner, "in", 4, NULL);
    owner_run(&owner);
    owner_ack(&owner, 1);
    owner_ack(&owner, 3);
    owner_restart(&owner);
    owner_knows(&owner, "delivered 4/4 floor 1/1 pending 2 redelivered 0 waiting 0 left 2");
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 5:5:1+1, in 6:6:1+0");
    ck_assert(owner_ack(&owner, 2)); /* what was given out before is still acknowledged */
    owner_says_after(&owner, 30000, "in 4:7:2+0, in 5:8:2+0, in 6:9:2+0");
    owner_close(&owner);
}
END_TEST

struct seen {
    char text[256];
    size_t size;
};

static void see(void *arg, const struct consumer_pending *pending)
{
    struct seen *seen = arg;
    seen->size += (size_t)snprintf(seen->text + seen->size, sizeof seen->text - seen->size, " %llu:%llu %llu,",
                                   (unsigned long long)pending->sequence, (unsigned long long)pending->delivery_count,
                                   (unsigned long long)pending->wait_ms);
}

START_TEST(what_is_pending_can_be_walked)
{
    struct owner owner;
    struct seen seen = { .size = 0 };
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 5);
    owner_ask(&owner, "in", 5, NULL);
    owner_run(&owner);
    owner_ack(&owner, 2);
    owner_answer(&owner, CONSUMER_NAK, 3, 7000);
    owner_answer(&owner, CONSUMER_NAK, 4, 0);
    owner_answer(&owner, CONSUMER_TERM, 5, 0);
    owner.keeps_no_dead = true;
    owner_restart(&owner);
    consumer_visit_pending(owner.consumer, owner.time, see, &seen);
    ck_assert_str_eq(seen.text, " 1:1 30000, 3:1 7000, 4:1 0,");
    owner_close(&owner);
}
END_TEST

START_TEST(times_and_counts_go_on)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.max_deliver = 2;
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 2);
    owner_ask(&owner, "in", 9, NULL);
    owner_run(&owner);
    owner_ack(&owner, 2);
    owner_says_after(&owner, 30000, "in 1:3:2+0");
    owner_wait(&owner, 10000);
    owner_restart(&owner);
    owner_knows(&owner, "delivered 3/2 floor 0/0 pending 1 redelivered 1 waiting 0 left 0");
    owner_says_after(&owner, 19999, "");
    owner_says_after(&owner, 1, "dead 1:2 max");
    owner_close(&owner);
}
END_TEST

START_TEST(what_was_due_is_due_and_what_was_dead_is_dead)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 2);
    owner_ask(&owner, "in", 2, NULL);
    owner_run(&owner);
    owner_answer(&owner, CONSUMER_NAK, 1, 0);
    owner.keeps_no_dead = true;
    owner_answer(&owner, CONSUMER_TERM, 2, 0);
    owner_says(&owner, "");
    owner_restart(&owner);
    owner.keeps_no_dead = false;
    owner_ask(&owner, "in", 2, NULL);
    owner_says(&owner, "dead 2:1 term, in 1:3:2+0");
    owner_close(&owner);
}
END_TEST

START_TEST(it_is_dirty_when_something_has_changed)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    ck_assert(consumer_is_dirty(owner.consumer));
    owner_restart(&owner);
    owner_run(&owner);
    ck_assert(!consumer_is_dirty(owner.consumer));
    owner_publish(&owner, "t.a", 1);
    owner_ask(&owner, "in", 1, NULL);
    owner_run(&owner);
    ck_assert(consumer_is_dirty(owner.consumer));
    owner_restart(&owner);
    ck_assert(!consumer_is_dirty(owner.consumer));
    owner_ack(&owner, 1);
    ck_assert(consumer_is_dirty(owner.consumer));
    owner_close(&owner);
}
END_TEST

START_TEST(the_lasts_that_were_not_read_come_after_a_restart)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner.settings.start = CONSUMER_START_LAST_PER_TOPIC;
    owner_add_filter(&owner, "t.>");
    owner_publish(&owner, "t.a", 2);
    owner_publish(&owner, "t.b", 2);
    owner_publish(&owner, "t.c", 2);
    owner_begin(&owner);
    owner_ask(&owner, "in", 1, NULL);
    owner_says(&owner, "in 2:1:1+2");
    owner_restart(&owner);
    owner_publish(&owner, "t.c", 1);
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 4:2:1+2, in 6:3:1+1, in 7:4:1+0");
    owner_restart(&owner);
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "");
    owner_close(&owner);
}
END_TEST

/* States by hand: small numbers take a byte each, but for the epoch. */

static size_t put_number(char *out, uint64_t number)
{
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        out[size++] = (char)(number | 0x80);
    out[size++] = (char)number;
    return size;
}

static int load(struct owner *owner, uint64_t epoch, const char *rest, size_t rest_size)
{
    char state[256] = { 1 };
    size_t size = 1 + put_number(state + 1, epoch);
    memcpy(state + size, rest, rest_size);
    return consumer_load(owner->consumer, slice_make(state, size + rest_size), owner->time);
}

START_TEST(a_state_ahead_of_the_stream_is_clamped)
{
    struct owner owner;
    owner_open(&owner, NULL);
    owner_publish(&owner, "t.a", 3);
    owner_begin(&owner);
    /* Position 9, consumer sequence 9; pending 2, 3 and 8. */
    static const char state[] = { 9, 9, 0, 0, 0, 0, 3, 2, 2, 2, 0, 1, 1, 2, 0, 5, 5, 2, 0 };
    ck_assert_int_eq(load(&owner, stream_epoch(owner.stream), state, sizeof state), 0);
    owner_knows(&owner, "delivered 9/3 floor 1/1 pending 2 redelivered 0 waiting 0 left 0");
    owner_publish(&owner, "t.a", 1);
    owner_ask(&owner, "in", 9, NULL);
    owner_says(&owner, "in 2:10:2+1, in 3:11:2+1, in 4:12:1+0");
    /* The epoch is another, and nobody knows it. */
    static const char other[] = { 9, 9, 0, 0, 0, 0, 0 };
    ck_assert_int_eq(load(&owner, 77, other, sizeof other), 0);
    owner_knows(&owner, "delivered 9/4 floor 9/4 pending 0 redelivered 0 waiting 1 left 0");
    owner_close(&owner);
}
END_TEST

START_TEST(what_the_stream_does_not_keep_any_more_is_forgotten)
{
    struct owner owner;
    owner_open(&owner, "\"max_msgs\":2");
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 2);
    owner_ask(&owner, "in", 2, NULL);
    owner_run(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_restart(&owner);
    owner_knows(&owner, "delivered 2/2 floor 1/1 pending 1 redelivered 0 waiting 0 left 1");
    owner_close(&owner);
}
END_TEST

START_TEST(bytes_that_are_no_state_change_nothing)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        { "", 0 },
        { "\x05\x05\0\0\0\0", 6 },                                 /* ends early */
        { "\x05\x05\0\0\0\0\0\0", 8 },                             /* goes on */
        { "\x05\x05\0\0\0\0\x01\x01\x01\x02", 10 },                /* in an entry */
        { "\x05\x05\0\0\0\0\x01\x00\x01\x02\x00", 11 },            /* sequence 0 */
        { "\x05\x05\0\0\0\0\x01\x06\x01\x02\x00", 11 },            /* behind the position */
        { "\x05\x05\0\0\0\0\x01\x01\x06\x02\x00", 11 },            /* behind the consumer sequence */
        { "\x05\x05\0\0\0\0\x01\x01\x01\x01\x00", 11 },            /* never delivered */
        { "\x05\x05\0\0\0\0\x02\x01\x01\x02\x00\x00\x01\x02\x00", 15 }, /* twice the same */
        { "\x05\x05\0\0\0\0\x01\x01\x01\x02\xff\xff\xff\xff\xff\xff\x01", 17 }, /* for ever */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x05\0\0\0\0\0", 16 }, /* more than 64 bits */
        { "\x05\x05\0\0\0\0\xff\xff\xff\xff\xff\x01", 12 },        /* very many entries */
    };
    struct owner owner;
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 8);
    owner_ask(&owner, "in", 2, NULL);
    owner_run(&owner);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(load(&owner, 7, bad[i].bytes, bad[i].size), -EBADMSG);
    ck_assert_int_eq(consumer_load(owner.consumer, slice_make(NULL, 0), owner.time), -EBADMSG);
    ck_assert_int_eq(consumer_load(owner.consumer, slice_of("\x02\x07\x05\x05"), owner.time), -EBADMSG);
    owner_knows(&owner, "delivered 2/2 floor 0/0 pending 2 redelivered 0 waiting 0 left 6");
    owner_close(&owner);
}
END_TEST

START_TEST(a_state_has_the_bytes_that_it_always_had)
{
    struct owner owner;
    char state[256], expected[256] = { 1 };
    owner_open(&owner, NULL);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 3);
    owner_ask(&owner, "in", 3, NULL);
    owner_run(&owner);
    owner_ack(&owner, 2);
    owner_answer(&owner, CONSUMER_TERM, 3, 0);
    owner.time.now_ms += 29999;
    size_t size = consumer_save(owner.consumer, owner.time, state);
    /* position 3, consumer sequence 3, 0, 0, times 100000, 2 entries: 1 1 once 1 ms; 3 3 once and terminated 0 ms */
    static const char rest[] = "\x03\x03\0\0\xa0\x8d\x06\xa0\x8d\x06\x02\x01\x01\x02\x01\x02\x02\x03\0";
    size_t at = 1 + put_number(expected + 1, stream_epoch(owner.stream));
    memcpy(expected + at, rest, sizeof rest - 1);
    ck_assert_uint_eq(size, at + sizeof rest - 1);
    ck_assert_mem_eq(state, expected, size);
    ck_assert_uint_le(size, consumer_save_size(owner.consumer));
    owner_close(&owner);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_consumer_goes_on_where_it_was,
        what_is_pending_can_be_walked,
        times_and_counts_go_on,
        what_was_due_is_due_and_what_was_dead_is_dead,
        it_is_dirty_when_something_has_changed,
        the_lasts_that_were_not_read_come_after_a_restart,
        a_state_ahead_of_the_stream_is_clamped,
        what_the_stream_does_not_keep_any_more_is_forgotten,
        bytes_that_are_no_state_change_nothing,
        a_state_has_the_bytes_that_it_always_had,
        NULL,
    };
    return unit_run("save", tests);
}
