#include "jetstream/clerk.h"

#include <pthread.h>
#include <stdlib.h>

#include "../unit.h"

enum { JOBS = 500 };

/* A thread that has jobs done, and waits for them. */
struct customer {
    struct clerk_desk desk;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    unsigned wake_count;
    unsigned finished_count;
};

struct errand {
    struct clerk_job job;
    struct customer *customer;
    unsigned number;
    unsigned turn; /* which of all it was, 0: not done */
    pthread_t who;
};

static unsigned turns;

static void run(struct clerk_job *job)
{
    struct errand *errand = (struct errand *)job;
    errand->turn = ++turns; /* by one thread alone */
    errand->who = pthread_self();
}

static void finished(struct clerk_job *job)
{
    struct errand *errand = (struct errand *)job;
    unit_assert(errand->turn && errand->number == errand->customer->finished_count);
    errand->customer->finished_count++;
}

static void wake(void *arg)
{
    struct customer *customer = arg;
    pthread_mutex_lock(&customer->lock);
    customer->wake_count++;
    pthread_cond_signal(&customer->woken);
    pthread_mutex_unlock(&customer->lock);
}

static void customer_init(struct customer *customer)
{
    *customer = (struct customer){ .wake_count = 0 };
    pthread_mutex_init(&customer->lock, NULL);
    pthread_cond_init(&customer->woken, NULL);
    clerk_desk_init(&customer->desk, wake, customer);
}

static void submit(struct clerk *clerk, struct customer *customer, struct errand *errand, unsigned number)
{
    *errand = (struct errand){ .customer = customer, .number = number };
    errand->job = (struct clerk_job){ .desk = &customer->desk, .run = run, .finished = finished };
    clerk_submit(clerk, &errand->job);
}

static void take_all(struct clerk *clerk, struct customer *customer)
{
    struct clerk_job *job;
    while ((job = clerk_done(clerk, &customer->desk)))
        job->finished(job);
}

START_TEST(jobs_are_done_one_after_the_other_and_come_back_to_their_desks)
{
    static struct errand errands[2][JOBS];
    struct customer customers[2];
    struct clerk *clerk;
    ck_assert_int_eq(clerk_create(&clerk), 0);
    turns = 0;
    for (unsigned i = 0; i < 2; i++)
        customer_init(&customers[i]);
    for (unsigned i = 0; i < JOBS; i++)
        for (unsigned k = 0; k < 2; k++)
            submit(clerk, &customers[k], &errands[k][i], i);
    for (unsigned k = 0; k < 2; k++)
        while (customers[k].finished_count < JOBS) {
            pthread_mutex_lock(&customers[k].lock);
            while (!customers[k].wake_count)
                pthread_cond_wait(&customers[k].woken, &customers[k].lock);
            customers[k].wake_count = 0;
            pthread_mutex_unlock(&customers[k].lock);
            take_all(clerk, &customers[k]);
        }
    for (unsigned i = 0; i < JOBS; i++) {
        ck_assert_uint_eq(errands[0][i].turn, 2 * i + 1);
        ck_assert_uint_eq(errands[1][i].turn, 2 * i + 2);
        ck_assert(!pthread_equal(errands[0][i].who, pthread_self()));
    }
    clerk_destroy(clerk);
}
END_TEST

START_TEST(what_is_left_is_done_at_the_end)
{
    static struct errand errands[JOBS];
    struct customer customer;
    struct clerk *clerk;
    ck_assert_int_eq(clerk_create(&clerk), 0);
    customer_init(&customer);
    for (unsigned i = 0; i < JOBS; i++)
        submit(clerk, &customer, &errands[i], i);
    clerk_destroy(clerk);
    take_all(NULL, &customer);
    ck_assert_uint_eq(customer.finished_count, JOBS);
    clerk_destroy(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        jobs_are_done_one_after_the_other_and_come_back_to_their_desks,
        what_is_left_is_done_at_the_end,
        NULL,
    };
    return unit_run("clerk", tests);
}
