/* What the threads of the engine do for one stream. The committer alone commits and closes, the fetcher alone
 * fetches. */
#include <errno.h>
#include <limits.h>

#include "stream/engine_state.h"
#include "stream/state.h"
#include "util/clock.h"

enum {
    RETRY_MS = 250,
    FETCH_RETRY_MS = 100,
    FETCH_IDLE_MS = 10000,
    CLOSE_MS = 5000,
    PAST_STEP_MS = 250,       /* what is taken out again and again need not be told each time */
    GATHER_STEPS = 4,
    GATHER_MAX_NS = 2000000,
    GATHER_FEW = 128,         /* where no more share a commit, what it costs by itself is much for each of them */
    GATHER_EACH_NS = 20000,   /* so they have time to be answered and to be heard again */
    GATHER_COMMITS = 4,
    GATHER_BYTES = 512 << 10, /* where more is under way, a disk takes its time for bytes, and is to be kept busy */
};

/* Writing down how this life goes. */

static int write_past(struct stream *stream, const struct past *past)
{
    char path[PATH_MAX];
    int error = engine_path(stream->engine, stream, false, path, sizeof path);
    return error ? error : past_write(engine_files(stream->engine), path, past);
}

void stream_note_ends(const struct stream *stream, struct past *past)
{
    uint64_t first = log_first(stream->log);
    past->first_sequence = first ? first : stream->appended_sequence + 1;
    past->last_sequence = stream_shown(stream);
    past->lost_sequence = stream->lost_sequence;
}

/* Where readers are to see what is not synced, that is known before they do. */
static bool is_past_due(const struct stream *stream)
{
    bool shows_unsynced = stream->settings.sync != LOG_SYNC_ALWAYS;
    return !stream->is_removed && (stream->past_is_due || stream->past.shows_unsynced != shows_unsynced);
}

/* Gives the lock back meanwhile. */
static int note_past(struct stream *stream, uint64_t now_ms)
{
    struct past past = stream->past;
    past.shows_unsynced = stream->settings.sync != LOG_SYNC_ALWAYS;
    stream_note_ends(stream, &past);
    stream->past_is_stale = false;
    stream->past_stale_ms = now_ms + PAST_STEP_MS;
    stream_unlock(stream);
    int error = write_past(stream, &past);
    stream_lock(stream);
    if (!error) {
        stream->past = past;
        stream->past_is_due = false;
    }
    return error;
}

/* Committing. */

/* One commit: where the stream ended when it began, and how it went. */
struct round {
    uint64_t now_ms;              /* the monotonic clock */
    struct log_job *job;          /* NULL: there is nothing to write */
    bool sync;
    int error;
    uint64_t sequence, time_ms, remember_count, run_ns;
};

static bool is_to_be_synced(const struct stream *stream, uint64_t now_ms)
{
    return stream->settings.sync == LOG_SYNC_ALWAYS || (stream->sync_due_ms && now_ms >= stream->sync_due_ms);
}

/* What somebody waits for to be gone for ever; not where some of it is still to be fetched before it goes. Returns up
 * to which asking that is done. */
static uint64_t remember(struct stream *stream)
{
    if (stream->remember_count <= stream_remembered(stream) || stream->purges || stream->deletion_count)
        return 0;
    log_remember(stream->log);
    return stream->remember_count;
}

/*
 * Whoever is answered after a commit may publish again because of it. So a commit that several shared is followed by
 * one that waits for as many as are under way: for the first to come and as long as others keep coming, while nobody
 * else wants the committer, and not much longer than the last commit took. Otherwise one half of them would always wait
 * for the commit of the other half. Of large messages they do: one half comes while the other is written.
 */
static void gather(struct stream *stream)
{
    uint64_t first = stream->appended_sequence, before = 0, now_ns = clock_monotonic_ns();
    stream->gather_sequence = stream->gather_target;
    while (stream->appended_sequence < stream->gather_sequence && now_ns < stream->gather_end_ns &&
           (stream->appended_sequence > before || before == first) && !engine_is_wanted(stream->engine)) {
        uint64_t until_ns = now_ns + stream->gather_step_ns;
        const struct timespec until = { (time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000) };
        before = stream->appended_sequence;
        pthread_cond_timedwait(&stream->gathered, &stream->lock, &until);
        now_ns = clock_monotonic_ns();
    }
    stream->gather_sequence = 0;
}

/* How long all that is under way may take to come, after a commit that took so long. */
static uint64_t longest_gathering(uint64_t run_ns, uint64_t under_way)
{
    uint64_t most_ns = run_ns < GATHER_MAX_NS ? run_ns : GATHER_MAX_NS, each_ns = under_way * GATHER_EACH_NS;
    if (under_way > GATHER_FEW)
        return most_ns;
    return most_ns + each_ns < GATHER_COMMITS * most_ns ? most_ns + each_ns : GATHER_COMMITS * most_ns;
}

/* A commit has shown what stood behind this sequence, and behind so many bytes. */
static void plan_gathering(struct stream *stream, const struct round *round, uint64_t sequence, uint64_t bytes)
{
    uint64_t shown = stream_shown(stream), under_way = stream->appended_sequence - sequence;
    uint64_t longest_ns = longest_gathering(round->run_ns, under_way);
    bool is_large = stream->appended_bytes - bytes > GATHER_BYTES;
    stream->gather_target = under_way > 1 && !is_large ? shown + under_way : 0;
    stream->gather_end_ns = clock_monotonic_ns() + longest_ns;
    stream->gather_step_ns = longest_ns / GATHER_STEPS;
}

static void begin(struct stream *stream, struct round *round)
{
    gather(stream);
    stream->commit_is_due = false;
    round->sync = is_to_be_synced(stream, round->now_ms);
    round->sequence = stream->appended_sequence;
    round->time_ms = stream->appended_time_ms;
    round->remember_count = remember(stream);
    round->job = log_commit_begin(stream->log, round->sync, &round->error);
}

/* Without the lock. */
static void run(struct round *round)
{
    uint64_t start_ns = clock_monotonic_ns();
    int error = log_commit_run(round->job);
    round->error = round->error ? round->error : error;
    round->run_ns = clock_monotonic_ns() - start_ns;
}

/* Bytes that wait. What recovery has left to be written anew was appended in another life. */
static void count_bytes(struct stream *stream, const struct round *round)
{
    struct log_state state;
    uint64_t before = stream->shown_bytes;
    log_get_state(stream->log, &state);
    if (state.unwritten_count < stream->appended_bytes)
        stream->shown_bytes = stream->appended_bytes - state.unwritten_count;
    atomic_store_explicit(&stream->backlog, stream->appended_bytes - stream->shown_bytes, memory_order_relaxed);
    engine_note_commit(stream->engine, stream->shown_bytes - before, round->sync && !round->error, round->run_ns);
}

/* What has been committed is to be seen from now on. True where that is more than before. */
static bool show(struct stream *stream, const struct round *round)
{
    uint64_t last = log_commit_end(stream->log, round->job), before = stream_shown(stream), bytes = stream->shown_bytes;
    count_bytes(stream, round);
    if (last <= before)
        return false;
    if (last == round->sequence)
        stream->last_time_ms = round->time_ms;
    stream_show(stream, last);
    plan_gathering(stream, round, before, bytes);
    return true;
}

/* True where that is news. */
static bool note_health(struct stream *stream, int error)
{
    enum stream_health health = STREAM_WELL;
    if (error)
        health = log_has_failed(stream->log) ? STREAM_FAILED : STREAM_FULL;
    bool is_news = health != stream->health;
    stream->health = health;
    stream->error = error;
    return is_news;
}

static void note_sync(struct stream *stream, const struct round *round)
{
    if (round->sync)
        stream->sync_due_ms = 0;
    else if (stream->settings.sync == LOG_SYNC_INTERVAL && !stream->sync_due_ms)
        stream->sync_due_ms = round->now_ms + stream->settings.sync_interval_ms;
}

/* True where that is news. */
static bool note_remembered(struct stream *stream, const struct round *round)
{
    if (round->remember_count <= stream_remembered(stream))
        return false;
    atomic_store_explicit(&stream->remembered_count, round->remember_count, memory_order_release);
    return true;
}

/* What is to be seen now supersedes, rolls up and makes room. True where there is more to do. */
static bool settle(struct stream *stream)
{
    bool more = stream_run_purges(stream);
    stream_bound_excess(stream);
    stream_trim(stream, engine_wall_ms(stream->engine));
    return more;
}

/* Its share of the cache, which changes as streams come and go. */
static void take_share(struct stream *stream)
{
    uint64_t share = engine_cache_share(stream->engine, stream);
    if (share != stream->cache_share)
        log_set_cache_size(stream->log, share);
    stream->cache_share = share;
}

static uint64_t sooner(uint64_t due_ms, uint64_t other_ms)
{
    return other_ms && (!due_ms || other_ms < due_ms) ? other_ms : due_ms;
}

/* When to come again though nobody asks; at once where a job has not taken all. */
static uint64_t due(struct stream *stream, const struct round *round)
{
    uint64_t age_due_ms = stream_age_due(stream, round->now_ms);
    uint64_t stale_ms = stream->past_is_stale ? stream->past_stale_ms : 0;
    if (stream->health == STREAM_FULL)
        return round->now_ms + RETRY_MS;
    if (stream->health == STREAM_FAILED)
        return age_due_ms;
    if (round->job && stream_shown(stream) < stream->appended_sequence)
        return round->now_ms;
    return sooner(sooner(age_due_ms, stream->sync_due_ms), stale_ms);
}

static uint64_t end(struct stream *stream, const struct round *round)
{
    bool is_news = round->job && show(stream, round);
    if (!round->error && (round->job || round->sync)) /* where there was nothing to sync, none is due */
        note_sync(stream, round);
    if (!round->error && stream->health != STREAM_FAILED)
        is_news |= note_remembered(stream, round);
    if (stream->health != STREAM_FAILED)
        is_news |= note_health(stream, round->error);
    if (settle(stream))
        engine_fetch_soon(stream->engine, stream);
    take_share(stream);
    if (is_news)
        stream_wake(stream, NULL);
    return due(stream, round);
}

/* The disk is so full that not even the past can be written, before which nothing new may be. What is gone can go. */
static struct log_job *make_room(struct stream *stream)
{
    int error;
    return stream->health != STREAM_FAILED ? log_clear_begin(stream->log, &error) : NULL;
}

static uint64_t commit(struct stream *stream, uint64_t now_ms)
{
    struct round round = { .now_ms = now_ms };
    stream_lock(stream);
    if (is_past_due(stream))
        round.error = note_past(stream, now_ms);
    else if (stream->past_is_stale && now_ms >= stream->past_stale_ms && !stream->is_removed)
        note_past(stream, now_ms); /* where it cannot be written, a gap may be told that is none */
    if (!round.error && !stream->is_removed && stream->health != STREAM_FAILED)
        begin(stream, &round);
    else if (round.error && !stream->is_removed)
        round.job = make_room(stream);
    if (round.job) {
        stream_unlock(stream);
        run(&round);
        stream_lock(stream);
    }
    uint64_t due_ms = stream->is_removed ? 0 : end(stream, &round);
    stream_unlock(stream);
    return due_ms;
}

/* In memory there is nothing but age to look at. */
static uint64_t tend(struct stream *stream, uint64_t now_ms)
{
    stream_lock(stream);
    stream_refresh(stream);
    uint64_t due_ms = stream_age_due(stream, now_ms);
    stream->awaits_age = due_ms != 0;
    stream_unlock(stream);
    return due_ms;
}

uint64_t stream_commit(struct stream *stream, uint64_t now_ms)
{
    return stream->in_files ? commit(stream, now_ms) : tend(stream, now_ms);
}

/* Fetching. */

void stream_arrive(struct stream *stream)
{
    atomic_fetch_add_explicit(&stream->arrivals, 1, memory_order_release);
    stream_wake(stream, NULL);
}

/* Returns whether there was something to be fetched; *error says whether it has come. */
static bool fetch(struct stream *stream, int *error)
{
    struct log_fetch *job = log_fetch_begin(stream->log, error);
    struct log_state before, after;
    if (!job)
        return false;
    stream_unlock(stream);
    *error = log_fetch_run(job);
    stream_lock(stream);
    log_get_state(stream->log, &before);
    log_fetch_end(stream->log, job);
    log_get_state(stream->log, &after);
    uint64_t fetched = after.cached_count > before.cached_count ? after.cached_count - before.cached_count : 0;
    engine_note_fetch(stream->engine, stream, fetched, after.cached_count);
    return true;
}

/* Who has fetched lately has more of the cache. Returns when that ends. */
static uint64_t note_fetching(struct stream *stream, bool came, uint64_t now_ms)
{
    if (came) {
        engine_set_fetching(stream->engine, stream, true);
        stream->fetched_ms = now_ms;
    } else if (stream->is_fetching && now_ms - stream->fetched_ms >= FETCH_IDLE_MS) {
        engine_set_fetching(stream->engine, stream, false);
    }
    take_share(stream);
    return stream->is_fetching ? stream->fetched_ms + FETCH_IDLE_MS : 0;
}

uint64_t stream_fetch(struct stream *stream, uint64_t now_ms)
{
    int error = 0;
    uint64_t due_ms = 0;
    stream_lock(stream);
    stream->fetch_is_due = false;
    if (stream->in_files && !stream->is_removed) {
        bool came = fetch(stream, &error);
        bool more = settle(stream); /* before anybody reads what has come */
        if (came)
            stream_arrive(stream);
        due_ms = note_fetching(stream, came, now_ms);
        if (more || log_is_wanted(stream->log))
            due_ms = error ? now_ms + FETCH_RETRY_MS : now_ms;
    }
    stream_unlock(stream);
    return due_ms;
}

/* Closing. */

/* What waits to be fetched before it goes, as far as there is time: else it comes back. */
static void finish_purges(struct stream *stream)
{
    uint64_t end_ms = clock_monotonic_ms() + CLOSE_MS;
    int error = 0;
    stream_lock(stream);
    stream->fetch_is_due = true; /* by nobody else */
    while ((stream->purges || stream->deletion_count) && !error && clock_monotonic_ms() < end_ms) {
        bool more = stream_run_purges(stream);
        if (!more && !fetch(stream, &error))
            break;
    }
    stream_unlock(stream);
}

/* All is written and synced, and then that it is. */
static void rest(struct stream *stream)
{
    int error = 0;
    if (!stream->in_files || stream->is_removed || stream->health != STREAM_WELL)
        return;
    finish_purges(stream);
    struct log_job *job = log_rest_begin(stream->log, &error);
    if (job) {
        error = log_commit_run(job);
        stream_show(stream, log_commit_end(stream->log, job));
    }
    stream->past.is_clean = !error;
    stream_note_ends(stream, &stream->past);
    if (!error)
        write_past(stream, &stream->past); /* where it cannot be, the next life looks for itself */
}

void stream_close(struct stream *stream)
{
    char path[PATH_MAX];
    rest(stream);
    log_close(stream->log);
    stream->log = NULL;
    if (stream->in_files && stream->is_removed && engine_path(stream->engine, stream, true, path, sizeof path) == 0)
        log_remove(engine_files(stream->engine), path); /* what is left goes when the engine is created */
    engine_leave(stream->engine, stream);
    stream_free(stream);
}

int stream_move_away(struct stream *stream)
{
    char from[PATH_MAX], to[PATH_MAX];
    const struct files *files = engine_files(stream->engine);
    int error = engine_path(stream->engine, stream, false, from, sizeof from);
    if (!error)
        error = engine_path(stream->engine, stream, true, to, sizeof to);
    return error ? error : files->rename(files->arg, from, to);
}
