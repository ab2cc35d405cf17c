/*
 * retry: what an answer means, and when the next attempt follows. The schedule is that of Standard Webhooks unless the
 * settings have another; each delay is moved by a fifth at most either way, so that what failed together does not come
 * back together. Pure; any thread.
 */
#ifndef PUSH_RETRY_H
#define PUSH_RETRY_H

#include "util/random.h"
#include "util/slice.h"

enum { RETRY_DELAYS_MAX = 64 };

/* After the first attempt, the second ...; with n delays there are n + 1 attempts. */
struct retry_schedule {
    const uint64_t *delays_ms;
    unsigned count;
};

/* 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
extern const struct retry_schedule retry_standard;

enum retry_verdict {
    RETRY_DONE,                      /* 2xx */
    RETRY_AGAIN,                     /* try again when the schedule says */
    RETRY_SLOWER,                    /* and ask less of the receiver meanwhile: 429, 502, 503, 504 */
    RETRY_NEVER,                     /* the receiver does not want this message: it is dead */
    RETRY_GONE,                      /* 410: it wants none any more */
};

/* What a status says; 0: there was no answer. A redirect is none that is followed. gives_up: whether 4xx other than
 * 408, 410, 425 and 429 are for ever. */
enum retry_verdict retry_judge(unsigned status, bool gives_up);

/* The value of Retry-After, seconds or a date: milliseconds from now; what has passed is 0. False where it is neither
 * of both. */
bool retry_after_read(struct slice value, uint64_t wall_ms, uint64_t *ret_delay_ms);

/* The time to the next attempt after so many, 1 or more: the schedule's, and not before the receiver has asked for it
 * (after_ms, already bounded). False: there is no further attempt. */
bool retry_next(const struct retry_schedule *schedule, uint64_t attempt_count, uint64_t after_ms,
                struct random *random, uint64_t *ret_delay_ms);

#endif
