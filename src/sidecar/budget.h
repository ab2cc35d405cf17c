/*
 * budget: how many calls to one service may be tried again. Each call that is made earns a part of a retry, and each
 * retry costs a whole one, so that retries stay a share of the calls: a service that is down is not asked many times as
 * much as one that is well. Some are there from the start, for whoever calls seldom. Pure.
 */
#ifndef SIDECAR_BUDGET_H
#define SIDECAR_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum { BUDGET_RESERVE = 10 }; /* retries, at the start and at most */

struct budget {
    unsigned percent; /* of the calls */
    unsigned parts;   /* hundredths of a retry */
};

static inline void budget_init(struct budget *budget, unsigned percent)
{
    *budget = (struct budget){ .percent = percent, .parts = percent ? 100 * BUDGET_RESERVE : 0 };
}

/* A call is made. */
static inline void budget_earn(struct budget *budget)
{
    unsigned parts = budget->parts + budget->percent;
    budget->parts = parts < 100 * BUDGET_RESERVE ? parts : 100 * BUDGET_RESERVE;
}

/* True where it may be tried again; then that is paid for. */
static inline bool budget_spend(struct budget *budget)
{
    if (budget->parts < 100)
        return false;
    budget->parts -= 100;
    return true;
}

#endif
