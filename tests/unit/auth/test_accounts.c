/* Accounts: what a user has counts over all threads, a rate holds to the millisecond, and debts are not forgotten. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "../unit.h"
#include "auth/accounts.h"
#include "auth/limits.h"

#define S 1000000000ull
#define MS 1000000ull

static struct account *enter(struct accounts *accounts, const char *name, uint64_t now_ns)
{
    struct account *account;
    ck_assert_int_eq(accounts_enter(accounts, slice_of(name), NULL, now_ns, &account), 0);
    return account;
}

START_TEST(connections_are_counted_by_name)
{
    const struct user_limits limits = { .connections_max = 2 };
    struct accounts *accounts = accounts_create();
    struct account *first, *second, *third, *other;
    ck_assert_int_eq(accounts_enter(accounts, slice_of("ann"), &limits, 0, &first), 0);
    ck_assert_int_eq(accounts_enter(accounts, slice_of("ann"), &limits, 0, &second), 0);
    ck_assert_ptr_eq(first, second);
    ck_assert_int_eq(accounts_enter(accounts, slice_of("ann"), &limits, 0, &third), -EDQUOT);
    ck_assert_ptr_null(third);
    ck_assert_int_eq(accounts_enter(accounts, slice_of("bob"), &limits, 0, &other), 0);
    ck_assert_int_eq(accounts_enter(accounts, slice_of("ann"), NULL, 0, &third), 0); /* whatever they say */
    ck_assert_uint_eq(account_connections(first), 3);
    for (int i = 0; i < 3; i++)
        accounts_leave(accounts, first);
    accounts_leave(accounts, other);
    ck_assert_int_eq(accounts_enter(accounts, slice_of("ann"), &limits, 0, &first), 0);
    accounts_leave(accounts, first);
    accounts_destroy(accounts);
}
END_TEST

START_TEST(subscriptions_are_counted)
{
    const struct user_limits limits = { .subscriptions_max = 2 }, none = { 0 };
    struct accounts *accounts = accounts_create();
    struct account *account = enter(accounts, "ann", 0);
    ck_assert(account_subscribe(account, &limits) && account_subscribe(account, &limits));
    ck_assert(!account_subscribe(account, &limits));
    ck_assert(account_subscribe(account, &none));
    ck_assert_uint_eq(account_subscriptions(account), 3);
    account_unsubscribe(account);
    ck_assert(!account_subscribe(account, &limits));
    account_unsubscribe(account);
    ck_assert(account_subscribe(account, &limits));
    accounts_leave(accounts, account);
    accounts_destroy(accounts);
}
END_TEST

START_TEST(a_second_comes_at_once_and_the_rest_at_the_rate)
{
    const struct user_limits limits = { .publish_rate = 100 };
    struct accounts *accounts = accounts_create();
    struct account *account = enter(accounts, "ann", 0);
    uint64_t now = 5 * S, messages, bytes, sent = 0;
    account_room(account, &limits, now, &messages, &bytes);
    ck_assert_uint_eq(messages, 100);
    ck_assert_uint_eq(bytes, UINT64_MAX);
    ck_assert_uint_eq(account_charge(account, &limits, 100, 1 << 30, now), 0);
    ck_assert_uint_eq(account_wait_ms(account, now), 0);
    account_room(account, &limits, now, &messages, &bytes);
    ck_assert_uint_eq(messages, 1);
    for (uint64_t end = now + 10 * S; now < end; sent++)
        now += account_charge(account, &limits, 1, 0, now) * MS;
    ck_assert_uint_ge(sent, 999);
    ck_assert_uint_le(sent, 1001);
    now += 60 * S; /* rest saves up no more than a second */
    account_room(account, &limits, now, &messages, &bytes);
    ck_assert_uint_eq(messages, 100);
    accounts_leave(accounts, account);
    accounts_destroy(accounts);
}
END_TEST

START_TEST(the_slower_of_both_rates_counts)
{
    const struct user_limits limits = { .publish_rate = 1000, .publish_bytes_rate = 1000 };
    struct accounts *accounts = accounts_create();
    struct account *account = enter(accounts, "ann", 0);
    uint64_t now = S;
    ck_assert_uint_eq(account_charge(account, &limits, 1, 3000, now), 2000);
    ck_assert_uint_eq(account_wait_ms(account, now + 500 * MS), 1500);
    ck_assert_uint_eq(account_wait_ms(account, now + 2 * S), 0);
    accounts_leave(accounts, account);
    accounts_destroy(accounts);
}
END_TEST

START_TEST(coming_anew_pays_no_debts_and_who_owes_nothing_is_forgotten)
{
    const struct user_limits limits = { .publish_rate = 1 };
    struct accounts *accounts = accounts_create();
    struct account *account = enter(accounts, "ann", 0);
    account_charge(account, &limits, 11, 0, S);
    accounts_leave(accounts, account);
    account = enter(accounts, "ann", S);
    ck_assert_uint_eq(account_wait_ms(account, S), 10000);
    accounts_leave(accounts, account);
    char name[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "u%d", i);
        accounts_leave(accounts, enter(accounts, name, 20 * S));
    }
    ck_assert_uint_le(accounts_count(accounts), 256);
    accounts_destroy(accounts);
}
END_TEST

enum { THREADS = 4, ROUNDS = 50000 };
static struct accounts *shared;

static void *use(void *arg)
{
    const struct user_limits limits = { .publish_rate = 1000000, .subscriptions_max = 1000 };
    for (int i = 0; i < ROUNDS; i++) {
        struct account *account;
        if (accounts_enter(shared, slice_of(i % 2 ? "ann" : "bob"), NULL, S, &account) != 0)
            return NULL;
        account_charge(account, &limits, 1, 0, S);
        if (account_subscribe(account, &limits))
            account_unsubscribe(account);
        accounts_leave(shared, account);
    }
    return arg;
}

START_TEST(nothing_is_lost_between_threads)
{
    const struct user_limits limits = { .publish_rate = 1000000 };
    pthread_t threads[THREADS];
    shared = accounts_create();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use, shared), 0);
    for (int i = 0; i < THREADS; i++) {
        void *ended;
        pthread_join(threads[i], &ended);
        ck_assert_ptr_nonnull(ended);
    }
    struct account *ann = enter(shared, "ann", S);
    uint64_t messages, bytes;
    ck_assert_uint_eq(account_connections(ann), 1);
    ck_assert_uint_eq(account_subscriptions(ann), 0);
    account_room(ann, &limits, S, &messages, &bytes);
    ck_assert_uint_eq(messages, 1000000 - THREADS * ROUNDS / 2);
    accounts_leave(shared, ann);
    accounts_destroy(shared);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        connections_are_counted_by_name,
        subscriptions_are_counted,
        a_second_comes_at_once_and_the_rest_at_the_rate,
        the_slower_of_both_rates_counts,
        coming_anew_pays_no_debts_and_who_owes_nothing_is_forgotten,
        nothing_is_lost_between_threads,
        NULL,
    };
    return unit_run("accounts", tests);
}
