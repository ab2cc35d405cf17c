/*
 * state: what a log is made of, for the files of store/ that work on it. Under the lock of the log's stream, but for
 * what is said to be the committer's.
 *
 *   log.c      appending, finding, killing     recover.c  opening
 *   cache.c    blocks that come and go         commit.c   what is to be written, and what has been
 *   kills.c    what is to be remembered        write.c    writing it, without the lock
 *   fetch.c    bringing what is away           remove.c   removing all
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/log.h"
#include "store/segment.h"
#include "store/spans.h"

enum {
    LOG_SPARE_MAX = 32,         /* blocks that wait to be used again */
    LOG_PATH_SIZE = 4096,
};

#define LOG_AT_UNKNOWN UINT32_MAX

/* A segment file, and the file of its dead beside it. */
struct segment {
    uint64_t serial, identity, first_sequence;
    uint32_t seed;
    uint64_t last_sequence;     /* of what has a place in it; first_sequence - 1: nothing has */
    uint64_t used;              /* where the next span goes */
    size_t span_count;          /* of the spans of the log, those that are in it */
    uint64_t gone_first;        /* from here to first_sequence all has been removed; 0: nothing has */
    bool is_sealed;             /* it does not grow any more; synced */
    bool is_damaged;            /* some of it could not be read, and perhaps can be some day: it stays until all in it
                                   was to be killed */
    /* The committer's, while a job runs; between jobs everybody's. */
    enum { SEGMENT_UNBORN, SEGMENT_OPEN, SEGMENT_SEALED } state;
    bool is_rescue;             /* takes what recovery doubted: its head is written when all of that is synced */
    bool is_durable;            /* it has been synced since it was made, so that its head is there for ever */
    bool entry_is_sure;         /* so has the directory, since the newer of its two files was made */
    int fd;                     /* of an open one; -1: it is to be opened */
    uint64_t allocated, written; /* bytes of the file, and up to where something stands in it */
    uint64_t zeroed;            /* up to here zeros were written before the records */
    uint64_t dead_size;         /* of the file of its dead; 0: to be made */
    struct list unsynced;       /* in a list of the log's, where that file is to be synced */
};

struct log_range {
    uint64_t first, last;
};

/* Dead records that a restart is to find dead, and that are not written down yet; neighbours are put together. */
struct kills {
    struct log_range *ranges;
    size_t count, room;
    size_t taken;               /* of them a job writes down now: they are not changed */
    bool is_lost;               /* memory ran out: all that is not live is written down anew */
};

struct log {
    struct spans spans;
    uint64_t first_sequence;    /* of the first live record, and none before it is; 0: there is none */
    uint32_t first_at;          /* its place in its block, where that is known */
    uint64_t last_sequence;
    uint64_t killed_before;     /* the highest sequence before which all was to be killed */
    uint64_t live_count, live_bytes;
    uint64_t block_bytes;       /* of the blocks in the spans */
    struct block *spare[LOG_SPARE_MAX];
    size_t spare_count, spare_least; /* so many may wait in any case */
    struct slab *slab;          /* off which blocks are cut where there are many; NULL: none */

    /* In files. */
    const struct files *files;  /* NULL: in memory alone */
    char *directory;
    struct log_options options;
    struct segment **segments;  /* the oldest first; what is appended goes into the last, where it is not sealed */
    size_t segment_count, segment_room; /* room: for those, and for as many that are retired */
    uint64_t file_bytes;        /* used in the segments */
    uint64_t next_serial;
    struct segment **retired;   /* nothing in them is live: to be removed */
    size_t retired_count;
    uint64_t appended_bytes, written_bytes; /* ever */
    uint64_t written_sequence, synced_sequence;
    struct segment *cut;        /* ends with what recovery doubted, and is cut when that has been written anew */
    uint64_t rescue_sequence;   /* the last of that; 0: there is nothing of the kind */
    uint64_t rescue_end;        /* where sequences go on then: behind what is missing at the end */
    uint64_t rescue_serial, rescue_from, rescue_to; /* where that stands: the segment, and bytes of it */
    bool is_settled;            /* it has been synced where it stands, for want of room: it is to be seen */
    bool has_mark;              /* the last segment ends with a mark */
    int failure;                /* of a sync: for good */
    struct list unsynced;       /* segments whose files of the dead have been written to; the committer's */
    struct list doubted;        /* and those that were found: perhaps they had never been synced */
    bool has_unsynced, has_doubted; /* as the last job left it */
    struct kills kills;
    uint64_t front_told;        /* all before this sequence is written down as dead */
    bool remembers;             /* the kills so far are to be synced */

    struct list cached;         /* spans whose blocks may go, the least used first */
    struct list wanted;
    uint64_t cached_bytes;
    size_t cached_count;

    uint64_t torn_bytes;
    struct log_damage *damages;
    size_t damage_count, damage_room;
};

/* log.c */

/* Makes a span the last; its block is empty. NULL: out of memory. */
struct span *log_add_span(struct log *log, uint64_t sequence, uint32_t size);

/* Counts records of a span no more. */
void log_discount(struct log *log, struct span *span, uint32_t count, uint64_t bytes);

/* Finds the first live record anew, from this sequence on. */
void log_find_first(struct log *log, uint64_t sequence);

/* Drops a span with nothing live, unless it has to stay. True where it is gone. */
bool log_drop_span(struct log *log, size_t place);

/* A span may have been closed, or written: where it has all behind it, it is dropped or its block may go. */
void log_settle_span(struct log *log, size_t place);

/* A segment behind all others, a copy of this. NULL: out of memory. */
struct segment *log_add_segment(struct log *log, const struct segment *segment);
/* It is used up to here from now on. */
void log_use_segment(struct log *log, struct segment *segment, uint64_t used);
/* Closes its file too. */
void log_free_segment(struct log *log, struct segment *segment);

/* It is to be removed. */
void log_retire_segment(struct log *log, struct segment *segment);
/* A segment that is sealed and in which nothing lives is to be removed. */
void log_settle_segment(struct log *log, struct segment *segment);
/* So are damaged ones at the front before which all was to be killed. */
void log_settle_damaged(struct log *log);

/* The path of a file of a segment, or of the directory (suffix NULL). */
const char *log_path(const struct log *log, uint64_t serial, const char *suffix, char out[LOG_PATH_SIZE]);

/* cache.c */

struct block *cache_take_block(struct log *log, uint64_t first_sequence, uint32_t size);
/* Takes a block that is in no span any more. */
void cache_give_block(struct log *log, struct block *block);

/* The block of a span is on disk as well: it may go when it is used least. */
void cache_add(struct log *log, struct span *span);
void cache_remove(struct log *log, struct span *span);
/* Somebody reads in it; is_first: from its first live record on. */
void cache_touch(struct log *log, size_t place, bool is_first);
/* Somebody wants it who cannot have it yet. */
void cache_want(struct log *log, struct span *span);
/* Lets blocks go until the rest is within bounds. */
void cache_trim(struct log *log);

/* kills.c */

/* Notes that records are dead. */
void kills_add(struct kills *kills, uint64_t first, uint64_t last);
void kills_finish(struct kills *kills);

/* remove.c */

/* Syncs the directory in which a path lies. */
int log_sync_parent(const struct files *files, const char *path);

/* commit.c */

/* What counts as committed, where what has been written or synced ends here. */
uint64_t log_committed(const struct log *log, uint64_t sequence);

/* recover.c */

/* Sequences that cannot be read; those found later come behind, or next to the last. False: out of memory. */
bool log_add_damage(struct log *log, uint64_t first, uint64_t last);

#endif
