/*
 * engine_state: the engine, for the files of this room. It has a lock of its own, which is taken after that of a
 * stream: what is asked for here may be asked for with or without the stream's lock.
 */
#ifndef STREAM_ENGINE_STATE_H
#define STREAM_ENGINE_STATE_H

#include "stream/engine.h"

struct stream;

enum engine_thread_name { ENGINE_COMMITTER, ENGINE_FETCHER, ENGINE_THREADS };

/* There is something to write: the committer comes as soon as it can. */
void engine_commit_soon(struct stream_engine *engine, struct stream *stream);

/* There is something to write that nobody waits for. */
void engine_commit_later(struct stream_engine *engine, struct stream *stream);

/* To be visited by the committer at this time of the monotonic clock; 0: not. */
void engine_commit_at(struct stream_engine *engine, struct stream *stream, uint64_t due_ms);

/* Whether anybody else waits for the committer. */
bool engine_is_wanted(struct stream_engine *engine);

/* Something is wanted that is away, or there is work to go on with. With the stream's lock. */
void engine_fetch_soon(struct stream_engine *engine, struct stream *stream);

/* The last reference has gone: commits what it has, closes and frees it. Does not wait for that. */
void engine_close(struct stream_engine *engine, struct stream *stream);

/* Takes a stream in. One in files waits a while for another of its name to be closed. 0; -EBUSY: that is still open;
 * -ENODEV: there is no directory. */
int engine_enter(struct stream_engine *engine, struct stream *stream);

/* Takes back what engine_enter gave. */
void engine_leave(struct stream_engine *engine, struct stream *stream);

/* Has a stream's directory moved out of the way: when it returns, another may have its name. 0 or -errno. */
int engine_remove(struct stream_engine *engine, struct stream *stream);

/* What all streams use. */
const struct files *engine_files(const struct stream_engine *engine);
const struct stream_engine_options *engine_options(const struct stream_engine *engine);
uint64_t engine_wall_ms(const struct stream_engine *engine);

/* Where a stream is, and where it is moved to when it is removed. */
int engine_path(const struct stream_engine *engine, const struct stream *stream, bool is_removed, char *out,
                size_t size);

/* How much of the cache a stream may have: half of it is shared by all in files, half by those that are fetching. */
uint64_t engine_cache_share(const struct stream_engine *engine, const struct stream *stream);
void engine_set_fetching(struct stream_engine *engine, struct stream *stream, bool is_fetching);

/* Counts. */
void engine_note_commit(struct stream_engine *engine, uint64_t written_bytes, bool synced, uint64_t ns);
void engine_note_fetch(struct stream_engine *engine, struct stream *stream, uint64_t fetched_bytes,
                       uint64_t cached_bytes);

#endif
