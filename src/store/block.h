/*
 * block: a stretch of a stream's log in memory: records one behind the other, with contiguous sequences, as they stand
 * in a segment file.
 *
 *   block    [record][record][record]....free
 *   record   struct record, topic, headers and payload, padding to 8
 *
 * Records do not move and do not change once they are written; that one is dead stands in marks beside them. So whoever
 * holds a block may read what was in it then without a lock. Blocks count their references.
 */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <stdatomic.h>

#include "core/sink.h"

enum {
    BLOCK_SIZE = 256 << 10,     /* a record that is larger has a block of its own */
    BLOCK_INDEX_STEP = 32,      /* every so many records the place of one is noted */
    BLOCK_RECORDS_MAX = BLOCK_SIZE / 40 + 1, /* no record is smaller */
    BLOCK_INDEX_COUNT = BLOCK_RECORDS_MAX / BLOCK_INDEX_STEP + 1,
    BLOCK_MARKS_COUNT = BLOCK_RECORDS_MAX / 32 + 1,
};

/* As on disk. The committer fills in crc and commit_lag just before it writes; nobody else reads them. */
struct record {
    uint32_t size;              /* of the whole record, a multiple of 8 */
    uint32_t crc;               /* crc32c of all behind this field, seeded with the segment's identity */
    uint64_t sequence;
    uint64_t time_ms;           /* wall clock */
    uint32_t head_size, body_size; /* headers; headers and payload together */
    uint16_t topic_size;
    uint16_t flags;             /* RECORD_MARK, or 0 */
    uint32_t commit_lag;        /* sequence - the last that was durable when this was written; UINT32_MAX: more */
};

enum {
    RECORD_MARK = 1,            /* in files alone: no message, takes no sequence. What it says is that all up to its
                                   sequence is durable, and at the end of a file, that the daemon stopped cleanly */
};

struct slab;

struct block {
    atomic_uint reference_count;
    struct slab *slab;          /* in which it lies; NULL: in none */
    uint32_t size, used;
    uint32_t record_count;
    uint64_t first_sequence, last_sequence;
    uint32_t index[BLOCK_INDEX_COUNT];
    atomic_uint dead[BLOCK_MARKS_COUNT]; /* a bit a record */
    _Alignas(8) char bytes[];
};

static inline struct record *block_record(const struct block *block, uint32_t at)
{
    return (struct record *)(void *)((char *)block->bytes + at);
}

/* Bytes behind the record: its topic, then headers and payload. */
static inline const char *record_topic(const struct record *record)
{
    return (const char *)(record + 1);
}

/* Whoever asks without a lock may learn of it a little later. */
static inline bool block_is_dead(const struct block *block, uint64_t sequence)
{
    uint64_t place = sequence - block->first_sequence;
    return atomic_load_explicit(&block->dead[place / 32], memory_order_relaxed) >> place % 32 & 1;
}

/* The marks of 32 records: bit 0 is that of sequence first_sequence + 32 * word. */
static inline uint32_t block_dead_word(const struct block *block, size_t word)
{
    return atomic_load_explicit(&block->dead[word], memory_order_relaxed);
}

/* For records of sequences from first_sequence on; with one reference. NULL: out of memory. */
struct block *block_create(uint64_t first_sequence, uint32_t size);

/*
 * slab: memory for as many blocks of BLOCK_SIZE as 4 MiB hold, in huge pages where the system has them: fresh memory
 * costs a page fault every 2 MiB then, and not every 4 KiB. Blocks are cut off it one by one. One that is let go gives
 * its memory back at once; the slab goes when all have gone and slab_unref was called.
 */
enum { SLAB_SIZE = 4 << 20 };
/* NULL: out of memory. */
struct slab *slab_create(void);
/* Takes NULL. No more will be cut off. */
void slab_unref(struct slab *slab);
/* The next block, as block_create makes one. NULL: all have been cut. */
struct block *slab_cut(struct slab *slab, uint64_t first_sequence);

/* Empties a block that nobody else holds (block_is_ours), for other records: fresh memory costs a page fault every 4
 * KiB. */
void block_reuse(struct block *block, uint64_t first_sequence);
bool block_is_ours(const struct block *block);

struct block *block_ref(struct block *block);
/* Takes NULL. */
void block_unref(struct block *block);

/* Bytes of a record. */
uint32_t record_size(struct slice topic, const struct message *message);

/* Writes a record behind the others; its sequence is one more than the last. NULL: it does not fit. */
struct record *block_append(struct block *block, uint64_t sequence, uint64_t time_ms, struct slice topic,
                            const struct message *message);

/* Takes note of a record whose bytes stand at used already. */
void block_note(struct block *block, const struct record *record);

/* The place of the record with this sequence, which the block has. */
uint32_t block_find(const struct block *block, uint64_t sequence);

void block_mark_dead(struct block *block, uint64_t sequence);

/* The place of the first live record from this place on; block->used: none. */
uint32_t block_next_live(const struct block *block, uint32_t at);

#endif
