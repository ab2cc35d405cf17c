/* job: what the committer carries from a log to the disk and back. Filled in under the lock, run without it. */
#ifndef STORE_JOB_H
#define STORE_JOB_H

#include "store/state.h"

enum {
    JOB_PIECES_MAX = 64,        /* what waits beyond them goes with the next job, so that publishers hear between */
};

/* Bytes [from, to) of a span's block, which go to `at` in the segment. */
struct piece {
    struct span *span;          /* not touched without the lock */
    struct block *block;        /* one reference */
    struct segment *segment;
    uint32_t from, to;
    uint64_t at, last_sequence;
    bool is_behind_gap;         /* a mark comes before it */
};

/* Dead records of one segment. */
struct kill {
    struct segment *segment;
    uint64_t first, last;
};

/* A segment that is to be removed, and what its follower then notes: all between its own neighbours is gone. */
struct removal {
    struct segment *segment, *follower;
    uint64_t gone_first, gone_last;
};

struct log_job {
    struct log *log;
    bool sync;                  /* what is written is to be durable at the end */
    bool remembers;             /* the kills too */
    bool doubts;                /* and those that recovery found */
    bool retells;               /* of the kills some had been lost */
    bool rests;                 /* nothing comes behind it */
    bool clears;                /* nothing is written but what is gone */

    struct piece *pieces;
    size_t piece_count;
    struct segment *open;       /* the segment that is written to; NULL: there is none */
    uint64_t cut_size;          /* where the log's cut ends */
    struct kill *kills;
    size_t kill_count;
    size_t kills_taken;         /* of the ranges of the log */
    uint64_t front;             /* all before it is written down as dead then */
    struct removal *removals;
    size_t removal_count;

    /* What came of it. */
    size_t pieces_written;
    uint64_t written_sequence, synced_sequence;
    bool has_settled;           /* what recovery doubted, where it stands */
    bool kills_written;
    size_t removals_done;
    bool has_marked;
    int failure;                /* of a sync */
};

#endif
