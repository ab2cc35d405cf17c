#include "store/block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(sizeof(struct record) == 40, "records have no padding, and BLOCK_RECORDS_MAX knows their size");

void block_reuse(struct block *block, uint64_t first_sequence)
{
    block->used = block->record_count = 0;
    block->first_sequence = first_sequence;
    block->last_sequence = first_sequence - 1;
    for (size_t i = 0; i < BLOCK_MARKS_COUNT; i++)
        atomic_init(&block->dead[i], 0);
}

static void init(struct block *block, struct slab *slab, uint64_t first_sequence, uint32_t size)
{
    atomic_init(&block->reference_count, 1);
    block->slab = slab;
    block->size = size;
    block_reuse(block, first_sequence);
}

struct block *block_create(uint64_t first_sequence, uint32_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (block)
        init(block, NULL, first_sequence, size);
    return block;
}

/* Slabs. */

enum {
    HUGE_PAGE_SIZE = 2 << 20,
    PAGE_SIZE_MAX = 64 << 10, /* of the systems that there are */
    SLAB_HEAD_SIZE = 64,
    SLAB_STEP = (sizeof(struct block) + BLOCK_SIZE + 63) & ~63u,
    SLAB_COUNT = (SLAB_SIZE - SLAB_HEAD_SIZE) / SLAB_STEP,
};

/* It lies at the start of its memory. */
struct slab {
    atomic_uint reference_count; /* blocks, and its maker */
    unsigned cut_count;
};
_Static_assert(sizeof(struct slab) <= SLAB_HEAD_SIZE, "the first block lies behind it");

/* Where huge pages begin. NULL: out of memory. */
static char *map_slab(void)
{
    char *map = mmap(NULL, SLAB_SIZE + HUGE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)map & (HUGE_PAGE_SIZE - 1);
    char *start = map + before;
    if (before)
        munmap(map, before);
    munmap(start + SLAB_SIZE, HUGE_PAGE_SIZE - before);
    madvise(start, SLAB_SIZE, MADV_HUGEPAGE); /* where there are none it is memory like any */
    return start;
}

struct slab *slab_create(void)
{
    struct slab *slab = (struct slab *)(void *)map_slab();
    if (slab)
        atomic_init(&slab->reference_count, 1);
    return slab;
}

void slab_unref(struct slab *slab)
{
    if (slab && atomic_fetch_sub_explicit(&slab->reference_count, 1, memory_order_acq_rel) == 1)
        munmap(slab, SLAB_SIZE);
}

struct block *slab_cut(struct slab *slab, uint64_t first_sequence)
{
    if (slab->cut_count == SLAB_COUNT)
        return NULL;
    char *at = (char *)slab + SLAB_HEAD_SIZE + slab->cut_count++ * (size_t)SLAB_STEP;
    struct block *block = (struct block *)(void *)at;
    atomic_fetch_add_explicit(&slab->reference_count, 1, memory_order_relaxed);
    init(block, slab, first_sequence, BLOCK_SIZE);
    return block;
}

/* The pages of which no other block has a part. */
static void give_back(struct block *block)
{
    struct slab *slab = block->slab;
    uintptr_t begin = ((uintptr_t)block + PAGE_SIZE_MAX - 1) & ~(uintptr_t)(PAGE_SIZE_MAX - 1);
    uintptr_t end = ((uintptr_t)block + SLAB_STEP) & ~(uintptr_t)(PAGE_SIZE_MAX - 1);
    if (atomic_load_explicit(&slab->reference_count, memory_order_relaxed) > 1)
        madvise((char *)block + (begin - (uintptr_t)block), end - begin, MADV_DONTNEED);
    slab_unref(slab);
}

bool block_is_ours(const struct block *block)
{
    return atomic_load_explicit(&block->reference_count, memory_order_acquire) == 1;
}

struct block *block_ref(struct block *block)
{
    atomic_fetch_add_explicit(&block->reference_count, 1, memory_order_relaxed);
    return block;
}

void block_unref(struct block *block)
{
    if (!block || atomic_fetch_sub_explicit(&block->reference_count, 1, memory_order_acq_rel) != 1)
        return;
    if (block->slab)
        give_back(block);
    else
        free(block);
}

uint32_t record_size(struct slice topic, const struct message *message)
{
    return (uint32_t)(sizeof(struct record) + topic.size + message->body_size + 7) & ~7u;
}

void block_note(struct block *block, const struct record *record)
{
    if (block->record_count % BLOCK_INDEX_STEP == 0)
        block->index[block->record_count / BLOCK_INDEX_STEP] = block->used;
    block->record_count++;
    block->last_sequence = record->sequence;
    block->used += record->size;
}

struct record *block_append(struct block *block, uint64_t sequence, uint64_t time_ms, struct slice topic,
                            const struct message *message)
{
    uint32_t size = record_size(topic, message);
    if (block->size - block->used < size)
        return NULL;
    struct record *record = block_record(block, block->used);
    memset((char *)record + size - 8, 0, 8); /* what is left behind the payload */
    *record = (struct record){
        .size = size,
        .sequence = sequence,
        .time_ms = time_ms,
        .head_size = message->head_size,
        .body_size = message->body_size,
        .topic_size = (uint16_t)topic.size,
    };
    char *at = (char *)(record + 1);
    if (topic.size)
        memcpy(at, topic.data, topic.size);
    if (message->body_size)
        memcpy(at + topic.size, message->body, message->body_size);
    block_note(block, record);
    return record;
}

uint32_t block_find(const struct block *block, uint64_t sequence)
{
    uint32_t at = block->index[(sequence - block->first_sequence) / BLOCK_INDEX_STEP];
    while (block_record(block, at)->sequence < sequence)
        at += block_record(block, at)->size;
    return at;
}

void block_mark_dead(struct block *block, uint64_t sequence)
{
    uint64_t place = sequence - block->first_sequence;
    atomic_fetch_or_explicit(&block->dead[place / 32], 1u << place % 32, memory_order_relaxed);
}

uint32_t block_next_live(const struct block *block, uint32_t at)
{
    while (at < block->used && block_is_dead(block, block_record(block, at)->sequence))
        at += block_record(block, at)->size;
    return at;
}
