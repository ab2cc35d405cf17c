/* What is given up: the owner is told, message and all, and then it is no longer pending. */
#include "consumer/state.h"

enum { RETRY_MS = 250 };

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
    enum scan_found found = scan_at(consumer, entry->sequence, &message);
    turn->is_away |= found == SCAN_AWAY;
    if (found == SCAN_AWAY)
        return false;
    if (found == SCAN_FOUND && !ops->dead(consumer->arg, &message, death_of(entry), entry->delivery_count,
                                          slice_of(entry->words))) {
        consumer->dead_due_ms = turn->time.now_ms + RETRY_MS;
        return false;
    }
    consumer_settle(consumer, entry, false);
    return true;
}

void dead_run(struct consumer *consumer, struct turn *turn)
{
    struct pending_entry *entry;
    bool goes_on = consumer->dead_due_ms <= turn->time.now_ms;
    while (goes_on && turn->budget && (entry = pending_next_dead(&consumer->pending))) {
        turn->budget--;
        goes_on = bury(consumer, turn, entry);
        scan_release(consumer);
    }
    if (consumer->pending.dead_count && consumer->dead_due_ms > turn->time.now_ms)
        turn_until(turn, consumer->dead_due_ms);
}
