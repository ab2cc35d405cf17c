/* What is counted, told to other threads: of all webhooks together, and of the first so many one by one. */
#include <stdio.h>
#include <stdlib.h>

#include "push/state.h"

_Static_assert((int)RETRY_DONE == WEBHOOK_DELIVERED && (int)RETRY_AGAIN == WEBHOOK_FAILED &&
               (int)RETRY_SLOWER == WEBHOOK_SLOWED && (int)RETRY_NEVER == WEBHOOK_REFUSED &&
               (int)RETRY_GONE == WEBHOOK_GONE, "order of results");

enum { NUMBER_COUNT = sizeof(struct webhook_tally) / sizeof(uint64_t) };

/* sum += sign * part, number by number. */
static void add(struct webhook_tally *sum, const struct webhook_tally *part, uint64_t sign)
{
    uint64_t of_sum[NUMBER_COUNT], of_part[NUMBER_COUNT];
    memcpy(of_sum, sum, sizeof of_sum);
    memcpy(of_part, part, sizeof of_part);
    for (unsigned i = 0; i < NUMBER_COUNT; i++)
        of_sum[i] += sign * of_part[i];
    memcpy(sum, of_sum, sizeof of_sum);
}

static struct webhook_tally tally_of(const struct hook *hook)
{
    const struct hook_counts *counts = &hook->counts;
    struct webhook_tally tally = {
        .duration_ms = counts->duration_ms, .guarded = counts->guarded, .dead = counts->dead,
        .filtered = counts->passed, .lost = counts->lost, .in_flight = hook->lanes.flying_count,
        .enabled = hook->settings.enabled, .open = hook->breaker.state != BREAKER_CLOSED, .count = 1,
    };
    memcpy(tally.attempts, counts->results, sizeof tally.attempts);
    memcpy(tally.buckets, counts->buckets, sizeof tally.buckets);
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next)
        tally.unsettled += consumer_unsettled(LIST_OWNER(at, struct hook_source, place)->consumer);
    return tally;
}

/* As it was last told. Of most webhooks, which have not done anything yet, the same is told: they share it. */

static const struct webhook_tally nothing = { .count = 0 };
static const struct webhook_tally idle = { .enabled = 1, .count = 1 };

static const struct webhook_tally *told_of(const struct hook *hook)
{
    return hook->tally ? hook->tally : &nothing;
}

static void forget_told(struct hook *hook)
{
    if (hook->tally != &idle)
        free((void *)hook->tally);
    hook->tally = NULL;
}

/* False: out of memory. */
static bool remember(struct hook *hook, const struct webhook_tally *tally)
{
    struct webhook_tally *own = hook->tally == &idle ? NULL : (struct webhook_tally *)hook->tally;
    if (memcmp(tally, &idle, sizeof idle) == 0) {
        forget_told(hook);
        hook->tally = &idle;
        return true;
    }
    if (!own && !(own = malloc(sizeof *own)))
        return false;
    *own = *tally;
    hook->tally = own;
    return true;
}

/* Under the mutex. */
static void take_place(struct deliverer *deliverer, struct hook *hook)
{
    for (unsigned i = 0; i < DELIVERER_TOLD_MAX && !hook->tally_place; i++)
        if (!*deliverer->told[i].name) {
            snprintf(deliverer->told[i].name, WEBHOOK_LABEL_SIZE, "%s", hook->settings.name);
            hook->tally_place = i + 1;
        }
}

/* Without memory it is told another time. */
void tally_tell(struct deliverer *deliverer, struct hook *hook)
{
    struct webhook_tally tally = tally_of(hook), before = *told_of(hook);
    if (memcmp(&tally, &before, sizeof tally) == 0 || !remember(hook, &tally))
        return;
    pthread_mutex_lock(&deliverer->mutex);
    if (!hook->tally_place && !before.count)
        take_place(deliverer, hook);
    add(&deliverer->all_told, &before, (uint64_t)-1);
    add(&deliverer->all_told, &tally, 1);
    if (hook->tally_place)
        deliverer->told[hook->tally_place - 1].tally = tally;
    pthread_mutex_unlock(&deliverer->mutex);
}

void tally_forget(struct deliverer *deliverer, struct hook *hook)
{
    pthread_mutex_lock(&deliverer->mutex);
    add(&deliverer->all_told, told_of(hook), (uint64_t)-1);
    if (hook->tally_place)
        deliverer->told[hook->tally_place - 1] = (struct webhook_row){ .name = "" };
    pthread_mutex_unlock(&deliverer->mutex);
    forget_told(hook);
    hook->tally_place = 0;
}

size_t deliverer_count(struct deliverer *deliverer, struct webhook_tally *ret_all, struct webhook_row *rows,
                       size_t room)
{
    size_t count = 0;
    pthread_mutex_lock(&deliverer->mutex);
    *ret_all = deliverer->all_told;
    for (unsigned i = 0; i < DELIVERER_TOLD_MAX && count < room; i++)
        if (*deliverer->told[i].name)
            rows[count++] = deliverer->told[i];
    pthread_mutex_unlock(&deliverer->mutex);
    return count;
}
