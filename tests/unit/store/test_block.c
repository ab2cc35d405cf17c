/* Blocks of records: where records are found, which are dead, and who holds a block. */
#include "store/block.h"

#include "../unit.h"

enum { IN_BLOCK = 256, BODY_SIZE = BLOCK_SIZE / IN_BLOCK - (int)sizeof(struct record) - 1 };

static char body[2 * BLOCK_SIZE];

static struct record *append(struct block *block, uint64_t sequence, uint32_t size)
{
    const struct message message = { .body = body, .body_size = size };
    return block_append(block, sequence, 10 * sequence, slice_of("t"), &message);
}

/* As many as fit. Returns how many. */
static uint64_t fill(struct block *block, uint32_t size)
{
    uint64_t count = 0;
    while (append(block, block->first_sequence + count, size))
        count++;
    return count;
}

START_TEST(records_lie_one_behind_the_other)
{
    struct block *block = block_create(1000, BLOCK_SIZE);
    ck_assert_uint_eq(fill(block, BODY_SIZE), IN_BLOCK);
    ck_assert_uint_eq(block->used, BLOCK_SIZE);
    ck_assert_uint_eq(block->last_sequence, 1000 + IN_BLOCK - 1);
    for (uint64_t sequence = 1000; sequence < 1000 + IN_BLOCK; sequence++) {
        const struct record *record = block_record(block, block_find(block, sequence));
        unit_assert(record->sequence == sequence && record->time_ms == 10 * sequence);
        unit_assert(record->topic_size == 1 && *record_topic(record) == 't' && record->body_size == BODY_SIZE);
        unit_assert(record->flags == 0 && record->size == BLOCK_SIZE / IN_BLOCK);
    }
    block_unref(block);
}
END_TEST

START_TEST(the_smallest_records_are_found_too)
{
    struct block *block = block_create(1, BLOCK_SIZE);
    uint64_t count = 0;
    const struct message empty = { .body = body };
    while (block_append(block, count + 1, 0, slice_of(""), &empty))
        count++;
    ck_assert_uint_eq(count, BLOCK_SIZE / sizeof(struct record));
    for (uint64_t sequence = 1; sequence <= count; sequence++)
        unit_assert(block_record(block, block_find(block, sequence))->sequence == sequence);
    block_mark_dead(block, count);
    ck_assert(block_is_dead(block, count));
    block_unref(block);
}
END_TEST

START_TEST(nothing_of_what_stood_there_is_left_behind_a_payload)
{
    struct block *block = block_create(1, BLOCK_SIZE);
    memset(block->bytes, 0xff, BLOCK_SIZE);
    for (uint32_t size = 0; size < 20; size++) {
        const struct record *record = append(block, size + 1, size);
        const char *end = (const char *)record + record->size;
        for (const char *at = record_topic(record) + 1 + size; at < end; at++)
            unit_assert(*at == 0);
    }
    block_unref(block);
}
END_TEST

START_TEST(dead_records_are_passed_over)
{
    struct block *block = block_create(1, BLOCK_SIZE);
    fill(block, BODY_SIZE);
    for (uint64_t sequence = 5; sequence <= 100; sequence++)
        block_mark_dead(block, sequence);
    block_mark_dead(block, IN_BLOCK);
    ck_assert_uint_eq(block_next_live(block, block_find(block, 4)), block_find(block, 4));
    ck_assert_uint_eq(block_next_live(block, block_find(block, 5)), block_find(block, 101));
    ck_assert_uint_eq(block_next_live(block, block_find(block, IN_BLOCK)), block->used);
    ck_assert_uint_eq(block_dead_word(block, 0), 0xfffffff0u);
    ck_assert_uint_eq(block_dead_word(block, 3), 0x0000000fu);
    block_unref(block);
}
END_TEST

START_TEST(a_block_that_is_used_again_is_as_new)
{
    struct block *block = block_create(1, BLOCK_SIZE);
    fill(block, 0);
    for (uint64_t sequence = 1; sequence <= block->last_sequence; sequence++)
        block_mark_dead(block, sequence);
    ck_assert(block_is_ours(block));
    block_ref(block);
    ck_assert(!block_is_ours(block));
    block_unref(block);
    block_reuse(block, 50);
    ck_assert_uint_eq(block->used, 0);
    ck_assert_uint_eq(fill(block, BODY_SIZE), IN_BLOCK);
    ck_assert_uint_eq(block_next_live(block, 0), 0);
    ck_assert_uint_eq(block_record(block, 0)->sequence, 50);
    block_unref(block);
    block_unref(NULL);
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
    const struct message message = { .body = body, .body_size = sizeof body };
    uint32_t size = record_size(slice_of("t"), &message);
    struct block *block = block_create(7, size), *small = block_create(7, size - 8);
    ck_assert_ptr_null(append(small, 7, sizeof body));
    ck_assert_uint_eq(small->record_count, 0);
    ck_assert_ptr_nonnull(append(block, 7, sizeof body));
    ck_assert_ptr_null(append(block, 8, 0));
    ck_assert_uint_eq(block->used, size);
    block_unref(block);
    block_unref(small);
}
END_TEST

START_TEST(blocks_of_a_slab_lie_side_by_side_and_go_one_by_one)
{
    struct slab *slab = slab_create();
    struct block *blocks[SLAB_SIZE / BLOCK_SIZE], *block;
    size_t count = 0;
    ck_assert_ptr_nonnull(slab);
    for (; (block = slab_cut(slab, 1000 * (count + 1))); count++) {
        blocks[count] = block;
        ck_assert_uint_eq(fill(block, BODY_SIZE), IN_BLOCK);
    }
    ck_assert_uint_eq(count, SLAB_SIZE / BLOCK_SIZE - 1);
    slab_unref(slab);
    for (size_t gone = 0; gone < count; gone++) { /* every other one first */
        block_unref(blocks[gone * 2 % count]);
        blocks[gone * 2 % count] = NULL;
        for (size_t i = 0; i < count; i++)
            for (uint64_t sequence = 1000 * (i + 1); blocks[i] && sequence < 1000 * (i + 1) + IN_BLOCK; sequence++)
                unit_assert(block_record(blocks[i], block_find(blocks[i], sequence))->sequence == sequence);
    }
    slab_unref(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        records_lie_one_behind_the_other,
        the_smallest_records_are_found_too,
        nothing_of_what_stood_there_is_left_behind_a_payload,
        dead_records_are_passed_over,
        a_block_that_is_used_again_is_as_new,
        what_does_not_fit_is_not_written,
        blocks_of_a_slab_lie_side_by_side_and_go_one_by_one,
        NULL,
    };
    return unit_run("block", tests);
}
