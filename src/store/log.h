/*
 * log: the records of one stream, in memory alone or in segment files, the oldest first.
 *
 *   log      [span][span][span]..............[span]        a span: up to 256 KiB of records, in one segment file
 *              |     `- on disk only: fetched when asked for      `- in memory, grows; written by the committer
 *              `- block: the bytes of a span in memory, as they stand in the file (block.h)
 *
 * Three threads meet here. Whoever appends, finds or kills does so under the lock of the stream that owns the log. The
 * committer writes and syncs, and the fetcher reads, without that lock: for each of them there is a job, which is begun
 * and ended under the lock and run outside of it. Blocks are held by references and read without a lock: records do not
 * move and do not change.
 *
 * The bytes of a segment are drawn in README.md.
 */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "core/sink.h"
#include "store/block.h"
#include "store/files.h"

struct log;
struct log_job;
struct log_fetch;

enum log_sync { LOG_SYNC_ALWAYS, LOG_SYNC_INTERVAL, LOG_SYNC_NEVER };

struct log_options {
    uint64_t segment_size;      /* a segment is sealed when it would grow beyond; a larger record has one to itself */
    uint64_t cache_size;        /* of blocks that are kept in memory though they are on disk; the newest are always */
    bool kept_power;            /* the machine has run on since the log was last written to: what is not whole, though
                                   something whole stands behind it, was spoiled and not torn */
    uint64_t last_sequence;     /* it had gone on at least to here: what is missing of that is damage, and the next
                                   record has a sequence behind it. 0: nobody knows */
};

/* Sequences that were kept once and cannot be read any more: damage, found by recovery. */
struct log_damage {
    uint64_t first, last;
};

/* A log in memory: it is gone with the process. NULL: out of memory. */
struct log *log_create_memory(void);

/*
 * Opens the log in a directory, which is made where it is missing, and recovers it: reads all segments, cuts a torn
 * tail, steps over damage. visit is called for each record, the oldest first, as far as it is still there, live or
 * dead; it borrows the record. 0 or -errno.
 */
int log_open(const struct files *files, const char *directory, const struct log_options *options,
             void (*visit)(void *arg, const struct record *record, bool is_live), void *arg, struct log **ret_log);

/* After the committer and the fetcher have let go of it. Writes nothing. Takes NULL. */
void log_close(struct log *log);

/* Removes the directory with all that is in it: the last that is done with a stream. Where power fails meanwhile, some
 * of it is left. 0 or -errno. */
int log_remove(const struct files *files, const char *directory);

/* What recovery found. Pointers are the log's. */
struct log_findings {
    uint64_t last_sequence;     /* the next record has the one behind it, also where there is no record left */
    uint64_t written_sequence;  /* up to here it is durable. What is behind it waits for the next commit to be written
                                   anew, for nothing proves that it was ever synced; mostly that has been done by now */
    uint64_t torn_bytes;        /* cut off the end: they had not been acknowledged */
    const struct log_damage *damages;
    size_t damage_count;
};
void log_get_findings(const struct log *log, struct log_findings *ret_findings);

/* Under the lock of the stream. */

/* Copies a message behind all others. The sequence is one more than the last. NULL: out of memory. */
struct record *log_append(struct log *log, uint64_t sequence, uint64_t time_ms, struct slice topic,
                          const struct message *message);

enum log_found {
    LOG_ABSENT, /* there is none */
    LOG_FOUND,
    LOG_AWAY,   /* it is on disk, and now wanted: a fetch job will bring it */
};

/* Where a record lies. The block is held only where the caller holds it. */
struct log_place {
    struct block *block;
    uint32_t at;                /* of the record in the block */
};

/* The first live record with this sequence or a later one. */
enum log_found log_find(struct log *log, uint64_t sequence, struct log_place *ret_place);

/* The last live record with this sequence or an earlier one. */
enum log_found log_find_back(struct log *log, uint64_t sequence, struct log_place *ret_place);

/* The sequence of the first live record; 0: there is none. Never away. */
uint64_t log_first(const struct log *log);

/* The first live sequence from this one on; 0: there is none. Never away. */
uint64_t log_next(const struct log *log, uint64_t sequence);

/* How many live records have this sequence or a later one. By spans: quick however many there are. */
uint64_t log_count_from(const struct log *log, uint64_t sequence);

/* Where to begin looking for records of this time or later: the first of them, or, where that is away, the first of its
 * span. One more than the last where all are older. */
uint64_t log_sequence_before_time(const struct log *log, uint64_t time_ms);

/*
 * Kills a live record: it is passed over from now on, and its span, and its segment, go with the last live record in
 * them. A log in files writes it down with the next commit, but does not sync it: when power fails it may come back.
 * False where it was not live.
 */
bool log_kill(struct log *log, uint64_t sequence);

/* Kills all before this sequence at once, and looks at no record for it. Whoever holds their blocks still reads them.
 * Of records that are away their bytes are guessed from the others of their span. */
void log_kill_before(struct log *log, uint64_t sequence);
/* The same by hand: written down as log_kill does. What bounds have killed a restart would find out by itself. */
void log_take_before(struct log *log, uint64_t sequence);

/* What has been killed so far is synced by the next commit, whatever else is: somebody is to be told of it. */
void log_remember(struct log *log);

/* What the oldest span holds, for those who make room by spans. False where the log is empty. */
struct log_span_facts {
    uint64_t first_sequence, last_sequence;
    uint64_t live_count, byte_count;
    uint64_t time_max_ms;       /* none of its records is younger */
};
bool log_first_span(const struct log *log, struct log_span_facts *ret_facts);

struct log_state {
    uint64_t live_count;
    uint64_t byte_count;        /* of live records */
    uint64_t room_count;        /* bytes that blocks or segments take */
    uint64_t unwritten_count;   /* bytes that wait for the committer */
    uint64_t cached_count;      /* bytes of blocks in memory that are on disk too */
    size_t segment_count;
};
void log_get_state(const struct log *log, struct log_state *ret_state);

/* Committing: the committer's thread. A log in memory has nothing to commit. One job at a time. */

/* Under the lock: whether there is anything to be written, but for what waits to be synced. */
bool log_needs_commit(const struct log *log);

/* Under the lock: takes note of what is to be written, and whether it is to be synced with all that was written and not
 * synced before. NULL: there is nothing to do (or out of memory, and *ret_error says so). */
struct log_job *log_commit_begin(struct log *log, bool sync, int *ret_error);

/* The same where nothing may be written yet: it notes what is gone and removes files of which all is, and no more. That
 * makes room. */
struct log_job *log_clear_begin(struct log *log, int *ret_error);

/* The same for the last job before log_close when the daemon stops: it leaves nothing behind that a recovery would have
 * to doubt. */
struct log_job *log_rest_begin(struct log *log, int *ret_error);

/* Without the lock: writes, and syncs where told to. 0 or -errno; after an error of sync the log takes no more. */
int log_commit_run(struct log_job *job);

/* Under the lock. Returns the last sequence that is now committed: written, and synced where this job was told to.
 * After an error the same bytes are tried again by the next job, but for errors of sync, which are for ever. */
uint64_t log_commit_end(struct log *log, struct log_job *job);

/* True where a sync has failed: what is not committed never will be. */
bool log_has_failed(const struct log *log);

/* Fetching: the fetcher's thread. One job at a time. */

/* Under the lock: whether somebody wants what is away, or is soon going to: the fetcher is to be called. */
bool log_is_wanted(const struct log *log);

/* Under the lock: the next spans that somebody wants. NULL: none (or out of memory, and *ret_error says so). */
struct log_fetch *log_fetch_begin(struct log *log, int *ret_error);

/* Without the lock: reads them and checks every record. 0, or -errno where they could not be read for want of memory or
 * of descriptors, and are still wanted: to be tried again a while later. */
int log_fetch_run(struct log_fetch *fetch);

/* Under the lock: the spans are in memory now; their bad records count as damage. */
void log_fetch_end(struct log *log, struct log_fetch *fetch);

/* Under the lock: how many bytes of blocks are kept in memory from now on though they are on disk. */
void log_set_cache_size(struct log *log, uint64_t cache_size);

#endif
