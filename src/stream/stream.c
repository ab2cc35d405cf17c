#include "stream/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "stream/engine_state.h"
#include "stream/state.h"
#include "util/hash.h"
#include "util/random.h"

/* Ids that a stream with settings remembers: some 500 MiB at the very most. */
#define DUPLICATE_IDS_MAX (8u << 20)

enum { VISIT_SLICE = 10000 }; /* sequences that are looked at before others are let at the stream */

struct stream *stream_allocate(const char *name)
{
    struct stream *stream = calloc(1, sizeof *stream + strlen(name) + 1);
    if (!stream)
        return NULL;
    strcpy(stream->name, name);
    atomic_init(&stream->reference_count, 1);
    atomic_init(&stream->held, UINT64_MAX);
    pthread_mutex_init(&stream->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&stream->gathered, &clock);
    pthread_condattr_destroy(&clock);
    random_bytes(&stream->id_seed, sizeof stream->id_seed);
    stream->last_rollup = &stream->rollups;
    stream->last_purge = &stream->purges;
    list_init(&stream->place);
    list_init(&stream->extra_place);
    for (unsigned i = 0; i < ENGINE_THREADS; i++)
        list_init(&stream->turns[i].place);
    return stream;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    stream_set_quota(stream, NULL);
    log_close(stream->log);
    stream_finish_purges(stream);
    duplicates_finish(&stream->duplicates);
    trains_finish(&stream->trains);
    free(stream->excess);
    topics_finish(&stream->topics);
    topics_finish(&stream->counted);
    settings_finish(&stream->settings);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->gathered);
    free(stream);
}

struct stream *stream_create(const char *name, const struct stream_limits *limits)
{
    struct stream *stream = stream_allocate(name);
    if (!stream || !(stream->log = log_create_memory())) {
        stream_free(stream);
        return NULL;
    }
    stream->epoch = stream->past.epoch = past_draw_epoch();
    stream->limits = *limits;
    stream_index_topics(stream);
    return stream;
}

struct stream *stream_ref(struct stream *stream)
{
    atomic_fetch_add_explicit(&stream->reference_count, 1, memory_order_relaxed);
    return stream;
}

bool stream_ref_if_alive(struct stream *stream)
{
    unsigned count = atomic_load_explicit(&stream->reference_count, memory_order_relaxed);
    while (count)
        if (atomic_compare_exchange_weak(&stream->reference_count, &count, count + 1))
            return true;
    return false;
}

void stream_destroy(struct stream *stream)
{
    if (!stream || atomic_fetch_sub_explicit(&stream->reference_count, 1, memory_order_acq_rel) != 1)
        return;
    if (stream->engine)
        engine_close(stream->engine, stream);
    else
        stream_free(stream);
}

const char *stream_name(const struct stream *stream)
{
    return stream->name;
}

uint64_t stream_epoch(const struct stream *stream)
{
    return stream->epoch;
}

bool stream_is_durable(const struct stream *stream)
{
    return stream->in_files;
}

unsigned stream_consumer_count(const struct stream *stream)
{
    return atomic_load_explicit(&stream->consumer_count, memory_order_relaxed);
}

void stream_set_consumer_count(struct stream *stream, unsigned count)
{
    atomic_store_explicit(&stream->consumer_count, count, memory_order_relaxed);
}

uint64_t stream_last(const struct stream *stream)
{
    return atomic_load_explicit(&stream->last_sequence, memory_order_acquire);
}

uint64_t stream_arrivals(const struct stream *stream)
{
    return atomic_load_explicit(&stream->arrivals, memory_order_acquire);
}

enum stream_health stream_health(const struct stream *stream)
{
    return (enum stream_health)atomic_load_explicit(&stream->health, memory_order_relaxed);
}

bool stream_allows_direct(const struct stream *stream)
{
    return atomic_load_explicit(&stream->allows_direct, memory_order_relaxed);
}

bool stream_allows_rollup(const struct stream *stream)
{
    return atomic_load_explicit(&stream->allows_rollup, memory_order_relaxed);
}

uint64_t stream_backlog(const struct stream *stream)
{
    return atomic_load_explicit(&stream->backlog, memory_order_relaxed);
}

void stream_get_findings(const struct stream *stream, struct log_findings *ret_findings)
{
    log_get_findings(stream->log, ret_findings);
}

/* What is away is fetched, where there is somebody to do so. */
static enum log_found bring(struct stream *stream, enum log_found found)
{
    if (found != LOG_AWAY)
        return found;
    if (stream->is_removed)
        return LOG_ABSENT;
    engine_fetch_soon(stream->engine, stream);
    return LOG_AWAY;
}

enum log_found stream_find(struct stream *stream, uint64_t sequence, struct log_place *ret_place)
{
    return bring(stream, log_find(stream->log, sequence, ret_place));
}

enum log_found stream_find_back(struct stream *stream, uint64_t sequence, struct log_place *ret_place)
{
    return bring(stream, log_find_back(stream->log, sequence, ret_place));
}

uint64_t stream_count_shown(const struct stream *stream)
{
    struct log_state state;
    uint64_t shown = stream_shown(stream);
    log_get_state(stream->log, &state);
    return state.live_count - (shown < stream->appended_sequence ? log_count_from(stream->log, shown + 1) : 0);
}

bool stream_has(const struct stream *stream, uint64_t sequence)
{
    return log_count_from(stream->log, sequence) != log_count_from(stream->log, sequence + 1);
}

/* Settings. */

void stream_set_limits(struct stream *stream, const struct stream_limits *limits)
{
    stream_lock(stream);
    stream->limits = *limits;
    stream_index_topics(stream);
    stream_unlock(stream);
}

struct stream_limits stream_limits_of(const struct stream_settings *settings)
{
    return (struct stream_limits){
        .bytes_max = settings->bytes_max,
        .messages_max = settings->messages_max,
        .messages_per_topic_max = settings->messages_per_topic_max,
        .message_size_max = settings->message_size_max,
        .age_max_ms = settings->age_max_ms,
        .duplicate_window_ms = settings->duplicate_window_ms,
        .duplicate_ids_max = DUPLICATE_IDS_MAX,
        .refuse_new = settings->discard == STREAM_DISCARD_NEW,
        .refuse_new_per_topic = settings->discard_new_per_topic,
    };
}

int stream_set_settings(struct stream *stream, const struct stream_settings *settings)
{
    struct stream_settings copy;
    int error = settings_copy(&copy, settings);
    if (error)
        return error;
    stream_lock(stream);
    settings_finish(&stream->settings);
    stream->settings = copy;
    stream->allows_direct = copy.allow_direct;
    stream->allows_rollup = copy.allow_rollup;
    stream->limits = stream_limits_of(settings);
    stream_index_topics(stream);
    stream_bound_topics(stream);
    if (stream->in_files && stream->is_counting)
        engine_fetch_soon(stream->engine, stream);
    stream_unlock(stream);
    if (stream->engine)
        engine_commit_soon(stream->engine, stream);
    return 0;
}

/* What counts for its owner. */

/* One that makes room for itself holds no more than its bound, but for what it is about to let go. */
static uint64_t counting(const struct stream *stream, uint64_t byte_count)
{
    const struct stream_limits *limits = &stream->limits;
    bool is_over = limits->bytes_max && !limits->refuse_new && byte_count > limits->bytes_max;
    return is_over ? limits->bytes_max : byte_count;
}

static uint64_t byte_count_of(const struct stream *stream)
{
    struct log_state state;
    log_get_state(stream->log, &state);
    return state.byte_count;
}

void stream_count_bytes(struct stream *stream)
{
    if (!quota_has_limit(stream->quota))
        return;
    uint64_t bytes = counting(stream, byte_count_of(stream));
    if (bytes != stream->counted_bytes)
        quota_count(stream->quota, stream->counted_bytes, bytes);
    stream->counted_bytes = bytes;
}

bool stream_quota_takes(const struct stream *stream, uint64_t size)
{
    return !quota_has_limit(stream->quota) ||
           quota_takes(stream->quota, stream->counted_bytes, counting(stream, byte_count_of(stream) + size));
}

void stream_set_quota(struct stream *stream, struct quota *quota)
{
    stream_lock(stream);
    struct quota *old = stream->quota;
    if (old)
        quota_count(old, stream->counted_bytes, 0);
    stream->quota = quota;
    stream->counted_bytes = 0;
    stream_unlock(stream);
    quota_release(old);
}

int stream_remove(struct stream *stream)
{
    stream_lock(stream);
    stream->is_removed = true;
    stream->health = STREAM_FAILED;
    stream_wake(stream, NULL);
    stream_unlock(stream);
    return stream->in_files ? engine_remove(stream->engine, stream) : 0;
}

int stream_get_settings(struct stream *stream, struct stream_settings *ret_settings)
{
    stream_lock(stream);
    int error = settings_copy(ret_settings, &stream->settings);
    stream_unlock(stream);
    return error;
}

/* State. */

/* Where the oldest is away, not before the youngest of those that lie with it. */
static uint64_t about_first_time(struct stream *stream)
{
    struct log_span_facts span;
    uint64_t first_ms = stream_first_time(stream);
    return first_ms || !log_first_span(stream->log, &span) ? first_ms : span.time_max_ms;
}

void stream_get_state(struct stream *stream, struct stream_state *ret_state)
{
    struct log_state log;
    stream_lock(stream);
    stream_refresh(stream);
    log_get_state(stream->log, &log);
    uint64_t shown = stream_shown(stream), first = log_first(stream->log), count = stream_count_shown(stream);
    uint64_t waiting_bytes = stream->appended_bytes - stream->shown_bytes;
    *ret_state = (struct stream_state){
        .epoch = stream->epoch,
        .first_sequence = count ? first : shown + 1,
        .last_sequence = shown,
        .lost_sequence = stream->lost_sequence,
        .message_count = count,
        .byte_count = log.byte_count > waiting_bytes ? log.byte_count - waiting_bytes : 0,
        .duplicate_count = stream->duplicate_count,
        .deleted_count = count ? shown + 1 - first - count : 0,
        .topic_count = stream->topics.count,
        .uncommitted_count = stream->appended_sequence - shown,
        .first_time_ms = count ? about_first_time(stream) : 0,
        .last_time_ms = count ? stream->last_time_ms : 0,
        .health = stream_health(stream),
        .error = stream->error,
    };
    stream_unlock(stream);
}

/* From a sequence on, a slice of all. Returns where to go on; 0: visit says stop, or all have been visited. */
static uint64_t visit_deleted(const struct stream *stream, uint64_t from, uint64_t end,
                              bool (*visit)(void *arg, uint64_t sequence), void *arg)
{
    uint64_t to = end - from > VISIT_SLICE ? from + VISIT_SLICE : end;
    for (uint64_t live; from < to; from++) {
        live = log_next(stream->log, from);
        for (; from < to && (!live || from < live); from++)
            if (!visit(arg, from))
                return 0;
    }
    return to < end ? to : 0;
}

void stream_visit_deleted(struct stream *stream, bool (*visit)(void *arg, uint64_t sequence), void *arg)
{
    struct stream_state state;
    stream_get_state(stream, &state);
    for (uint64_t from = state.deleted_count ? state.first_sequence : 0; from;) {
        stream_lock(stream);
        from = visit_deleted(stream, from, state.last_sequence + 1, visit, arg);
        stream_unlock(stream);
    }
}

uint64_t stream_count_after(struct stream *stream, uint64_t after)
{
    stream_lock(stream);
    stream_refresh(stream);
    uint64_t shown = stream_shown(stream), count = 0;
    if (after < shown)
        count = log_count_from(stream->log, after + 1) - log_count_from(stream->log, shown + 1);
    stream_unlock(stream);
    return count;
}
