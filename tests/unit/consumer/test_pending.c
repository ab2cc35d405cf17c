/* The table of what is pending, against a plain array. */
#include <stdlib.h>

#include "../unit.h"
#include "consumer/pending.h"
#include "util/random.h"

enum { STEPS = 60000, SEQUENCES_MAX = STEPS + 1 };

struct model_entry {
    bool is_there;
    enum pending_state state;
    uint64_t deadline_ms;
    uint32_t delivery_count;
};

struct model {
    struct random random;
    struct pending pending;
    struct model_entry *entries; /* by number; the sequence is the number times the stride */
    uint64_t stride, last;
    unsigned room;               /* so many at most */
};

static struct pending_entry *find(struct model *model, uint64_t number)
{
    return pending_find(&model->pending, number * model->stride);
}

static void add(struct model *model)
{
    if (model->pending.count == model->room)
        return;
    uint64_t number = ++model->last, deadline_ms = random_below(&model->random, 50);
    unit_assert(pending_reserve(&model->pending));
    unit_assert(!find(model, number));
    struct pending_entry *entry = pending_add(&model->pending, number * model->stride, number, deadline_ms);
    unit_assert(entry == find(model, number) && entry->delivery_count == 1);
    model->entries[number] = (struct model_entry){ true, PENDING_OUT, deadline_ms, 1 };
}

/* One of the newest, mostly. */
static uint64_t pick(struct model *model)
{
    uint32_t span = (uint32_t)(model->last < 2 * model->room ? model->last : 2 * model->room);
    return span ? model->last - random_below(&model->random, span) : 0;
}

static void change(struct model *model)
{
    uint64_t number = pick(model);
    struct pending_entry *entry = number ? find(model, number) : NULL;
    unit_assert(!number || (entry != NULL) == model->entries[number].is_there);
    if (!entry)
        return;
    struct model_entry *known = &model->entries[number];
    switch (random_below(&model->random, 6)) {
    case 0:
        known->deadline_ms = random_below(&model->random, 50);
        known->state = PENDING_OUT;
        pending_set_out(&model->pending, entry, known->deadline_ms);
        break;
    case 1:
        known->state = PENDING_DUE;
        pending_set_due(&model->pending, entry);
        break;
    case 2:
        known->state = PENDING_DEAD;
        pending_set_dead(&model->pending, entry);
        break;
    case 3:
        known->delivery_count += random_below(&model->random, 2);
        pending_set_count(&model->pending, entry, known->delivery_count);
        break;
    default:
        known->is_there = false;
        pending_remove(&model->pending, entry);
    }
}

/* What stands first must be what the array says. */
static void check(struct model *model)
{
    size_t counts[3] = { 0, 0, 0 }, redelivered = 0;
    uint64_t first_out = 0, oldest = 0;
    struct pending_entry *entry = pending_oldest(&model->pending);
    for (uint64_t number = 1; number <= model->last; number++) {
        const struct model_entry *known = &model->entries[number];
        if (!known->is_there)
            continue;
        oldest = oldest ? oldest : number;
        unit_assert(entry && entry->sequence == number * model->stride && entry->state == known->state);
        entry = pending_after(&model->pending, entry);
        counts[known->state]++;
        redelivered += known->delivery_count > 1;
        if (known->state == PENDING_OUT &&
            (!first_out || known->deadline_ms < model->entries[first_out].deadline_ms))
            first_out = number;
    }
    unit_assert(!entry);
    unit_assert(counts[PENDING_OUT] == model->pending.out_count && counts[PENDING_DUE] == model->pending.due_count);
    unit_assert(counts[PENDING_DEAD] == model->pending.dead_count);
    unit_assert(model->pending.count == counts[0] + counts[1] + counts[2]);
    unit_assert(redelivered == model->pending.redelivered_count);
    entry = pending_next_out(&model->pending);
    unit_assert(first_out ? entry && entry->sequence == first_out * model->stride : !entry);
    entry = pending_oldest(&model->pending);
    unit_assert(oldest ? entry && entry->sequence == oldest * model->stride : !entry);
}

static void run(uint64_t seed, uint64_t stride, unsigned room)
{
    struct model model = { .stride = stride, .room = room };
    random_init(&model.random, seed);
    model.entries = calloc(SEQUENCES_MAX, sizeof *model.entries);
    pending_init(&model.pending);
    for (uint64_t step = 1; step <= STEPS; step++) {
        if (random_below(&model.random, 5) < 2)
            add(&model);
        else
            change(&model);
        if (step % 1000 == 0)
            check(&model);
    }
    pending_finish(&model.pending);
    free(model.entries);
}

START_TEST(the_table_is_what_an_array_would_be)
{
    uint64_t seed = unit_seed("the_table_is_what_an_array_would_be");
    run(seed, 1, 100);
    run(seed + 1, 1024, 1000); /* as a filter lets them through that matches each 1024th */
    run(seed + 2, 3, 1);
}
END_TEST

START_TEST(what_is_due_comes_in_the_order_in_which_it_became_so)
{
    struct pending pending;
    struct pending_entry *entries[5];
    pending_init(&pending);
    for (unsigned i = 0; i < 5; i++) {
        unit_assert(pending_reserve(&pending));
        entries[i] = pending_add(&pending, i + 1, i + 1, 7);
    }
    pending_set_due(&pending, entries[3]);
    pending_set_due(&pending, entries[1]);
    pending_set_dead(&pending, entries[2]);
    ck_assert_ptr_eq(pending_next_due(&pending), entries[3]);
    pending_set_out(&pending, entries[3], 1);
    ck_assert_ptr_eq(pending_next_due(&pending), entries[1]);
    ck_assert_ptr_eq(pending_next_dead(&pending), entries[2]);
    ck_assert_ptr_eq(pending_next_out(&pending), entries[3]);
    pending_remove(&pending, entries[3]);
    ck_assert_ptr_eq(pending_next_out(&pending), entries[0]); /* of equal deadlines the lower sequence */
    pending_finish(&pending);
}
END_TEST

START_TEST(all_of_one_table_moves_to_another)
{
    struct pending from, to;
    pending_init(&from);
    pending_init(&to);
    for (unsigned i = 1; i <= 3; i++) {
        unit_assert(pending_reserve(&from));
        pending_add(&from, i, i, i);
    }
    pending_set_due(&from, pending_find(&from, 2));
    pending_move(&to, &from);
    ck_assert_uint_eq(from.count, 0);
    ck_assert_uint_eq(to.count, 3);
    ck_assert_uint_eq(pending_next_due(&to)->sequence, 2);
    ck_assert_uint_eq(pending_oldest(&to)->sequence, 1);
    unit_assert(pending_reserve(&from));
    pending_add(&from, 9, 9, 9);
    pending_finish(&from);
    pending_finish(&to);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_table_is_what_an_array_would_be,
        what_is_due_comes_in_the_order_in_which_it_became_so,
        all_of_one_table_moves_to_another,
        NULL,
    };
    return unit_run("pending", tests);
}
