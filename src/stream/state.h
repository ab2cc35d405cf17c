/*
 * state: a stream, for the files of this room: which file does what of stream.h, and what they ask of one another. All
 * of it under the stream's lock.
 *
 *   stream.c   life, settings, state            append.c   verdicts, appending, watches
 *   bounds.c   what makes room for newer ones   read.c     runs, positions
 */
#ifndef STREAM_STATE_H
#define STREAM_STATE_H

#include <pthread.h>

#include "store/log.h"
#include "stream/duplicates.h"
#include "stream/stream.h"
#include "stream/topics.h"

struct stream {
    pthread_mutex_t lock;         /* of all that follows, but for what is atomic or constant */
    atomic_uint reference_count;
    uint64_t epoch;               /* constant */
    struct log *log;              /* constant */

    struct stream_limits limits;
    struct duplicates duplicates;
    bool has_topics;              /* topics are counted */
    struct topics topics;

    uint64_t appended_sequence;   /* of the newest; readers see those up to last_sequence */
    atomic_uint_fast64_t last_sequence;
    uint64_t lost_sequence;       /* the last that made room for newer ones; superseded messages are not lost */
    uint64_t first_time_ms;       /* of the message first_time_sequence, which was the oldest when somebody asked */
    uint64_t first_time_sequence;
    uint64_t last_time_ms;        /* of the newest */
    uint64_t duplicate_count;
    atomic_uint_fast64_t arrivals; /* how often a block has come that was away */
    struct stream_watch *watches;
    char name[];                  /* constant */
};

static inline void stream_lock(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
}

static inline void stream_unlock(struct stream *stream)
{
    pthread_mutex_unlock(&stream->lock);
}

/* The last that readers may see, for those who hold the lock. */
static inline uint64_t stream_shown(const struct stream *stream)
{
    return atomic_load_explicit(&stream->last_sequence, memory_order_relaxed);
}

static inline struct slice record_name(const struct record *record)
{
    return slice_make(record_topic(record), record->topic_size);
}

/* stream.c */

/* The first live record from this sequence on. Where it is away, the stream is woken when it has come. */
enum log_found stream_find(struct stream *stream, uint64_t sequence, struct log_place *ret_place);

/* bounds.c */

/* Lets go of what is over the bounds. */
void stream_trim(struct stream *stream, uint64_t now_ms);
void stream_trim_age(struct stream *stream, uint64_t now_ms);

/* The time of the oldest message kept; 0: there is none, or it is away. */
uint64_t stream_first_time(struct stream *stream);

/* Where the topic has too many, its oldest are superseded. */
void stream_bound_topic(struct stream *stream, struct topic_entry *entry);

/* Counts topics, or stops counting them, as limits and settings want it. */
void stream_count_topics(struct stream *stream);

#endif
