/*
 * Dead letters that are sent once more: of each stream of them a list of sequences, of which a few at a time are in
 * hand. Where order matters they go one after the other, the oldest first, beside what is new.
 */
#include <errno.h>
#include <stdlib.h>

#include "push/hook.h"

struct replay {
    uint64_t *sequences;             /* ascending */
    size_t at, count;                /* [at, count) are to be sent */
    unsigned in_hand;
};

void replay_drop(struct replay *replay)
{
    replay->in_hand--;
}

void replay_free(struct replay *replay)
{
    if (replay)
        free(replay->sequences);
    free(replay);
}

/* Beginning. */

static struct hook_source *find_grave(const struct hook *hook, const struct stream *stream)
{
    for (struct list *at = hook->graves.next; at != &hook->graves; at = at->next)
        if (LIST_OWNER(at, struct hook_source, place)->stream == stream)
            return LIST_OWNER(at, struct hook_source, place);
    return NULL;
}

/* NULL: out of memory. */
static struct hook_source *open_grave(struct hook *hook, struct stream *stream)
{
    struct hook_source *source = find_grave(hook, stream);
    if (source)
        return source;
    source = source_create(hook, stream, &hook->graves);
    if (source && !(source->replay = calloc(1, sizeof *source->replay))) {
        hook_remove_source(source);
        return NULL;
    }
    return source;
}

static int compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static bool is_in_hand(const struct hook_source *source, uint64_t sequence)
{
    const struct list *parcels = &source->hook->parcels;
    for (struct list *at = parcels->next; source->replay->in_hand && at != parcels; at = at->next) {
        const struct parcel *parcel = LIST_OWNER(at, struct parcel, place);
        if (parcel->source == source && parcel->sequence == sequence)
            return true;
    }
    return false;
}

static bool is_known(const struct hook_source *source, uint64_t sequence)
{
    const struct replay *replay = source->replay;
    return (replay->at < replay->count && bsearch(&sequence, replay->sequences + replay->at,
                                                  replay->count - replay->at, sizeof sequence, compare)) ||
           is_in_hand(source, sequence);
}

int hook_replay(struct hook *hook, struct stream *stream, const uint64_t *sequences, size_t count, size_t *ret_count)
{
    struct hook_source *source = open_grave(hook, stream);
    if (!source)
        return -ENOMEM;
    struct replay *replay = source->replay;
    size_t left = replay->count - replay->at, all = left;
    uint64_t *joined = malloc((left + count + 1) * sizeof *joined);
    if (!joined)
        return -ENOMEM;
    if (left)
        memcpy(joined, replay->sequences + replay->at, left * sizeof *joined);
    for (size_t i = count; i-- > 0;)
        if (!is_known(source, sequences[i]))
            joined[all++] = sequences[i];
    qsort(joined, all, sizeof *joined, compare);
    free(replay->sequences);
    *replay = (struct replay){ joined, 0, all, replay->in_hand };
    *ret_count = all - left;
    hook_is_ready(hook);
    return 0;
}

/* Running. */

/* They get half of what the receiver is asked for at once. */
static unsigned room(const struct hook *hook)
{
    return hook->settings.mode != WEBHOOK_PARALLEL || hook->breaker.allowance < 2 ? 1 : hook->breaker.allowance / 2;
}

/* False: nothing more now. */
static bool take(struct hook_source *source)
{
    struct replay *replay = source->replay;
    if (replay->at == replay->count || replay->in_hand >= room(source->hook) ||
        !source_add_extra(source, replay->sequences[replay->at]))
        return false;
    replay->at++;
    replay->in_hand++;
    return true;
}

void replay_run(struct hook *hook)
{
    for (struct list *next, *at = hook->graves.next; at != &hook->graves; at = next) {
        struct hook_source *source = LIST_OWNER(at, struct hook_source, place);
        next = at->next;
        while (take(source))
            ;
        if (source->replay->at == source->replay->count && !source->replay->in_hand)
            hook_remove_source(source);
    }
}
