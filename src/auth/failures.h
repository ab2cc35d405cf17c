/*
 * failures: from where proofs have failed of late, so that guessing is slow: how long a refusal is held back, and how
 * many may be under way from one place. A table of fixed size; a place that is pushed out of it begins anew. Who shows
 * the right thing is never held back for the failures of others at his place, unless these have filled it. Owned, and
 * locked, by its owner.
 */
#ifndef AUTH_FAILURES_H
#define AUTH_FAILURES_H

#include "util/slice.h"

enum {
    FAILURES_FREE = 3,             /* refusals that are told at once */
    FAILURES_DELAY_MIN_MS = 100,   /* the one behind them, which then doubles */
    FAILURES_UNDER_WAY_MAX = 256,  /* of one place: what is being looked at, and what is held back */
    FAILURES_MEMORY_MS = 60000,    /* without a failure for so long, a place is as good as any */
    FAILURES_PLACE_SIZE_MAX = 16,
};

struct failures;

/* NULL: out of memory. */
struct failures *failures_create(uint64_t seed);

/* Takes NULL. */
void failures_destroy(struct failures *failures);

/* Counts in one that is under way. False: there are too many, and it is not to be looked at. An empty place is never
 * counted. now_ms: a clock that does not go back, as below. */
bool failures_begin(struct failures *failures, struct slice place, uint64_t now_ms);

/* Counts it out. */
void failures_end(struct failures *failures, struct slice place);

/* A proof has failed. Returns for how long its refusal is held back, at most delay_max_ms; 0: it is told at once. */
uint64_t failures_add(struct failures *failures, struct slice place, uint64_t delay_max_ms, uint64_t now_ms);

/* Whether anything is known of any place: where not, failures_begin says yes. */
bool failures_are_none(const struct failures *failures);

#endif
