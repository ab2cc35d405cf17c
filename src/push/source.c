/* A stream of a hook, and the consumer by which the hook reads it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"
#include "push/hook.h"
#include "util/hash.h"
#include "wire/headers.h"

/* A message in hand is never delivered again by the consumer: nobody but a crash can lose it. So, after one, what was
 * in hand is known by how long it would still have to wait. */
#define HELD_MS ((uint64_t)180 * 24 * 3600 * 1000)

enum {
    RUN_BUDGET = 512,
    ASKED_MAX = 32,                  /* messages at once */
    STEPS_MAX = 16,                  /* of a run: as many requests */
    SHORTAGE_MS = 100,               /* until it is tried again to get memory */
};

/* Parcels. */

/* By which lane. Messages without the header share one. */
static uint64_t key_of(const struct hook_source *source, const struct stream_message *message)
{
    static const char prefix[] = "header:";
    const struct hook *hook = source->hook;
    struct slice value = message->topic, key = slice_of(hook->settings.key);
    uint64_t seed = hook->world->hash_seed;
    if (hook->settings.mode == WEBHOOK_ORDERED)
        return stream_epoch(source->stream);
    if (slice_starts_with(key, slice_of(prefix)) &&
        !headers_find(message->head, key.data + sizeof prefix - 1, &value))
        value = slice_make(NULL, 0);
    return hash_bytes(seed, value.data, value.size);
}

static struct parcel *parcel_create(struct hook_source *source, uint64_t sequence, uint64_t number)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);
    if (!parcel)
        return NULL;
    parcel->source = source;
    parcel->sequence = sequence;
    parcel->number = number;
    list_init(&parcel->place);
    return parcel;
}

static int put_in_lane(struct parcel *parcel, const struct stream_message *message, enum lane_state state)
{
    struct hook *hook = parcel->source->hook;
    if (hook->settings.mode == WEBHOOK_PARALLEL)
        lanes_add(&hook->lanes, &parcel->entry);
    else if (lanes_add_keyed(&hook->lanes, &parcel->entry, key_of(parcel->source, message), state) != 0)
        return -ENOMEM;
    list_remove(&parcel->place);
    list_append(&hook->parcels, &parcel->place);
    return 0;
}

struct parcel *source_add(struct hook_source *source, const struct stream_message *message, uint64_t number,
                          enum lane_state state)
{
    struct parcel *parcel = parcel_create(source, message->sequence, number);
    if (!parcel || put_in_lane(parcel, message, state) != 0) {
        free(parcel);
        return NULL;
    }
    return parcel;
}

struct parcel *source_add_extra(struct hook_source *source, uint64_t sequence)
{
    struct parcel *parcel = parcel_create(source, sequence, 1);
    if (!parcel)
        return NULL;
    parcel->is_extra = true;
    lanes_add(&source->hook->lanes, &parcel->entry);
    list_append(&source->hook->parcels, &parcel->place);
    return parcel;
}

int hook_resend(struct hook_source *source, uint64_t sequence)
{
    struct stream_run run;
    enum stream_found found = stream_read_at(source->stream, sequence, &run);
    if (found != STREAM_FOUND)
        return found == STREAM_AWAY ? -EAGAIN : -ENOENT;
    stream_release(&run);
    if (!source_add_extra(source, sequence))
        return -ENOMEM;
    hook_is_ready(source->hook);
    return 0;
}

void source_drop(struct parcel *parcel)
{
    if (parcel->source->replay)
        replay_drop(parcel->source->replay);
    list_remove(&parcel->place);
    free(parcel);
}

/* What the consumer delivers. */

static bool has_header(struct slice head, const char *name, const char *wanted)
{
    size_t cursor = 0;
    struct slice other, value;
    while (headers_next(head, &cursor, &other, &value))
        if (other.size == strlen(name) && strncasecmp(other.data, name, other.size) == 0 && slice_is(value, wanted))
            return true;
    return false;
}

static bool passes_filter(const struct hook *hook, const struct stream_message *message)
{
    const struct webhook_pairs *filter = &hook->settings.filter;
    for (unsigned i = 0; i < filter->count; i++)
        if (!has_header(message->head, filter->names[i], filter->values[i]))
            return false;
    return true;
}

/* Does another of its streams keep the topic? What is not in files, recent, has such messages too. */
static bool is_kept_elsewhere(const struct hook_source *source, struct slice topic)
{
    const struct hook *hook = source->hook;
    bool is_kept = false;
    if (hook->sources.next == &source->place && hook->sources.prev == &source->place)
        return false;
    for (struct list *at = hook->sources.next; at != &hook->sources && !is_kept; at = at->next) {
        struct stream_settings settings;
        const struct hook_source *other = LIST_OWNER(at, struct hook_source, place);
        if (other == source || stream_get_settings(other->stream, &settings) != 0)
            continue;
        for (unsigned i = 0; i < settings.topic_count && !is_kept; i++)
            is_kept = pattern_matches(slice_of(settings.topics[i]), topic);
        settings_finish(&settings);
    }
    return is_kept;
}

static bool is_wanted(const struct hook_source *source, const struct stream_message *message)
{
    bool is_recent = strcmp(stream_name(source->stream), "recent") == 0;
    return passes_filter(source->hook, message) && !(is_recent && is_kept_elsewhere(source, message->topic));
}

/* One that waited in its lane is back. */
static struct parcel *find_waiting(struct hook_source *source, const struct stream_message *message)
{
    struct hook *hook = source->hook;
    struct lane_entry *entry = NULL;
    if (hook->settings.mode == WEBHOOK_PARALLEL)
        return NULL;
    uint64_t key = key_of(source, message);
    while ((entry = lanes_next_of_key(&hook->lanes, key, entry))) {
        struct parcel *parcel = (struct parcel *)entry;
        if (parcel->source == source && parcel->sequence == message->sequence)
            return parcel;
    }
    return NULL;
}

static void settle_later(struct hook_source *source, uint64_t sequence, bool is_again)
{
    source->settlements[source->settlement_count++] = (struct settlement){ sequence, is_again };
}

/* Sends it from where it lies, if that can be; else it is read again when it is its turn. */
static void take(struct hook_source *source, const struct consumer_delivery *delivery)
{
    const struct stream_message *message = &delivery->message;
    struct hook *hook = source->hook;
    if (!is_wanted(source, message)) {
        hook->counts.passed++;
        settle_later(source, message->sequence, false);
        return;
    }
    struct parcel *parcel = find_waiting(source, message);
    if (parcel && parcel->entry.state == LANE_WAITING) {
        parcel->number = delivery->delivery_count;
        lanes_return(&hook->lanes, &parcel->entry);
    } else if (!parcel) {
        parcel = source_add(source, message, delivery->delivery_count, LANE_QUEUED);
    }
    if (!parcel)
        settle_later(source, message->sequence, true);
    else if (lanes_first(&hook->lanes) == &parcel->entry && hook_admits(hook))
        flight_start(parcel, message);
}

static void on_deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct hook_source *source = arg;
    (void)topic;
    for (unsigned i = 0; i < count; i++)
        take(source, &deliveries[i]);
    source->asked -= source->asked < count ? source->asked : count;
}

static void on_status(void *arg, struct slice topic, const struct consumer_status *status)
{
    struct hook_source *source = arg;
    (void)topic;
    (void)status;
    source->asked = 0; /* whatever it says, the request has ended */
}

static enum consumer_interest on_interest(void *arg, struct slice topic, struct slice group)
{
    (void)arg;
    (void)topic;
    (void)group;
    return CONSUMER_LISTENS;
}

static void on_done_with(void *arg, uint64_t sequence)
{
    const struct hook_source *source = arg;
    if (source->is_queue && !source->is_passing)
        stream_delete(source->stream, sequence);
}

static bool on_dead(void *arg, const struct stream_message *message, enum consumer_death death,
                    uint64_t delivery_count, struct slice words)
{
    struct hook_source *source = arg;
    const struct hook_world *world = source->hook->world;
    bool is_buried = world->ops->bury(world->arg, source, message, delivery_count, words);
    (void)death;
    if (is_buried)
        on_done_with(source, message->sequence);
    return is_buried;
}

static const struct consumer_ops ops = {
    .deliver = on_deliver,
    .status = on_status,
    .interest = on_interest,
    .dead = on_dead,
    .done_with = on_done_with,
    .pending_is_unwanted = true,
};

void source_settle(struct hook_source *source, enum consumer_ack_kind kind, uint64_t sequence, uint64_t delay_ms,
                   struct slice words)
{
    const struct consumer_ack ack = { .kind = kind, .sequence = sequence, .delay_ms = delay_ms, .words = words };
    consumer_acknowledge(source->consumer, &ack, hook_time(source->hook));
}

/* Running. */

static void settle_all(struct hook_source *source)
{
    for (size_t i = 0; i < source->settlement_count; i++) {
        const struct settlement *settlement = &source->settlements[i];
        source->is_passing = !settlement->is_again;
        source_settle(source, settlement->is_again ? CONSUMER_NAK : CONSUMER_ACK, settlement->sequence, SHORTAGE_MS,
                      slice_make(NULL, 0));
    }
    source->settlement_count = 0;
    source->is_passing = false;
}

static bool reserve(struct hook_source *source, size_t count)
{
    if (count <= source->settlement_room)
        return true;
    struct settlement *settlements = reallocarray(source->settlements, count, sizeof *settlements);
    if (!settlements)
        return false;
    source->settlements = settlements;
    source->settlement_room = count;
    return true;
}

/* No more than one request waits at a time. False: out of memory. */
static bool ask(struct hook_source *source, unsigned most)
{
    unsigned room = source->asked ? 0 : hook_room(source->hook);
    const struct consumer_request request = { .reply = slice_of("-"), .batch = room < most ? room : most };
    if (!room)
        return true;
    if (!reserve(source, request.batch) ||
        consumer_add_request(source->consumer, &request, hook_time(source->hook)) != 0)
        return false;
    source->asked = request.batch;
    return true;
}

/* Where the next message for it is known, its consumer is led there and asked for that one, so that it does not read on
 * to the end. */
static void lead(struct hook_source *source, unsigned *most)
{
    const struct hook_world *world = source->hook->world;
    uint64_t until;
    if (!world->ops->next ||
        !world->ops->next(world->arg, source, consumer_position(source->consumer), &until))
        return;
    *most = 1;
    if (source->asked > 1)
        consumer_dismiss(source->consumer, CONSUMER_STATUS_COMPLETED);
    consumer_skip(source->consumer, until);
}

/* One step of a run. */
static bool step(struct hook_source *source, uint64_t *deadline_ms)
{
    uint64_t now_ms = hook_time(source->hook).now_ms, deadline = UINT64_MAX;
    unsigned most = ASKED_MAX;
    lead(source, &most);
    bool is_short = !ask(source, most);
    bool is_more = consumer_run(source->consumer, hook_time(source->hook), RUN_BUDGET, &deadline) == CONSUMER_MORE;
    bool has_settled = source->settlement_count > 0;
    settle_all(source);
    if (is_short && now_ms + SHORTAGE_MS < deadline)
        deadline = now_ms + SHORTAGE_MS;
    if (deadline < *deadline_ms)
        *deadline_ms = deadline;
    return is_more || has_settled || (!is_short && !source->asked && hook_room(source->hook));
}

/* Most are idle most of the time, and hold nothing then but what they must remember. */
static void rest(struct hook_source *source)
{
    size_t room = source->asked ? source->asked : 1;
    struct settlement *fewer = source->settlement_room > room
                                   ? reallocarray(source->settlements, room, sizeof *fewer) : NULL;
    if (fewer) {
        source->settlements = fewer;
        source->settlement_room = room;
    }
    consumer_rest(source->consumer);
}

bool source_run(struct hook_source *source, uint64_t *deadline_ms)
{
    bool goes_on = true;
    for (unsigned i = 0; goes_on && i < STEPS_MAX; i++)
        goes_on = step(source, deadline_ms);
    if (!goes_on && !lanes_count(&source->hook->lanes))
        rest(source);
    return goes_on;
}

/* Taking up what was in hand before: it is read for its key, where keys matter. */

static void hold(void *arg, const struct consumer_pending *pending)
{
    struct hook_source *source = arg;
    bool is_waiting = pending->wait_ms < HELD_MS / 2;
    if (is_waiting && source->hook->settings.mode != WEBHOOK_KEYED)
        return; /* its consumer remembers it */
    struct parcel *parcel = parcel_create(source, pending->sequence, pending->delivery_count);
    if (!parcel)
        return;
    parcel->is_waiting = is_waiting;
    list_append(&source->held, &parcel->place);
}

bool source_take_up(struct hook_source *source)
{
    while (!list_is_empty(&source->held)) {
        struct parcel *parcel = LIST_OWNER(source->held.next, struct parcel, place);
        struct stream_message message;
        struct stream_run run;
        enum stream_found found = stream_read_at(source->stream, parcel->sequence, &run);
        if (found == STREAM_AWAY)
            return false;
        int error = 0;
        if (found == STREAM_FOUND) {
            if (stream_run_next(&run, &message))
                error = put_in_lane(parcel, &message, parcel->is_waiting ? LANE_WAITING : LANE_QUEUED);
            else
                found = STREAM_NONE;
            stream_release(&run);
        }
        if (error)
            return false;
        if (found == STREAM_NONE) {
            source->hook->counts.lost++;
            source_settle(source, CONSUMER_ACK, parcel->sequence, 0, slice_make(NULL, 0));
            source_drop(parcel);
        }
    }
    return true;
}

/* Coming and going. */

static void set_start(struct consumer_settings *settings, struct hook_source *source, bool from_start)
{
    enum webhook_start start = WEBHOOK_START_ALL;
    struct cursor cursor = { 0, 0 };
    const char *text = source->hook->settings.start;
    settings->start = CONSUMER_START_ALL;
    if (from_start || !webhook_start_read(slice_of(text), &start, &cursor, &settings->start_time_ms))
        return;
    if (start == WEBHOOK_START_NEW)
        settings->start = CONSUMER_START_NEW;
    if (start == WEBHOOK_START_TIME)
        settings->start = CONSUMER_START_TIME;
    if (start == WEBHOOK_START_CURSOR && stream_locate(source->stream, &cursor)) {
        settings->start = CONSUMER_START_SEQUENCE;
        settings->start_sequence = cursor.sequence + 1;
    }
}

/* Messages that are not taken yet, of one stream. What comes back is delivered however many they are. */
static const int64_t pending_max[] = {
    [WEBHOOK_PARALLEL] = 100000,
    [WEBHOOK_KEYED] = HOOK_KEYED_WINDOW,
    [WEBHOOK_ORDERED] = 1,
};

static int fill_in(struct consumer_settings *settings, struct hook_source *source, bool from_start)
{
    const struct webhook_settings *webhook = &source->hook->settings;
    consumer_settings_init(settings);
    settings->durable = true;
    settings->ack_policy = CONSUMER_ACK_EXPLICIT;
    settings->ack_wait_ms = HELD_MS;
    settings->max_ack_pending = pending_max[webhook->mode];
    set_start(settings, source, from_start);
    settings->filters = calloc(1, sizeof *settings->filters);
    if (!settings->filters || asprintf(&settings->name, HOOK_CONSUMER_PREFIX "%s", webhook->name) < 0) {
        settings->name = NULL;
        return -ENOMEM;
    }
    settings->filter_count = 1;
    settings->filters[0] = strdup(webhook->pattern);
    consumer_settings_complete(settings);
    return settings->filters[0] ? 0 : -ENOMEM;
}

/* A state that is none is as good as none: it begins anew. */
static int make_consumer(struct hook_source *source, struct slice state, bool from_start)
{
    struct consumer_settings settings;
    struct consumer_time time = hook_time(source->hook);
    int error = fill_in(&settings, source, from_start);
    if (!error)
        error = consumer_create(source->stream, &settings, &ops, source, time, &source->consumer);
    consumer_settings_finish(&settings);
    if (!error && state.size && consumer_load(source->consumer, state, time) == -ENOMEM)
        error = -ENOMEM;
    if (!error)
        consumer_visit_pending(source->consumer, time, hold, source);
    return error;
}

/* Of a work queue: what was done with before, and was still there when the daemon was killed, goes. */
static void find_retention(struct hook_source *source, bool has_state)
{
    struct stream_settings settings;
    const struct webhook_settings *webhook = &source->hook->settings;
    if (stream_get_settings(source->stream, &settings) != 0)
        return;
    source->is_queue = settings.retention == STREAM_WORKQUEUE;
    settings_finish(&settings);
    uint64_t floor = source->is_queue && has_state && !webhook->filter.count ? consumer_floor(source->consumer) : 0;
    if (floor)
        stream_purge(source->stream, slice_of(webhook->pattern), floor + 1, 0);
}

struct hook_source *source_create(struct hook *hook, struct stream *stream, struct list *list)
{
    struct hook_source *source = calloc(1, sizeof *source);
    if (!source)
        return NULL;
    source->hook = hook;
    source->stream = stream_ref(stream);
    list_init(&source->held);
    list_append(list, &source->place);
    return source;
}

int hook_add_source(struct hook *hook, struct stream *stream, struct slice state, bool from_start,
                    struct hook_source **ret_source)
{
    struct hook_source *source = source_create(hook, stream, &hook->sources);
    if (!source)
        return -ENOMEM;
    if (make_consumer(source, state, from_start) != 0) {
        hook_remove_source(source);
        return -ENOMEM;
    }
    find_retention(source, state.size > 0);
    *ret_source = source;
    hook_is_ready(hook);
    return 0;
}

static void drop_list(struct hook_source *source, struct list *list)
{
    struct hook *hook = source->hook;
    for (struct list *next, *at = list->next; at != list; at = next) {
        struct parcel *parcel = LIST_OWNER(at, struct parcel, place);
        next = at->next;
        if (parcel->source != source)
            continue;
        flight_cancel(parcel);
        if (list == &hook->parcels)
            lanes_remove(&hook->lanes, &parcel->entry);
        source_drop(parcel);
    }
}

void hook_remove_source(struct hook_source *source)
{
    drop_list(source, &source->hook->parcels);
    drop_list(source, &source->held);
    consumer_destroy(source->consumer);
    list_remove(&source->place);
    stream_destroy(source->stream);
    replay_free(source->replay);
    free(source->settlements);
    free(source);
}

struct hook_source *hook_find_source(const struct hook *hook, const struct stream *stream)
{
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next) {
        struct hook_source *source = LIST_OWNER(at, struct hook_source, place);
        if (source->stream == stream)
            return source;
    }
    return NULL;
}
