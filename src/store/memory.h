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
    MEMORY_SPARE_MAX = 8,
};

struct memory_record {
    uint64_t sequence;
    uint64_t time_ms;           /* wall clock */
    uint32_t size;              /* of the whole record, a multiple of 8 */
    uint32_t head_size, body_size;
    uint16_t topic_size;
    atomic_bool is_superseded;  /* no longer kept, though others before it are */
};

struct memory_block {
    atomic_uint reference_count;
    uint32_t size, used;
    uint32_t record_count, live_count; /* written, and still kept */
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

/* The oldest block; NULL: there is none. The place-th from the oldest. */
struct memory_block *memory_block_at(const struct memory *memory, size_t place);

/* Gives up the oldest block. */
void memory_drop_block(struct memory *memory);

/* Gives up everything. */
void memory_finish(struct memory *memory);

struct memory_block *memory_block_hold(struct memory_block *block);

/* The last one frees it. Takes NULL. */
void memory_block_release(struct memory_block *block);

static inline struct memory_record *memory_record_at(const struct memory_block *block, uint32_t at)
{
    return (struct memory_record *)(void *)((char *)block->bytes + at);
}

/* Bytes behind the record: its topic, then headers and payload. */
static inline const char *memory_record_topic(const struct memory_record *record)
{
    return (const char *)(record + 1);
}

#endif
