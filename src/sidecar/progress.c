#include "sidecar/progress.h"

/* Each of the three is a reason to wait on: it has just been reached, something has just come, something has just been
 * taken. */
enum progress_state progress_judge(const struct progress_figures *figures, uint64_t stall_ms)
{
    if (!figures->is_up)
        return PROGRESS_AWAY;
    if (!figures->waiting_count)
        return PROGRESS_IDLE;
    bool stalls = figures->up_ms > stall_ms && figures->oldest_ms > stall_ms && figures->answered_ms > stall_ms;
    return stalls ? PROGRESS_STALLED : PROGRESS_MOVING;
}

const char *progress_name(enum progress_state state)
{
    static const char *const names[] = {
        [PROGRESS_IDLE] = "idle",
        [PROGRESS_MOVING] = "moving",
        [PROGRESS_AWAY] = "away",
        [PROGRESS_STALLED] = "stalled",
    };
    return names[state];
}
