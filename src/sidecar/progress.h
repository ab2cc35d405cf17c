/*
 * progress: does it go on? What /healthz, /readyz and /progress say of a sidecar, judged from figures.
 *
 *     idle      nothing waits for the broker            away      the broker cannot be reached: what waits is kept
 *     moving    what waits is being taken               stalled   it can be reached, and takes nothing
 *
 * Only `stalled` is a reason to start the sidecar anew: a broker that is away is why there is a sidecar. Pure.
 */
#ifndef SIDECAR_PROGRESS_H
#define SIDECAR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_state { PROGRESS_IDLE, PROGRESS_MOVING, PROGRESS_AWAY, PROGRESS_STALLED };

struct progress_figures {
    bool is_up;                      /* connected to the broker */
    uint64_t up_ms;                  /* for so long */
    uint64_t waiting_count;          /* messages that wait for the broker */
    uint64_t oldest_ms;              /* age of the oldest of them */
    uint64_t answered_ms;            /* since the broker last said anything to one; UINT64_MAX: it never has */
};

/* stall_ms: how long nothing may move. */
enum progress_state progress_judge(const struct progress_figures *figures, uint64_t stall_ms);

/* "idle" and so on. */
const char *progress_name(enum progress_state state);

#endif
