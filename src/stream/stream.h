/*
 * stream: a kept, numbered log of messages: appended to by every worker, read by every worker, bounded in bytes,
 * messages and age. Whoever wants history or certainty reads it and remembers how far he has come.
 *
 * A stream is shared by the daemon's threads: every function here may be called from any of them, but for create and
 * destroy. Streams in memory are the ones there are; store/ holds their bytes.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdatomic.h>

#include "core/sink.h"
#include "store/memory.h"

struct stream;

/* What bounds a stream; 0: no such bound. The oldest messages make room for the newest. */
struct stream_limits {
    uint64_t bytes_max;              /* of the blocks that hold them; not 0. Messages go by whole blocks, and the
                                        last block stays. */
    uint64_t messages_max;
    uint64_t messages_per_topic_max;
    uint64_t age_max_ms;             /* what is older is not read either */
    uint64_t duplicate_window_ms;    /* how long the id of a message is remembered; 0: not at all */
    uint32_t duplicate_ids_max;      /* how many ids at most */
};

/* What a stream holds. Sequences count from 1 and are never used twice within an epoch. */
struct stream_state {
    uint64_t epoch;                  /* names this life of the stream; never 0 */
    uint64_t first_sequence;         /* of the oldest message kept; last_sequence + 1 where there is none */
    uint64_t last_sequence;          /* of the newest; 0: there never was one */
    uint64_t lost_sequence;          /* the last that has made room for newer ones; 0: none has */
    uint64_t message_count, byte_count;
    uint64_t duplicate_count;        /* messages not kept because their id had been seen */
    uint64_t first_time_ms, last_time_ms; /* of the oldest and the newest kept; 0: none */
};

/* Copies the name. The epoch is drawn at random. NULL: out of memory. */
struct stream *stream_create(const char *name, const struct stream_limits *limits);

/* After the last reader and watcher is gone. Takes NULL. */
void stream_destroy(struct stream *stream);

const char *stream_name(const struct stream *stream);
uint64_t stream_epoch(const struct stream *stream);

/* Other bounds from now on; what is over them goes with the next message (of the topic, where topics are bounded). */
void stream_set_limits(struct stream *stream, const struct stream_limits *limits);

/* What has grown too old counts until the next append or read. */
void stream_get_state(struct stream *stream, struct stream_state *ret_state);

/* The newest sequence that readers may see. One load. */
uint64_t stream_last(const struct stream *stream);

/* Who waits for a stream to advance. Embedded in its owner, who fills in wake and arg and nothing else. */
struct stream_watch {
    void (*wake)(void *arg);         /* once, until stream_watch_take; from the thread that appended, under the
                                        stream's lock: it calls nothing here */
    void *arg;
    atomic_bool advanced;
    struct stream_watch *next;
};

/*
 * Appends the messages of a batch, in order, at this time of the wall clock. A message whose header Nats-Msg-Id was
 * seen within the window is not kept again. Fills in batch->receipts where somebody asks for them. own (may be NULL) is
 * the watch of the thread that appends: it is marked, not woken.
 *
 * Returns how many messages were kept; fewer than the batch has only for duplicates and where memory ran out: those
 * have no sequence in their receipt.
 */
unsigned stream_append(struct stream *stream, const struct batch *batch, uint64_t now_ms, struct stream_watch *own);

void stream_watch(struct stream *stream, struct stream_watch *watch);
void stream_unwatch(struct stream *stream, struct stream_watch *watch);

/* True where the stream has advanced since this was last asked. Take first, then read. */
bool stream_watch_take(struct stream_watch *watch);

/* One message of a stream. Borrows its bytes from the run. */
struct stream_message {
    uint64_t sequence;
    uint64_t time_ms;                /* wall clock, when it was appended */
    struct slice topic;
    struct slice head;               /* headers, as wire/headers.h reads them; empty: none */
    struct slice payload;
};

/*
 * A stretch of the log in memory, held for reading: readable until stream_release, whatever the stream forgets
 * meanwhile; only what is superseded meanwhile may be passed over.
 */
struct stream_run {
    struct memory_block *block;
    uint32_t at, end;                /* within the block */
    uint64_t last_sequence;          /* of its last message */
    uint64_t gap_first, gap_last;    /* sequences that were asked for and are gone; gap_first 0: none */
};

/*
 * Holds a run of messages behind the sequence `after`, one or more, as many as lie together. False where there is none,
 * and then nothing is held; but even then the gap is told. Messages taken out for messages_per_topic_max leave no gap:
 * they are superseded.
 */
bool stream_read(struct stream *stream, uint64_t after, uint64_t now_ms, struct stream_run *ret_run);

/* The next message of a run; false at its end. */
bool stream_run_next(struct stream_run *run, struct stream_message *ret_message);

void stream_release(struct stream_run *run);

/* Where to stand to read what was appended at this time and later: the sequence to give as `after`. */
uint64_t stream_sequence_before(struct stream *stream, uint64_t time_ms);

#endif
