#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

static struct memory_block **place(const struct memory *memory, size_t at)
{
    return &memory->blocks[(memory->head + at) & (memory->room - 1)];
}

struct memory_block *memory_block_at(const struct memory *memory, size_t at)
{
    return at < memory->count ? *place(memory, at) : NULL;
}

struct memory_block *memory_block_hold(struct memory_block *block)
{
    atomic_fetch_add_explicit(&block->reference_count, 1, memory_order_relaxed);
    return block;
}

void memory_block_release(struct memory_block *block)
{
    if (block && atomic_fetch_sub_explicit(&block->reference_count, 1, memory_order_acq_rel) == 1)
        free(block);
}

/* Room for one more in the queue. */
static bool make_room(struct memory *memory)
{
    if (memory->count < memory->room)
        return true;
    size_t room = memory->room ? 2 * memory->room : 16;
    struct memory_block **blocks = malloc(room * sizeof *blocks);
    if (!blocks)
        return false;
    for (size_t i = 0; i < memory->count; i++)
        blocks[i] = *place(memory, i);
    free(memory->blocks);
    memory->blocks = blocks;
    memory->room = room;
    memory->head = 0;
    return true;
}

static struct memory_block *take_block(struct memory *memory, uint32_t size)
{
    if (size == MEMORY_BLOCK_SIZE && memory->spare_count)
        return memory->spare[--memory->spare_count];
    return malloc(sizeof(struct memory_block) + size);
}

/* A new last block, for a record of that size at least. */
static struct memory_block *add_block(struct memory *memory, uint32_t record_size, uint64_t sequence)
{
    uint32_t size = record_size > MEMORY_BLOCK_SIZE ? record_size : MEMORY_BLOCK_SIZE;
    struct memory_block *block = make_room(memory) ? take_block(memory, size) : NULL;
    if (!block)
        return NULL;
    atomic_init(&block->reference_count, 1);
    block->size = size;
    block->used = block->record_count = block->live_count = 0;
    block->first_sequence = sequence;
    block->last_sequence = sequence - 1;
    *place(memory, memory->count++) = block;
    memory->block_bytes += size;
    return block;
}

static void note(struct memory_block *block, const struct memory_record *record)
{
    if (block->record_count % MEMORY_INDEX_STEP == 0)
        block->index[block->record_count / MEMORY_INDEX_STEP] = block->used;
    block->record_count++;
    block->live_count++;
    block->last_sequence = record->sequence;
    block->used += record->size;
}

struct memory_record *memory_append(struct memory *memory, uint64_t sequence, uint64_t time_ms, struct slice topic,
                                    const struct message *message)
{
    uint32_t size = (uint32_t)(sizeof(struct memory_record) + topic.size + message->body_size + 7) & ~7u;
    struct memory_block *block = memory->count ? *place(memory, memory->count - 1) : NULL;
    if (!block || block->size - block->used < size)
        block = add_block(memory, size, sequence);
    if (!block)
        return NULL;
    struct memory_record *record = memory_record_at(block, block->used);
    record->sequence = sequence;
    record->time_ms = time_ms;
    record->size = size;
    record->head_size = message->head_size;
    record->body_size = message->body_size;
    record->topic_size = (uint16_t)topic.size;
    atomic_init(&record->is_superseded, false);
    char *at = (char *)(record + 1);
    memcpy(at, topic.data, topic.size);
    if (message->body_size)
        memcpy(at + topic.size, message->body, message->body_size);
    note(block, record);
    return record;
}

/* The place of the first block that ends with this sequence or a later one; count: there is none. */
static size_t find_place(const struct memory *memory, uint64_t sequence)
{
    size_t low = 0, high = memory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((*place(memory, middle))->last_sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first record of the block with this sequence or a later one, of which there must be one. */
static uint32_t find_at(const struct memory_block *block, uint64_t sequence)
{
    uint64_t ahead = sequence > block->first_sequence ? sequence - block->first_sequence : 0; /* none is left out */
    uint32_t at = block->index[ahead / MEMORY_INDEX_STEP];
    while (memory_record_at(block, at)->sequence < sequence)
        at += memory_record_at(block, at)->size;
    return at;
}

struct memory_record *memory_find(const struct memory *memory, uint64_t sequence, struct memory_block **ret_block)
{
    struct memory_block *block = memory_block_at(memory, find_place(memory, sequence));
    if (!block)
        return NULL;
    if (ret_block)
        *ret_block = block;
    return memory_record_at(block, find_at(block, sequence));
}

uint32_t memory_next_live(const struct memory_block *block, uint32_t at)
{
    while (at < block->used && memory_is_superseded(memory_record_at(block, at)))
        at += memory_record_at(block, at)->size;
    return at;
}

struct memory_record *memory_find_live(const struct memory *memory, uint64_t sequence, struct memory_block **ret_block)
{
    struct memory_block *block;
    for (size_t i = find_place(memory, sequence); (block = memory_block_at(memory, i)); i++) {
        uint32_t at = memory_next_live(block, find_at(block, sequence));
        if (at < block->used) {
            *ret_block = block;
            return memory_record_at(block, at);
        }
    }
    return NULL;
}

/* Takes it out of the queue; those before it move up: mostly there are none. */
static void take_out(struct memory *memory, const struct memory_block *block)
{
    for (size_t at = find_place(memory, block->last_sequence); at > 0; at--)
        *place(memory, at) = *place(memory, at - 1);
    memory->head = (memory->head + 1) & (memory->room - 1);
    memory->count--;
    memory->block_bytes -= block->size;
}

/* Nobody can come to hold a block that is in no queue: one reference is ours alone, and the block is used again. */
void memory_drop_block(struct memory *memory, struct memory_block *block)
{
    take_out(memory, block);
    bool is_ours = atomic_load_explicit(&block->reference_count, memory_order_acquire) == 1;
    if (is_ours && block->size == MEMORY_BLOCK_SIZE && memory->spare_count < MEMORY_SPARE_MAX)
        memory->spare[memory->spare_count++] = block;
    else
        memory_block_release(block);
}

void memory_finish(struct memory *memory)
{
    while (memory->count)
        memory_drop_block(memory, *place(memory, 0));
    while (memory->spare_count)
        free(memory->spare[--memory->spare_count]);
    free(memory->blocks);
    *memory = (struct memory){ .head = 0 };
}
