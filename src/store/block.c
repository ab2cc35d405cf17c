#include "store/block.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct record) == 40, "records have no padding, and BLOCK_RECORDS_MAX knows their size");

void block_reuse(struct block *block, uint64_t first_sequence)
{
    block->used = block->record_count = 0;
    block->first_sequence = first_sequence;
    block->last_sequence = first_sequence - 1;
    for (size_t i = 0; i < BLOCK_MARKS_COUNT; i++)
        atomic_init(&block->dead[i], 0);
}

struct block *block_create(uint64_t first_sequence, uint32_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    atomic_init(&block->reference_count, 1);
    block->size = size;
    block_reuse(block, first_sequence);
    return block;
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
    if (block && atomic_fetch_sub_explicit(&block->reference_count, 1, memory_order_acq_rel) == 1)
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
