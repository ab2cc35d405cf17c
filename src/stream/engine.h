/*
 * engine: the threads behind streams in files, and what these share: the directory, the system calls, the cache.
 *
 *   committer   writes what all streams have appended since its last round, syncs, and moves their visible ends: one
 *               commit for all that came while the last one ran
 *   fetcher     brings blocks that readers want from disk
 *
 * Event loops never touch the disk: they append to memory, and are woken (stream_watch) when something is committed or
 * fetched. Created and destroyed by the supervisor.
 */
#ifndef STREAM_ENGINE_H
#define STREAM_ENGINE_H

#include "store/log.h"

struct stream_engine;

struct stream_engine_options {
    const struct files *files;       /* NULL: the system's */
    const char *directory;           /* data_dir: streams/NAME/ are below it. NULL: there is none, nor files */
    uint64_t segment_size, cache_size;
    uint64_t (*wall_ms)(void *arg);  /* the wall clock; NULL: the system's */
    void *arg;
    const char *boot_id;             /* names this run of the machine: where it is that of the last run of the daemon,
                                        what was written and not synced has not been lost. "": not known */
};

/* Takes the lock of the directory, which is held until destroy: -EBUSY where another daemon has it. 0 or -errno. */
int stream_engine_create(const struct stream_engine_options *options, struct stream_engine **ret_engine);

/* Starts the threads, which take no signals. 0 or -errno. */
int stream_engine_start(struct stream_engine *engine);

/* After the last stream is destroyed. Ends the threads. Takes NULL. */
void stream_engine_destroy(struct stream_engine *engine);

struct stream_engine_stats {
    uint64_t commit_count, sync_count, fetch_count;
    uint64_t written_bytes, fetched_bytes;
    uint64_t sync_ns;                /* spent in syncs */
    uint64_t cached_bytes;
};
void stream_engine_get_stats(struct stream_engine *engine, struct stream_engine_stats *ret_stats);

#endif
