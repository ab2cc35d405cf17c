/* What is given up: the owner is told, message and all, and then it is no longer pending. */
#include "consumer/state.h"

enum {
    ASKED_MAX = 64,              /* so many are on their way to where they are kept; the others wait for these */
    RETRY_MS = 1000,
};

static enum consumer_death death_of(const struct pending_entry *entry)
{
    return entry->is_terminated ? CONSUMER_TERMINATED : CONSUMER_MAX_DELIVER;
}

/* False: it has to wait. */
static bool bury(struct consumer *consumer, struct turn *turn, struct pending_entry *entry)
{
    const struct consumer_ops *ops = consumer->ops;
    struct stream_message message;
    if (!ops->dead) {
        consumer_settle(consumer, entry, entry->is_terminated);
        return true;
    }
    enum supply_found found = supply_at(consumer, entry->sequence, &message);
    turn->is_away |= found == SUPPLY_AWAY;
    bool waits = found == SUPPLY_AWAY || (found == SUPPLY_FOUND && !ops->dead(consumer->arg, &message, death_of(entry),
                                                                          entry->delivery_count,
                                                                          slice_of(entry->words)));
    if (!waits)
        consumer_settle(consumer, entry, false);
    return !waits;
}

void dead_run(struct consumer *consumer, struct turn *turn)
{
    struct pending_entry *next, *entry = pending_next_dead(&consumer->pending);
    unsigned asked = 0;
    for (; entry && asked < ASKED_MAX && turn_goes_on(turn); entry = next) {
        next = pending_after_dead(&consumer->pending, entry);
        if (bury(consumer, turn, entry))
            turn_spend(turn);
        else
            asked++; /* in vain: that is no progress, of which there could be more */
        supply_release(consumer);
    }
    if (asked)
        turn_until(turn, turn->time.now_ms + RETRY_MS);
}
