/*
 * state: a stream, for the files of this room.
 *
 *   stream.c   life, settings, state            commit.c   what the threads of the engine do for a stream
 *   append.c   verdicts, appending              open.c     recovery
 *   watch.c    who is told                      read.c     runs, positions
 *   bounds.c   what makes room for newer ones   purge.c    what is taken out by hand
 *   index.c    the topics
 *
 * What is asked for here is done under the stream's lock, where nothing else is said.
 */
#ifndef STREAM_STATE_H
#define STREAM_STATE_H

#include <pthread.h>

#include "store/log.h"
#include "stream/duplicates.h"
#include "stream/engine_state.h"
#include "stream/trains.h"
#include "stream/past.h"
#include "stream/quota.h"
#include "stream/stream.h"
#include "stream/topics.h"
#include "util/hash.h"
#include "util/list.h"

/* Messages to be taken out, of which some are on disk: they go as they are fetched. Nobody reads in its range
 * meanwhile. */
struct purge {
    struct purge *next;
    uint64_t at, below;           /* looks at sequences in [at, below) */
    uint64_t left;                /* how many may go */
    bool is_topic;                /* text is a topic, and no pattern; empty: all */
    uint16_t text_size;
    char text[];
};

struct stream {
    pthread_mutex_t lock;         /* of all that follows, but for what is atomic or constant */
    atomic_uint reference_count;
    struct stream_engine *engine; /* constant; NULL: it has none, and is in memory */
    bool in_files;                /* constant */
    struct log *log;              /* constant */
    uint64_t epoch;               /* constant */

    bool has_settings;            /* constant */
    struct stream_settings settings;
    atomic_bool allows_direct, allows_rollup; /* of the settings */
    struct stream_limits limits;
    struct quota *quota;          /* of its owner; NULL: it counts for nobody */
    uint64_t counted_bytes;       /* what the quota knows of */
    struct duplicates duplicates;
    struct trains trains;
    uint64_t id_seed, last_id;    /* a hash of the id of the newest message; 0: it has none */

    /* Topics. */
    bool has_topics;              /* they are counted */
    bool counts_none;             /* whoever owns it does not want them counted */
    bool is_counting;             /* anew, up to counted_sequence, into counted */
    struct topics topics, counted;
    uint64_t counted_sequence;
    struct topic_entry **excess;  /* topics with too many messages, of which some are not to be seen yet; marked */
    size_t excess_count, excess_room;

    /* Sequences and times. */
    uint64_t appended_sequence;   /* of the newest; readers see those up to last_sequence */
    atomic_uint_fast64_t last_sequence;
    uint64_t lost_sequence;       /* the last that made room for newer ones; superseded messages are not lost */
    uint64_t appended_bytes, shown_bytes; /* of all records ever appended, and of those to be seen */
    uint64_t appended_time_ms;    /* of the newest */
    uint64_t first_time_ms;       /* of the message first_time_sequence, which was the oldest when somebody asked */
    uint64_t first_time_sequence;
    uint64_t last_time_ms;        /* of the newest that is to be seen */
    uint64_t duplicate_count;

    /* Taken out by hand. */
    struct purge *rollups, **last_rollup; /* wait until the message that asks for them is to be seen */
    struct purge *purges, **last_purge;
    uint64_t *deletions;          /* sequences whose records are away */
    size_t deletion_count, deletion_room;

    /* In files. */
    atomic_uint health;           /* enum stream_health */
    int error;                    /* -errno of the last try to write; 0: it went well */
    struct past past;             /* its epochs */
    bool past_is_due;             /* it is to be written before anything new is shown */
    bool past_is_stale;           /* it is to be written with a commit: what was taken out since is no gap, ... */
    uint64_t past_stale_ms;       /* ... and not before: the monotonic clock */
    bool commit_is_due, fetch_is_due; /* the engine has been told */
    pthread_cond_t gathered;      /* gather_sequence has been appended */
    uint64_t gather_sequence;     /* what the committer waits for; 0: it does not */
    uint64_t gather_target;       /* and what it will wait for next, but not longer than gather_end_ns; 0: nothing */
    uint64_t gather_end_ns, gather_step_ns;
    uint64_t remember_count;      /* how often somebody has asked for what is taken out to be synced */
    atomic_uint_fast64_t remembered_count; /* of those, what has been done */
    bool is_removed;
    uint64_t cache_share;         /* of the log */
    uint64_t fetched_ms;          /* when something came last; the monotonic clock */
    uint64_t sync_due_ms;         /* the monotonic clock; 0: all is synced */
    bool awaits_age;              /* the engine will come when the oldest message gets too old */
    atomic_uint_fast64_t backlog;
    atomic_uint consumer_count;
    atomic_uint_fast64_t arrivals; /* how often something has come that was away */

    /* The engine's, under its lock. */
    struct list place;            /* among all streams in files */
    struct list extra_place;      /* among those that are to be closed, or to be removed */
    struct stream_turn {
        struct list place;        /* in the queue of a thread */
        uint64_t due_ms;          /* when it is to be visited though nobody asks; 0: never */
    } turns[ENGINE_THREADS];
    bool is_moved;                /* its directory has been moved away */
    int move_error;
    atomic_bool is_fetching;      /* it has more of the cache */
    uint64_t cached_bytes;        /* of blocks in memory that are on disk too, when they were last counted */

    struct stream_watch *watches;
    struct stream_hold *holds;
    atomic_uint_fast64_t held;    /* the lowest floor of them */
    char name[];                  /* constant */
};

static inline void stream_lock(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
}

/* What it holds has perhaps changed: its quota is told. Under the lock. */
void stream_count_bytes(struct stream *stream);

static inline void stream_unlock(struct stream *stream)
{
    if (stream->quota)
        stream_count_bytes(stream);
    pthread_mutex_unlock(&stream->lock);
}

/* The last that readers may see, for those who hold the lock. */
static inline uint64_t stream_shown(const struct stream *stream)
{
    return atomic_load_explicit(&stream->last_sequence, memory_order_relaxed);
}

static inline void stream_show(struct stream *stream, uint64_t sequence)
{
    atomic_store_explicit(&stream->last_sequence, sequence, memory_order_release);
}

static inline struct slice record_name(const struct record *record)
{
    return slice_make(record_topic(record), record->topic_size);
}

/* The next live record of the block. */
static inline bool place_next(struct log_place *place)
{
    place->at = block_next_live(place->block, place->at + block_record(place->block, place->at)->size);
    return place->at < place->block->used;
}

/* Ids are compared by their hashes; 0: there is none. */
static inline uint64_t stream_hash_id(const struct stream *stream, struct slice id)
{
    return id.size ? hash_bytes(stream->id_seed, id.data, id.size) | 1 : 0;
}

/* stream.c */

/* Without settings, epoch and log; with one reference. NULL: out of memory. Without the lock. */
struct stream *stream_allocate(const char *name);

/* A reference more, unless the last has gone. */
bool stream_ref_if_alive(struct stream *stream);

/* Frees it: nobody has it any more. The log is closed. Takes NULL. Without the lock. */
void stream_free(struct stream *stream);

/* Ends its life: it takes nothing more, and its files go with the last reference. When it returns, another may have its
 * name. 0 or -errno. Without the lock. */
int stream_remove(struct stream *stream);

/* True where messages make room for newer ones, so that what is missing may be a gap. */
static inline bool stream_is_bounded(const struct stream *stream)
{
    return stream->limits.messages_max || stream->limits.bytes_max || stream->limits.age_max_ms;
}

/* It counts for this quota from now on, which it takes; NULL: for nobody. Without the lock. */
void stream_set_quota(struct stream *stream, struct quota *quota);

/* Whether its owner may keep so many bytes more here. */
bool stream_quota_takes(const struct stream *stream, uint64_t size);

/* What settings mean as bounds. */
struct stream_limits stream_limits_of(const struct stream_settings *settings);

/* The first live record from this sequence on. Where it is away, the fetcher is told, and the watches when it has
 * come. */
enum log_found stream_find(struct stream *stream, uint64_t sequence, struct log_place *ret_place);

/* The last up to this sequence. */
enum log_found stream_find_back(struct stream *stream, uint64_t sequence, struct log_place *ret_place);

/* How many messages are kept and to be seen. */
uint64_t stream_count_shown(const struct stream *stream);

/* True where there is a live record of that sequence, whether it is away or not. */
bool stream_has(const struct stream *stream, uint64_t sequence);

/* watch.c */

/* The stream has advanced: whoever watches it is told, but for the thread that calls. own may be NULL. */
void stream_wake(struct stream *stream, const struct stream_watch *own);

/* bounds.c */

/* Lets go of what is over the bounds, as far as it is to be seen. */
void stream_trim(struct stream *stream, uint64_t now_ms);
void stream_trim_age(struct stream *stream, uint64_t now_ms);

/* The same by the engine's clock, for those who look something up. */
void stream_refresh(struct stream *stream);

/* True where it should have gone already. */
bool stream_is_expired(const struct stream *stream, const struct record *record);

/* When the oldest gets too old, of the monotonic clock; 0: never. */
uint64_t stream_age_due(struct stream *stream, uint64_t now_ms);

/* Has the engine come when that is. */
void stream_await_age(struct stream *stream);

/* The time of the oldest message kept; 0: there is none, or it is away. */
uint64_t stream_first_time(struct stream *stream);

/* Where the topic has too many, its oldest are superseded, as far as those behind them are to be seen. */
void stream_bound_topic(struct stream *stream, struct topic_entry *entry);

/* The same for all of them. */
void stream_bound_topics(struct stream *stream);

/* Room for one more topic in the list of those with too many. False: out of memory. */
bool stream_reserve_excess(struct stream *stream);

/* What is to be seen now may supersede others. */
void stream_bound_excess(struct stream *stream);

/* index.c */

/* Counts topics, or stops counting them, as limits and settings want it. */
void stream_index_topics(struct stream *stream);

/* Goes on with counting them anew. False: what comes next is away, or the budget is used up. */
bool stream_count_topics(struct stream *stream, unsigned *budget);

/* The newest of a topic that is to be seen. */
enum stream_found stream_find_last(struct stream *stream, struct slice topic, uint64_t *ret_sequence);

/* Looks for the newest of a topic whose newest has been deleted. */
enum stream_found stream_search_last(struct stream *stream, struct topic_entry *entry);

/* A message goes: its topic is told. */
void stream_forget_topic(struct stream *stream, const struct record *record);

/* All messages go. */
void stream_forget_topics(struct stream *stream);

/* purge.c */

/* Notes that a message asks for what was before it to be taken out, of its topic or all (empty). False: out of
 * memory. */
bool stream_add_rollup(struct stream *stream, struct slice topic, uint64_t sequence);

/* It is not kept after all. */
void stream_drop_rollup(struct stream *stream, uint64_t sequence);

/* Does what waits: roll-ups that are due, deletions, purges, counting. True where the budget is used up. */
bool stream_run_purges(struct stream *stream);

/* The first sequence from this one on that may be about to be taken out, so that nobody is to read it; UINT64_MAX:
 * there is none. */
uint64_t stream_next_purged(const struct stream *stream, uint64_t sequence);

void stream_finish_purges(struct stream *stream);

/* commit.c */

/* Something has come that was away. */
void stream_arrive(struct stream *stream);

/* Where it begins and ends now. */
void stream_note_ends(const struct stream *stream, struct past *past);

/* Without the lock, from the engine's threads. */

/* Writes what waits. Returns when to come again though nobody asks, of the monotonic clock; 0: not at all. */
uint64_t stream_commit(struct stream *stream, uint64_t now_ms);

/* Fetches what is wanted, and does what waits for it. Returns when to come again. */
uint64_t stream_fetch(struct stream *stream, uint64_t now_ms);

/* Nobody has it any more: the last commit, and the end of the stream. */
void stream_close(struct stream *stream);

/* Moves the directory of a removed stream to where nobody looks for it. 0 or -errno. */
int stream_move_away(struct stream *stream);

#endif
