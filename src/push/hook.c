#include "push/hook.h"

#include <errno.h>
#include <stdlib.h>

#include "net/loop.h"
#include "push/probe.h"

enum {
    TURN_BUDGET = 64,                /* hooks that are run in a turn */
    SHORTAGE_MS = 100,               /* until it is tried again to get memory */
    CREDIT = 4,                      /* requests that one begins before it is the next one's turn to wait no more */
};

void hook_world_init(struct hook_world *world, struct loop *loop, unsigned connections_max)
{
    *world = (struct hook_world){ .loop = loop };
    traffic_init(&world->traffic, loop, connections_max);
    list_init(&world->ready);
    list_init(&world->starved);
}

void hook_world_finish(struct hook_world *world)
{
    traffic_finish(&world->traffic);
}

struct consumer_time hook_time(const struct hook *hook)
{
    struct loop *loop = hook->world->loop;
    return (struct consumer_time){ loop_now_ms(loop), loop_wall_ms(loop) };
}

void hook_is_ready(struct hook *hook)
{
    list_remove(&hook->place);
    if (hook->credit)
        list_append(hook->world->ready.next, &hook->place); /* first */
    else
        list_append(&hook->world->ready, &hook->place);
}

/* Coming and going. */

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    hook_is_ready(LIST_OWNER(timer, struct hook, timer));
}

static struct breaker_settings breaker_settings_of(const struct webhook_settings *settings)
{
    struct breaker_settings breaker = breaker_standard;
    breaker.limit = (unsigned)settings->concurrency;
    return breaker;
}

int hook_create(struct hook_world *world, struct webhook_settings *settings, struct hook **ret_hook)
{
    struct hook *hook = calloc(1, sizeof *hook);
    struct breaker_settings breaker = breaker_settings_of(settings);
    if (!hook)
        return -ENOMEM;
    hook->world = world;
    hook->settings = *settings;
    hook->failing_since_ms = settings->failing_since_ms;
    webhook_settings_init(settings);
    hook->timer.fire = on_timer;
    list_init(&hook->sources);
    list_init(&hook->graves);
    list_init(&hook->probes);
    list_init(&hook->unkept);
    list_init(&hook->place);
    list_init(&hook->parcels);
    lanes_init(&hook->lanes);
    breaker_init(&hook->breaker, &breaker);
    pace_set(&hook->pace, hook->settings.rate, hook->settings.allowed_rate);
    attempts_init(&hook->attempts, world->attempts_kept);
    *ret_hook = hook;
    return 0;
}

void hook_destroy(struct hook *hook)
{
    if (!hook)
        return;
    probes_cancel(hook);
    verify_free(hook);
    while (!list_is_empty(&hook->sources))
        hook_remove_source(LIST_OWNER(hook->sources.next, struct hook_source, place));
    while (!list_is_empty(&hook->graves))
        hook_remove_source(LIST_OWNER(hook->graves.next, struct hook_source, place));
    timer_clear(&hook->world->loop->timers, &hook->timer);
    list_remove(&hook->place);
    lanes_finish(&hook->lanes);
    attempts_finish(&hook->attempts);
    webhook_settings_finish(&hook->settings);
    free(hook);
}

/* Changing. */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_pairs(const struct webhook_pairs *a, const struct webhook_pairs *b)
{
    for (unsigned i = 0; a->count == b->count && i < a->count; i++)
        if (!same_text(a->names[i], b->names[i]) || !same_text(a->values[i], b->values[i]))
            return false;
    return a->count == b->count;
}

bool hook_can_change(const struct hook *hook, const struct webhook_settings *settings)
{
    const struct webhook_settings *from = &hook->settings;
    return same_text(from->name, settings->name) && same_text(from->pattern, settings->pattern) &&
           same_text(from->key, settings->key) && from->mode == settings->mode &&
           same_pairs(&from->filter, &settings->filter);
}

/* What is under way has copies of what it needs. */
void hook_change(struct hook *hook, struct webhook_settings *settings)
{
    struct breaker_settings breaker = breaker_settings_of(settings);
    bool is_same_receiver = same_text(hook->settings.url, settings->url);
    webhook_settings_finish(&hook->settings);
    hook->settings = *settings;
    webhook_settings_init(settings);
    if (is_same_receiver)
        breaker_change(&hook->breaker, &breaker);
    else
        breaker_init(&hook->breaker, &breaker);
    verify_reset(hook);
    pace_set(&hook->pace, hook->settings.rate, hook->settings.allowed_rate);
    hook_is_ready(hook);
}

/* It begins as if nothing had been. */
void hook_enable(struct hook *hook)
{
    struct breaker_settings breaker = breaker_settings_of(&hook->settings);
    hook->settings.enabled = true;
    hook->settings.disabled_ms = 0;
    hook->settings.failing_since_ms = 0;
    free(hook->settings.disabled_reason);
    hook->settings.disabled_reason = NULL;
    hook->failing_since_ms = 0;
    breaker_init(&hook->breaker, &breaker);
    hook_is_ready(hook);
}

static void disable(struct hook *hook, enum hook_event event, const char *reason)
{
    if (!hook->settings.enabled)
        return;
    hook->settings.enabled = false;
    hook->settings.disabled_ms = loop_wall_ms(hook->world->loop);
    webhook_set_text(&hook->settings.disabled_reason, reason);
    hook->world->ops->tell(hook->world->arg, hook, event, reason);
}

void hook_disable(struct hook *hook, const char *reason)
{
    disable(hook, HOOK_DISABLED, reason);
}

void hook_stop(struct hook *hook)
{
    disable(hook, HOOK_STOPPED, "somebody has disabled it");
}

/* Running. */

bool hook_admits(struct hook *hook)
{
    uint64_t now_ms = loop_now_ms(hook->world->loop);
    return hook->settings.enabled && webhook_is_verified(&hook->settings) &&
           traffic_room(&hook->world->traffic) &&
           pace_due_ms(&hook->pace) <= now_ms && breaker_admits(&hook->breaker, hook->lanes.flying_count, now_ms);
}

/* In hand are at most as many as can be under way, but where those behind one that waits may go past it. There is room
 * for one that comes back however many are in hand: else the last of its key would wait for it for ever. */
unsigned hook_room(struct hook *hook)
{
    bool is_keyed = hook->settings.mode == WEBHOOK_KEYED;
    unsigned in_hand = is_keyed ? lanes_count(&hook->lanes) : hook->lanes.queued_count + hook->lanes.flying_count;
    unsigned most = is_keyed ? HOOK_KEYED_WINDOW : hook->breaker.allowance;
    if (is_keyed && hook->lanes.waiting_count && in_hand >= most)
        most = in_hand + 1;
    if (!hook_admits(hook))
        return 0;
    if (hook->breaker.state != BREAKER_CLOSED)
        return lanes_first(&hook->lanes) == NULL;
    return in_hand < most ? most - in_hand : 0;
}

/* The message of a parcel, to be released. */
static enum stream_found fetch(const struct parcel *parcel, struct stream_run *run, struct stream_message *message)
{
    enum stream_found found = stream_read_at(parcel->source->stream, parcel->sequence, run);
    if (found == STREAM_FOUND && !stream_run_next(run, message)) {
        stream_release(run);
        return STREAM_NONE;
    }
    return found;
}

/* The stream has let go of it: there is nothing to send. */
static void lose(struct hook *hook, struct parcel *parcel)
{
    if (!parcel->is_extra) {
        hook->counts.lost++;
        source_settle(parcel->source, CONSUMER_ACK, parcel->sequence, 0, slice_make(NULL, 0));
    }
    lanes_remove(&hook->lanes, &parcel->entry);
    source_drop(parcel);
}

/* False: not now, for want of memory or of its block, of whose arrival the stream's watch is told. */
static bool start(struct hook *hook, struct parcel *parcel)
{
    struct stream_message message;
    struct stream_run run;
    enum stream_found found = fetch(parcel, &run, &message);
    if (found == STREAM_NONE)
        lose(hook, parcel);
    if (found != STREAM_FOUND)
        return found == STREAM_NONE;
    int error = flight_start(parcel, &message);
    stream_release(&run);
    return error == 0;
}

/* Begins what is ready. False: something could not be begun. */
static bool start_ready(struct hook *hook)
{
    struct lane_entry *entry;
    while ((entry = lanes_first(&hook->lanes)) && hook_admits(hook))
        if (!start(hook, (struct parcel *)entry))
            return false;
    return true;
}

/* When time alone gives it something to do. */
static uint64_t due_ms(const struct hook *hook, uint64_t deadline_ms)
{
    uint64_t now_ms = loop_now_ms(hook->world->loop);
    uint64_t breaker_ms = breaker_due_ms(&hook->breaker, now_ms), pace_ms = pace_due_ms(&hook->pace);
    if (breaker_ms < deadline_ms)
        deadline_ms = breaker_ms;
    return pace_ms > now_ms && pace_ms < deadline_ms ? pace_ms : deadline_ms;
}

static void set_timer(struct hook *hook, uint64_t deadline_ms)
{
    struct timers *timers = &hook->world->loop->timers;
    if (deadline_ms == UINT64_MAX)
        timer_clear(timers, &hook->timer);
    else
        timer_set(timers, &hook->timer, deadline_ms);
}

/* One that may not begin a request is run when it may. */
static void starve(struct hook *hook)
{
    if (hook->settings.enabled && !traffic_room(&hook->world->traffic)) {
        list_remove(&hook->place);
        list_append(&hook->world->starved, &hook->place);
    }
}

/* Those that were in hand before it was begun anew come first, since they are older. */
static bool take_up(struct hook *hook)
{
    bool is_done = true;
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next)
        is_done &= source_take_up(LIST_OWNER(at, struct hook_source, place));
    return is_done;
}

/* True where it wants to go on at once. */
static bool hook_run(struct hook *hook)
{
    uint64_t deadline_ms = UINT64_MAX, soon_ms = loop_now_ms(hook->world->loop) + SHORTAGE_MS;
    bool goes_on = false;
    if (!hook->settings.enabled)
        return false;
    if (!verify_run(hook, &deadline_ms)) {
        set_timer(hook, deadline_ms);
        return false;
    }
    replay_run(hook);
    bool is_short = !take_up(hook) || !start_ready(hook);
    for (struct list *at = hook->sources.next; at != &hook->sources && !is_short; at = at->next)
        goes_on |= source_run(LIST_OWNER(at, struct hook_source, place), &deadline_ms);
    if ((is_short || (lanes_first(&hook->lanes) && hook_admits(hook))) && soon_ms < deadline_ms)
        deadline_ms = soon_ms;
    set_timer(hook, due_ms(hook, deadline_ms));
    starve(hook);
    return goes_on;
}

/* One that has waited for its request comes before those whose last one has just ended, but for a few: going from one
 * to the next costs more than going on, since each has memory of its own. */
static struct hook *take_next(struct hook_world *world, struct list *turn)
{
    struct hook *hook = list_is_empty(turn) ? NULL : LIST_OWNER(turn->next, struct hook, place);
    if (!(hook && hook->credit) && !list_is_empty(&world->starved) && traffic_room(&world->traffic)) {
        hook = LIST_OWNER(world->starved.next, struct hook, place);
        hook->credit = CREDIT;
    }
    if (hook)
        list_remove(&hook->place);
    return hook;
}

bool hooks_run(struct hook_world *world)
{
    struct list turn;
    struct hook *hook;
    list_init(&turn);
    list_splice(&turn, &world->ready);
    for (unsigned i = 0; i < TURN_BUDGET && (hook = take_next(world, &turn)); i++) {
        if (hook_run(hook))
            hook_is_ready(hook);
        if (world->ops->ran)
            world->ops->ran(world->arg, hook);
    }
    list_splice(&turn, &world->ready); /* the rest comes first in the next turn */
    list_splice(&world->ready, &turn);
    return !list_is_empty(&world->ready) || (!list_is_empty(&world->starved) && traffic_room(&world->traffic));
}
