/* A stream with settings comes to life: what its log holds is counted, and its past is looked up. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "stream/engine_state.h"
#include "stream/expect.h"
#include "stream/state.h"
#include "util/clock.h"

/* What a recovery gathers while the log shows its records. */
struct recovery {
    struct stream *stream;
    uint64_t ids_from_ms;         /* ids of older messages are forgotten */
    struct range {
        uint64_t first, last;
    } *superseded;                /* to be taken out when the log is open */
    size_t superseded_count, superseded_room;
    bool is_short;                /* memory has run out */
};

/* Mostly neighbours. */
static void note_superseded(struct recovery *recovery, uint64_t sequence)
{
    struct range *last = recovery->superseded_count ? &recovery->superseded[recovery->superseded_count - 1] : NULL;
    if (last && last->last + 1 == sequence) {
        last->last = sequence;
        return;
    }
    if (recovery->superseded_count == recovery->superseded_room) {
        size_t room = recovery->superseded_room ? 2 * recovery->superseded_room : 64;
        struct range *superseded = realloc(recovery->superseded, room * sizeof *superseded);
        recovery->is_short |= !superseded;
        if (!superseded)
            return;
        recovery->superseded = superseded;
        recovery->superseded_room = room;
    }
    recovery->superseded[recovery->superseded_count++] = (struct range){ sequence, sequence };
}

static void count_topic(struct recovery *recovery, const struct record *record)
{
    struct stream *stream = recovery->stream;
    uint64_t max = stream->limits.messages_per_topic_max;
    struct topic_entry *entry = topics_add(&stream->topics, record_name(record), record->sequence);
    recovery->is_short |= !entry;
    while (entry && max && entry->count > max) {
        uint64_t oldest = topics_at(entry, 0);
        note_superseded(recovery, oldest);
        topics_drop(&stream->topics, entry, oldest);
    }
}

static void remember_id(struct recovery *recovery, const struct record *record)
{
    struct stream *stream = recovery->stream;
    const char *head = record_topic(record) + record->topic_size;
    struct expectations asks = { .id = { NULL, 0 } };
    if (record->head_size)
        expectations_read(slice_make(head, record->head_size), &asks);
    stream->last_id = stream_hash_id(stream, asks.id);
    if (asks.id.size && stream->limits.duplicate_window_ms && record->time_ms >= recovery->ids_from_ms)
        recovery->is_short |= !duplicates_add(&stream->duplicates, asks.id, record->sequence, record->time_ms,
                                              stream->limits.duplicate_ids_max);
}

/* Ids outlive their messages. */
static void visit(void *arg, const struct record *record, bool is_live)
{
    struct recovery *recovery = arg;
    if (recovery->is_short)
        return;
    if (is_live)
        count_topic(recovery, record);
    if (is_live && !recovery->stream->first_time_sequence) {
        recovery->stream->first_time_sequence = record->sequence;
        recovery->stream->first_time_ms = record->time_ms;
    }
    remember_id(recovery, record);
    recovery->stream->appended_time_ms = recovery->stream->last_time_ms = record->time_ms;
}

/* Whether the machine has not been started anew since. */
static bool kept_power(const struct past *past, const char *boot_id)
{
    return *boot_id && strcmp(boot_id, past->boot_id) == 0;
}

/* Whether all that readers have ever seen has to be there still: what is missing of it is damage. */
static bool is_whole(const struct past *past, const char *boot_id)
{
    return past->is_clean || !past->shows_unsynced || kept_power(past, boot_id);
}

static int recover(struct stream *stream, const char *path)
{
    const struct stream_engine_options *options = engine_options(stream->engine);
    struct past past;
    bool has_past = past_read(engine_files(stream->engine), path, &past) == 0;
    const struct log_options log_options = {
        .segment_size = options->segment_size,
        .cache_size = engine_cache_share(stream->engine, stream),
        .kept_power = has_past && kept_power(&past, options->boot_id),
        .last_sequence = has_past && is_whole(&past, options->boot_id) ? past.last_sequence : 0,
    };
    uint64_t now_ms = engine_wall_ms(stream->engine);
    uint64_t window_ms = stream->limits.duplicate_window_ms;
    struct recovery recovery = { .stream = stream, .ids_from_ms = now_ms > window_ms ? now_ms - window_ms : 0 };
    int error = log_open(engine_files(stream->engine), path, &log_options, visit, &recovery, &stream->log);
    for (size_t i = 0; i < recovery.superseded_count && !error; i++)
        for (uint64_t at = recovery.superseded[i].first; at <= recovery.superseded[i].last; at++)
            log_kill(stream->log, at);
    free(recovery.superseded);
    return error ? error : recovery.is_short ? -ENOMEM : 0;
}

/* The past. */

/* How far messages have made room for newer ones: as it was written down; or, where some have gone since, perhaps up
 * to the first that is there. */
static uint64_t lost_sequence(const struct stream *stream, const struct past *past, uint64_t last_sequence)
{
    uint64_t first = log_first(stream->log), gone = first ? first - 1 : last_sequence;
    bool is_known = past->is_clean || !stream_is_bounded(stream) || gone < past->first_sequence;
    return is_known && past->lost_sequence < gone ? past->lost_sequence : gone;
}

static int begin_life(struct stream *stream, const char *path)
{
    const struct stream_engine_options *options = engine_options(stream->engine);
    struct past *past = &stream->past;
    struct log_findings findings;
    int error = past_read(engine_files(stream->engine), path, past);
    if (error && error != -ENOENT && error != -EBADMSG)
        return error;
    log_get_findings(stream->log, &findings);
    if (error)
        *past = (struct past){ .epoch = past_draw_epoch() };
    else if (!is_whole(past, options->boot_id))
        past_turn(past, findings.last_sequence);
    stream->epoch = past->epoch;
    stream->lost_sequence = lost_sequence(stream, past, findings.last_sequence);
    stream->appended_sequence = findings.last_sequence;
    stream_show(stream, findings.written_sequence);
    past->is_clean = false;
    past->shows_unsynced = stream->settings.sync != LOG_SYNC_ALWAYS;
    stream_note_ends(stream, past);
    snprintf(past->boot_id, sizeof past->boot_id, "%s", options->boot_id);
    stream->past_is_due = past_write(engine_files(stream->engine), path, past) != 0; /* nothing is shown before it is */
    return 0;
}

/* Opening. */

static int set_up(struct stream *stream, const struct stream_settings *settings)
{
    stream->has_settings = true;
    stream->limits = stream_limits_of(settings);
    stream->has_topics = true;
    stream->topics.keeps_sequences = stream->limits.messages_per_topic_max != 0;
    stream->allows_direct = settings->allow_direct;
    stream->allows_rollup = settings->allow_rollup;
    return settings_copy(&stream->settings, settings);
}

static int open_in_memory(struct stream *stream)
{
    stream->log = log_create_memory();
    stream->epoch = stream->past.epoch = past_draw_epoch();
    return stream->log ? 0 : -ENOMEM;
}

static int open_in_files(struct stream *stream)
{
    char path[PATH_MAX];
    int error = engine_path(stream->engine, stream, false, path, sizeof path);
    if (!error)
        error = recover(stream, path);
    if (!error)
        error = begin_life(stream, path);
    if (!error && stream_commit(stream, clock_monotonic_ms())) /* what was not known to be synced is written anew */
        engine_commit_soon(stream->engine, stream);
    return error;
}

static int open_stream(struct stream_engine *engine, struct stream *stream, const struct stream_settings *settings)
{
    int error = set_up(stream, settings);
    stream->in_files = settings->storage == STREAM_FILE;
    if (!error && engine)
        error = engine_enter(engine, stream);
    if (error)
        return error;
    stream->engine = engine;
    error = stream->in_files ? open_in_files(stream) : open_in_memory(stream);
    if (error && engine)
        engine_leave(engine, stream);
    return error;
}

int stream_open(struct stream_engine *engine, const struct stream_settings *settings, struct stream **ret_stream)
{
    struct stream *stream = stream_allocate(settings->name);
    int error = stream ? open_stream(engine, stream, settings) : -ENOMEM;
    if (error)
        stream_free(stream);
    else
        *ret_stream = stream;
    return error;
}
