/*
 * pace: no more than so many a second, or a minute, evenly, but for what a tenth of a second has saved up. Belongs to
 * its webhook. Time is passed in.
 */
#ifndef PUSH_PACE_H
#define PUSH_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t interval_us;            /* between two; 0: any number */
    uint64_t next_us;                /* when the next would be due if all came evenly */
};

enum { PACE_SAVED_US = 100000 };

/* 0 each: any number. */
static inline void pace_set(struct pace *pace, uint64_t per_second, uint64_t per_minute)
{
    uint64_t of_second_us = per_second ? 1000000 / per_second : 0;
    uint64_t of_minute_us = per_minute ? 60000000 / per_minute : 0;
    pace->interval_us = of_second_us > of_minute_us ? of_second_us : of_minute_us;
}

/* When the next may begin; 0: at any time. */
static inline uint64_t pace_due_ms(const struct pace *pace)
{
    return !pace->interval_us || pace->next_us < PACE_SAVED_US ? 0 : (pace->next_us - PACE_SAVED_US + 999) / 1000;
}

/* One begins. */
static inline void pace_begin(struct pace *pace, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    if (pace->interval_us)
        pace->next_us = (pace->next_us > now_us ? pace->next_us : now_us) + pace->interval_us;
}

#endif
