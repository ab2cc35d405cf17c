/*
 * breaker: how much a receiver is asked for. It may have so many attempts at once as long as it answers; one that has
 * failed too often in a row gets none for a while, then a single one, by which it shows whether it is back.
 *
 *     closed  --failures in a row-->  open  --time-->  half open  --success-->  closed
 *                                       ^                  |
 *                                       `-- twice as long --'  failure
 *
 * A new one, one that comes back, and one that asks for less (RETRY_SLOWER) begins with few, and is given one more with
 * each success: so one that never answers has few connections of those that there are. Belongs to its webhook. Time and
 * chance are passed in.
 */
#ifndef PUSH_BREAKER_H
#define PUSH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/random.h"

struct breaker_settings {
    unsigned limit;                  /* attempts at once; 1 or more */
    unsigned failures;               /* in a row, that open it; 1 or more */
    uint64_t open_min_ms, open_max_ms;
};

extern const struct breaker_settings breaker_standard; /* 64; 10; 1 s to 1 m */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
enum breaker_result { BREAKER_SUCCESS, BREAKER_FAILURE, BREAKER_SLOWER };

struct breaker {
    struct breaker_settings settings;
    enum breaker_state state;
    bool is_probing;                 /* half open: the one attempt is under way */
    unsigned allowance;              /* attempts at once, for now */
    unsigned failure_count;          /* in a row */
    uint64_t open_ms;                /* for how long it was opened last; 0: not since it last closed */
    uint64_t until_ms;               /* open: until then */
    uint64_t paused_ms;              /* the receiver has asked for nothing before then */
};

void breaker_init(struct breaker *breaker, const struct breaker_settings *settings);
/* Other settings from now on. */
void breaker_change(struct breaker *breaker, const struct breaker_settings *settings);

/* May one more attempt begin beside so many? */
bool breaker_admits(struct breaker *breaker, unsigned flying_count, uint64_t now_ms);
/* One has begun that was admitted. */
void breaker_begin(struct breaker *breaker);
/* One has ended. True where it has opened or closed the breaker. */
bool breaker_note(struct breaker *breaker, enum breaker_result result, uint64_t now_ms, struct random *random);
/* One has ended that says nothing of the receiver. */
void breaker_forget(struct breaker *breaker);

/* Nothing begins before then. */
void breaker_pause(struct breaker *breaker, uint64_t until_ms);

/* When time alone may let it admit one; UINT64_MAX: it does not wait for time. */
uint64_t breaker_due_ms(const struct breaker *breaker, uint64_t now_ms);

#endif
