/*
 * stream: a kept, numbered log of messages: appended to by every worker, read by every worker, bounded in bytes,
 * messages and age. Whoever wants history or certainty reads it and remembers how far he has come.
 *
 * A stream in memory shows what is appended at once. One in files shows it when it is committed: written, and synced
 * where its settings say always. Until then it is neither read nor acknowledged.
 *
 * A stream is shared by the daemon's threads: every function here may be called from any of them, but for create and
 * destroy. store/ holds its bytes.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdatomic.h>

#include "core/sink.h"
#include "store/block.h"
#include "stream/cursor.h"
#include "stream/settings.h"

struct stream;
struct stream_engine;

/* What bounds a stream; 0: no such bound. The oldest messages make room for the newest, or the newest are refused. */
struct stream_limits {
    uint64_t bytes_max;              /* in memory: of the blocks that hold them, and not 0; in files: of the messages */
    uint64_t messages_max;
    uint64_t messages_per_topic_max;
    uint64_t message_size_max;
    uint64_t age_max_ms;             /* what is older is not read either */
    uint64_t duplicate_window_ms;    /* how long the id of a message is remembered; 0: not at all */
    uint32_t duplicate_ids_max;      /* how many ids at most */
    bool refuse_new;                 /* discard = new: what would go over messages_max or bytes_max is not kept */
    bool refuse_new_per_topic;       /* and over messages_per_topic_max */
};

/* What a stream holds. Sequences count from 1 and are never used twice within an epoch. */
struct stream_state {
    uint64_t epoch;                  /* names this life of the stream; never 0 */
    uint64_t first_sequence;         /* of the oldest message kept; last_sequence + 1 where there is none */
    uint64_t last_sequence;          /* of the newest that readers may see; 0: there never was one */
    uint64_t lost_sequence;          /* the last that has made room for newer ones; 0: none has */
    uint64_t message_count, byte_count;
    uint64_t duplicate_count;        /* messages not kept because their id had been seen */
    uint64_t deleted_count;          /* between first and last, and not there */
    uint64_t topic_count;            /* different ones; 0 where they are not counted (in memory, without their bound) */
    uint64_t uncommitted_count;      /* appended, and not yet to be seen */
    uint64_t first_time_ms, last_time_ms; /* of the oldest and the newest kept; 0: none */
    enum stream_health {
        STREAM_WELL,
        STREAM_FULL,                 /* the disk is full, or cannot be written to for another reason: what is published
                                        is refused, until it can */
        STREAM_FAILED,               /* a sync failed: it takes nothing more until it is opened anew */
    } health;
    int error;                       /* -errno of what keeps it from being well; 0: nothing */
};

/* A stream in memory, such as recent. Copies the name. The epoch is drawn at random. NULL: out of memory. */
struct stream *stream_create(const char *name, const struct stream_limits *limits);

/* A stream with settings, in files below the engine's directory or in memory. Reads what is there. 0 or -errno. */
int stream_open(struct stream_engine *engine, const struct stream_settings *settings, struct stream **ret_stream);

/* Streams count their references: the registry has one, each worker that has ties to it one. */
struct stream *stream_ref(struct stream *stream);
/* The last ends it: what it has appended is committed first. Takes NULL. */
void stream_destroy(struct stream *stream);

const char *stream_name(const struct stream *stream);
uint64_t stream_epoch(const struct stream *stream);

/* True where it outlives the daemon, or at least tries to: it is kept in files. */
bool stream_is_durable(const struct stream *stream);

/* Other bounds from now on; what is over them goes with the next message (of the topic, where topics are bounded). */
void stream_set_limits(struct stream *stream, const struct stream_limits *limits);

/* Other settings from now on, and the limits that follow from them. 0 or -ENOMEM. */
int stream_set_settings(struct stream *stream, const struct stream_settings *settings);
/* A copy, to be finished by the caller. 0 or -ENOMEM. */
int stream_get_settings(struct stream *stream, struct stream_settings *ret_settings);

/* What has grown too old counts until the next append or read. */
void stream_get_state(struct stream *stream, struct stream_state *ret_state);

/* One load. */
enum stream_health stream_health(const struct stream *stream);

/* What its settings say. One load. */
bool stream_allows_direct(const struct stream *stream);
/* Likewise allow_rollup. */
bool stream_allows_rollup(const struct stream *stream);

/* The sequences between the first and the last that are not there, in order, until visit says stop (false). Under the
 * stream's lock: visit calls nothing here. */
void stream_visit_deleted(struct stream *stream, bool (*visit)(void *arg, uint64_t sequence), void *arg);

/* What recovery found when it was opened; nothing, for one in memory. Borrowed from the stream. */
void stream_get_findings(const struct stream *stream, struct log_findings *ret_findings);

/* How many consumers it has, as their home worker says. One load. */
unsigned stream_consumer_count(const struct stream *stream);
void stream_set_consumer_count(struct stream *stream, unsigned count);

/* Somebody who needs messages and is none of the consumers of the home worker. A stream that is kept by interest keeps
 * for him what lies above his floor, whatever those consumers have done with it. Embedded in its owner, who fills in
 * floor and nothing else. */
struct stream_hold {
    uint64_t floor;
    struct stream_hold *next;
};
void stream_hold(struct stream *stream, struct stream_hold *hold);
/* The watches are told where the lowest floor has risen by that. */
void stream_move_hold(struct stream *stream, struct stream_hold *hold, uint64_t floor);
void stream_let_go(struct stream *stream, struct stream_hold *hold);
/* The lowest floor; UINT64_MAX: nobody holds it. One load. */
uint64_t stream_held(const struct stream *stream);

/* The newest sequence that readers may see: the last committed. One load. */
uint64_t stream_last(const struct stream *stream);

/* Are topics counted? In all streams with settings, but for those of which somebody has said that none are to be. */
bool stream_has_topics(struct stream *stream);
/* From now on they are not, as far as no bound needs them: of a queue, whose messages only come and go, that is half of
 * the work. What counts topics finds none then. */
void stream_count_no_topics(struct stream *stream);

/* The topics that match a pattern: calls visit for each until it says stop (false), under the stream's lock: visit
 * calls nothing here. A topic that comes meanwhile may be missed, one that stays may come twice. Only where topics are
 * counted. */
struct stream_topic {
    struct slice topic;
    uint64_t first_sequence;         /* of the oldest message, or an earlier one, where others have gone */
    uint64_t last_sequence;          /* of the newest, or a later one, where that has been deleted or is not to be seen
                                        yet: stream_last_of_topic knows */
    uint64_t message_count;
    bool last_is_sure;               /* last_sequence is of the newest that is kept and may be seen */
};
void stream_visit_topics(struct stream *stream, struct slice pattern,
                         bool (*visit)(void *arg, const struct stream_topic *topic), void *arg);

/* The newest message of a topic that is kept and may be seen. Quick, and seldom away: where the newest has just been
 * appended or deleted. */
enum stream_found {
    STREAM_NONE,
    STREAM_FOUND,
    STREAM_AWAY,                     /* it is on disk and being fetched: the watch will be told */
};
enum stream_found stream_last_of_topic(struct stream *stream, struct slice topic, uint64_t *ret_sequence);

/* How many messages behind `after` are kept, and may be seen. Quick. */
uint64_t stream_count_after(struct stream *stream, uint64_t after);

/* Taking messages out. What is taken out leaves no gap for readers. From now on nobody reads it; what is on disk goes
 * when it has been fetched, and counts until then. A commit soon writes that it has gone, but without a sync. */

/* 0, -ENOENT or -ENOMEM. */
int stream_delete(struct stream *stream, uint64_t sequence);

/* Takes out what matches the pattern (empty: all), below the sequence (0: all of it), but for the newest keep_count of
 * them. Returns how many go, as far as that is known at once. */
uint64_t stream_purge(struct stream *stream, struct slice pattern, uint64_t below_sequence, uint64_t keep_count);

/* What has been taken out so far is to be gone for ever: when stream_remembered has come to the number that this
 * returns, that has been synced. The watches are told. */
uint64_t stream_remember(struct stream *stream);
uint64_t stream_remembered(const struct stream *stream);

/* Who waits for a stream to advance. Embedded in its owner, who fills in wake and arg and nothing else. */
struct stream_watch {
    void (*wake)(void *arg);         /* once, until stream_watch_take; from the thread that appended or committed, under
                                        the stream's lock: it calls nothing here */
    void *arg;
    atomic_bool advanced;
    bool owes_commit;                /* what its thread has appended waits for stream_commit_soon */
    struct stream_watch *next;
};

/*
 * Appends the messages of a batch, in order, at this time of the wall clock. A message whose header Nats-Msg-Id was
 * seen within the window is not kept again; one whose Nats-Expected-* headers do not hold is refused (streams with
 * settings alone look at them); Nats-Rollup takes out what was before. Messages of a train (core/train.h) are kept in
 * the order of their publisher, or refused. Fills in batch->receipts where somebody asks for
 * them. own (may be NULL) is the watch of the thread that appends: it is marked, not woken.
 *
 * Returns how many messages were kept. A receipt of one that was not says why (core/sink.h).
 */
unsigned stream_append(struct stream *stream, const struct batch *batch, uint64_t now_ms, struct stream_watch *own);

/* A batch goes by this stream, refused for now: so it refuses what follows in the trains of its messages
 * (core/train.h). */
void stream_stop_trains(struct stream *stream, const struct batch *batch);

/* What own's thread has appended is to be committed from now on: one commit for all that it has read together. */
void stream_commit_soon(struct stream *stream, struct stream_watch *own);

/* Bytes that have been appended and wait to be written: beyond some MiB, publishers are to be slowed down. One load. */
uint64_t stream_backlog(const struct stream *stream);

/* The watch is also told when something that was away has come, and when the health changes. */
void stream_watch(struct stream *stream, struct stream_watch *watch);
void stream_unwatch(struct stream *stream, struct stream_watch *watch);

/* True where the stream has advanced since this was last asked. Take first, then read. */
bool stream_watch_take(struct stream_watch *watch);

/* Changes whenever something that was away has come: only then is it worth while to ask again. One load. */
uint64_t stream_arrivals(const struct stream *stream);

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
    struct block *block;
    uint32_t at, end;                /* within the block */
    uint64_t last_sequence;          /* of its last message */
    uint64_t first_sequence;         /* of its first, which is read whatever becomes of it meanwhile */
    uint64_t gap_first, gap_last;    /* sequences that were asked for and are gone; gap_first 0: none */
};

/*
 * Holds a run of messages behind the sequence `after`, one or more, as many as lie together. Where there is none
 * nothing is held; but even then the gap is told. Messages taken out leave no gap: they are superseded, deleted or
 * done with. Those that made room for newer ones, and those that are damaged, do.
 */
enum stream_found stream_read(struct stream *stream, uint64_t after, uint64_t now_ms, struct stream_run *ret_run);

/* Holds a run that begins with the message of that sequence, and no other; or with the newest of that topic. */
enum stream_found stream_read_at(struct stream *stream, uint64_t sequence, struct stream_run *ret_run);
enum stream_found stream_read_last(struct stream *stream, struct slice topic, struct stream_run *ret_run);

/* The next message of a run; false at its end. */
bool stream_run_next(struct stream_run *run, struct stream_message *ret_message);

void stream_release(struct stream_run *run);

/* Where to stand to read what was appended at this time and later: the sequence to give as `after`. What lies on disk
 * is known by spans alone, so that some messages may be older: the reader looks at their time. */
uint64_t stream_sequence_before(struct stream *stream, uint64_t time_ms);

/* A cursor of an earlier epoch of this stream that is still good becomes one of today's. False: what came behind it is
 * unknown. */
bool stream_locate(struct stream *stream, struct cursor *cursor);

#endif
