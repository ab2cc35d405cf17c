/* Which streams webhooks read: each is watched once, whoever reads it, and they are matched anew when streams come, go
 * or change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"
#include "push/state.h"
#include "stream/registry.h"
#include "util/log.h"

/* Ties. */

static void wake(void *arg)
{
    const struct deliverer *deliverer = arg;
    loop_wake(&deliverer->loop);
}

static struct tie *find_tie(struct deliverer *deliverer, const struct stream *stream)
{
    for (struct list *at = deliverer->ties.next; at != &deliverer->ties; at = at->next)
        if (LIST_OWNER(at, struct tie, place)->stream == stream)
            return LIST_OWNER(at, struct tie, place);
    return NULL;
}

/* Something is for it, or may be. */
static void on_matched(struct tail_reader *reader)
{
    const struct keeping *keeping = (struct keeping *)reader;
    if (keeping->source)
        hook_is_ready(keeping->source->hook);
}

bool ties_next(void *arg, struct hook_source *source, uint64_t position, uint64_t *ret_until)
{
    struct keeping *keeping = source->owner;
    (void)arg;
    return keeping && keeping->is_reader && tail_next(keeping->tie->tail, &keeping->reader, position, ret_until);
}

/* Nothing up to here is needed: what is done with, and, where nothing is in hand, what is known not to be for it. */
static uint64_t floor_of(struct keeping *keeping)
{
    const struct consumer *consumer = keeping->source->consumer;
    uint64_t floor = consumer_floor(consumer), until;
    if (!consumer_unsettled(consumer) && ties_next(NULL, keeping->source, floor, &until) && until > floor)
        floor = until;
    return floor;
}

void tie_move_hold(struct keeping *keeping)
{
    uint64_t floor = keeping->is_holding ? floor_of(keeping) : 0;
    if (keeping->is_holding && floor != keeping->hold.floor)
        stream_move_hold(keeping->tie->stream, &keeping->hold, floor);
}

static bool is_by_interest(struct stream *stream)
{
    struct stream_settings settings;
    if (stream_get_settings(stream, &settings) != 0)
        return false;
    bool is_so = settings.retention == STREAM_INTEREST;
    settings_finish(&settings);
    return is_so;
}

static void begin_hold(struct keeping *keeping)
{
    if (!is_by_interest(keeping->tie->stream))
        return;
    keeping->is_holding = keeping->tie->is_held = true;
    keeping->hold.floor = consumer_floor(keeping->source->consumer);
    stream_hold(keeping->tie->stream, &keeping->hold);
}

struct spare {
    struct spare *next;
    struct stream *stream;           /* a reference */
    struct stream_hold hold;
};

struct spare *ties_spare(const struct hook *hook)
{
    struct spare *first = NULL;
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next) {
        const struct keeping *keeping = LIST_OWNER(at, struct hook_source, place)->owner;
        struct spare *spare = keeping->is_holding ? malloc(sizeof *spare) : NULL;
        if (!spare)
            continue;
        *spare = (struct spare){ first, stream_ref(keeping->tie->stream), { .floor = keeping->hold.floor } };
        stream_hold(spare->stream, &spare->hold);
        first = spare;
    }
    return first;
}

void ties_spare_no_more(struct spare *spare)
{
    while (spare) {
        struct spare *next = spare->next;
        stream_let_go(spare->stream, &spare->hold);
        stream_destroy(spare->stream);
        free(spare);
        spare = next;
    }
}

static struct tie *tie_stream(struct deliverer *deliverer, struct stream *stream)
{
    struct tie *tie = find_tie(deliverer, stream);
    if (tie || !(tie = calloc(1, sizeof *tie)))
        return tie;
    tie->tail = tail_create(stream, deliverer->world.hash_seed, on_matched);
    if (!tie->tail) {
        free(tie);
        return NULL;
    }
    tie->deliverer = deliverer;
    tie->stream = stream_ref(stream);
    tie->arrivals = stream_arrivals(stream);
    tie->watch.wake = wake;
    tie->watch.arg = deliverer;
    list_init(&tie->keepings);
    list_append(&deliverer->ties, &tie->place);
    stream_watch(stream, &tie->watch);
    return tie;
}

static void untie(struct tie *tie)
{
    if (!tie || !list_is_empty(&tie->keepings))
        return;
    stream_unwatch(tie->stream, &tie->watch);
    tail_destroy(tie->tail);
    stream_destroy(tie->stream);
    list_remove(&tie->place);
    free(tie);
}

/* Who waits for a block from disk finds out by himself whether it is his. */
static void look_at_arrivals(struct tie *tie)
{
    uint64_t arrivals = stream_arrivals(tie->stream);
    if (arrivals == tie->arrivals)
        return;
    tie->arrivals = arrivals;
    for (struct list *member = tie->keepings.next; member != &tie->keepings; member = member->next)
        hook_is_ready(LIST_OWNER(member, struct keeping, member)->source->hook);
}

bool ties_look_at_streams(struct deliverer *deliverer)
{
    bool is_more = false;
    for (struct list *at = deliverer->ties.next; at != &deliverer->ties; at = at->next) {
        struct tie *tie = LIST_OWNER(at, struct tie, place);
        if (stream_watch_take(&tie->watch))
            look_at_arrivals(tie);
        is_more |= tail_run(tie->tail, loop_wall_ms(&deliverer->loop));
        for (struct list *member = tie->keepings.next; tie->is_held && member != &tie->keepings; member = member->next)
            tie_move_hold(LIST_OWNER(member, struct keeping, member));
    }
    return is_more;
}

/* Sources. */

void ties_drop_source(struct keeping *keeping)
{
    graves_forget(keeping);
    if (keeping->is_holding)
        stream_let_go(keeping->tie->stream, &keeping->hold);
    keeping->is_holding = false;
    list_remove(&keeping->member);
    position_leave(keeping);
    if (keeping->is_reader)
        tail_remove(keeping->tie->tail, &keeping->reader);
    keeping->is_reader = false;
    untie(keeping->tie);
    if (keeping->source)
        hook_remove_source(keeping->source);
    keeping->source = NULL;
    if (!keeping->is_saving)
        keeping_free(keeping);
}

static int fill_keeping(struct keeping *keeping, struct hook *hook, struct stream *stream, bool from_start)
{
    struct deliverer *deliverer = keeping->deliverer;
    if (asprintf(&keeping->key, "%s.%s", hook->settings.name, stream_name(stream)) < 0) {
        keeping->key = NULL;
        return -ENOMEM;
    }
    keeping->is_stored = deliverer->meta && stream_is_durable(stream);
    keeping->tie = tie_stream(deliverer, stream);
    if (!keeping->tie)
        return -ENOMEM;
    list_append(&keeping->tie->keepings, &keeping->member);
    if (tail_add(keeping->tie->tail, &keeping->reader, slice_of(hook->settings.pattern)) != 0)
        return -ENOMEM;
    keeping->is_reader = true;
    struct slice state = position_take(deliverer, keeping->key);
    int error = hook_add_source(hook, stream, state, from_start, &keeping->source);
    free((char *)state.data);
    if (!error) {
        keeping->source->owner = keeping;
        begin_hold(keeping);
        position_has_changed(keeping);
    }
    return error;
}

/* One for which there is no memory is looked for again when the streams change. */
static void add_source(struct deliverer *deliverer, struct hook *hook, struct stream *stream, bool from_start)
{
    struct keeping *keeping = calloc(1, sizeof *keeping);
    if (keeping) {
        keeping->deliverer = deliverer;
        list_init(&keeping->member);
        list_init(&keeping->unsaved);
    }
    if (!keeping || fill_keeping(keeping, hook, stream, from_start) != 0) {
        log_error("webhook_without_stream", "webhook=%s stream=%s error=\"out of memory\"", hook->settings.name,
                  stream_name(stream));
        if (keeping)
            ties_drop_source(keeping);
    }
}

/* Which streams. */

static bool touches(struct stream *stream, const char *pattern)
{
    struct stream_settings settings;
    bool is_touched = false;
    if (stream_get_settings(stream, &settings) != 0)
        return false;
    for (unsigned i = 0; i < settings.topic_count && !is_touched; i++)
        is_touched = pattern_overlaps(slice_of(settings.topics[i]), slice_of(pattern));
    settings_finish(&settings);
    return is_touched;
}

/* Does one stream keep all that the pattern names? */
static bool is_covered(const struct deliverer *deliverer, const char *pattern, bool *ret_is_durable)
{
    struct stream *stream = stream_registry_find_by_pattern(deliverer->registry, slice_of(pattern));
    *ret_is_durable = stream && stream_is_durable(stream);
    stream_destroy(stream);
    return stream != NULL;
}

bool deliverer_is_durable(const struct deliverer *deliverer, const struct hook *hook)
{
    bool is_durable;
    return is_covered(deliverer, hook->settings.pattern, &is_durable) && is_durable;
}

static bool is_listed(struct stream *const *streams, size_t count, const struct stream *stream)
{
    for (size_t i = 0; i < count; i++)
        if (streams[i] == stream)
            return true;
    return false;
}

/* Sources whose streams are gone, or are no longer its. */
static void drop_sources(struct deliverer *deliverer, struct hook *hook, struct stream *const *streams, size_t count)
{
    bool is_durable, is_whole = is_covered(deliverer, hook->settings.pattern, &is_durable);
    for (struct list *next, *at = hook->sources.next; at != &hook->sources; at = next) {
        struct hook_source *source = LIST_OWNER(at, struct hook_source, place);
        bool is_recent = source->stream == deliverer->recent;
        next = at->next;
        if (is_recent ? !is_whole : is_listed(streams, count, source->stream) &&
                                    touches(source->stream, hook->settings.pattern))
            continue;
        position_forget(source->owner);
        ties_drop_source(source->owner);
    }
    if (!is_whole && deliverer->recent && !hook_find_source(hook, deliverer->recent))
        add_source(deliverer, hook, deliverer->recent, false);
}

/* A stream that comes when the webhook is there already is read from its beginning: it is all new. So is one of which
 * nothing is stored, where the webhook is: it came shortly before the daemon went. */
static void resolve(struct deliverer *deliverer, struct hook *hook, struct stream *const *streams, size_t count,
                    bool is_new)
{
    drop_sources(deliverer, hook, streams, count);
    for (size_t i = 0; i < count; i++)
        if (!hook_find_source(hook, streams[i]) && touches(streams[i], hook->settings.pattern))
            add_source(deliverer, hook, streams[i], !is_new);
}

void ties_resolve(struct deliverer *deliverer, struct hook *hook, bool is_new)
{
    size_t count = 0;
    struct stream **streams = stream_registry_list(deliverer->registry, &count);
    resolve(deliverer, hook, streams, count, is_new);
    for (size_t i = 0; i < count; i++)
        stream_destroy(streams[i]);
    free(streams);
}

void ties_look_at_registry(struct deliverer *deliverer)
{
    uint64_t generation = stream_registry_generation(deliverer->registry);
    size_t count = 0;
    if (generation == deliverer->generation)
        return;
    deliverer->generation = generation;
    struct stream **streams = stream_registry_list(deliverer->registry, &count);
    for (size_t i = 0; i < deliverer->hook_count; i++)
        resolve(deliverer, deliverer->hooks[i], streams, count, false);
    for (size_t i = 0; i < count; i++)
        stream_destroy(streams[i]);
    free(streams);
}
