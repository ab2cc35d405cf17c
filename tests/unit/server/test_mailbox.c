#include "server/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "../unit.h"
#include "util/random.h"

/* A record of these tests: so many bytes, each of which tells the record's number. */
static bool put(struct mailbox *mailbox, size_t size, unsigned number)
{
    char *record = mailbox_begin(mailbox, size);
    if (!record)
        return false;
    unit_assert((uintptr_t)record % 8 == 0);
    memset(record, (int)(number % 251), size);
    if (size >= sizeof number)
        memcpy(record, &number, sizeof number);
    mailbox_end(mailbox, number);
    return true;
}

/* The next record is this one. Returns what mailbox_done does. */
static bool get(struct mailbox *mailbox, size_t size, unsigned number)
{
    static char expected[MAILBOX_RECORD_MAX];
    uint64_t ticket;
    const char *record = mailbox_next(mailbox, &ticket);
    memset(expected, (int)(number % 251), size);
    if (size >= sizeof number)
        memcpy(expected, &number, sizeof number);
    unit_assert(record);
    unit_assert(mailbox_next(mailbox, &ticket) == record); /* until it is done */
    unit_assert(ticket == number);
    unit_assert(memcmp(record, expected, size) == 0);
    return mailbox_done(mailbox);
}

START_TEST(records_come_out_as_they_went_in)
{
    static const size_t sizes[] = { 1, 0, 8, 15, 16, 17, 1000, MAILBOX_RECORD_MAX, 3 };
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct mailbox *mailbox = mailbox_create();
    uint64_t ticket;
    ck_assert(!mailbox_look(mailbox));
    ck_assert_ptr_null(mailbox_next(mailbox, &ticket));
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert(put(mailbox, sizes[i], i));
    ck_assert_ptr_null(mailbox_next(mailbox, &ticket)); /* has not looked */
    ck_assert(mailbox_look(mailbox));
    ck_assert(!mailbox_look(mailbox));
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert(!get(mailbox, sizes[i], i)); /* nobody waits for room */
    ck_assert_ptr_null(mailbox_next(mailbox, &ticket));
    mailbox_destroy(mailbox);
    mailbox_destroy(NULL);
}
END_TEST

START_TEST(a_record_is_not_seen_before_its_end)
{
    struct mailbox *mailbox = mailbox_create();
    uint64_t ticket;
    ck_assert(put(mailbox, 10, 1));
    ck_assert_ptr_nonnull(mailbox_begin(mailbox, 10));
    ck_assert(mailbox_look(mailbox));
    get(mailbox, 10, 1);
    ck_assert_ptr_null(mailbox_next(mailbox, &ticket));
    ck_assert(!mailbox_look(mailbox));
    mailbox_end(mailbox, 2);
    ck_assert(mailbox_look(mailbox));
    ck_assert_ptr_nonnull(mailbox_next(mailbox, &ticket));
    mailbox_destroy(mailbox);
}
END_TEST

START_TEST(a_full_mailbox_takes_nothing_and_says_when_it_does_again)
{
    for (size_t size = 0; size <= MAILBOX_RECORD_MAX; size = size * 2 + 1) {
        struct mailbox *mailbox = mailbox_create();
        unsigned put_count = 0, got_count = 0, told_count = 0;
        while (put(mailbox, size, put_count))
            put_count++;
        unit_assert(put_count >= 3);
        unit_assert(put_count * size <= MAILBOX_SIZE);
        unit_assert(!put(mailbox, size, put_count));
        unit_assert(mailbox_look(mailbox));
        while (got_count < put_count)
            told_count += get(mailbox, size, got_count++);
        unit_assert(told_count == 1);
        unit_assert(put(mailbox, size, put_count));
        unit_assert(mailbox_look(mailbox));
        unit_assert(!get(mailbox, size, put_count));
        mailbox_destroy(mailbox);
    }
}
END_TEST

/* Many times around the ring, with sizes that leave every kind of remainder at its end. */
START_TEST(the_ring_goes_round_with_any_sizes)
{
    enum { COUNT = 20000 };
    static size_t sizes[COUNT];
    struct mailbox *mailbox = mailbox_create();
    struct random random;
    unsigned put_count = 0, got_count = 0;
    random_init(&random, unit_seed("the_ring_goes_round_with_any_sizes"));
    for (unsigned i = 0; i < COUNT; i++)
        sizes[i] = random_below(&random, random_below(&random, 20) ? 300 : MAILBOX_RECORD_MAX + 1);
    while (got_count < COUNT) {
        for (unsigned burst = random_below(&random, 300); burst && put_count < COUNT; burst--) {
            if (!put(mailbox, sizes[put_count], put_count))
                break;
            put_count++;
        }
        mailbox_look(mailbox);
        for (unsigned burst = random_below(&random, 300); burst && got_count < put_count; burst--) {
            get(mailbox, sizes[got_count], got_count);
            got_count++;
        }
    }
    mailbox_destroy(mailbox);
}
END_TEST

/* Two threads. */

struct pair {
    struct mailbox *mailbox;
    uint64_t seed;
    sem_t room, mail; /* told when there is some */
    unsigned count, full_count;
};

static size_t next_size(struct random *random)
{
    return random_below(random, random_below(random, 50) ? 200 : MAILBOX_RECORD_MAX);
}

/* Waits to be told when there is no room: were that ever forgotten, the test would hang. */
static void *write_all(void *arg)
{
    struct pair *pair = arg;
    struct random random;
    random_init(&random, pair->seed);
    for (unsigned i = 0; i < pair->count; i++) {
        size_t size = next_size(&random);
        while (!put(pair->mailbox, size, i)) {
            pair->full_count++;
            sem_wait(&pair->room);
        }
        sem_post(&pair->mail);
    }
    return NULL;
}

START_TEST(two_threads_lose_nothing_and_keep_the_order)
{
    struct pair pair = { .mailbox = mailbox_create(), .count = 30000 };
    struct random random;
    uint64_t ticket;
    pthread_t writer;
    pair.seed = unit_seed("two_threads_lose_nothing_and_keep_the_order");
    random_init(&random, pair.seed);
    sem_init(&pair.room, 0, 0);
    sem_init(&pair.mail, 0, 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_all, &pair), 0);
    for (unsigned i = 0; i < pair.count; i++) {
        sem_wait(&pair.mail);
        while (!mailbox_next(pair.mailbox, &ticket))
            unit_assert(mailbox_look(pair.mailbox));
        if (get(pair.mailbox, next_size(&random), i))
            sem_post(&pair.room);
    }
    pthread_join(writer, NULL);
    ck_assert(!mailbox_look(pair.mailbox));
    ck_assert_uint_gt(pair.full_count, 0);
    mailbox_destroy(pair.mailbox);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        records_come_out_as_they_went_in,
        a_record_is_not_seen_before_its_end,
        a_full_mailbox_takes_nothing_and_says_when_it_does_again,
        the_ring_goes_round_with_any_sizes,
        two_threads_lose_nothing_and_keep_the_order,
        NULL,
    };
    return unit_run("mailbox", tests);
}
