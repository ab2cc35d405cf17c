/*
 * memory: the bytes of a stream that is kept in memory: records one behind the other in blocks, the oldest block first.
 *
 *   block    [record][record][record]....free
 *   record   struct memory_record, topic, headers and payload, padding to 8
 *
 * Records do not move and do not change once they are written, but for the mark that one is superseded: so whoever
 * holds a block may read what was in it then without a lock. Blocks count their references; one that nobody reads is
 * used again when its messages have gone, for fresh memory costs a page fault every 4 KiB.
 *
 * A struct memory belongs to a stream and is touched under its lock; blocks may be held and released by any thread.
 */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include <stdatomic.h>

#include "core/sink.h"

enum {
    MEMORY_BLOCK_SIZE = 256 << 10, /* a message that is larger has a block of its own */
    MEMORY_INDEX_STEP = 32,        /* every so many records the place of one is noted */
    MEMORY_INDEX_COUNT = MEMORY_BLOCK_SIZE / 40 / MEMORY_INDEX_STEP + 1, /* no record is smaller than 40 bytes */
    MEMORY_SPARE_MAX = 8,          /* blocks that wait to be used again; beyond the bounds of the stream */
};

struct memory_record {
    uint64_t sequence;
    uint64_t time_ms;           /* wall clock */
    uint32_t size;              /* of the whole record, a multiple of 8 */
    uint32_t head_size, body_size;
    uint16_t topic_size;
    atomic_bool is_superseded;  /* no longer kept, though others before it are: readers pass over it */
};

struct memory_block {
    atomic_uint reference_count;
    uint32_t size, used;
    uint32_t record_count, live_count; /* written, and of them kept: the stream counts them down */
    uint64_t first_sequence, last_sequence;
    uint32_t index[MEMORY_INDEX_COUNT];
    _Alignas(8) char bytes[];
};

/* Zero is the empty store. */
struct memory {
    struct memory_block **blocks; /* a queue: [head, head + count), modulo room, a power of two */
    size_t head, count, room;
    struct memory_block *spare[MEMORY_SPARE_MAX];
    size_t spare_count;
    uint64_t block_bytes;       /* memory that the blocks take */
};

/* Writes a record behind all others. NULL: out of memory. */
struct memory_record *memory_append(struct memory *memory, uint64_t sequence, uint64_t time_ms, struct slice topic,
                                    const struct message *message);

/* The first record with this sequence or a later one, superseded ones included; NULL: none. ret_block may be NULL. */
struct memory_record *memory_find(const struct memory *memory, uint64_t sequence, struct memory_block **ret_block);

/* The same, but for superseded ones. */
struct memory_record *memory_find_live(const struct memory *memory, uint64_t sequence, struct memory_block **ret_block);

/* The place-th block from the oldest; NULL: there are fewer. */
struct memory_block *memory_block_at(const struct memory *memory, size_t place);

/* Where the first record at or behind this place of the block is that is not superseded; block->used: there is none. */
uint32_t memory_next_live(const struct memory_block *block, uint32_t at);

/* Gives up a block, wherever it stands. */
void memory_drop_block(struct memory *memory, struct memory_block *block);

/* Gives up everything. */
void memory_finish(struct memory *memory);

struct memory_block *memory_block_hold(struct memory_block *block);

/* The last one frees it. Takes NULL. */
void memory_block_release(struct memory_block *block);

static inline struct memory_record *memory_record_at(const struct memory_block *block, uint32_t at)
{
    return (struct memory_record *)(void *)((char *)block->bytes + at);
}

/* Whoever asks without the lock may learn of it a little later. */
static inline bool memory_is_superseded(const struct memory_record *record)
{
    return atomic_load_explicit(&record->is_superseded, memory_order_relaxed);
}

/* Bytes behind the record: its topic, then headers and payload. */
static inline const char *memory_record_topic(const struct memory_record *record)
{
    return (const char *)(record + 1);
}

#endif
