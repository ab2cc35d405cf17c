/* Dead records that are not written down yet. */
#include "store/state.h"

#include <stdlib.h>

static bool put_together(struct log_range *range, uint64_t first, uint64_t last)
{
    if (range->last + 1 == first)
        range->last = last;
    else if (last + 1 == range->first)
        range->first = first;
    else
        return false;
    return true;
}

void kills_add(struct kills *kills, uint64_t first, uint64_t last)
{
    if (kills->count > kills->taken && put_together(&kills->ranges[kills->count - 1], first, last))
        return;
    if (kills->count == kills->room) {
        size_t room = kills->room ? 2 * kills->room : 64;
        struct log_range *ranges = realloc(kills->ranges, room * sizeof *ranges);
        if (!ranges) {
            kills->is_lost = true;
            return;
        }
        kills->ranges = ranges;
        kills->room = room;
    }
    kills->ranges[kills->count++] = (struct log_range){ first, last };
}

void kills_finish(struct kills *kills)
{
    free(kills->ranges);
    *kills = (struct kills){ .ranges = NULL };
}
