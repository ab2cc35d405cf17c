#include "stream/engine.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stream/directory.h"
#include "stream/engine_state.h"
#include "stream/state.h"
#include "util/clock.h"
#include "util/thread.h"

enum {
    LATER_MS = 50,            /* what nobody waits for is written so much later */
    FETCHING_SHARE_MIN = 1 << 20, /* of the cache */
    NAME_WAIT_MS = 10000,     /* for a stream that is being closed, which may have much to write */
};

/* A thread, and the streams that it is to visit. Each holds a reference while it waits here. */
struct engine_thread {
    struct stream_engine *engine;
    pthread_t id;
    pthread_cond_t wake;
    bool sleeps, is_ending;
    struct list queue;        /* of stream_turn */
    uint64_t due_ms;          /* when the first of those comes that are not in the queue; 0: none */
    uint64_t (*visit)(struct stream *stream, uint64_t now_ms);
};

struct stream_engine {
    struct stream_engine_options options;
    char *directory;          /* NULL: there is none */
    char boot_id[PAST_BOOT_ID_SIZE];
    int lock_fd;

    pthread_mutex_t fetching; /* held while the fetcher visits: nobody moves a directory meanwhile. Before all others */
    pthread_mutex_t lock;     /* of all that follows */
    pthread_cond_t moved;     /* a stream has left, or its directory has been moved away */
    bool is_running;
    struct engine_thread threads[ENGINE_THREADS];
    struct list streams;
    unsigned stream_count, fetching_count; /* of those in files */
    atomic_uint_fast64_t share, fetching_share; /* of the cache */
    struct list closing, removing; /* for the committer */
    struct stream_engine_stats stats;
};

const struct files *engine_files(const struct stream_engine *engine)
{
    return engine->options.files;
}

const struct stream_engine_options *engine_options(const struct stream_engine *engine)
{
    return &engine->options;
}

uint64_t engine_wall_ms(const struct stream_engine *engine)
{
    return engine->options.wall_ms ? engine->options.wall_ms(engine->options.arg) : clock_wall_ms();
}

int engine_path(const struct stream_engine *engine, const struct stream *stream, bool is_removed, char *out,
                size_t size)
{
    int length = is_removed ? snprintf(out, size, "%s/streams/.%s.%016llx", engine->directory, stream->name,
                                       (unsigned long long)stream->epoch)
                            : snprintf(out, size, "%s/streams/%s", engine->directory, stream->name);
    return (size_t)length < size ? 0 : -ENAMETOOLONG;
}

/* Visits. Under the engine's lock. */

static struct stream *stream_of(struct list *place, enum engine_thread_name name)
{
    struct stream_turn *turn = LIST_OWNER(place, struct stream_turn, place);
    return (struct stream *)(void *)((char *)(turn - name) - offsetof(struct stream, turns));
}

static void wake_up(struct engine_thread *thread)
{
    if (!thread->sleeps)
        return;
    thread->sleeps = false;
    pthread_cond_signal(&thread->wake);
}

/* The thread is woken when the lock is free again: it would want it at once. */
static void visit_soon(struct stream_engine *engine, struct stream *stream, enum engine_thread_name name)
{
    struct engine_thread *thread = &engine->threads[name];
    pthread_mutex_lock(&engine->lock);
    bool sleeps = thread->sleeps;
    if (list_is_empty(&stream->turns[name].place))
        list_append(&thread->queue, &stream_ref(stream)->turns[name].place);
    thread->sleeps = false;
    pthread_mutex_unlock(&engine->lock);
    if (sleeps)
        pthread_cond_signal(&thread->wake);
}

/* due_ms: 0: never. */
static void visit_at(struct stream_engine *engine, struct stream *stream, enum engine_thread_name name, uint64_t due_ms)
{
    struct engine_thread *thread = &engine->threads[name];
    struct stream_turn *turn = &stream->turns[name];
    if (!due_ms || (turn->due_ms && turn->due_ms <= due_ms))
        return;
    turn->due_ms = due_ms;
    if (thread->due_ms && thread->due_ms <= due_ms)
        return;
    thread->due_ms = due_ms;
    wake_up(thread); /* it sleeps for too long */
}

void engine_commit_soon(struct stream_engine *engine, struct stream *stream)
{
    visit_soon(engine, stream, ENGINE_COMMITTER);
}

void engine_commit_at(struct stream_engine *engine, struct stream *stream, uint64_t due_ms)
{
    pthread_mutex_lock(&engine->lock);
    visit_at(engine, stream, ENGINE_COMMITTER, due_ms);
    pthread_mutex_unlock(&engine->lock);
}

bool engine_is_wanted(struct stream_engine *engine)
{
    const struct engine_thread *thread = &engine->threads[ENGINE_COMMITTER];
    pthread_mutex_lock(&engine->lock);
    bool is_wanted = !list_is_empty(&thread->queue) || !list_is_empty(&engine->closing) ||
                     !list_is_empty(&engine->removing) || thread->is_ending;
    pthread_mutex_unlock(&engine->lock);
    return is_wanted;
}

void engine_commit_later(struct stream_engine *engine, struct stream *stream)
{
    engine_commit_at(engine, stream, clock_monotonic_ms() + LATER_MS);
}

void engine_fetch_soon(struct stream_engine *engine, struct stream *stream)
{
    if (stream->fetch_is_due)
        return;
    stream->fetch_is_due = true;
    visit_soon(engine, stream, ENGINE_FETCHER);
}

/* Those whose time has come. One that nobody has any more is not visited. */
static void enqueue_due(struct engine_thread *thread, enum engine_thread_name name, uint64_t now_ms)
{
    struct stream_engine *engine = thread->engine;
    thread->due_ms = 0;
    for (struct list *at = engine->streams.next; at != &engine->streams; at = at->next) {
        struct stream *stream = LIST_OWNER(at, struct stream, place);
        struct stream_turn *turn = &stream->turns[name];
        if (turn->due_ms && turn->due_ms <= now_ms) {
            turn->due_ms = 0;
            if (list_is_empty(&turn->place) && stream_ref_if_alive(stream))
                list_append(&thread->queue, &turn->place);
        } else if (turn->due_ms && (!thread->due_ms || turn->due_ms < thread->due_ms)) {
            thread->due_ms = turn->due_ms;
        }
    }
}

static void sleep_until(struct engine_thread *thread, uint64_t due_ms)
{
    const struct timespec until = { (time_t)(due_ms / 1000), (long)(due_ms % 1000 * 1000000) };
    thread->sleeps = true;
    if (due_ms)
        pthread_cond_timedwait(&thread->wake, &thread->engine->lock, &until);
    else
        pthread_cond_wait(&thread->wake, &thread->engine->lock);
    thread->sleeps = false;
}

static struct stream *take_first(struct engine_thread *thread, enum engine_thread_name name)
{
    struct list *place = thread->queue.next;
    list_remove(place);
    return stream_of(place, name);
}

/* Whoever has let go of it last. Without the lock. */
static void visit(struct engine_thread *thread, enum engine_thread_name name, struct stream *stream)
{
    struct stream_engine *engine = thread->engine;
    uint64_t now_ms = clock_monotonic_ms(), due_ms = thread->visit(stream, now_ms);
    pthread_mutex_lock(&engine->lock);
    if (due_ms && due_ms <= now_ms && list_is_empty(&stream->turns[name].place))
        list_append(&thread->queue, &stream_ref(stream)->turns[name].place);
    else
        visit_at(engine, stream, name, due_ms);
    pthread_mutex_unlock(&engine->lock);
    stream_destroy(stream);
}

/* What the committer does besides. Under the lock, which it gives back meanwhile. */

static struct stream *pop(struct list *list)
{
    struct stream *stream = LIST_OWNER(list->next, struct stream, extra_place);
    list_remove(list->next);
    return stream;
}

static void close_first(struct stream_engine *engine)
{
    struct stream *stream = pop(&engine->closing);
    pthread_mutex_unlock(&engine->lock);
    stream_close(stream);
    pthread_mutex_lock(&engine->lock);
}

static void remove_first(struct stream_engine *engine)
{
    struct stream *stream = pop(&engine->removing);
    pthread_mutex_unlock(&engine->lock);
    pthread_mutex_lock(&engine->fetching);
    int error = stream_move_away(stream);
    pthread_mutex_unlock(&engine->fetching);
    pthread_mutex_lock(&engine->lock);
    stream->move_error = error;
    stream->is_moved = true;
    pthread_cond_broadcast(&engine->moved);
}

/* The threads. */

static void *commit_all(void *arg)
{
    struct engine_thread *thread = arg;
    struct stream_engine *engine = thread->engine;
    thread_ask_short_turns();
    pthread_mutex_lock(&engine->lock);
    for (;;) {
        if (thread->due_ms && clock_monotonic_ms() >= thread->due_ms)
            enqueue_due(thread, ENGINE_COMMITTER, clock_monotonic_ms());
        if (!list_is_empty(&thread->queue)) {
            struct stream *stream = take_first(thread, ENGINE_COMMITTER);
            pthread_mutex_unlock(&engine->lock);
            visit(thread, ENGINE_COMMITTER, stream);
            pthread_mutex_lock(&engine->lock);
        } else if (!list_is_empty(&engine->removing)) {
            remove_first(engine);
        } else if (!list_is_empty(&engine->closing)) {
            close_first(engine);
        } else if (thread->is_ending) {
            break;
        } else {
            sleep_until(thread, thread->due_ms);
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

static void *fetch_all(void *arg)
{
    struct engine_thread *thread = arg;
    struct stream_engine *engine = thread->engine;
    pthread_mutex_lock(&engine->lock);
    while (!thread->is_ending) {
        if (thread->due_ms && clock_monotonic_ms() >= thread->due_ms)
            enqueue_due(thread, ENGINE_FETCHER, clock_monotonic_ms());
        if (!list_is_empty(&thread->queue)) {
            struct stream *stream = take_first(thread, ENGINE_FETCHER);
            pthread_mutex_unlock(&engine->lock);
            pthread_mutex_lock(&engine->fetching);
            visit(thread, ENGINE_FETCHER, stream);
            pthread_mutex_unlock(&engine->fetching);
            pthread_mutex_lock(&engine->lock);
        } else {
            sleep_until(thread, thread->due_ms);
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

static int start_thread(struct engine_thread *thread, void *(*run)(void *arg), const char *name)
{
    int error = -pthread_create(&thread->id, NULL, run, thread);
    if (!error)
        pthread_setname_np(thread->id, name);
    return error;
}

static void end_thread(struct stream_engine *engine, enum engine_thread_name name)
{
    struct engine_thread *thread = &engine->threads[name];
    pthread_mutex_lock(&engine->lock);
    thread->is_ending = true;
    wake_up(thread);
    pthread_mutex_unlock(&engine->lock);
    pthread_join(thread->id, NULL);
}

int stream_engine_start(struct stream_engine *engine)
{
    sigset_t all, before;
    int error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    engine->is_running = true;
    error = start_thread(&engine->threads[ENGINE_COMMITTER], commit_all, "committer");
    if (error) {
        engine->is_running = false;
    } else if ((error = start_thread(&engine->threads[ENGINE_FETCHER], fetch_all, "fetcher")) != 0) {
        end_thread(engine, ENGINE_COMMITTER);
        engine->is_running = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Streams. */

void engine_close(struct stream_engine *engine, struct stream *stream)
{
    pthread_mutex_lock(&engine->lock);
    bool is_running = engine->is_running;
    if (is_running) {
        list_append(&engine->closing, &stream->extra_place);
        wake_up(&engine->threads[ENGINE_COMMITTER]);
    }
    pthread_mutex_unlock(&engine->lock);
    if (!is_running)
        stream_close(stream);
}

static uint64_t share_of(uint64_t size, unsigned count, uint64_t min)
{
    uint64_t share = size / (count ? count : 1);
    return share > min ? share : min;
}

/* Under the lock. */
static void share_cache(struct stream_engine *engine)
{
    uint64_t half = engine->options.cache_size / 2;
    atomic_store_explicit(&engine->share, share_of(half, engine->stream_count, BLOCK_SIZE), memory_order_relaxed);
    atomic_store_explicit(&engine->fetching_share, share_of(half, engine->fetching_count, FETCHING_SHARE_MIN),
                          memory_order_relaxed);
}

uint64_t engine_cache_share(const struct stream_engine *engine, const struct stream *stream)
{
    uint64_t share = atomic_load_explicit(&engine->share, memory_order_relaxed);
    return share + (stream->is_fetching ? atomic_load_explicit(&engine->fetching_share, memory_order_relaxed) : 0);
}

static void set_fetching(struct stream_engine *engine, struct stream *stream, bool is_fetching)
{
    if (stream->is_fetching == is_fetching)
        return;
    stream->is_fetching = is_fetching;
    engine->fetching_count += is_fetching ? 1 : -1u;
    share_cache(engine);
}

void engine_set_fetching(struct stream_engine *engine, struct stream *stream, bool is_fetching)
{
    pthread_mutex_lock(&engine->lock);
    set_fetching(engine, stream, is_fetching);
    pthread_mutex_unlock(&engine->lock);
}

static const struct stream *find_named(const struct stream_engine *engine, const char *name)
{
    for (const struct list *at = engine->streams.next; at != &engine->streams; at = at->next) {
        const struct stream *stream = LIST_OWNER(at, struct stream, place);
        if (stream->in_files && !stream->is_moved && strcmp(stream->name, name) == 0)
            return stream;
    }
    return NULL;
}

/* Who let go of a stream may come back before the threads have. */
static int wait_for_name(struct stream_engine *engine, const char *name)
{
    uint64_t end_ms = clock_monotonic_ms() + NAME_WAIT_MS;
    const struct timespec end = { (time_t)(end_ms / 1000), (long)(end_ms % 1000 * 1000000) };
    int error = 0;
    while (find_named(engine, name) && !error)
        error = -pthread_cond_timedwait(&engine->moved, &engine->lock, &end);
    return error ? -EBUSY : 0;
}

int engine_enter(struct stream_engine *engine, struct stream *stream)
{
    int error = stream->in_files && !engine->directory ? -ENODEV : 0;
    pthread_mutex_lock(&engine->lock);
    if (!error && stream->in_files)
        error = wait_for_name(engine, stream->name);
    if (!error) {
        list_append(&engine->streams, &stream->place);
        engine->stream_count += stream->in_files;
        share_cache(engine);
    }
    pthread_mutex_unlock(&engine->lock);
    return error;
}

void engine_leave(struct stream_engine *engine, struct stream *stream)
{
    pthread_mutex_lock(&engine->lock);
    list_remove(&stream->place);
    set_fetching(engine, stream, false);
    engine->stream_count -= stream->in_files;
    engine->stats.cached_bytes -= stream->cached_bytes;
    share_cache(engine);
    pthread_cond_broadcast(&engine->moved);
    pthread_mutex_unlock(&engine->lock);
}

int engine_remove(struct stream_engine *engine, struct stream *stream)
{
    pthread_mutex_lock(&engine->lock);
    list_append(&engine->removing, &stream->extra_place);
    if (!engine->is_running)
        remove_first(engine);
    wake_up(&engine->threads[ENGINE_COMMITTER]);
    while (!stream->is_moved)
        pthread_cond_wait(&engine->moved, &engine->lock);
    int error = stream->move_error;
    pthread_mutex_unlock(&engine->lock);
    return error;
}

/* Life. */

static int take_directory(struct stream_engine *engine, const char *directory)
{
    engine->directory = strdup(directory);
    if (!engine->directory)
        return -ENOMEM;
    engine->options.directory = engine->directory;
    return directory_take(engine->options.files, directory, &engine->lock_fd);
}

static void init_threads(struct stream_engine *engine)
{
    static uint64_t (*const visits[])(struct stream *stream, uint64_t now_ms) = {
        [ENGINE_COMMITTER] = stream_commit,
        [ENGINE_FETCHER] = stream_fetch,
    };
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->moved, &attributes);
    for (unsigned i = 0; i < ENGINE_THREADS; i++) {
        struct engine_thread *thread = &engine->threads[i];
        thread->engine = engine;
        thread->visit = visits[i];
        list_init(&thread->queue);
        pthread_cond_init(&thread->wake, &attributes);
    }
    pthread_condattr_destroy(&attributes);
}

int stream_engine_create(const struct stream_engine_options *options, struct stream_engine **ret_engine)
{
    struct stream_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return -ENOMEM;
    engine->options = *options;
    if (!options->files)
        engine->options.files = &files_system;
    snprintf(engine->boot_id, sizeof engine->boot_id, "%s", options->boot_id ? options->boot_id : "");
    engine->options.boot_id = engine->boot_id;
    engine->lock_fd = -1;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->fetching, NULL);
    list_init(&engine->streams);
    list_init(&engine->closing);
    list_init(&engine->removing);
    init_threads(engine);
    int error = options->directory ? take_directory(engine, options->directory) : 0;
    if (error)
        stream_engine_destroy(engine);
    else
        *ret_engine = engine;
    return error;
}

/* Streams that wait for a visit that will not come. */
static void empty_queue(struct stream_engine *engine, enum engine_thread_name name)
{
    struct engine_thread *thread = &engine->threads[name];
    pthread_mutex_lock(&engine->lock);
    while (!list_is_empty(&thread->queue)) {
        struct stream *stream = take_first(thread, name);
        pthread_mutex_unlock(&engine->lock);
        stream_destroy(stream);
        pthread_mutex_lock(&engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
}

void stream_engine_destroy(struct stream_engine *engine)
{
    if (!engine)
        return;
    if (engine->is_running)
        end_thread(engine, ENGINE_FETCHER);
    empty_queue(engine, ENGINE_FETCHER);
    if (engine->is_running)
        end_thread(engine, ENGINE_COMMITTER);
    engine->is_running = false;
    empty_queue(engine, ENGINE_COMMITTER);
    for (unsigned i = 0; i < ENGINE_THREADS; i++)
        pthread_cond_destroy(&engine->threads[i].wake);
    pthread_cond_destroy(&engine->moved);
    pthread_mutex_destroy(&engine->fetching);
    pthread_mutex_destroy(&engine->lock);
    if (engine->lock_fd >= 0)
        close(engine->lock_fd);
    free(engine->directory);
    free(engine);
}

/* Counts. */

void engine_note_commit(struct stream_engine *engine, uint64_t written_bytes, bool synced, uint64_t ns)
{
    pthread_mutex_lock(&engine->lock);
    engine->stats.commit_count++;
    engine->stats.written_bytes += written_bytes;
    engine->stats.sync_count += synced;
    engine->stats.sync_ns += synced ? ns : 0;
    pthread_mutex_unlock(&engine->lock);
}

void engine_note_fetch(struct stream_engine *engine, struct stream *stream, uint64_t fetched_bytes,
                       uint64_t cached_bytes)
{
    pthread_mutex_lock(&engine->lock);
    engine->stats.fetch_count++;
    engine->stats.fetched_bytes += fetched_bytes;
    engine->stats.cached_bytes += cached_bytes - stream->cached_bytes;
    stream->cached_bytes = cached_bytes;
    pthread_mutex_unlock(&engine->lock);
}

void stream_engine_get_stats(struct stream_engine *engine, struct stream_engine_stats *ret_stats)
{
    pthread_mutex_lock(&engine->lock);
    *ret_stats = engine->stats;
    pthread_mutex_unlock(&engine->lock);
}
