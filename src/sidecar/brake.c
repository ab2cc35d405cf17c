#include "sidecar/brake.h"

void brake_set(struct brake *brake, uint32_t limit_max, uint64_t wait_min_ms, uint64_t wait_max_ms)
{
    brake->limit_max = limit_max;
    brake->wait_ms = brake->wait_min_ms = wait_min_ms;
    brake->wait_max_ms = wait_max_ms;
}

void brake_reset(struct brake *brake, bool slowly)
{
    brake->is_on = false;
    brake->limit = slowly ? 1 : brake->limit_max;
}

void brake_apply(struct brake *brake)
{
    brake->is_on = true;
    brake->due_ms = 0;
}

static void begin_pause(struct brake *brake, uint64_t now_ms, uint32_t chance)
{
    uint64_t whole_ms = brake->wait_ms;
    brake->due_ms = now_ms + whole_ms - chance % (whole_ms / 2 + 1);
    brake->wait_ms = whole_ms < brake->wait_max_ms / 2 ? 2 * whole_ms : brake->wait_max_ms;
}

enum brake_state brake_look(struct brake *brake, uint64_t now_ms, uint32_t in_flight, uint32_t chance)
{
    if (!brake->is_on)
        return BRAKE_OFF;
    if (in_flight)
        return BRAKE_ON;
    if (!brake->due_ms)
        begin_pause(brake, now_ms, chance);
    if (now_ms < brake->due_ms)
        return BRAKE_ON;
    brake_reset(brake, true);
    return BRAKE_RELEASED;
}

bool brake_ease(struct brake *brake)
{
    if (brake->is_on || brake->limit >= brake->limit_max)
        return false;
    brake->limit = brake->limit < brake->limit_max / 2 ? 2 * brake->limit : brake->limit_max;
    brake->wait_ms = brake->wait_min_ms;
    return true;
}
