/* A log in memory: what is found in it, what goes when records are killed, and what it counts. */
#include "store/log.h"

#include <stdlib.h>

#include "../unit.h"
#include "util/random.h"

enum {
    IN_BLOCK = 256,
    BODY_SIZE = BLOCK_SIZE / IN_BLOCK - (int)sizeof(struct record) - 1,
    STEPS = 30000,
    BODY_SIZE_MAX = 9000,
};

static char body[2 * BLOCK_SIZE];

static struct record *append(struct log *log, uint64_t sequence, uint32_t size)
{
    const struct message message = { .body = body, .body_size = size };
    return log_append(log, sequence, 10 * sequence, slice_of("t"), &message);
}

static void fill(struct log *log, uint64_t first, uint64_t count)
{
    for (uint64_t sequence = first; sequence < first + count; sequence++)
        unit_assert(append(log, sequence, BODY_SIZE));
}

/* The sequence of the record that is found; 0: none. */
static uint64_t find(struct log *log, uint64_t sequence)
{
    struct log_place place;
    return log_find(log, sequence, &place) == LOG_FOUND ? block_record(place.block, place.at)->sequence : 0;
}

static uint64_t find_back(struct log *log, uint64_t sequence)
{
    struct log_place place;
    return log_find_back(log, sequence, &place) == LOG_FOUND ? block_record(place.block, place.at)->sequence : 0;
}

static struct log_state state_of(const struct log *log)
{
    struct log_state state;
    log_get_state(log, &state);
    return state;
}

START_TEST(an_empty_log_holds_nothing)
{
    struct log *log = log_create_memory();
    struct log_span_facts facts;
    ck_assert_uint_eq(find(log, 0), 0);
    ck_assert_uint_eq(log_first(log), 0);
    ck_assert_uint_eq(log_count_from(log, 0), 0);
    ck_assert(!log_first_span(log, &facts) && !log_kill(log, 1));
    log_kill_before(log, 100);
    ck_assert_uint_eq(log_sequence_before_time(log, 5), 1);
    log_close(log);
    log_close(NULL);
}
END_TEST

START_TEST(records_are_found_by_sequence_and_by_time)
{
    struct log *log = log_create_memory();
    fill(log, 1, 3 * IN_BLOCK);
    ck_assert_uint_eq(state_of(log).room_count, 3 * BLOCK_SIZE);
    for (uint64_t sequence = 1; sequence <= 3 * IN_BLOCK; sequence++) {
        unit_assert(find(log, sequence) == sequence);
        unit_assert(log_count_from(log, sequence) == 3 * IN_BLOCK + 1 - sequence);
        unit_assert(log_sequence_before_time(log, 10 * sequence - 9) == sequence);
        unit_assert(log_sequence_before_time(log, 10 * sequence) == sequence);
    }
    ck_assert_uint_eq(find(log, 0), 1);
    ck_assert_uint_eq(find(log, 3 * IN_BLOCK + 1), 0);
    ck_assert_uint_eq(log_sequence_before_time(log, 10 * 3 * IN_BLOCK + 1), 3 * IN_BLOCK + 1);
    log_close(log);
}
END_TEST

START_TEST(spans_go_with_their_last_live_record_wherever_they_stand)
{
    for (uint64_t gone = 0; gone < 4; gone++) {
        struct log *log = log_create_memory();
        fill(log, 1, 4 * IN_BLOCK);
        for (uint64_t sequence = gone * IN_BLOCK + 1; sequence <= (gone + 1) * IN_BLOCK; sequence++)
            unit_assert(log_kill(log, sequence));
        ck_assert_uint_eq(state_of(log).room_count, 3 * BLOCK_SIZE);
        ck_assert_uint_eq(state_of(log).live_count, 3 * IN_BLOCK);
        for (uint64_t sequence = 1; sequence <= 4 * IN_BLOCK; sequence++) {
            bool is_gone = (sequence - 1) / IN_BLOCK == gone;
            uint64_t next = is_gone ? (gone + 1) * IN_BLOCK + 1 : sequence;
            unit_assert(find(log, sequence) == (next > 4 * IN_BLOCK ? 0 : next));
            unit_assert(!is_gone || !log_kill(log, sequence));
        }
        ck_assert_uint_eq(log_first(log), gone ? 1 : IN_BLOCK + 1);
        fill(log, 4 * IN_BLOCK + 1, 1);
        ck_assert_uint_eq(find(log, 4 * IN_BLOCK + 1), 4 * IN_BLOCK + 1);
        log_close(log);
    }
}
END_TEST

START_TEST(what_is_killed_at_the_front_can_still_be_read_by_its_holder)
{
    struct log *log = log_create_memory();
    struct log_place place;
    fill(log, 1, 2 * IN_BLOCK);
    ck_assert(log_find(log, 1, &place) == LOG_FOUND);
    block_ref(place.block);
    log_kill_before(log, 10);
    log_kill_before(log, IN_BLOCK + 3);
    fill(log, 2 * IN_BLOCK + 1, 2 * IN_BLOCK); /* the block is not used again */
    ck_assert_uint_eq(log_first(log), IN_BLOCK + 3);
    for (uint64_t sequence = 1; sequence <= IN_BLOCK; sequence++) {
        unit_assert(!block_is_dead(place.block, sequence));
        unit_assert(block_record(place.block, block_find(place.block, sequence))->sequence == sequence);
    }
    block_unref(place.block);
    log_close(log);
}
END_TEST

START_TEST(blocks_are_used_again_unless_they_are_held)
{
    struct log *log = log_create_memory();
    struct log_place first, held, again;
    fill(log, 1, 2 * IN_BLOCK);
    ck_assert(log_find(log, 1, &first) == LOG_FOUND && log_find(log, 2 * IN_BLOCK, &held) == LOG_FOUND);
    block_ref(held.block);
    log_kill_before(log, 2 * IN_BLOCK + 1);
    ck_assert_uint_eq(state_of(log).room_count, 0);
    fill(log, 2 * IN_BLOCK + 1, IN_BLOCK + 1);
    ck_assert(log_find(log, 1, &again) == LOG_FOUND && again.block == first.block && again.at == 0);
    ck_assert_uint_eq(block_record(held.block, 0)->sequence, IN_BLOCK + 1); /* as it was */
    block_unref(held.block);
    log_close(log);
}
END_TEST

START_TEST(a_large_record_has_a_block_of_its_own)
{
    struct log *log = log_create_memory();
    fill(log, 1, 1);
    ck_assert_ptr_nonnull(append(log, 2, sizeof body));
    fill(log, 3, 1);
    ck_assert_uint_gt(state_of(log).room_count, 2 * BLOCK_SIZE + sizeof body);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        ck_assert_uint_eq(find(log, sequence), sequence);
    log_kill(log, 2);
    ck_assert_uint_eq(state_of(log).room_count, 2 * BLOCK_SIZE);
    ck_assert_uint_eq(find(log, 2), 3);
    log_close(log);
}
END_TEST

START_TEST(the_oldest_span_says_what_it_holds)
{
    struct log *log = log_create_memory();
    struct log_span_facts facts;
    fill(log, 1, 2 * IN_BLOCK);
    log_kill_before(log, 11);
    log_kill(log, 20);
    ck_assert(log_first_span(log, &facts));
    ck_assert_uint_eq(facts.first_sequence, 1);
    ck_assert_uint_eq(facts.last_sequence, IN_BLOCK);
    ck_assert_uint_eq(facts.live_count, IN_BLOCK - 11);
    ck_assert_uint_eq(facts.byte_count, (IN_BLOCK - 11) * (BLOCK_SIZE / IN_BLOCK));
    ck_assert_uint_eq(facts.time_max_ms, 10 * IN_BLOCK);
    log_close(log);
}
END_TEST

/* A plain array that knows everything: the size of each record, 0 where it is not live. */

struct model {
    struct log *log;
    struct random random;
    uint32_t *sizes;
    uint64_t last;
};

static uint64_t last_before(const struct model *model, uint64_t sequence)
{
    while (sequence > model->last || (sequence && !model->sizes[sequence]))
        sequence--;
    return sequence;
}

static void agree(struct model *model)
{
    uint64_t count = 0, bytes = 0, first = 0;
    uint64_t from = 1 + random_below(&model->random, (uint32_t)model->last + 2), found = 0;
    for (uint64_t sequence = model->last; sequence > 0; sequence--) {
        if (sequence == from - 1)
            ck_assert_uint_eq(log_count_from(model->log, from), count);
        if (!model->sizes[sequence])
            continue;
        count++;
        bytes += model->sizes[sequence];
        first = sequence;
        if (sequence >= from)
            found = sequence;
    }
    struct log_state state = state_of(model->log);
    ck_assert_uint_eq(state.live_count, count);
    ck_assert_uint_eq(state.byte_count, bytes);
    ck_assert_uint_eq(log_first(model->log), first);
    ck_assert_uint_eq(find(model->log, from), found);
    ck_assert_uint_eq(log_next(model->log, from), found);
    ck_assert_uint_eq(find_back(model->log, from), last_before(model, from));
}

static void kill_before(struct model *model, uint64_t sequence)
{
    (sequence % 2 ? log_kill_before : log_take_before)(model->log, sequence);
    for (uint64_t i = 1; i < sequence && i <= model->last; i++)
        model->sizes[i] = 0;
}

static void step(struct model *model)
{
    uint32_t what = random_below(&model->random, 100), last = (uint32_t)model->last;
    uint64_t first = log_first(model->log);
    if (what < 50) {
        const struct record *record = append(model->log, ++model->last, random_below(&model->random, BODY_SIZE_MAX));
        model->sizes[model->last] = record->size;
    } else if (what < 85) {
        uint64_t sequence = random_below(&model->random, last + 2);
        unit_assert(log_kill(model->log, sequence) == (model->sizes[sequence] != 0));
        model->sizes[sequence] = 0;
    } else if (what < 95) {
        kill_before(model, first + 1);
    } else if (what < 99) {
        kill_before(model, first + random_below(&model->random, 60));
    } else {
        kill_before(model, first + random_below(&model->random, 1 + (last > first ? last - (uint32_t)first : 0)));
    }
}

START_TEST(a_log_agrees_with_an_array)
{
    struct model model = { .log = log_create_memory(), .sizes = calloc(STEPS + 2, sizeof *model.sizes) };
    random_init(&model.random, unit_seed("a_log_agrees_with_an_array"));
    for (unsigned i = 0; i < STEPS; i++) {
        step(&model);
        if (i % 50 == 0)
            agree(&model);
    }
    kill_before(&model, model.last + 1);
    agree(&model);
    ck_assert_uint_eq(state_of(model.log).room_count, 0);
    log_close(model.log);
    free(model.sizes);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_empty_log_holds_nothing,
        records_are_found_by_sequence_and_by_time,
        spans_go_with_their_last_live_record_wherever_they_stand,
        what_is_killed_at_the_front_can_still_be_read_by_its_holder,
        blocks_are_used_again_unless_they_are_held,
        a_large_record_has_a_block_of_its_own,
        the_oldest_span_says_what_it_holds,
        a_log_agrees_with_an_array,
        NULL,
    };
    return unit_run("log", tests);
}
