/* Blocks of records: where records are found, and what becomes of blocks. */
#include "store/memory.h"

#include "../unit.h"

enum { IN_BLOCK = 256, BODY_SIZE = MEMORY_BLOCK_SIZE / IN_BLOCK - (int)sizeof(struct memory_record) - 1 };

static char body[2 * MEMORY_BLOCK_SIZE];

static struct memory_record *append(struct memory *memory, uint64_t sequence, uint32_t size)
{
    const struct message message = { .body = body, .body_size = size };
    return memory_append(memory, sequence, 10 * sequence, slice_of("t"), &message);
}

static void fill(struct memory *memory, uint64_t first, uint64_t count)
{
    for (uint64_t sequence = first; sequence < first + count; sequence++)
        unit_assert(append(memory, sequence, BODY_SIZE));
}

START_TEST(records_lie_one_behind_the_other)
{
    struct memory memory = { .head = 0 };
    fill(&memory, 1, 2 * IN_BLOCK);
    ck_assert_uint_eq(memory.count, 2);
    ck_assert_uint_eq(memory.block_bytes, 2 * MEMORY_BLOCK_SIZE);
    for (uint64_t sequence = 1; sequence <= 2 * IN_BLOCK; sequence++) {
        struct memory_block *block;
        struct memory_record *record = memory_find(&memory, sequence, &block);
        unit_assert(record->sequence == sequence && record->time_ms == 10 * sequence);
        unit_assert(record->topic_size == 1 && *memory_record_topic(record) == 't' && record->body_size == BODY_SIZE);
        unit_assert(block == memory_block_at(&memory, (sequence - 1) / IN_BLOCK));
    }
    ck_assert_ptr_null(memory_find(&memory, 2 * IN_BLOCK + 1, NULL));
    ck_assert_ptr_null(memory_block_at(&memory, 2));
    memory_finish(&memory);
}
END_TEST

START_TEST(the_smallest_records_are_found_too)
{
    struct memory memory = { .head = 0 };
    uint64_t count = 0;
    while (memory.count < 2)
        ck_assert_ptr_nonnull(append(&memory, ++count, 0));
    for (uint64_t sequence = 1; sequence <= count; sequence++)
        unit_assert(memory_find(&memory, sequence, NULL)->sequence == sequence);
    memory_finish(&memory);
}
END_TEST

START_TEST(a_block_may_go_from_anywhere)
{
    for (size_t gone = 0; gone < 4; gone++) {
        struct memory memory = { .head = 0 };
        fill(&memory, 1, 4 * IN_BLOCK);
        memory_drop_block(&memory, memory_block_at(&memory, gone));
        ck_assert_uint_eq(memory.count, 3);
        ck_assert_uint_eq(memory.block_bytes, 3 * MEMORY_BLOCK_SIZE);
        for (uint64_t sequence = 1; sequence <= 4 * IN_BLOCK; sequence++) {
            bool is_gone = (sequence - 1) / IN_BLOCK == gone;
            uint64_t next = is_gone ? (gone + 1) * IN_BLOCK + 1 : sequence;
            const struct memory_record *record = memory_find(&memory, sequence, NULL);
            unit_assert(next > 4 * IN_BLOCK ? !record : record->sequence == next);
        }
        memory_finish(&memory);
    }
}
END_TEST

START_TEST(superseded_records_are_passed_over)
{
    struct memory memory = { .head = 0 };
    struct memory_block *block;
    fill(&memory, 1, 3 * IN_BLOCK);
    for (uint64_t sequence = 5; sequence <= 2 * IN_BLOCK + 1; sequence++)
        atomic_store(&memory_find(&memory, sequence, NULL)->is_superseded, true);
    ck_assert_uint_eq(memory_find(&memory, 5, &block)->sequence, 5);
    ck_assert_uint_eq(memory_find_live(&memory, 4, &block)->sequence, 4);
    ck_assert_uint_eq(memory_find_live(&memory, 5, &block)->sequence, 2 * IN_BLOCK + 2);
    ck_assert_ptr_eq(block, memory_block_at(&memory, 2));
    atomic_store(&memory_find(&memory, 3 * IN_BLOCK, NULL)->is_superseded, true);
    ck_assert_ptr_null(memory_find_live(&memory, 3 * IN_BLOCK, &block));
    memory_finish(&memory);
}
END_TEST

START_TEST(blocks_are_used_again_unless_they_are_held)
{
    struct memory memory = { .head = 0 };
    fill(&memory, 1, 2 * IN_BLOCK);
    struct memory_block *first = memory_block_at(&memory, 0), *second = memory_block_at(&memory, 1);
    memory_block_hold(second);
    memory_drop_block(&memory, first);
    memory_drop_block(&memory, second);
    ck_assert_uint_eq(memory.spare_count, 1);
    fill(&memory, 1000, IN_BLOCK + 1);
    ck_assert_ptr_eq(memory_block_at(&memory, 0), first);
    ck_assert_uint_eq(memory_record_at(second, 0)->sequence, IN_BLOCK + 1); /* as it was */
    memory_block_release(second);
    memory_block_release(NULL);
    memory_finish(&memory);
}
END_TEST

START_TEST(few_blocks_wait_and_large_ones_never)
{
    struct memory memory = { .head = 0 };
    fill(&memory, 1, 3 * MEMORY_SPARE_MAX * IN_BLOCK);
    while (memory.count)
        memory_drop_block(&memory, memory_block_at(&memory, 0));
    ck_assert_uint_eq(memory.spare_count, MEMORY_SPARE_MAX);
    ck_assert_ptr_nonnull(append(&memory, 1, sizeof body));
    ck_assert_uint_gt(memory.block_bytes, sizeof body);
    memory_drop_block(&memory, memory_block_at(&memory, 0));
    ck_assert_uint_eq(memory.spare_count, MEMORY_SPARE_MAX);
    ck_assert_uint_eq(memory.block_bytes, 0);
    memory_finish(&memory);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        records_lie_one_behind_the_other,
        the_smallest_records_are_found_too,
        a_block_may_go_from_anywhere,
        superseded_records_are_passed_over,
        blocks_are_used_again_unless_they_are_held,
        few_blocks_wait_and_large_ones_never,
        NULL,
    };
    return unit_run("memory", tests);
}
