/*
 * brake: how fast the spool may send. Where the broker could not take a message it holds, until what is on its way has
 * been answered and a pause is over; then one goes, and twice as many with each that is taken.
 *
 *   off -- apply --> on: nothing is sent -- all answered --> pause -- over --> released: one at a time, then ever more
 *
 * Pure.
 */
#ifndef SIDECAR_BRAKE_H
#define SIDECAR_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

struct brake {
    bool is_on;
    uint32_t limit, limit_max;       /* how many may be on their way, now and at most */
    uint64_t due_ms;                 /* when the pause is over; 0: it has not begun */
    uint64_t wait_ms, wait_min_ms, wait_max_ms; /* the next pause: it doubles with each failure */
};

/* Other bounds; the next pause is the shortest. */
void brake_set(struct brake *brake, uint32_t limit_max, uint64_t wait_min_ms, uint64_t wait_max_ms);

/* Off, as many as may be; or one at first. */
void brake_reset(struct brake *brake, bool slowly);

/* The broker could not take one: nothing goes until a pause, begun when all are answered, is over. */
void brake_apply(struct brake *brake);

enum brake_state {
    BRAKE_OFF,
    BRAKE_ON,                        /* to be asked again at due_ms, if that is not 0, or after the next answer */
    BRAKE_RELEASED,                  /* just now: all that is not done is to be sent anew */
};

/* Once a turn. in_flight: how many are on their way; chance: any number, by which the pause is cut to between half and
 * the whole. */
enum brake_state brake_look(struct brake *brake, uint64_t now_ms, uint32_t in_flight, uint32_t chance);

/* One has been taken. True: it goes on after it had been held. */
bool brake_ease(struct brake *brake);

#endif
