/* Requests and those who wait for them, on one thread and on several. */
#include "stream/queue.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../unit.h"

enum { NEVER = 1 << 30, MANY = 1000 };

static struct slice text(const char *data)
{
    return slice_make(data, strlen(data));
}

static void count_wake(void *arg)
{
    ++*(unsigned *)arg;
}

static bool put_until(struct queue *queue, const char *payload, uint64_t expires_ms, const struct queue_desk *own)
{
    char body[32] = "HH";
    strcat(body, payload);
    struct message message = { .body = body, .reply = "back", .reply_size = 4, .head_size = 2,
                               .body_size = (uint32_t)strlen(body) };
    return queue_put(queue, text("a.b"), &message, expires_ms, 3, own);
}

static bool put(struct queue *queue, const char *payload)
{
    return put_until(queue, payload, NEVER, NULL);
}

/* The item is this one; it is freed. */
static void expect_item(struct queue_item *item, const char *payload)
{
    ck_assert_ptr_nonnull(item);
    ck_assert(slice_is(item->topic, "a.b"));
    ck_assert(slice_is(item->reply, "back"));
    ck_assert(slice_is(item->head, "HH"));
    ck_assert(slice_is(item->payload, payload));
    queue_item_destroy(item);
}

static void expect_next(struct queue *queue, const char *payload)
{
    expect_item(queue_take(queue, 0, NULL, NULL), payload);
}

static struct queues *queues;
static struct queue *queue;

static void set_up(void)
{
    queues = queues_create();
    queue = queue_open(queues, text("a.*"), text("g"));
    ck_assert_ptr_nonnull(queue);
}

static void tear_down(void)
{
    queue_close(queue);
    queues_destroy(queues);
    queues_destroy(NULL);
    queue_item_destroy(NULL);
}

START_TEST(requests_come_out_in_order)
{
    ck_assert(put(queue, "1"));
    ck_assert(put(queue, "2"));
    expect_next(queue, "1");
    ck_assert(put(queue, "3"));
    expect_next(queue, "2");
    expect_next(queue, "3");
    ck_assert_ptr_null(queue_take(queue, 0, NULL, NULL));
}
END_TEST

START_TEST(a_queue_is_found_by_pattern_and_group)
{
    struct queue *same = queue_open(queues, text("a.*"), text("g"));
    struct queue *others[] = { queue_open(queues, text("a.*"), text("h")), queue_open(queues, text("a."), text("*g")) };
    ck_assert_ptr_eq(same, queue);
    ck_assert_ptr_ne(others[0], queue);
    ck_assert_ptr_ne(others[1], queue);
    ck_assert_ptr_ne(others[1], others[0]);
    ck_assert(put(same, "1"));
    queue_close(same);
    ck_assert_ptr_null(queue_take(others[0], 0, NULL, NULL));
    expect_next(queue, "1");
    queue_close(others[0]);
    queue_close(others[1]);
}
END_TEST

START_TEST(the_last_to_close_drops_what_is_left)
{
    struct queue *other = queue_open(queues, text("b"), text("g"));
    ck_assert(put(other, "1"));
    queue_close(other);
    other = queue_open(queues, text("b"), text("g"));
    ck_assert_ptr_null(queue_take(other, 0, NULL, NULL));
    queue_close(other);
}
END_TEST

START_TEST(a_full_queue_refuses)
{
    ck_assert_uint_eq(queue_room(queue, 3), 3);
    ck_assert(put(queue, "1") && put(queue, "2") && put(queue, "3"));
    ck_assert_uint_eq(queue_room(queue, 3), 0);
    ck_assert_uint_eq(queue_room(queue, 2), 0);
    ck_assert(!put(queue, "4"));
    expect_next(queue, "1");
    ck_assert_uint_eq(queue_room(queue, 3), 1);
    ck_assert(put(queue, "5"));
}
END_TEST

START_TEST(large_requests_fill_it_before_many_do)
{
    enum { SIZE = 20 << 20 };
    char *body = calloc(1, SIZE);
    struct message message = { .body = body, .reply = "r", .reply_size = 1, .body_size = SIZE };
    unsigned count = 0;
    while (queue_put(queue, text("a.b"), &message, NEVER, MANY, NULL))
        count++;
    ck_assert_uint_eq(count, QUEUE_SIZE_MAX / SIZE + 1);
    ck_assert_uint_eq(queue_room(queue, MANY), 0);
    free(body);
}
END_TEST

START_TEST(what_has_expired_is_passed_over)
{
    ck_assert(put_until(queue, "old", 100, NULL));
    ck_assert(put_until(queue, "new", 101, NULL));
    expect_item(queue_take(queue, 100, NULL, NULL), "new");
    ck_assert_ptr_null(queue_take(queue, 100, NULL, NULL));
}
END_TEST

START_TEST(who_waits_first_is_served_first)
{
    unsigned wakes = 0;
    struct queue_desk desk = { .wake = count_wake, .arg = &wakes };
    struct queue_waiter first, second;
    ck_assert_ptr_null(queue_take(queue, 0, &first, &desk));
    ck_assert_ptr_null(queue_take(queue, 0, &second, &desk));
    ck_assert_ptr_null(queue_served(queues, &desk));
    put(queue, "1");
    ck_assert_uint_eq(wakes, 1);
    ck_assert_ptr_eq(queue_served(queues, &desk), &first);
    expect_item(first.item, "1");
    ck_assert_ptr_null(queue_served(queues, &desk));
    put(queue, "2");
    ck_assert_uint_eq(wakes, 2);
    ck_assert_ptr_eq(queue_served(queues, &desk), &second);
    expect_item(second.item, "2");
    put(queue, "3");
    expect_next(queue, "3");
}
END_TEST

START_TEST(a_desk_is_woken_once_and_its_own_thread_never)
{
    unsigned wakes = 0;
    struct queue_desk desk = { .wake = count_wake, .arg = &wakes };
    struct queue_waiter waiters[3];
    for (unsigned i = 0; i < 3; i++)
        queue_take(queue, 0, &waiters[i], &desk);
    ck_assert(put_until(queue, "0", NEVER, &desk));
    ck_assert_uint_eq(wakes, 0);
    queue_item_destroy(queue_served(queues, &desk)->item);
    put(queue, "1");
    put(queue, "2");
    ck_assert_uint_eq(wakes, 1);
    queue_item_destroy(queue_served(queues, &desk)->item);
    queue_item_destroy(queue_served(queues, &desk)->item);
    ck_assert_ptr_null(queue_served(queues, &desk));
}
END_TEST

START_TEST(who_leaves_gives_back_what_he_was_given)
{
    unsigned wakes = 0;
    struct queue_desk desk = { .wake = count_wake, .arg = &wakes };
    struct queue_waiter waiters[3];
    for (unsigned i = 0; i < 3; i++)
        queue_take(queue, 0, &waiters[i], &desk);
    ck_assert_ptr_null(queue_leave(&waiters[1])); /* from the middle of the line */
    put(queue, "1");
    struct queue_item *item = queue_leave(&waiters[0]);
    queue_return(queue, item, NULL); /* goes to the next who waits */
    ck_assert_ptr_eq(queue_served(queues, &desk), &waiters[2]);
    queue_return(queue, waiters[2].item, NULL); /* goes in front */
    put(queue, "2");
    expect_next(queue, "1");
    expect_next(queue, "2");
    put(queue, "3");
    expect_next(queue, "3");
}
END_TEST

START_TEST(the_last_in_line_may_leave)
{
    unsigned wakes = 0;
    struct queue_desk desk = { .wake = count_wake, .arg = &wakes };
    struct queue_waiter waiters[3];
    queue_take(queue, 0, &waiters[0], &desk);
    queue_take(queue, 0, &waiters[1], &desk);
    ck_assert_ptr_null(queue_leave(&waiters[1]));
    queue_take(queue, 0, &waiters[2], &desk);
    ck_assert_ptr_null(queue_leave(&waiters[0]));
    put(queue, "1");
    ck_assert_ptr_eq(queue_served(queues, &desk), &waiters[2]);
    expect_item(waiters[2].item, "1");
}
END_TEST

/* Several threads put, several take, wait, give up and give back: each request comes out exactly once. */

enum { PUT_COUNT = 20000, PUTTERS = 2, TAKERS = 3 };

struct taker {
    pthread_t thread;
    struct queue_desk desk;
    sem_t woken;
    unsigned char *seen; /* of each number how often */
};

static atomic_uint taken_count;

static void wake_taker(void *arg)
{
    sem_post(arg);
}

static void see(struct taker *taker, struct queue_item *item)
{
    unsigned number;
    memcpy(&number, item->payload.data, sizeof number);
    taker->seen[number]++;
    atomic_fetch_add(&taken_count, 1);
    queue_item_destroy(item);
}

/* Every third time it gives up at once; every seventh it gives back what it was given meanwhile. */
static void take_one(struct taker *taker, unsigned turn)
{
    struct queue_waiter waiter;
    struct queue_item *item = queue_take(queue, 0, &waiter, &taker->desk);
    if (!item && turn % 3 == 0) {
        item = queue_leave(&waiter);
    } else if (!item) {
        sem_wait(&taker->woken);
        struct queue_waiter *served;
        while ((served = queue_served(queues, &taker->desk)))
            item = served->item;
        if (!item)
            item = queue_leave(&waiter); /* an older wake-up */
    }
    if (item && turn % 7 == 0)
        queue_return(queue, item, &taker->desk);
    else if (item)
        see(taker, item);
}

static void *take_all(void *arg)
{
    for (unsigned turn = 0; atomic_load(&taken_count) < PUT_COUNT * PUTTERS; turn++)
        take_one(arg, turn);
    return NULL;
}

static void *put_all(void *arg)
{
    unsigned base = *(unsigned *)arg * PUT_COUNT;
    for (unsigned i = 0; i < PUT_COUNT; i++) {
        unsigned number = base + i;
        struct message message = { .body = (const char *)&number, .reply = "r", .reply_size = 1,
                                   .body_size = sizeof number };
        while (!queue_put(queue, text("t"), &message, NEVER, 50, NULL))
            sched_yield();
    }
    return NULL;
}

START_TEST(threads_lose_nothing_and_get_nothing_twice)
{
    static unsigned char seen[TAKERS][PUT_COUNT * PUTTERS];
    struct taker takers[TAKERS];
    pthread_t putters[PUTTERS];
    unsigned numbers[PUTTERS];
    for (unsigned i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){ .desk = { .wake = wake_taker, .arg = &takers[i].woken }, .seen = seen[i] };
        sem_init(&takers[i].woken, 0, 0);
        pthread_create(&takers[i].thread, NULL, take_all, &takers[i]);
    }
    for (unsigned i = 0; i < PUTTERS; i++) {
        numbers[i] = i;
        pthread_create(&putters[i], NULL, put_all, &numbers[i]);
    }
    for (unsigned i = 0; i < PUTTERS; i++)
        pthread_join(putters[i], NULL);
    while (atomic_load(&taken_count) < PUT_COUNT * PUTTERS)
        sched_yield();
    for (unsigned i = 0; i < TAKERS; i++)
        sem_post(&takers[i].woken);
    for (unsigned i = 0; i < TAKERS; i++)
        pthread_join(takers[i].thread, NULL);
    for (unsigned number = 0; number < PUT_COUNT * PUTTERS; number++) {
        unsigned times = 0;
        for (unsigned i = 0; i < TAKERS; i++)
            times += seen[i][number];
        unit_assert(times == 1);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_come_out_in_order,
        a_queue_is_found_by_pattern_and_group,
        the_last_to_close_drops_what_is_left,
        a_full_queue_refuses,
        large_requests_fill_it_before_many_do,
        what_has_expired_is_passed_over,
        who_waits_first_is_served_first,
        a_desk_is_woken_once_and_its_own_thread_never,
        who_leaves_gives_back_what_he_was_given,
        the_last_in_line_may_leave,
        threads_lose_nothing_and_get_nothing_twice,
    };
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("queue");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
