/* Retries are a share of the calls. */
#include "sidecar/budget.h"
#include "../unit.h"

static unsigned spend_all(struct budget *budget)
{
    unsigned count = 0;
    while (budget_spend(budget))
        count++;
    return count;
}

START_TEST(there_is_a_reserve)
{
    struct budget budget;
    budget_init(&budget, 20);
    ck_assert_uint_eq(spend_all(&budget), BUDGET_RESERVE);
    ck_assert(!budget_spend(&budget));
}
END_TEST

START_TEST(calls_earn_a_share)
{
    struct budget budget;
    budget_init(&budget, 20);
    spend_all(&budget);
    for (unsigned i = 0; i < 4; i++)
        budget_earn(&budget);
    ck_assert(!budget_spend(&budget));
    budget_earn(&budget);
    ck_assert_uint_eq(spend_all(&budget), 1);
}
END_TEST

START_TEST(no_more_than_the_reserve_is_saved_up)
{
    struct budget budget;
    budget_init(&budget, 100);
    for (unsigned i = 0; i < 1000; i++)
        budget_earn(&budget);
    ck_assert_uint_eq(spend_all(&budget), BUDGET_RESERVE);
}
END_TEST

START_TEST(without_a_share_there_is_none)
{
    struct budget budget;
    budget_init(&budget, 0);
    budget_earn(&budget);
    ck_assert(!budget_spend(&budget));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        there_is_a_reserve,
        calls_earn_a_share,
        no_more_than_the_reserve_is_saved_up,
        without_a_share_there_is_none,
        NULL,
    };
    return unit_run("budget", tests);
}
